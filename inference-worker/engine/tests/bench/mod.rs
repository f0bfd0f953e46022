//! Outputs of a model that wants nothing in particular.
#![allow(dead_code, reason = "no test uses all of it")]

use quern_engine::grammar::{Constraint, Grammar, GrammarError, Grammars};
use quern_engine::sampler::{Draw, History, Noise, Position, SamplingParams, TokenMask, sample};
use quern_engine::seed::hash_fields;
use quern_engine::tokenizer::Tokenizer;
use serde_json::Value;
use std::path::Path;

pub(crate) struct Bench {
    pub(crate) tokenizer: Tokenizer,
    pub(crate) grammars: Grammars,
}

/// How an output of a model that wants nothing in particular came out.
pub(crate) struct Output {
    pub(crate) text: String,
    pub(crate) ended: bool,
    pub(crate) masks: Vec<TokenMask>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/quern-small");
        Self {
            tokenizer: Tokenizer::load(&folder).unwrap(),
            grammars: Grammars::default(),
        }
    }

    pub(crate) fn compile(&self, constraint: &Constraint) -> Result<Grammar, GrammarError> {
        self.grammars.compile(&self.tokenizer, constraint)
    }

    /// Draws from even logits, with some favour for the end, as a model's are not.
    pub(crate) fn generate(&self, grammar: &Grammar, number: u64, most: u32) -> Result<Output, GrammarError> {
        let noise = Noise::new(&hash_fields(&[b"grammar test", &number.to_be_bytes()]));
        let params = SamplingParams {
            bias: [(2, 3.0)].into(),
            ..SamplingParams::default()
        };
        let (mut state, mut output, mut masks) = (grammar.start(), Vec::new(), Vec::new());
        let logits = vec![0.0; 2048];
        for t in 0..most {
            let mask = state.mask()?;
            let draw = Draw {
                params: &params,
                noise: &noise,
                at: Position { t, c: 0 },
                history: History::default(),
                tokens: self.tokenizer.tokens(),
                grammar: Some(&mask),
            };
            let token = sample(&logits, &draw).unwrap();
            assert!(mask.contains(token));
            masks.push(mask);
            state.push(token)?;
            if self.tokenizer.is_end(token) {
                let text = self.tokenizer.decode(&output).unwrap();
                return Ok(Output {
                    text,
                    ended: true,
                    masks,
                });
            }
            output.push(token);
        }
        let text = self.tokenizer.decode(&output).unwrap();
        Ok(Output {
            text,
            ended: false,
            masks,
        })
    }

    /// Every output that ends passes `good`, and some do end.
    pub(crate) fn holds(&self, constraint: &Constraint, good: impl Fn(&str) -> bool) {
        let grammar = self.compile(constraint).unwrap();
        let mut ended = 0;
        for number in 0..24 {
            let output = self.generate(&grammar, number, 300).unwrap();
            if output.ended {
                ended += 1;
                assert!(
                    good(&output.text),
                    "seed {number}, {constraint:?}: {:?}",
                    output.text
                );
            }
        }
        assert!(ended > 6, "{constraint:?}: {ended} of 24 ended");
    }
}

pub(crate) fn parsed(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}
