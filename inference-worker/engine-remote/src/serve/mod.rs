//! The worker's HTTP interface over a remote engine: the same dialect, the same errors, the same status pages.

mod answer;
mod chunks;
mod count;
mod dialects;
mod metrics;
mod pages;
mod pump;
mod watch;

pub use watch::Known;

use crate::capabilities::Capabilities;
use crate::client::Upstream;
use crate::tier::{TIER_HEADER, TrustTier};
use crate::tokens::Vocabulary;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, HeaderValue};
use metrics::Metrics;
use quern_inference_api::embeddings::EmbeddingsRequest;
use quern_inference_api::pace::Pace;
use quern_inference_api::{ApiError, Endpoint, read_body, with_fallbacks, with_ids};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{Notify, Semaphore};

/// Requests whose bodies are read at once, for each that the engine may have.
const READERS: usize = 4;

/// How a remote engine is served.
#[derive(Clone, Debug)]
pub struct Options {
    /// Id under which the model is served.
    pub model_id: String,
    /// Requests that the engine has at once; beyond them comes 429.
    pub slots: usize,
    /// Pause between two looks at an idle engine.
    pub look: Duration,
}

/// A remote engine that is served.
#[derive(Clone, Debug)]
pub struct Remote {
    upstream: Upstream,
    options: Options,
    created: u64,
    slots: Arc<Semaphore>,
    /// For how long requests are at the engine.
    pace: Pace,
    readers: Arc<Semaphore>,
    known: tokio::sync::watch::Sender<Arc<Known>>,
    /// Asks for a look at the engine now.
    doubt: Arc<Notify>,
    vocabulary: Option<Arc<Vocabulary>>,
    metrics: Metrics,
}

impl Remote {
    /// An engine that was probed.
    ///
    /// # Errors
    /// When its metrics cannot be registered.
    pub fn new(
        upstream: Upstream,
        capabilities: Capabilities,
        vocabulary: Option<Arc<Vocabulary>>,
        options: Options,
    ) -> Result<Self, prometheus::Error> {
        let slots = options.slots.max(1);
        let metrics = Metrics::new()?;
        metrics.up.set(1);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Ok(Self {
            upstream,
            created: now.map_or(0, |age| age.as_secs()),
            slots: Arc::new(Semaphore::new(slots)),
            pace: Pace::default(),
            readers: Arc::new(Semaphore::new(slots.saturating_mul(READERS))),
            known: tokio::sync::watch::Sender::new(Arc::new(Known {
                capabilities,
                problem: None,
            })),
            doubt: Arc::default(),
            vocabulary,
            metrics,
            options: Options { slots, ..options },
        })
    }

    /// What is known of the engine now.
    pub fn known(&self) -> Arc<Known> {
        self.known.borrow().clone()
    }

    /// For who finds all places taken: one comes free after so long.
    fn busy(&self) -> ApiError {
        ApiError::busy(self.pace.wait(1, self.options.slots))
    }

    /// What its answers can prove now.
    pub fn tier(&self) -> TrustTier {
        TrustTier::of(&self.known().capabilities)
    }

    /// Everything that is answered.
    pub fn router(self) -> Router {
        let chat = |state, headers, body| completions(state, headers, body, Endpoint::Chat);
        let plain = |state, headers, body| completions(state, headers, body, Endpoint::Completions);
        let routes = Router::new()
            .route("/v1/chat/completions", post(chat))
            .route("/v1/completions", post(plain))
            .merge(dialects::routes())
            .route("/v1/embeddings", post(no_vectors))
            .route("/v1/models", get(pages::models))
            .route("/v1/models/{*id}", get(pages::model))
            .route("/health", get(pages::health))
            .route("/metrics", get(pages::metrics));
        with_ids(with_fallbacks(routes).with_state(Arc::new(self)))
    }
}

/// An engine is attached for its text.
async fn no_vectors(State(remote): State<Arc<Remote>>, body: Body) -> ApiError {
    remote.metrics.count("refused");
    let model = async {
        let _reading = remote.readers.try_acquire().map_err(|_| ApiError::busy(1))?;
        let asked = EmbeddingsRequest::parse(&read_body(body).await?)?;
        match asked.model == remote.options.model_id {
            true => Ok(asked.model),
            false => Err(ApiError::no_model(&asked.model)),
        }
    };
    model
        .await
        .map_or_else(|error| error, |model| ApiError::no_vectors(&model))
}

async fn completions(
    State(remote): State<Arc<Remote>>,
    headers: HeaderMap,
    body: Body,
    endpoint: Endpoint,
) -> Response {
    let answer = answer::answer(&remote, &headers, body, endpoint).await;
    let mut response = answer.unwrap_or_else(IntoResponse::into_response);
    match response.status() {
        http::StatusCode::TOO_MANY_REQUESTS => remote.metrics.count("busy"),
        http::StatusCode::REQUEST_TIMEOUT => remote.metrics.count("timeout"),
        status if status.is_client_error() => remote.metrics.count("refused"),
        status if status.is_server_error() => remote.metrics.count("failed"),
        _ => {}
    }
    let tier = HeaderValue::from_static(remote.tier().as_str());
    response.headers_mut().insert(TIER_HEADER, tier);
    response
}
