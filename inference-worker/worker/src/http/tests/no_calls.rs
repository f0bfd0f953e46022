//! `tool_choice: "none"`: the model sees the tools as ever, and calls none.

use super::{TEMPLATES, text};
use crate::http::tools::{Style, no_call};
use crate::http::{Service, prepare};
use crate::metrics::Metrics;
use crate::scheduler::Scheduler;
use quern_inference_api::{Endpoint, Request};
use serde_json::{Value, json};
use std::sync::Arc;

#[test]
fn a_model_that_may_call_none_of_its_tools_can_begin_no_call_and_write_all_else() {
    for (name, template) in TEMPLATES {
        for special in [false, true] {
            let (_folder, text) = text(template, special);
            let Some(constraint) = no_call(&text) else {
                assert_eq!(Style::of(&text), Style::Untaught, "{name}");
                continue;
            };
            let opening = match name {
                "tagged" | "parameters" => "I see. <tool_call>",
                "listed" | "named" => "I see. [TOOL_CALLS]",
                _ => " {\"name\": \"f\"",
            };
            let words = "{\"x\": 1}\nNo <tool, no [tool: it is 5.";
            let grammar = text.grammars.compile(&text.tokenizer, &constraint).unwrap();
            for (begin, permitted) in [(words, true), ("", true), (opening, false)] {
                let mut state = grammar.start();
                let mut ids = text.tokenizer.encode(begin, false).unwrap().into_iter();
                let taken = ids.all(|id| state.mask().unwrap().contains(id) && state.push(id).is_ok());
                assert_eq!(taken, permitted, "{name}, {special}, {begin:?}");
                // It may end wherever it is.
                let ends = |id: &u32| text.tokenizer.is_end(*id);
                let mask = state.mask();
                assert!(
                    !permitted
                        || (0..2_048)
                            .filter(ends)
                            .any(|id| mask.as_ref().unwrap().contains(id))
                );
            }
        }
    }
}

#[test]
fn a_prompt_is_the_same_whether_tools_may_be_called_or_not() {
    let (_folder, text) = text(
        "{% if tools %}{{ tools }}<tool_call>{% endif %}{{ messages }}",
        false,
    );
    let metrics = Metrics::alone("m").unwrap();
    let (scheduler, _serving) = Scheduler::new(1, 1, metrics.clone(), text.tokenizer.clone());
    let service = Service {
        model_id: "m".into(),
        created: 0,
        context: 2_048,
        text: Arc::new(text),
        scheduler,
        metrics,
    };
    let tool = json!({"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}});
    let job = |more: Value| {
        let mut body =
            json!({"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 5});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let request = Request::parse(Endpoint::Chat, body.to_string().as_bytes()).unwrap();
        prepare(&service, &request).unwrap()
    };
    let (auto, none) = (
        job(json!({"tools": [tool]})),
        job(json!({"tools": [tool], "tool_choice": "none"})),
    );
    assert_eq!(auto.prompt, none.prompt);
    assert!(none.shape.grammar.is_some() && none.shape.shown.is_empty());
    let without = job(json!({}));
    assert!(without.prompt.len() < none.prompt.len() && without.shape.grammar.is_none());
    // A format holds the answer without more.
    let formed =
        job(json!({"tools": [tool], "tool_choice": "none", "response_format": {"type": "json_object"}}));
    assert_eq!(formed.prompt, none.prompt);
    assert_eq!(formed.shape.grammar.unwrap().canonical(), "json_object");
}
