//! `/metrics?format=prometheus`, where nodes of the Cosmos SDK have theirs.

use http::{HeaderValue, StatusCode, header};

use super::Metrics;
use super::failure::{self, Response};
use crate::json::quote;

/// The one format of the SDK's that there is here.
const FORMAT: &str = "format=prometheus";

/// Answers with the metrics, or with the SDK's error for another format.
pub(super) fn answer(metrics: &Metrics, query: Option<&str>) -> Response {
    let asked = query.unwrap_or_default();
    if !asked.split('&').any(|pair| pair == FORMAT) {
        let format = asked.split('&').find_map(|pair| pair.strip_prefix("format="));
        return refused(&format!(
            "unsupported metrics format: {}",
            format.unwrap_or_default()
        ));
    }
    match (metrics.0)() {
        Ok(text) => {
            let mut response = Response::new(text.into());
            let kind = HeaderValue::from_static("text/plain; version=0.0.4");
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            response
        }
        Err(error) => refused(&error),
    }
}

fn refused(error: &str) -> Response {
    let mut body = String::from("{\"error\":");
    quote(&mut body, &format!("failed to gather metrics: {error}"));
    body.push('}');
    failure::json(StatusCode::BAD_REQUEST, body)
}
