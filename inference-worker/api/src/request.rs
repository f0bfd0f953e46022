//! From a body to a request in which nothing was dropped silently.

use crate::error::ApiError;
use crate::fields::{is_neutral, label};
use crate::format::{self, Asked};
use crate::json;
use crate::messages::messages;
use crate::params::{biases, choices, flag, integer, number, seed, stop, stream_options, text};
use crate::reasoning::Reasoning;
use crate::tools::Tools;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Output tokens of `/v1/completions` when the request names no number, as OpenAI has it.
const COMPLETION_TOKENS: u32 = 16;
/// Least temperature above 0 of the sampler.
const LEAST_TEMPERATURE: f64 = 0.001;
/// Most alternatives whose log-probabilities are reported.
const MAX_TOP_LOGPROBS: i64 = 20;
/// The same for `/v1/completions`.
const MAX_LOGPROBS: i64 = 5;
/// Most answers to all prompts of a completion.
const MAX_ANSWERS: usize = 128;
/// Most tokens of a prompt, in all its choices, whose log-probabilities are told.
const MAX_SCORED: usize = 1 << 15;
/// Bytes of text that count as a token where its tokens are not counted yet.
const TEXT_BYTES: usize = 4;
/// Variables of a chat template that are not the client's to set.
const RESERVED: &[&str] = &[
    "messages",
    "tools",
    "bos_token",
    "eos_token",
    "add_generation_prompt",
    "documents",
];

/// Which endpoint a body came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `/v1/chat/completions`
    Chat,
    /// `/v1/completions`
    Completions,
}

impl Endpoint {
    /// The parameter that carries the prompt.
    pub fn input_param(self) -> &'static str {
        match self {
            Self::Chat => "messages",
            Self::Completions => "prompt",
        }
    }

    /// Its path.
    pub fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Completions => "/v1/completions",
        }
    }

    /// The endpoint with a path.
    pub fn of_path(path: &str) -> Option<Self> {
        [Self::Chat, Self::Completions]
            .into_iter()
            .find(|endpoint| endpoint.path() == path)
    }
}

/// One message of a chat.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// `system`, `user`, `assistant` or `tool`.
    pub role: String,
    /// The text.
    pub content: String,
    /// What else a template may show of it: calls of tools, and which call it answers.
    pub extra: Map<String, Value>,
}

/// What the model reads.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Messages for the model's chat template.
    Chat(Vec<Message>),
    /// Plain text.
    Text(String),
    /// Token ids.
    Tokens(Vec<u32>),
}

/// A request whose parameters are all within bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Where it came in.
    pub endpoint: Endpoint,
    /// Model id.
    pub model: String,
    /// Prompt.
    pub input: Input,
    /// Further prompts of a completion, each of which is answered by itself: see [`crate::many`].
    pub others: Vec<Input>,
    /// Whether a completion's text begins with its prompt.
    pub echo: bool,
    /// Most output tokens; the rest of the context if none. A completion may ask for none at all.
    pub max_tokens: Option<u32>,
    /// 0, or 0.001 to 2.
    pub temperature: f64,
    /// Above 0, at most 1.
    pub top_p: f64,
    /// Keeps so many of the most likely tokens; 0 is off.
    pub top_k: u32,
    /// Keeps tokens at least this share of the most likely one; 0 is off.
    pub min_p: f64,
    /// 0.01 to 100; 1 is off.
    pub repetition_penalty: f64,
    /// -2 to 2.
    pub frequency_penalty: f64,
    /// -2 to 2.
    pub presence_penalty: f64,
    /// Token ids, and what is added to their logits.
    pub logit_bias: BTreeMap<u32, f64>,
    /// How many answers.
    pub n: u32,
    /// Report the log-probability of each token, and of so many of the most likely.
    pub logprobs: Option<u8>,
    /// What the output has to match.
    pub format: Option<Asked>,
    /// Tools.
    pub tools: Tools,
    /// What is asked of the thoughts before the answer.
    pub reasoning: Reasoning,
    /// Further variables of the chat template, an effort of reasoning among them.
    pub template: Map<String, Value>,
    /// Who may share cached prompts with this request: those of the same salt.
    pub cache_salt: Option<String>,
    /// What the client calls the conversation: a router sends its turns to one worker where it can.
    pub conversation: Option<String>,
    /// The client's own seed.
    pub seed: Option<i64>,
    /// Strings that end the output.
    pub stop: Vec<String>,
    /// Whether to stream.
    pub stream: bool,
    /// Whether a stream ends with a chunk of usage.
    pub include_usage: bool,
}

