//! Answers after thoughts: an auditor divides them as their host did, and finds out who did otherwise.

use super::receipts::{Lie, beacon, model_hash, serve_body};
use super::{CHAIN, MODEL, SESSION, session_info};
use crate::audit::check::{Known, Replay, check, is_of_leaf};
use crate::http::Service;
use crate::metrics::Metrics;
use crate::model::Text;
use crate::model::tests::{ALWAYS, HYBRID, thinking_model};
use crate::paid::record::Record;
use crate::scheduler::Scheduler;
use quern_engine::Engine;
use quern_engine::sampler::GapRule;
use quern_engine_torch::{LlamaEngine, LoadOptions};
use quern_inference_api::audit::ReceiptPayload;
use quern_protocol::FinishReason;
use quern_verifier::{Leaf, Measured, measure};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

const RULE: GapRule = GapRule {
    clip: 1.0,
    slack: 1e-4,
};

struct Setup {
    service: Service,
    engine: LlamaEngine,
    nonce: u64,
}

impl Setup {
    fn new(folder: &Path, end: &str) -> Self {
        let folder = thinking_model(&folder.join("model"), end);
        let metrics = Metrics::alone(MODEL).unwrap();
        let text = Arc::new(Text::load(&folder).unwrap());
        let (scheduler, _) = Scheduler::new(1, 1, metrics.clone(), text.tokenizer.clone());
        let engine = LlamaEngine::load(&folder, &LoadOptions::default()).unwrap();
        Self {
            service: Service {
                model_id: MODEL.into(),
                created: 0,
                context: engine.context(),
                text,
                scheduler,
                metrics,
            },
            engine,
            nonce: 0,
        }
    }

    fn mark(&self, name: &str) -> u32 {
        self.service.text.tokenizer.added_token(name).unwrap()
    }

    /// What an auditor makes of a host's answer to a request, and the reason that the host gave for its end.
    fn replay(&mut self, more: &Value) -> (Replay, FinishReason) {
        self.nonce += 1;
        let mut body = json!({"model": MODEL, "messages": [{"role": "user", "content": "Who built the ark?"}],
                              "temperature": 0.9, "max_tokens": 120});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let asked = (self.nonce, body.to_string());
        let record = serve_body(&self.service, &mut self.engine, asked, Lie::None);
        let Record::Receipt { signed, payload } = record else {
            panic!("another record")
        };
        let payload = ReceiptPayload {
            receipt: signed.receipt,
            salt: payload.salt,
            path: payload.path,
            body: payload.body,
            prompt: payload.prompt,
            output: payload.output,
        };
        assert!(is_of_leaf(CHAIN, &payload.receipt.digest(CHAIN), &payload));
        let (session, hash, beacon) = (session_info(SESSION), model_hash(MODEL), beacon());
        let known = Known {
            chain_id: CHAIN,
            session: &session,
            beacon: &beacon,
            own: Ok((&self.service, &hash)),
        };
        (check(known, &payload).unwrap(), payload.receipt.finish)
    }

    fn measure(&mut self, replay: &Replay, output: &[u32]) -> Measured {
        let leaf = Leaf {
            prompt: &replay.job.prompt,
            output,
            seed: &replay.job.seed,
            params: &replay.job.params,
            tokens: self.service.text.tokenizer.tokens(),
            grammar: replay.job.shape.grammar.as_deref(),
            thinking: replay.job.shape.thinking.as_ref(),
        };
        measure(&mut self.engine, &leaf, &RULE).unwrap()
    }

    /// Thoughts and answer.
    fn divided<'a>(&self, replay: &'a Replay) -> (&'a [u32], &'a [u32]) {
        let close = self.mark("</think>");
        let at = replay.output.iter().position(|id| *id == close).unwrap();
        (&replay.output[..at], &replay.output[at + 1..])
    }
}

fn is_honest(found: &Measured) -> bool {
    found.margins.iter().all(|margin| margin.0 > -1000)
}

