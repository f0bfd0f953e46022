//! One request: checked, sent on, answered.

use super::Remote;
use super::chunks::{self, random};
use super::count;
use crate::capabilities::EngineKind;
use crate::dialect;
use crate::error::UpstreamError;
use crate::wire::{Assembly, Delta, RawAnswer, Rules};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue};
use quern_inference_api::logprobs::{self, Token};
use quern_inference_api::pace::Pace;
use quern_inference_api::paid::{CACHE_PART_HEADER, MAX_CACHE_PART};
use quern_inference_api::response::{Choice, FinishReason, Frame};
use quern_inference_api::timeout::timeout;
use quern_inference_api::{ApiError, Endpoint, REQUEST_ID, Request, many, read_body};
use serde_json::{Value, json};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::OwnedSemaphorePermit;

/// One of the engine's places, and for how long it is taken.
pub(super) struct Place {
    pace: Pace,
    since: Instant,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    /// Leaves it, as the answer came to its end or its time was over. Where it just goes, as the engine refused or the client
    /// left, it tells nothing of how long answers take.
    pub(super) fn through(self) {
        self.pace.note(self.since.elapsed());
    }
}

/// The rules of a request, which are the same for all that it is split into: compiled once, by the first that has a place.
type Compiled = OnceLock<Arc<Rules>>;

/// A request on its way.
pub(super) struct Order {
    pub(super) request: Request,
    pub(super) body: Value,
    pub(super) frame: Frame,
    pub(super) number: u64,
    /// What its calls are held to.
    pub(super) rules: Arc<Rules>,
    pub(super) permit: Place,
    /// When its time is over.
    pub(super) deadline: Option<Instant>,
}

/// Answers a request, which is several at an engine that takes one prompt at a time, or one choice.
pub(super) async fn answer(
    remote: &Arc<Remote>,
    headers: &HeaderMap,
    body: Body,
    endpoint: Endpoint,
) -> Result<Response, ApiError> {
    let arrived = Instant::now();
    check_up(remote)?;
    let deadline = timeout(headers)?.and_then(|time| arrived.checked_add(time));
    let (request, bytes) = {
        let _reading = remote.readers.try_acquire().map_err(|_| ApiError::busy(1))?;
        let bytes = read_body(body).await?;
        (Request::parse(endpoint, &bytes)?, bytes)
    };
    let rules = Compiled::new();
    let each_choice = !remote.known().capabilities.choices;
    let Some(bodies) = many::split(&request, &bytes, each_choice) else {
        return single(remote, headers, request, deadline, &rules).await;
    };
    let rules = &rules;
    let answer = |body: Bytes| {
        let answer = async move {
            let answer = async {
                let request = Request::parse(endpoint, &body)?;
                single(remote, headers, request, deadline, rules).await
            };
            answer.await.unwrap_or_else(IntoResponse::into_response)
        };
        Box::pin(answer) as Pin<Box<dyn Future<Output = Response> + Send + '_>>
    };
    let per = if each_choice { 1 } else { request.n as usize };
    let answers = bodies.into_iter().map(answer).collect();
    Ok(many::merge(answers, per, request.stream, remote.options.slots).await)
}

