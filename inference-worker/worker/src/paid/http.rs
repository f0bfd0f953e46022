//! The HTTP side of paid work.

use crate::generate::Job;
use crate::http::{Asked, Service, Services, part_cache, prepare};
use crate::paid::admit;
use crate::paid::answer::{Denied, Part, refusal_error, rejection_error};
use crate::paid::batch;
use crate::paid::conduct::Conduct;
use crate::paid::count;
use crate::paid::meter::RequestMeter;
use crate::paid::receipts::{self, Facts};
use crate::paid::releases;
use crate::paid::service::Paid;
use crate::paid::vouchers;
use crate::paid::witness;
use crate::scheduler::Refused;
use axum::body::Body;
use axum::extract::{ConnectInfo, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use http::{StatusCode, header};
use quern_engine::seed::Seed;
use quern_inference_api::paid::{
    Authority, HEIGHT_PATIENCE, RELEASES_PATH, ReceiptStatus, Rejection, ReleaseRequest, SignedRefusal,
    SignedVoucher, VOUCHER_HEADER, VOUCHERS_PATH, WITNESS_PATH, WitnessRequest, from_header,
    temperature_millionths,
};
use quern_inference_api::tokens::json_of;
use quern_inference_api::{ApiError, Request, read_body};
use quern_protocol::{Amount, RefusalReason};
use quern_transport::{Peer, Turn};
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::sync::mpsc;

/// Heights that are left free between the end of an output and the last one for its commit: for a batch that is on its
/// way and for the next.
const SETTLING_BLOCKS: u64 = 2 * batch::COMMIT_BLOCKS + 2;

/// Heights by which a router's node may be ahead of this host's; no chain comes so far while a request waits.
const AHEAD: u64 = 20;

/// Routes beside those of an unpaid worker.
pub(crate) fn routes() -> Router<Arc<Services>> {
    Router::new()
        .route(VOUCHERS_PATH, post(take_voucher))
        .route(RELEASES_PATH, post(give_release))
        .route(WITNESS_PATH, post(try_host))
        .merge(count::routes())
        .merge(receipt_routes())
}

/// What shows a request's receipt; its content is no secret, so it needs no encryption either.
pub(crate) fn receipt_routes() -> Router<Arc<Services>> {
    Router::new().route("/v1/receipts/{session}/{nonce}", get(receipt))
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        match self {
            Self::Error(error) => error.into_response(),
            Self::Rejected(rejection) => rejection_error(rejection).into_response(),
            Self::Refused(refusal) => with_word(refusal_error(refusal.refusal.reason), &refusal),
            Self::Full(refusal, wait) => with_word(ApiError::busy(wait), &refusal),
        }
    }
}

/// An error with the host's signed word beside it.
fn with_word(error: ApiError, refusal: &SignedRefusal) -> Response {
    let mut body = error.to_json();
    body["refusal"] = serde_json::to_value(refusal).unwrap_or_default();
    let mut response = error.into_response();
    response.headers_mut().remove(header::CONTENT_LENGTH);
    *response.body_mut() = Body::from(body.to_string());
    response
}

type PeerInfo = ConnectInfo<Peer>;

pub(super) fn paid(services: &Services) -> Result<&Arc<Paid>, ApiError> {
    let missing = || ApiError::unavailable("This worker runs without a chain.");
    services.paid.as_ref().ok_or_else(missing)
}

async fn read<T: DeserializeOwned>(body: Body) -> Result<T, ApiError> {
    let body = read_body(body).await?;
    let value = json_of(&body)?;
    serde_json::from_value(value).map_err(|e| ApiError::body(format!("The body cannot be read: {e}")))
}

async fn take_voucher(
    State(services): State<Arc<Services>>,
    ConnectInfo(peer): PeerInfo,
    Extension(turn): Extension<Turn>,
    body: Body,
) -> Result<Response, Denied> {
    let signed: SignedVoucher = read(body).await?;
    Ok(Json(vouchers::take(paid(&services)?, (peer, &turn), signed).await?).into_response())
}

