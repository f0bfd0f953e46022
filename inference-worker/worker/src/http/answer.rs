//! From what happens to a request to a response.

use crate::http::reader::Reader;
use crate::paid::Part;
use crate::scheduler::{Early, Event};
use axum::Json;
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use quern_inference_api::ApiError;
use quern_inference_api::paid::{PROGRESS_EVENT, RECEIPT_EVENT, RECEIPT_HEADER, SignedReceipt, to_header};
use quern_inference_api::response::{Choice, FinishReason, Frame, Usage};
use quern_protocol as protocol;
use serde::Serialize;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc::Receiver;

/// How long a stream waits for its first event before it commits to status 200, and the pause between comments
/// that keep an idle connection open.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where an answer comes from. Dropping it ends the work.
#[derive(Debug)]
pub(super) enum Source {
    /// The engine itself.
    Free(Choices),
    /// A paid request's conduct.
    Paid(Receiver<Part>),
}

/// The choices of an unpaid answer as they come from the engine.
#[derive(Debug)]
pub(super) struct Choices {
    /// None where one has ended.
    running: Vec<Option<Receiver<Event>>>,
    /// The one that is asked first, so that none waits for another.
    turn: usize,
    /// Whether there is anything of any choice.
    begun: bool,
    /// Ends of choices of which there is nothing, which are told once there is something of another.
    bare: Vec<(usize, Part)>,
}

fn dropped() -> Part {
    Part::Failed {
        error: ApiError::internal("The engine dropped the request."),
        receipt: None,
    }
}

impl Choices {
    /// What happens next, and to which choice.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<(usize, Part)> {
        if self.begun
            && let Some(end) = self.bare.pop()
        {
            return Poll::Ready(end);
        }
        let count = self.running.len().max(1);
        let from = self.turn;
        for step in 0..count {
            let index = (from + step) % count;
            let Some(slot) = self.running.get_mut(index) else {
                continue;
            };
            while let Some(events) = slot
                && let Poll::Ready(event) = events.poll_recv(context)
            {
                let part = match event.map(free_part) {
                    Some(Told::Nothing) => continue,
                    Some(Told::Part(part)) => part,
                    Some(Told::Bare(finish, error)) => {
                        *slot = None;
                        let end = end_of_nothing(finish);
                        if self.begun {
                            return Poll::Ready((index, end));
                        }
                        self.bare.push((index, end));
                        if self.bare.len() == count {
                            return Poll::Ready((index, Part::Failed { error, receipt: None }));
                        }
                        break;
                    }
                    None => dropped(),
                };
                if matches!(part, Part::End { .. }) {
                    *slot = None;
                }
                self.turn = index + 1;
                self.begun = true;
                return Poll::Ready((index, part));
            }
        }
        Poll::Pending
    }
}

fn end_of_nothing(finish: FinishReason) -> Part {
    Part::End {
        finish,
        usage: Usage::new(0, 0),
        tokens: Vec::new(),
        receipt: None,
    }
}

impl Source {
    pub(super) fn free(choices: Vec<Receiver<Event>>) -> Self {
        Self::Free(Choices {
            running: choices.into_iter().map(Some).collect(),
            turn: 0,
            begun: false,
            bare: Vec::new(),
        })
    }

    /// What happens next, and to which choice.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<(usize, Part)> {
        match self {
            Self::Paid(parts) => {
                let part = parts.poll_recv(context);
                part.map(|part| (0, part.unwrap_or_else(dropped)))
            }
            Self::Free(choices) => choices.poll(context),
        }
    }

    async fn next(&mut self) -> (usize, Part) {
        std::future::poll_fn(|context| self.poll(context)).await
    }
}

/// What an engine's event means for an unpaid answer.
enum Told {
    Nothing,
    Part(Part),
    /// A choice ended before its first token: what it says where there is something of another, and the error where there
    /// is nothing of any.
    Bare(FinishReason, ApiError),
}

fn free_part(event: Event) -> Told {
    let end = match event {
        Event::Token {
            text,
            thought,
            likelihood,
            ..
        } if !text.is_empty() || thought.is_some() || likelihood.is_some() => {
            return Told::Part(Part::Text {
                thought,
                text,
                likelihood,
            });
        }
        Event::Prompt { first, rest } => return Told::Part(Part::Prompt { first, rest }),
        Event::Token { .. } | Event::Paused => return Told::Nothing,
        Event::End(end) => end,
    };
    let usage = Usage::new(end.prompt, end.tokens.len() as u32)
        .with_cached(end.cached)
        .with_reasoning(end.reasoning);
    let finish = match (end.early, end.finish) {
        (Some(Early::Crowded { wait }), _) => return Told::Bare(FinishReason::Length, ApiError::busy(wait)),
        (Some(Early::Late), _) if end.tokens.is_empty() => {
            return Told::Bare(FinishReason::Timeout, ApiError::late());
        }
        (Some(Early::Late), _) => FinishReason::Timeout,
        (None, protocol::FinishReason::Stop) => FinishReason::Stop,
        (None, protocol::FinishReason::Length) => FinishReason::Length,
        _ => {
            let (error, receipt) = (end.error(), None);
            return Told::Part(Part::Failed { error, receipt });
        }
    };
    Told::Part(Part::End {
        finish,
        usage,
        tokens: end.tokens,
        receipt: None,
    })
}

