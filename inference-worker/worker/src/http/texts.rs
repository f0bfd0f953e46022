//! `/tokenize` and `/detokenize`: what a text or a chat costs, without an answer.

use crate::http::{Service, Services, prepare};
use axum::body::Body;
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use quern_engine::tokenizer::{Tokenizer, TokenizerError};
use quern_inference_api::tokens::{self, Detokenize, Tokenize};
use quern_inference_api::{ApiError, read_body};
use serde_json::Value;
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<Services>> {
    Router::new()
        .route("/tokenize", post(tokenize))
        .route("/detokenize", post(detokenize))
}

/// A model's way between texts and tokens.
#[derive(Clone, Copy)]
pub(super) struct Texts<'a> {
    pub(super) model_id: &'a str,
    pub(super) context: usize,
    pub(super) tokenizer: &'a Tokenizer,
}

async fn json_of(body: Body) -> Result<Value, ApiError> {
    tokens::json_of(&read_body(body).await?)
}

impl Texts<'_> {
    fn check(&self, model: Option<&str>) -> Result<(), ApiError> {
        match model.filter(|model| *model != self.model_id) {
            Some(model) => Err(ApiError::no_model(model)),
            None => Ok(()),
        }
    }

    fn encode(&self, text: &str, special: bool) -> Result<Vec<u32>, ApiError> {
        // A long text takes the tokenizer a while.
        let most = tokens::most_told(self.context);
        let tokens = tokio::task::block_in_place(|| self.tokenizer.encode_within(text, special, most));
        tokens.map_err(|error| match error {
            TokenizerError::Long(_) => tokens::too_many("prompt", self.context),
            other => ApiError::invalid("prompt", other.to_string()),
        })
    }

    /// The tokens of a text. There are no chats here.
    pub(super) async fn tokenize(&self, body: Body) -> Result<Json<Value>, ApiError> {
        let asked = Tokenize::parse(json_of(body).await?, self.model_id)?;
        self.check(asked.model())?;
        match asked {
            Tokenize::Chat(_) => Err(ApiError::unsupported("messages")),
            Tokenize::Text {
                prompt,
                add_special_tokens,
                ..
            } => {
                let tokens = self.encode(&prompt, add_special_tokens)?;
                Ok(Json(tokens::counted(&tokens, self.context)))
            }
        }
    }

    pub(super) async fn detokenize(&self, body: Body) -> Result<Json<Value>, ApiError> {
        self.decode(json_of(body).await?)
    }

    fn decode(&self, body: Value) -> Result<Json<Value>, ApiError> {
        let asked = Detokenize::parse(body)?;
        self.check(asked.model.as_deref())?;
        let known = self.tokenizer.tokens();
        if let Some(id) = asked.tokens.iter().find(|id| !known.contains(**id)) {
            return Err(ApiError::invalid("tokens", format!("There is no token id {id}.")));
        }
        let text = tokio::task::block_in_place(|| self.tokenizer.decode(&asked.tokens));
        let text = text.map_err(|e| ApiError::invalid("tokens", e.to_string()))?;
        Ok(Json(tokens::text(&text)))
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
    tokens_of(named(&services, &body)?, body)
}

/// The tokens of a body that is for one model.
pub(crate) fn encode(service: &Service, body: &[u8]) -> Result<Json<Value>, ApiError> {
    tokens_of(service, tokens::json_of(body)?)
}

/// The text of the tokens in a body that is for one model.
pub(crate) fn decode(service: &Service, body: &[u8]) -> Result<Json<Value>, ApiError> {
    texts(service).decode(tokens::json_of(body)?)
}

fn tokens_of(service: &Service, body: Value) -> Result<Json<Value>, ApiError> {
    let texts = texts(service);
    let asked = Tokenize::parse(body, &service.model_id)?;
    texts.check(asked.model())?;
    let tokens = match asked {
        Tokenize::Chat(request) => tokio::task::block_in_place(|| {
            let long = |_| tokens::too_many("messages", texts.context);
            prepare::prompt(service, &request, (tokens::most_told(texts.context), &long))
        }),
        Tokenize::Text {
            prompt,
            add_special_tokens,
            ..
        } => texts.encode(&prompt, add_special_tokens),
    };
    Ok(Json(tokens::counted(&tokens?, texts.context)))
}

async fn detokenize(State(services): State<Arc<Services>>, body: Body) -> Result<Json<Value>, ApiError> {
    let body = json_of(body).await?;
    texts(named(&services, &body)?).decode(body)
}