async fn give_release(
    State(services): State<Arc<Services>>,
    ConnectInfo(peer): PeerInfo,
    Extension(turn): Extension<Turn>,
    body: Body,
) -> Result<Response, Denied> {
    let request: ReleaseRequest = read(body).await?;
    Ok(Json(releases::give(paid(&services)?, (peer, &turn), request).await?).into_response())
}

/// Its connection keeps no place meanwhile: one voucher is enough to ask again and again.
async fn try_host(
    State(services): State<Arc<Services>>,
    ConnectInfo(peer): PeerInfo,
    body: Body,
) -> Result<Response, Denied> {
    let request: WitnessRequest = read(body).await?;
    Ok(Json(witness::take(paid(&services)?, peer, request).await?).into_response())
}

/// Holds hashes and amounts only, so anyone may ask.
async fn receipt(
    State(services): State<Arc<Services>>,
    Path((session, nonce)): Path<(u64, u64)>,
) -> Result<Json<ReceiptStatus>, Denied> {
    let paid = paid(&services)?;
    let book = paid.store.book();
    let account = book.find(session);
    let entry = account.and_then(|account| account.receipts.get(&nonce));
    let missing = || vouchers::refusal(StatusCode::NOT_FOUND, "There is no receipt of this request here.");
    let signed = entry.ok_or_else(missing)?.signed.clone();
    let committed = batch::prove_receipt(&book, paid.committer(), session, nonce);
    Ok(Json(ReceiptStatus { signed, committed }))
}

/// A request that was admitted: what its answer consists of, and what it asked for.
pub(crate) struct Admitted {
    pub(crate) request: Request,
    /// Tokens of the prompt.
    pub(crate) prompt: usize,
    pub(crate) parts: mpsc::Receiver<Part>,
}

