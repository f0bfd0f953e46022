//! What an output must match, and the tokens that it permits at each step.
//!
//! The mask is a function of constraint, tokenizer and the tokens so far, in every process alike: limits count work
//! and never time, and every sequence starts from caches as the compiler left them. So an auditor rebuilds a host's
//! masks from the request.

mod deep;
mod exclusive;
mod lark;
mod schema;

pub use schema::prepared;

use crate::sampler::TokenMask;
use crate::tokenizer::Tokenizer;
use llguidance::api::TopLevelGrammar;
use llguidance::toktrie::{ApproximateTokEnv, InferenceCapabilities, TokEnv, TokRxInfo, TokTrie};
use llguidance::{Matcher, ParserFactory};
use serde_json::{Value, json};
use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Longest constraint, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;
/// Deepest nesting of a JSON schema.
pub const MAX_DEPTH: usize = 48;
/// Most values in a JSON schema.
pub const MAX_VALUES: usize = 10_000;
/// Most ways in which the alternatives below one `allOf` combine.
pub const MAX_COMBINATIONS: usize = 1_000;
/// Most levels of all that a JSON schema refers to, laid one after the other.
pub const MAX_LEVELS: usize = 1_000;
/// Most values in a JSON schema in which schemas meet, written out with what it refers to.
pub const MAX_EXPANDED: usize = 100_000;
/// Most `patternProperties` in a JSON schema.
pub const MAX_PATTERNS: usize = 16;
/// Longest grammar of a client, in bytes.
pub const MAX_LARK_BYTES: usize = 16 * 1024;
/// Tokens that are tried when a constraint is compiled.
const PROBED: usize = 8;

/// What an output must match as a whole.
#[derive(Clone, Debug, PartialEq)]
pub enum Constraint {
    /// Any JSON object.
    JsonObject,
    /// JSON that a schema permits.
    JsonSchema(Value),
    /// A regular expression in the syntax of Rust's `regex`.
    Regex(String),
    /// A client's grammar in llguidance's dialect of Lark, of which some parts are not taken.
    Lark(String),
    /// A grammar that this server wrote, of parts that it checked.
    Written(String),
    /// One of several texts.
    Choice(Vec<String>),
}

/// Why there is no mask.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrammarError {
    /// The model's tokenizer or end token does not allow for constraints.
    #[error("this model cannot be held to a grammar: {0}")]
    Model(&'static str),
    /// The constraint is not one, or too much of one.
    #[error("{0}")]
    Constraint(String),
    /// The next mask takes more work than is allowed.
    #[error("the grammar grew too complex at this point of the output: {0}")]
    Step(String),
}

/// Compiles constraints for one tokenizer.
#[derive(Default)]
pub struct Grammars {
    factory: OnceLock<Result<ParserFactory, GrammarError>>,
}

impl fmt::Debug for Grammars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grammars").finish_non_exhaustive()
    }
}

/// A compiled constraint.
pub struct Grammar {
    fresh: Mutex<Matcher>,
    /// What an output may match instead.
    or: Option<Box<Instead>>,
    /// Its text, for what must cover all that shapes an output.
    canonical: String,
}

impl fmt::Debug for Grammar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Grammar").field(&self.canonical).finish()
    }
}

/// The other way in which an output may match.
struct Instead {
    fresh: Mutex<Matcher>,
    /// What no output of this way begins with.
    heads: Vec<Vec<u8>>,
}

/// Where an output stands in its grammar.
pub struct GrammarState {
    matcher: Matcher,
    fork: Option<Fork>,
}

/// An output that may still go either way.
struct Fork {
    matcher: Matcher,
    heads: Vec<Vec<u8>>,
    /// The output so far.
    begun: Vec<u8>,
    /// The last mask of each way.
    masks: (TokenMask, TokenMask),
}

impl fmt::Debug for GrammarState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrammarState").finish_non_exhaustive()
    }
}

impl Grammars {
    /// Compiles a constraint. `tokenizer` is always the same one.
    ///
    /// # Errors
    /// [`GrammarError::Model`] or [`GrammarError::Constraint`].
    pub fn compile(&self, tokenizer: &Tokenizer, constraint: &Constraint) -> Result<Grammar, GrammarError> {
        let factory = self.factory.get_or_init(|| factory(tokenizer));
        let factory = factory.as_ref().map_err(Clone::clone)?;
        let canonical = canonical(constraint);
        if canonical.len() > MAX_BYTES {
            let words = format!("it is longer than {MAX_BYTES} bytes");
            return Err(GrammarError::Constraint(words));
        }
        let grammar = top_level(constraint).map_err(GrammarError::Constraint)?;
        let compile = || {
            let matcher = Matcher::new(factory.create_parser(grammar.clone()));
            if let Some(error) = matcher.get_error() {
                return Err(brief(&error));
            }
            probe(&matcher).map(|()| matcher)
        };
        let matcher = deep::run(compile).unwrap_or_else(|| Err("the compiler failed on it".into()));
        Ok(Grammar {
            fresh: Mutex::new(matcher.map_err(GrammarError::Constraint)?),
            or: None,
            canonical,
        })
    }
}

