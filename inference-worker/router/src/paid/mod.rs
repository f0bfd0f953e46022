//! Requests that are paid by vouchers.

mod attempt;
mod bill;
mod bounds;
mod collect;
mod count;
mod down;
mod forward;
mod relay;
mod several;
mod share;
mod siblings;
pub(crate) mod silence;
pub(crate) mod sse;
mod streams;
pub(crate) mod tickets;
mod top_up;
pub(crate) mod verify;
pub(crate) mod void;

pub(crate) use bill::Shown;
pub(crate) use collect::{Stopped, ask_receipt, collect};
pub(crate) use count::count;
pub(crate) use down::Downs;
pub(crate) use forward::SESSION_MARGIN;
pub(crate) use several::forward_all;

use crate::books::Books;
use crate::ledger::record::Request;
use crate::ledger::{Place, Record};
use crate::metrics::Metrics;
use crate::receipts::{Kept, Receipts};
use crate::view::View;
use quern_chain_client::SigningKey;
use quern_inference_api::paid::{SignedReceipt, SignedVoucher};
use quern_protocol::{Amount, Bytes, Price, PublicKey, Voucher, salt_commitment};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// Who pays, the account that acts for it, and the key that signs the sessions' vouchers.
#[derive(Clone, Debug)]
pub(crate) struct Payer {
    /// Whose sessions they are.
    pub(crate) address: String,
    /// The payer's own key, which opens sessions, or its agent's, which closes them and moves limits.
    pub(crate) account: SigningKey,
    pub(crate) session_key: SigningKey,
}

impl Payer {
    /// The agent's address, if the account is one's.
    pub(crate) fn agent(&self) -> Option<String> {
        let own = self.account.address().ok()?;
        (own != self.address).then_some(own)
    }
}

/// Everything that a paid request needs.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) books: Arc<Books>,
    pub(crate) receipts: Receipts,
    pub(crate) view: View,
    pub(crate) client: quern_transport::Client,
    /// By name.
    pub(crate) payers: BTreeMap<String, Payer>,
    pub(crate) models: Vec<String>,
    /// Highest price per token that new sessions accept.
    pub(crate) max_price: Price,
    pub(crate) metrics: Metrics,
    /// Longest wait for the first token of a stream.
    pub(crate) first_token: Duration,
    /// Longest wait for an answer in one piece.
    pub(crate) whole: Duration,
    /// How long other prompts wait to see whether the longest, which may be too long, is refused: a host says so at once.
    pub(crate) alone: Duration,
    /// Hosts that did not answer, and since when.
    pub(crate) downs: Downs,
    /// Hosts whose silence is being witnessed.
    pub(crate) silences: silence::Silences,
    /// Requests with idempotency keys at hosts.
    pub(crate) tickets: tickets::Tickets,
    /// Wakes those who tend sessions and missing receipts.
    pub(crate) wake: Notify,
}

impl Gateway {
    pub(crate) fn chain_id(&self) -> &str {
        &self.view.contracts.chain_id
    }

    /// Whose key signs a session's vouchers.
    pub(crate) fn payer_of(&self, session: u64) -> Option<&Payer> {
        let address = self
            .books
            .with(|ledger| ledger.sessions.get(&session).map(|session| session.payer.clone()))?;
        self.payers.values().find(|payer| payer.address == address)
    }

    /// Puts sessions and budgets into the metrics.
    pub(crate) fn show_state(&self) {
        let (latest, metrics) = (self.view.latest(), &self.metrics);
        metrics.sessions.reset();
        self.books.with(|ledger| {
            for session in ledger.sessions.values() {
                let state = match (&session.beacon, session.closing) {
                    (_, true) => "closing",
                    (None, _) => "pending",
                    (Some(_), _) if session.serves(latest, SESSION_MARGIN) => "open",
                    (Some(_), _) => "over",
                };
                let labels = [session.payer.as_str(), session.model.as_str(), state];
                metrics.sessions.with_label_values(&labels).inc();
            }
            for (key, book) in &ledger.keys {
                for (kind, amount) in [("spent", book.spent), ("held", book.held)] {
                    metrics
                        .budgets
                        .with_label_values(&[key.as_str(), kind])
                        .set(amount.0 as f64);
                }
            }
        });
    }

