//! The shipped model, generated token by token with its cache and measured in one pass.

#![allow(clippy::unwrap_used, reason = "a test stops at a surprise")]

use quern_audit::Margin;
use quern_engine::Engine;
use quern_engine::grammar::{Constraint, Grammar, Grammars};
use quern_engine::output::OutputText;
use quern_engine::sampler::{Draw, GapRule, History, Noise, Position, SamplingParams, sample};
use quern_engine::seed::{Seed, hash_fields};
use quern_engine::tokenizer::Tokenizer;
use quern_engine_torch::{LlamaEngine, LoadOptions};
use quern_protocol::FinishReason;
use quern_verifier::{Leaf, Measured, VerifyError, finish_agrees, measure, measure_with};
use std::path::{Path, PathBuf};

const RULE: GapRule = GapRule {
    clip: 1.0,
    slack: 1e-4,
};

struct Setup {
    engine: LlamaEngine,
    tokenizer: Tokenizer,
    prompt: Vec<u32>,
}

impl Setup {
    fn new() -> Self {
        let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/quern-small");
        let tokenizer = Tokenizer::load(&folder).unwrap();
        Self {
            engine: LlamaEngine::load(&folder, &LoadOptions::default()).unwrap(),
            prompt: tokenizer.encode("And it came to pass, that", true).unwrap(),
            tokenizer,
        }
    }

    fn generate(&mut self, params: &SamplingParams, seed: &Seed, count: u32) -> Vec<u32> {
        self.generate_under(params, seed, count, None)
    }

    fn generate_under(
        &mut self,
        params: &SamplingParams,
        seed: &Seed,
        count: u32,
        grammar: Option<&Grammar>,
    ) -> Vec<u32> {
        let slot = self.engine.open().unwrap();
        let mut logits = self.engine.prefill(slot, &self.prompt).unwrap();
        let noise = Noise::new(seed);
        let mut state = grammar.map(Grammar::start);
        let mut output = Vec::new();
        for t in 0..count {
            let mask = state.as_mut().map(|state| state.mask().unwrap());
            let draw = Draw {
                params,
                noise: &noise,
                at: Position { t, c: 0 },
                history: History {
                    prompt: &self.prompt,
                    output: &output,
                },
                tokens: self.tokenizer.tokens(),
                grammar: mask.as_ref(),
            };
            let token = sample(&logits.values, &draw).unwrap();
            if let Some(state) = &mut state {
                state.push(token).unwrap();
            }
            output.push(token);
            logits = self.engine.decode(&[(slot, token)]).unwrap();
        }
        self.engine.close(slot);
        output
    }

    fn measure(
        &mut self,
        params: &SamplingParams,
        seed: &Seed,
        output: &[u32],
    ) -> Result<Measured, VerifyError> {
        self.measure_under(params, seed, output, None)
    }

    fn measure_under(
        &mut self,
        params: &SamplingParams,
        seed: &Seed,
        output: &[u32],
        grammar: Option<&Grammar>,
    ) -> Result<Measured, VerifyError> {
        let leaf = Leaf {
            prompt: &self.prompt,
            output,
            seed,
            params,
            tokens: self.tokenizer.tokens(),
            grammar,
            thinking: None,
        };
        measure(&mut self.engine, &leaf, &RULE)
    }
}

fn seed(number: u64) -> Seed {
    hash_fields(&[b"test", &number.to_be_bytes()])
}

fn kinds() -> [SamplingParams; 4] {
    let plain = SamplingParams::default;
    [
        SamplingParams {
            temperature: 0.0,
            ..plain()
        },
        plain(),
        SamplingParams {
            temperature: 0.7,
            top_p: 0.9,
            top_k: 40,
            min_p: 0.02,
            ..plain()
        },
        SamplingParams {
            repetition_penalty: 1.3,
            frequency_penalty: 0.7,
            presence_penalty: 0.4,
            bias: [(40, 2.0)].into(),
            ..plain()
        },
    ]
}

#[test]
fn an_honest_output_has_no_gap_under_any_processor() {
    let mut setup = Setup::new();
    for (number, params) in (0..).zip(kinds()) {
        let output = setup.generate(&params, &seed(number), 24);
        let found = setup.measure(&params, &seed(number), &output).unwrap();
        assert_eq!((found.positions, found.clipped), (24, 0));
        assert!(found.sum_of_clipped_gaps <= 24, "{found:?}");
        let positive = found.margins.iter().filter(|margin| margin.0 > 0).count();
        assert!(positive >= 23, "{found:?}");
    }
}

#[test]
fn another_seed_other_parameters_and_a_swapped_token_all_show() {
    let mut setup = Setup::new();
    let [_, plain, filtered, penalised] = kinds();
    let output = setup.generate(&plain, &seed(1), 24);
    let clean = setup.measure(&plain, &seed(1), &output).unwrap();
    assert!(setup.measure(&plain, &seed(2), &output).unwrap().clipped > 8);
    let hot = setup.measure(&filtered, &seed(1), &output).unwrap();
    assert!(hot.sum_of_clipped_gaps > 1_000_000);
    let bent = setup.generate(&penalised, &seed(1), 24);
    assert!(
        setup
            .measure(&plain, &seed(1), &bent)
            .unwrap()
            .sum_of_clipped_gaps
            > 100_000
    );

    let mut swapped = output;
    swapped[5] = if swapped[5] == 900 { 901 } else { 900 };
    let found = setup.measure(&plain, &seed(1), &swapped).unwrap();
    assert_eq!(found.margins[..5], clean.margins[..5]);
    assert!(found.margins[5].0 < -100_000, "{found:?}");
}

