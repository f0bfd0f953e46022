//! The HTTP interface of a worker.

mod answer;
mod calls;
mod dialects;
pub(crate) mod embeddings;
mod kinds;
mod params;
mod prepare;
mod reader;
mod services;
mod terms;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod texts;
mod think;
pub(crate) mod tools;

pub(crate) use prepare::{part_cache, prepare};
pub(crate) use services::{Service, Services};

use answer::Source;

use crate::audit;
use crate::generate::local_seed;
use crate::metrics::HostMetrics;
use crate::paid;
use crate::run::random_seed;
use crate::scheduler::Refused;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use quern_inference_api::dialect::PROMPT_TOKENS_HEADER;
use quern_inference_api::listing::{Listing, Model, ModelList};
use quern_inference_api::response::Frame;
use quern_inference_api::{
    ApiError, Endpoint, REQUEST_ID, Request, many, openapi, read_body, with_fallbacks, with_ids,
};
use quern_transport::{Peer, Turn};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Everything that a worker answers.
pub(crate) fn router(services: Services) -> Router {
    let chat = |state, caller, headers, body| completions(state, caller, headers, body, Endpoint::Chat);
    let plain =
        |state, caller, headers, body| completions(state, caller, headers, body, Endpoint::Completions);
    let mut router = Router::new()
        .route("/v1/chat/completions", post(chat))
        .route("/v1/completions", post(plain))
        // Work that nobody pays for is not done beside work that is paid.
        .merge(if services.paid.is_some() {
            Router::new()
        } else {
            texts::routes()
                .merge(dialects::routes())
                .merge(kinds::of_decoders())
        })
        .route("/openapi.json", get(page))
        .merge(status_routes());
    if services.paid.is_some() {
        router = router.merge(paid::routes()).merge(audit::routes());
    }
    let router = with_fallbacks(router);
    let router = match services.paid.is_some() {
        true => router,
        false => router.layer(axum::middleware::from_fn(terms::note_peer)),
    };
    with_ids(router.with_state(Arc::new(services)))
}

/// What may be answered without encryption.
pub(crate) fn status_router(services: Services) -> Router {
    with_fallbacks(status_routes().merge(paid::receipt_routes())).with_state(Arc::new(services))
}

fn status_routes() -> Router<Arc<Services>> {
    Router::new()
        .route("/v1/models", get(models))
        .route("/v1/models/{*id}", get(model))
        .route("/health", get(health))
        .route("/metrics", get(metrics))
}

async fn health(State(services): State<Arc<Services>>) -> Result<Json<serde_json::Value>, ApiError> {
    let ended = services
        .all()
        .iter()
        .find(|service| !service.scheduler.is_serving());
    if let Some(Service { model_id, .. }) = ended {
        let message = format!("The engine of model {model_id:?} has ended; restart the worker.");
        return Err(ApiError::unavailable(message));
    }
    let Some(paid) = &services.paid else {
        return Ok(Json(serde_json::json!({"status": "ok"})));
    };
    let problem = paid.problem();
    let models: Vec<_> = services
        .all()
        .iter()
        .map(|service| (&service.model_id, paid.follow.problem_with(&service.model_id)))
        .collect();
    // A worker that waits for its chain is well: only paid work has to wait.
    let status = match &problem {
        Some(_) => "no paid work",
        None if models.iter().any(|(_, problem)| problem.is_some()) => "paid work for some models only",
        None => "ok",
    };
    let chain = serde_json::json!({
        "id": paid.config.chain_id, "height": paid.follow.height(), "host": paid.config.host, "problem": problem,
    });
    let models: Vec<_> = models
        .into_iter()
        .map(|(id, problem)| serde_json::json!({"id": id, "problem": problem}))
        .collect();
    let audits = paid.audits.view().map(|view| {
        let round = &view.round;
        serde_json::json!({"round": round.number, "phase": round.phase, "problem": paid.audits.problem()})
    });
    Ok(Json(
        serde_json::json!({"status": status, "chain": chain, "models": models, "audits": audits}),
    ))
}

fn entry(services: &Services, service: &Service) -> Model {
    let style = tools::Style::of(&service.text);
    let taught = !matches!(style, tools::Style::Untaught | tools::Style::Unknown);
    let mut listing = Listing::decoder(service.context as u32, taught).stored(service.text.precision);
    if service.text.marks.is_some() {
        listing = listing.thinking();
    }
    Model {
        id: service.model_id.clone(),
        object: "model".into(),
        created: service.created,
        owned_by: "quern".into(),
        context_length: service.context as u32,
        listing: match &services.paid {
            None => listing.free(),
            Some(_) => listing,
        },
    }
}

async fn page(State(services): State<Arc<Services>>) -> Json<serde_json::Value> {
    let models = services.all().iter().map(|service| service.model_id.as_str());
    Json(openapi::decoder(&models.collect::<Vec<_>>()))
}

async fn models(State(services): State<Arc<Services>>) -> Json<ModelList> {
    let all = services.all().iter();
    Json(ModelList::new(
        all.map(|service| entry(&services, service)).collect(),
    ))
}

async fn model(
    State(services): State<Arc<Services>>,
    Path(id): Path<String>,
) -> Result<Json<Model>, ApiError> {
    let service = services.named(Some(&id))?;
    Ok(Json(entry(&services, service)))
}

async fn metrics(State(services): State<Arc<Services>>) -> Result<Response, ApiError> {
    render(&services.metrics)
}