    /// How a request stands that went to the hosts on a ticket, and for how many blocks at most it stays open.
    pub(crate) fn standing(&self, ticket: &tickets::Ticket) -> (tickets::Standing, u64) {
        let latest = self.view.latest();
        self.books.with(|ledger| {
            let until = |place: &Place| ledger.open_until(place).map(|last| last.saturating_sub(latest));
            self.tickets.look(ticket, until)
        })
    }

    /// Whether every payer has a session for every model that the chain opens sessions for, and there is one at all.
    pub(crate) fn is_ready(&self) -> bool {
        // vouchers name the height before the latest
        let height = self.view.latest().saturating_sub(1);
        let opens = |model: &&String| self.view.opens(model);
        let models: Vec<&String> = self.models.iter().filter(opens).collect();
        self.books.with(|ledger| {
            let sessions = ledger.sessions.values();
            let serving: Vec<_> = sessions.filter(|s| s.serves(height, SESSION_MARGIN)).collect();
            let has = |payer: &Payer, model: &str| {
                let mut own = serving.iter();
                own.any(|s| s.payer == payer.address && s.model == model)
            };
            let served = |payer| models.iter().all(|model| has(payer, model));
            !serving.is_empty() && self.payers.values().all(served)
        })
    }

    /// Signs a voucher for a request with a cap that the ledger granted.
    fn voucher(&self, payer: &Payer, place: &Place, request: &Request, cap: Amount) -> SignedVoucher {
        let voucher = Voucher {
            session: place.session,
            host: place.host.clone(),
            nonce: place.nonce,
            height: request.height,
            ceiling: request.ceiling,
            cap,
            salt_commitment: salt_commitment(self.chain_id(), place.session, place.nonce, &request.salt.0),
        };
        let digest = voucher.digest(self.chain_id());
        SignedVoucher {
            signature: Bytes(payer.session_key.sign(&digest.0)),
            voucher,
        }
    }

    /// Checks a receipt. A good one settles the request and is kept. A wrong one is kept as evidence, and the host gets no
    /// further voucher.
    pub(crate) async fn accept(
        &self,
        place: &Place,
        request: &Request,
        model: &str,
        signed: SignedReceipt,
        usage: Option<(u32, u32)>,
    ) -> Taken {
        let verdict = match self.check(place, request, model, &signed, usage, false).await {
            // The warm key may be a newer one, or have been an older one.
            Err(_) => self.check(place, request, model, &signed, usage, true).await,
            good => good,
        };
        let id = signed.receipt.digest(self.chain_id()).to_string();
        let mut kept = Kept {
            id: id.clone(),
            place: place.clone(),
            key: request.key.clone(),
            signed,
            fault: None,
            salt: request.salt,
            content: None,
        };
        match verdict {
            Ok(capture) => {
                let place = place.clone();
                self.tickets.settle(&place, capture);
                self.books.commit(Record::Settled { place, capture });
                self.receipts.keep(kept);
                self.metrics.receipts.with_label_values(&["good"]).inc();
                Taken::Good(id)
            }
            Err(Verdict::Unknown(reason)) => {
                tracing::warn!(host = place.host, reason, "a receipt could not be checked");
                Taken::Unknown
            }
            Err(Verdict::Wrong(reason)) => {
                tracing::error!(
                    host = place.host,
                    receipt = id,
                    reason,
                    "a wrong receipt; the host gets no more requests"
                );
                kept.fault = Some(reason.to_owned());
                kept.content = Some(request.content);
                self.receipts.keep(kept);
                self.metrics.receipts.with_label_values(&["wrong"]).inc();
                let (host, reason) = (place.host.clone(), format!("receipt {id}: {reason}"));
                self.books.commit(Record::Barred { host, reason });
                Taken::Wrong
            }
        }
    }

