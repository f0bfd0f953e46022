//! Answers, whole or in chunks.

use crate::request::Endpoint;
use serde::Serialize;
use serde_json::{Value, json};

/// Token counts of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens the model read.
    pub prompt_tokens: u32,
    /// Those of them that were found in a cache.
    pub cached_tokens: u32,
    /// Tokens the model wrote, an end-of-text token included.
    pub completion_tokens: u32,
    /// Those of them that came before the answer: thoughts and their marks.
    pub reasoning_tokens: u32,
    /// Both.
    pub total_tokens: u32,
}

impl Usage {
    /// Counts of a prompt and an output.
    pub fn new(prompt_tokens: u32, completion_tokens: u32) -> Self {
        Self {
            prompt_tokens,
            cached_tokens: 0,
            completion_tokens,
            reasoning_tokens: 0,
            total_tokens: prompt_tokens.saturating_add(completion_tokens),
        }
    }

    /// The same where so many tokens of the prompt were found in a cache.
    #[must_use]
    pub fn with_cached(self, cached_tokens: u32) -> Self {
        Self {
            cached_tokens,
            ..self
        }
    }

    /// The same where so many tokens came before the answer.
    #[must_use]
    pub fn with_reasoning(self, reasoning_tokens: u32) -> Self {
        Self {
            reasoning_tokens,
            ..self
        }
    }

    /// Of two choices of one request: the prompt counts once.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        let prompt = self.prompt_tokens.max(other.prompt_tokens);
        let completion = self.completion_tokens.saturating_add(other.completion_tokens);
        Self::new(prompt, completion)
            .with_cached(self.cached_tokens.max(other.cached_tokens))
            .with_reasoning(self.reasoning_tokens.saturating_add(other.reasoning_tokens))
    }
}

impl Serialize for Usage {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = json!({
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.total_tokens,
            "prompt_tokens_details": {"cached_tokens": self.cached_tokens},
            "completion_tokens_details": {"reasoning_tokens": self.reasoning_tokens},
        });
        value.serialize(serializer)
    }
}

/// Why an output ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// End of text or a stop string.
    Stop,
    /// The token limit or the context.
    Length,
    /// The time of the request, for which OpenAI has the same word.
    Timeout,
    /// It ended, and called tools.
    ToolCalls,
}

impl FinishReason {
    /// As in the wire format.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length | Self::Timeout => "length",
            Self::ToolCalls => "tool_calls",
        }
    }
}

/// A call of a tool, or a piece of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolCall {
    /// Which one of the answer's.
    pub index: usize,
    /// Id and name, which come with the first piece.
    pub head: Option<(String, String)>,
    /// JSON, or the next piece of it.
    pub arguments: String,
}

impl ToolCall {
    fn whole(&self) -> Value {
        let (id, name) = self.head.clone().unwrap_or_default();
        json!({"id": id, "type": "function", "function": {"name": name, "arguments": self.arguments}})
    }

    fn piece(&self) -> Value {
        let arguments = &self.arguments;
        match &self.head {
            None => json!({"index": self.index, "function": {"arguments": arguments}}),
            Some((id, name)) => {
                let function = json!({"name": name, "arguments": arguments});
                json!({"index": self.index, "id": id, "type": "function", "function": function})
            }
        }
    }
}

