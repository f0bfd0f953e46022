//! Models, health and metrics.

use super::Remote;
use crate::error::UpstreamError;
use crate::tier::TrustTier;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use quern_inference_api::ApiError;
use serde_json::{Value, json};
use std::sync::Arc;

fn entry(remote: &Remote) -> Value {
    let capabilities = &remote.known().capabilities;
    json!({
        "id": remote.options.model_id,
        "object": "model",
        "created": remote.created,
        "owned_by": "quern",
        "context_length": capabilities.context,
        "input_modalities": ["text"],
        "output_modalities": ["text"],
        "supported_sampling_parameters": capabilities.sampling_parameters(),
        "supported_features": capabilities.features(),
        "is_ready": remote.known().problem.is_none(),
        "trust_tier": TrustTier::of(capabilities),
        "engine": capabilities.kind,
    })
}

pub(super) async fn models(State(remote): State<Arc<Remote>>) -> Json<Value> {
    Json(json!({"object": "list", "data": [entry(&remote)]}))
}

pub(super) async fn model(
    State(remote): State<Arc<Remote>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    match id == remote.options.model_id {
        true => Ok(Json(entry(&remote))),
        false => Err(ApiError::no_model(&id)),
    }
}

pub(super) async fn health(State(remote): State<Arc<Remote>>) -> Result<Json<Value>, ApiError> {
    let known = remote.known();
    if let Some(problem) = &known.problem {
        return Err(UpstreamError::Down(problem.clone()).to_api(remote.upstream.config().label()));
    }
    let capabilities = &known.capabilities;
    Ok(Json(json!({
        "status": "ok",
        "engine": capabilities,
        "trust_tier": TrustTier::of(capabilities),
        "trust_tier_lacks": TrustTier::lacks(capabilities),
        "paid": false,
    })))
}

pub(super) async fn metrics(State(remote): State<Arc<Remote>>) -> Result<Response, ApiError> {
    let text = remote
        .metrics
        .render()
        .map_err(|e| ApiError::internal(e.to_string()))?;
    Ok(([(http::header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}
