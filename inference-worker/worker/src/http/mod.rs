//! The HTTP interface of a worker.

mod answer;
mod calls;
mod dialects;
pub(crate) mod embeddings;
mod prepare;
mod reader;
#[cfg(test)]
mod tests;
mod texts;
pub(crate) mod tools;

pub(crate) use prepare::{part_cache, prepare};

use answer::Source;

use crate::audit;
use crate::generate::local_seed;
use crate::metrics::Metrics;
use crate::model::Text;
use crate::paid::{self, Paid};
use crate::run::random_seed;
use crate::scheduler::{Refused, Scheduler};
use axum::body::Body;
use axum::extract::{ConnectInfo, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use quern_inference_api::listing::{Listing, Model, ModelList};
use quern_inference_api::response::Frame;
use quern_inference_api::{ApiError, Endpoint, Request, openapi, read_body};
use quern_transport::Peer;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Header that names an answer, for questions about it.
const REQUEST_ID: &str = "x-request-id";

/// What the handlers share.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) model_id: String,
    pub(crate) created: u64,
    pub(crate) context: usize,
    pub(crate) text: Arc<Text>,
    pub(crate) scheduler: Scheduler,
    pub(crate) metrics: Metrics,
    /// With a chain, every request is paid.
    pub(crate) paid: Option<Arc<Paid>>,
}

/// Everything that a worker answers.
pub(crate) fn router(service: Service) -> Router {
    let chat = |state, peer, headers, body| completions(state, peer, headers, body, Endpoint::Chat);
    let plain = |state, peer, headers, body| completions(state, peer, headers, body, Endpoint::Completions);
    let mut router = Router::new()
        .route("/v1/chat/completions", post(chat))
        .route("/v1/completions", post(plain))
        // Work that nobody pays for is not done beside work that is paid.
        .merge(if service.paid.is_some() {
            Router::new()
        } else {
            texts::routes().merge(dialects::routes())
        })
        .route("/openapi.json", get(page))
        .merge(status_routes());
    if service.paid.is_some() {
        router = router.merge(paid::routes()).merge(audit::routes());
    }
    with_fallbacks(router).with_state(Arc::new(service))
}

/// What may be answered without encryption.
pub(crate) fn status_router(service: Service) -> Router {
    with_fallbacks(status_routes().merge(paid::receipt_routes())).with_state(Arc::new(service))
}

fn status_routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/v1/models", get(models))
        .route("/v1/models/{*id}", get(model))
        .route("/health", get(health))
        .route("/metrics", get(metrics))
}

/// After the last route: the fallback for methods reaches only those that are there already.
fn with_fallbacks(router: Router<Arc<Service>>) -> Router<Arc<Service>> {
    router.fallback(no_route).method_not_allowed_fallback(no_route)
}

pub(super) async fn no_route(method: http::Method, uri: http::Uri) -> ApiError {
    ApiError::no_route(method.as_str(), uri.path())
}

async fn health(State(service): State<Arc<Service>>) -> Result<Json<serde_json::Value>, ApiError> {
    if !service.scheduler.is_serving() {
        return Err(ApiError::unavailable("The engine has ended; restart the worker."));
    }
    let Some(paid) = &service.paid else {
        return Ok(Json(serde_json::json!({"status": "ok"})));
    };
    let problem = paid.problem();
    // A worker that waits for its chain is well: only paid work has to wait.
    let status = if problem.is_none() { "ok" } else { "no paid work" };
    let chain = serde_json::json!({
        "id": paid.config.chain_id, "height": paid.follow.height(), "host": paid.config.host, "problem": problem,
    });
    let audits = paid.audits.view().map(|view| {
        let round = &view.round;
        serde_json::json!({"round": round.number, "phase": round.phase, "problem": paid.audits.problem()})
    });
    Ok(Json(
        serde_json::json!({"status": status, "chain": chain, "audits": audits}),
    ))
}

fn entry(service: &Service) -> Model {
    let taught = tools::Style::of(&service.text) != tools::Style::Untaught;
    let listing = Listing::decoder(service.context as u32, taught);
    Model {
        id: service.model_id.clone(),
        object: "model".into(),
        created: service.created,
        owned_by: "quern".into(),
        context_length: service.context as u32,
        listing: match &service.paid {
            None => listing.free(),
            Some(_) => listing,
        },
    }
}

async fn page(State(service): State<Arc<Service>>) -> Json<serde_json::Value> {
    Json(openapi::decoder(&service.model_id))
}

