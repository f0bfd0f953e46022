//! `/tokenize` and `/detokenize` for holders of sessions, for nothing: so much a block that it costs a host next to no time.

use crate::http::texts;
use crate::http::{Service, Services};
use crate::paid::answer::Denied;
use crate::paid::http::{paid, wait_for};
use crate::paid::service::Paid;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Router};
use http::HeaderMap;
use quern_chain_client::verify;
use quern_inference_api::paid::{
    COUNT_BYTES, COUNT_HEADER, COUNT_PATHS, CountRequest, Rejection, count_digest, from_header,
};
use quern_inference_api::{ApiError, read_body};
use quern_interface::settlement::SessionStatus;
use quern_transport::{Peer, Turn};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Texts that are looked at together.
const AT_ONCE: usize = 2;
/// Heights for which a request to count is good.
const RECENT: u64 = 10;

/// What is being counted and was counted lately.
#[derive(Debug)]
pub(crate) struct Counts {
    running: Semaphore,
    /// Height, and the bytes that each session had counted at it.
    block: Mutex<(u64, BTreeMap<u64, usize>)>,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            running: Semaphore::new(AT_ONCE),
            block: Mutex::default(),
        }
    }
}

impl Counts {
    /// Whether a session may have so many bytes more counted at a height; notes them.
    fn take(&self, height: u64, session: u64, bytes: usize) -> bool {
        let mut block = self.block.lock().unwrap_or_else(PoisonError::into_inner);
        if block.0 != height {
            *block = (height, BTreeMap::new());
        }
        let had = block.1.get(&session).copied().unwrap_or_default();
        let sum = had.saturating_add(bytes);
        // One body of whatever length is always taken; its length is bounded where it is read.
        let fits = had == 0 || sum <= COUNT_BYTES;
        if fits {
            block.1.insert(session, sum);
        }
        fits
    }
}

pub(super) fn routes() -> Router<Arc<Services>> {
    let [there, back] = COUNT_PATHS;
    let tokenize = |state, peer, turn, headers, body| count(state, peer, turn, headers, body, COUNT_PATHS[0]);
    let detokenize =
        |state, peer, turn, headers, body| count(state, peer, turn, headers, body, COUNT_PATHS[1]);
    Router::new()
        .route(there, post(tokenize))
        .route(back, post(detokenize))
}

async fn count(
    State(services): State<Arc<Services>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Extension(turn): Extension<Turn>,
    headers: HeaderMap,
    body: Body,
    path: &str,
) -> Result<Response, Denied> {
    let paid = paid(&services)?;
    let asked: Option<CountRequest> = headers.get(COUNT_HEADER).and_then(from_header);
    let asked = asked.ok_or(Rejection::VoucherMissing)?;
    let body = read_body(body).await?;
    let service = admit(&services, paid, peer, &asked, (path, &body)).await?;
    turn.begin();
    let height = paid.follow.height();
    if !paid.counts.take(height, asked.session, body.len()) {
        let message =
            format!("A session may have {COUNT_BYTES} bytes counted in a block; ask in the next one.");
        let busy = ApiError::busy(1);
        return Err(ApiError { message, ..busy }.into());
    }
    let _running = paid.counts.running.acquire().await;
    let answer = match path {
        path if path == COUNT_PATHS[0] => texts::encode(service, &body),
        _ => texts::decode(service, &body),
    };
    Ok(answer?.into_response())
}

/// The model of a session whose key signed the request.
async fn admit<'a>(
    services: &'a Services,
    paid: &Paid,
    peer: Peer,
    asked: &CountRequest,
    (path, body): (&str, &Bytes),
) -> Result<&'a Service, Denied> {
    wait_for(paid, asked.height).await?;
    let info = paid.session(asked.session, |_| true).await?;
    paid.check_peer(&info, peer).await?;
    let own = paid.own(&info.model).filter(|_| asked.host == paid.config.host);
    let own = own.ok_or(Rejection::VoucherMisdirected)?;
    let place = (asked.session, asked.host.as_str(), asked.height);
    let digest = count_digest(&paid.config.chain_id, place, path, body);
    if !verify(&info.session_key.0, &digest.0, &asked.signature.0) {
        return Err(Rejection::VoucherForged.into());
    }
    let recent = asked.height.saturating_add(RECENT) >= paid.follow.height();
    let lives = (info.drawn_at..=info.closes_at).contains(&asked.height);
    if info.status != SessionStatus::Open || !recent || !lives {
        return Err(Rejection::VoucherStale.into());
    }
    services
        .get(&own.id)
        .ok_or_else(|| ApiError::no_model(&own.id).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_so_much_a_block_and_others_have_theirs() {
        let counts = Counts::default();
        assert!(counts.take(5, 1, COUNT_BYTES - 10) && counts.take(5, 1, 10));
        assert!(!counts.take(5, 1, 1));
        assert!(counts.take(5, 2, 4 * COUNT_BYTES) && !counts.take(5, 2, 1));
        assert!(counts.take(6, 1, 1));
    }
}
