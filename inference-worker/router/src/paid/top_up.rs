//! Authority that goes ahead of a stream.

use super::bounds::{Bounds, paid_ahead};
use super::forward::Order;
use super::{Gateway, Payer, Pending};
use crate::ledger::Place;
use crate::ledger::record::Request;
use bytes::Bytes;
use http::StatusCode;
use quern_inference_api::paid::{Progress, SLICE_TOKENS, VOUCHERS_PATH};
use quern_protocol::{Amount, Coefficients};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Attempts to hand over one top-up, the wait for each one's answer, and the pause between them.
const ATTEMPTS: u32 = 3;
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(200);

/// What the tasks of one stream share.
struct Shared {
    gateway: Arc<Gateway>,
    payer: Payer,
    place: Place,
    request: Request,
    state: Mutex<Sending>,
}

/// What is signed and what is wanted.
struct Sending {
    /// Highest cap that was signed for this request.
    cap: Amount,
    /// What should be authorised next; none when all is sent.
    wanted: Option<Amount>,
    /// Whether a task is at it.
    busy: bool,
}

/// Counts a stream's tokens and sends top-ups.
pub(super) struct Meter {
    shared: Arc<Shared>,
    coefficients: Coefficients,
    bounds: Bounds,
    done: u32,
    authorised: Amount,
}

impl Meter {
    pub(super) fn new(
        gateway: &Arc<Gateway>,
        order: &Order<'_>,
        pending: &Pending,
        cap: Amount,
        authorised: Amount,
    ) -> Self {
        let shared = Shared {
            gateway: gateway.clone(),
            payer: order.payer.clone(),
            place: pending.place.clone(),
            request: pending.request.clone(),
            state: Mutex::new(Sending {
                cap,
                wanted: None,
                busy: false,
            }),
        };
        Self {
            shared: Arc::new(shared),
            coefficients: order.coefficients,
            bounds: order.bounds,
            done: 0,
            authorised,
        }
    }

    /// A chunk with output came: at least one token.
    pub(super) fn token(&mut self) {
        self.done = self.done.saturating_add(1);
        self.ahead(0);
    }

    /// The host said how far it is.
    pub(super) fn progress(&mut self, progress: &Progress) {
        self.done = self.done.max(progress.completion);
        self.bounds.prompt = self.bounds.prompt.min(progress.prompt.max(1));
        self.ahead(if progress.paused { SLICE_TOKENS } else { 0 });
    }

    /// Authorises what the tokens so far call for, and `more` tokens' worth when the host stands still.
    fn ahead(&mut self, more: u32) {
        let price = self.shared.request.price;
        let cost = |output| self.bounds.cost(&self.coefficients, price, output);
        let Some(mut want) = cost(paid_ahead(self.done)) else {
            return;
        };
        if more > 0
            && let (Some(all), Some(none)) = (cost(more), cost(0))
        {
            want = want.max(crate::ledger::plus(self.authorised, all.saturating_sub(none)));
        }
        let want = want.min(self.shared.request.ceiling);
        if want <= self.authorised && more == 0 {
            return;
        }
        self.authorised = self.authorised.max(want);
        {
            let mut state = self.shared.state();
            state.wanted = Some(want.max(state.wanted.unwrap_or_default()));
            if std::mem::replace(&mut state.busy, true) {
                // The task under way sends this too.
                return;
            }
        }
        let shared = self.shared.clone();
        tokio::spawn(async move {
            while let Some(to) = shared.next() {
                shared.send(to).await;
            }
        });
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, Sending> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next amount to authorise; none ends the task.
    fn next(&self) -> Option<Amount> {
        let mut state = self.state();
        let next = state.wanted.take();
        state.busy = next.is_some();
        next
    }

    async fn send(&self, to: Amount) {
        let place = &self.place;
        let cap = match self
            .gateway
            .books
            .try_with(|ledger| ledger.raise(place, to))
            .await
        {
            Ok(cap) => cap,
            Err(denied) => {
                tracing::warn!(host = place.host, ?denied, "a stream gets no further authority");
                return;
            }
        };
        let cap = {
            // Others' receipts may have lowered the host's cap; this voucher's own only grows.
            let mut state = self.state();
            state.cap = cap.max(state.cap);
            state.cap
        };
        let signed = self.gateway.voucher(&self.payer, place, &self.request, cap);
        let (Some(host), Ok(body)) = (self.gateway.view.host(&place.host), serde_json::to_vec(&signed))
        else {
            return;
        };
        let url = format!("{}{VOUCHERS_PATH}", host.endpoint.trim_end_matches('/'));
        let body = Bytes::from(body);
        for attempt in 1..=ATTEMPTS {
            let answer = self.gateway.client.post(&url, host.transport_key.0, body.clone());
            match tokio::time::timeout(PATIENCE, answer).await {
                Ok(Ok(answer)) => match answer.status() {
                    StatusCode::OK => return self.gateway.metrics.top_ups.inc(),
                    // The answer ended while the top-up travelled.
                    StatusCode::NOT_FOUND => return,
                    status => tracing::warn!(host = place.host, %status, "a top-up was refused"),
                },
                Ok(Err(error)) => tracing::warn!(host = place.host, %error, "a top-up did not arrive"),
                Err(_) => tracing::warn!(host = place.host, "no answer to a top-up in time"),
            }
            tokio::time::sleep(PAUSE * attempt).await;
        }
    }
}
