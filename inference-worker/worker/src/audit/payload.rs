//! `GET /v1/audit/receipts/{session}/{nonce}` and `/v1/audit/proofs/{sprint}/{model}/{index}`: see
//! [`quern_inference_api::audit`].

use crate::audit::desk::admit;
use crate::http::Services;
use crate::paid::Paid;
use crate::proof;
use axum::extract::{ConnectInfo, Path, State};
use axum::routing::get;
use axum::{Extension, Json, Router};
use quern_inference_api::ApiError;
use quern_inference_api::audit::{ProofPayload, ReceiptPayload};
use quern_interface::audits::{LeafInfo, LeafSource};
use quern_transport::{Peer, Turn};
use std::sync::Arc;

/// Routes for auditors; on encrypted connections only.
pub(crate) fn routes() -> Router<Arc<Services>> {
    Router::new()
        .route("/v1/audit/receipts/{session}/{nonce}", get(receipt_payload))
        .route("/v1/audit/proofs/{sprint}/{model}/{index}", get(proof_payload))
}

fn paid(services: &Services) -> Result<&Paid, ApiError> {
    let missing = || ApiError::unavailable("This worker runs without a chain.");
    services.paid.as_deref().ok_or_else(missing)
}

fn gone() -> ApiError {
    ApiError::not_found("The payload of this leaf is not kept here.")
}

async fn receipt_payload(
    State(services): State<Arc<Services>>,
    peer: ConnectInfo<Peer>,
    Extension(turn): Extension<Turn>,
    Path((session, nonce)): Path<(u64, u64)>,
) -> Result<Json<ReceiptPayload>, ApiError> {
    let paid = paid(&services)?;
    let is_asked = |leaf: &LeafInfo| matches!(&leaf.source, LeafSource::Receipt { session: s, nonce: n, .. } if (*s, *n) == (session, nonce));
    let _permit = admit(paid, peer, is_asked).await?;
    turn.begin();
    let read = tokio::task::block_in_place(|| paid.store.payload(session, nonce));
    match read {
        Ok(Some((signed, payload))) => Ok(Json(ReceiptPayload {
            receipt: signed.receipt,
            salt: payload.salt,
            path: payload.path,
            body: payload.body,
            prompt: payload.prompt,
            output: payload.output,
        })),
        Ok(None) => Err(gone()),
        Err(error) => {
            tracing::error!(session, nonce, %error, "a payload that an auditor asks for cannot be read");
            Err(gone())
        }
    }
}

async fn proof_payload(
    State(services): State<Arc<Services>>,
    peer: ConnectInfo<Peer>,
    Extension(turn): Extension<Turn>,
    Path((sprint, model, index)): Path<(u64, String, u32)>,
) -> Result<Json<ProofPayload>, ApiError> {
    let paid = paid(&services)?;
    let is_asked = |leaf: &LeafInfo| {
        let source = LeafSource::Proof { sprint, index };
        leaf.source == source && leaf.model == model
    };
    let _permit = admit(paid, peer, is_asked).await?;
    turn.begin();
    let read = tokio::task::block_in_place(|| proof::payload(paid, (sprint, &model), index));
    match read {
        Ok(payload) => payload.map(Json).ok_or_else(gone),
        Err(error) => {
            tracing::error!(sprint, index, %error, "an answer that an auditor asks for cannot be read");
            Err(gone())
        }
    }
}
