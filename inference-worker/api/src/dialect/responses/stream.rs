//! The events of a response.

use super::answer::{Named, call, ended, message, part, reasoning, response, state, thought};
use crate::dialect::answer::{Call, End};
use crate::dialect::stream::{Delta, Head, Translate, event};
use crate::response::Usage;
use serde_json::{Value, json};

/// What is being written.
enum Open {
    Nothing,
    Thoughts(String),
    Text { text: String, logprobs: Vec<Value> },
    Call(Call),
}

/// Writes the events of one response.
pub(in crate::dialect) struct Stream {
    echo: Value,
    head: Head,
    number: u64,
    open: Open,
    /// Items that are done.
    output: Vec<Value>,
    calls: usize,
    end: Option<End>,
    usage: Option<Usage>,
}

impl Stream {
    pub(in crate::dialect) fn new(echo: Value) -> Self {
        Self {
            echo,
            head: Head::default(),
            number: 0,
            open: Open::Nothing,
            output: Vec::new(),
            calls: 0,
            end: None,
            usage: None,
        }
    }

    fn send(&mut self, out: &mut String, name: &str, mut data: Value) {
        let mut full = json!({"type": name, "sequence_number": self.number});
        if let (Value::Object(full), Value::Object(data)) = (&mut full, &mut data) {
            full.append(data);
        }
        self.number += 1;
        event(out, name, &full);
    }

    fn response(&self, status: &str) -> Value {
        let named = Named {
            id: &self.head.id,
            created: self.head.created,
            model: &self.head.model,
        };
        response(&self.echo, &named, status, self.output.clone())
    }

    fn item_id(&self) -> String {
        match self.open {
            Open::Thoughts(_) => format!("rs_{}", self.head.id),
            Open::Call(_) => format!("fc_{}_{}", self.head.id, self.calls.saturating_sub(1)),
            _ => format!("msg_{}", self.head.id),
        }
    }

    fn thought(&mut self, more: &str, out: &mut String) {
        if !matches!(self.open, Open::Thoughts(_)) {
            self.close(false, out);
            self.open = Open::Thoughts(String::new());
            let (index, item) = (
                self.output.len(),
                reasoning(&self.head.id, "in_progress", Vec::new()),
            );
            self.send(
                out,
                "response.output_item.added",
                json!({"output_index": index, "item": item}),
            );
            let data = json!({"item_id": self.item_id(), "output_index": index, "content_index": 0, "part": thought("")});
            self.send(out, "response.content_part.added", data);
        }
        if let Open::Thoughts(text) = &mut self.open {
            text.push_str(more);
        }
        let data = json!({"item_id": self.item_id(), "output_index": self.output.len(), "content_index": 0,
                          "delta": more});
        self.send(out, "response.reasoning_text.delta", data);
    }

    fn text(&mut self, more: &str, entries: Vec<Value>, out: &mut String) {
        if !matches!(self.open, Open::Text { .. }) {
            self.close(false, out);
            let index = self.output.len();
            self.open = Open::Text {
                text: String::new(),
                logprobs: Vec::new(),
            };
            let item = message(&self.head.id, "in_progress", Vec::new());
            self.send(
                out,
                "response.output_item.added",
                json!({"output_index": index, "item": item}),
            );
            let (id, part) = (self.item_id(), part("", &[]));
            let data = json!({"item_id": id, "output_index": index, "content_index": 0, "part": part});
            self.send(out, "response.content_part.added", data);
        }
        if let Open::Text { text, logprobs } = &mut self.open {
            text.push_str(more);
            logprobs.extend(entries.iter().cloned());
        }
        let data = json!({"item_id": self.item_id(), "output_index": self.output.len(), "content_index": 0,
                          "delta": more, "logprobs": entries});
        self.send(out, "response.output_text.delta", data);
    }

