//! The HTTP interface of a worker that serves a sentence encoder.

use crate::embed::{Queue, Refused};
use crate::http::texts::Texts;
use crate::http::{kinds, request_id};
use crate::metrics::Metrics;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use quern_engine::tokenizer::{Tokenizer, TokenizerError};
use quern_inference_api::embeddings::{
    EmbeddingInput, EmbeddingsRequest, MAX_INPUT_TOKENS, MAX_NUMBERS, embeddings, shortened,
};
use quern_inference_api::listing::{Listing, Model, ModelList};
use quern_inference_api::timeout::timeout;
use quern_inference_api::{ApiError, REQUEST_ID, openapi, read_body, with_fallbacks, with_ids};
use serde_json::{Value, json};
use std::sync::Arc;

/// What the handlers share.
#[derive(Clone, Debug)]
pub(crate) struct Encoding {
    pub(crate) model_id: String,
    pub(crate) created: u64,
    /// Longest input in tokens.
    pub(crate) context: usize,
    /// Length of a vector.
    pub(crate) width: usize,
    /// Whether vectors have length 1.
    pub(crate) unit: bool,
    /// How the weights are stored, in OpenRouter's words.
    pub(crate) precision: Option<&'static str>,
    pub(crate) tokenizer: Arc<Tokenizer>,
    pub(crate) queue: Queue,
    pub(crate) metrics: Metrics,
}

/// Everything that the worker answers.
pub(crate) fn router(encoding: Encoding) -> Router {
    let routes = Router::new()
        .route("/v1/embeddings", post(answer))
        .route("/tokenize", post(tokenize))
        .route("/detokenize", post(detokenize))
        .route("/v1/models", get(models))
        .route("/v1/models/{*id}", get(model))
        .route("/openapi.json", get(page))
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .merge(kinds::of_encoders());
    with_ids(with_fallbacks(routes).with_state(Arc::new(encoding)))
}

fn entry(encoding: &Encoding) -> Model {
    Model {
        id: encoding.model_id.clone(),
        object: "model".into(),
        created: encoding.created,
        owned_by: "quern".into(),
        context_length: encoding.context as u32,
        listing: Listing::encoder().stored(encoding.precision).free(),
    }
}

async fn models(State(encoding): State<Arc<Encoding>>) -> Json<ModelList> {
    Json(ModelList::new(vec![entry(&encoding)]))
}

async fn model(
    State(encoding): State<Arc<Encoding>>,
    Path(id): Path<String>,
) -> Result<Json<Model>, ApiError> {
    match id == encoding.model_id {
        true => Ok(Json(entry(&encoding))),
        false => Err(ApiError::no_model(&id)),
    }
}

async fn page(State(encoding): State<Arc<Encoding>>) -> Json<Value> {
    Json(openapi::encoder(&encoding.model_id))
}

async fn health(State(encoding): State<Arc<Encoding>>) -> Result<Json<Value>, ApiError> {
    match encoding.queue.is_serving() {
        true => Ok(Json(json!({"status": "ok"}))),
        false => Err(ApiError::unavailable("The engine has ended; restart the worker.")),
    }
}

async fn metrics(State(encoding): State<Arc<Encoding>>) -> Result<Response, ApiError> {
    encoding
        .metrics
        .active
        .set(i64::try_from(encoding.queue.requests()).unwrap_or(i64::MAX));
    super::render(encoding.metrics.host())
}

fn texts(encoding: &Encoding) -> Texts<'_> {
    Texts {
        model_id: &encoding.model_id,
        context: encoding.context,
        tokenizer: &encoding.tokenizer,
    }
}

async fn tokenize(State(encoding): State<Arc<Encoding>>, body: Body) -> Result<Json<Value>, ApiError> {
    texts(&encoding).tokenize(body).await
}

async fn detokenize(State(encoding): State<Arc<Encoding>>, body: Body) -> Result<Json<Value>, ApiError> {
    texts(&encoding).detokenize(body).await
}

async fn answer(State(encoding): State<Arc<Encoding>>, headers: http::HeaderMap, body: Body) -> Response {
    let response = in_time(&encoding, &headers, body)
        .await
        .unwrap_or_else(IntoResponse::into_response);
    encoding.metrics.count(match response.status() {
        http::StatusCode::OK => "stop",
        http::StatusCode::TOO_MANY_REQUESTS => "busy",
        http::StatusCode::REQUEST_TIMEOUT => "timeout",
        status if status.is_client_error() => "refused",
        _ => "failed",
    });
    response
}

/// Vectors within the time that a request has; none are computed after it.
async fn in_time(encoding: &Encoding, headers: &http::HeaderMap, body: Body) -> Result<Response, ApiError> {
    let vectors = embed(encoding, body);
    match timeout(headers)? {
        None => vectors.await,
        Some(time) => tokio::time::timeout(time, vectors)
            .await
            .unwrap_or_else(|_| Err(ApiError::late())),
    }
}

