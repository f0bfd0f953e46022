//! One choice of an answer: its text, its calls and its log-probabilities, whole or in chunks.

use crate::http::Service;
use crate::http::calls::{Calls, Piece, Place};
use crate::http::params;
use crate::http::think::Trim;
use crate::http::tools::{self, Style};
use crate::model::Text;
use quern_engine::sampler::Likelihood;
use quern_inference_api::logprobs::{self, Token};
use quern_inference_api::response::{Choice, FinishReason, Frame, ToolCall, Usage};
use quern_inference_api::tools::ToolChoice;
use quern_inference_api::{Endpoint, Input, Request};
use serde_json::Value;
use std::sync::Arc;

/// Where an answer may hold calls.
pub(super) fn place(text: &Text, request: &Request) -> Place {
    match (&request.tools.choice, &request.format) {
        (ToolChoice::Auto, None) => Place::Among,
        (ToolChoice::Auto, Some(_)) => Place::Instead(tools::heads(Style::of(text), &request.tools)),
        _ => Place::All,
    }
}

/// Tokens of a prompt that one chunk tells of.
const PIECE: usize = 256;

/// A token as clients are told of it.
fn token(text: &Text, likelihood: &Likelihood) -> Token {
    let bytes = |id: u32| text.tokenizer.bytes(id);
    let (id, logprob) = likelihood.chosen;
    Token {
        bytes: bytes(id),
        logprob: Some(logprob),
        top: likelihood.top.iter().map(|(id, p)| (bytes(*id), *p)).collect(),
    }
}

/// Reads a choice as it grows.
#[derive(Debug)]
pub(super) struct Reader {
    index: usize,
    endpoint: Endpoint,
    text: Arc<Text>,
    /// What is thought before the answer, and whether the client gets it.
    trim: Trim,
    thought: bool,
    exclude: bool,
    /// Where calls may be.
    calls: Option<Calls>,
    /// Tokens whose likelihood was not told yet; none if nobody asks.
    tokens: Option<Vec<Token>>,
    /// Characters of the tokens that were told.
    offset: usize,
    /// What is known of the prompt's tokens, in pieces, where they were asked for.
    prompt: Vec<Value>,
    choice: Choice,
    /// The prompt, where the text begins with it.
    echo: Option<String>,
    /// What may end the text, and what did.
    stops: Vec<String>,
    stop: Option<String>,
}

impl Reader {
    /// One for each choice of a request. `number` is a random one.
    pub(super) fn all(service: &Service, request: &Request, number: u64) -> Vec<Self> {
        let calls = |index: u32| {
            // Far apart, so that no two choices share an id.
            let number = number.wrapping_add(u64::from(index) << 32);
            let active = request.tools.are_active();
            let new = || Calls::new(Style::of(&service.text), place(&service.text, request), number);
            active.then(|| new().with_texts(params::texts(&request.tools)))
        };
        let echo = match &request.input {
            _ if !request.echo => None,
            Input::Text(text) => Some(text.clone()),
            Input::Tokens(ids) => service.text.tokenizer.decode(ids).ok(),
            Input::Chat(_) => None,
        };
        let reader = |index: u32| Self {
            index: index as usize,
            endpoint: request.endpoint,
            text: service.text.clone(),
            trim: Trim::new(request.format.is_some()),
            thought: false,
            exclude: request.reasoning.exclude,
            calls: calls(index),
            tokens: request.logprobs.map(|_| Vec::new()),
            offset: 0,
            prompt: Vec::new(),
            choice: Choice {
                thought: String::new(),
                text: String::new(),
                calls: Vec::new(),
                logprobs: Value::Null,
                finish: FinishReason::Stop,
            },
            echo: echo.clone(),
            stops: request.stop.clone(),
            stop: None,
        };
        (0..request.n).map(reader).collect()
    }

    /// More of the thoughts, unless the client wants none of them, and of the answer. There is no thought at all, not even
    /// an empty one, where a token is of the answer.
    fn push(
        &mut self,
        thought: Option<&str>,
        text: &str,
        likelihood: Option<Box<Likelihood>>,
    ) -> (Option<String>, Vec<Piece>) {
        if let (Some(tokens), Some(likelihood)) = (&mut self.tokens, likelihood) {
            tokens.push(token(&self.text, &likelihood));
        }
        // A mark shows nothing, but parts the answer from what was thought.
        self.thought |= thought.is_some();
        let thought = self.trim.thought(thought.unwrap_or_default());
        let text = self.trim.answer(text, self.thought);
        let pieces = match &mut self.calls {
            Some(calls) => calls.push(text),
            None if text.is_empty() => Vec::new(),
            None => vec![Piece::Text(text.to_owned())],
        };
        let shown = !(thought.is_empty() || self.exclude);
        (shown.then_some(thought), pieces)
    }

    fn rest(&mut self) -> Vec<Piece> {
        self.calls.as_mut().map_or_else(Vec::new, Calls::finish)
    }

    /// Which stop string ended the text, if one did: the one that stands first in it. Or that its time was over.
    fn note_stop(&mut self, finish: FinishReason, usage: Usage, tokens: &[u32]) {
        if finish == FinishReason::Timeout {
            self.stop = Some("timeout".to_owned());
            return;
        }
        let tokenizer = &self.text.tokenizer;
        let cut = finish != FinishReason::Stop || tokens.last().is_none_or(|id| tokenizer.is_end(*id));
        if cut || self.stops.is_empty() {
            return;
        }
        // None is looked for in thoughts.
        let answer = tokens.get(usage.reasoning_tokens as usize..).unwrap_or_default();
        let text = tokenizer.decode(answer).unwrap_or_default();
        let found = self
            .stops
            .iter()
            .filter_map(|stop| Some((text.find(stop)?, stop)));
        self.stop = found.min_by_key(|(at, _)| *at).map(|(_, stop)| stop.clone());
    }

