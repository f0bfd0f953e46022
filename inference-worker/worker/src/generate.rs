//! One output as it grows: sampling, text, stop conditions.

use quern_engine::grammar::{Grammar, GrammarError};
use quern_engine::masks::Masks;
use quern_engine::output::{Ended, OutputText};
use quern_engine::sampler::{
    Draw, History, Likelihood, Noise, Position, SampleError, SamplingParams, likelihood, sample,
};
use quern_engine::seed::{ClientSeed, Seed, hash_fields};
use quern_engine::thinking::Thinking;
use quern_engine::tokenizer::{Tokenizer, TokenizerError};
use quern_protocol::FinishReason;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// Everything that determines an output, and who pays for it.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) prompt: Vec<u32>,
    /// Prompt and output together fit the context. With 0 the prompt is computed and nothing drawn.
    pub(crate) max_tokens: u32,
    pub(crate) params: SamplingParams,
    pub(crate) stop: Vec<String>,
    /// Seed of the sampler's noise.
    pub(crate) seed: Seed,
    /// Says how far a paid output may go; an unpaid one goes to its end.
    pub(crate) meter: Option<Arc<dyn Meter>>,
    /// What few requests ask for.
    pub(crate) shape: Shape,
}

/// What few requests ask for; by default nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shape {
    /// Index of the choice.
    pub(crate) choice: u32,
    /// What the answer must match.
    pub(crate) grammar: Option<Arc<Grammar>>,
    /// How the model thinks before it, if it was taught to.
    pub(crate) thinking: Option<Thinking>,
    /// Special tokens that show as text.
    pub(crate) shown: Vec<u32>,
    /// Report the likelihood of each token, and of so many others.
    pub(crate) logprobs: Option<u8>,
    /// Report those of the prompt's tokens, too.
    pub(crate) scores_prompt: bool,
    /// The request's parameter that asked for the grammar.
    pub(crate) param: Option<String>,
    /// Who may share cached prompts with this one: those of the same salt.
    pub(crate) cache_salt: Option<String>,
    /// Whose an unpaid request is.
    pub(crate) sender: [u8; 32],
    /// When an unpaid request ends, however far it is.
    pub(crate) deadline: Option<Instant>,
}

impl Job {
    /// The output's text before its first token, with at most `most` tokens.
    pub(crate) fn output_text(&self, most: u32) -> OutputText {
        let text = OutputText::new(self.stop.clone(), most).showing(&self.shape.shown);
        text.thinking(self.shape.thinking.as_ref())
    }
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

    /// Who pays, as a number of its own; cached prompts are shared with no other.
    fn tenant(&self) -> Option<u64> {
        None
    }
}

/// The seed of an output that no chain is asked about: the client's domain with an empty chain id and session 0,
/// over a hash of all that shapes the output. The same request with the same `seed` repeats.
pub(crate) fn local_seed(model: &str, job: &Job, seed: i64) -> Seed {
    let params = &job.params;
    let prompt: Vec<u8> = job.prompt.iter().flat_map(|id| id.to_be_bytes()).collect();
    let numbers = |numbers: &[f64]| {
        let bytes = numbers.iter().map(|n| n.to_bits().to_be_bytes());
        bytes.collect::<Vec<_>>().concat()
    };
    let (usual, limit) = (
        numbers(&[params.temperature, params.top_p]),
        job.max_tokens.to_be_bytes(),
    );
    let mut fields = vec![
        &b"quern.worker.request"[..],
        model.as_bytes(),
        &prompt,
        &usual,
        &limit,
    ];
    fields.extend(job.stop.iter().map(String::as_bytes));
    let rare = numbers(&[
        params.repetition_penalty,
        params.frequency_penalty,
        params.presence_penalty,
        params.top_k.into(),
        params.min_p,
    ]);
    let bias: Vec<u8> = params
        .bias
        .iter()
        .flat_map(|(id, bias)| [&id.to_be_bytes()[..], &bias.to_bits().to_be_bytes()].concat())
        .collect();
    let grammar = job.shape.grammar.as_ref().map(|grammar| grammar.canonical());
    let plain = SamplingParams {
        temperature: params.temperature,
        top_p: params.top_p,
        ..SamplingParams::default()
    };
    if *params != plain || grammar.is_some() {
        // Longer than any stop string may be.
        fields.push(&[0; 1024]);
        fields.extend([&rare[..], &bias, grammar.unwrap_or_default().as_bytes()]);
    }
    let budget = job.shape.thinking.as_ref().and_then(|thinking| thinking.budget);
    let budget = budget.map(u32::to_be_bytes);
    if let Some(budget) = &budget {
        fields.push(&[1; 1024]);
        fields.push(budget);
    }
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
    #[error(transparent)]
    Grammar(#[from] GrammarError),
}

impl GenerateError {
    /// Whether the request's own words made it fail: its grammar grew too complex.
    pub(crate) fn is_the_requests(&self) -> bool {
        matches!(self, Self::Grammar(GrammarError::Step(_)))
    }
}

/// What one more token brought.
#[derive(Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) token: u32,
    /// Of the thoughts before the answer, perhaps none; no text at all of the answer's tokens.
    pub(crate) thought: Option<String>,
    pub(crate) text: String,
    pub(crate) finish: Option<FinishReason>,
    /// Of tokens that are the answer's text, where the job asks for it.
    pub(crate) likelihood: Option<Box<Likelihood>>,
}

/// An output in progress.
#[derive(Debug)]
pub(crate) struct Sequence {
    pub(crate) job: Job,
    output: Vec<u32>,
    noise: Noise,
    text: OutputText,
    masks: Masks,
}

impl Sequence {
    pub(crate) fn new(job: Job) -> Self {
        Self {
            noise: Noise::new(&job.seed),
            text: job.output_text(job.max_tokens),
            masks: Masks::new(job.shape.thinking.as_ref(), job.shape.grammar.as_deref()),
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
        let told = piece.answers && !tokenizer.is_end(token);
        let alternatives = self.job.shape.logprobs.filter(|_| told);
        let likelihood =
            alternatives.map(|top| Box::new(likelihood(logits, tokenizer.tokens(), token, top.into())));
        Ok(Step {
            token,
            thought: (!piece.answers).then_some(piece.thought),
            text: piece.text,
            finish,
            likelihood,
        })
    }

    /// Draws the next token from its logits, whatever it does to the text.
    pub(crate) fn draw(&mut self, logits: &[f32], tokenizer: &Tokenizer) -> Result<u32, GenerateError> {
        let mask = self.masks.mask(tokenizer.tokens())?;
        let t = self.output.len() as u32;
        let history = History {
            prompt: &self.job.prompt,
            output: &self.output,
        };
        let draw = Draw {
            params: &self.job.params,
            noise: &self.noise,
            at: Position {
                t,
                c: self.job.shape.choice,
            },
            history,
            tokens: tokenizer.tokens(),
            grammar: mask.as_ref(),
        };
        let token = sample(logits, &draw)?;
        self.masks.push(token)?;
        self.output.push(token);
        Ok(token)
    }

    /// Tokens drawn so far.
    pub(crate) fn output(&self) -> &[u32] {
        &self.output
    }

    /// Tokens before the answer so far: thoughts and their marks.
    pub(crate) fn reasoning(&self) -> u32 {
        self.text.reasoning()
    }

    /// Whether the token after those drawn so far may be drawn.
    pub(crate) fn may_draw(&self) -> Allowance {
        let meter = self.job.meter.as_ref();
        meter.map_or(Allowance::Go, |meter| meter.draw(self.output.len() as u32 + 1))
    }
}
