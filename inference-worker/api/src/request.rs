//! From a body to a request in which nothing was dropped silently.

use crate::error::ApiError;
use crate::fields::{LABELS, is_neutral};
use serde_json::{Map, Value};

/// Most stop strings in one request.
const MAX_STOPS: usize = 4;
/// Longest stop string, in bytes.
const MAX_STOP_BYTES: usize = 512;
/// Output tokens of `/v1/completions` when the request names no number, as OpenAI has it.
const COMPLETION_TOKENS: u32 = 16;

/// Which endpoint a body came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `/v1/chat/completions`
    Chat,
    /// `/v1/completions`
    Completions,
}

impl Endpoint {
    /// The parameter that carries the prompt.
    pub fn input_param(self) -> &'static str {
        match self {
            Self::Chat => "messages",
            Self::Completions => "prompt",
        }
    }

    /// Its path.
    pub fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Completions => "/v1/completions",
        }
    }

    /// The endpoint with a path.
    pub fn of_path(path: &str) -> Option<Self> {
        [Self::Chat, Self::Completions]
            .into_iter()
            .find(|endpoint| endpoint.path() == path)
    }
}

/// One message of a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// `system`, `user` or `assistant`.
    pub role: String,
    /// The text.
    pub content: String,
}

/// What the model reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Messages for the model's chat template.
    Chat(Vec<Message>),
    /// Plain text.
    Text(String),
    /// Token ids.
    Tokens(Vec<u32>),
}

/// A request whose parameters are all within bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Where it came in.
    pub endpoint: Endpoint,
    /// Model id.
    pub model: String,
    /// Prompt.
    pub input: Input,
    /// Most output tokens; the rest of the context if none.
    pub max_tokens: Option<u32>,
    /// 0, or 0.001 to 2.
    pub temperature: f64,
    /// Above 0, at most 1.
    pub top_p: f64,
    /// The client's own seed.
    pub seed: Option<i64>,
    /// Strings that end the output.
    pub stop: Vec<String>,
    /// Whether to stream.
    pub stream: bool,
    /// Whether a stream ends with a chunk of usage.
    pub include_usage: bool,
}

impl Request {
    /// Parses and checks a body.
    ///
    /// # Errors
    /// The first parameter that is wrong, unsupported or unknown, by name.
    pub fn parse(endpoint: Endpoint, body: &[u8]) -> Result<Self, ApiError> {
        let value: Value = serde_json::from_slice(body)
            .map_err(|e| ApiError::body(format!("We could not parse the JSON body of your request: {e}")))?;
        let Value::Object(mut fields) = value else {
            return Err(ApiError::body("The request body must be a JSON object."));
        };
        // An explicit null means the default everywhere in the schema.
        fields.retain(|_, value| !value.is_null());
        let stream = flag(&mut fields, "stream")?;
        let request = Self {
            endpoint,
            model: text(&mut fields, "model")?.ok_or_else(|| ApiError::missing("model"))?,
            input: match endpoint {
                Endpoint::Chat => messages(&mut fields)?,
                Endpoint::Completions => prompt(&mut fields)?,
            },
            max_tokens: max_tokens(&mut fields, endpoint)?,
            temperature: number(&mut fields, "temperature", "0 or between 0.001 and 2", |t| {
                t == 0.0 || (0.001..=2.0).contains(&t)
            })?
            .unwrap_or(1.0),
            top_p: number(&mut fields, "top_p", "above 0 and at most 1", |p| {
                p > 0.0 && p <= 1.0
            })?
            .unwrap_or(1.0),
            seed: seed(&mut fields)?,
            stop: stop(&mut fields)?,
            stream,
            include_usage: stream_options(&mut fields, stream)?,
        };
        for (name, value) in &fields {
            match is_neutral(name, value) {
                _ if LABELS.contains(&name.as_str()) => {}
                Some(true) => {}
                Some(false) => return Err(ApiError::unsupported(name)),
                None => return Err(ApiError::unknown(name)),
            }
        }
        Ok(request)
    }
}

fn flag(fields: &mut Map<String, Value>, name: &str) -> Result<bool, ApiError> {
    match fields.remove(name) {
        None => Ok(false),
        Some(Value::Bool(value)) => Ok(value),
        Some(_) => Err(ApiError::invalid(
            name,
            format!("'{name}' must be true or false."),
        )),
    }
}

fn text(fields: &mut Map<String, Value>, name: &str) -> Result<Option<String>, ApiError> {
    match fields.remove(name) {
        None => Ok(None),
        Some(Value::String(value)) => Ok(Some(value)),
        Some(_) => Err(ApiError::invalid(name, format!("'{name}' must be a string."))),
    }
}

fn number(
    fields: &mut Map<String, Value>,
    name: &str,
    bounds: &str,
    ok: impl Fn(f64) -> bool,
) -> Result<Option<f64>, ApiError> {
    let Some(value) = fields.remove(name) else {
        return Ok(None);
    };
    match value.as_f64().filter(|n| ok(*n)) {
        Some(number) => Ok(Some(number)),
        None => Err(ApiError::invalid(name, format!("'{name}' must be {bounds}."))),
    }
}

fn seed(fields: &mut Map<String, Value>) -> Result<Option<i64>, ApiError> {
    let Some(value) = fields.remove("seed") else {
        return Ok(None);
    };
    let refused = || ApiError::invalid("seed", "'seed' must be an integer of 64 bits with sign.");
    value.as_i64().map(Some).ok_or_else(refused)
}