#[test]
fn a_schema_after_thoughts_with_a_budget_is_audited_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut setup = Setup::new(folder.path(), ALWAYS);
    let schema = json!({"type": "object", "properties": {"a": {"type": "string", "maxLength": 8}}, "required": ["a"],
                        "additionalProperties": false});
    let format = json!({"type": "json_schema", "json_schema": {"name": "a", "schema": schema}});
    let close = setup.mark("</think>");
    // Unlikely enough by itself that the budget ends the thoughts.
    let bias = json!({close.to_string(): -100});
    for most in [0usize, 1, 24] {
        let asked = json!({"response_format": format, "thinking_token_budget": most, "logit_bias": bias});
        let asked = match most {
            0 => json!({"response_format": format, "reasoning_effort": "none", "logit_bias": bias}),
            _ => asked,
        };
        let (replay, finish) = setup.replay(&asked);
        let (thoughts, answer) = setup.divided(&replay);
        assert_eq!(thoughts.len(), most);
        let tokenizer = &setup.service.text.tokenizer;
        assert!(thoughts.iter().all(|id| !tokenizer.is_end(*id)));
        let text = tokenizer.decode(answer).unwrap();
        assert_eq!(finish, FinishReason::Stop, "{text}");
        assert!(
            serde_json::from_str::<Value>(&text).unwrap()["a"].is_string(),
            "{text}"
        );
        let honest = setup.measure(&replay, &replay.output);
        assert!(is_honest(&honest), "{honest:?}");
        // A host that lets the model think on beyond the budget is found out there.
        let mut longer = replay.output.clone();
        longer[most] = 700;
        let found = setup.measure(&replay, &longer);
        assert!(found.margins[most..].iter().all(|margin| margin.0 == i32::MIN));
        // So is one that ends the output in the thoughts.
        if most > 1 {
            let mut ended = replay.output[..2].to_vec();
            ended[1] = 2;
            assert_eq!(setup.measure(&replay, &ended).margins[1].0, i32::MIN);
        }
        // Who takes the thoughts for an answer in that format finds none of it honest.
        let mut blind = replay.clone();
        blind.job.shape.thinking = None;
        assert!(!is_honest(&setup.measure(&blind, &replay.output)));
    }
}

#[test]
fn stop_strings_end_answers_and_no_thoughts() {
    let folder = tempfile::tempdir().unwrap();
    let mut setup = Setup::new(folder.path(), ALWAYS);
    let free = setup
        .replay(&json!({"thinking_token_budget": 16, "temperature": 0}))
        .0;
    let text = setup.service.text.clone();
    let words = text.tokenizer.decode(&free.output[2..6]).unwrap();
    let (stopped, finish) =
        setup.replay(&json!({"thinking_token_budget": 16, "temperature": 0, "stop": [words]}));
    assert!(
        stopped.output.len() >= free.output.len().min(17),
        "{words:?}, {finish:?}"
    );
    assert_eq!(stopped.output[..17], free.output[..17]);
    assert!(is_honest(&setup.measure(&stopped, &stopped.output)));
}

#[test]
fn a_model_that_begins_its_thoughts_itself_may_or_may_not_under_a_grammar() {
    let folder = tempfile::tempdir().unwrap();
    let mut setup = Setup::new(folder.path(), HYBRID);
    let (open, close) = (setup.mark("<think>"), setup.mark("</think>"));
    let format = json!({"type": "json_object"});
    let bias = |open_bias: i32| json!({open.to_string(): open_bias, close.to_string(): -100});
    let (replay, _) = setup.replay(&json!({"response_format": format, "logit_bias": bias(100),
                                           "reasoning": {"max_tokens": 9}}));
    assert_eq!((replay.output[0], replay.output[10]), (open, close));
    assert!(is_honest(&setup.measure(&replay, &replay.output)));
    // The answer at once: no mark is part of it.
    let (replay, _) = setup.replay(&json!({"response_format": format, "logit_bias": bias(-100)}));
    assert!(!replay.output[..1].contains(&open));
    assert!(is_honest(&setup.measure(&replay, &replay.output)));
    // Switched off by the template, there is nothing to divide.
    let (replay, _) = setup.replay(&json!({"reasoning_effort": "none"}));
    assert_eq!(replay.job.shape.thinking, None);
    assert!(replay.job.prompt.contains(&close));
    assert!(is_honest(&setup.measure(&replay, &replay.output)));
}
