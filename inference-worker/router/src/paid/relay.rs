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
    /// Whether the host said that the answer is over, or why it failed.
    is_over: bool,
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
    /// The first of these is the first token, or what is told of the prompt before it.
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
            is_over: false,
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
                        ready.push(raw);
                        match (held > PRELUDE, self.drew) {
                            (false, _) => {}
                            // Its tokens show no text, and it is paid for them.
                            (true, true) => return Ok(self.begin(ready, body)),
                            (true, false) => return Err("much, but no token".into()),
                        }
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
                    Step::Pass(raw) | Step::Token(raw) => raw,
                    Step::Error(raw) => {
                        self.gateway.metrics.broken.inc();
                        raw
                    }
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
                Ok(false) if self.is_over => break,
                // An end that the host does not name may be anywhere in the answer.
                Ok(false) => return self.broke("it ended in the middle", &client).await,
                Err(error) => return self.broke(&error, &client).await,
            }
        }
        let rest = self.splitter.rest();
        if !rest.is_empty() {
            let _ = client.send(rest).await;
        }
    }

    /// Tells a client whose answer is not whole, and where it finds what it paid.
    async fn broke(self, reason: &str, client: &mpsc::Sender<Bytes>) {
        if self.is_over {
            return;
        }
        self.gateway.metrics.broken.inc();
        tracing::warn!(host = self.pending.place.host, reason, "an answer broke off");
        // What came of an event that is not whole is left out: no client could read it.
        let place = &self.pending.place;
        let message = format!(
            "The host broke off; the answer is incomplete. What was made of it is paid once its receipt is here: see \
             /quern/receipts/{}-{}.",
            place.session, place.nonce
        );
        let error = ApiError::unavailable(message).to_json();
        let _ = client.send(Bytes::from(format!("data: {error}\n\n"))).await;
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
                self.is_over |= chunk.error || event.data == "[DONE]";
                self.usage = chunk.usage.or(self.usage);
                self.pending.doubtful |= chunk.pending;
                if chunk.fault {
                    Step::Fault(event)
                } else if chunk.error {
                    Step::Error(event.raw)
                } else if chunk.token {
                    self.meter.token();
                    Step::Token(event.raw)
                } else if chunk.told {
                    // Perhaps of the prompt, so nothing counts it.
                    Step::Token(event.raw)
                } else {
                    Step::Pass(event.raw)
                }
            }
        }
    }
}
