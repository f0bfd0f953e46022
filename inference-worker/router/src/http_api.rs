//! The HTTP interface of the router.

use crate::forward::forward;
use crate::keys::Keys;
use crate::metrics::Metrics;
use crate::pool::Pool;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, StatusCode, header};
use quern_inference_api::{ApiError, Endpoint, Request, read_body};
use std::sync::Arc;
use std::time::Instant;

/// What the handlers share.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) keys: Keys,
    pub(crate) pool: Pool,
    pub(crate) metrics: Metrics,
}

pub(crate) fn router(service: Service) -> Router {
    let chat = |state, headers, body| completions(state, headers, body, Endpoint::Chat);
    let plain = |state, headers, body| completions(state, headers, body, Endpoint::Completions);
    Router::new()
        .route("/v1/chat/completions", post(chat))
        .route("/v1/completions", post(plain))
        .route("/v1/models", get(models))
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .fallback(no_route)
        .method_not_allowed_fallback(no_route)
        .with_state(Arc::new(service))
}

async fn no_route(method: http::Method, uri: http::Uri) -> ApiError {
    ApiError::no_route(method.as_str(), uri.path())
}

fn authorize<'a>(service: &'a Service, headers: &HeaderMap) -> Result<&'a str, ApiError> {
    let value = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    service.keys.holder(value).ok_or_else(ApiError::unauthorized)
}

async fn models(State(service): State<Arc<Service>>, headers: HeaderMap) -> Result<Response, ApiError> {
    authorize(&service, &headers)?;
    Ok(Json(service.pool.models()).into_response())
}

async fn health(State(service): State<Arc<Service>>) -> Response {
    let (alive, all) = service.pool.alive();
    let status = if alive > 0 {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let word = if alive > 0 { "ok" } else { "no worker answers" };
    let body = serde_json::json!({"status": word, "workers_up": alive, "workers": all});
    (status, Json(body)).into_response()
}

async fn metrics(State(service): State<Arc<Service>>) -> Result<Response, ApiError> {
    let text = service
        .metrics
        .render()
        .map_err(|e| ApiError::internal(e.to_string()))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}

async fn completions(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    body: Body,
    endpoint: Endpoint,
) -> Response {
    let arrived = Instant::now();
    let answer = relay(&service, &headers, body, endpoint).await;
    let response = answer.unwrap_or_else(IntoResponse::into_response);
    if response.status().is_success() {
        service
            .metrics
            .first_byte
            .observe(arrived.elapsed().as_secs_f64());
    }
    service
        .metrics
        .requests
        .with_label_values(&[response.status().as_str()])
        .inc();
    response
}

async fn relay(
    service: &Service,
    headers: &HeaderMap,
    body: Body,
    endpoint: Endpoint,
) -> Result<Response, ApiError> {
    authorize(service, headers)?;
    let body = read_body(body).await?;
    // Refused here, a bad request costs no worker anything.
    let request = Request::parse(endpoint, &body)?;
    forward(&service.pool, &service.metrics, endpoint, &request.model, body).await
}
