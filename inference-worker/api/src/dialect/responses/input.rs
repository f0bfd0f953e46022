//! Items of a conversation as messages of a chat.

use crate::dialect::fields::{REFUSAL, joined, none_left, object, optional_text, required_text};
use crate::error::ApiError;
use serde_json::{Map, Value, json};

/// A hint of where a prompt may be cached, without effect.
const BREAKPOINT: &str = "prompt_cache_breakpoint";
/// Most items.
const MAX_ITEMS: usize = 16_384;

/// Reads `instructions` and `input`; each message comes with the path of what it was made of.
pub(super) fn messages(fields: &mut Map<String, Value>) -> Result<(Vec<Value>, Vec<String>), ApiError> {
    let mut list = List::default();
    if let Some(text) = optional_text(fields, "instructions", "instructions")? {
        list.push("instructions".into(), json!({"role": "system", "content": text}));
    }
    match fields.remove("input") {
        None => return Err(ApiError::missing("input")),
        Some(Value::String(text)) => list.push("input".into(), json!({"role": "user", "content": text})),
        Some(Value::Array(items)) if (1..=MAX_ITEMS).contains(&items.len()) => {
            for (index, item) in items.into_iter().enumerate() {
                list.item(format!("input[{index}]"), item)?;
            }
        }
        Some(_) => {
            let message = format!("'input' must be a string or a list of 1 to {MAX_ITEMS} items.");
            return Err(ApiError::invalid("input", message));
        }
    }
    Ok((list.messages, list.origins))
}

#[derive(Default)]
struct List {
    messages: Vec<Value>,
    origins: Vec<String>,
    /// Thoughts that go with what the assistant says next.
    thought: String,
}

impl List {
    /// Thoughts that no answer follows are of no turn, and go.
    fn push(&mut self, origin: String, mut message: Value) {
        let thought = std::mem::take(&mut self.thought);
        if message["role"] == "assistant" && !thought.is_empty() {
            message["reasoning_content"] = thought.into();
        }
        self.messages.push(message);
        self.origins.push(origin);
    }

    fn item(&mut self, path: String, item: Value) -> Result<(), ApiError> {
        let mut item = object(&path, item)?;
        // Ids and states that an answer's items came with; nothing is stored that they could name.
        let labels = ["id", "status"];
        item.retain(|name, _| !labels.contains(&name.as_str()));
        let kind = optional_text(&mut item, "type", &format!("{path}.type"))?;
        match kind.as_deref().unwrap_or("message") {
            "message" => self.message(path, item),
            "function_call" => self.call(path, item),
            "function_call_output" => self.output(path, item),
            "reasoning" => self.reasoning(&path, item),
            kind => Err(ApiError {
                code: Some("unsupported_parameter"),
                ..ApiError::invalid(
                    &format!("{path}.type"),
                    format!(
                        "'{path}.type' must be 'message', 'reasoning', 'function_call' or 'function_call_output': \
                         '{kind}' is not supported."
                    ),
                )
            }),
        }
    }

    fn message(&mut self, path: String, mut item: Map<String, Value>) -> Result<(), ApiError> {
        let role = required_text(&mut item, "role", &format!("{path}.role"))?;
        let content = item
            .remove("content")
            .ok_or_else(|| ApiError::missing(&format!("{path}.content")))?;
        let kinds: &[&str] = match role.as_str() {
            "assistant" => &["input_text", "output_text", "text", REFUSAL],
            _ => &["input_text", "output_text", "text"],
        };
        let labels = ["annotations", "logprobs", BREAKPOINT];
        let text = joined(&format!("{path}.content"), content, kinds, &labels)?;
        none_left(&path, &item)?;
        if !["system", "developer", "user", "assistant"].contains(&role.as_str()) {
            let path = format!("{path}.role");
            let message = format!("'{path}' must be 'system', 'developer', 'user' or 'assistant'.");
            return Err(ApiError::invalid(&path, message));
        }
        self.push(path, json!({"role": role, "content": text}));
        Ok(())
    }

    /// Thoughts of an earlier answer: their text, or else what sums them up. What is encrypted only its writer can read.
    fn reasoning(&mut self, path: &str, mut item: Map<String, Value>) -> Result<(), ApiError> {
        if item.remove("encrypted_content").is_some() {
            return Err(ApiError::unsupported(&format!("{path}.encrypted_content")));
        }
        let mut text = |name: &str, kind: &str| match item.remove(name) {
            None => Ok(String::new()),
            Some(parts) => joined(&format!("{path}.{name}"), parts, &[kind], &[]),
        };
        let (content, summary) = (
            text("content", "reasoning_text")?,
            text("summary", "summary_text")?,
        );
        none_left(path, &item)?;
        self.thought
            .push_str(if content.is_empty() { &summary } else { &content });
        Ok(())
    }

    /// Calls of one turn are one message, together with the text before them.
    fn call(&mut self, path: String, mut item: Map<String, Value>) -> Result<(), ApiError> {
        let mut take = |name: &str| required_text(&mut item, name, &format!("{path}.{name}"));
        let (id, name, arguments) = (take("call_id")?, take("name")?, take("arguments")?);
        none_left(&path, &item)?;
        let call = json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}});
        if self.thought.is_empty()
            && let Some(Value::Object(last)) = self.messages.last_mut()
            && last.get("role").is_some_and(|role| role == "assistant")
        {
            let calls = last.entry("tool_calls").or_insert_with(|| json!([]));
            if let Value::Array(calls) = calls {
                calls.push(call);
            }
            return Ok(());
        }
        self.push(
            path,
            json!({"role": "assistant", "content": "", "tool_calls": [call]}),
        );
        Ok(())
    }

    fn output(&mut self, path: String, mut item: Map<String, Value>) -> Result<(), ApiError> {
        let id = required_text(&mut item, "call_id", &format!("{path}.call_id"))?;
        let output = item
            .remove("output")
            .ok_or_else(|| ApiError::missing(&format!("{path}.output")))?;
        let text = joined(
            &format!("{path}.output"),
            output,
            &["input_text", "text"],
            &[BREAKPOINT],
        )?;
        none_left(&path, &item)?;
        self.push(path, json!({"role": "tool", "tool_call_id": id, "content": text}));
        Ok(())
    }
}