fn render(metrics: &HostMetrics) -> Result<Response, ApiError> {
    let text = metrics.render().map_err(|e| ApiError::internal(e.to_string()))?;
    Ok(([(http::header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}

/// Known on encrypted connections only.
type MaybeCaller = (Option<Extension<ConnectInfo<Peer>>>, Option<Extension<Turn>>);

async fn completions(
    State(services): State<Arc<Services>>,
    caller: MaybeCaller,
    headers: http::HeaderMap,
    body: Body,
    endpoint: Endpoint,
) -> Response {
    let arrived = Instant::now();
    let asked = async {
        let body = read_body(body).await?;
        let request = Request::parse(endpoint, &body)?;
        Ok::<_, ApiError>((services.of(&request)?, request, body))
    };
    let (service, request, body) = match asked.await {
        Ok(asked) => asked,
        Err(error) => {
            services.metrics.count("refused");
            return error.into_response();
        }
    };
    let response = match (&services.paid, caller) {
        (None, _) => match many::split(&request, &body, false) {
            None => start(service, &headers, request, arrived)
                .await
                .unwrap_or_else(IntoResponse::into_response),
            Some(bodies) => start_all(service, &headers, &request, bodies, arrived).await,
        },
        (Some(paid), (Some(Extension(ConnectInfo(peer))), Some(Extension(turn)))) => {
            let asked = Asked {
                arrived,
                headers: &headers,
                request,
                body: &body,
            };
            match paid::begin(service, paid, (peer, &turn), asked).await {
                Ok(admitted) => {
                    let source = Source::Paid(admitted.parts);
                    answer(service, admitted.request, admitted.prompt, source)
                        .await
                        .unwrap_or_else(IntoResponse::into_response)
                }
                Err(denied) => denied.into_response(),
            }
        }
        (Some(_), _) => ApiError::unavailable("Paid requests need an encrypted connection.").into_response(),
    };
    let outcome = match response.status() {
        // Counted where it was refused or lost its place, or where its time ended: then a stream may have begun.
        http::StatusCode::TOO_MANY_REQUESTS if services.paid.is_none() => return response,
        http::StatusCode::REQUEST_TIMEOUT => return response,
        http::StatusCode::TOO_MANY_REQUESTS => "busy",
        status if status.is_client_error() || status.is_server_error() => "refused",
        _ => return response,
    };
    service.metrics.count(outcome);
    response
}

/// Answers several prompts, as many at once as there are slots for where nobody waits for the first words of each.
async fn start_all(
    service: &Service,
    headers: &http::HeaderMap,
    request: &Request,
    bodies: Vec<Bytes>,
    arrived: Instant,
) -> Response {
    let answer = |body: Bytes| {
        let answer = async move {
            let single = Request::parse(request.endpoint, &body);
            let answer = async { start(service, headers, single?, arrived).await };
            answer.await.unwrap_or_else(IntoResponse::into_response)
        };
        Box::pin(answer) as Pin<Box<dyn Future<Output = Response> + Send + '_>>
    };
    let per = request.n as usize;
    let at_once = (service.scheduler.slots() / per.max(1)).max(1);
    let answers = bodies.into_iter().map(answer).collect();
    many::merge(answers, per, request.stream, at_once).await
}

async fn start(
    service: &Service,
    headers: &http::HeaderMap,
    request: Request,
    arrived: Instant,
) -> Result<Response, ApiError> {
    // A long prompt takes the tokenizer a while.
    let mut job = tokio::task::block_in_place(|| prepare(service, &request))?;
    terms::apply(&mut job, headers, arrived)?;
    let seed = request.seed.map_or_else(random_seed, Ok);
    let seed = seed.map_err(|e| ApiError::internal(e.to_string()))?;
    job.seed = local_seed(&service.model_id, &job, seed);
    let choices = service.scheduler.submit_choices(&job, request.n);
    let choices = choices.map_err(|refused| match refused {
        Refused::Busy => {
            service.metrics.count("busy");
            ApiError::busy(service.scheduler.wait())
        }
        Refused::Stopped => ApiError::unavailable("The worker is shutting down."),
    })?;
    answer(service, request, job.prompt.len(), Source::free(choices)).await
}

/// Streams or collects an answer to a prompt of so many tokens.
async fn answer(
    service: &Service,
    request: Request,
    prompt: usize,
    source: Source,
) -> Result<Response, ApiError> {
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
        openrouter: request.reasoning.openrouter,
    };
    let request_id = http::HeaderValue::from_str(&frame.id);
    let readers = reader::Reader::all(service, &request, id);
    let mut response = if request.stream {
        let mut response = answer::stream(frame, source, readers, request.include_usage).await?;
        let headers = response.headers_mut();
        headers.insert(PROMPT_TOKENS_HEADER, prompt.into());
        response
    } else {
        answer::whole(&frame, source, readers).await?
    };
    if let Ok(id) = request_id {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    Ok(response)
}

/// A request as it came.
pub(crate) struct Asked<'a> {
    pub(crate) arrived: Instant,
    pub(crate) headers: &'a http::HeaderMap,
    pub(crate) request: Request,
    pub(crate) body: &'a [u8],
}

/// An id for an answer that no other has.
fn request_id(prefix: &str) -> Result<String, ApiError> {
    let number = random_seed().map_err(|e| ApiError::internal(e.to_string()))?;
    Ok(format!("{prefix}-{:016x}", number.cast_unsigned()))
}
