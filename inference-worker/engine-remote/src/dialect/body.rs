//! The body that an engine is sent. Everything that shapes the output is said, because engines' defaults differ.

use super::{format, repetition_penalty};
use crate::capabilities::{Capabilities, EngineKind};
use quern_inference_api::tools::ToolChoice;
use quern_inference_api::{Endpoint, Input, Message, Request};
use serde_json::{Map, Value, json};

/// The engine's path for a request.
pub fn path(endpoint: Endpoint) -> &'static str {
    endpoint.path()
}

/// What the engine is sent for a request that [`super::check()`] let through.
pub fn body(request: &Request, capabilities: &Capabilities) -> Value {
    let kind = capabilities.kind;
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| {
        body.insert(name.to_owned(), value);
    };
    put("model", json!(capabilities.model));
    match &request.input {
        Input::Chat(messages) => put("messages", messages.iter().map(message).collect()),
        Input::Text(text) => put("prompt", json!(text)),
        Input::Tokens(ids) => put("prompt", json!(ids)),
    }
    if let Some(most) = request.max_tokens {
        put("max_tokens", json!(most));
    }
    put("temperature", json!(request.temperature));
    put("top_p", json!(request.top_p));
    put("frequency_penalty", json!(request.frequency_penalty));
    put("presence_penalty", json!(request.presence_penalty));
    if capabilities.top_k {
        let off = if matches!(kind, EngineKind::Vllm | EngineKind::Sglang) {
            -1
        } else {
            0
        };
        put(
            "top_k",
            json!(if request.top_k == 0 {
                off
            } else {
                i64::from(request.top_k)
            }),
        );
    }
    if capabilities.min_p {
        put("min_p", json!(request.min_p));
    }
    if let Some(name) = repetition_penalty(kind) {
        put(name, json!(request.repetition_penalty));
    }
    if !request.logit_bias.is_empty() {
        let biases = request
            .logit_bias
            .iter()
            .map(|(id, bias)| (id.to_string(), json!(bias)));
        put("logit_bias", Value::Object(biases.collect()));
    }
    if let Some(seed) = request.seed {
        put("seed", json!(folded(seed, kind)));
    }
    if !request.stop.is_empty() {
        put("stop", json!(request.stop));
    }
    if request.n > 1 {
        put("n", json!(request.n));
    }
    if let Some(top) = request.logprobs {
        match request.endpoint {
            Endpoint::Chat => {
                put("logprobs", json!(true));
                put("top_logprobs", json!(top));
            }
            Endpoint::Completions => put("logprobs", json!(top)),
        }
    }
    if !request.tools.list.is_empty() {
        put("tools", Value::Array(tools_sent(request)));
        put("tool_choice", choice(&request.tools.choice));
        if !request.tools.parallel {
            put("parallel_tool_calls", json!(false));
        }
    }
    let mut template = request.template.clone();
    if let Some(effort) = template.remove("reasoning_effort") {
        put("reasoning_effort", effort);
    }
    let kwargs = matches!(kind, EngineKind::Vllm | EngineKind::Sglang | EngineKind::LlamaCpp);
    if let Some(enabled) = request.reasoning.enabled.filter(|_| kwargs) {
        // Templates take no notice of a variable that they do not know.
        for switch in ["enable_thinking", "thinking"] {
            template.entry(switch).or_insert_with(|| enabled.into());
        }
    }
    if !template.is_empty() {
        put("chat_template_kwargs", Value::Object(template));
    }
    if let Some(salt) = &request.cache_salt {
        put("cache_salt", json!(salt));
    }
    put("stream", json!(request.stream));
    if request.stream && capabilities.stream_usage {
        put("stream_options", json!({"include_usage": true}));
    }
    if let Some(asked) = &request.format {
        format::put(&asked.format, kind, &mut body);
    }
    Value::Object(body)
}

/// The tools that an engine is sent, and so what its prompt shows: it has no word for some of them that may be called.
pub fn tools_sent(request: &Request) -> Vec<Value> {
    let tools = &request.tools;
    let open = tools.list.iter().filter(|tool| tools.is_allowed(&tool.name));
    open.map(|tool| tool.raw.clone()).collect()
}

fn choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::None => json!("none"),
        ToolChoice::Auto => json!("auto"),
        ToolChoice::Required => json!("required"),
        ToolChoice::Named(name) => json!({"type": "function", "function": {"name": name}}),
    }
}

/// Most engines hold a seed in 32 bits, and take a negative one for none.
fn folded(seed: i64, kind: EngineKind) -> i64 {
    match kind {
        EngineKind::Vllm => seed,
        _ => (seed ^ (seed >> 31)) & 0x7fff_ffff,
    }
}

/// A message as a client sent it: templates here take the arguments of calls as objects, engines as text.
fn message(message: &Message) -> Value {
    let mut value = json!({"role": message.role, "content": message.content});
    if let Value::Object(fields) = &mut value {
        fields.extend(message.extra.clone());
    }
    if let Some(calls) = value.get_mut("tool_calls").and_then(Value::as_array_mut) {
        for call in calls {
            let Some(arguments) = call.pointer_mut("/function/arguments") else {
                continue;
            };
            if !arguments.is_string() {
                *arguments = arguments.to_string().into();
            }
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_fit_engines_that_hold_31_bits() {
        for seed in [0, 1, -1, i64::MIN, i64::MAX, 1 << 40] {
            let folded = folded(seed, EngineKind::LlamaCpp);
            assert!((0..=i64::from(i32::MAX)).contains(&folded), "{seed}");
        }
        assert_eq!(folded(7, EngineKind::LlamaCpp), 7);
        assert_ne!(folded(-1, EngineKind::Vllm), folded(-1, EngineKind::LlamaCpp));
    }
    #[test]
    fn of_some_tools_an_engine_is_sent_those_that_may_be_called() {
        let named = |name: &str| json!({"type": "function", "function": {"name": name}});
        let sent = |choice: Value| {
            let sent = json!({"model": "m", "messages": [{"role": "user", "content": "x"}],
                "tools": [named("f"), named("g")], "tool_choice": choice});
            let request = Request::parse(Endpoint::Chat, sent.to_string().as_bytes()).unwrap();
            let body = body(&request, &Capabilities::default());
            (body["tools"].clone(), body["tool_choice"].clone())
        };
        let some =
            json!({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [named("g")]}});
        assert_eq!(sent(some), (json!([named("g")]), json!("required")));
        assert_eq!(
            sent(json!("auto")),
            (json!([named("f"), named("g")]), json!("auto"))
        );
    }
}
