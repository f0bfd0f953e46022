//! Bodies of bounded size.

use crate::error::UpstreamError;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use serde_json::Value;

/// Largest whole answer that is read, in bytes.
pub const MAX_WHOLE: usize = 16 * 1024 * 1024;

/// Reads a body of at most `limit` bytes.
pub(super) async fn read(body: Incoming, what: &'static str, limit: usize) -> Result<Bytes, UpstreamError> {
    match Limited::new(body, limit).collect().await {
        Ok(all) => Ok(all.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(UpstreamError::TooLong { what, limit }),
        Err(error) => Err(UpstreamError::Broken(super::reason(error.as_ref()))),
    }
}

/// Reads a whole answer.
pub(super) async fn json(body: Incoming) -> Result<Value, UpstreamError> {
    let body = read(body, "an answer", MAX_WHOLE).await?;
    serde_json::from_slice(&body).map_err(|e| UpstreamError::Garbage(format!("it is no JSON: {e}")))
}
