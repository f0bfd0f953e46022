//! The HTTP interface of a worker.

mod answer;

use crate::generate::Job;
use crate::metrics::Metrics;
use crate::model::Text;
use crate::run::random_seed;
use crate::scheduler::{Refused, Scheduler};
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use quern_engine::chat::Message;
use quern_engine::sampler::SamplingParams;
use quern_inference_api::response::{Frame, Model, ModelList};
use quern_inference_api::{ApiError, Endpoint, Input, Request, read_body};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// What the handlers share.
pub(crate) struct Service {
    pub(crate) model_id: String,
    pub(crate) created: u64,
    pub(crate) context: usize,
    pub(crate) text: Arc<Text>,
    pub(crate) scheduler: Scheduler,
    pub(crate) metrics: Metrics,
}

pub(crate) fn router(service: Service) -> Router {
    let chat = |state, body| completions(state, body, Endpoint::Chat);
    let plain = |state, body| completions(state, body, Endpoint::Completions);
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

async fn health(State(service): State<Arc<Service>>) -> Result<Json<serde_json::Value>, ApiError> {
    if service.scheduler.is_serving() {
        Ok(Json(serde_json::json!({"status": "ok"})))
    } else {
        Err(ApiError::unavailable("The engine has ended; restart the worker."))
    }
}

async fn models(State(service): State<Arc<Service>>) -> Json<ModelList> {
    Json(ModelList::new(vec![Model {
        id: service.model_id.clone(),
        object: "model".into(),
        created: service.created,
        owned_by: "quern".into(),
        context_length: service.context as u32,
    }]))
}

async fn metrics(State(service): State<Arc<Service>>) -> Result<Response, ApiError> {
    let text = service
        .metrics
        .render()
        .map_err(|e| ApiError::internal(e.to_string()))?;
    Ok(([(http::header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}

async fn completions(State(service): State<Arc<Service>>, body: Body, endpoint: Endpoint) -> Response {
    match start(&service, body, endpoint).await {
        Ok(response) => response,
        Err(error) => {
            let outcome = if error.status == http::StatusCode::TOO_MANY_REQUESTS {
                "busy"
            } else {
                "refused"
            };
            service.metrics.count(outcome);
            error.into_response()
        }
    }
}

async fn start(service: &Service, body: Body, endpoint: Endpoint) -> Result<Response, ApiError> {
    let body = read_body(body).await?;
    let request = Request::parse(endpoint, &body)?;
    if request.model != service.model_id {
        return Err(ApiError::no_model(&request.model));
    }
    // A long prompt takes the tokenizer a while.
    let job = tokio::task::block_in_place(|| job(service, &request))?;
    let events = service.scheduler.submit(job).map_err(|refused| match refused {
        Refused::Busy => ApiError::busy(1),
        Refused::Stopped => ApiError::unavailable("The worker is shutting down."),
    })?;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |age| age.as_secs());
    let id = random_seed()
        .map_err(|e| ApiError::internal(e.to_string()))?
        .cast_unsigned();
    let prefix = if endpoint == Endpoint::Chat {
        "chatcmpl"
    } else {
        "cmpl"
    };
    let frame = Frame {
        id: format!("{prefix}-{id:016x}"),
        created: now,
        model: request.model,
        endpoint,
    };
    if request.stream {
        answer::stream(frame, events, request.include_usage).await
    } else {
        answer::whole(&frame, events).await
    }
}

/// Tokens, limits and seed of a request.
fn job(service: &Service, request: &Request) -> Result<Job, ApiError> {
    let param = request.endpoint.input_param();
    let tokenizer = &service.text.tokenizer;
    let encode = |text: &str, special| {
        tokenizer
            .encode(text, special)
            .map_err(|e| ApiError::invalid(param, e.to_string()))
    };
    let prompt = match &request.input {
        Input::Chat(messages) => {
            let message = |m: &quern_inference_api::Message| Message {
                role: m.role.clone(),
                content: m.content.clone(),
            };
            let messages: Vec<Message> = messages.iter().map(message).collect();
            let text = service.text.chat.render(&messages);
            // A template writes its special tokens itself.
            encode(&text.map_err(|e| ApiError::invalid(param, e.to_string()))?, false)?
        }
        Input::Text(text) => encode(text, true)?,
        Input::Tokens(ids) => match ids.iter().find(|id| !tokenizer.tokens().contains(**id)) {
            Some(id) => return Err(ApiError::invalid(param, format!("There is no token id {id}."))),
            None => ids.clone(),
        },
    };
    if prompt.is_empty() {
        return Err(ApiError::invalid(param, format!("'{param}' holds no tokens.")));
    }
    let left = service.context.saturating_sub(prompt.len());
    let wanted = request.max_tokens.map_or(left.max(1), |n| n as usize);
    if wanted > left {
        return Err(ApiError::context(param, service.context, prompt.len(), wanted));
    }
    let seed = match request.seed {
        Some(seed) => seed,
        None => random_seed().map_err(|e| ApiError::internal(e.to_string()))?,
    };
    let params = SamplingParams {
        temperature: request.temperature,
        top_p: request.top_p,
        ..SamplingParams::default()
    };
    Ok(Job {
        prompt,
        max_tokens: wanted as u32,
        params,
        stop: request.stop.clone(),
        seed,
    })
}