async fn models(State(service): State<Arc<Service>>) -> Json<ModelList> {
    Json(ModelList::new(vec![entry(&service)]))
}

async fn model(State(service): State<Arc<Service>>, Path(id): Path<String>) -> Result<Json<Model>, ApiError> {
    match id == service.model_id {
        true => Ok(Json(entry(&service))),
        false => Err(ApiError::no_model(&id)),
    }
}

async fn metrics(State(service): State<Arc<Service>>) -> Result<Response, ApiError> {
    render(&service.metrics)
}

fn render(metrics: &Metrics) -> Result<Response, ApiError> {
    let text = metrics.render().map_err(|e| ApiError::internal(e.to_string()))?;
    Ok(([(http::header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}

/// The peer is known on encrypted connections only.
type MaybePeer = Option<Extension<ConnectInfo<Peer>>>;

async fn completions(
    State(service): State<Arc<Service>>,
    peer: MaybePeer,
    headers: http::HeaderMap,
    body: Body,
    endpoint: Endpoint,
) -> Response {
    let response = match (&service.paid, peer) {
        (None, _) => start(&service, &headers, body, endpoint)
            .await
            .unwrap_or_else(IntoResponse::into_response),
        (Some(paid), Some(Extension(ConnectInfo(peer)))) => {
            let begun = paid::begin(&service, paid, peer, &headers, body, endpoint).await;
            match begun {
                Ok(admitted) => {
                    let source = Source::Paid(admitted.parts);
                    answer(&service, admitted.request, source)
                        .await
                        .unwrap_or_else(IntoResponse::into_response)
                }
                Err(denied) => denied.into_response(),
            }
        }
        (Some(_), None) => {
            ApiError::unavailable("Paid requests need an encrypted connection.").into_response()
        }
    };
    let outcome = match response.status() {
        http::StatusCode::TOO_MANY_REQUESTS => "busy",
        status if status.is_client_error() || status.is_server_error() => "refused",
        _ => return response,
    };
    service.metrics.count(outcome);
    response
}

async fn start(
    service: &Service,
    headers: &http::HeaderMap,
    body: Body,
    endpoint: Endpoint,
) -> Result<Response, ApiError> {
    let body = read_body(body).await?;
    let request = Request::parse(endpoint, &body)?;
    if request.model != service.model_id {
        return Err(ApiError::no_model(&request.model));
    }
    // A long prompt takes the tokenizer a while.
    let mut job = tokio::task::block_in_place(|| prepare(service, &request))?;
    part_cache(&mut job, headers);
    let seed = request.seed.map_or_else(random_seed, Ok);
    let seed = seed.map_err(|e| ApiError::internal(e.to_string()))?;
    job.seed = local_seed(&service.model_id, &job, seed);
    let mut choices = Vec::new();
    for choice in 0..request.n {
        let mut job = job.clone();
        job.shape.choice = choice;
        // Those that were admitted before one is refused end with their receivers.
        choices.push(service.scheduler.submit(job).map_err(|refused| match refused {
            Refused::Busy => ApiError::busy(1),
            Refused::Stopped => ApiError::unavailable("The worker is shutting down."),
        })?);
    }
    answer(service, request, Source::free(choices)).await
}

/// Streams or collects an answer.
async fn answer(service: &Service, request: Request, source: Source) -> Result<Response, ApiError> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |age| age.as_secs());
    let id = random_seed()
        .map_err(|e| ApiError::internal(e.to_string()))?
        .cast_unsigned();
    let prefix = if request.endpoint == Endpoint::Chat {
        "chatcmpl"
    } else {
        "cmpl"
    };
    let frame = Frame {
        id: format!("{prefix}-{id:016x}"),
        created: now,
        model: request.model.clone(),
        endpoint: request.endpoint,
    };
    let request_id = http::HeaderValue::from_str(&frame.id);
    let readers = reader::Reader::all(service, &request, id);
    let mut response = if request.stream {
        answer::stream(frame, source, readers, request.include_usage).await
    } else {
        answer::whole(&frame, source, readers).await
    }?;
    if let Ok(id) = request_id {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    Ok(response)
}

/// An id for an answer that no other has.
fn request_id(prefix: &str) -> Result<String, ApiError> {
    let number = random_seed().map_err(|e| ApiError::internal(e.to_string()))?;
    Ok(format!("{prefix}-{:016x}", number.cast_unsigned()))
}
