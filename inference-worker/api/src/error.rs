//! Errors in OpenAI's shape: `{"error": {"message", "type", "param", "code"}}`.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

/// Header by which OpenAI's and Anthropic's clients know that another try is of no use.
pub const SHOULD_RETRY: &str = "x-should-retry";
/// OpenAI's error class of a request whose own time is over.
const LATE: &str = "timeout_error";

/// A refusal or failure as a client sees it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// HTTP status.
    pub status: StatusCode,
    /// What happened and what to do, in words.
    pub message: String,
    /// OpenAI's error class.
    pub kind: &'static str,
    /// The parameter at fault.
    pub param: Option<String>,
    /// Stable code for programs.
    pub code: Option<&'static str>,
    /// Seconds after which another attempt makes sense.
    pub retry_after: Option<u32>,
}

impl ApiError {
    fn new(status: StatusCode, kind: &'static str, code: Option<&'static str>, message: String) -> Self {
        Self {
            status,
            message,
            kind,
            param: None,
            code,
            retry_after: None,
        }
    }

    /// A parameter has a value that cannot be.
    pub fn invalid(param: &str, message: impl Into<String>) -> Self {
        let kind = "invalid_request_error";
        let error = Self::new(
            StatusCode::BAD_REQUEST,
            kind,
            Some("invalid_value"),
            message.into(),
        );
        Self {
            param: Some(param.to_owned()),
            ..error
        }
    }

    /// A parameter of the schema that this server does not implement.
    pub fn unsupported(param: &str) -> Self {
        let message =
            format!("Unsupported parameter: '{param}' is not supported by this server; leave it out.");
        Self {
            code: Some("unsupported_parameter"),
            ..Self::invalid(param, message)
        }
    }

    /// A parameter that no schema knows.
    pub fn unknown(param: &str) -> Self {
        let message = format!("Unrecognized request argument supplied: {param}");
        Self {
            code: Some("unknown_parameter"),
            ..Self::invalid(param, message)
        }
    }

    /// A parameter is missing.
    pub fn missing(param: &str) -> Self {
        let message = format!("Missing required parameter: '{param}'.");
        Self {
            code: Some("missing_required_parameter"),
            ..Self::invalid(param, message)
        }
    }

