//! Web pages that may use a server: browsers ask before they send, and hide what a server does not open to a page (CORS).

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use std::str::FromStr;
use std::sync::Arc;

/// Headers of answers that scripts may read beside those that they always may.
const SHOWN: &str = "x-request-id, request-id, retry-after, idempotent-replayed, quern-receipt, quern-trust-tier, \
                     quern-prompt-tokens, x-ratelimit-limit-requests, x-ratelimit-remaining-requests, \
                     x-ratelimit-reset-requests, x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, \
                     x-ratelimit-reset-tokens";
/// Seconds for which a browser need not ask again.
const ASKED: HeaderValue = HeaderValue::from_static("600");

/// An origin whose pages may use a server: `https://app.example`, or `*` for any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(HeaderValue);

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || format!("{text:?} is no origin: give SCHEME://HOST[:PORT] without a path, or *");
        let host = text.split_once("://").filter(|(scheme, host)| {
            let plain =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.:[]".contains(&byte);
            matches!(*scheme, "http" | "https") && !host.is_empty() && host.bytes().all(plain)
        });
        if text != "*" && host.is_none() {
            return Err(refused());
        }
        HeaderValue::from_str(text).map(Self).map_err(|_| refused())
    }
}

/// Lets pages of these origins use a router; without any, browsers keep all pages off. After its last route.
pub fn with_origins(router: Router, origins: &[Origin]) -> Router {
    if origins.is_empty() {
        return router;
    }
    router.layer(from_fn_with_state(Arc::<[Origin]>::from(origins), opened))
}

async fn opened(State(origins): State<Arc<[Origin]>>, request: Request, next: Next) -> Response {
    let Some(opened) = allowed(&origins, request.headers()) else {
        return next.run(request).await;
    };
    let asked = request.headers().get(header::ACCESS_CONTROL_REQUEST_METHOD);
    let wanted = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS);
    let mut response = if *request.method() == Method::OPTIONS && asked.is_some() {
        let mut response = StatusCode::NO_CONTENT.into_response();
        let headers = response.headers_mut();
        let methods = HeaderValue::from_static("GET, POST");
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, ASKED);
        // Clients send headers of their own. A star would not stand for the key's.
        if let Some(wanted) = wanted {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        }
        response
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, opened);
    let shown = HeaderValue::from_static(SHOWN);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, shown);
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    response
}

/// What a page is told that asks, if it may.
fn allowed(origins: &[Origin], headers: &HeaderMap) -> Option<HeaderValue> {
    let asks = headers.get(header::ORIGIN)?;
    let found = origins.iter().find(|origin| origin.0 == "*" || origin.0 == asks);
    found.map(|origin| origin.0.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_and_a_host_or_a_star() {
        for fine in [
            "*",
            "https://app.example",
            "http://localhost:5173",
            "http://[::1]:80",
        ] {
            assert_eq!(fine.parse::<Origin>().unwrap().0, fine);
        }
        for bad in [
            "",
            "app.example",
            "https://",
            "https://app.example/",
            "https://App.example",
            "ftp://app.example",
            "https://a b",
            "null",
            "https://*.example",
        ] {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_page_is_answered_if_its_origin_is_listed() {
        let origin = |text: &str| text.parse::<Origin>().unwrap();
        let asks = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ORIGIN, HeaderValue::from_static(text));
            headers
        };
        let listed = [origin("https://a.example"), origin("https://b.example")];
        assert_eq!(
            allowed(&listed, &asks("https://b.example")).unwrap(),
            "https://b.example"
        );
        assert_eq!(allowed(&listed, &asks("https://c.example")), None);
        assert_eq!(allowed(&listed, &HeaderMap::new()), None);
        assert_eq!(allowed(&[origin("*")], &asks("null")).unwrap(), "*");
    }
}
