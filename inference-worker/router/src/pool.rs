//! The workers behind the router: who is well, what they serve, how busy they are.

use crate::affinity::{Affinity, Key};
use anyhow::{Context, bail};
use bytes::Bytes;
use http::{Method, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use quern_inference_api::listing::{Model, ModelList, TIERS};
use quern_inference_api::paid::CACHE_PART_HEADER;
use quern_inference_api::timeout::TIMEOUT_HEADER;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// Largest answer of `/v1/models` that is read.
const MODELS_BODY: usize = 1 << 20;
/// So many requests more than at the least busy worker are too many for a conversation to go back to its own.
const SLACK: usize = 4;
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

/// One worker.
#[derive(Debug)]
pub(crate) struct Worker {
    /// Its place in the list.
    index: usize,
    base: String,
    in_flight: AtomicUsize,
    /// What it serves; none while it does not answer.
    models: RwLock<Option<Vec<Model>>>,
}

/// A request under way at a worker, counted until dropped.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Worker>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Worker {
    fn new(index: usize, url: &str) -> anyhow::Result<Self> {
        let base = url.trim_end_matches('/').to_owned();
        let uri: Uri = base.parse().with_context(|| format!("{url} is not a URL"))?;
        if uri.scheme_str() != Some("http") || uri.host().is_none() || uri.path() != "/" {
            bail!("{url} is not of the form http://HOST:PORT");
        }
        Ok(Self {
            index,
            base,
            in_flight: AtomicUsize::new(0),
            models: RwLock::new(None),
        })
    }

    pub(crate) fn url(&self) -> &str {
        &self.base
    }

    fn models(&self) -> Option<Vec<Model>> {
        self.models.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn serves(&self, model: &str) -> bool {
        let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
        models
            .as_ref()
            .is_some_and(|models| models.iter().any(|m| m.id == model))
    }

    /// Takes the worker out of the choice until the next good probe.
    pub(crate) fn mark_down(&self) {
        *self.models.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(crate) fn begin(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(self.clone())
    }
}

/// All workers and the connections to them.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    workers: Arc<Vec<Arc<Worker>>>,
    /// Counts choices, so that equals take turns.
    turn: Arc<AtomicUsize>,
    affinity: Arc<Affinity>,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Pool {
    pub(crate) fn new(urls: &[String]) -> anyhow::Result<Self> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(Duration::from_secs(2)));
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let workers = urls
            .iter()
            .enumerate()
            .map(|(index, url)| Worker::new(index, url).map(Arc::new))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            workers: Arc::new(workers),
            turn: Arc::default(),
            affinity: Arc::default(),
            client,
        })
    }

    /// Workers that serve a model: the one that served the conversation last unless it is much busier than another, then
    /// the least busy first, equals in turn.
    pub(crate) fn candidates(&self, model: &str, conversation: Option<&Key>) -> Vec<Arc<Worker>> {
        let mut found: Vec<_> = self.workers.iter().filter(|w| w.serves(model)).cloned().collect();
        if !found.is_empty() {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed) % found.len();
            found.rotate_left(turn);
        }
        let busy = |worker: &Arc<Worker>| worker.in_flight.load(Ordering::Relaxed);
        found.sort_by_cached_key(busy);
        let last = conversation.and_then(|key| self.affinity.last(key));
        let own = found.iter().position(|worker| Some(worker.index) == last);
        if let (Some(own), Some(least)) = (own, found.first().map(busy))
            && busy(&found[own]) < least + SLACK
        {
            found[..=own].rotate_right(1);
        }
        found
    }

    /// Remembers who serves a conversation.
    pub(crate) fn serves(&self, conversation: Key, worker: &Worker) {
        self.affinity.note(conversation, worker.index);
    }

    /// How many workers answer, and how many there are.
    pub(crate) fn alive(&self) -> (usize, usize) {
        (
            self.workers.iter().filter(|w| w.models().is_some()).count(),
            self.workers.len(),
        )
    }

    /// What all workers serve together; context, features and trust tier of a model are the least that a worker offers.
    pub(crate) fn models(&self) -> ModelList {
        let mut merged: BTreeMap<String, Model> = BTreeMap::new();
        for model in self.workers.iter().filter_map(|worker| worker.models()).flatten() {
            let entry = merged.entry(model.id.clone()).or_insert_with(|| model.clone());
            entry.context_length = entry.context_length.min(model.context_length);
            entry.listing.join(&model.listing);
        }
        ModelList::new(merged.into_values().collect())
    }

    /// Sends a JSON body to an endpoint of a worker.
    pub(crate) async fn post(
        &self,
        worker: &Worker,
        (path, part): (&str, &str),
        timeout: Option<Duration>,
        body: Bytes,
    ) -> anyhow::Result<http::Response<Incoming>> {
        let request = http::Request::builder()
            .method(Method::POST)
            .uri(format!("{}{path}", worker.base))
            .header(header::CONTENT_TYPE, "application/json")
            .header(CACHE_PART_HEADER, part);
        let request = match timeout {
            Some(left) => request.header(TIMEOUT_HEADER, left.as_secs_f64().to_string()),
            None => request,
        };
        let request = request.body(Full::new(body))?;
        Ok(self.client.request(request).await?)
    }

    /// Asks every worker once what it serves.
    pub(crate) async fn probe_all(&self) {
        for worker in self.workers.iter() {
            let models = tokio::time::timeout(PROBE_TIMEOUT, self.probe(worker)).await;
            let models = models.map_err(anyhow::Error::from).flatten();
            let was_up = worker.models().is_some();
            match &models {
                Ok(_) if !was_up => tracing::info!(worker = worker.base, "worker is up"),
                Err(error) if was_up => tracing::warn!(worker = worker.base, %error, "worker is down"),
                _ => {}
            }
            *worker.models.write().unwrap_or_else(PoisonError::into_inner) = models.ok();
        }
    }

    async fn probe(&self, worker: &Worker) -> anyhow::Result<Vec<Model>> {
        let uri: Uri = format!("{}/v1/models", worker.base).parse()?;
        let response = self.client.get(uri).await?;
        if !response.status().is_success() {
            bail!("status {}", response.status());
        }
        let body = Limited::new(response.into_body(), MODELS_BODY).collect().await;
        let body = body.map_err(|e| anyhow::anyhow!("{e}"))?.to_bytes();
        let mut list: ModelList = serde_json::from_slice(&body)?;
        for model in &mut list.data {
            let strange = |tier: &mut String| !TIERS.contains(&tier.as_str());
            model.listing.trust_tier.take_if(strange);
        }
        Ok(list.data)
    }
}
