//! One request from the engine's first event to its durable receipt. Runs on its own, so that a client that leaves
//! still leaves a receipt behind.

use crate::metrics::Metrics;
use crate::paid::answer::Part;
use crate::paid::meter::RequestMeter;
use crate::paid::receipts::{self, Facts, Times};
use crate::paid::record::Record;
use crate::paid::service::Paid;
use crate::scheduler::{End, Event};
use quern_chain_client::SigningKey;
use quern_inference_api::ApiError;
use quern_inference_api::paid::{PROGRESS_TOKENS, Progress, RECEIPT_PENDING, SignedReceipt};
use quern_inference_api::response::{FinishReason, Usage};
use quern_protocol::{Amount, FinishReason as Finish};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{Receiver, Sender};

/// Pause between two attempts to keep a receipt on a disk that is full.
const RETRY: Duration = Duration::from_secs(2);

/// A request under way.
#[derive(Debug)]
pub(crate) struct Conduct {
    pub(crate) paid: Arc<Paid>,
    pub(crate) facts: Facts,
    pub(crate) meter: Arc<RequestMeter>,
    /// Of the model.
    pub(crate) metrics: Metrics,
    pub(crate) arrived: Instant,
    /// The key that counted when the voucher came, which stays good for it.
    pub(crate) key: SigningKey,
}

fn millis(since: Instant) -> u32 {
    u32::try_from(since.elapsed().as_millis()).unwrap_or(u32::MAX)
}

impl Conduct {
    /// Passes events on until the end, then keeps and passes on the receipt.
    pub(crate) async fn run(self, mut events: Receiver<Event>, out: Sender<Part>) {
        let (mut told, mut completion, mut times, mut gone) = (0, 0, Times::default(), false);
        // Of the prompt nothing is told before the first token, which is when the prompt is paid for.
        let mut read = None;
        let end = loop {
            let event = tokio::select! {
                event = events.recv() => event,
                () = out.closed(), if !gone => {
                    gone = true;
                    self.meter.cancel();
                    continue;
                }
            };
            match event {
                Some(Event::Token {
                    text,
                    thought,
                    completion: n,
                    likelihood,
                }) => {
                    completion = n;
                    if n == 1 {
                        times.first_token_ms = millis(self.arrived);
                    }
                    if n == 1 || n >= told + PROGRESS_TOKENS {
                        told = n;
                        // The first one says what the prompt costs, before any output.
                        let before = if n == 1 { 0 } else { n };
                        self.tell(&out, before, false);
                    }
                    if let Some(prompt) = read.take() {
                        let _ = out.try_send(prompt);
                    }
                    if !text.is_empty() || thought.is_some() || likelihood.is_some() {
                        let _ = out.try_send(Part::Text {
                            thought,
                            text,
                            likelihood,
                        });
                    }
                }
                Some(Event::Prompt { first, rest }) => {
                    read = Some(Part::Prompt { first, rest });
                }
                Some(Event::Paused) => {
                    told = completion;
                    self.tell(&out, completion, true);
                }
                Some(Event::End(end)) => break end,
                None => break End::failed("the engine dropped the request".to_owned()),
            }
        };
        times.duration_ms = millis(self.arrived);
        self.conclude(end, times, &out).await;
    }

    fn tell(&self, out: &Sender<Part>, completion: u32, paused: bool) {
        let _ = out.try_send(Part::Progress(Progress {
            prompt: self.meter.prompt,
            cached: 0,
            completion,
            paused,
        }));
    }

    async fn conclude(self, mut end: End, times: Times, out: &Sender<Part>) {
        // What was cached is told; the receipt charges for the whole prompt.
        let usage = Usage::new(end.prompt, end.tokens.len() as u32)
            .with_cached(end.cached)
            .with_reasoning(end.reasoning);
        let (session, nonce) = (self.meter.session, self.meter.nonce);
        let signed = {
            let mut book = self.paid.store.book();
            let running = book.account(session).running.get(&nonce);
            running.map(|running| running.signed.clone())
        };
        let Some(voucher) = signed else {
            let error = ApiError::internal("The request is not in the book any more.");
            let _ = out.try_send(Part::Failed { error, receipt: None });
            return;
        };
        // Every token was reserved before it was drawn, so the cost is within ceiling and caps.
        let capture = match usage.completion_tokens {
            0 => Amount::ZERO,
            n => self.meter.cost(n).unwrap_or(Amount::ZERO),
        };
        let late = self
            .meter
            .is_late()
            .then(|| "the voucher's time is over".to_owned());
        end.reason = end.reason.or(late);
        let (finish, error) = (end.finish, end.error());
        let (receipt, record) = receipts::make(self.facts, voucher, &end, capture, times, &self.key);
        if !keep(&self.paid, record, (session, nonce), out).await {
            return;
        }
        let captured = u64::try_from(capture.0).unwrap_or(u64::MAX);
        self.metrics.captured.inc_by(captured);
        self.metrics.receipts.inc();
        self.paid.outbox.notify_one();
        let _ = out.try_send(part(finish, error, (usage, end.tokens), receipt));
    }
}

/// The last part of an answer.
fn part(finish: Finish, error: ApiError, (usage, tokens): (Usage, Vec<u32>), receipt: SignedReceipt) -> Part {
    let receipt = Some(Box::new(receipt));
    match finish {
        Finish::Error => Part::Failed { error, receipt },
        Finish::Stop => Part::End {
            finish: FinishReason::Stop,
            usage,
            tokens,
            receipt,
        },
        // OpenAI has one word for every output that was cut.
        Finish::Length | Finish::Unfunded | Finish::Cancelled => Part::End {
            finish: FinishReason::Length,
            usage,
            tokens,
            receipt,
        },
    }
}

/// Makes the record durable, however long it takes; true if at once. While it waits the client is told and no new
/// work is taken.
async fn keep(paid: &Paid, record: Record, (session, nonce): (u64, u64), out: &Sender<Part>) -> bool {
    let mut first = true;
    loop {
        let Err(error) = paid.store.append(record.clone()).await else {
            if !first {
                tracing::info!(session, nonce, "kept a receipt that had to wait");
                paid.outbox.notify_one();
            }
            return first;
        };
        tracing::error!(session, nonce, %error, "a receipt cannot be kept; trying again");
        if first {
            // No denial: it is paid once the disk has room.
            let error = ApiError {
                code: Some(RECEIPT_PENDING),
                ..ApiError::unavailable("The worker cannot keep the receipt of this answer yet.")
            };
            let _ = out.try_send(Part::Failed { error, receipt: None });
        }
        first = false;
        tokio::time::sleep(RETRY).await;
    }
}
