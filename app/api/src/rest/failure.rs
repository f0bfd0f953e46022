//! Failures in the shape of grpc-gateway: `{"code", "message", "details"}`.

use http::{StatusCode, header};
use tonic::{Code, Status};

use crate::rate::retry_after;

/// A response that is ready to send.
pub(crate) type Response = http::Response<axum::body::Body>;

/// The HTTP status that grpc-gateway gives a gRPC code, but for `Unknown`: that is what modules answer to a
/// request that they refuse, and no failure of the node, which grpc-gateway's 500 would tell proxies.
pub(crate) const fn http_status(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::Cancelled => StatusCode::REQUEST_TIMEOUT,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange | Code::Unknown => {
            StatusCode::BAD_REQUEST
        }
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// A failure as an answer.
pub(crate) fn response(status: &Status) -> Response {
    let mut body = format!("{{\"code\":{},\"message\":", i32::from(status.code()));
    // Refusals are no message of protobuf, whose JSON escapes what HTML reads.
    body.push_str(&serde_json::Value::from(status.message()).to_string());
    body.push_str(",\"details\":[]}");
    let mut response = json(http_status(status.code()), body);
    if let Some(wait) = retry_after(status) {
        response.headers_mut().insert(header::RETRY_AFTER, wait);
    }
    response
}

/// What grpc-gateway answers where no route is.
pub(crate) fn no_route() -> Status {
    Status::unimplemented("Not Implemented")
}

/// A JSON answer.
pub(crate) fn json(status: StatusCode, body: impl Into<axum::body::Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let kind = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_refusal_escapes_no_more_than_json_asks() {
        let response = response(&Status::invalid_argument("5 > \"4\" & 3"));
        let body = axum::body::to_bytes(response.into_body(), 1_000).await.unwrap();
        assert_eq!(
            body,
            br#"{"code":3,"message":"5 > \"4\" & 3","details":[]}"#.as_slice()
        );
    }
}
