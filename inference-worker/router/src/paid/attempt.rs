//! One host: the request with its voucher, up to the first token.

use super::forward::{Order, path};
use super::relay::{Opening, Stream, Unopened};
use super::sse::is_pending;
use super::{Gateway, Pending, silence};
use crate::receipts::Refused;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use quern_chain_client::verify;
use quern_inference_api::dialect::PROMPT_TOKENS_HEADER;
use quern_inference_api::listing::{SEEDED, TIER_HEADER};
use quern_inference_api::paid::{
    Authority, CACHE_PART_HEADER, RECEIPT_HEADER, RefusalBody, SignedReceipt, SignedRefusal, SignedVoucher,
    VOUCHER_HEADER, from_header, to_header,
};
use quern_inference_api::{ApiError, many, pace};
use quern_protocol::{Amount, RefusalReason};
use quern_transport::ClientError;
use std::sync::Arc;
use std::time::Instant;

/// Longest answer in one piece, and longest error.
const MAX_ANSWER: usize = 16 << 20;
const MAX_ERROR: usize = 1 << 20;
/// Header that names the request, by which its receipt can be asked for.
const REQUEST_ID: &str = "x-request-id";

/// How one host answered.
pub(super) enum Attempt {
    Answered(Box<Response>),
    /// It is paid for an answer that did not arrive whole; what the client is told.
    Lost(Box<Response>),
    /// It has no room; it is well. Its voucher is free if it signed that. It may say when to come again.
    Busy {
        freed: bool,
        after: Option<u32>,
    },
    /// It gave no answer, and may have got the request.
    Silent(String),
    /// It gave no answer, and never got the request.
    Unreached(String),
    /// It answered, but not as a host does.
    Failed(String),
}

impl Attempt {
    fn failed(reason: impl Into<String>) -> Self {
        Self::Failed(reason.into())
    }
}

/// Sends the request and waits for the first token of its answer.
pub(super) async fn attempt(
    gateway: &Arc<Gateway>,
    order: &Order<'_>,
    pending: Pending,
    cap: Amount,
    authorised: Amount,
) -> Attempt {
    let patience = if order.stream {
        gateway.first_token
    } else {
        gateway.whole
    };
    let (place, request) = (pending.place.clone(), pending.request.clone());
    let host = place.host.clone();
    let due = Instant::now() + patience;
    let answer = tokio::time::timeout(patience, call(gateway, order, pending, (cap, authorised), due)).await;
    let answer = answer.unwrap_or_else(|_| Attempt::Silent("no token in time".into()));
    match &answer {
        Attempt::Silent(_) | Attempt::Unreached(_) => {
            gateway.metrics.unanswered.with_label_values(&[&host]).inc();
            gateway.downs.failed(&host, order.model);
            let signed = gateway.voucher(order.payer, &place, &request, cap);
            silence::look_into(gateway, &place, &request, signed);
        }
        Attempt::Failed(_) | Attempt::Lost(_) => gateway.downs.failed(&host, order.model),
        _ => gateway.downs.answered(&host, order.model),
    }
    answer
}

async fn call(
    gateway: &Arc<Gateway>,
    order: &Order<'_>,
    pending: Pending,
    (cap, authorised): (Amount, Amount),
    due: Instant,
) -> Attempt {
    let Some(host) = gateway.view.host(&pending.place.host) else {
        return Attempt::failed("its record is not known");
    };
    let signed = gateway.voucher(order.payer, &pending.place, &pending.request, cap);
    let authority = Authority {
        chain_id: gateway.chain_id().to_owned(),
        voucher: signed.voucher.clone(),
        signature: signed.signature,
        salt: pending.request.salt,
    };
    let url = format!("{}{}", host.endpoint.trim_end_matches('/'), path(order.endpoint));
    let request = to_header(&authority).and_then(|voucher| {
        http::Request::post(url)
            .header(header::CONTENT_TYPE, "application/json")
            .header(VOUCHER_HEADER, voucher)
            .header(CACHE_PART_HEADER, &order.part)
            .body(Full::new(order.body.clone()))
            .ok()
    });
    let Some(request) = request else {
        return Attempt::failed("its endpoint is no URL");
    };
    let place = pending.place.clone();
    gateway.tickets.hand(&place);
    let answer = match gateway.client.request(host.transport_key.0, request).await {
        Ok(answer) => answer,
        Err(error) => {
            let reason = error.to_string();
            if matches!(error, ClientError::Call(_)) {
                return Attempt::Silent(reason);
            }
            // Unless the connection broke it never heard of the request.
            gateway.tickets.clear(&place);
            return Attempt::Unreached(reason);
        }
    };
    let (parts, body) = answer.into_parts();
    let kind = parts.headers.get(header::CONTENT_TYPE);
    let events = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    match parts.status {
        StatusCode::OK if events => {
            let id = request_id(&pending);
            let prompt = parts.headers.get(PROMPT_TOKENS_HEADER).cloned();
            let opening = Opening::new(gateway, order, pending, cap, authorised);
            match opening.first_token(body, due).await {
                Ok(stream) => Attempt::Answered(Box::new(streamed(stream, id, prompt))),
                Err(Unopened::Failed(reason)) => Attempt::Failed(reason),
                Err(Unopened::Fault(error, receipt)) => {
                    let mut response = told(StatusCode::BAD_REQUEST, error.as_bytes());
                    name_bill(&mut response, id, receipt);
                    Attempt::Answered(Box::new(response))
                }
            }
        }
        StatusCode::OK => whole(pending, &parts.headers, body).await,
        status => refused(gateway, (pending, signed), (status, &parts.headers), body).await,
    }
}