    /// The body is not what an endpoint takes.
    pub fn body(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid_request_error",
            None,
            message.into(),
        )
    }

    /// The body exceeds the size cap.
    pub fn too_large(limit: usize) -> Self {
        let message = format!("The request body is larger than {limit} bytes.");
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "invalid_request_error",
            Some("request_too_large"),
            message,
        )
    }

    /// The body did not arrive in time.
    pub fn slow(seconds: u64) -> Self {
        let message = format!("The request body took more than {seconds} s to arrive.");
        let kind = "invalid_request_error";
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            kind,
            Some("request_timeout"),
            message,
        )
    }

    /// The time that a request had was over before its first token. By themselves clients try again after a 408, and
    /// would take that time anew.
    pub fn late() -> Self {
        let message = "The time of the request was over before an answer began.".to_owned();
        let code = Some("request_timeout");
        Self::new(StatusCode::REQUEST_TIMEOUT, LATE, code, message)
    }

    /// Prompt, or prompt and output together, exceed the context.
    pub fn context(param: &str, context: usize, prompt: usize, output: usize) -> Self {
        Self::beyond(param, context, "", (prompt, output))
    }

    /// The same of a prompt of which no more is known than how many tokens it has at least.
    pub fn context_at_least(param: &str, context: usize, prompt: usize, output: usize) -> Self {
        Self::beyond(param, context, "at least ", (prompt, output))
    }

    fn beyond(param: &str, context: usize, least: &str, (prompt, output): (usize, usize)) -> Self {
        let all = prompt.saturating_add(output);
        let message = format!(
            "This model's maximum context length is {context} tokens. However, you requested {least}{all} tokens \
             ({least}{prompt} in the prompt, {output} for the output). Please shorten the prompt or the output.",
        );
        Self {
            code: Some("context_length_exceeded"),
            ..Self::invalid(param, message)
        }
    }

    /// The model is not served here.
    pub fn no_model(model: &str) -> Self {
        let message = format!("The model `{model}` does not exist or is not served here; see /v1/models.");
        let kind = "invalid_request_error";
        let error = Self::new(StatusCode::NOT_FOUND, kind, Some("model_not_found"), message);
        Self {
            param: Some("model".into()),
            ..error
        }
    }

    /// The model is of another kind than what is asked of it.
    fn not_of(model: &str, what: &str) -> Self {
        let error = Self::invalid("model", format!("The model `{model}` cannot be used: {what}."));
        Self {
            code: Some("unsupported_model"),
            ..error
        }
    }

    /// Vectors are asked of a model that generates text.
    pub fn no_vectors(model: &str) -> Self {
        Self::not_of(
            model,
            "it generates text, and only sentence encoders make vectors",
        )
    }

    /// Text is asked of a sentence encoder.
    pub fn no_text(model: &str) -> Self {
        Self::not_of(
            model,
            "it is a sentence encoder, which makes vectors and no text; see /v1/embeddings",
        )
    }

    /// Vectors are asked of hosts that are paid.
    pub fn no_paid_vectors(model: &str) -> Self {
        let what = "hosts of this chain are paid for text, and for vectors there is neither a price nor a receipt; ask a \
                    worker that serves a sentence encoder, or a router in front of one";
        Self::not_of(model, what)
    }

    /// No such endpoint or method.
    pub fn no_route(method: &str, path: &str) -> Self {
        let message =
            format!("Unknown request URL: {method} {path}. See the documentation for the endpoints.");
        Self::new(
            StatusCode::NOT_FOUND,
            "invalid_request_error",
            Some("unknown_url"),
            message,
        )
    }

    /// The endpoint is there, and takes another method.
    pub fn no_method(method: &str, path: &str) -> Self {
        let message = format!("Not allowed to {method} on {path}; see the Allow header.");
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "invalid_request_error",
            Some("method_not_supported"),
            message,
        )
    }

    /// A header says that the body is something that is not read.
    pub fn unread(name: &str, what: &str) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "invalid_request_error",
            Some("unsupported_media_type"),
            format!("The body cannot be read by its '{name}': {what}."),
        )
    }

    /// The API key is missing or wrong.
    pub fn unauthorized() -> Self {
        let message =
            "Incorrect API key provided, or none; send it as 'Authorization: Bearer KEY'.".to_owned();
        Self::new(
            StatusCode::UNAUTHORIZED,
            "invalid_request_error",
            Some("invalid_api_key"),
            message,
        )
    }

    /// Admission control: come back later.
    pub fn busy(retry_after: u32) -> Self {
        let message = "The server is at capacity; retry after the time in the Retry-After header.".to_owned();
        let code = Some("rate_limit_exceeded");
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", code, message);
        Self {
            retry_after: Some(retry_after),
            ..error
        }
    }

    /// The key's budget does not cover the request.
    pub fn quota(message: impl Into<String>) -> Self {
        let kind = "insufficient_quota";
        Self::new(StatusCode::TOO_MANY_REQUESTS, kind, Some(kind), message.into())
    }

    /// The price of now is more than the payer accepts.
    pub fn price(message: impl Into<String>) -> Self {
        let code = Some("price_above_maximum");
        Self::new(
            StatusCode::PAYMENT_REQUIRED,
            "invalid_request_error",
            code,
            message.into(),
        )
    }

    /// A thing that was asked for by its id is not there.
    pub fn not_found(message: impl Into<String>) -> Self {
        let kind = "invalid_request_error";
        Self::new(StatusCode::NOT_FOUND, kind, Some("not_found"), message.into())
    }

    /// Nobody can answer now.
    pub fn unavailable(message: impl Into<String>) -> Self {
        let code = Some("unavailable");
        let error = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "server_error",
            code,
            message.into(),
        );
        Self {
            retry_after: Some(1),
            ..error
        }
    }

    /// Something failed on our side.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "server_error",
            Some("internal_error"),
            message.into(),
        )
    }

    /// The JSON body of the error.
    pub fn to_json(&self) -> Value {
        json!({"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}})
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.to_json().to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.kind == LATE {
            headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        response
    }
}
