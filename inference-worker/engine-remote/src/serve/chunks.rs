//! A stream's chunks, in the dialect that the worker's own engine speaks.

use super::Remote;
use super::answer::Order;
use super::count;
use super::pump::{self, Part};
use crate::wire::Delta;
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use http::HeaderValue;
use quern_inference_api::dialect::PROMPT_TOKENS_HEADER;
use quern_inference_api::response::{FinishReason, Frame, Usage};
use quern_inference_api::{ApiError, Request, logprobs};
use serde_json::Value;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc::Receiver;

/// How long a stream waits for its first piece before it commits to status 200, and the pause between comments that
/// keep an idle connection open.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most bytes of text that are kept to be counted; a longer output is not counted.
const KEPT: usize = 1024 * 1024;

/// A random number.
pub(super) fn random() -> Result<u64, ApiError> {
    getrandom::u64().map_err(|e| ApiError::internal(format!("no randomness from the system: {e}")))
}

/// Streams an answer. A failure before the first piece is an ordinary error response, so that a router may try
/// elsewhere.
pub(super) async fn stream(remote: &Arc<Remote>, order: Order) -> Result<Response, ApiError> {
    let (frame, request) = (order.frame.clone(), order.request.clone());
    let counted = request.include_usage.then(|| remote.vocabulary.clone()).flatten();
    let asked = request.clone();
    // A long prompt takes the tokenizer a while, and the engine, too.
    let prompt = counted.as_ref().map(|vocabulary| {
        let (vocabulary, context) = (vocabulary.clone(), remote.known().capabilities.context);
        tokio::task::spawn_blocking(move || count::prompt_tokens(&vocabulary, &asked, context as usize))
    });
    let mut parts = pump::begin(remote, order);
    let first = match tokio::time::timeout(PATIENCE, parts.recv()).await {
        Ok(Some(Part::Failed(error))) => return Err(remote.failed(&error)),
        Ok(Some(Part::Late)) => return Err(ApiError::late()),
        Ok(None) => return Err(ApiError::internal("The stream's task has ended.")),
        Ok(first) => first,
        Err(_) => None,
    };
    let choices = request.n as usize;
    let prompt = match prompt {
        Some(prompt) => prompt.await.ok().flatten(),
        None => None,
    };
    let mut chunks = Chunks {
        remote: remote.clone(),
        texts: prompt.map(|_| vec![String::new(); choices]),
        prompt,
        running: vec![true; choices],
        begun: false,
        offsets: vec![0; choices],
        parts,
        frame,
        request,
        ready: VecDeque::new(),
        over: false,
    };
    for choice in 0..choices {
        if let Some(opening) = chunks.frame.opening(choice) {
            chunks.push_chunk(opening);
        }
    }
    if let Some(first) = first {
        chunks.take(first);
    }
    let mut response = Sse::new(chunks)
        .keep_alive(KeepAlive::new().interval(PATIENCE))
        .into_response();
    // A proxy that gathers what it passes on would take the stream for a slow answer.
    response
        .headers_mut()
        .insert("x-accel-buffering", HeaderValue::from_static("no"));
    if let Some(prompt) = prompt {
        response.headers_mut().insert(PROMPT_TOKENS_HEADER, prompt.into());
    }
    Ok(response)
}

/// Server-sent events of one answer. Dropping it ends the engine's work.
struct Chunks {
    remote: Arc<Remote>,
    frame: Frame,
    request: Request,
    parts: Receiver<Part>,
    /// Tokens of the prompt, where they are counted here.
    prompt: Option<u32>,
    /// Which choices go on, and whether there is anything of any.
    running: Vec<bool>,
    begun: bool,
    /// Text so far, where it has to be counted here.
    texts: Option<Vec<String>>,
    /// Characters so far, which old-style log-probabilities name.
    offsets: Vec<usize>,
    ready: VecDeque<sse::Event>,
    over: bool,
}