async fn single(
    remote: &Arc<Remote>,
    headers: &HeaderMap,
    request: Request,
    deadline: Option<Instant>,
    rules: &Compiled,
) -> Result<Response, ApiError> {
    let order = Order {
        deadline,
        ..admit(remote, headers, request, rules)?
    };
    let request_id = HeaderValue::from_str(&order.frame.id);
    let mut response = match order.request.stream {
        true => chunks::stream(remote, order).await?,
        false => whole(remote, order).await?,
    };
    if let Ok(id) = request_id {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    Ok(response)
}

/// Refuses early what cannot be answered: there is no queue here, as the engine has one of its own.
fn check_up(remote: &Remote) -> Result<(), ApiError> {
    if let Some(problem) = &remote.known().problem {
        return Err(UpstreamError::Down(problem.clone()).to_api(remote.upstream.config().label()));
    }
    match remote.slots.available_permits() {
        0 => Err(remote.busy()),
        _ => Ok(()),
    }
}

fn admit(
    remote: &Remote,
    headers: &HeaderMap,
    mut request: Request,
    rules: &Compiled,
) -> Result<Order, ApiError> {
    let (known, endpoint) = (remote.known(), request.endpoint);
    if request.model != remote.options.model_id {
        return Err(ApiError::no_model(&request.model));
    }
    dialect::check(&request, &known.capabilities)?;
    part_cache(&mut request, headers, known.capabilities.kind);
    let context = known.capabilities.context;
    if let Some(most) = request.max_tokens.filter(|most| *most >= context) {
        let message =
            format!("'max_tokens' is {most}, but prompt and output share a context of {context} tokens.");
        return Err(ApiError {
            code: Some("context_length_exceeded"),
            ..ApiError::invalid("max_tokens", message)
        });
    }
    let permit = remote
        .slots
        .clone()
        .try_acquire_owned()
        .map_err(|_| remote.busy())?;
    let permit = Place {
        pace: remote.pace.clone(),
        since: Instant::now(),
        _permit: permit,
    };
    // As many at once as there are places.
    let rules = match rules.get() {
        Some(rules) => rules.clone(),
        None => {
            let compiled = Arc::new(Rules::of(&request.tools)?);
            rules.get_or_init(|| compiled).clone()
        }
    };
    let number = random()?;
    let prefix = if endpoint == Endpoint::Chat {
        "chatcmpl"
    } else {
        "cmpl"
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    Ok(Order {
        body: dialect::body(&request, &known.capabilities),
        frame: Frame {
            id: format!("{prefix}-{number:016x}"),
            created: now.map_or(0, |age| age.as_secs()),
            model: request.model.clone(),
            endpoint,
            openrouter: request.reasoning.openrouter,
        },
        request,
        number,
        rules,
        permit,
        deadline: None,
    })
}

/// Parts a request's cached prompt from those of other holders of a router's keys, as the worker's own engine does, where
/// the engine can: how soon a first token comes tells what was cached, and so what others asked.
fn part_cache(request: &mut Request, headers: &HeaderMap, kind: EngineKind) {
    let part = headers.get(CACHE_PART_HEADER).and_then(|part| part.to_str().ok());
    let part = part.filter(|part| part.len() <= MAX_CACHE_PART && kind == EngineKind::Vllm);
    if let Some(part) = part {
        let salt = request.cache_salt.take();
        request.cache_salt = Some(json!([part, salt]).to_string());
    }
}

/// Asks for a whole answer. A client that goes away takes the question with it.
async fn whole(remote: &Remote, order: Order) -> Result<Response, ApiError> {
    let Order {
        request,
        body,
        frame,
        number,
        rules,
        permit,
        deadline,
    } = order;
    let active = remote.metrics.begin();
    let wait = remote.upstream.config().timeouts.whole;
    let answer = remote.upstream.ask(frame.endpoint.path(), &body, wait);
    // The engine says nothing of an answer in one piece before its end.
    let answer = tokio::select! {
        answer = answer => answer,
        () = over(deadline) => {
            permit.through();
            return Err(ApiError::late());
        }
    };
    let assembly = Assembly::new(request.n, number).telling(request.logprobs.is_some());
    let mut assembly = assembly.holding(&rules);
    let read = answer.and_then(RawAnswer::from_value).and_then(|raw| {
        let deltas = assembly.push(raw)?;
        let once = deltas.len() == request.n as usize;
        match assembly.is_over() && once {
            true => Ok(deltas),
            false => Err(UpstreamError::Garbage(
                "a choice is missing, comes twice, or does not say why it ended".into(),
            )),
        }
    });
    match read {
        Ok(_) | Err(UpstreamError::Timeout(_)) => permit.through(),
        Err(_) => drop(permit),
    }
    drop(active);
    let deltas = read.map_err(|error| remote.failed(&error))?;
    let texts = deltas.iter().map(|delta| delta.text.as_str());
    let usage = match assembly.usage() {
        Some(usage) => Some(usage),
        None => count::usage(
            remote.vocabulary.as_deref(),
            &request,
            remote.known().capabilities.context as usize,
            texts,
        ),
    };
    remote.metrics.ended("done", usage);
    Ok(Json(rendered(&frame, &request, deltas, usage)).into_response())
}

/// Waits for the end of a request's time, if it has one.
pub(super) async fn over(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

fn rendered(
    frame: &Frame,
    request: &Request,
    deltas: Vec<Delta>,
    usage: Option<quern_inference_api::response::Usage>,
) -> Value {
    let mut deltas = deltas;
    deltas.sort_by_key(|delta| delta.choice);
    let choices: Vec<Choice> = deltas
        .into_iter()
        .map(|delta| choice(frame.endpoint, request, delta))
        .collect();
    let mut answer = frame.whole(&choices, usage.unwrap_or_default());
    if usage.is_none() {
        answer["usage"] = Value::Null;
    }
    answer
}

fn choice(endpoint: Endpoint, request: &Request, delta: Delta) -> Choice {
    let shown: &[Token] = if request.logprobs.is_some() {
        &delta.tokens
    } else {
        &[]
    };
    Choice {
        logprobs: match shown {
            [] => Value::Null,
            tokens => logprobs::render(endpoint, tokens, &mut 0),
        },
        thought: match request.reasoning.is_hidden() {
            true => String::new(),
            false => delta.reasoning,
        },
        text: delta.text,
        calls: delta.calls,
        finish: delta.finish.unwrap_or(FinishReason::Stop),
    }
}

impl Remote {
    /// What a client is told of a failure, which is also written down.
    pub(super) fn failed(&self, error: &UpstreamError) -> ApiError {
        self.metrics.failed(error);
        if error.is_gone() {
            self.doubt.notify_one();
        }
        let label = self.upstream.config().label();
        match error {
            UpstreamError::Status {
                status: 400 | 413 | 422 | 429,
                ..
            } => {}
            // The engine's words may repeat a prompt.
            _ => tracing::warn!(engine = label, kind = error.kind(), "the engine failed"),
        }
        error.to_api(label)
    }
}
