//! What needs a model's tokenizer or encoder and no chat: vectors and tokens. Nothing of it is paid: hosts of a session count
//! tokens for nothing, and vectors come from workers without a chain alone.

use crate::forward::{Sent, forward};
use crate::http_api::{Backend, Service, authorize};
use crate::metered::metered;
use crate::paid;
use crate::rates::Expected;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use quern_inference_api::embeddings::EmbeddingsRequest;
use quern_inference_api::timeout::timeout;
use quern_inference_api::tokens::json_of;
use quern_inference_api::{ApiError, read_body};
use serde_json::Value;
use std::sync::Arc;
use std::time::Instant;

const EMBEDDINGS: &str = "/v1/embeddings";

pub(crate) async fn embeddings(service: State<Arc<Service>>, headers: HeaderMap, body: Body) -> Response {
    let model = |body: &[u8]| EmbeddingsRequest::parse(body).map(|request| request.model);
    answer(&service, &headers, body, EMBEDDINGS, model).await
}

pub(crate) async fn tokenize(service: State<Arc<Service>>, headers: HeaderMap, body: Body) -> Response {
    answer(&service, &headers, body, "/tokenize", model).await
}

pub(crate) async fn detokenize(service: State<Arc<Service>>, headers: HeaderMap, body: Body) -> Response {
    answer(&service, &headers, body, "/detokenize", model).await
}

/// Which worker is meant.
fn model(body: &[u8]) -> Result<String, ApiError> {
    match json_of(body)?.get("model") {
        Some(Value::String(model)) => Ok(model.clone()),
        Some(_) => Err(ApiError::invalid("model", "'model' must be a string.")),
        None => Err(ApiError::missing("model")),
    }
}

async fn answer(
    service: &Service,
    headers: &HeaderMap,
    body: Body,
    path: &str,
    model: impl Fn(&[u8]) -> Result<String, ApiError>,
) -> Response {
    let answer = relay(service, headers, body, path, model).await;
    let response = answer.unwrap_or_else(IntoResponse::into_response);
    let status = response.status();
    service
        .metrics
        .requests
        .with_label_values(&[status.as_str()])
        .inc();
    response
}

async fn relay(
    service: &Service,
    headers: &HeaderMap,
    body: Body,
    path: &str,
    model: impl Fn(&[u8]) -> Result<String, ApiError>,
) -> Result<Response, ApiError> {
    let arrived = Instant::now();
    let holder = authorize(service, headers)?;
    let body = read_body(body).await?;
    let model = model(&body)?;
    let pool = match &service.backend {
        Backend::Direct(pool) => pool,
        Backend::Paid(gateway) if path == EMBEDDINGS => {
            let known = gateway.view.model(&model).is_some();
            return Err(match known {
                true => ApiError::no_paid_vectors(&model),
                false => ApiError::no_model(&model),
            });
        }
        Backend::Paid(gateway) => return paid::count(gateway, holder, path, &model, &body).await,
    };
    let part = service.parting.of(holder);
    let time = timeout(headers)?;
    let reserved = match path {
        EMBEDDINGS => {
            let expected = || Expected::of_texts(&body);
            service.rates.reserve(&holder.name, expected, arrived)?
        }
        // Counting tokens uses none.
        _ => None,
    };
    let sent = Sent {
        path,
        model: &model,
        part: &part,
        conversation: None,
        deadline: time.and_then(|time| arrived.checked_add(time)),
        body,
    };
    let response = forward(pool, &service.metrics, sent).await?;
    Ok(metered(reserved, response))
}