/// One of a request's answers.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Thoughts before the answer.
    pub thought: String,
    /// Text.
    pub text: String,
    /// Calls of tools, which may stand in place of text.
    pub calls: Vec<ToolCall>,
    /// Log-probabilities, or null.
    pub logprobs: Value,
    /// Why it ended.
    pub finish: FinishReason,
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
    /// Whether thoughts have OpenRouter's name, too.
    pub openrouter: bool,
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
    pub fn whole(&self, choices: &[Choice], usage: Usage) -> Value {
        let choices = choices.iter().enumerate().map(|(index, choice)| {
            let Choice {
                thought,
                text,
                calls,
                logprobs,
                finish,
            } = choice;
            let finish = finish.as_str();
            match self.endpoint {
                Endpoint::Chat => {
                    // As OpenAI has it: null only beside calls.
                    let content = (!text.is_empty() || calls.is_empty()).then_some(text);
                    let mut message = json!({"role": "assistant", "content": content, "refusal": null});
                    self.think(&mut message, thought);
                    if !calls.is_empty() {
                        message["tool_calls"] = calls.iter().map(ToolCall::whole).collect();
                    }
                    json!({"index": index, "message": message, "logprobs": logprobs, "finish_reason": finish})
                }
                Endpoint::Completions => {
                    json!({"index": index, "text": text, "logprobs": logprobs, "finish_reason": finish})
                }
            }
        });
        let object = match self.endpoint {
            Endpoint::Chat => "chat.completion",
            Endpoint::Completions => "text_completion",
        };
        let mut answer = self.object(object, choices.collect());
        answer["usage"] = json!(usage);
        answer
    }

    /// The first chunk of a chat's choice, which names the speaker. Completions have none.
    pub fn opening(&self, choice: usize) -> Option<Value> {
        let delta = json!({"role": "assistant", "content": ""});
        match self.endpoint {
            Endpoint::Chat => Some(self.chunk(choice, json!({"delta": delta}), Value::Null)),
            Endpoint::Completions => None,
        }
    }

    /// Thoughts go beside the text, under the name that DeepSeek gave them.
    fn think(&self, message: &mut Value, thought: &str) {
        if !thought.is_empty() {
            message["reasoning_content"] = thought.into();
            if self.openrouter {
                message["reasoning"] = thought.into();
            }
        }
    }

    /// A chunk of thoughts.
    pub fn thought(&self, choice: usize, thought: &str) -> Value {
        let mut delta = json!({});
        self.think(&mut delta, thought);
        self.chunk(choice, json!({"delta": delta}), Value::Null)
    }

    /// A chunk of text, which may be empty where it brings log-probabilities.
    pub fn text(&self, choice: usize, text: &str, logprobs: Value) -> Value {
        let piece = match self.endpoint {
            Endpoint::Chat => json!({"delta": {"content": text}}),
            Endpoint::Completions => json!({"text": text}),
        };
        self.chunk(choice, piece, logprobs)
    }

    /// A chunk of a call.
    pub fn call(&self, choice: usize, call: &ToolCall, logprobs: Value) -> Value {
        self.chunk(choice, json!({"delta": {"tool_calls": [call.piece()]}}), logprobs)
    }

    /// The chunk that says why the output ended.
    pub fn closing(&self, choice: usize, finish: FinishReason, logprobs: Value) -> Value {
        let piece = match self.endpoint {
            Endpoint::Chat => json!({"delta": {}}),
            Endpoint::Completions => json!({"text": ""}),
        };
        let mut chunk = self.chunk(choice, piece, logprobs);
        chunk["choices"][0]["finish_reason"] = finish.as_str().into();
        chunk
    }

    /// The chunk of usage that a stream ends with if asked.
    pub fn usage(&self, usage: Usage) -> Value {
        let mut chunk = self.object(self.chunk_object(), json!([]));
        chunk["usage"] = json!(usage);
        chunk
    }

    fn chunk(&self, choice: usize, piece: Value, logprobs: Value) -> Value {
        let mut fields = json!({"index": choice});
        if let (Value::Object(fields), Value::Object(piece)) = (&mut fields, piece) {
            fields.extend(piece);
        }
        fields["logprobs"] = logprobs;
        fields["finish_reason"] = Value::Null;
        self.object(self.chunk_object(), json!([fields]))
    }

    fn chunk_object(&self) -> &'static str {
        match self.endpoint {
            Endpoint::Chat => "chat.completion.chunk",
            Endpoint::Completions => "text_completion",
        }
    }
}
