//! Void vouchers: they ask for nothing, so that a host serves nothing more under their nonces.

use super::Gateway;
use crate::ledger::{Place, Record};
use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Limited};
use quern_chain_client::verify;
use quern_inference_api::paid::{SignedVoucher, TopUpAnswer, VOUCHERS_PATH, unserved_digest};
use quern_protocol::{Amount, Voucher, salt_commitment};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(3);
/// Largest answer that is read.
const MAX_ANSWER: usize = 1 << 16;

/// What a host makes of a void voucher.
pub(crate) enum Told {
    Taken(TopUpAnswer),
    /// It takes none of this one.
    Refused,
    /// It gives no answer.
    Nothing,
}

/// A void voucher for a host.
pub(crate) fn sign(gateway: &Gateway, place: &Place) -> Option<SignedVoucher> {
    let (session, nonce) = (place.session, place.nonce);
    let chain_id = gateway.chain_id();
    let payer = gateway.payer_of(session)?;
    let (model, cap) = gateway.books.with(|ledger| {
        let found = ledger.sessions.get(&session)?;
        let book = found.host(&place.host)?;
        Some((found.model.clone(), book.spent.min(book.limit)))
    })?;
    let voucher = Voucher {
        session,
        host: place.host.clone(),
        nonce,
        height: gateway.view.tip(&model)?.height,
        ceiling: Amount::ZERO,
        cap,
        salt_commitment: salt_commitment(chain_id, session, nonce, &[0; 16]),
    };
    let digest = voucher.digest(chain_id);
    Some(SignedVoucher {
        signature: quern_protocol::Bytes(payer.session_key.sign(&digest.0)),
        voucher,
    })
}

/// Hands it to its host.
pub(crate) async fn hand_over(gateway: &Gateway, signed: &SignedVoucher) -> Told {
    let answer = tokio::time::timeout(PATIENCE, send(gateway, signed)).await;
    answer.ok().flatten().unwrap_or(Told::Nothing)
}

async fn send(gateway: &Gateway, signed: &SignedVoucher) -> Option<Told> {
    let host = gateway.view.host(&signed.voucher.host)?;
    let body = serde_json::to_vec(signed).ok()?;
    let url = format!("{}{VOUCHERS_PATH}", host.endpoint.trim_end_matches('/'));
    let answer = gateway.client.post(&url, host.transport_key.0, Bytes::from(body));
    let answer = answer.await.ok()?;
    if answer.status() != StatusCode::OK {
        return Some(Told::Refused);
    }
    let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
    let answer = serde_json::from_slice(&body.ok()?.to_bytes()).ok()?;
    Some(Told::Taken(answer))
}

/// Frees a request whose answer is over and of which its host has no receipt, if the host signs that it neither served nor
/// will serve it. A client that left before its request had begun, or a host that failed before, holds nothing then. What a
/// host could claim in spite of its word is no more than the highest cap that was signed for it.
pub(super) async fn withdraw(gateway: &Gateway, place: &Place) {
    let Some(void) = sign(gateway, place) else { return };
    let Told::Taken(TopUpAnswer {
        unserved: Some(signature),
        ..
    }) = hand_over(gateway, &void).await
    else {
        return;
    };
    let Some(host) = gateway.view.host(&place.host) else {
        return;
    };
    let digest = unserved_digest(gateway.chain_id(), place.session, place.nonce, &place.host);
    if !verify(&host.warm_key.key.0, &digest.0, &signature.0) {
        tracing::warn!(
            host = place.host,
            "a host's word on a request is not signed by it"
        );
        return;
    }
    gateway.tickets.clear(place);
    gateway.books.commit(Record::Freed { place: place.clone() });
}
