//! Versions of what makes a request's tokens in this release. Each rises with a change that makes other tokens of any
//! request: hosts and auditors of a model must have the same, or honest answers would look like fraud. The rule counts
//! from the first release on: before it there is nobody to differ from.
//!
//! `versions.json` holds what the fixed requests of the test below become, a digest for each version: with a change comes a
//! further one, and the version is how many there are. The last is replaced only while no release has it, and where other
//! requests are looked at or another model is packaged.

/// From logits to tokens: `engine/tests/vectors/sampler.json` holds what it stands for.
pub(super) const SAMPLER: u32 = 1;
/// From messages and tools to the prompt's tokens.
pub(super) const RENDERING: u32 = 1;
/// From schemas and grammars to the sampler's masks.
pub(super) const GRAMMAR: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::Job;
    use crate::http::tests::{TEMPLATES, text};
    use crate::http::{Service, prepare};
    use crate::metrics::Metrics;
    use crate::model::Text;
    use crate::model::tests::{ALWAYS, HYBRID, packaged_model, thinking_model};
    use crate::scheduler::Scheduler;
    use quern_engine::masks::Masks;
    use quern_inference_api::{Endpoint, Request};
    use serde_json::{Value, json};
    use sha2::{Digest, Sha256};
    use std::fmt::Write;
    use std::sync::Arc;

    /// Steps of an output in which masks are looked at.
    const STEPS: usize = 24;

    /// Shows calls and what answers them, and uses what templates use.
    const LONG: &str = "{{ bos_token }}{%- for m in messages %}[{{ m.role | upper }}{% if m.name is defined %} \
        {{ m.name }}{% endif %}] {% if m.tool_calls %}\
        {% for call in m.tool_calls %}{{ call.function.name }}({{ call.function.arguments | tojson }}){% endfor %}\
        {% else %}{{ m['content'] | trim }}{% endif %}{{ '\\n' if not loop.last }}{%- endfor %}\
        {% if tools is defined and tools %}{{ tools | tojson(indent=2) }}<tool_call>{% endif %}\
        {% if add_generation_prompt %}\n[ASSISTANT]{% endif %}";

    fn service(text: Text) -> Service {
        let text = Arc::new(text);
        let metrics = Metrics::alone("m").unwrap();
        let (scheduler, _) = Scheduler::new(1, 1, metrics.clone(), text.tokenizer.clone());
        Service {
            model_id: "m".into(),
            created: 0,
            context: 2048,
            text,
            scheduler,
            metrics,
        }
    }

    fn tools() -> Value {
        let weather = json!({"type": "object", "properties": {
            "city": {"type": "string", "maxLength": 12}, "days": {"type": "integer", "minimum": 1, "maximum": 14},
            "unit": {"enum": ["°C", "°F", null]}}, "required": ["city"], "additionalProperties": false});
        json!([
            {"type": "function", "function": {"name": "weather", "description": "Tells the weather.\nNo \"more\".",
                "parameters": weather, "strict": true}},
            {"type": "function", "function": {"name": "stop"}},
        ])
    }

    /// Requests of a chat with tools, and what of each decides how a call may look.
    fn of_tools() -> Vec<Value> {
        let named = json!({"type": "function", "function": {"name": "weather"}});
        let choices = [json!("auto"), json!("required"), json!("none"), named];
        let choices = choices.into_iter().flat_map(|choice| {
            [true, false].map(|several| json!({"tool_choice": choice, "parallel_tool_calls": several}))
        });
        choices
            .map(|mut request| {
                request["messages"] = json!([{"role": "user", "content": "Will it rain in Zürich?"}]);
                request["tools"] = tools();
                request
            })
            .collect()
    }

    /// Requests that hold the output to something.
    fn of_formats() -> Vec<Value> {
        let schema = json!({
            "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}, "id": {"type": "integer"}}}},
            "type": "object",
            "properties": {
                "list": {"type": "array", "items": {"$ref": "#/$defs/node"}, "minItems": 1, "maxItems": 3},
                "when": {"type": "string", "format": "date-time"},
                "code": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]+$"},
                "either": {"anyOf": [{"type": "number", "minimum": -1.5, "exclusiveMaximum": 7}, {"type": "null"}]},
                "both": {"allOf": [{"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"]},
                    {"type": "object", "properties": {"b": {"enum": ["x", "y"]}}}]},
            },
            "required": ["list", "code"],
            "additionalProperties": {"type": "boolean"},
        });
        let formats = [
            json!({"response_format": {"type": "json_object"}}),
            json!({"response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}}),
            json!({"guided_regex": "(yes|no), [a-zäöü]{3,9}(\\.|!)"}),
            json!({"guided_choice": ["left", "right \"now\"", "links"]}),
            json!({"guided_grammar": "start: item (\",\" item)*\nitem: /[a-z]+/ | \"(\" start \")\""}),
        ];
        formats
            .map(|mut request| {
                request["messages"] = json!([{"role": "user", "content": "Go on."}]);
                request
            })
            .into()
    }

    /// Chats and texts that hold the output to nothing.
    fn plain() -> Vec<Value> {
        let call = json!({"id": "call_1", "type": "function",
            "function": {"name": "weather", "arguments": "{\"city\": \"Zürich\", \"days\": 2}"}});
        let parts = json!([{"type": "text", "text": " two"}, {"type": "text", "text": " parts \n"}]);
        vec![
            json!({"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": parts}]}),
            json!({"messages": [{"role": "user", "content": "1 < 2 & <|im_end|> 日本 🙂\t'x'"},
                {"role": "assistant", "content": ""}, {"role": "user", "content": "Again?"}]}),
            json!({"tools": tools(), "messages": [{"role": "user", "content": "Rain?"},
                {"role": "assistant", "content": null, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "call_1", "content": "No.\n"}]}),
            json!({"messages": [{"role": "user", "name": "ann", "content": "Who am I?"},
                {"role": "assistant", "name": "the <|im_end|>", "content": "Ann."}, {"role": "user", "content": "And I?"}]}),
            json!({"prompt": "Once upon a time <|im_start|> naïve\n"}),
            json!({"prompt": [1, 2, 300, 301]}),
        ]
    }

    /// Requests that hold the output to calls or a format, whichever the model chooses, and to one of them.
    fn of_both() -> Vec<Value> {
        let mut requests = Vec::new();
        for format in of_formats() {
            for choice in ["auto", "required", "none"] {
                let mut request = format.clone();
                request["tools"] = tools();
                request["tool_choice"] = choice.into();
                requests.push(request);
            }
        }
        requests
    }

    /// Requests of models that think: what is thought before, how long, and what is held to something behind it.
    fn of_thoughts() -> Vec<Value> {
        let before = json!([{"role": "user", "content": "a"},
            {"role": "assistant", "reasoning_content": "\n let me see\n", "content": "b"}, {"role": "user", "content": "c"}]);
        let asked = [
            json!({}),
            json!({"reasoning_effort": "none"}),
            json!({"reasoning_effort": "high"}),
            json!({"reasoning": {"max_tokens": 5}}),
            json!({"thinking_token_budget": 0}),
            json!({"chat_template_kwargs": {"enable_thinking": false}}),
        ];
        let all = [plain(), of_tools(), of_formats(), of_both()].concat();
        let all = all.into_iter().filter(|body| body.get("prompt").is_none());
        let all = all.chain([json!({"messages": before})]);
        let each = all.flat_map(|body| {
            asked.clone().map(|more| {
                let mut request = body.clone();
                request
                    .as_object_mut()
                    .unwrap()
                    .extend(more.as_object().unwrap().clone());
                request
            })
        });
        each.collect()
    }

    /// What a job permits in each step of an output that it chooses itself; none where that is everything.
    fn masks(job: &Job, text: &Text) -> Option<String> {
        let (thinking, grammar) = (job.shape.thinking.as_ref(), job.shape.grammar.as_deref());
        if grammar.is_none() && thinking.is_none() {
            return None;
        }
        let (mut state, mut digest) = (Masks::new(thinking, grammar), Sha256::new());
        for step in 0..STEPS {
            let mask = match state.mask(text.tokenizer.tokens()) {
                Ok(mask) => mask,
                Err(error) => return Some(error.to_string()),
            };
            // All and no mask are the same to the sampler.
            let mask = mask.unwrap_or_else(|| text.tokenizer.tokens().clone());
            mask.iter().for_each(|id| digest.update(id.to_le_bytes()));
            digest.update([0xff; 4]);
            let token = mask.iter().nth((step * 7 + 3) % mask.len()).unwrap();
            state.push(token).unwrap();
            if text.tokenizer.is_end(token) {
                break;
            }
        }
        Some(hex::encode(&digest.finalize()[..8]))
    }

    /// What a model's requests become: a line each of prompts, and of grammars with their masks.
    fn lines(name: &str, text: Text, bodies: Vec<Value>, (prompts, grammars): (&mut String, &mut String)) {
        let service = service(text);
        for body in bodies {
            let endpoint = match body.get("prompt") {
                Some(_) => Endpoint::Completions,
                None => Endpoint::Chat,
            };
            let mut whole = body.clone();
            whole["model"] = "m".into();
            let request = Request::parse(endpoint, whole.to_string().as_bytes()).unwrap();
            match prepare(&service, &request) {
                Ok(job) => {
                    writeln!(prompts, "{name} {body} -> {:?}", job.prompt).unwrap();
                    if let Some(masks) = masks(&job, &service.text) {
                        let grammar = job.shape.grammar.as_ref().map(|grammar| grammar.canonical());
                        let thinking = job.shape.thinking.as_ref();
                        let thinking = thinking.map(|thinking| (thinking.start, thinking.budget));
                        writeln!(grammars, "{name} {body} -> {grammar:?} {thinking:?} {masks}").unwrap();
                    }
                }
                Err(_) => writeln!(prompts, "{name} {body} -> refused").unwrap(),
            }
        }
    }

    #[test]
    fn what_fixed_requests_become_changes_with_a_version_only() {
        let (mut prompts, mut grammars) = (String::new(), String::new());
        let usual = || [plain(), of_tools(), of_formats(), of_both()].concat();
        let mut add = |name: &str, text, bodies| lines(name, text, bodies, (&mut prompts, &mut grammars));
        add("packaged", Text::load(&packaged_model()).unwrap(), usual());
        for (name, template) in TEMPLATES.into_iter().chain([("long", LONG)]) {
            for special in [true, false] {
                let (_folder, text) = text(template, special);
                add(name, text, usual());
            }
        }
        for (name, end) in [("hybrid", HYBRID), ("always", ALWAYS)] {
            let folder = tempfile::tempdir().unwrap();
            let text = Text::load(&thinking_model(folder.path(), end)).unwrap();
            add(name, text, of_thoughts());
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/paid/versions.json");
        let noted: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let versions = [("rendering", RENDERING, prompts), ("grammar", GRAMMAR, grammars)];
        let mut wrong = String::new();
        for (name, version, found) in versions {
            let noted = noted[name].as_array().unwrap();
            assert_eq!(noted.len(), version as usize, "{name}: a version for each digest");
            let digest = hex::encode(&Sha256::digest(&found)[..16]);
            if noted.last().unwrap() != &digest {
                writeln!(wrong, "{name} has the digest {digest} now:\n{found}").unwrap();
            }
        }
        assert!(
            wrong.is_empty(),
            "requests become something else than in this version: add the digest to {path}, and raise the version\n{wrong}"
        );
    }
}
