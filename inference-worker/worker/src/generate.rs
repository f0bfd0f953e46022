//! One output as it grows: sampling, text, stop conditions.

use quern_engine::output::{Ended, OutputText};
use quern_engine::sampler::{Draw, History, Noise, Position, SampleError, SamplingParams, sample};
use quern_engine::seed::{ClientSeed, Seed, hash_fields};
use quern_engine::tokenizer::{Tokenizer, TokenizerError};
use quern_protocol::FinishReason;
use std::fmt;
use std::sync::Arc;

/// Everything that determines an output, and who pays for it.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) prompt: Vec<u32>,
    /// At least 1; prompt and output together fit the context.
    pub(crate) max_tokens: u32,
    pub(crate) params: SamplingParams,
    pub(crate) stop: Vec<String>,
    /// Seed of the sampler's noise.
    pub(crate) seed: Seed,
    /// Says how far a paid output may go; an unpaid one goes to its end.
    pub(crate) meter: Option<Arc<dyn Meter>>,
}

/// Whether an output may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allowance {
    Go,
    /// Not yet: what is authorised is used up.
    Wait,
    /// No more.
    End(FinishReason),
}

/// Says how far an output may go.
pub(crate) trait Meter: fmt::Debug + Send + Sync {
    /// Whether the output token with this number, from 1, may be drawn; if so its cost is reserved.
    fn draw(&self, completion: u32) -> Allowance;

    /// Why the output should end now, if it should.
    fn ended(&self) -> Option<FinishReason>;
}

/// The seed of an output that no chain is asked about: the client's domain with an empty chain id and session 0,
/// over a hash of all that shapes the output. The same request with the same `seed` repeats.
pub(crate) fn local_seed(
    model: &str,
    prompt: &[u32],
    params: &SamplingParams,
    max_tokens: u32,
    stop: &[String],
    seed: i64,
) -> Seed {
    let prompt: Vec<u8> = prompt.iter().flat_map(|id| id.to_be_bytes()).collect();
    let numbers = [params.temperature, params.top_p]
        .map(|n| n.to_bits().to_be_bytes())
        .concat();
    let limit = max_tokens.to_be_bytes();
    let mut fields = vec![
        &b"quern.worker.request"[..],
        model.as_bytes(),
        &prompt,
        &numbers,
        &limit,
    ];
    fields.extend(stop.iter().map(String::as_bytes));
    let request_hash = hash_fields(&fields).0;
    ClientSeed {
        chain_id: "",
        session: 0,
        request_hash: &request_hash,
        seed,
    }
    .derive()
}

/// Why an output cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GenerateError {
    #[error(transparent)]
    Sample(#[from] SampleError),
    #[error(transparent)]
    Text(#[from] TokenizerError),
}

/// What one more token brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) token: u32,
    pub(crate) text: String,
    pub(crate) finish: Option<FinishReason>,
}

/// An output in progress.
#[derive(Debug)]
pub(crate) struct Sequence {
    pub(crate) job: Job,
    output: Vec<u32>,
    noise: Noise,
    text: OutputText,
}

impl Sequence {
    pub(crate) fn new(job: Job) -> Self {
        Self {
            noise: Noise::new(&job.seed),
            text: OutputText::new(job.stop.clone(), job.max_tokens),
            output: Vec::new(),
            job,
        }
    }

    /// Draws the next token from its logits.
    pub(crate) fn advance(&mut self, logits: &[f32], tokenizer: &Tokenizer) -> Result<Step, GenerateError> {
        let token = self.draw(logits, tokenizer)?;
        let piece = self.text.push(tokenizer, token)?;
        let finish = piece.ended.map(|ended| match ended {
            Ended::Stop => FinishReason::Stop,
            Ended::Length => FinishReason::Length,
        });
        let text = piece.text;
        Ok(Step { token, text, finish })
    }

    /// Draws the next token from its logits, whatever it does to the text.
    pub(crate) fn draw(&mut self, logits: &[f32], tokenizer: &Tokenizer) -> Result<u32, SampleError> {
        let t = self.output.len() as u32;
        let history = History {
            prompt: &self.job.prompt,
            output: &self.output,
        };
        let draw = Draw {
            params: &self.job.params,
            noise: &self.noise,
            at: Position { t, c: 0 },
            history,
            tokens: tokenizer.tokens(),
            grammar: None,
        };
        let token = sample(logits, &draw)?;
        self.output.push(token);
        Ok(token)
    }

    /// Tokens drawn so far.
    pub(crate) fn output(&self) -> &[u32] {
        &self.output
    }

    /// Whether the token after those drawn so far may be drawn.
    pub(crate) fn may_draw(&self) -> Allowance {
        let meter = self.job.meter.as_ref();
        meter.map_or(Allowance::Go, |meter| meter.draw(self.output.len() as u32 + 1))
    }
}
