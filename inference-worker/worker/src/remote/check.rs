//! `quern-worker check-remote`: whether an engine's tokens and log-probabilities are those of the model at hand.

use super::EngineArgs;
use super::prompts::PROMPTS;
use crate::model::ModelArgs;
use anyhow::{Context, bail};
use quern_engine::Engine;
use quern_engine_remote::probe::probe;
use quern_engine_remote::surprise::{Surprise, position};
use quern_engine_remote::tokens::Vocabulary;
use quern_engine_remote::wire::{RawAnswer, tokens, usage};
use quern_engine_remote::{Capabilities, EngineKind, Upstream, dialect};
use quern_inference_api::{Endpoint, Request};
use serde_json::json;
use std::path::PathBuf;

/// Compare an engine's tokens and log-probabilities with the model in a folder: surprise minus entropy.
#[derive(Debug, clap::Args)]
pub struct CheckRemote {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    engine: EngineArgs,
    /// File with one prompt a line; a few of its own by default.
    #[arg(long, value_name = "FILE")]
    prompts: Option<PathBuf>,
    /// Output tokens for each prompt.
    #[arg(long, default_value_t = 64)]
    tokens: u32,
    /// Temperature that the engine is asked for.
    #[arg(long, default_value_t = 1.0)]
    temperature: f64,
    /// Most standard deviations of surprise minus entropy that pass.
    #[arg(long, default_value_t = 4.0)]
    sigmas: f64,
    /// Most nats that log-probabilities may differ in the mean.
    #[arg(long, default_value_t = 0.05)]
    tolerance: f64,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What one output, or all of them, showed.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    surprise: Surprise,
    /// Reported log-probabilities, and how far they are from the model's, in nats.
    reported: u64,
    difference: f64,
    largest: f64,
}

impl Seen {
    fn join(&mut self, other: &Self) {
        self.surprise.join(&other.surprise);
        self.reported += other.reported;
        self.difference += other.difference;
        self.largest = self.largest.max(other.largest);
    }

    fn mean(&self) -> f64 {
        self.difference / (self.reported.max(1) as f64)
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "positions": self.surprise.positions,
            "impossible": self.surprise.impossible,
            "sum_nats": self.surprise.sum,
            "sigmas": self.surprise.z(),
            "logprob_mean_difference": self.mean(),
            "logprob_largest_difference": self.largest,
        })
    }
}

/// What an engine wrote.
struct Output {
    ids: Vec<u32>,
    logprobs: Vec<f64>,
    /// It ended by itself, with a token that it may not report.
    stopped: bool,
}

impl CheckRemote {
    /// Asks, computes and prints.
    ///
    /// # Errors
    /// When the engine does not fit the model, or cannot be compared with it.
    pub fn run(self) -> anyhow::Result<()> {
        if self.temperature.is_nan() || self.temperature <= 0.0 {
            bail!("--temperature must be above 0: at 0 nothing is left to chance");
        }
        let vocabulary = Vocabulary::load(&self.model.model)?;
        let prompts = self.prompts()?;
        let mut local = self.model.engine(1)?;
        let mut config = self.engine.config()?;
        config.context = Some(u32::try_from(local.context())?);
        let upstream = Upstream::new(config)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let capabilities = runtime.block_on(probe(&upstream, Some(&vocabulary)))?;
        if !capabilities.logprobs || !capabilities.completions {
            bail!("the engine gives no log-probabilities at /v1/completions, so there is nothing to compare");
        }
        let mut all = Seen::default();
        if !self.json {
            println!(
                "{:>6} {:>9} {:>7} {:>10} {:>10}  prompt",
                "tokens", "sum", "sigmas", "mean diff", "largest"
            );
        }
        for (number, prompt) in prompts.iter().enumerate() {
            let read = vocabulary.tokenizer.encode(prompt, true)?;
            let ask = self.ask(&upstream, &capabilities, &vocabulary, (number, prompt, &read));
            let output = runtime
                .block_on(ask)
                .with_context(|| format!("prompt {}", number + 1))?;
            let seen = self.compare(&mut local, &vocabulary, &read, &output)?;
            if !self.json {
                print_row(&seen, prompt);
            }
            all.join(&seen);
        }
        self.conclude(&all, &capabilities)
    }

    fn prompts(&self) -> anyhow::Result<Vec<String>> {
        let Some(path) = &self.prompts else {
            return Ok(PROMPTS.iter().map(|prompt| (*prompt).to_owned()).collect());
        };
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let lines: Vec<String> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect();
        if lines.is_empty() {
            bail!("{} holds no prompts", path.display());
        }
        Ok(lines)
    }