impl Request {
    /// Parses and checks a body.
    ///
    /// # Errors
    /// The first parameter that is wrong, unsupported or unknown, by name.
    pub fn parse(endpoint: Endpoint, body: &[u8]) -> Result<Self, ApiError> {
        let mut fields = json::fields(body)?;
        let stream = flag(&mut fields, "stream")?;
        let (input, others) = match endpoint {
            Endpoint::Chat => (messages(&mut fields)?, Vec::new()),
            Endpoint::Completions => prompts(&mut fields)?,
        };
        let request = Self {
            endpoint,
            model: text(&mut fields, "model")?.ok_or_else(|| ApiError::missing("model"))?,
            input,
            others,
            echo: match endpoint {
                Endpoint::Chat => false,
                Endpoint::Completions => flag(&mut fields, "echo")?,
            },
            max_tokens: max_tokens(&mut fields, endpoint)?,
            temperature: temperature(&mut fields)?,
            top_p: number(&mut fields, "top_p", "above 0 and at most 1", |p| {
                p > 0.0 && p <= 1.0
            })?
            .unwrap_or(1.0),
            top_k: top_k(&mut fields)?,
            min_p: number(&mut fields, "min_p", "between 0 and 1", |p| {
                (0.0..=1.0).contains(&p)
            })?
            .unwrap_or(0.0),
            repetition_penalty: number(&mut fields, "repetition_penalty", "between 0.01 and 100", |p| {
                (0.01..=100.0).contains(&p)
            })?
            .unwrap_or(1.0),
            frequency_penalty: penalty(&mut fields, "frequency_penalty")?,
            presence_penalty: penalty(&mut fields, "presence_penalty")?,
            logit_bias: biases(&mut fields)?,
            n: choices(&mut fields)?,
            logprobs: logprobs(&mut fields, endpoint)?,
            format: format::take(&mut fields)?,
            tools: match endpoint {
                Endpoint::Chat => Tools::take(&mut fields)?,
                Endpoint::Completions => Tools::default(),
            },
            reasoning: match endpoint {
                Endpoint::Chat => Reasoning::take(&mut fields)?,
                Endpoint::Completions => Reasoning::default(),
            },
            template: match endpoint {
                Endpoint::Chat => template(&mut fields)?,
                Endpoint::Completions => Map::new(),
            },
            cache_salt: cache_salt(&mut fields)?,
            conversation: conversation(&mut fields)?,
            seed: seed(&mut fields)?,
            stop: stop(&mut fields)?,
            stream,
            include_usage: stream_options(&mut fields, stream)?,
        };
        request.check_answers()?;
        request.check_all_scored()?;
        for (name, value) in &fields {
            if let Some(label) = label(name, value) {
                label?;
                continue;
            }
            match is_neutral(name, value) {
                Some(true) => {}
                Some(false) => return Err(ApiError::unsupported(name)),
                None => return Err(ApiError::unknown(name)),
            }
        }
        Ok(request)
    }

    /// Bytes that a chat template is given: no token of a prompt has fewer than one. Templates may write tools and
    /// calls as indented JSON and add words about how to use them.
    pub fn template_bytes(&self) -> usize {
        let indented = |value: &Value| serde_json::to_string_pretty(value).map_or(0, |text| 2 * text.len());
        let Input::Chat(messages) = &self.input else {
            return 0;
        };
        let messages = messages.iter().map(|message| {
            let extra = message.extra.values().map(indented).sum::<usize>();
            message.role.len() + message.content.len() + extra
        });
        let tools = match self.tools.are_shown() {
            true => {
                4096 + self
                    .tools
                    .list
                    .iter()
                    .map(|tool| indented(&tool.raw))
                    .sum::<usize>()
            }
            false => 0,
        };
        let template = self.template.values().map(indented).sum::<usize>();
        messages
            .sum::<usize>()
            .saturating_add(tools)
            .saturating_add(template)
    }

    /// Refuses what a host is not paid for in one request: a receipt is of one output. Routers send a request for each.
    ///
    /// # Errors
    /// The parameter.
    pub fn check_payable(&self) -> Result<(), ApiError> {
        if self.max_tokens == Some(0) {
            let message = "A host is paid for an output: 'max_tokens' must be at least 1.";
            return Err(ApiError {
                code: Some("unsupported_parameter"),
                ..ApiError::invalid("max_tokens", message)
            });
        }
        let param = match (self.n, &*self.others) {
            (1, []) => return Ok(()),
            (1, _) => "prompt",
            _ => "n",
        };
        let message = format!("A host is paid for one output: '{param}' must ask for one.");
        Err(ApiError {
            code: Some("unsupported_parameter"),
            ..ApiError::invalid(param, message)
        })
    }