fn with_receipt(mut response: Response, receipt: Option<Box<SignedReceipt>>) -> Response {
    if let Some(header) = receipt.and_then(|receipt| to_header(&*receipt)) {
        response.headers_mut().insert(RECEIPT_HEADER, header);
    }
    response
}

/// Token counts of all choices together, while some go on.
#[derive(Debug)]
struct Counts {
    running: usize,
    usage: Option<Usage>,
}

impl Counts {
    /// One more choice has ended; the usage of all after the last.
    fn end(&mut self, usage: Usage) -> Option<Usage> {
        self.running = self.running.saturating_sub(1);
        let all = self.usage.map_or(usage, |before| before.join(usage));
        self.usage = Some(all);
        (self.running == 0).then_some(all)
    }
}

/// Collects a whole answer.
pub(super) async fn whole(
    frame: &Frame,
    mut source: Source,
    mut readers: Vec<Reader>,
) -> Result<Response, ApiError> {
    let mut counts = Counts {
        running: readers.len(),
        usage: None,
    };
    loop {
        match source.next().await {
            (
                choice,
                Part::Text {
                    thought,
                    text,
                    likelihood,
                },
            ) => {
                if let Some(reader) = readers.get_mut(choice) {
                    reader.collect(thought.as_deref(), &text, likelihood);
                }
            }
            (choice, Part::Prompt { first, rest }) => {
                if let Some(reader) = readers.get_mut(choice) {
                    reader.read(first, rest);
                }
            }
            (_, Part::Progress(_)) => {}
            (
                choice,
                Part::End {
                    finish,
                    usage,
                    tokens,
                    receipt,
                },
            ) => {
                if let Some(reader) = readers.get_mut(choice) {
                    reader.conclude(finish, usage, &tokens);
                }
                if let Some(usage) = counts.end(usage) {
                    let stops: Vec<_> = readers.iter_mut().map(Reader::stop).collect();
                    let choices: Vec<Choice> = readers.into_iter().map(Reader::into_choice).collect();
                    let mut answer = frame.whole(&choices, usage);
                    for (choice, stop) in stops.into_iter().enumerate() {
                        if let Some(stop) = stop {
                            answer["choices"][choice]["stop_reason"] = stop.into();
                        }
                    }
                    let response = Json(answer).into_response();
                    return Ok(with_receipt(response, receipt));
                }
            }
            (_, Part::Failed { error, receipt }) => return Ok(with_receipt(error.into_response(), receipt)),
        }
    }
}

/// Streams an answer. A failure before the first token is still an ordinary error response, so that a router may
/// try elsewhere.
pub(super) async fn stream(
    frame: Frame,
    mut source: Source,
    readers: Vec<Reader>,
    include_usage: bool,
) -> Result<Response, ApiError> {
    let first = match tokio::time::timeout(PATIENCE, source.next()).await {
        Ok((_, Part::Failed { error, receipt })) => return Ok(with_receipt(error.into_response(), receipt)),
        first => first.ok(),
    };
    let counts = Counts {
        running: readers.len(),
        usage: None,
    };
    let mut chunks = Chunks {
        frame,
        source,
        readers,
        counts,
        include_usage,
        ready: VecDeque::new(),
        over: false,
    };
    let Chunks { readers, frame, .. } = &mut chunks;
    let openings = readers.iter_mut().map(|reader| reader.opening(frame));
    let openings: Vec<_> = openings.collect();
    for opening in openings.into_iter().flatten() {
        chunks.push_chunk(opening);
    }
    if let Some((choice, part)) = first {
        chunks.take(choice, part);
    }
    let mut response = Sse::new(chunks)
        .keep_alive(KeepAlive::new().interval(PATIENCE))
        .into_response();
    // A proxy that gathers what it passes on would take the stream for a slow answer.
    let unbuffered = http::HeaderValue::from_static("no");
    response.headers_mut().insert("x-accel-buffering", unbuffered);
    Ok(response)
}

/// Server-sent events of one answer. Dropping it cancels the request.
struct Chunks {
    frame: Frame,
    source: Source,
    readers: Vec<Reader>,
    counts: Counts,
    include_usage: bool,
    ready: VecDeque<sse::Event>,
    over: bool,
}

impl Chunks {
    fn push(&mut self, chunk: &serde_json::Value) {
        self.ready
            .push_back(sse::Event::default().data(chunk.to_string()));
    }