async fn embed(encoding: &Encoding, body: Body) -> Result<Response, ApiError> {
    let body = read_body(body).await?;
    let request = EmbeddingsRequest::parse(&body)?;
    if request.model != encoding.model_id {
        return Err(ApiError::no_model(&request.model));
    }
    let dimensions = dimensions(encoding, &request)?;
    let batch = tokio::task::block_in_place(|| tokens(encoding, request.inputs))?;
    let count = batch.iter().map(Vec::len).sum::<usize>();
    let vectors = encoding.queue.submit(batch).map_err(|refused| match refused {
        Refused::Busy => ApiError::busy(encoding.queue.wait()),
        Refused::Stopped => ApiError::unavailable("The worker is shutting down."),
    })?;
    let vectors = vectors
        .await
        .map_err(|_| ApiError::unavailable("The engine dropped the request."))?
        .map_err(|e| ApiError::internal(e.to_string()))?;
    encoding.metrics.prompt_tokens.inc_by(count as u64);
    // Millions of numbers take a while to write.
    let body = tokio::task::block_in_place(|| {
        let short = |vector| shortened(vector, dimensions, encoding.unit);
        let vectors: Vec<Vec<f32>> = vectors.into_iter().map(short).collect();
        embeddings(&encoding.model_id, &vectors, request.encoding, count).to_string()
    });
    let id = request_id("embd")?;
    let headers = [
        (http::header::CONTENT_TYPE, "application/json".to_owned()),
        (REQUEST_ID, id),
    ];
    Ok((headers, body).into_response())
}

fn dimensions(encoding: &Encoding, request: &EmbeddingsRequest) -> Result<usize, ApiError> {
    let wanted = request
        .dimensions
        .map_or(encoding.width, |number| number as usize);
    if wanted > encoding.width {
        let message = format!("'dimensions' must be at most {}, the model's.", encoding.width);
        return Err(ApiError::invalid("dimensions", message));
    }
    if request.inputs.len().saturating_mul(encoding.width) > MAX_NUMBERS {
        let most = MAX_NUMBERS / encoding.width.max(1);
        let message = format!("'input' must hold at most {most} inputs for this model.");
        return Err(ApiError::invalid("input", message));
    }
    Ok(wanted)
}

/// Token ids of every input, within the limits.
fn tokens(encoding: &Encoding, inputs: Vec<EmbeddingInput>) -> Result<Vec<Vec<u32>>, ApiError> {
    let known = encoding.tokenizer.tokens();
    let (mut batch, mut total) = (Vec::with_capacity(inputs.len()), 0usize);
    for (index, input) in inputs.into_iter().enumerate() {
        let long = |has: &str| {
            let message = format!(
                "This model's maximum context length is {} tokens. However, input {index} has {has}; shorten it.",
                encoding.context,
            );
            ApiError {
                code: Some("context_length_exceeded"),
                ..ApiError::invalid("input", message)
            }
        };
        let ids = match input {
            EmbeddingInput::Text(text) => encoding
                .tokenizer
                .encode_within(&text, true, encoding.context)
                .map_err(|error| match error {
                    TokenizerError::Long(least) => long(&format!("at least {least}")),
                    other => ApiError::invalid("input", other.to_string()),
                })?,
            EmbeddingInput::Tokens(ids) => match ids.iter().find(|id| !known.contains(**id)) {
                Some(id) => return Err(ApiError::invalid("input", format!("There is no token id {id}."))),
                None => ids,
            },
        };
        if ids.is_empty() {
            return Err(ApiError::invalid(
                "input",
                format!("Input {index} holds no tokens."),
            ));
        }
        if ids.len() > encoding.context {
            return Err(long(&ids.len().to_string()));
        }
        total = total.saturating_add(ids.len());
        if total > MAX_INPUT_TOKENS {
            let message =
                format!("The inputs of a request may have {MAX_INPUT_TOKENS} tokens together; send fewer.");
            return Err(ApiError {
                code: Some("max_tokens_per_request"),
                ..ApiError::invalid("input", message)
            });
        }
        batch.push(ids);
    }
    Ok(batch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embed::Embed;
    use crate::model::tests::packaged_model;
    use quern_engine::EngineError;
    use std::time::Duration;

    struct Slow;

    impl Embed for Slow {
        fn embed(&mut self, batch: &[Vec<u32>]) -> Result<Vec<Vec<f32>>, EngineError> {
            std::thread::sleep(Duration::from_millis(300));
            Ok(vec![vec![1.0]; batch.len()])
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_request_for_vectors_ends_when_its_own_time_is_over() {
        let (queue, serving) = Queue::new(4);
        std::thread::spawn(move || serving.run(&mut Slow));
        let encoding = Arc::new(Encoding {
            model_id: "m".into(),
            created: 0,
            context: 64,
            width: 1,
            unit: false,
            precision: None,
            tokenizer: Arc::new(Tokenizer::load(&packaged_model()).unwrap()),
            queue,
            metrics: Metrics::alone("m").unwrap(),
        });
        for (time, status) in [
            (None, 200),
            (Some("30"), 200),
            (Some("0.05"), 408),
            (Some("soon"), 400),
        ] {
            let mut headers = http::HeaderMap::new();
            if let Some(time) = time {
                headers.insert("x-request-timeout", time.parse().unwrap());
            }
            let body = Body::from(r#"{"model": "m", "input": "a"}"#);
            let response = answer(State(encoding.clone()), headers, body).await;
            assert_eq!(response.status().as_u16(), status, "{time:?}");
        }
        assert_eq!(encoding.metrics.requests.with_label_values(&["timeout"]).get(), 1);
    }
}