    /// Whether the log-probabilities of its prompt are wanted.
    pub fn scores_prompt(&self) -> bool {
        self.echo && self.logprobs.is_some()
    }

    /// Refuses to tell the log-probabilities of a prompt of so many tokens if they are too many.
    ///
    /// # Errors
    /// The parameter that asked for them.
    pub fn check_scored(&self, prompt: usize) -> Result<(), ApiError> {
        if !self.scores_prompt() || prompt.saturating_mul(self.n as usize) <= MAX_SCORED {
            return Ok(());
        }
        let message = format!(
            "'echo' with 'logprobs' is answered for at most {MAX_SCORED} tokens of a prompt, all choices together."
        );
        Err(ApiError::invalid("echo", message))
    }

    /// Bounds what is told of several prompts at once: each is bounded alone once its tokens are counted, but their answers are
    /// held together. A text has at most as many tokens as bytes, and usually a quarter.
    fn check_all_scored(&self) -> Result<(), ApiError> {
        if !self.scores_prompt() || self.others.is_empty() {
            return Ok(());
        }
        let weight = |input: &Input| match input {
            Input::Text(text) => text.len(),
            Input::Tokens(ids) => ids.len().saturating_mul(TEXT_BYTES),
            Input::Chat(_) => 0,
        };
        let all = self.others.iter().chain([&self.input]).map(weight);
        let all = all.fold(0, usize::saturating_add);
        if all.saturating_mul(self.n as usize) <= MAX_SCORED * TEXT_BYTES {
            return Ok(());
        }
        let message = format!(
            "'echo' with 'logprobs' is answered for at most {MAX_SCORED} tokens or {} bytes of text of several prompts, all choices together.",
            MAX_SCORED * TEXT_BYTES
        );
        Err(ApiError::invalid("echo", message))
    }

    /// Bounds answers.
    fn check_answers(&self) -> Result<(), ApiError> {
        let prompts = self.others.len().saturating_add(1);
        if prompts.saturating_mul(self.n as usize) > MAX_ANSWERS {
            let message =
                format!("'prompt' and 'n' together may ask for at most {MAX_ANSWERS} answers at once.");
            return Err(ApiError::invalid("prompt", message));
        }
        Ok(())
    }
}

/// What is above 0 and below the least that the sampler takes is raised to it.
fn temperature(fields: &mut Map<String, Value>) -> Result<f64, ApiError> {
    let wanted = number(fields, "temperature", "between 0 and 2", |t| {
        (0.0..=2.0).contains(&t)
    })?;
    Ok(match wanted {
        Some(t) if t > 0.0 => t.max(LEAST_TEMPERATURE),
        wanted => wanted.unwrap_or(1.0),
    })
}

fn penalty(fields: &mut Map<String, Value>, name: &str) -> Result<f64, ApiError> {
    let penalty = number(fields, name, "between -2 and 2", |p| (-2.0..=2.0).contains(&p))?;
    Ok(penalty.unwrap_or(0.0))
}

/// Other servers write "off" as -1.
fn top_k(fields: &mut Map<String, Value>) -> Result<u32, ApiError> {
    let k = integer(fields, "top_k", -1, i64::from(u32::MAX))?.unwrap_or(0);
    Ok(u32::try_from(k).unwrap_or(0))
}

/// A switch and a number for chats, a number alone for completions.
fn logprobs(fields: &mut Map<String, Value>, endpoint: Endpoint) -> Result<Option<u8>, ApiError> {
    let count = match endpoint {
        Endpoint::Completions => {
            // What is sent by clients of chats that ask for none.
            if fields.get("logprobs") == Some(&Value::Bool(false)) {
                fields.remove("logprobs");
            }
            integer(fields, "logprobs", 0, MAX_LOGPROBS)?
        }
        Endpoint::Chat => {
            let wanted = flag(fields, "logprobs")?;
            let top = integer(fields, "top_logprobs", 0, MAX_TOP_LOGPROBS)?;
            if !wanted && top.is_some_and(|top| top > 0) {
                let message = "'top_logprobs' is only allowed when 'logprobs' is true.";
                return Err(ApiError::invalid("top_logprobs", message));
            }
            wanted.then(|| top.unwrap_or(0))
        }
    };
    Ok(count.and_then(|count| u8::try_from(count).ok()))
}

