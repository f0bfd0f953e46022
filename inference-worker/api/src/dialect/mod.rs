//! Other dialects of the same chat: OpenAI's Responses and Anthropic's Messages.
//!
//! A body becomes the body of `/v1/chat/completions` that asks for the same, and the answer to that becomes the
//! dialect's. So everything about a request is decided in one place, and what is hashed, paid and audited is the chat.
//! A parameter that no chat has is refused by its name in the dialect; errors of the chat name the dialect's parameter.

mod answer;
pub(crate) mod fields;
mod messages;
mod names;
mod responses;
mod stream;

pub use answer::{Whole, whole_of};

use crate::error::ApiError;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use http_body_util::{BodyExt, Limited};
use names::Names;
use serde_json::Value;

/// Header of a stream that says how many tokens its prompt has. Messages tell it at their beginning.
pub const PROMPT_TOKENS_HEADER: &str = "quern-prompt-tokens";

/// Longest whole answer, and longest error, in bytes.
const MAX_ANSWER: usize = 16 << 20;

/// A dialect beside OpenAI's chats and completions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// OpenAI's `/v1/responses`.
    Responses,
    /// Anthropic's `/v1/messages`.
    Messages,
}

/// A request as a chat, and what its answer has to say of it.
#[derive(Debug)]
pub struct Translation {
    /// Body of `/v1/chat/completions`.
    pub body: Bytes,
    dialect: Dialect,
    /// Whether the answer is a stream.
    stream: bool,
    /// What the answer repeats of the request.
    echo: Value,
    names: Names,
}

impl Dialect {
    /// Its path.
    pub fn path(self) -> &'static str {
        match self {
            Self::Responses => "/v1/responses",
            Self::Messages => "/v1/messages",
        }
    }

    /// The dialect that a path speaks.
    pub fn of_path(path: &str) -> Option<Self> {
        let dialects = [Self::Responses, Self::Messages];
        dialects.into_iter().find(|dialect| {
            path.strip_prefix(dialect.path())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    /// A body as that of a chat.
    ///
    /// # Errors
    /// The first parameter that is wrong, unsupported or unknown, by name.
    pub fn translate(self, body: &[u8]) -> Result<Translation, ApiError> {
        match self {
            Self::Responses => responses::translate(body),
            Self::Messages => messages::translate(body),
        }
    }

    /// Refuses parameters that clients of the dialect send as headers.
    ///
    /// # Errors
    /// The first that is there, by the header's name.
    pub fn check_headers(self, headers: &HeaderMap) -> Result<(), ApiError> {
        match self {
            Self::Responses => Ok(()),
            Self::Messages => messages::check_headers(headers),
        }
    }

    /// An error in the dialect's shape.
    pub fn error(self, error: ApiError) -> Response {
        let body = match self {
            Self::Responses => error.to_json(),
            Self::Messages => messages::error(error.status, &error.to_json()["error"]),
        };
        with_json(error.into_response(), &body)
    }
}

/// The body of `/tokenize` for what Anthropic's `/v1/messages/count_tokens` asks.
///
/// # Errors
/// As [`Dialect::translate`].
pub fn count_tokens(body: &[u8]) -> Result<Translation, ApiError> {
    messages::translate_count(body)
}

/// The answer to a count, from that of `/tokenize`.
pub async fn counted(translation: &Translation, answer: Response) -> Response {
    let (status, (answer, value)) = (answer.status(), collected(answer).await);
    if !status.is_success() {
        return translation.failed(answer, value);
    }
    let body = serde_json::json!({"input_tokens": value.get("count").cloned().unwrap_or_default()});
    with_json(answer, &body)
}

fn with_json(mut response: Response, body: &Value) -> Response {
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    *response.body_mut() = Body::from(body.to_string());
    response
}

async fn collected(response: Response) -> (Response, Value) {
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, MAX_ANSWER).collect().await;
    let bytes = body.map_or_else(|_| Bytes::new(), |body| body.to_bytes());
    let value = serde_json::from_slice(&bytes).unwrap_or_default();
    (Response::from_parts(parts, Body::empty()), value)
}

impl Translation {
    /// Turns the answer of a chat into the dialect's.
    pub async fn answer(self, chat: Response) -> Response {
        let kind = chat.headers().get(header::CONTENT_TYPE);
        let events = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        let mut response = if events {
            let (mut parts, body) = chat.into_parts();
            parts.headers.remove(header::CONTENT_LENGTH);
            let prompt = parts.headers.get(PROMPT_TOKENS_HEADER);
            let prompt = prompt.and_then(|count| count.to_str().ok()?.parse().ok());
            let body = match self.dialect {
                Dialect::Responses => stream::translated(body, responses::Stream::new(self.echo)),
                Dialect::Messages => stream::translated(body, messages::Stream::new(prompt.unwrap_or(0))),
            };
            Response::from_parts(parts, body)
        } else {
            let (status, (response, value)) = (chat.status(), collected(chat).await);
            match (status.is_success(), whole_of(&value)) {
                (true, Some(whole)) => {
                    let body = match self.dialect {
                        Dialect::Responses => responses::whole(&self.echo, &whole),
                        Dialect::Messages => messages::whole(&self.echo, &whole),
                    };
                    with_json(response, &body)
                }
                (true, None) => self
                    .dialect
                    .error(ApiError::unavailable("The answer cannot be read.")),
                (false, _) => self.failed(response, value),
            }
        };
        // Anthropic's clients look for an answer's id under this name.
        let id = response.headers().get("x-request-id").cloned();
        if let (Dialect::Messages, Some(id)) = (self.dialect, id) {
            let name = HeaderName::from_static("request-id");
            response.headers_mut().insert(name, id);
        }
        response
    }

    /// An error of the chat, which names the parameters of the dialect.
    fn failed(&self, response: Response, mut value: Value) -> Response {
        let status = response.status();
        if let Some(error) = value.get_mut("error") {
            self.names.rename(error);
        } else {
            value = ApiError::unavailable("The server failed.").to_json();
        }
        let body = match self.dialect {
            Dialect::Responses => value,
            Dialect::Messages => messages::error(status, &value["error"]),
        };
        with_json(response, &body)
    }

    /// Whether the answer is a stream.
    pub fn is_stream(&self) -> bool {
        self.stream
    }
}