#[test]
fn an_unknown_token_and_all_after_it_lie_outside_whatever_they_are() {
    let mut setup = Setup::new();
    let params = SamplingParams::default();
    let mut output = setup.generate(&params, &seed(3), 6);
    for unknown in [2_048, u32::MAX] {
        output[3] = unknown;
        let found = setup.measure(&params, &seed(3), &output).unwrap();
        assert!(found.margins[..3].iter().all(|margin| margin.0 >= 0));
        assert_eq!(found.margins[3..], [Margin(i32::MIN); 3]);
        assert_eq!((found.clipped, found.sum_of_clipped_gaps), (3, 3_000_000));
    }
    assert_eq!(
        setup.measure(&params, &seed(3), &[]).unwrap(),
        Measured::default()
    );
}

#[test]
fn what_this_verifier_cannot_judge_is_an_error_and_no_verdict() {
    let mut setup = Setup::new();
    let params = SamplingParams::default();
    let long = vec![5; 512];
    let error = setup.measure(&params, &seed(1), &long);
    assert!(matches!(error, Err(VerifyError::Context(_, 512))), "{error:?}");
    setup.prompt.clear();
    let error = setup.measure(&params, &seed(1), &[5]);
    assert!(matches!(error, Err(VerifyError::EmptyPrompt)), "{error:?}");
}

#[test]
fn a_finish_reason_must_be_what_the_last_token_brought() {
    let Setup { tokenizer, .. } = Setup::new();
    let words = tokenizer.encode("in the beginning was the word", false).unwrap();
    let count = words.len() as u32;
    let stop = ["beginning".to_owned()];
    let agrees = |output: &[u32], stop: &[String], most, finish| {
        finish_agrees(&tokenizer, output, OutputText::new(stop.to_vec(), most), finish).unwrap()
    };
    use FinishReason::{Cancelled, Length, Stop};
    assert!(agrees(&words, &[], count, Length));
    assert!(!agrees(&words, &[], count + 1, Length), "it could have gone on");
    assert!(!agrees(&words, &[], count - 1, Length), "it went on too long");
    assert!(!agrees(&words, &[], count, Stop) && agrees(&words, &[], count + 1, Cancelled));
    assert!(!agrees(&words, &stop, count, Length), "it ran over a stop string");
    assert!(!agrees(&words, &stop, count, Cancelled));
    let cut = (1..=words.len()).find(|n| agrees(&words[..*n], &stop, count, Stop));
    assert!(cut.is_some_and(|n| n < words.len()));
    let ended = [&words[..], &[2]].concat();
    assert!(agrees(&ended, &[], 99, Stop) && !agrees(&ended, &[], 99, Length));
    assert!(!agrees(&[&ended[..], &[7]].concat(), &[], 99, Stop));
}

#[test]
fn rows_from_the_prompts_last_token_on_are_enough() {
    let mut setup = Setup::new();
    let params = SamplingParams::default();
    let output = setup.generate(&params, &seed(31), 24);
    let whole = setup.measure(&params, &seed(31), &output).unwrap();
    let (prompt, seed) = (setup.prompt.clone(), seed(31));
    let leaf = Leaf {
        prompt: &prompt,
        output: &output,
        seed: &seed,
        params: &params,
        tokens: setup.tokenizer.tokens(),
        grammar: None,
        thinking: None,
    };
    let (context, engine) = (setup.engine.context(), &mut setup.engine);
    let rows = |tokens: Vec<u32>, from: usize| {
        assert_eq!(from, prompt.len() - 1);
        let mut logits = engine.score(&tokens)?;
        logits.values.drain(..from * logits.vocab);
        Ok(logits)
    };
    let measured = measure_with(context, &leaf, &RULE, rows).unwrap();
    assert_eq!(measured, whole);
}

#[test]
fn an_output_under_a_grammar_is_honest_under_it_alone() {
    let mut setup = Setup::new();
    let (grammars, params) = (Grammars::default(), SamplingParams::default());
    let schema = serde_json::json!({"type": "object", "properties": {"word": {"type": "string", "maxLength": 20}},
                                    "required": ["word"], "additionalProperties": false});
    let constraint = Constraint::JsonSchema(schema);
    let grammar = grammars.compile(&setup.tokenizer, &constraint).unwrap();
    // What another host compiled judges.
    let own = Grammars::default()
        .compile(&setup.tokenizer, &constraint)
        .unwrap();
    for number in 0..6 {
        let seed = seed(500 + number);
        let output = setup.generate_under(&params, &seed, 40, Some(&grammar));
        let honest = setup.measure_under(&params, &seed, &output, Some(&own)).unwrap();
        assert!(honest.margins.iter().all(|margin| margin.0 > -1000), "{honest:?}");
        // Without the grammar the same tokens look forged: the model would hardly write JSON.
        let blind = setup.measure(&params, &seed, &output).unwrap();
        assert!(blind.clipped > 0);
        // A host that took the grammar lightly is found out where it did, and nothing after that counts.
        let mut loose = output.clone();
        loose[3] = 2;
        let found = setup.measure_under(&params, &seed, &loose, Some(&own)).unwrap();
        assert!(
            found.margins[3..].iter().all(|margin| margin.0 == i32::MIN),
            "{found:?}"
        );
        assert_eq!(found.margins[..3], honest.margins[..3]);
        assert_eq!(found.positions as usize, loose.len());
    }
}