/// Tries the first steps of one output: a constraint that no text matches, or that is too much from the start, shows
/// there and not in the middle of an answer.
fn probe(fresh: &Matcher) -> Result<(), String> {
    let mut matcher = fresh.deep_clone();
    for step in 0..PROBED {
        let mask = matcher.compute_mask_or_eos().map_err(|e| brief(&e.to_string()))?;
        if step == 0 && mask.is_zero() {
            return Err("no text that this model can write matches it".into());
        }
        let Some(token) = mask.first_bit_set() else {
            return Ok(());
        };
        if matcher.is_stopped() {
            return Ok(());
        }
        let taken = matcher.consume_token(token as u32);
        taken.map_err(|e| brief(&e.to_string()))?;
    }
    Ok(())
}

impl Grammar {
    /// What matches the first or, unless it begins with one of the heads, the second. Neither is itself of two ways.
    ///
    /// Their masks are joined for as long as both may go on: no lexer has to tell the ways apart.
    #[must_use]
    pub fn either(first: &Self, second: &Self, heads: &[String]) -> Self {
        let (one, other) = (&first.canonical, &second.canonical);
        Self {
            fresh: Mutex::new(first.fresh()),
            or: Some(Box::new(Instead {
                fresh: Mutex::new(second.fresh()),
                heads: heads.iter().map(|head| head.clone().into_bytes()).collect(),
            })),
            canonical: format!("either {} {}\n{one}\n{other}", one.len(), json!(heads)),
        }
    }

    /// The beginning of an output.
    pub fn start(&self) -> GrammarState {
        let none = || TokenMask::first(0);
        let fork = self.or.as_deref().map(|or| Fork {
            matcher: copy(&or.fresh),
            heads: or.heads.clone(),
            begun: Vec::new(),
            masks: (none(), none()),
        });
        GrammarState {
            matcher: self.fresh(),
            fork,
        }
    }

    fn fresh(&self) -> Matcher {
        copy(&self.fresh)
    }

    /// The constraint as text; two of the same text are the same.
    pub fn canonical(&self) -> &str {
        &self.canonical
    }
}

fn copy(fresh: &Mutex<Matcher>) -> Matcher {
    let fresh = fresh.lock().unwrap_or_else(PoisonError::into_inner);
    fresh.deep_clone()
}

impl GrammarState {
    /// The tokens that may come next. Once the grammar is through, only those that end the output.
    ///
    /// # Errors
    /// [`GrammarError::Step`].
    pub fn mask(&mut self) -> Result<TokenMask, GrammarError> {
        let own = mask(&mut self.matcher)?;
        let Some(fork) = &mut self.fork else {
            return Ok(own);
        };
        let other = mask(&mut fork.matcher)?;
        let other: TokenMask = other
            .iter()
            .filter(|id| own.contains(*id) || !fork.opens(*id))
            .collect();
        let both = own.iter().chain(other.iter()).collect();
        fork.masks = (own, other);
        Ok(both)
    }

    /// Takes a token of the last mask.
    ///
    /// # Errors
    /// [`GrammarError::Step`], also for a token that was not in the mask.
    pub fn push(&mut self, token: u32) -> Result<(), GrammarError> {
        if let Some(mut fork) = self.fork.take() {
            match (fork.masks.0.contains(token), fork.masks.1.contains(token)) {
                (false, true) => self.matcher = fork.matcher,
                (true, true) if !fork.opens(token) => {
                    take(&mut fork.matcher, token)?;
                    fork.begun.extend(fork.bytes(token));
                    self.fork = Some(fork);
                }
                _ => {}
            }
        }
        take(&mut self.matcher, token)
    }
}

impl Fork {
    fn bytes(&self, token: u32) -> Vec<u8> {
        let known = self.matcher.tok_env();
        known.map_or_else(|_| Vec::new(), |known| known.tok_trie().token(token).to_vec())
    }

