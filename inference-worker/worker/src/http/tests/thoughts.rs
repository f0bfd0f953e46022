//! Thoughts before an answer: what of them a request may ask, and how they are told.

use crate::http::Services;
use crate::http::reader::Reader;
use crate::http::{Service, entry, prepare};
use crate::metrics::{HostMetrics, Metrics};
use crate::model::Text;
use crate::model::tests::{ALWAYS, HYBRID, packaged_model, thinking_model};
use crate::scheduler::Scheduler;
use quern_engine::output::OutputText;
use quern_engine::thinking::Stage;
use quern_inference_api::response::{FinishReason, Frame, Usage};
use quern_inference_api::{ApiError, Endpoint, Request};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

fn service(folder: &Path) -> Service {
    let metrics = Metrics::alone("m").unwrap();
    let text = Text::load(folder).unwrap();
    let (scheduler, _) = Scheduler::new(1, 1, metrics.clone(), text.tokenizer.clone());
    Service {
        model_id: "m".into(),
        created: 0,
        context: 512,
        text: Arc::new(text),
        scheduler,
        metrics,
    }
}

fn request(more: &Value) -> Result<Request, ApiError> {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 60});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    Request::parse(Endpoint::Chat, body.to_string().as_bytes())
}

#[test]
fn what_is_asked_of_thoughts_becomes_the_templates_switch_or_a_bound() {
    let folder = tempfile::tempdir().unwrap();
    let hybrid = service(&thinking_model(&folder.path().join("hybrid"), HYBRID));
    let always = service(&thinking_model(&folder.path().join("always"), ALWAYS));
    let close = hybrid.text.tokenizer.added_token("</think>").unwrap();
    let job = |service: &Service, more: Value| prepare(service, &request(&more).unwrap()).unwrap();
    let off = [
        json!({"reasoning_effort": "none"}),
        json!({"reasoning_effort": "minimal"}),
        json!({"reasoning": {"enabled": false}}),
        json!({"reasoning": {"effort": "none"}}),
        json!({"reasoning": {"max_tokens": 0}}),
        json!({"thinking_token_budget": 0}),
    ];
    for more in off {
        let own = job(&hybrid, more.clone());
        assert!(own.prompt.contains(&close), "{more}");
        assert_eq!(own.shape.thinking, None, "{more}");
        // A template without a switch: the thoughts end before they begin.
        let forced = job(&always, more.clone()).shape.thinking.unwrap();
        assert_eq!(
            (forced.start, forced.budget),
            (Stage::Thoughts, Some(0)),
            "{more}"
        );
    }
    for (more, budget) in [
        (json!({}), None),
        (json!({"reasoning_effort": "high"}), None),
        (json!({"reasoning": {"enabled": true}}), None),
        (json!({"reasoning": {"max_tokens": 30}}), Some(30)),
        (
            json!({"thinking_token_budget": 30, "reasoning_effort": "low"}),
            Some(30),
        ),
    ] {
        let own = job(&hybrid, more.clone()).shape.thinking.unwrap();
        assert_eq!((own.start, own.budget), (Stage::Undecided, budget), "{more}");
        let own = job(&always, more.clone()).shape.thinking.unwrap();
        assert_eq!((own.start, own.budget), (Stage::Thoughts, budget), "{more}");
    }
    // The client's own variable does the same, and may not contradict.
    let own = job(
        &hybrid,
        json!({"chat_template_kwargs": {"enable_thinking": false}}),
    );
    assert_eq!(own.shape.thinking, None);
    let both = json!({"chat_template_kwargs": {"enable_thinking": false}, "reasoning_effort": "low"});
    let refused = prepare(&hybrid, &request(&both).unwrap()).unwrap_err();
    assert_eq!(refused.param.as_deref(), Some("reasoning_effort"));
    // A plain text is what its writer makes of it.
    let plain = Request::parse(Endpoint::Completions, br#"{"model": "m", "prompt": "<think>"}"#).unwrap();
    assert_eq!(prepare(&always, &plain).unwrap().shape.thinking, None);
}

#[test]
fn a_model_that_does_not_think_refuses_to_by_name_and_is_told_not_to_in_vain() {
    let plain = service(&packaged_model());
    for (more, param) in [
        (json!({"reasoning_effort": "low"}), "reasoning_effort"),
        (json!({"reasoning": {"effort": "low"}}), "reasoning.effort"),
        (json!({"reasoning": {"enabled": true}}), "reasoning.enabled"),
        (json!({"reasoning": {"max_tokens": 5}}), "reasoning.max_tokens"),
        (json!({"thinking_token_budget": 5}), "thinking_token_budget"),
    ] {
        let refused = prepare(&plain, &request(&more).unwrap()).unwrap_err();
        assert_eq!(
            (refused.param.as_deref(), refused.code),
            (Some(param), Some("unsupported_parameter"))
        );
    }
    let usual = prepare(&plain, &request(&json!({})).unwrap()).unwrap();
    for more in [
        json!({"reasoning_effort": "none"}),
        json!({"reasoning": {"enabled": false, "exclude": true}}),
        json!({"include_reasoning": true}),
    ] {
        let job = prepare(&plain, &request(&more).unwrap()).unwrap();
        assert_eq!((job.prompt, job.shape.thinking), (usual.prompt.clone(), None));
    }
}

#[test]
fn earlier_thoughts_reach_the_template_and_a_thinking_model_is_listed_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let always = service(&thinking_model(folder.path(), ALWAYS));
    let history = |extra: Value| {
        let mut said = json!({"role": "assistant", "content": "yes"});
        said.as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        json!({"messages": [{"role": "user", "content": "a"}, said, {"role": "user", "content": "b"}]})
    };
    let prompt = |extra| {
        prepare(&always, &request(&history(extra)).unwrap())
            .unwrap()
            .prompt
    };
    let with = prompt(json!({"reasoning_content": "let me see"}));
    assert_eq!(with, prompt(json!({"reasoning": "let me see"})));
    let text = always.text.tokenizer.decode(&with).unwrap();
    assert!(text.contains("<think>\nlet me see\n</think>\n\nyes"), "{text}");
    assert!(prompt(json!({})).len() < with.len());
    let listed = |service: Service| {
        let services = Services::new(vec![service], HostMetrics::new().unwrap(), None);
        entry(&services, services.all().first().unwrap())
            .listing
            .supported_features
    };
    assert!(listed(always).contains(&"reasoning".to_owned()));
    assert!(!listed(service(&packaged_model())).contains(&"reasoning".to_owned()));
}