    async fn ask(
        &self,
        upstream: &Upstream,
        capabilities: &Capabilities,
        vocabulary: &Vocabulary,
        (number, prompt, read): (usize, &str, &[u32]),
    ) -> anyhow::Result<Output> {
        let prompt = if capabilities.token_prompts {
            json!(read)
        } else {
            json!(prompt)
        };
        let mut asked = json!({"model": capabilities.model, "prompt": prompt, "max_tokens": self.tokens,
                               "temperature": self.temperature, "logprobs": 1});
        if capabilities.seed {
            asked["seed"] = number.into();
        }
        let request = Request::parse(Endpoint::Completions, asked.to_string().as_bytes())?;
        dialect::check(&request, capabilities)?;
        let mut body = dialect::body(&request, capabilities);
        if capabilities.kind == EngineKind::Vllm {
            body["return_token_ids"] = true.into();
        }
        let wait = upstream.config().timeouts.whole;
        let raw = RawAnswer::from_value(upstream.ask(Endpoint::Completions.path(), &body, wait).await?)?;
        if let Some(counted) = raw.usage.as_ref().and_then(usage)
            && counted.prompt_tokens as usize != read.len()
        {
            bail!(
                "the engine read {} tokens where the tokenizer makes {}; it has another tokenizer, or leaves the \
                 beginning-of-text token out",
                counted.prompt_tokens,
                read.len()
            );
        }
        let choice = raw
            .choices
            .into_iter()
            .flatten()
            .next()
            .context("the engine gave no choice")?;
        let reports = choice.logprobs.as_ref().map_or_else(Vec::new, tokens);
        let ids = match choice.token_ids.filter(|ids| ids.len() == reports.len()) {
            Some(ids) => ids,
            None => vocabulary.ids(&reports).context(
                "a token's id cannot be told: the engine does not name it, and its text is that of none or several",
            )?,
        };
        let stopped = choice.finish_reason.as_deref() == Some("stop");
        if ids.is_empty() && !stopped {
            bail!("the engine reported no token");
        }
        Ok(Output {
            ids,
            logprobs: reports.iter().filter_map(|report| report.token.logprob).collect(),
            stopped,
        })
    }

    /// The local model's view of an output.
    fn compare(
        &self,
        local: &mut impl Engine,
        vocabulary: &Vocabulary,
        read: &[u32],
        output: &Output,
    ) -> anyhow::Result<Seen> {
        let mask = vocabulary.tokenizer.tokens();
        if let Some(id) = output.ids.iter().find(|id| !mask.contains(**id)) {
            bail!("the engine wrote token {id}, which the tokenizer does not have");
        }
        let whole: Vec<u32> = read.iter().chain(&output.ids).copied().collect();
        let logits = local.score(&whole)?;
        let row = |t: usize| {
            logits
                .row((read.len() + t).saturating_sub(1))
                .context("the model gave too few rows")
        };
        let mut seen = Seen::default();
        for (t, (token, logprob)) in output.ids.iter().zip(&output.logprobs).enumerate() {
            seen.surprise
                .add(&position(row(t)?, mask, self.temperature, *token)?);
            // Engines report the model's own distribution, whatever the temperature.
            let own = -position(row(t)?, mask, 1.0, *token)?.surprise;
            let difference = (own - logprob).abs();
            seen.reported += 1;
            seen.difference += difference;
            seen.largest = seen.largest.max(difference);
        }
        let told = output
            .ids
            .last()
            .is_some_and(|id| vocabulary.tokenizer.is_end(*id));
        if output.stopped && !told {
            // Left out, the sum would lack what its last draw cost.
            let last = row(output.ids.len())?;
            let ends = mask.iter().filter(|id| vocabulary.tokenizer.is_end(*id));
            let ends: Result<Vec<_>, _> = ends
                .map(|id| position(last, mask, self.temperature, id))
                .collect();
            let likeliest = ends?.into_iter().min_by(|a, b| a.surprise.total_cmp(&b.surprise));
            if let Some(end) = likeliest {
                seen.surprise.add(&end);
            }
        }
        Ok(seen)
    }

    fn conclude(&self, all: &Seen, capabilities: &Capabilities) -> anyhow::Result<()> {
        let sigmas = all.surprise.z().unwrap_or(0.0);
        let drawn = sigmas.abs() <= self.sigmas && all.surprise.impossible == 0;
        let told = all.mean() <= self.tolerance;
        if self.json {
            let mut shown = all.json();
            shown["engine"] = json!(capabilities.kind);
            shown["temperature"] = json!(self.temperature);
            shown["consistent"] = json!(drawn && told);
            println!("{shown}");
        } else {
            print_row(all, "all");
        }
        if !drawn {
            bail!(
                "the engine's tokens are not draws from this model at temperature {}: surprise minus entropy is \
                 {sigmas:.1} standard deviations from 0, and {} tokens cannot come at all",
                self.temperature,
                all.surprise.impossible
            );
        }
        if !told {
            bail!(
                "the engine's log-probabilities are {:.4} nats from this model's in the mean; {} pass",
                all.mean(),
                self.tolerance
            );
        }
        Ok(())
    }
}

fn print_row(seen: &Seen, prompt: &str) {
    let sigmas = seen
        .surprise
        .z()
        .map_or_else(|| "-".to_owned(), |z| format!("{z:.2}"));
    println!(
        "{:>6} {:>9.3} {sigmas:>7} {:>10.6} {:>10.6}  {prompt}",
        seen.surprise.positions,
        seen.surprise.sum,
        seen.mean(),
        seen.largest
    );
}