/// Newer clients send `max_completion_tokens`, older ones `max_tokens`.
fn max_tokens(fields: &mut Map<String, Value>, endpoint: Endpoint) -> Result<Option<u32>, ApiError> {
    let mut read = |name: &str| -> Result<Option<u32>, ApiError> {
        let Some(value) = fields.remove(name) else {
            return Ok(None);
        };
        let count = value
            .as_u64()
            .filter(|n| *n >= 1)
            .map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        let refused = || ApiError::invalid(name, format!("'{name}' must be an integer of at least 1."));
        count.map(Some).ok_or_else(refused)
    };
    let old = read("max_tokens")?;
    match endpoint {
        Endpoint::Completions => Ok(old.or(Some(COMPLETION_TOKENS))),
        Endpoint::Chat => match (old, read("max_completion_tokens")?) {
            (Some(old), Some(new)) if old != new => Err(ApiError::invalid(
                "max_tokens",
                "'max_tokens' and 'max_completion_tokens' contradict each other; send one of them.",
            )),
            (old, new) => Ok(new.or(old)),
        },
    }
}

fn stop(fields: &mut Map<String, Value>) -> Result<Vec<String>, ApiError> {
    let refused = || {
        let message = format!(
            "'stop' must be a string or a list of at most {MAX_STOPS} strings, none empty or longer than \
             {MAX_STOP_BYTES} bytes."
        );
        ApiError::invalid("stop", message)
    };
    let items = match fields.remove("stop") {
        None => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(item) => vec![item],
    };
    let stops: Option<Vec<String>> = items
        .iter()
        .map(|item| item.as_str().map(str::to_owned))
        .collect();
    stops
        .filter(|stops| stops.len() <= MAX_STOPS)
        .filter(|stops| {
            stops
                .iter()
                .all(|stop| (1..=MAX_STOP_BYTES).contains(&stop.len()))
        })
        .ok_or_else(refused)
}

fn stream_options(fields: &mut Map<String, Value>, stream: bool) -> Result<bool, ApiError> {
    let Some(options) = fields.remove("stream_options") else {
        return Ok(false);
    };
    if !stream {
        let message = "'stream_options' is only allowed when 'stream' is true.";
        return Err(ApiError::invalid("stream_options", message));
    }
    let Value::Object(mut options) = options else {
        return Err(ApiError::invalid(
            "stream_options",
            "'stream_options' must be an object.",
        ));
    };
    options.retain(|_, value| !value.is_null());
    let include = flag(&mut options, "include_usage")?;
    // Padding against traffic analysis of a provider's network; there is none here to switch off.
    if flag(&mut options, "include_obfuscation")? {
        return Err(ApiError::unsupported("stream_options.include_obfuscation"));
    }
    match options.keys().next() {
        Some(name) => Err(ApiError::unknown(&format!("stream_options.{name}"))),
        None => Ok(include),
    }
}

fn prompt(fields: &mut Map<String, Value>) -> Result<Input, ApiError> {
    let refused = || {
        let message =
            "'prompt' must be one string or one list of token ids; several prompts are not supported.";
        ApiError::invalid("prompt", message)
    };
    match fields
        .remove("prompt")
        .ok_or_else(|| ApiError::missing("prompt"))?
    {
        Value::String(text) => Ok(Input::Text(text)),
        Value::Array(items) => match items.as_slice() {
            [Value::String(text)] => Ok(Input::Text(text.clone())),
            items => {
                let id = |item: &Value| item.as_u64().and_then(|id| u32::try_from(id).ok());
                let ids: Option<Vec<u32>> = items.iter().map(id).collect();
                ids.filter(|ids| !ids.is_empty())
                    .map(Input::Tokens)
                    .ok_or_else(refused)
            }
        },
        _ => Err(refused()),
    }
}

fn messages(fields: &mut Map<String, Value>) -> Result<Input, ApiError> {
    let value = fields
        .remove("messages")
        .ok_or_else(|| ApiError::missing("messages"))?;
    match value {
        Value::Array(items) if !items.is_empty() => {
            let messages: Result<_, _> = items.into_iter().enumerate().map(message).collect();
            Ok(Input::Chat(messages?))
        }
        _ => Err(ApiError::invalid(
            "messages",
            "'messages' must be a list of at least one message.",
        )),
    }
}

fn message((index, value): (usize, Value)) -> Result<Message, ApiError> {
    let path = |field: &str| format!("messages[{index}].{field}");
    let Value::Object(mut fields) = value else {
        let name = format!("messages[{index}]");
        return Err(ApiError::invalid(&name, format!("'{name}' must be an object.")));
    };
    fields.retain(|_, value| !value.is_null());
    let role = match text(&mut fields, "role")?.as_deref() {
        None => return Err(ApiError::missing(&path("role"))),
        // OpenAI's newer name for the same thing.
        Some("developer") => "system".to_owned(),
        Some(role @ ("system" | "user" | "assistant")) => role.to_owned(),
        Some(_) => {
            let message = format!(
                "'{}' must be 'system', 'developer', 'user' or 'assistant'.",
                path("role")
            );
            return Err(ApiError::invalid(&path("role"), message));
        }
    };
    let content = match fields.remove("content") {
        None => return Err(ApiError::missing(&path("content"))),
        Some(Value::String(text)) => text,
        Some(Value::Array(parts)) => parts
            .iter()
            .map(|part| {
                let kind = part.get("type").and_then(Value::as_str);
                part.get("text")
                    .and_then(Value::as_str)
                    .filter(|_| kind == Some("text"))
            })
            .collect::<Option<String>>()
            .ok_or_else(|| {
                ApiError::invalid(
                    &path("content"),
                    "Only content parts of type 'text' are supported.",
                )
            })?,
        Some(_) => {
            let message = format!("'{}' must be a string or a list of text parts.", path("content"));
            return Err(ApiError::invalid(&path("content"), message));
        }
    };
    match fields.keys().next() {
        Some(name) => Err(ApiError::unsupported(&path(name))),
        None => Ok(Message { role, content }),
    }
}
