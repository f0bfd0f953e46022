//! One paid request: ceiling, voucher, and the committee in rank until one host's first token is there.

use super::attempt::{Attempt, attempt};
use super::bounds::{self, Bounds};
use super::share::Share;
use super::{Gateway, Payer, Pending};
use crate::keys::Holder;
use crate::ledger::record::Request as Terms;
use crate::ledger::{Ask, Denied};
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use quern_inference_api::paid::SLICE_TOKENS;
use quern_inference_api::{ApiError, Endpoint, Request};
use quern_interface::registry::ModelState;
use quern_protocol::{Amount, Coefficients, Price, content_hash, request_hash};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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
    /// What lasts over its tries, if it is one of several answers.
    share: Option<&'a Share>,
}

/// Why a request got no answer.
pub(super) struct Unserved {
    pub(super) error: ApiError,
    /// Whether another try may go better: what lacked was room, a session or budget, the price was too high, or no host that
    /// was asked may be owed anything. Hosts that may be are not asked again.
    pub(super) may_pass: bool,
}

impl From<ApiError> for Unserved {
    fn from(error: ApiError) -> Self {
        let may_pass = false;
        Self { error, may_pass }
    }
}

/// What a request may cost, and by what.
pub(super) struct Priced<'a> {
    model: String,
    height: u64,
    price: Price,
    payer: &'a Payer,
    coefficients: Coefficients,
    bounds: Bounds,
    pub(super) ceiling: Amount,
}

impl Priced<'_> {
    /// Most that it costs with so many output tokens.
    fn cost(&self, output: u32) -> Result<Amount, ApiError> {
        let cost = self.bounds.cost(&self.coefficients, self.price, output);
        cost.ok_or_else(|| ApiError::internal("The request's cost fits no amount."))
    }
}

pub(super) fn priced<'a>(
    gateway: &'a Gateway,
    holder: &Holder,
    request: &Request,
) -> Result<Priced<'a>, ApiError> {
    let package = gateway
        .view
        .model(&request.model)
        .filter(|package| !matches!(package.state, ModelState::Proposed | ModelState::Retired))
        .ok_or_else(|| ApiError::no_model(&request.model))?;
    bounds::check_tokens(request, package.context)?;
    let tip = gateway.view.tip(&request.model).ok_or_else(|| {
        ApiError::unavailable("The chain does not answer, so nothing can be paid; retry in a moment.")
    })?;
    let payer = holder_payer(gateway, holder)?;
    // What tokens cost was fixed when the session opened.
    let fixed = gateway.books.with(|ledger| {
        let mut own = ledger.sessions.values();
        let serving = own.find(|s| {
            s.payer == payer.address && s.model == package.id && s.serves(tip.height, SESSION_MARGIN)
        });
        serving.map(|session| session.coefficients)
    });
    let priced = Priced {
        bounds: Bounds::of(request, package.context),
        coefficients: fixed.unwrap_or(package.coefficients),
        model: package.id,
        height: tip.height,
        price: tip.price,
        payer,
        ceiling: Amount::ZERO,
    };
    Ok(Priced {
        ceiling: priced.cost(priced.bounds.output)?,
        ..priced
    })
}

