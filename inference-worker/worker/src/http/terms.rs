//! Whose an unpaid request is, and when it ends.

use crate::generate::Job;
use crate::http::part_cache;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use quern_engine::seed::hash_fields;
use quern_inference_api::ApiError;
use quern_inference_api::paid::CACHE_PART_HEADER;
use quern_inference_api::timeout::timeout;
use std::net::SocketAddr;
use std::time::Instant;

/// Between the listener and the handlers: the address that a request came from. What a client sends under this name is
/// dropped.
const PEER_HEADER: &str = "quern-peer-address";

/// Notes where a request came from.
pub(super) async fn note_peer(mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let address = peer.map(|ConnectInfo(peer)| peer.ip().to_string());
    let headers = request.headers_mut();
    headers.remove(PEER_HEADER);
    if let Some(value) = address.and_then(|address| HeaderValue::from_str(&address).ok()) {
        headers.insert(HeaderName::from_static(PEER_HEADER), value);
    }
    next.run(request).await
}

/// Whoever sent a request: the word that a router has for the holder of its key, else the API key, else the address.
/// No key is checked here, so this parts those who mean no harm, or who come through a router.
fn sender(headers: &HeaderMap) -> [u8; 32] {
    let names = [
        CACHE_PART_HEADER,
        header::AUTHORIZATION.as_str(),
        "x-api-key",
        PEER_HEADER,
    ];
    let found = names
        .into_iter()
        .find_map(|name| Some((name, headers.get(name)?.as_bytes())));
    let (name, value) = found.unwrap_or_default();
    hash_fields(&[b"quern.worker.sender", name.as_bytes(), value]).0
}

/// Sets what the headers of an unpaid request say of its job.
pub(super) fn apply(job: &mut Job, headers: &HeaderMap, arrived: Instant) -> Result<(), ApiError> {
    part_cache(job, headers);
    job.shape.sender = sender(headers);
    job.shape.deadline = timeout(headers)?.and_then(|time| arrived.checked_add(time));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &[(&'static str, &str)]) -> [u8; 32] {
        let pairs = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        sender(&pairs.collect())
    }

    #[test]
    fn a_sender_is_known_by_the_routers_word_or_a_key_or_an_address() {
        let all = [
            of(&[]),
            of(&[("quern-cache-part", "ann"), ("authorization", "Bearer router")]),
            of(&[("quern-cache-part", "bob"), ("authorization", "Bearer router")]),
            of(&[
                ("authorization", "Bearer ann"),
                ("quern-peer-address", "127.0.0.1"),
            ]),
            of(&[("x-api-key", "ann"), ("quern-peer-address", "127.0.0.1")]),
            of(&[("quern-peer-address", "127.0.0.1")]),
            of(&[("quern-peer-address", "127.0.0.2")]),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(!all[index + 1..].contains(one), "{index} is taken for another");
        }
        assert_eq!(
            all[1],
            of(&[("quern-cache-part", "ann"), ("authorization", "Bearer other")])
        );
    }
}
