//! `/tokenize` and `/detokenize`: what a text or a chat costs, without an answer.

use crate::http::{Service, Services, prepare};
use axum::body::Body;
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use quern_engine::tokenizer::Tokenizer;
use quern_inference_api::{ApiError, Endpoint, Request, read_body};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<Services>> {
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

/// A model's way between texts and tokens.
#[derive(Clone, Copy)]
pub(super) struct Texts<'a> {
    pub(super) model_id: &'a str,
    pub(super) context: usize,
    pub(super) tokenizer: &'a Tokenizer,
}

fn read<T: DeserializeOwned>(body: Value) -> Result<T, ApiError> {
    serde_json::from_value(body).map_err(|e| ApiError::body(format!("The body cannot be read: {e}.")))
}

async fn json_of(body: Body) -> Result<Value, ApiError> {
    let body = read_body(body).await?;
    serde_json::from_slice(&body).map_err(|e| ApiError::body(format!("The body cannot be read: {e}.")))
}

impl Texts<'_> {
    fn check(&self, model: Option<String>) -> Result<(), ApiError> {
        match model.filter(|model| model != self.model_id) {
            Some(model) => Err(ApiError::no_model(&model)),
            None => Ok(()),
        }
    }

    fn counted(&self, tokens: &[u32]) -> Value {
        json!({"count": tokens.len(), "max_model_len": self.context, "tokens": tokens})
    }

    pub(super) async fn tokenize(&self, body: Body) -> Result<Json<Value>, ApiError> {
        self.encode(json_of(body).await?)
    }

    fn encode(&self, body: Value) -> Result<Json<Value>, ApiError> {
        let request: Tokenize = read(body)?;
        self.check(request.model)?;
        // A long text takes the tokenizer a while.
        let tokens = tokio::task::block_in_place(|| {
            self.tokenizer.encode(&request.prompt, request.add_special_tokens)
        });
        let tokens = tokens.map_err(|e| ApiError::invalid("prompt", e.to_string()))?;
        Ok(Json(self.counted(&tokens)))
    }

    pub(super) async fn detokenize(&self, body: Body) -> Result<Json<Value>, ApiError> {
        self.decode(json_of(body).await?)
    }

    fn decode(&self, body: Value) -> Result<Json<Value>, ApiError> {
        let request: Detokenize = read(body)?;
        self.check(request.model)?;
        let known = self.tokenizer.tokens();
        if let Some(id) = request.tokens.iter().find(|id| !known.contains(**id)) {
            return Err(ApiError::invalid("tokens", format!("There is no token id {id}.")));
        }
        let text = tokio::task::block_in_place(|| self.tokenizer.decode(&request.tokens));
        let text = text.map_err(|e| ApiError::invalid("tokens", e.to_string()))?;
        Ok(Json(json!({"prompt": text})))
    }
}

fn texts(service: &Service) -> Texts<'_> {
    Texts {
        model_id: &service.model_id,
        context: service.context,
        tokenizer: &service.text.tokenizer,
    }
}

/// The model that a body names.
fn named<'a>(services: &'a Services, body: &Value) -> Result<&'a Service, ApiError> {
    services.named(body.get("model").and_then(Value::as_str))
}

/// A text, or a chat in the shape of `/v1/chat/completions`.
pub(super) async fn tokenize(
    State(services): State<Arc<Services>>,
    body: Body,
) -> Result<Json<Value>, ApiError> {
    let body = json_of(body).await?;
    let service = named(&services, &body)?;
    match body {
        Value::Object(chat) if chat.contains_key("messages") => {
            let tokens = chat_tokens(service, chat)?;
            Ok(Json(texts(service).counted(&tokens)))
        }
        body => texts(service).encode(body),
    }
}

fn chat_tokens(service: &Service, mut chat: Map<String, Value>) -> Result<Vec<u32>, ApiError> {
    chat.entry("model")
        .or_insert_with(|| service.model_id.clone().into());
    let request = Request::parse(Endpoint::Chat, Value::Object(chat).to_string().as_bytes())?;
    texts(service).check(Some(request.model.clone()))?;
    tokio::task::block_in_place(|| prepare::prompt(service, &request))
}

async fn detokenize(State(services): State<Arc<Services>>, body: Body) -> Result<Json<Value>, ApiError> {
    let body = json_of(body).await?;
    texts(named(&services, &body)?).decode(body)
}