/// Sends a request for one output to the hosts of a session in rank.
pub(super) async fn forward(
    gateway: &Arc<Gateway>,
    (holder, part): (&Holder, String),
    endpoint: Endpoint,
    request: &Request,
    body: Bytes,
    (arrived, share): (std::time::Instant, Option<&Share>),
) -> Result<Response, Unserved> {
    let priced = priced(gateway, holder, request).map_err(|error| Unserved {
        may_pass: error.status == StatusCode::SERVICE_UNAVAILABLE,
        error,
    })?;
    let Priced { ceiling, bounds, .. } = priced;
    let authorised = match request.stream {
        true => priced.cost(SLICE_TOKENS)?,
        false => ceiling,
    };
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|_| ApiError::internal("No randomness from the system."))?;
    let content = content_hash(gateway.chain_id(), path(endpoint), &body);
    let terms = Terms {
        key: holder.name.clone(),
        ceiling,
        height: priced.height,
        price: priced.price,
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
        model: &priced.model,
        coefficients: priced.coefficients,
        bounds,
        payer: priced.payer,
        arrived,
        share,
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
) -> Result<Response, Unserved> {
    let (mut tried, mut again): (Vec<String>, _) = (Vec::new(), None);
    let siblings = order.share.map(Share::siblings);
    // Whether a host had no room, and whether what lacks may come.
    let (mut busy, mut later) = (None, false);
    // Whether a host holds a voucher for it that is not free.
    let mut held_back = order.share.is_some_and(Share::is_held);
    let may_pass = |later: bool| later || !order.share.is_some_and(Share::owes);
    for index in 0..ATTEMPTS {
        let grant = {
            let down = AtomicBool::new(false);
            let find = |wary: bool| {
                let skip = |host: &str| {
                    if tried.iter().any(|tried| tried == host)
                        || order.share.is_some_and(|share| share.leaves_out(host))
                        || !gateway.view.serves(host)
                    {
                        return true;
                    }
                    let skipped = wary && gateway.downs.is(host, order.model);
                    down.fetch_or(skipped, Ordering::SeqCst);
                    skipped
                };
                let ask = Ask {
                    chain_id: gateway.chain_id(),
                    payer: &order.payer.address,
                    model: order.model,
                    coefficients: &order.coefficients,
                    budget,
                    kept: order.share.map(Share::kept).unwrap_or_default(),
                    authorised,
                    margin: SESSION_MARGIN,
                    again,
                    skip: &skip,
                };
                gateway.books.with(|ledger| ledger.grant(&ask, terms))
            };
            // Who did not answer a moment ago is asked last.
            let (mut wary, mut flushed) = (true, false);
            let mut found = find(wary);
            for _ in 0..16 {
                let next = match &found {
                    Err(Denied::Marks(marks)) => match gateway.books.write(marks.clone()).await {
                        true => find(wary),
                        false => break,
                    },
                    Err(denied @ (Denied::Room | Denied::NoHost)) if wary => {
                        // Nor while others are well served: each try may leave a voucher there.
                        let lacks = *denied == Denied::Room || down.load(Ordering::SeqCst);
                        if siblings.is_some_and(|others| later || (lacks && others.has_placed())) {
                            later = true;
                            break;
                        }
                        wary = false;
                        find(wary)
                    }
                    // What was given back counts once it is durable.
                    Err(Denied::Quota { .. }) if !flushed => {
                        flushed = true;
                        gateway.books.write(Vec::new()).await;
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
            Err(denied) => {
                later |= denied != Denied::NoHost;
                let denied = match denied {
                    Denied::Room | Denied::NoHost if index > 0 => break,
                    // no session opens at such a price, so waiting for one would not help
                    Denied::NoSession if terms.price > gateway.max_price => Denied::Price {
                        highest: gateway.max_price,
                    },
                    denied => denied,
                };
                let error = match denied {
                    Denied::Quota { .. } if held_back => tied(),
                    denied => refusal(&denied, terms, order.model),
                };
                let may_pass = may_pass(later);
                return Err(Unserved { error, may_pass });
            }
        };
        let first = order.share.is_none_or(Share::used);
        match index {
            0 if first => gateway
                .metrics
                .prepare
                .observe(order.arrived.elapsed().as_secs_f64()),
            // It waited for others.
            0 => {}
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
        let placed = order.share.map(Share::place);
        let answer = attempt(gateway, order, pending, grant.cap, authorised).await;
        drop(placed);
        held_back |= !matches!(answer, Attempt::Answered(_) | Attempt::Busy { freed: true, .. });
        if let Some(share) = order.share {
            match &answer {
                Attempt::Answered(_) | Attempt::Lost(_) => {}
                Attempt::Busy { freed: true, .. } => share.again(&at),
                answer => share.leave_out(&at.host, !matches!(answer, Attempt::Unreached(_))),
            }
        }
        match answer {
            Attempt::Answered(response) | Attempt::Lost(response) => return Ok(*response),
            Attempt::Busy { freed, after } => {
                // The least that any of them says.
                let after = after.unwrap_or(1);
                busy = Some(busy.map_or(after, |least: u32| least.min(after)));
                later |= freed;
            }
            Attempt::Silent(reason) | Attempt::Unreached(reason) | Attempt::Failed(reason) => {
                tracing::warn!(host = tried.last(), reason, "attempt failed");
                if gateway.tickets.may_be_served(&at) {
                    gateway.wake.notify_waiters();
                    return Err(held().into());
                }
            }
        }
    }
    gateway.wake.notify_waiters();
    let error = match busy {
        Some(after) => ApiError::busy(after),
        None => ApiError::unavailable("No host of the session could answer; retry in a moment."),
    };
    let may_pass = may_pass(later);
    Err(Unserved { error, may_pass })
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

/// For a request whose own vouchers hold what is left of the budget.
fn tied() -> ApiError {
    let message = "A host that was asked gave no answer, and the voucher that it has holds what is left of this key's budget until \
                   the host signs that it served nothing or the voucher lapses; so no other host could be asked. Retry \
                   later, or have the key's budget raised.";
    ApiError {
        retry_after: Some(HELD),
        ..ApiError::unavailable(message)
    }
}

pub(super) fn over_budget(ceiling: Amount, left: Amount) -> ApiError {
    ApiError::quota(format!(
        "You exceeded your current quota: this request may cost up to {ceiling} nqrn and {left} nqrn are left. Ask for less \
         with max_tokens, or have the key's budget raised."
    ))
}

/// What a client is told.
fn refusal(denied: &Denied, terms: &Terms, model: &str) -> ApiError {
    match denied {
        Denied::Quota { left } => over_budget(terms.ceiling, *left),
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
        Denied::Room | Denied::NoHost | Denied::Gone => ApiError::unavailable(
            "No host has room for the cost that this request may reach; ask for less with max_tokens or retry in a moment.",
        ),
        Denied::Marks(_) => {
            ApiError::unavailable("The router cannot write its ledger, so nothing can be paid; see its log.")
        }
    }
}