impl Chunks {
    /// Clients expect the same fields in each chunk: usage is null in all but the last, if it was asked for.
    fn push_chunk(&mut self, mut chunk: Value) {
        if self.request.include_usage && chunk.get("usage").is_none() {
            chunk["usage"] = Value::Null;
        }
        self.push(&chunk);
    }

    fn push(&mut self, value: &Value) {
        self.ready
            .push_back(sse::Event::default().data(value.to_string()));
    }

    fn take(&mut self, part: Part) {
        match part {
            Part::Deltas(deltas) => deltas.into_iter().for_each(|delta| self.delta(delta)),
            Part::End(usage) => self.end("done", usage),
            Part::Late => self.late(),
            Part::Failed(error) => {
                let error = self.remote.failed(&error);
                self.remote.metrics.count("failed");
                self.push(&error.to_json());
                self.over = true;
            }
        }
    }

    /// What there is stays good.
    fn late(&mut self) {
        if !self.begun {
            self.remote.metrics.count("timeout");
            self.push(&ApiError::late().to_json());
            self.over = true;
            return;
        }
        for choice in 0..self.running.len() {
            if self.running[choice] {
                let mut last = self.frame.closing(choice, FinishReason::Timeout, Value::Null);
                last["choices"][0]["stop_reason"] = "timeout".into();
                self.push_chunk(last);
            }
        }
        self.end("timeout", None);
    }

    fn delta(&mut self, delta: Delta) {
        let choice = delta.choice;
        self.begun = true;
        if let Some(texts) = &mut self.texts {
            if let Some(text) = texts.get_mut(choice) {
                text.push_str(&delta.text);
            }
            if texts.iter().map(String::len).sum::<usize>() > KEPT {
                self.texts = None;
            }
        }
        let mut told = match (self.request.logprobs, self.offsets.get_mut(choice)) {
            (Some(_), Some(offset)) if !delta.tokens.is_empty() => {
                logprobs::render(self.frame.endpoint, &delta.tokens, offset)
            }
            _ => Value::Null,
        };
        if !delta.reasoning.is_empty() && !self.request.reasoning.is_hidden() {
            self.push_chunk(self.frame.thought(choice, &delta.reasoning));
        }
        // Log-probabilities go with the first chunk that there is.
        if !delta.text.is_empty() || (!told.is_null() && delta.calls.is_empty() && delta.finish.is_none()) {
            self.push_chunk(self.frame.text(choice, &delta.text, told.take()));
        }
        for call in &delta.calls {
            self.push_chunk(self.frame.call(choice, call, told.take()));
        }
        if let Some(finish) = delta.finish {
            if let Some(running) = self.running.get_mut(choice) {
                *running = false;
            }
            self.push_chunk(self.frame.closing(choice, finish, told.take()));
        }
    }

    fn end(&mut self, outcome: &str, counted: Option<Usage>) {
        let own = || {
            let texts = self.texts.as_ref()?.iter().map(String::as_str);
            let completion = count::completion(self.remote.vocabulary.as_deref()?, texts)?;
            Some(Usage::new(self.prompt?, completion))
        };
        let usage = counted.or_else(own);
        self.remote.metrics.ended(outcome, usage);
        if let Some(usage) = usage.filter(|_| self.request.include_usage) {
            self.push_chunk(self.frame.usage(usage));
        }
        self.ready.push_back(sse::Event::default().data("[DONE]"));
        self.over = true;
    }
}

impl Stream for Chunks {
    type Item = Result<sse::Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            if self.over {
                return Poll::Ready(None);
            }
            match self.parts.poll_recv(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(part)) => self.take(part),
                // A task that ended without a word read to nobody's end.
                Poll::Ready(None) => {
                    let error = ApiError::internal("The stream ended before its end.");
                    self.push(&error.to_json());
                    self.over = true;
                }
            }
        }
    }
}
