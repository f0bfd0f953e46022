//! Answers, whole or in chunks.

use crate::request::Endpoint;
use serde::Serialize;
use serde_json::{Value, json};

/// Token counts of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Tokens the model read.
    pub prompt_tokens: u32,
    /// Tokens the model wrote, an end-of-text token included.
    pub completion_tokens: u32,
    /// Both.
    pub total_tokens: u32,
}

impl Usage {
    /// Counts of a prompt and an output.
    pub fn new(prompt_tokens: u32, completion_tokens: u32) -> Self {
        Self {
            prompt_tokens,
            completion_tokens,
            total_tokens: prompt_tokens.saturating_add(completion_tokens),
        }
    }
}

/// Why an output ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// End of text or a stop string.
    Stop,
    /// The token limit or the context.
    Length,
}

impl FinishReason {
    /// As in the wire format.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
        }
    }
}

/// What all parts of one answer share.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Id of the answer.
    pub id: String,
    /// Unix time in seconds.
    pub created: u64,
    /// Model id.
    pub model: String,
    /// Which shape to speak.
    pub endpoint: Endpoint,
}

impl Frame {
    fn object(&self, object: &str, choices: Value) -> Value {
        let Self {
            id, created, model, ..
        } = self;
        json!({"id": id, "object": object, "created": created, "model": model, "choices": choices,
               "system_fingerprint": null})
    }

    /// A whole answer.
    pub fn whole(&self, text: &str, finish: FinishReason, usage: Usage) -> Value {
        let finish = finish.as_str();
        let (object, choice) = match self.endpoint {
            Endpoint::Chat => {
                let message = json!({"role": "assistant", "content": text, "refusal": null});
                let choice =
                    json!({"index": 0, "message": message, "logprobs": null, "finish_reason": finish});
                ("chat.completion", choice)
            }
            Endpoint::Completions => {
                let choice = json!({"index": 0, "text": text, "logprobs": null, "finish_reason": finish});
                ("text_completion", choice)
            }
        };
        let mut answer = self.object(object, json!([choice]));
        answer["usage"] = json!(usage);
        answer
    }

    /// The first chunk of a chat, which names the speaker. Completions have none.
    pub fn opening(&self) -> Option<Value> {
        let delta = json!({"role": "assistant", "content": ""});
        match self.endpoint {
            Endpoint::Chat => Some(self.chunk(json!({"index": 0, "delta": delta, "finish_reason": null}))),
            Endpoint::Completions => None,
        }
    }

    /// A chunk of text.
    pub fn text(&self, text: &str) -> Value {
        self.chunk(match self.endpoint {
            Endpoint::Chat => json!({"index": 0, "delta": {"content": text}, "finish_reason": null}),
            Endpoint::Completions => json!({"index": 0, "text": text, "finish_reason": null}),
        })
    }

    /// The chunk that says why the output ended.
    pub fn closing(&self, finish: FinishReason) -> Value {
        let finish = finish.as_str();
        self.chunk(match self.endpoint {
            Endpoint::Chat => json!({"index": 0, "delta": {}, "finish_reason": finish}),
            Endpoint::Completions => json!({"index": 0, "text": "", "finish_reason": finish}),
        })
    }

    /// The chunk of usage that a stream ends with if asked.
    pub fn usage(&self, usage: Usage) -> Value {
        let mut chunk = self.object(self.chunk_object(), json!([]));
        chunk["usage"] = json!(usage);
        chunk
    }

    fn chunk(&self, mut choice: Value) -> Value {
        choice["logprobs"] = Value::Null;
        self.object(self.chunk_object(), json!([choice]))
    }

    fn chunk_object(&self) -> &'static str {
        match self.endpoint {
            Endpoint::Chat => "chat.completion.chunk",
            Endpoint::Completions => "text_completion",
        }
    }
}

/// One entry of `/v1/models`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Model {
    /// Model id.
    pub id: String,
    /// Always `model`.
    pub object: String,
    /// Unix time in seconds.
    pub created: u64,
    /// Who serves it.
    pub owned_by: String,
    /// Longest prompt and output together, in tokens.
    pub context_length: u32,
}

/// The answer of `/v1/models`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct ModelList {
    /// Always `list`.
    pub object: String,
    /// The models.
    pub data: Vec<Model>,
}

impl ModelList {
    /// A list of models.
    pub fn new(data: Vec<Model>) -> Self {
        Self {
            object: "list".into(),
            data,
        }
    }
}
