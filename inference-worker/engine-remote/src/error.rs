//! What goes wrong at a remote engine, and how a client is told.

use http::StatusCode;
use quern_inference_api::ApiError;

/// Longest message of an engine that is passed on, in characters.
const MESSAGE: usize = 500;
/// Longest time that a client is asked to wait, in seconds.
const WAIT: u32 = 60;

/// What went wrong at a remote engine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// No connection, or it broke before an answer began.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    /// It took too long.
    #[error("took too long {0}")]
    Timeout(&'static str),
    /// It answered with an error.
    #[error("answered with status {status}: {message}")]
    Status {
        /// HTTP status.
        status: u16,
        /// Its words, cut.
        message: String,
        /// The parameter that it names.
        param: Option<String>,
        /// Whether it says that prompt and output exceed the context.
        context: bool,
        /// Seconds after which it wants to be asked again.
        retry_after: Option<u32>,
    },
    /// It answered what is no answer.
    #[error("gave an answer that is none: {0}")]
    Garbage(String),
    /// It answered more than is read.
    #[error("sent {what} of more than {limit} bytes")]
    TooLong {
        /// What is too long.
        what: &'static str,
        /// Most bytes of it.
        limit: usize,
    },
    /// Its answer ended before its end.
    #[error("broke off its answer: {0}")]
    Broken(String),
    /// It reported an error within a stream.
    #[error("ended its answer with an error: {0}")]
    InStream(String),
    /// It is known not to answer.
    #[error("does not answer at present: {0}")]
    Down(String),
}

impl UpstreamError {
    /// A short stable name, for metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Timeout(_) => "timeout",
            Self::Status { status: 429, .. } => "busy",
            Self::Status {
                status: 400..=499, ..
            } => "refused",
            Self::Status { .. } => "status",
            Self::Garbage(_) => "garbage",
            Self::TooLong { .. } => "too_long",
            Self::Broken(_) => "broken",
            Self::InStream(_) => "in_stream",
            Self::Down(_) => "down",
        }
    }

    /// Whether the engine may be gone, so that it is worth a look.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Broken(_))
    }

    /// The error of an answer's status and body.
    pub(crate) fn of_status(status: StatusCode, retry_after: Option<u32>, body: &[u8]) -> Self {
        let value: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        // OpenAI nests it; vLLM of old, FastAPI and TGI do not.
        let error = value
            .get("error")
            .filter(|error| error.is_object())
            .unwrap_or(&value);
        let words = ["message", "detail", "error"]
            .iter()
            .find_map(|name| error.get(name));
        let message = match words {
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::from_utf8_lossy(body).into_owned(),
        };
        let text = |name: &str| error.get(name).and_then(serde_json::Value::as_str);
        Self::Status {
            status: status.as_u16(),
            context: text("code") == Some("context_length_exceeded")
                || text("type") == Some("exceed_context_size_error"),
            param: text("param").map(|param| param.chars().take(80).collect()),
            message: words_of(&message),
            retry_after,
        }
    }

    /// The error as a client sees it. Where the engine is, is its host's affair, and what it says of the host's
    /// settings, too; only what it finds wrong with the client's request is passed on, without addresses.
    pub fn to_api(&self, label: &str) -> ApiError {
        let message = match self {
            Self::Unreachable(_) => "The engine cannot be reached.".to_owned(),
            Self::Down(_) => "The engine does not answer at present.".to_owned(),
            Self::Status {
                status: status @ (400 | 413 | 422),
                message,
                ..
            } => format!(
                "The engine answered with status {status}: {}",
                redacted(message, label)
            ),
            Self::Status { status, .. } => format!("The engine answered with status {status}."),
            Self::Broken(_) => "The engine broke off its answer.".to_owned(),
            Self::InStream(_) => "The engine ended its answer with an error.".to_owned(),
            Self::Timeout(_) | Self::Garbage(_) | Self::TooLong { .. } => {
                format!("The engine {}", redacted(&self.to_string(), label))
            }
        };
        let with = |status, code| ApiError {
            status,
            code: Some(code),
            ..ApiError::internal(message.clone())
        };
        match self {
            Self::Unreachable(_) | Self::Down(_) => ApiError {
                code: Some("engine_unreachable"),
                ..ApiError::unavailable(message)
            },
            Self::Timeout(_) => with(StatusCode::GATEWAY_TIMEOUT, "engine_timeout"),
            Self::Status {
                status: 429,
                retry_after,
                ..
            } => ApiError::busy(retry_after.unwrap_or(1).clamp(1, WAIT)),
            // What it finds wrong with a request that was checked here.
            Self::Status {
                status: 400 | 413 | 422,
                param,
                context,
                ..
            } => ApiError {
                status: StatusCode::BAD_REQUEST,
                kind: "invalid_request_error",
                param: param.as_deref().map(|param| redacted(param, label)),
                code: Some(if *context {
                    "context_length_exceeded"
                } else {
                    "engine_refused"
                }),
                ..ApiError::internal(message)
            },
            Self::Status {
                status: 503,
                retry_after,
                ..
            } => ApiError {
                code: Some("engine_unavailable"),
                retry_after: Some(retry_after.unwrap_or(1).clamp(1, WAIT)),
                ..ApiError::unavailable(message)
            },
            Self::Status {
                status: 408 | 504, ..
            } => with(StatusCode::GATEWAY_TIMEOUT, "engine_timeout"),
            // Of 401 and 404 the host's settings are the cause, not the client.
            Self::Status { .. } => with(StatusCode::BAD_GATEWAY, "engine_error"),
            Self::Garbage(_) | Self::TooLong { .. } => with(StatusCode::BAD_GATEWAY, "engine_garbage"),
            Self::Broken(_) => with(StatusCode::BAD_GATEWAY, "engine_broke_off"),
            Self::InStream(_) => with(StatusCode::BAD_GATEWAY, "engine_error"),
        }
    }
}

