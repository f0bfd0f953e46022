//! Tokens of texts and chats, which a host of one of the payer's sessions counts for nothing.

use super::Gateway;
use super::forward::{SESSION_MARGIN, holder_payer};
use crate::keys::Holder;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use quern_inference_api::paid::{COUNT_HEADER, CountRequest, count_digest, to_header};
use quern_inference_api::{ApiError, pace};
use quern_protocol::Bytes as Fixed;
use std::time::Duration;

/// Most hosts that are asked.
const ATTEMPTS: usize = 3;
/// For one answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest answer: a number for each token of a long text.
const MAX_ANSWER: usize = 64 << 20;

/// Asks hosts in turn.
pub(crate) async fn count(
    gateway: &Gateway,
    holder: &Holder,
    path: &str,
    model: &str,
    body: &Bytes,
) -> Result<Response, ApiError> {
    if gateway.view.model(model).is_none() {
        return Err(ApiError::no_model(model));
    }
    let payer = holder_payer(gateway, holder)?;
    let tip = gateway.view.tip(model);
    let tip = tip.ok_or_else(|| ApiError::unavailable("The chain does not answer; retry in a moment."))?;
    let mut hosts: Vec<(u64, String)> = gateway.books.with(|ledger| {
        let serving = ledger.sessions.iter().filter(|(_, session)| {
            let right = session.payer == payer.address && session.model == model;
            right && session.serves(tip.height, SESSION_MARGIN)
        });
        let members = serving.flat_map(|(id, session)| {
            let members = session.hosts.iter().map(|book| (*id, book.host.clone()));
            members.filter(|(_, host)| !ledger.barred.contains_key(host))
        });
        members.collect()
    });
    hosts.retain(|(_, host)| gateway.view.serves(host));
    // Who did not answer a moment ago is asked last.
    hosts.sort_by_key(|(_, host)| gateway.downs.is(host, model));
    let mut busy: Option<u32> = None;
    for (session, host) in hosts.into_iter().take(ATTEMPTS) {
        let digest = count_digest(gateway.chain_id(), (session, &host, tip.height), path, body);
        let asked = CountRequest {
            session,
            height: tip.height,
            signature: Fixed(payer.session_key.sign(&digest.0)),
            host,
        };
        let answer = tokio::time::timeout(PATIENCE, ask(gateway, &asked, path, body)).await;
        match answer {
            Ok(Some(response)) if response.status() == StatusCode::TOO_MANY_REQUESTS => {
                let after = pace::told(response.headers()).unwrap_or(1);
                busy = Some(busy.map_or(after, |least| least.min(after)));
            }
            Ok(Some(response)) => return Ok(response),
            _ => tracing::debug!(host = asked.host, "counted no tokens"),
        }
    }
    Err(match busy {
        Some(after) => ApiError::busy(after),
        None => ApiError::unavailable("No host of the session could count; retry in a moment."),
    })
}

/// What a host says, unless it fails or takes the request for none.
async fn ask(gateway: &Gateway, asked: &CountRequest, path: &str, body: &Bytes) -> Option<Response> {
    let host = gateway.view.host(&asked.host)?;
    let url = format!("{}{path}", host.endpoint.trim_end_matches('/'));
    let request = http::Request::post(url)
        .header(header::CONTENT_TYPE, "application/json")
        .header(COUNT_HEADER, to_header(asked)?)
        .body(Full::new(body.clone()))
        .ok()?;
    let answer = gateway.client.request(host.transport_key.0, request).await.ok()?;
    let status = answer.status();
    let known = matches!(
        status,
        StatusCode::OK
            | StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::TOO_MANY_REQUESTS
    );
    if !known {
        return None;
    }
    let after = answer.headers().get(header::RETRY_AFTER).cloned();
    let body = Limited::new(answer.into_body(), MAX_ANSWER)
        .collect()
        .await
        .ok()?;
    let mut response = Response::new(Body::from(body.to_bytes()));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    let after = after.map(|after| (header::RETRY_AFTER, after));
    response.headers_mut().extend(after);
    Some(response)
}
