//! The events of a message.

use super::answer::{SIGNATURE, error, message, stop, thinking, usage};
use crate::dialect::answer::End;
use crate::dialect::stream::{Delta, Head, Translate, event};
use crate::response::Usage;
use http::StatusCode;
use serde_json::{Value, json};

/// Kind of the block that is being written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Nothing,
    Thoughts,
    Text,
    Call,
}

/// Writes the events of one message.
pub(in crate::dialect) struct Stream {
    open: Open,
    /// Blocks that are done.
    blocks: usize,
    end: End,
    /// At first the prompt alone; what of it was cached, the last event tells.
    usage: Usage,
}

fn send(out: &mut String, name: &str, mut data: Value) {
    let mut full = json!({"type": name});
    if let (Value::Object(full), Value::Object(data)) = (&mut full, &mut data) {
        full.append(data);
    }
    event(out, name, &full);
}

impl Stream {
    /// Of an answer to a prompt of so many tokens.
    pub(in crate::dialect) fn new(prompt: u32) -> Self {
        Self {
            open: Open::Nothing,
            blocks: 0,
            end: End::default(),
            usage: Usage::new(prompt, 0),
        }
    }

    fn start(&mut self, open: Open, block: Value, out: &mut String) {
        self.close(out);
        self.open = open;
        send(
            out,
            "content_block_start",
            json!({"index": self.blocks, "content_block": block}),
        );
    }

    fn piece(&self, delta: Value, out: &mut String) {
        send(
            out,
            "content_block_delta",
            json!({"index": self.blocks, "delta": delta}),
        );
    }

    fn close(&mut self, out: &mut String) {
        if self.open == Open::Thoughts {
            self.piece(json!({"type": "signature_delta", "signature": SIGNATURE}), out);
        }
        if self.open != Open::Nothing {
            send(out, "content_block_stop", json!({"index": self.blocks}));
            self.open = Open::Nothing;
            self.blocks += 1;
        }
    }
}

impl Translate for Stream {
    const KEEPS: bool = false;

    fn begin(&mut self, head: Head, out: &mut String) {
        let mut message = message(&head.id, &head.model, Vec::new());
        message["usage"] = usage(self.usage);
        send(out, "message_start", json!({"message": message}));
        send(out, "ping", json!({}));
    }

    fn delta(&mut self, delta: Delta, out: &mut String) {
        if !delta.thought.is_empty() {
            if self.open != Open::Thoughts {
                self.start(Open::Thoughts, thinking("", ""), out);
            }
            self.piece(json!({"type": "thinking_delta", "thinking": delta.thought}), out);
        }
        if !delta.text.is_empty() {
            if self.open != Open::Text {
                self.start(Open::Text, json!({"type": "text", "text": ""}), out);
            }
            self.piece(json!({"type": "text_delta", "text": delta.text}), out);
        }
        for (_, head, arguments) in delta.calls {
            if let Some((id, name)) = head {
                let block = json!({"type": "tool_use", "id": id, "name": name, "input": {}});
                self.start(Open::Call, block, out);
            }
            if !arguments.is_empty() && self.open == Open::Call {
                self.piece(
                    json!({"type": "input_json_delta", "partial_json": arguments}),
                    out,
                );
            }
        }
        self.end = delta.end.unwrap_or_else(|| std::mem::take(&mut self.end));
        self.usage = delta.usage.unwrap_or(self.usage);
    }

    fn finish(&mut self, out: &mut String) {
        if self.open == Open::Thoughts || (self.blocks == 0 && self.open == Open::Nothing) {
            // An answer without a word is an empty text.
            self.start(Open::Text, json!({"type": "text", "text": ""}), out);
        }
        self.close(out);
        let (reason, sequence) = stop(&self.end);
        let delta = json!({"stop_reason": reason, "stop_sequence": sequence});
        send(
            out,
            "message_delta",
            json!({"delta": delta, "usage": usage(self.usage)}),
        );
        send(out, "message_stop", json!({}));
    }

    fn fail(&mut self, cause: &Value, out: &mut String) {
        event(out, "error", &error(StatusCode::SERVICE_UNAVAILABLE, cause));
    }

    fn alive(&self, _raw: &str, out: &mut String) {
        send(out, "ping", json!({}));
    }
}
