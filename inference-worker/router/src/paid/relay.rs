//! The stream of a paid answer: the host's words to the client, its receipts and needs to the ledger.

use super::forward::Order;
use super::sse::{Event, Splitter, chunk};
use super::top_up::Meter;
use super::{Gateway, Pending};
use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use quern_inference_api::ApiError;
use quern_inference_api::paid::{PROGRESS_EVENT, Progress, RECEIPT_EVENT, SignedReceipt};
use quern_protocol::Amount;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Pieces on their way to the client before the host is read no further.
const QUEUE: usize = 64;
/// Bytes for the client that a host may send before its first token.
const PRELUDE: usize = 1 << 16;
/// How long a host that reports its first token gets to show one, or to fail, before the client's answer begins without:
/// thoughts may be hidden for as long as they take.
const GRACE: Duration = Duration::from_secs(1);

/// The client's side of a stream. Dropping it ends the host's work.
pub(super) struct Stream(mpsc::Receiver<Bytes>);

impl Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0
            .poll_recv(context)
            .map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

/// A stream that may not have begun.
pub(super) struct Opening {
    gateway: Arc<Gateway>,
    pending: Pending,
    meter: Meter,
    splitter: Splitter,
    usage: Option<(u32, u32)>,
    /// Whether the host said that it drew a token.
    drew: bool,
    /// The receipt's id, once it was taken.
    receipt: Option<String>,
}

/// Why a stream never began.
pub(super) enum Unopened {
    /// The host failed.
    Failed(String),
    /// The request's own words ended it: an error in OpenAI's shape, and the receipt of what was drawn.
    Fault(String, Option<String>),
}

impl<T: Into<String>> From<T> for Unopened {
    fn from(reason: T) -> Self {
        Self::Failed(reason.into())
    }
}

/// What one event means.
enum Step {
    /// For the client.
    Pass(Bytes),
    /// The first of these is the first token.
    Token(Bytes),
    /// The host failed.
    Error(Bytes),
    /// The host cannot go on through the request's own words.
    Fault(Event),
    /// Between host and router only.
    Keep,
}

impl Opening {
    pub(super) fn new(
        gateway: &Arc<Gateway>,
        order: &Order<'_>,
        pending: Pending,
        cap: Amount,
        authorised: Amount,
    ) -> Self {
        let meter = Meter::new(gateway, order, &pending, cap, authorised);
        Self {
            gateway: gateway.clone(),
            pending,
            meter,
            splitter: Splitter::default(),
            usage: None,
            drew: false,
            receipt: None,
        }
    }

    /// Reads up to the first token, which is to be there by `due`; from there on the answer is the client's.
    pub(super) async fn first_token(mut self, mut body: Incoming, due: Instant) -> Result<Stream, Unopened> {
        let (mut ready, mut held, mut begins) = (Vec::new(), 0, None);
        loop {
            while let Some(event) = self.splitter.next() {
                match self.take(event).await {
                    Step::Keep => {}
                    Step::Pass(raw) => {
                        held += raw.len();
                        if held > PRELUDE {
                            return Err("much, but no token".into());
                        }
                        ready.push(raw);
                    }
                    Step::Fault(event) => {
                        if !self.pending.over {
                            self.pending.deny();
                        }
                        return Err(Unopened::Fault(event.data, self.receipt));
                    }
                    Step::Error(_) => {
                        self.pending.deny();
                        return Err("the host failed before the first token".into());
                    }
                    Step::Token(raw) => {
                        ready.push(raw);
                        return Ok(self.begin(ready, body));
                    }
                }
            }
            if self.drew && begins.is_none() {
                let left = due.saturating_duration_since(Instant::now());
                begins = Some(Instant::now() + GRACE.min(left / 2));
            }
            let read = match begins {
                None => self.read(&mut body).await,
                Some(at) => match tokio::time::timeout_at(at.into(), self.read(&mut body)).await {
                    Ok(read) => read,
                    Err(_) => return Ok(self.begin(ready, body)),
                },
            };
            match read {
                Ok(true) => {}
                Ok(false) => return Err("the answer ended before the first token".into()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// From here on the answer is the client's.
    fn begin(self, ready: Vec<Bytes>, body: Incoming) -> Stream {
        let (sender, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(self.run(ready, body, sender));
        Stream(receiver)
    }

    /// Reads more; false at the end.
    async fn read(&mut self, body: &mut Incoming) -> Result<bool, String> {
        match body.frame().await {
            Some(Ok(frame)) => match frame.data_ref() {
                Some(data) if !self.splitter.push(data) => Err("an event is too long".into()),
                _ => Ok(true),
            },
            Some(Err(error)) => Err(error.to_string()),
            None => Ok(false),
        }
    }

    /// The rest of the stream, until it ends, breaks, or the client leaves.
    async fn run(mut self, ready: Vec<Bytes>, mut body: Incoming, client: mpsc::Sender<Bytes>) {
        for piece in ready {
            if client.send(piece).await.is_err() {
                return;
            }
        }
        loop {
            while let Some(event) = self.splitter.next() {
                let piece = match self.take(event).await {
                    Step::Keep => continue,
                    Step::Pass(raw) | Step::Token(raw) | Step::Error(raw) => raw,
                    Step::Fault(event) => event.raw,
                };
                if client.send(piece).await.is_err() {
                    return;
                }
            }
            let read = tokio::select! {
                read = self.read(&mut body) => read,
                // The connection closes with the body, and the host stops.
                () = client.closed() => return,
            };
            match read {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    self.gateway.metrics.broken.inc();
                    tracing::warn!(host = self.pending.place.host, error, "an answer broke off");
                    let error = ApiError::unavailable("The host broke off; the answer is incomplete.");
                    // The break may lie inside an event; the empty line ends what was begun.
                    let rest = self.splitter.rest();
                    let _ = client.send(rest).await;
                    let event = format!("\n\ndata: {}\n\n", error.to_json());
                    let _ = client.send(Bytes::from(event)).await;
                    return;
                }
            }
        }
        let rest = self.splitter.rest();
        if !rest.is_empty() {
            let _ = client.send(rest).await;
        }
    }

    async fn take(&mut self, event: Event) -> Step {
        match event.name.as_str() {
            RECEIPT_EVENT => {
                let Ok(signed) = serde_json::from_str::<SignedReceipt>(&event.data) else {
                    tracing::warn!(host = self.pending.place.host, "a receipt cannot be read");
                    return Step::Keep;
                };
                match self.pending.receipt(signed, self.usage).await {
                    // A comment, which every client of event streams skips.
                    Some(id) => {
                        self.receipt = Some(id.clone());
                        Step::Pass(Bytes::from(format!(": quern-receipt {id}\n\n")))
                    }
                    None => Step::Keep,
                }
            }
            PROGRESS_EVENT => {
                if let Ok(progress) = serde_json::from_str::<Progress>(&event.data) {
                    self.meter.progress(&progress);
                    self.drew |= !progress.paused;
                }
                Step::Keep
            }
            _ => {
                let chunk = chunk(&event);
                self.usage = chunk.usage.or(self.usage);
                self.pending.doubtful |= chunk.pending;
                if chunk.fault {
                    Step::Fault(event)
                } else if chunk.error {
                    Step::Error(event.raw)
                } else if chunk.token {
                    self.meter.token();
                    Step::Token(event.raw)
                } else {
                    Step::Pass(event.raw)
                }
            }
        }
    }
}