fn request_id(pending: &Pending) -> Option<HeaderValue> {
    let place = &pending.place;
    HeaderValue::from_str(&format!("{}-{}", place.session, place.nonce)).ok()
}

fn streamed(stream: Stream, id: Option<HeaderValue>, prompt: Option<HeaderValue>) -> Response {
    let mut response = Response::new(Body::new(stream));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(TIER_HEADER, HeaderValue::from_static(SEEDED));
    headers.extend(id.map(|id| (http::HeaderName::from_static(REQUEST_ID), id)));
    let name = http::HeaderName::from_static(PROMPT_TOKENS_HEADER);
    headers.extend(prompt.map(|prompt| (name, prompt)));
    response
}

/// Says under which name an error was billed, if it was.
fn name_bill(response: &mut Response, id: Option<HeaderValue>, receipt: Option<String>) {
    let Some(receipt) = receipt.and_then(|receipt| HeaderValue::from_str(&receipt).ok()) else {
        return;
    };
    let headers = response.headers_mut();
    headers.insert(RECEIPT_HEADER, receipt);
    headers.extend(id.map(|id| (http::HeaderName::from_static(REQUEST_ID), id)));
}

/// A host's error in OpenAI's shape, without what a router alone adds.
fn told(status: StatusCode, body: &[u8]) -> Response {
    let mut error = many::error_of(status, body);
    if let Some(serde_json::Value::Object(error)) = error.get_mut("error") {
        error.remove("metadata");
    }
    let mut response = Response::new(Body::from(error.to_string()));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// For an answer that is not handed on.
fn too_long() -> ApiError {
    let message = format!("The answer is longer than {MAX_ANSWER} bytes; stream it, or ask for less.");
    ApiError::invalid("max_tokens", message)
}

/// For an answer that is paid for and did not arrive whole. Clients do not try again by themselves, as that is paid, too.
fn lost(id: Option<HeaderValue>, receipt: String) -> Response {
    let message = format!(
        "The host broke off an answer that it is paid for, by the receipt {receipt}, so no other one was asked; see \
         /quern/receipts. Send the request again to pay for another answer."
    );
    let mut response = ApiError::unavailable(message).into_response();
    many::forbid_retry(response.headers_mut());
    name_bill(&mut response, id, Some(receipt));
    response
}

/// An answer in one piece, with its receipt in a header.
async fn whole(mut pending: Pending, headers: &HeaderMap, body: Incoming) -> Attempt {
    let body = Limited::new(body, MAX_ANSWER).collect().await;
    let body = body.map(http_body_util::Collected::to_bytes);
    let read = |body: &Bytes| serde_json::from_slice::<serde_json::Value>(body).ok();
    let answer = body.as_ref().ok().and_then(read);
    let id = request_id(&pending);
    // An answer that is of no use is paid all the same.
    let (receipt, paid) = match receipt(headers) {
        Some(signed) => {
            let usage = answer.as_ref().and_then(super::sse::usage);
            let paid = !signed.receipt.capture.is_zero();
            (pending.receipt(signed, usage).await, paid)
        }
        None => (None, false),
    };
    let lost = |reason: String, id, receipt: Option<String>| match (paid, receipt) {
        // Another host would be paid for the whole once more.
        (true, Some(receipt)) => {
            tracing::warn!(reason, receipt, "an answer was paid for and did not arrive whole");
            Attempt::Lost(Box::new(lost(id, receipt)))
        }
        _ => Attempt::Failed(reason),
    };
    let body = match body {
        Ok(body) => body,
        // It would be as long from any other host, and paid once more.
        Err(error) if error.is::<LengthLimitError>() => {
            let mut response = too_long().into_response();
            name_bill(&mut response, id, receipt);
            return Attempt::Answered(Box::new(response));
        }
        Err(error) => return lost(error.to_string(), id, receipt),
    };
    if !answer.as_ref().is_some_and(many::is_answer) {
        return lost("the answer is not JSON with choices".to_owned(), id, receipt);
    }
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(TIER_HEADER, HeaderValue::from_static(SEEDED));
    headers.extend(id.map(|id| (http::HeaderName::from_static(REQUEST_ID), id)));
    if let Some(receipt) = receipt.and_then(|id| HeaderValue::from_str(&id).ok()) {
        headers.insert(RECEIPT_HEADER, receipt);
    }
    Attempt::Answered(Box::new(response))
}

fn receipt(headers: &HeaderMap) -> Option<SignedReceipt> {
    headers.get(RECEIPT_HEADER).and_then(from_header)
}

/// Anything but 200: a signed refusal frees the voucher, a fault of the request is the client's to see. A host that failed
/// on the way shows a receipt of what it did, or says that one comes.
async fn refused(
    gateway: &Gateway,
    (mut pending, voucher): (Pending, SignedVoucher),
    (status, headers): (StatusCode, &HeaderMap),
    body: Incoming,
) -> Attempt {
    let body = match Limited::new(body, MAX_ERROR).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return Attempt::failed(format!("status {status}, {error}")),
    };
    let error = serde_json::from_slice::<serde_json::Value>(&body).unwrap_or_default();
    pending.doubtful |= is_pending(&error);
    let receipt = match receipt(headers) {
        Some(signed) => pending.receipt(signed, None).await,
        None => None,
    };
    let billed = receipt.is_some();
    // A request's own fault is told, though some of it was done: its grammar may grow too complex on the way.
    if billed && status != StatusCode::BAD_REQUEST {
        return Attempt::failed(format!("status {status}, with a receipt of what it did"));
    }
    if !billed {
        pending.deny();
    }
    match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            if let Some(refusal) = refusal(gateway, &pending, &body) {
                let (host, reason) = (pending.place.host.as_str(), word(refusal.refusal.reason));
                gateway.metrics.refusals.with_label_values(&[host, reason]).inc();
                let key = pending.request.key.clone();
                gateway.receipts.keep_refusal(Refused {
                    key,
                    refusal,
                    voucher,
                });
                pending.free();
                let after = pace::told(headers);
                Attempt::Busy { freed: true, after }
            } else if status == StatusCode::TOO_MANY_REQUESTS {
                let after = pace::told(headers);
                Attempt::Busy { freed: false, after }
            } else {
                Attempt::failed("unavailable, without a signed refusal")
            }
        }
        StatusCode::PAYMENT_REQUIRED => {
            let code = error["error"]["code"].as_str().unwrap_or("no code").to_owned();
            tracing::warn!(
                host = pending.place.host,
                code,
                "a host takes no voucher of this session"
            );
            gateway.wake.notify_waiters();
            Attempt::Failed(format!("voucher rejected: {code}"))
        }
        status if status.is_client_error() => {
            let mut response = told(status, &body);
            name_bill(&mut response, request_id(&pending), receipt);
            Attempt::Answered(Box::new(response))
        }
        status => Attempt::Failed(format!("status {status}")),
    }
}

/// The host's signed word on this very request, if a body carries it.
fn refusal(gateway: &Gateway, pending: &Pending, body: &Bytes) -> Option<SignedRefusal> {
    let RefusalBody { refusal: signed } = serde_json::from_slice(body).ok()?;
    let (refusal, place) = (&signed.refusal, &pending.place);
    let named = (refusal.session, refusal.nonce, &refusal.host) == (place.session, place.nonce, &place.host);
    let digest = refusal.digest(gateway.chain_id());
    let host = gateway.view.host(&place.host)?;
    let good = named && verify(&host.warm_key.key.0, &digest.0, &signed.signature.0);
    good.then_some(signed)
}

const fn word(reason: RefusalReason) -> &'static str {
    match reason {
        RefusalReason::Busy => "busy",
        RefusalReason::Limit => "limit",
        RefusalReason::Maintenance => "maintenance",
    }
}
