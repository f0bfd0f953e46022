//! One paid request: ceiling, voucher, and the committee in rank until one host's first token is there.

use super::attempt::{Attempt, attempt};
use super::bounds::Bounds;
use super::{Gateway, Payer, Pending};
use crate::keys::Holder;
use crate::ledger::record::Request as Terms;
use crate::ledger::{Ask, Denied};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use quern_inference_api::paid::SLICE_TOKENS;
use quern_inference_api::{ApiError, Endpoint, Request, many};
use quern_interface::registry::ModelState;
use quern_protocol::{Amount, Coefficients, content_hash, request_hash};
use std::pin::Pin;
use std::sync::Arc;

/// Most hosts that one request is offered to: a whole committee.
const ATTEMPTS: usize = 8;
/// Seconds after which a client is told to look again for a request that a silent host may be serving.
const HELD: u32 = 10;
/// Blocks that a session must have left when a request begins.
pub(crate) const SESSION_MARGIN: u64 = 4;

/// Path of an endpoint.
pub(super) fn path(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Chat => "/v1/chat/completions",
        Endpoint::Completions => "/v1/completions",
    }
}

/// A request with all that its vouchers need.
pub(super) struct Order<'a> {
    pub(super) endpoint: Endpoint,
    pub(super) body: &'a Bytes,
    /// The word that parts the holder's cached prompts from those of others.
    pub(super) part: String,
    pub(super) stream: bool,
    pub(super) model: &'a str,
    pub(super) coefficients: Coefficients,
    pub(super) bounds: Bounds,
    pub(super) payer: &'a Payer,
    arrived: std::time::Instant,
}

/// Answers to one request that are paid for side by side.
const AT_ONCE: usize = 16;

/// Sends a checked request to the hosts of a session in rank: for each choice of each prompt a paid one of its own, as a
/// receipt is of one output.
pub(crate) async fn forward_all(
    gateway: &Arc<Gateway>,
    (holder, part): (&Holder, String),
    endpoint: Endpoint,
    request: &Request,
    body: Bytes,
    arrived: std::time::Instant,
) -> Result<Response, ApiError> {
    let Some(bodies) = many::split(request, &body, true) else {
        return forward(gateway, (holder, part), endpoint, request, body, arrived).await;
    };
    let requests = bodies.into_iter().map(|body| {
        let single = Request::parse(endpoint, &body)?;
        single.check_payable()?;
        Ok((single, body))
    });
    let requests: Vec<_> = requests.collect::<Result<_, ApiError>>()?;
    let answer = |(single, body): (Request, Bytes)| {
        let part = part.clone();
        let answer = async move {
            let answer = forward(gateway, (holder, part), endpoint, &single, body, arrived).await;
            answer.unwrap_or_else(IntoResponse::into_response)
        };
        Box::pin(answer) as Pin<Box<dyn Future<Output = Response> + Send + '_>>
    };
    let answers = requests.into_iter().map(answer).collect();
    Ok(many::merge(answers, 1, request.stream, AT_ONCE).await)
}

/// Sends a request for one output to the hosts of a session in rank.
async fn forward(
    gateway: &Arc<Gateway>,
    (holder, part): (&Holder, String),
    endpoint: Endpoint,
    request: &Request,
    body: Bytes,
    arrived: std::time::Instant,
) -> Result<Response, ApiError> {
    let package = gateway
        .view
        .model(&request.model)
        .filter(|package| !matches!(package.state, ModelState::Proposed | ModelState::Retired))
        .ok_or_else(|| ApiError::no_model(&request.model))?;
    let tip = gateway.view.tip(&request.model).ok_or_else(|| {
        ApiError::unavailable("The chain does not answer, so nothing can be paid; retry in a moment.")
    })?;
    let payer = holder_payer(gateway, holder)?;
    let bounds = Bounds::of(request, package.context);
    // What tokens cost was fixed when the session opened.
    let fixed = gateway.books.with(|ledger| {
        let mut own = ledger.sessions.values();
        let serving = own.find(|s| {
            s.payer == payer.address && s.model == package.id && s.serves(tip.height, SESSION_MARGIN)
        });
        serving.map(|session| session.coefficients)
    });
    let coefficients = fixed.unwrap_or(package.coefficients);
    let cost = |output| {
        let cost = bounds.cost(&coefficients, tip.price, output);
        cost.ok_or_else(|| ApiError::internal("The request's cost fits no amount."))
    };
    let ceiling = cost(bounds.output)?;
    let authorised = if request.stream {
        cost(SLICE_TOKENS)?
    } else {
        ceiling
    };
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|_| ApiError::internal("No randomness from the system."))?;
    let content = content_hash(gateway.chain_id(), path(endpoint), &body);
    let terms = Terms {
        key: holder.name.clone(),
        ceiling,
        height: tip.height,
        price: tip.price,
        salt: quern_protocol::Bytes(salt),
        request_hash: request_hash(gateway.chain_id(), &salt, &content),
        content,
        client_seed: request.seed,
        prompt: bounds.prompt,
        output: bounds.output,
    };
    let order = Order {
        endpoint,
        body: &body,
        part,
        stream: request.stream,
        model: &package.id,
        coefficients,
        bounds,
        payer,
        arrived,
    };
    offer(gateway, holder.budget, &order, &terms, authorised).await
}