fn template(fields: &mut Map<String, Value>) -> Result<Map<String, Value>, ApiError> {
    let name = "chat_template_kwargs";
    let mut variables = match fields.remove(name) {
        None => Map::new(),
        Some(Value::Object(variables)) => variables,
        Some(_) => return Err(ApiError::invalid(name, format!("'{name}' must be an object."))),
    };
    if let Some(taken) = variables.keys().find(|key| RESERVED.contains(&key.as_str())) {
        let path = format!("{name}.{taken}");
        let message = format!("'{path}' is not yours to set.");
        return Err(ApiError::invalid(&path, message));
    }
    if let Some(effort) = text(fields, "reasoning_effort")? {
        let other = variables.insert("reasoning_effort".into(), effort.clone().into());
        if other.is_some_and(|other| other != effort) {
            let message =
                format!("'reasoning_effort' and '{name}.reasoning_effort' contradict each other; send one.");
            return Err(ApiError::invalid("reasoning_effort", message));
        }
    }
    Ok(variables)
}

/// OpenAI's name for it, or that of other servers; where they differ, both together.
fn conversation(fields: &mut Map<String, Value>) -> Result<Option<String>, ApiError> {
    Ok(
        match (text(fields, "session_id")?, text(fields, "prompt_cache_key")?) {
            (Some(session), Some(key)) if session != key => Some(format!("{} {session}{key}", session.len())),
            (session, key) => key.or(session),
        },
    )
}

fn cache_salt(fields: &mut Map<String, Value>) -> Result<Option<String>, ApiError> {
    match text(fields, "cache_salt")? {
        Some(salt) if salt.is_empty() || salt.len() > 256 => {
            let message = "'cache_salt' must have 1 to 256 bytes.";
            Err(ApiError::invalid("cache_salt", message))
        }
        salt => Ok(salt),
    }
}

/// Newer clients send `max_completion_tokens`, older ones `max_tokens`. A completion of no tokens tells of its prompt.
fn max_tokens(fields: &mut Map<String, Value>, endpoint: Endpoint) -> Result<Option<u32>, ApiError> {
    let least = u64::from(endpoint == Endpoint::Chat);
    let mut read = |name: &str| -> Result<Option<u32>, ApiError> {
        let Some(value) = fields.remove(name) else {
            return Ok(None);
        };
        let count = value
            .as_u64()
            .filter(|n| *n >= least)
            .map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        let refused = || ApiError::invalid(name, format!("'{name}' must be an integer of at least {least}."));
        count.map(Some).ok_or_else(refused)
    };
    let old = read("max_tokens")?;
    match endpoint {
        Endpoint::Completions => Ok(old.or(Some(COMPLETION_TOKENS))),
        Endpoint::Chat => match (old, read("max_completion_tokens")?) {
            (Some(old), Some(new)) if old != new => Err(ApiError::invalid(
                "max_tokens",
                "'max_tokens' and 'max_completion_tokens' contradict each other; send one of them.",
            )),
            (old, new) => Ok(new.or(old)),
        },
    }
}

/// One prompt or several, each a text or a list of token ids.
fn prompts(fields: &mut Map<String, Value>) -> Result<(Input, Vec<Input>), ApiError> {
    let refused = || {
        let message =
            "'prompt' must be a string, a list of token ids, or a list of either; none may be empty lists.";
        ApiError::invalid("prompt", message)
    };
    let prompt = fields
        .remove("prompt")
        .ok_or_else(|| ApiError::missing("prompt"))?;
    let of = |value: &Value| match value {
        Value::String(text) => Some(Input::Text(text.clone())),
        Value::Array(ids) if !ids.is_empty() => {
            let id = |item: &Value| item.as_u64().and_then(|id| u32::try_from(id).ok());
            ids.iter().map(id).collect::<Option<_>>().map(Input::Tokens)
        }
        _ => None,
    };
    if let Some(only) = of(&prompt) {
        return Ok((only, Vec::new()));
    }
    let Value::Array(items) = prompt else {
        return Err(refused());
    };
    let all: Option<Vec<Input>> = items.iter().map(of).collect();
    let mut all = all.ok_or_else(refused)?.into_iter();
    let first = all.next().ok_or_else(refused)?;
    Ok((first, all.collect()))
}
