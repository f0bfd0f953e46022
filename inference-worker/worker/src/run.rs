//! `quern-worker run`: one output on the command line.

use crate::generate::{Job, Sequence, Shape, local_seed};
use crate::model::ModelArgs;
use anyhow::{Context, bail};
use quern_engine::Engine;
use quern_engine::chat::Chat;
use quern_engine::sampler::SamplingParams;
use quern_engine::seed::Seed;
use serde_json::{Map, json};
use std::io::Write;

/// Generate text once and print it.
#[derive(Debug, clap::Args)]
pub struct Run {
    #[command(flatten)]
    model: ModelArgs,
    /// The text to continue, or the user's message with --chat.
    #[arg(long)]
    prompt: String,
    /// Put the prompt into the model's chat template.
    #[arg(long)]
    chat: bool,
    /// Most new tokens; the rest of the context by default.
    #[arg(long)]
    max_tokens: Option<u32>,
    /// 0 takes the most likely token each time.
    #[arg(long, default_value_t = 1.0)]
    temperature: f64,
    /// Keep the smallest head of the distribution with this mass.
    #[arg(long, default_value_t = 1.0)]
    top_p: f64,
    /// Repeat an output; random by default.
    #[arg(long, allow_negative_numbers = true)]
    seed: Option<i64>,
}

impl Run {
    /// Generates and prints.
    ///
    /// # Errors
    /// When the options do not fit the model, or it cannot be loaded or computed.
    pub fn run(self) -> anyhow::Result<()> {
        let params = SamplingParams {
            temperature: self.temperature,
            top_p: self.top_p,
            ..SamplingParams::default()
        };
        params.validate()?;
        let text = self.model.text()?;
        let prompt = if self.chat {
            text.chat.encode(&Chat {
                messages: &[json!({"role": "user", "content": self.prompt})],
                tools: &[],
                extra: &Map::new(),
            })?
        } else {
            text.tokenizer.encode(&self.prompt, true)?
        };
        let mut engine = self.model.engine(1)?;
        let left = engine.context().saturating_sub(prompt.len()) as u32;
        if prompt.is_empty() || left == 0 {
            bail!(
                "the prompt has {} tokens; it needs 1 to {}",
                prompt.len(),
                engine.context() - 1
            );
        }
        let max_tokens = self.max_tokens.unwrap_or(left);
        if max_tokens == 0 || max_tokens > left {
            bail!("--max-tokens must be 1 to {left} for this prompt and model");
        }
        let seed = self.seed.map_or_else(random_seed, Ok)?;
        let mut job = Job {
            prompt,
            max_tokens,
            params,
            stop: Vec::new(),
            seed: Seed([0; 32]),
            meter: None,
            shape: Shape::default(),
        };
        job.seed = local_seed(&self.model.name()?, &job, seed);
        let mut sequence = Sequence::new(job);
        let slot = engine.open()?;
        let mut logits = engine.prefill(slot, &sequence.job.prompt)?;
        let mut out = std::io::stdout().lock();
        loop {
            let step = sequence.advance(&logits.values, &text.tokenizer)?;
            out.write_all(step.text.as_bytes())?;
            out.flush()?;
            if step.finish.is_some() {
                break writeln!(out).context("cannot write the output");
            }
            logits = engine.decode(&[(slot, step.token)])?;
        }
    }
}

/// A seed for a request that brings none.
pub(crate) fn random_seed() -> anyhow::Result<i64> {
    let word = getrandom::u64().map_err(|e| anyhow::anyhow!("no randomness from the system: {e}"))?;
    Ok(word.cast_signed())
}