/// Feeds an output's tokens to a reader: the whole answer, the pieces of its stream, and the tokens of thought.
fn told(service: &Service, more: &Value, output: &str) -> (Value, Vec<Value>, u32) {
    let request = request(more).unwrap();
    let job = prepare(service, &request).unwrap();
    let tokens = service.text.tokenizer.encode(output, false).unwrap();
    let frame = Frame {
        id: "x".into(),
        created: 0,
        model: "m".into(),
        endpoint: Endpoint::Chat,
        openrouter: request.reasoning.openrouter,
    };
    let (mut whole, mut stream) = (
        Reader::all(service, &request, 1),
        Reader::all(service, &request, 1),
    );
    let (mut text, mut chunks): (OutputText, _) = (job.output_text(tokens.len() as u32), Vec::new());
    for token in &tokens {
        let piece = text.push(&service.text.tokenizer, *token).unwrap();
        let thought = (!piece.answers).then_some(piece.thought.as_str());
        whole[0].collect(thought, &piece.text, None);
        chunks.extend(stream[0].chunks(&frame, thought, &piece.text, None));
    }
    let usage = Usage::new(1, tokens.len() as u32).with_reasoning(text.reasoning());
    whole[0].conclude(FinishReason::Length, usage, &tokens);
    chunks.extend(stream[0].closing(&frame, FinishReason::Length, usage, &tokens));
    let choices = [whole.remove(0).into_choice()];
    (frame.whole(&choices, usage), chunks, text.reasoning())
}

#[test]
fn thoughts_go_beside_the_content_whole_and_in_pieces() {
    let folder = tempfile::tempdir().unwrap();
    let always = service(&thinking_model(folder.path(), ALWAYS));
    let output = "\nIs it so? <think> \u{2014} it is.\n</think>\n\nIt is, <think>indeed</think>.";
    let (thought, content) = (
        "Is it so? <think> \u{2014} it is.",
        "It is, <think>indeed</think>.",
    );
    for (more, names) in [
        (json!({}), vec!["reasoning_content"]),
        (
            json!({"reasoning": {"enabled": true}}),
            vec!["reasoning_content", "reasoning"],
        ),
        (json!({"include_reasoning": false}), vec![]),
        (json!({"reasoning": {"exclude": true}}), vec![]),
    ] {
        let (whole, chunks, reasoning) = told(&always, &more, output);
        let message = &whole["choices"][0]["message"];
        assert_eq!(message["content"], content);
        let joined = |name: &str| {
            let pieces = chunks
                .iter()
                .filter_map(|chunk| chunk["choices"][0]["delta"][name].as_str());
            pieces.collect::<String>()
        };
        assert_eq!(joined("content"), content);
        for name in ["reasoning_content", "reasoning"] {
            let there = names.contains(&name);
            assert_eq!(message.get(name).is_some(), there, "{more}");
            assert_eq!(joined(name), if there { thought } else { "" });
        }
        let usage = &whole["usage"];
        assert_eq!(usage["completion_tokens_details"]["reasoning_tokens"], reasoning);
        assert!(u64::from(reasoning) < usage["completion_tokens"].as_u64().unwrap() && reasoning > 5);
    }
    // Cut in the thoughts: no content, and as much of them as there is.
    let (whole, _, reasoning) = told(&always, &json!({}), "\nIs it");
    assert_eq!(whole["choices"][0]["message"]["content"], "");
    assert_eq!(whole["choices"][0]["message"]["reasoning_content"], "Is it");
    assert_eq!(whole["usage"]["completion_tokens"], reasoning);
}

#[test]
fn an_answer_behind_marks_alone_begins_without_their_line_breaks() {
    let folder = tempfile::tempdir().unwrap();
    let hybrid = service(&thinking_model(&folder.path().join("hybrid"), HYBRID));
    let always = service(&thinking_model(&folder.path().join("always"), ALWAYS));
    for (service, more, output) in [
        // Thoughts that are switched off where the template has no switch.
        (
            &always,
            json!({"reasoning_effort": "none"}),
            "</think>\n\nYes.\n\nNo.",
        ),
        (&always, json!({}), "</think>\n\nYes.\n\nNo."),
        (&hybrid, json!({}), "<think></think>\n\nYes.\n\nNo."),
        (&hybrid, json!({}), "<think>\n\n</think>\n\nYes.\n\nNo."),
    ] {
        let (whole, chunks, _) = told(service, &more, output);
        assert_eq!(whole["choices"][0]["message"]["content"], "Yes.\n\nNo.", "{more}");
        let pieces = chunks
            .iter()
            .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str());
        assert_eq!(pieces.collect::<String>(), "Yes.\n\nNo.", "{more}");
    }
    // What no mark stands before is the answer's.
    let (whole, ..) = told(&hybrid, &json!({}), "\n\nYes.");
    assert_eq!(whole["choices"][0]["message"]["content"], "\n\nYes.");
}
