//! `POST /v1/witness`: trying a host of the committee that a router says is silent. Only what this host saw itself is
//! signed, and whoever asks, a host is tried at most once in [`WITNESS_PAUSE`], at the address of the registry.

use crate::paid::answer::Denied;
use crate::paid::http::wait_for;
use crate::paid::service::Paid;
use crate::paid::vouchers::refusal;
use http::StatusCode;
use quern_chain_client::{ChainError, verify};
use quern_inference_api::ApiError;
use quern_inference_api::paid::{Rejection, WITNESS_PATIENCE, WITNESS_PAUSE, WitnessRequest, receipt_path};
use quern_interface::registry::{HostInfo, HostStatus, QueryMsg as Registry};
use quern_interface::settlement::{SessionInfo, SessionStatus};
use quern_protocol::{Bytes, TimeOut, Voucher, Witness};
use quern_transport::{Client, Peer, TransportKey};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, watch};

/// Hosts that are tried at once; beyond them comes 429.
const TRIES: usize = 4;
/// Between the two attempts of a try: a connection that was kept open may have died with an earlier process.
const AGAIN: Duration = Duration::from_millis(500);
/// Heights by which a router may be behind this host.
const BEHIND: u64 = 4;
/// Requests of one host in one session whose silence is witnessed: no more count on chain.
const MOST: usize = 2;

/// What a try found.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    /// No answer between these heights.
    Silence(u64, u64),
    Answer,
    /// It need not answer.
    Rest,
    /// The chain does not tell where it is.
    Unknown(String),
}

/// A host that was tried, or is.
#[derive(Clone, Debug)]
struct Try {
    begun: Instant,
    found: watch::Receiver<Option<Found>>,
}

