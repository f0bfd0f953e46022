//! An answer that several may read: who asked first, and who asks again while it comes or afterwards.

use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::{Body, Frame};
use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Bytes that wait for a reader when nothing is kept.
const QUEUE: usize = 256 << 10;

/// Status and headers.
pub(super) type Head = (StatusCode, HeaderMap);

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Whole,
    Broken,
}

/// An answer as it comes.
#[derive(Debug)]
pub(super) struct Answer(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    head: Option<Head>,
    /// From piece `first` on.
    pieces: VecDeque<Bytes>,
    first: usize,
    /// Bytes of the pieces.
    held: usize,
    end: Option<End>,
    /// What was read is not kept for those who come later.
    passing: bool,
    /// Each reader's next piece.
    readers: BTreeMap<u64, usize>,
    next_reader: u64,
    waiting: Vec<Waker>,
}

impl State {
    fn wait(&mut self, context: &Context<'_>) {
        if !self.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            self.waiting.push(context.waker().clone());
        }
    }

    /// Lets go of what every reader has, if nothing is kept.
    fn trim(&mut self) {
        let behind = self.readers.values().copied().min();
        let keep_from = behind.unwrap_or(self.first.saturating_add(self.pieces.len()));
        while self.passing && self.first < keep_from {
            let Some(piece) = self.pieces.pop_front() else {
                break;
            };
            self.first += 1;
            self.held = self.held.saturating_sub(piece.len());
        }
    }
}

impl Answer {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::default()))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the answer and wakes whoever waits for a change.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let waiting = {
            let mut state = self.lock();
            change(&mut state);
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    pub(super) fn begin(&self, head: Head) {
        self.change(|state| state.head = Some(head));
    }

    pub(super) fn push(&self, piece: Bytes) {
        self.change(|state| {
            state.held = state.held.saturating_add(piece.len());
            state.pieces.push_back(piece);
            state.trim();
        });
    }

    /// The first end counts.
    pub(super) fn end(&self, end: End) {
        self.change(|state| state.end = state.end.or(Some(end)));
    }

    /// From now on nothing is kept once it was read.
    pub(super) fn pass(&self) {
        self.change(|state| {
            state.passing = true;
            state.trim();
        });
    }

    /// Waits, if nothing is kept, until what is here was nearly read. False if nobody reads any more.
    pub(super) async fn has_room(&self) -> bool {
        poll_fn(|context| {
            let mut state = self.lock();
            match (state.passing, state.readers.is_empty()) {
                (true, true) => Poll::Ready(false),
                (true, false) if state.held > QUEUE => {
                    state.wait(context);
                    Poll::Pending
                }
                _ => Poll::Ready(true),
            }
        })
        .await
    }

    /// Whether it is over and nobody reads it now.
    pub(super) fn is_idle(&self) -> bool {
        let state = self.lock();
        state.end.is_some() && state.readers.is_empty()
    }

    /// Somebody who reads it from its beginning on; none if that is not here any more.
    pub(super) fn reader(self: &Arc<Self>) -> Option<Reader> {
        let mut state = self.lock();
        // Nobody needs to come in time for what is not kept.
        if state.passing {
            return None;
        }
        let id = state.next_reader;
        state.next_reader = state.next_reader.wrapping_add(1);
        state.readers.insert(id, 0);
        drop(state);
        let answer = self.clone();
        Some(Reader { answer, id })
    }
}

/// Reads an answer. Dropping it ends nothing.
#[derive(Debug)]
pub(super) struct Reader {
    answer: Arc<Answer>,
    id: u64,
}

impl Reader {
    /// The answer, once its head is there; none if it broke before.
    pub(super) async fn response(self) -> Option<Response> {
        let head = poll_fn(|context| {
            let mut state = self.answer.lock();
            match (&state.head, state.end) {
                (Some(head), _) => Poll::Ready(Some(head.clone())),
                (None, Some(_)) => Poll::Ready(None),
                (None, None) => {
                    state.wait(context);
                    Poll::Pending
                }
            }
        });
        let (status, headers) = head.await?;
        let mut response = Response::new(axum::body::Body::new(self));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Some(response)
    }
}

impl Body for Reader {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let mut state = self.answer.lock();
        let at = state.readers.get(&self.id).copied().unwrap_or_default();
        let piece = at
            .checked_sub(state.first)
            .and_then(|at| state.pieces.get(at).cloned());
        if let Some(piece) = piece {
            state.readers.insert(self.id, at.saturating_add(1));
            if !state.passing {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            drop(state);
            // The writer may wait for room.
            self.answer.change(State::trim);
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        match state.end {
            None => {
                state.wait(context);
                Poll::Pending
            }
            Some(End::Whole) => Poll::Ready(None),
            Some(End::Broken) => Poll::Ready(Some(Err(io::Error::other("the answer broke off")))),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.answer.change(|state| {
            state.readers.remove(&self.id);
            state.trim();
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use std::time::Duration;

    fn piece(text: &str) -> Bytes {
        Bytes::from(text.to_owned())
    }

    async fn text(reader: Reader) -> String {
        let body = reader.response().await.unwrap().into_body();
        String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn whoever_comes_while_it_is_under_way_or_later_reads_the_same_bytes() {
        let answer = Answer::new();
        let first = tokio::spawn(text(answer.reader().unwrap()));
        answer.begin((StatusCode::OK, HeaderMap::new()));
        answer.push(piece("a"));
        let second = tokio::spawn(text(answer.reader().unwrap()));
        tokio::task::yield_now().await;
        answer.push(piece("b"));
        assert!(!answer.is_idle());
        answer.end(End::Whole);
        answer.end(End::Broken);
        assert_eq!(first.await.unwrap(), "ab");
        assert_eq!(second.await.unwrap(), "ab");
        assert_eq!(text(answer.reader().unwrap()).await, "ab");
        assert!(answer.is_idle());
    }

    #[tokio::test]
    async fn a_break_is_told_to_every_reader_as_a_break() {
        let answer = Answer::new();
        let (early, late) = (answer.reader().unwrap(), answer.reader().unwrap());
        let early = tokio::spawn(early.response());
        tokio::task::yield_now().await;
        answer.end(End::Broken);
        assert!(early.await.unwrap().is_none());
        assert!(late.response().await.is_none());
        let answer = Answer::new();
        answer.begin((StatusCode::OK, HeaderMap::new()));
        answer.push(piece("a"));
        answer.end(End::Broken);
        let body = answer.reader().unwrap().response().await.unwrap().into_body();
        assert!(body.collect().await.is_err());
    }

    #[tokio::test]
    async fn what_is_not_kept_waits_for_its_reader_and_ends_without_one() {
        let answer = Answer::new();
        let mut reader = answer.reader().unwrap();
        answer.begin((StatusCode::OK, HeaderMap::new()));
        answer.push(piece("kept"));
        answer.pass();
        assert!(answer.reader().is_none());
        for _ in 0..3 {
            answer.push(Bytes::from(vec![0; QUEUE / 2]));
        }
        let wait = answer.has_room();
        assert!(
            tokio::time::timeout(Duration::from_millis(20), wait)
                .await
                .is_err()
        );
        let mut read = Vec::new();
        while read.len() < 4 + QUEUE {
            read.extend(reader.frame().await.unwrap().unwrap().into_data().unwrap());
        }
        assert!(answer.has_room().await);
        assert_eq!(answer.lock().held, QUEUE / 2);
        drop(reader);
        assert!(!answer.has_room().await);
        assert_eq!(answer.lock().held, 0);
    }
}