/// Admits a paid request and begins it.
pub(crate) async fn begin(
    service: &Service,
    paid: &Arc<Paid>,
    (peer, turn): (Peer, &Turn),
    asked: Asked<'_>,
) -> Result<Admitted, Denied> {
    let Asked {
        arrived,
        headers,
        request,
        body,
    } = asked;
    let endpoint = request.endpoint;
    request.check_payable()?;
    let key = paid.key_for(&service.model_id)?;
    let authority: Option<Authority> = headers.get(VOUCHER_HEADER).and_then(from_header);
    let authority = authority.ok_or(Rejection::VoucherMissing)?;
    let voucher = &authority.voucher;
    let (session, nonce) = (voucher.session, voucher.nonce);
    wait_for(paid, voucher.height).await?;
    let cap = voucher.cap;
    let enough = |info: &_| paid.view(info).member().is_some_and(|member| member.limit >= cap);
    let info = paid.session(session, enough).await?;
    paid.check_peer(&info, peer).await?;
    // A session pays for one model, at its price.
    let Some(own) = paid.own(&info.model).filter(|own| own.id == service.model_id) else {
        return Err(Rejection::VoucherMisdirected.into());
    };
    // Before the tokenizer has work, and again when the book is changed.
    admit::check(&paid.view(&info), &paid.store.book().peek(session), &authority)?;
    turn.begin();
    if paid.store.book().is_lost(&info) {
        return Err(paid.refuse(&key, session, nonce, RefusalReason::Limit));
    }
    if paid.follow.in_maintenance() {
        return Err(paid.refuse(&key, session, nonce, RefusalReason::Maintenance));
    }
    let facts = paid.follow.facts(&own.id, voucher.height).await;
    let facts =
        facts.map_err(|e| ApiError::unavailable(format!("The chain does not tell the price: {e}.")))?;
    // A long prompt takes the tokenizer a while.
    let mut prepared = tokio::task::block_in_place(|| prepare(service, &request))?;
    part_cache(&mut prepared, headers);
    let chain_id = &paid.config.chain_id;
    let (request_hash, seed) = receipts::hash_and_seed(
        chain_id,
        (session, nonce),
        &authority.salt.0,
        (endpoint.path(), body),
        request.seed,
        &facts.beacon,
    );
    let last = batch::last_commit(&info, voucher.height);
    let meter = Arc::new(RequestMeter {
        book: paid.store.shared_book(),
        session,
        nonce,
        prompt: prepared.prompt.len() as u32,
        price: facts.price,
        coefficients: info.coefficients,
        deadline: last.saturating_sub(SETTLING_BLOCKS),
        height: paid.follow.height.clone(),
        cancelled: AtomicBool::new(false),
    });
    admit::check_price(&info, &authority, facts.price, meter.cost(1))?;
    if meter.is_late() {
        return Err(Rejection::VoucherStale.into());
    }
    prepared.max_tokens = affordable(&meter, prepared.max_tokens, voucher.ceiling);
    {
        let mut book = paid.store.book();
        let account = book.account(session);
        let view = paid.view(&info);
        admit::check(&view, account, &authority)?;
        if !admit::has_room(&view, account, voucher.ceiling) {
            return Err(paid.refuse(&key, session, nonce, RefusalReason::Limit));
        }
        account.begin(SignedVoucher {
            voucher: voucher.clone(),
            signature: authority.signature,
        });
    }
    let facts = Facts {
        chain_id: chain_id.clone(),
        salt: authority.salt.0,
        path: endpoint.path().to_owned(),
        body: String::from_utf8_lossy(body).into_owned(),
        request_hash,
        model_hash: own.hash,
        client_seed: request.seed,
        temperature: temperature_millionths(request.temperature),
        seed,
        price: facts.price,
        prompt: prepared.prompt.clone(),
    };
    let prompt = prepared.prompt.len();
    let room = 3 * prepared.max_tokens as usize + 9;
    let job = Job {
        seed: Seed(seed.0),
        meter: Some(meter.clone()),
        ..prepared
    };
    let events = match service.scheduler.submit(job) {
        Ok(events) => events,
        Err(refused) => {
            paid.store.book().account(session).running.remove(&nonce);
            return Err(match refused {
                Refused::Busy => {
                    let refusal = paid.refusal(&key, session, nonce, RefusalReason::Busy);
                    Denied::Full(refusal, service.scheduler.wait())
                }
                Refused::Stopped => ApiError::unavailable("The worker is shutting down.").into(),
            });
        }
    };
    let (sender, parts) = mpsc::channel(room);
    let conduct = Conduct {
        paid: paid.clone(),
        facts,
        meter,
        metrics: service.metrics.clone(),
        arrived,
        key,
    };
    tokio::spawn(conduct.run(events, sender));
    Ok(Admitted {
        request,
        prompt,
        parts,
    })
}

/// Waits a moment for the chain to reach a height that another node has seen already. Nothing is known yet of who asks.
pub(super) async fn wait_for(paid: &Paid, height: u64) -> Result<(), Rejection> {
    if height > paid.follow.height().saturating_add(AHEAD) {
        return Err(Rejection::VoucherStale);
    }
    let mut heights = paid.follow.heights();
    let reached = tokio::time::timeout(HEIGHT_PATIENCE, heights.wait_for(|now| *now >= height)).await;
    match reached {
        Ok(Ok(_)) => Ok(()),
        _ => Err(Rejection::VoucherStale),
    }
}

/// Most output tokens that the ceiling pays for, up to `wanted`. At least one: the ceiling was checked for that.
fn affordable(meter: &RequestMeter, wanted: u32, ceiling: Amount) -> u32 {
    let pays = |tokens: u32| meter.cost(tokens).is_some_and(|cost| cost <= ceiling);
    let (mut low, mut high) = (1, wanted.max(1));
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if pays(middle) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}