pub(super) fn holder_payer<'a>(gateway: &'a Gateway, holder: &Holder) -> Result<&'a Payer, ApiError> {
    let payer = match &holder.payer {
        Some(name) => gateway.payers.get(name),
        None => gateway.payers.values().next(),
    };
    payer.ok_or_else(|| ApiError::internal("The key's payer is not configured."))
}

async fn offer(
    gateway: &Arc<Gateway>,
    budget: Amount,
    order: &Order<'_>,
    terms: &Terms,
    authorised: Amount,
) -> Result<Response, ApiError> {
    let (mut tried, mut again, mut busy): (Vec<String>, _, _) = (Vec::new(), None, false);
    for index in 0..ATTEMPTS {
        let grant = {
            let find = |wary: bool| {
                let skip = |host: &str| {
                    tried.iter().any(|tried| tried == host)
                        || !gateway.view.serves(host)
                        || (wary && gateway.downs.is(host, order.model))
                };
                let ask = Ask {
                    chain_id: gateway.chain_id(),
                    payer: &order.payer.address,
                    model: order.model,
                    coefficients: &order.coefficients,
                    budget,
                    authorised,
                    margin: SESSION_MARGIN,
                    again,
                    skip: &skip,
                };
                gateway.books.with(|ledger| ledger.grant(&ask, terms))
            };
            // Who did not answer a moment ago is asked last.
            let mut wary = true;
            let mut found = find(wary);
            for _ in 0..16 {
                let next = match &found {
                    Err(Denied::Marks(marks)) => match gateway.books.write(marks.clone()).await {
                        true => find(wary),
                        false => break,
                    },
                    Err(Denied::Room) if wary => {
                        wary = false;
                        find(wary)
                    }
                    _ => break,
                };
                found = next;
            }
            found
        };
        let grant = match grant {
            Ok(grant) => grant,
            Err(Denied::Room) if index > 0 => break,
            // no session opens at such a price, so waiting for one would not help
            Err(Denied::NoSession) if terms.price > gateway.max_price => {
                let highest = gateway.max_price;
                return Err(refusal(&Denied::Price { highest }, terms, order.model));
            }
            Err(denied) => return Err(refusal(&denied, terms, order.model)),
        };
        match index {
            0 => gateway
                .metrics
                .prepare
                .observe(order.arrived.elapsed().as_secs_f64()),
            _ => gateway.metrics.retries.inc(),
        }
        let place = grant.place.clone();
        let ahead = gateway
            .books
            .with(|ledger| ledger.marks_ahead(&place, terms, authorised, budget));
        gateway.books.write_soon(ahead);
        if !grant.passed.is_empty() {
            gateway.metrics.passed_over.inc_by(grant.passed.len() as u64);
        }
        again = Some((place.session, place.nonce));
        tried.push(place.host.clone());
        let at = place.clone();
        let pending = Pending::new(gateway.clone(), place, terms.clone(), order.model.to_owned());
        match attempt(gateway, order, pending, grant.cap, authorised).await {
            Attempt::Answered(response) => return Ok(*response),
            Attempt::Busy => busy = true,
            Attempt::Silent(reason) | Attempt::Failed(reason) => {
                tracing::warn!(host = tried.last(), reason, "attempt failed");
                if gateway.tickets.may_be_served(&at) {
                    gateway.wake.notify_waiters();
                    return Err(held());
                }
            }
        }
    }
    gateway.wake.notify_waiters();
    if busy {
        return Err(ApiError::busy(1));
    }
    Err(ApiError::unavailable(
        "No host of the session could answer; retry in a moment.",
    ))
}

/// For a request that must not be charged twice.
fn held() -> ApiError {
    let message = "A host that was asked gave no whole answer and was paid for what it did or may still be, so no other one \
                   was asked under this idempotency key. The request is run again under it once that host cannot be paid any \
                   more; send a new key to ask others at once.";
    ApiError {
        retry_after: Some(HELD),
        ..ApiError::unavailable(message)
    }
}

/// What a client is told.
fn refusal(denied: &Denied, terms: &Terms, model: &str) -> ApiError {
    match denied {
        Denied::Quota { left } => ApiError::quota(format!(
            "You exceeded your current quota: this request may cost up to {} nqrn and {left} nqrn are left. Ask for less \
             with max_tokens, or have the key's budget raised.",
            terms.ceiling
        )),
        Denied::Price { highest } => ApiError::price(format!(
            "The price of `{model}` is {} nqrn per token now, above the highest accepted, {highest}. Retry when it has \
             come down, or have the maximum raised.",
            terms.price
        )),
        Denied::NoSession => {
            let message =
                format!("No session for `{model}` is open yet; one is being opened. Retry in a moment.");
            ApiError {
                retry_after: Some(3),
                ..ApiError::unavailable(message)
            }
        }
        Denied::Room | Denied::Gone => ApiError::unavailable(
            "No host has room for the cost that this request may reach; ask for less with max_tokens or retry in a moment.",
        ),
        Denied::Marks(_) => {
            ApiError::unavailable("The router cannot write its ledger, so nothing can be paid; see its log.")
        }
    }
}