    async fn check(
        &self,
        place: &Place,
        request: &Request,
        model: &str,
        signed: &SignedReceipt,
        usage: Option<(u32, u32)>,
        thorough: bool,
    ) -> Result<Amount, Verdict> {
        let unknown = |reason: &str| Verdict::Unknown(reason.to_owned());
        let payer = self
            .payer_of(place.session)
            .ok_or_else(|| unknown("its session is gone"))?;
        let package = self
            .view
            .model(model)
            .ok_or_else(|| unknown("its model is not known"))?;
        let fixed = self.books.with(|ledger| {
            let session = ledger.sessions.get(&place.session)?;
            Some((session.model_hash, session.coefficients))
        });
        let (model_hash, coefficients) = fixed.ok_or_else(|| unknown("its session is gone"))?;
        let known = self.view.host(&place.host);
        let mut warm_keys: Vec<PublicKey> = known.iter().map(|host| host.warm_key.key).collect();
        if thorough {
            let contracts = &self.view.contracts;
            let host = contracts.host(&place.host).await;
            let then = contracts.warm_key_at(&place.host, request.height).await;
            match (host, then) {
                (Ok(host), then) => {
                    warm_keys = vec![host.warm_key.key];
                    warm_keys.extend(then.ok().map(|key| key.key));
                }
                (Err(error), _) => return Err(Verdict::Unknown(error.to_string())),
            }
        }
        let beacon = self.view.beacon(request.height).await;
        let expected = verify::Expected {
            chain_id: self.chain_id(),
            place,
            request,
            session_key: &Bytes(payer.session_key.public()),
            warm_keys: &warm_keys,
            model_hash,
            coefficients,
            context: package.context,
            beacon: beacon.ok(),
            usage,
        };
        verify::check(signed, &expected).map_err(Verdict::Wrong)
    }
}

/// What became of a receipt that came.
pub(crate) enum Taken {
    /// It counts; its id.
    Good(String),
    /// It never will.
    Wrong,
    /// It may, once it can be checked.
    Unknown,
}

/// Why a receipt does not count.
enum Verdict {
    Wrong(&'static str),
    Unknown(String),
}

/// A request whose voucher is signed. Dropping it says that the answer is over; without a receipt by then the
/// request waits for one.
#[derive(Debug)]
pub(crate) struct Pending {
    gateway: Arc<Gateway>,
    pub(crate) place: Place,
    pub(crate) request: Request,
    pub(crate) model: String,
    over: bool,
    /// The host failed, and is paid all the same or may be.
    doubtful: bool,
}

impl Pending {
    fn new(gateway: Arc<Gateway>, place: Place, request: Request, model: String) -> Self {
        Self {
            gateway,
            place,
            request,
            model,
            over: false,
            doubtful: false,
        }
    }

    /// Takes a receipt; its id if it is good.
    async fn receipt(&mut self, signed: SignedReceipt, usage: Option<(u32, u32)>) -> Option<String> {
        let gateway = self.gateway.clone();
        let taken = gateway
            .accept(&self.place, &self.request, &self.model, signed, usage)
            .await;
        self.doubtful |= matches!(taken, Taken::Unknown);
        self.over |= matches!(taken, Taken::Good(_));
        match taken {
            Taken::Good(id) => Some(id),
            Taken::Wrong | Taken::Unknown => None,
        }
    }

    /// The host failed: it is believed that it does not serve this request, unless it shows or says otherwise.
    fn deny(&self) {
        if !self.doubtful {
            self.gateway.tickets.deny(&self.place);
        }
    }

    /// The host's word that it serves nothing for this voucher.
    fn free(mut self) {
        let place = self.place.clone();
        self.gateway.tickets.clear(&place);
        self.gateway.books.commit(Record::Freed { place });
        self.over = true;
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.over {
            let place = self.place.clone();
            self.gateway.books.commit(Record::Ended { place });
            self.gateway.wake.notify_waiters();
        }
    }
}