    fn call(&mut self, head: Option<(String, String)>, more: &str, out: &mut String) {
        if let Some((id, name)) = head {
            self.close(false, out);
            let own = Call {
                id,
                name,
                arguments: String::new(),
            };
            let item = call(&self.head.id, self.calls, "in_progress", &own);
            self.calls += 1;
            self.open = Open::Call(own);
            let data = json!({"output_index": self.output.len(), "item": item});
            self.send(out, "response.output_item.added", data);
        }
        let Open::Call(own) = &mut self.open else {
            return;
        };
        if !more.is_empty() {
            own.arguments.push_str(more);
            let data = json!({"item_id": self.item_id(), "output_index": self.output.len(), "delta": more});
            self.send(out, "response.function_call_arguments.delta", data);
        }
    }

    /// Ends what is being written.
    fn close(&mut self, cut: bool, out: &mut String) {
        let (index, id) = (self.output.len(), self.item_id());
        let item = match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing => return,
            Open::Thoughts(text) => {
                let data = json!({"item_id": id, "output_index": index, "content_index": 0, "text": text});
                self.send(out, "response.reasoning_text.done", data);
                let part = thought(&text);
                let data = json!({"item_id": id, "output_index": index, "content_index": 0, "part": part});
                self.send(out, "response.content_part.done", data);
                reasoning(&self.head.id, state(cut), vec![part])
            }
            Open::Text { text, logprobs } => {
                let data = json!({"item_id": id, "output_index": index, "content_index": 0, "text": text,
                                  "logprobs": logprobs});
                self.send(out, "response.output_text.done", data);
                let part = part(&text, &logprobs);
                let data = json!({"item_id": id, "output_index": index, "content_index": 0, "part": part});
                self.send(out, "response.content_part.done", data);
                message(&self.head.id, state(cut), vec![part])
            }
            Open::Call(own) => {
                let data = json!({"item_id": id, "output_index": index, "name": own.name,
                                  "arguments": own.arguments});
                self.send(out, "response.function_call_arguments.done", data);
                call(&self.head.id, self.calls.saturating_sub(1), state(cut), &own)
            }
        };
        let data = json!({"output_index": index, "item": item});
        self.send(out, "response.output_item.done", data);
        self.output.push(item);
    }
}

impl Translate for Stream {
    const KEEPS: bool = true;

    fn begin(&mut self, head: Head, out: &mut String) {
        self.head = head;
        for name in ["response.created", "response.in_progress"] {
            let response = self.response("in_progress");
            self.send(out, name, json!({"response": response}));
        }
    }

    fn delta(&mut self, delta: Delta, out: &mut String) {
        if !delta.thought.is_empty() {
            self.thought(&delta.thought, out);
        }
        if !delta.text.is_empty() || (!delta.logprobs.is_empty() && delta.calls.is_empty()) {
            self.text(&delta.text, delta.logprobs, out);
        }
        for (_, head, arguments) in delta.calls {
            self.call(head, &arguments, out);
        }
        self.end = delta.end.or(self.end.take());
        self.usage = delta.usage.or(self.usage);
    }

    fn finish(&mut self, out: &mut String) {
        let cut = self.end.as_ref().is_some_and(|end| end.reason == "length");
        if matches!(self.open, Open::Thoughts(_)) {
            self.close(cut, out);
        }
        let spoken = self.output.iter().any(|item| item["type"] != "reasoning");
        if !spoken && matches!(self.open, Open::Nothing) {
            // An answer without a word is an empty message.
            self.text("", Vec::new(), out);
        }
        self.close(cut, out);
        let response = ended(self.response("completed"), cut, self.usage.unwrap_or_default());
        let name = if cut {
            "response.incomplete"
        } else {
            "response.completed"
        };
        self.send(out, name, json!({"response": response}));
    }

    fn fail(&mut self, error: &Value, out: &mut String) {
        let mut response = self.response("failed");
        response["error"] = json!({"code": "server_error", "message": error["message"]});
        self.send(out, "response.failed", json!({"response": response}));
    }
}