    /// Whether the output begins with a head once it has this token.
    fn opens(&self, token: u32) -> bool {
        let near = |head: &&Vec<u8>| head.starts_with(&self.begun);
        let mut heads = self.heads.iter().filter(near).peekable();
        if heads.peek().is_none() {
            return false;
        }
        let whole = [&self.begun[..], &self.bytes(token)].concat();
        heads.any(|head| whole.starts_with(head))
    }
}

fn mask(matcher: &mut Matcher) -> Result<TokenMask, GrammarError> {
    let mask = matcher.compute_mask_or_eos();
    let mask = mask.map_err(|e| GrammarError::Step(brief(&e.to_string())))?;
    Ok(mask.iter().collect())
}

fn take(matcher: &mut Matcher, token: u32) -> Result<(), GrammarError> {
    if matcher.is_stopped() && !matcher.is_error() {
        return Ok(());
    }
    let taken = matcher.consume_token(token);
    taken.map_err(|e| GrammarError::Step(brief(&e.to_string())))
}

fn canonical(constraint: &Constraint) -> String {
    match constraint {
        Constraint::JsonObject => "json_object".into(),
        Constraint::JsonSchema(schema) => format!("json_schema {schema}"),
        Constraint::Regex(text) => format!("regex {text}"),
        Constraint::Lark(text) | Constraint::Written(text) => format!("lark {text}"),
        Constraint::Choice(texts) => format!("choice {}", json!(texts)),
    }
}

/// The first line, which says what is wrong; more would repeat the grammar.
fn brief(error: &str) -> String {
    // Its options are no client's.
    if error.contains("coerce_one_of") {
        return "'oneOf' is taken where its alternatives are seen to exclude each other, as by 'const' in a required \
                property: use 'anyOf'"
            .into();
    }
    let line = error.lines().find(|line| !line.trim().is_empty());
    line.unwrap_or("unknown").chars().take(300).collect()
}

/// One parser factory for all grammars, with limits on work.
fn factory(tokenizer: &Tokenizer) -> Result<ParserFactory, GrammarError> {
    let vocabulary = tokenizer.vocabulary().ok_or(GrammarError::Model(
        "its tokenizer's decoder is of an unknown kind",
    ))?;
    let ends: Vec<u32> = tokenizer
        .tokens()
        .iter()
        .filter(|id| tokenizer.is_end(*id))
        .collect();
    let first = *ends.first().ok_or(GrammarError::Model("it names no end token"))?;
    let mut words = vocabulary.bytes.clone();
    for id in vocabulary.special.values().chain(&ends) {
        // Marked so that no text of a grammar can match it.
        words[*id as usize].insert(0, TokTrie::SPECIAL_TOKEN_MARKER);
    }
    let trie = TokTrie::from(&TokRxInfo::new(words.len() as u32, first), &words).with_eos_tokens(&ends);
    let environment: TokEnv = std::sync::Arc::new(ApproximateTokEnv::new(trie));
    let factory = ParserFactory::new(
        &environment,
        InferenceCapabilities::default(),
        &llguidance::earley::SlicedBiasComputer::general_slices(),
    );
    let mut factory = factory.map_err(|_| GrammarError::Model("its vocabulary cannot be indexed"))?;
    factory.quiet();
    let limits = factory.limits_mut();
    limits.initial_lexer_fuel = 1_000_000;
    limits.step_lexer_fuel = 100_000;
    limits.step_max_items = 50_000;
    limits.max_items_in_row = 2_000;
    limits.max_lexer_states = 20_000;
    limits.max_grammar_size = 100_000;
    limits.precompute_large_lexemes = false;
    limits.verbose_errors = false;
    Ok(factory)
}

fn top_level(constraint: &Constraint) -> Result<TopLevelGrammar, String> {
    Ok(match constraint {
        Constraint::JsonObject => {
            TopLevelGrammar::from_json_schema(prepared(&json!({"type": "object"}), true)?)
        }
        Constraint::JsonSchema(schema) => TopLevelGrammar::from_json_schema(prepared(schema, true)?),
        Constraint::Regex(text) => TopLevelGrammar::from_regex(text),
        Constraint::Lark(text) => {
            lark::check(text)?;
            TopLevelGrammar::from_lark(text.clone())
        }
        Constraint::Written(text) => TopLevelGrammar::from_lark(text.clone()),
        Constraint::Choice(texts) if texts.is_empty() => return Err("there is nothing to choose from".into()),
        Constraint::Choice(texts) => {
            let texts: Vec<String> = texts.iter().map(|text| lark_string(text)).collect();
            TopLevelGrammar::from_lark(format!("start: {}", texts.join(" | ")))
        }
    })
}

/// A text as a literal of a Lark grammar.
pub fn lark_string(text: &str) -> String {
    Value::from(text).to_string()
}
