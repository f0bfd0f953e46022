//! Reading a request's body.

use crate::MAX_BODY;
use crate::error::ApiError;
use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;

/// Bytes of an oversized body that are read and thrown away, so that its sender lives to see the refusal instead
/// of a broken connection.
const DRAIN: usize = 16 * MAX_BODY;

/// Reads a whole body of at most [`MAX_BODY`] bytes.
///
/// # Errors
/// When the body is larger or breaks off.
pub async fn read_body(mut body: Body) -> Result<Bytes, ApiError> {
    let (mut data, mut total) = (Vec::new(), 0usize);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| ApiError::body("The request body broke off."))?;
        let Some(piece) = frame.data_ref() else { continue };
        total = total.saturating_add(piece.len());
        if total <= MAX_BODY {
            data.extend_from_slice(piece);
        } else if total > DRAIN {
            break;
        }
    }
    if total > MAX_BODY {
        Err(ApiError::too_large(MAX_BODY))
    } else {
        Ok(data.into())
    }
}