/// Who was tried of late, and what was signed.
#[derive(Debug)]
pub(crate) struct Witnesses {
    client: Client,
    tries: Mutex<BTreeMap<String, Try>>,
    /// Requests, by session and host.
    said: Mutex<BTreeMap<(u64, String), BTreeSet<u64>>>,
    room: Arc<Semaphore>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Witnesses {
    pub(crate) fn new(key: TransportKey) -> Self {
        Self {
            client: Client::new(key),
            tries: Mutex::default(),
            said: Mutex::default(),
            room: Arc::new(Semaphore::new(TRIES)),
        }
    }

    /// The try that counts now: a recent one, or a new one, which goes on even if nobody waits for it any more.
    fn begin(&self, paid: &Arc<Paid>, voucher: &Voucher) -> Result<Try, ApiError> {
        let mut tries = lock(&self.tries);
        tries.retain(|_, one| one.begun.elapsed() < WITNESS_PAUSE);
        if let Some(recent) = tries.get(&voucher.host) {
            return Ok(recent.clone());
        }
        let permit = self.room.clone().try_acquire_owned();
        let permit = permit.map_err(|_| ApiError::busy(5))?;
        let (tell, found) = watch::channel(None);
        let one = Try {
            begun: Instant::now(),
            found,
        };
        tries.insert(voucher.host.clone(), one.clone());
        let (paid, client) = (paid.clone(), self.client.clone());
        let (host, path) = (voucher.host.clone(), receipt_path(voucher.session, voucher.nonce));
        tokio::spawn(async move {
            let found = attempt(&paid, &client, &host, &path).await;
            tracing::info!(host, ?found, "tried a host that a router calls silent");
            tell.send_replace(Some(found));
            drop(permit);
        });
        Ok(one)
    }

    /// Notes that a request is witnessed; false if enough were.
    fn note(&self, paid: &Paid, voucher: &Voucher) -> bool {
        let mut said = lock(&self.said);
        said.retain(|(session, _), _| paid.sessions.known(*session).is_some());
        let nonces = said.entry((voucher.session, voucher.host.clone())).or_default();
        let counts = nonces.contains(&voucher.nonce) || nonces.len() < MOST;
        if counts {
            nonces.insert(voucher.nonce);
        }
        counts
    }
}

/// Two attempts at any answer at all: what it says is the router's affair.
async fn attempt(paid: &Paid, client: &Client, host: &str, path: &str) -> Found {
    let begun = paid.follow.height();
    let info = match record(paid, host).await {
        Ok(info) => info,
        Err(error) => return Found::Unknown(error.to_string()),
    };
    let rests = info
        .maintenance
        .iter()
        .any(|(from, to)| (*from..*to).contains(&begun));
    if rests || info.status != HostStatus::Active {
        return Found::Rest;
    }
    let url = format!("{}{path}", info.endpoint.trim_end_matches('/'));
    for pause in [AGAIN, Duration::ZERO] {
        let answer = client.get(&url, info.transport_key.0);
        if let Ok(Ok(_)) = tokio::time::timeout(WITNESS_PATIENCE, answer).await {
            return Found::Answer;
        }
        tokio::time::sleep(pause).await;
    }
    Found::Silence(begun, paid.follow.height())
}

async fn record(paid: &Paid, host: &str) -> Result<HostInfo, ChainError> {
    let question = Registry::Host {
        host: host.to_owned(),
    };
    let registry = &paid.config.contracts.registry;
    Ok(paid.follow.chain.smart(registry, &question).await?.value)
}

/// Tries the host and signs that it is silent, if it is.
pub(crate) async fn take(paid: &Arc<Paid>, peer: Peer, request: WitnessRequest) -> Result<Witness, Denied> {
    let key = paid.key()?;
    let voucher = &request.voucher;
    wait_for(paid, request.height).await?;
    let info = paid.session(voucher.session, |_| true).await?;
    paid.check_peer(&info, peer).await?;
    check(paid, &info, &request)?;
    let mut one = paid.witnesses.begin(paid, voucher)?;
    let found = one.found.wait_for(Option::is_some).await;
    let found = found.ok().and_then(|found| found.clone());
    let conflict = |message: &str| Err(refusal(StatusCode::CONFLICT, message).into());
    match found {
        // At another height it may have answered.
        Some(Found::Silence(from, until)) => {
            if !(from.saturating_sub(BEHIND)..=until).contains(&request.height) {
                return Err(ApiError::busy(WITNESS_PAUSE.as_secs() as u32).into());
            }
        }
        Some(Found::Answer) => return conflict("The host answers."),
        Some(Found::Rest) => return conflict("The host rests, or is no host any more."),
        Some(Found::Unknown(why)) => {
            return Err(
                ApiError::unavailable(format!("The chain does not say where the host is: {why}.")).into(),
            );
        }
        None => return Err(ApiError::unavailable("The worker is shutting down.").into()),
    }
    if !paid.witnesses.note(paid, voucher) {
        return conflict("Enough time-outs of this host in this session were witnessed.");
    }
    let silence = TimeOut {
        session: voucher.session,
        nonce: voucher.nonce,
        host: voucher.host.clone(),
        height: request.height,
    };
    Ok(Witness {
        host: paid.config.host.clone(),
        signature: Bytes(key.sign(&silence.digest(&paid.config.chain_id).0)),
    })
}

/// Whether the silent host had a voucher that counts, and this host has a say in it.
fn check(paid: &Paid, info: &SessionInfo, request: &WitnessRequest) -> Result<(), Rejection> {
    let (voucher, own) = (&request.voucher, &paid.config.host);
    let is_member = |host: &str| info.committee.iter().any(|member| member.host == host);
    if voucher.host == *own || !is_member(own) || !is_member(&voucher.host) {
        return Err(Rejection::VoucherMisdirected);
    }
    let digest = voucher.digest(&paid.config.chain_id);
    if !verify(&info.session_key.0, &digest.0, &request.signature.0) {
        return Err(Rejection::VoucherForged);
    }
    let now = paid.follow.height();
    let in_session = (info.drawn_at..=info.closes_at).contains(&voucher.height);
    let recent = now.saturating_sub(info.lapse_blocks / 2)..=now;
    let named = voucher.height..=voucher.height.saturating_add(info.lapse_blocks);
    if info.status != SessionStatus::Open
        || !in_session
        || !recent.contains(&request.height)
        || !named.contains(&request.height)
    {
        return Err(Rejection::VoucherStale);
    }
    if voucher.nonce == 0 || voucher.ceiling.is_zero() {
        return Err(Rejection::VoucherLimit);
    }
    Ok(())
}