/// Words of an engine, cut, without control characters.
pub(crate) fn words_of(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(MESSAGE).collect::<String>().trim().to_owned()
}

/// Words without what tells where an engine is: its own address, URLs, and other addresses.
fn redacted(text: &str, label: &str) -> String {
    let label = label.to_ascii_lowercase();
    let host = label.rsplit_once(':').map_or(label.as_str(), |(host, _)| host);
    let own = |word: &str| {
        let word = word.to_ascii_lowercase();
        let mut parts = word.split(|c| "/:@?=&#+".contains(c));
        word.contains("://") || parts.any(|part| part.trim_matches('.') == host)
    };
    let of_address = |c: char| c.is_ascii_alphanumeric() || "._-:/@[]%~?=&#+".contains(c);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = |inside: bool| rest.find(|c: char| of_address(c) != inside).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end(of_address(first)));
        match of_address(first) && (own(word) || is_address(word)) {
            true => out.push_str(REDACTED),
            false => out.push_str(word),
        }
        rest = after;
    }
    out
}

/// Stands for an address.
const REDACTED: &str = "[address]";

fn is_address(word: &str) -> bool {
    let word = word.trim_matches(['.', ':', '/', '-']);
    let host = word.split('/').next().unwrap_or_default();
    let (name, port) = host.rsplit_once(':').unwrap_or((host, ""));
    let bare = name.trim_matches(['[', ']']);
    let named = (2..=5).contains(&port.len()) && port.bytes().all(|b| b.is_ascii_digit());
    host.parse::<std::net::IpAddr>().is_ok()
        || host.parse::<std::net::SocketAddr>().is_ok()
        || bare.parse::<std::net::IpAddr>().is_ok()
        || (named && name.bytes().any(|b| b.is_ascii_alphabetic()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(status: u16, body: &str) -> ApiError {
        let status = StatusCode::from_u16(status).unwrap();
        UpstreamError::of_status(status, Some(900), body.as_bytes()).to_api("gpu:8000")
    }

    #[test]
    fn an_engines_refusal_is_the_clients_and_its_failure_is_not() {
        let refused = seen(400, r#"{"error":{"message":"too hot","param":"temperature"}}"#);
        assert_eq!(
            (refused.status.as_u16(), refused.code),
            (400, Some("engine_refused"))
        );
        assert_eq!(refused.param.as_deref(), Some("temperature"));
        assert!(refused.message.contains("too hot"));
        assert_eq!(seen(422, r#"{"detail":[{"msg":"no"}]}"#).status.as_u16(), 400);
        let long = r#"{"error":{"message":"long","code":"context_length_exceeded"}}"#;
        assert_eq!(seen(400, long).code, Some("context_length_exceeded"));
        for status in [401, 403, 404, 301, 500, 502] {
            assert_eq!(seen(status, "no").status.as_u16(), 502, "{status}");
        }
        assert_eq!(seen(429, "").retry_after, Some(60));
        assert_eq!(seen(503, "").status.as_u16(), 503);
        assert_eq!(seen(504, "").status.as_u16(), 504);
    }

    #[test]
    fn an_engines_words_are_cut_and_made_plain() {
        let error = seen(500, &"\u{1b}[31mred\r\n".repeat(1000));
        assert!(error.message.chars().count() < 600);
        assert!(!error.message.chars().any(char::is_control));
    }

    #[test]
    fn no_error_tells_where_the_engine_is_or_what_its_host_set() {
        let told = "at GPU:8000 (http://gpu:8000/v1/x?key=1), 10.1.2.3, 10.1.2.3:80, [2001:db8::1]:80, fe80::1, \
                    db.internal:5432: temperature is 2.5 at line 3:14, use 0.7";
        let body = serde_json::json!({"error": {"message": told, "param": "gpu:8000"}}).to_string();
        let refused = seen(400, &body);
        for secret in [
            "gpu", "GPU", "10.1", "2001", "fe80", "internal", "8000", "5432", "key",
        ] {
            assert!(!refused.message.contains(secret), "{secret}: {}", refused.message);
        }
        assert!(
            refused
                .message
                .contains("temperature is 2.5 at line 3:14, use 0.7"),
            "{}",
            refused.message
        );
        assert_eq!(refused.param.as_deref(), Some(REDACTED));
        for status in [401, 404, 500] {
            let error = seen(status, "Incorrect API key sk-1234 for gpu");
            assert_eq!(
                error.message,
                format!("The engine answered with status {status}.")
            );
        }
        for error in [
            UpstreamError::Unreachable("tcp connect error: gpu:8000".into()),
            UpstreamError::Down("the engine at gpu:8000 is gone".into()),
            UpstreamError::Broken("gpu:8000 closed".into()),
            UpstreamError::InStream("worker gpu:8000 died".into()),
            UpstreamError::Garbage("invalid type: string \"gpu:8000\"".into()),
        ] {
            assert!(!error.to_api("gpu:8000").message.contains("gpu"), "{error}");
        }
    }
}