    /// An event with a name of its own, beside OpenAI's.
    fn push_named(&mut self, name: &str, value: &impl Serialize) {
        let json = serde_json::to_string(value).unwrap_or_default();
        self.ready.push_back(sse::Event::default().event(name).data(json));
    }

    fn push_receipt(&mut self, receipt: Option<Box<SignedReceipt>>) {
        if let Some(receipt) = receipt {
            self.push_named(RECEIPT_EVENT, &receipt);
        }
    }

    /// With usage asked for, every chunk says so and the last one brings it.
    fn push_chunk(&mut self, mut chunk: serde_json::Value) {
        if self.include_usage && chunk.get("usage").is_none() {
            chunk["usage"] = serde_json::Value::Null;
        }
        self.push(&chunk);
    }

    fn take(&mut self, choice: usize, part: Part) {
        match part {
            Part::Text {
                thought,
                text,
                likelihood,
            } => {
                let Some(reader) = self.readers.get_mut(choice) else {
                    return;
                };
                for chunk in reader.chunks(&self.frame, thought.as_deref(), &text, likelihood) {
                    self.push_chunk(chunk);
                }
            }
            Part::Prompt { first, rest } => {
                let Some(reader) = self.readers.get_mut(choice) else {
                    return;
                };
                for chunk in reader.told_prompt(&self.frame, first, rest) {
                    self.push_chunk(chunk);
                }
            }
            Part::Progress(progress) => self.push_named(PROGRESS_EVENT, &progress),
            Part::End {
                finish,
                usage,
                tokens,
                receipt,
            } => {
                let Some(reader) = self.readers.get_mut(choice) else {
                    return;
                };
                for chunk in reader.closing(&self.frame, finish, usage, &tokens) {
                    self.push_chunk(chunk);
                }
                let Some(usage) = self.counts.end(usage) else {
                    return;
                };
                if self.include_usage {
                    self.push_chunk(self.frame.usage(usage));
                }
                self.push_receipt(receipt);
                self.ready.push_back(sse::Event::default().data("[DONE]"));
                self.over = true;
            }
            Part::Failed { error, receipt } => {
                self.push_receipt(receipt);
                self.push(&error.to_json());
                self.over = true;
            }
        }
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
            match self.source.poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready((choice, part)) => self.take(choice, part),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheduler::End;
    use tokio::sync::mpsc::channel;

    fn end(early: Option<Early>, tokens: &[u32]) -> Event {
        Event::End(End {
            finish: protocol::FinishReason::Length,
            reason: None,
            early,
            fault: None,
            prompt: if tokens.is_empty() { 0 } else { 3 },
            cached: 0,
            tokens: tokens.to_vec(),
            reasoning: 0,
        })
    }

    fn token(text: &str) -> Event {
        Event::Token {
            text: text.into(),
            thought: None,
            completion: 1,
            likelihood: None,
        }
    }

    /// What is told of choices, each with what its engine says: the choice, and its text or end or error's status.
    async fn told(choices: Vec<Vec<Event>>) -> Vec<(usize, String)> {
        let mut receivers = Vec::new();
        for events in choices {
            let (sender, receiver) = channel(8);
            for event in events {
                sender.send(event).await.unwrap();
            }
            receivers.push(receiver);
        }
        let (mut running, mut source) = (receivers.len(), Source::free(receivers));
        let mut told = Vec::new();
        while running > 0 {
            let (choice, part) = source.next().await;
            told.push((
                choice,
                match part {
                    Part::Text { text, .. } => text,
                    Part::End { finish, .. } => {
                        running -= 1;
                        format!("{finish:?}")
                    }
                    Part::Failed { error, .. } => {
                        running = 0;
                        error.status.as_u16().to_string()
                    }
                    Part::Progress(_) | Part::Prompt { .. } => unreachable!(),
                },
            ));
        }
        told.sort();
        told
    }

    #[tokio::test]
    async fn choices_that_never_began_end_beside_others_and_fail_only_together() {
        let crowded = || vec![end(Some(Early::Crowded { wait: 7 }), &[])];
        let late = || vec![end(Some(Early::Late), &[])];
        let good = || vec![token("a"), end(None, &[7])];
        for (choices, expected) in [
            (vec![crowded()], vec![(0, "429")]),
            (vec![late()], vec![(0, "408")]),
            (vec![late(), late()], vec![(1, "408")]),
            (
                vec![crowded(), good()],
                vec![(0, "Length"), (1, "Length"), (1, "a")],
            ),
            (
                vec![good(), late(), crowded()],
                vec![(0, "Length"), (0, "a"), (1, "Timeout"), (2, "Length")],
            ),
            // What ended at once, without any text, is an answer all the same.
            (
                vec![late(), vec![end(None, &[7])]],
                vec![(0, "Timeout"), (1, "Length")],
            ),
        ] {
            let expected: Vec<_> = expected
                .into_iter()
                .map(|(choice, what)| (choice, what.to_owned()))
                .collect();
            assert_eq!(told(choices).await, expected);
        }
    }
}
