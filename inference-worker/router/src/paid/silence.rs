//! Hosts that leave a voucher without answer: two others of the committee are asked to try them, and what both saw is
//! kept as a miss. Off the way of requests; what cannot be witnessed is let go.

use super::Gateway;
use crate::ledger::Place;
use crate::ledger::record::Request;
use crate::receipts::TimedOut;
use crate::view::View;
use http::StatusCode;
use http_body_util::{BodyExt, Limited};
use quern_chain_client::verify;
use quern_inference_api::paid::{SignedVoucher, WITNESS_PATH, WITNESS_PATIENCE, WitnessRequest};
use quern_protocol::{Amount, Hash, Miss, Price, TimeOut, Witness};
use quern_transport::Client;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Time-outs of a host that count in a session.
pub(crate) const MOST: usize = 2;
/// Weighted tokens of the shortest request that counts on chain.
const MIN_TOKENS: u128 = 16;
/// Signatures that a time-out needs.
const WITNESSES: usize = 2;
/// Most hosts that are asked about one silence.
const ASKED: usize = 4;
/// Silences that are looked into at once.
const ROOM: usize = 8;
/// Between two looks into the same host in the same session.
const AGAIN: Duration = Duration::from_secs(20);
/// For a witness's answer: its two attempts, and its wait for the height.
const PATIENCE: Duration = Duration::from_secs(4 + 2 * WITNESS_PATIENCE.as_secs());
/// Largest answer that is read.
const MAX_ANSWER: usize = 1 << 16;

/// Which silences were looked into of late.
#[derive(Debug)]
pub(crate) struct Silences {
    last: Mutex<BTreeMap<(u64, String), Instant>>,
    room: Arc<Semaphore>,
}

impl Default for Silences {
    fn default() -> Self {
        Self {
            last: Mutex::default(),
            room: Arc::new(Semaphore::new(ROOM)),
        }
    }
}

impl Silences {
    /// Whether now is the time to look into a host; notes that.
    fn begin(&self, place: &Place) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.retain(|_, at| at.elapsed() < AGAIN);
        let at = (place.session, place.host.clone());
        let fresh = !last.contains_key(&at);
        if fresh {
            last.insert(at, Instant::now());
        }
        fresh
    }
}

/// Has a silence looked into, if it could count. `signed` is what the host had.
pub(super) fn look_into(gateway: &Gateway, place: &Place, request: &Request, signed: SignedVoucher) {
    let chain_id = gateway.chain_id();
    let found = gateway.books.with(|ledger| {
        let session = ledger.sessions.get(&place.session)?;
        let order = session.order(chain_id, place.session, place.nonce);
        let hosts = order.iter().filter_map(|index| session.hosts.get(*index));
        let others = hosts.filter(|book| book.host != place.host && !ledger.barred.contains_key(&book.host));
        let others: Vec<String> = others.map(|book| book.host.clone()).collect();
        Some((session.model.clone(), others))
    });
    let Some((model, mut others)) = found.filter(|(_, others)| others.len() >= WITNESSES) else {
        return;
    };
    let Some(tip) = gateway.view.tip(&model) else {
        return;
    };
    // Who did not answer a moment ago is asked last.
    others.sort_by_key(|host| gateway.downs.is(host, &model));
    others.truncate(ASKED);
    let enough = gateway.receipts.time_outs(place.session, &place.host) >= MOST;
    if enough || !pays_for_a_request(request.ceiling, tip.price) || !gateway.silences.begin(place) {
        return;
    }
    let Ok(permit) = gateway.silences.room.clone().try_acquire_owned() else {
        return;
    };
    let inquiry = Inquiry {
        client: gateway.client.clone(),
        view: gateway.view.clone(),
        request: WitnessRequest {
            voucher: signed.voucher,
            signature: signed.signature,
            height: tip.height,
        },
    };
    let (receipts, key) = (gateway.receipts.clone(), request.key.clone());
    tokio::spawn(async move {
        let host = inquiry.request.voucher.host.clone();
        match inquiry.miss(others).await {
            Some(miss) => {
                tracing::info!(
                    host,
                    "two others of the committee get no answer from a silent host either"
                );
                receipts.keep_time_out(TimedOut { key, miss });
            }
            None => tracing::debug!(host, "the silence of a host was not witnessed"),
        }
        drop(permit);
    });
}

/// What a host asked about another one says.
enum Word {
    Signed(Witness),
    /// The other one answers, or rests.
    Answers,
    /// Nothing of use.
    Nothing,
}

/// One silence, and what it takes to ask about it.
#[derive(Clone)]
struct Inquiry {
    client: Client,
    view: View,
    request: WitnessRequest,
}

impl Inquiry {
    /// Asks one host after the other, two at a time, until two have signed or one got an answer.
    async fn miss(self, others: Vec<String>) -> Option<Miss> {
        let (mut others, mut asking, mut signed) = (others.into_iter(), JoinSet::new(), Vec::new());
        while signed.len() < WITNESSES {
            while signed.len() + asking.len() < WITNESSES
                && let Some(next) = others.next()
            {
                let inquiry = self.clone();
                asking.spawn(async move {
                    let word = tokio::time::timeout(PATIENCE, inquiry.ask(&next)).await;
                    word.ok().flatten().unwrap_or(Word::Nothing)
                });
            }
            match asking.join_next().await?.unwrap_or(Word::Nothing) {
                Word::Signed(witness) => signed.push(witness),
                Word::Answers => return None,
                Word::Nothing => {}
            }
        }
        Some(Miss {
            voucher: self.request.voucher,
            voucher_signature: self.request.signature,
            height: self.request.height,
            reason: None,
            signed,
        })
    }

    fn digest(&self) -> Hash {
        let voucher = &self.request.voucher;
        let silence = TimeOut {
            session: voucher.session,
            nonce: voucher.nonce,
            host: voucher.host.clone(),
            height: self.request.height,
        };
        silence.digest(&self.view.contracts.chain_id)
    }

    async fn ask(&self, witness: &str) -> Option<Word> {
        let host = self.view.host(witness)?;
        let url = format!("{}{WITNESS_PATH}", host.endpoint.trim_end_matches('/'));
        let body = serde_json::to_vec(&self.request).ok()?;
        let answer = self
            .client
            .post(&url, host.transport_key.0, body.into())
            .await
            .ok()?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::CONFLICT => return Some(Word::Answers),
            _ => return Some(Word::Nothing),
        }
        let body = Limited::new(answer.into_body(), MAX_ANSWER)
            .collect()
            .await
            .ok()?;
        let signed: Witness = serde_json::from_slice(&body.to_bytes()).ok()?;
        let good =
            signed.host == witness && verify(&host.warm_key.key.0, &self.digest().0, &signed.signature.0);
        good.then_some(Word::Signed(signed))
    }
}

/// Whether a ceiling pays for a request that counts on chain.
pub(crate) fn pays_for_a_request(ceiling: Amount, price: Price) -> bool {
    let tokens = ceiling.mul_div_floor(Price::UNIT, price.atomics());
    tokens.unwrap_or_default().0 >= MIN_TOKENS
}