    /// What ended the text, where OpenAI has no word for it.
    pub(super) fn stop(&mut self) -> Option<String> {
        self.stop.take()
    }

    fn reason(&self, finish: FinishReason) -> FinishReason {
        match finish {
            FinishReason::Stop if self.calls.as_ref().is_some_and(Calls::any) => FinishReason::ToolCalls,
            finish => finish,
        }
    }

    /// What is known of tokens since it was asked last; null if there are none.
    fn logprobs(&mut self) -> Value {
        match self.tokens.as_mut().map(std::mem::take) {
            Some(tokens) if !tokens.is_empty() => logprobs::render(self.endpoint, &tokens, &mut self.offset),
            _ => Value::Null,
        }
    }

    /// Chunks of more text.
    pub(super) fn chunks(
        &mut self,
        frame: &Frame,
        thought: Option<&str>,
        text: &str,
        likelihood: Option<Box<Likelihood>>,
    ) -> Vec<Value> {
        let (thought, pieces) = self.push(thought, text, likelihood);
        let thought = thought.map(|thought| frame.thought(self.index, &thought));
        let answer = self.told(frame, pieces);
        thought.into_iter().chain(answer).collect()
    }

    /// Tokens go with the first text that shows after them.
    fn told(&mut self, frame: &Frame, pieces: Vec<Piece>) -> Vec<Value> {
        let chunk = |piece| match piece {
            Piece::Text(text) => frame.text(self.index, &text, self.logprobs()),
            Piece::Call(call) => frame.call(self.index, &call, self.logprobs()),
        };
        pieces.into_iter().map(chunk).collect()
    }

    /// Chunks of what was held back, and the one that says why the choice ended.
    pub(super) fn closing(
        &mut self,
        frame: &Frame,
        finish: FinishReason,
        usage: Usage,
        tokens: &[u32],
    ) -> Vec<Value> {
        self.note_stop(finish, usage, tokens);
        let rest = self.rest();
        let mut chunks = self.told(frame, rest);
        let (finish, logprobs) = (self.reason(finish), self.logprobs());
        let mut last = frame.closing(self.index, finish, logprobs);
        if let Some(stop) = self.stop() {
            last["choices"][0]["stop_reason"] = stop.into();
        }
        chunks.push(last);
        chunks
    }

    /// Keeps more text.
    pub(super) fn collect(&mut self, thought: Option<&str>, text: &str, likelihood: Option<Box<Likelihood>>) {
        let (thought, pieces) = self.push(thought, text, likelihood);
        self.choice.thought.push_str(&thought.unwrap_or_default());
        self.keep(pieces);
    }

    fn keep(&mut self, pieces: Vec<Piece>) {
        for piece in pieces {
            match piece {
                Piece::Text(text) => self.choice.text.push_str(&text),
                Piece::Call(call) if call.head.is_some() => self.choice.calls.push(call),
                Piece::Call(ToolCall { arguments, .. }) => {
                    if let Some(call) = self.choice.calls.last_mut() {
                        call.arguments.push_str(&arguments);
                    }
                }
            }
        }
    }

    /// Nothing follows.
    pub(super) fn conclude(&mut self, finish: FinishReason, usage: Usage, tokens: &[u32]) {
        self.note_stop(finish, usage, tokens);
        let rest = self.rest();
        self.keep(rest);
        self.choice.finish = self.reason(finish);
        let output = self.logprobs();
        for piece in std::mem::take(&mut self.prompt).into_iter().chain([output]) {
            logprobs::join(&mut self.choice.logprobs, piece);
        }
        // Whoever asked looks for a list, also where there is nothing to list.
        if self.tokens.is_some() && self.choice.logprobs.is_null() {
            self.choice.logprobs = logprobs::render(self.endpoint, &[], &mut self.offset);
        }
    }

    /// Keeps what is known of the prompt's tokens.
    pub(super) fn read(&mut self, first: u32, rest: Vec<Likelihood>) {
        let text = self.echo.as_deref().unwrap_or_default();
        let mut tokens = vec![Token {
            bytes: self.text.tokenizer.bytes(first),
            logprob: None,
            top: Vec::new(),
        }];
        tokens.extend(rest.iter().map(|likelihood| token(&self.text, likelihood)));
        self.prompt = logprobs::prompt(&tokens, text, PIECE);
        self.offset = text.chars().count();
    }

    /// Chunks of the prompt and what is known of its tokens.
    pub(super) fn told_prompt(&mut self, frame: &Frame, first: u32, rest: Vec<Likelihood>) -> Vec<Value> {
        self.read(first, rest);
        let mut text = self.echo.take().unwrap_or_default();
        let pieces = std::mem::take(&mut self.prompt).into_iter();
        pieces
            .map(|piece| frame.text(self.index, &std::mem::take(&mut text), piece))
            .collect()
    }

    /// The chunk before all others, if the choice has one. A prompt whose tokens are told waits for what is told of them.
    pub(super) fn opening(&mut self, frame: &Frame) -> Option<Value> {
        if self.tokens.is_some() && self.echo.is_some() {
            return None;
        }
        let echo = self.echo.take();
        let echoed = echo.map(|prompt| frame.text(self.index, &prompt, Value::Null));
        echoed.or_else(|| frame.opening(self.index))
    }

    /// The whole choice.
    pub(super) fn into_choice(mut self) -> Choice {
        if let Some(prompt) = self.echo.take() {
            self.choice.text.insert_str(0, &prompt);
        }
        self.choice
    }
}
