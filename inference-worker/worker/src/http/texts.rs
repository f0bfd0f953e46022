//! `/tokenize` and `/detokenize`: what a text costs, without an answer.

use crate::http::Service;
use axum::body::Body;
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use quern_inference_api::{ApiError, read_body};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/tokenize", post(tokenize))
        .route("/detokenize", post(detokenize))
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tokenize {
    #[serde(default)]
    model: Option<String>,
    prompt: String,
    #[serde(default = "yes")]
    add_special_tokens: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Detokenize {
    #[serde(default)]
    model: Option<String>,
    tokens: Vec<u32>,
}

async fn read<T: DeserializeOwned>(body: Body) -> Result<T, ApiError> {
    let body = read_body(body).await?;
    serde_json::from_slice(&body).map_err(|e| ApiError::body(format!("The body cannot be read: {e}.")))
}

fn check(service: &Service, model: Option<String>) -> Result<(), ApiError> {
    match model.filter(|model| *model != service.model_id) {
        Some(model) => Err(ApiError::no_model(&model)),
        None => Ok(()),
    }
}

async fn tokenize(State(service): State<Arc<Service>>, body: Body) -> Result<Json<Value>, ApiError> {
    let request: Tokenize = read(body).await?;
    check(&service, request.model)?;
    let tokenizer = &service.text.tokenizer;
    // A long text takes the tokenizer a while.
    let tokens =
        tokio::task::block_in_place(|| tokenizer.encode(&request.prompt, request.add_special_tokens));
    let tokens = tokens.map_err(|e| ApiError::invalid("prompt", e.to_string()))?;
    Ok(Json(
        json!({"count": tokens.len(), "max_model_len": service.context, "tokens": tokens}),
    ))
}

async fn detokenize(State(service): State<Arc<Service>>, body: Body) -> Result<Json<Value>, ApiError> {
    let request: Detokenize = read(body).await?;
    check(&service, request.model)?;
    let tokenizer = &service.text.tokenizer;
    if let Some(id) = request
        .tokens
        .iter()
        .find(|id| !tokenizer.tokens().contains(**id))
    {
        return Err(ApiError::invalid("tokens", format!("There is no token id {id}.")));
    }
    let text = tokio::task::block_in_place(|| tokenizer.decode(&request.tokens));
    let text = text.map_err(|e| ApiError::invalid("tokens", e.to_string()))?;
    Ok(Json(json!({"prompt": text})))
}
