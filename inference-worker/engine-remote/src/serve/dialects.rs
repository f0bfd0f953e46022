//! Responses and Messages as the chat that asks for the same, and tokens by the tokenizer at hand: none of them needs an engine
//! that knows more than chats.

use super::{Remote, completions, count};
use crate::tokens::Vocabulary;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use http::HeaderMap;
use quern_engine::tokenizer::TokenizerError;
use quern_inference_api::dialect::{Dialect, count_tokens, counted};
use quern_inference_api::tokens::{self, Detokenize, Tokenize};
use quern_inference_api::{ApiError, Endpoint, read_body};
use serde_json::Value;
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<Remote>> {
    let responses = |state, headers, body| answer(state, headers, body, Dialect::Responses);
    let messages = |state, headers, body| answer(state, headers, body, Dialect::Messages);
    Router::new()
        .route(Dialect::Responses.path(), post(responses))
        .route(Dialect::Messages.path(), post(messages))
        .route("/v1/messages/count_tokens", post(count_messages))
        .route("/tokenize", post(tokenize))
        .route("/detokenize", post(detokenize))
}

/// Reads a body, if not too many are being read.
async fn read(remote: &Remote, body: Body) -> Result<axum::body::Bytes, ApiError> {
    let _reading = remote.readers.try_acquire().map_err(|_| ApiError::busy(1))?;
    read_body(body).await
}

async fn answer(remote: State<Arc<Remote>>, headers: HeaderMap, body: Body, dialect: Dialect) -> Response {
    let translated = async {
        let body = read(&remote, body).await?;
        dialect.check_headers(&headers)?;
        dialect.translate(&body)
    };
    match translated.await {
        Ok(translated) => {
            let body = Body::from(translated.body.clone());
            let chat = completions(remote, headers, body, Endpoint::Chat).await;
            translated.answer(chat).await
        }
        Err(error) => {
            remote.metrics.count("refused");
            dialect.error(error)
        }
    }
}

async fn count_messages(State(remote): State<Arc<Remote>>, headers: HeaderMap, body: Body) -> Response {
    let translated = async {
        let body = read(&remote, body).await?;
        Dialect::Messages.check_headers(&headers)?;
        count_tokens(&body)
    };
    match translated.await {
        Ok(translated) => {
            let answer = encode(&remote, &translated.body);
            counted(&translated, answer.into_response()).await
        }
        Err(error) => Dialect::Messages.error(error),
    }
}

async fn tokenize(State(remote): State<Arc<Remote>>, body: Body) -> Result<Json<Value>, ApiError> {
    let body = read(&remote, body).await?;
    encode(&remote, &body)
}

fn vocabulary(remote: &Remote) -> Result<&Vocabulary, ApiError> {
    let missing = "No tokens are known of this engine's model: the worker was attached without --tokenizer.";
    remote
        .vocabulary
        .as_deref()
        .ok_or_else(|| ApiError::not_found(missing))
}

fn check(remote: &Remote, model: Option<&str>) -> Result<(), ApiError> {
    match model.filter(|model| *model != remote.options.model_id) {
        Some(model) => Err(ApiError::no_model(model)),
        None => Ok(()),
    }
}

fn encode(remote: &Remote, body: &[u8]) -> Result<Json<Value>, ApiError> {
    let vocabulary = vocabulary(remote)?;
    let asked = Tokenize::parse(tokens::json_of(body)?, &remote.options.model_id)?;
    check(remote, asked.model())?;
    let context = remote.known().capabilities.context as usize;
    // A long text takes the tokenizer a while.
    let tokens = tokio::task::block_in_place(|| match &asked {
        Tokenize::Chat(request) => count::prompt(vocabulary, request, context),
        Tokenize::Text {
            prompt,
            add_special_tokens,
            ..
        } => {
            let most = tokens::most_told(context);
            let tokens = vocabulary
                .tokenizer
                .encode_within(prompt, *add_special_tokens, most);
            tokens.map_err(|error| match error {
                TokenizerError::Long(_) => tokens::too_many("prompt", context),
                other => ApiError::invalid("prompt", other.to_string()),
            })
        }
    });
    Ok(Json(tokens::counted(&tokens?, context)))
}

async fn detokenize(State(remote): State<Arc<Remote>>, body: Body) -> Result<Json<Value>, ApiError> {
    let vocabulary = vocabulary(&remote)?;
    let asked = Detokenize::parse(tokens::json_of(&read(&remote, body).await?)?)?;
    check(&remote, asked.model.as_deref())?;
    let known = vocabulary.tokenizer.tokens();
    if let Some(id) = asked.tokens.iter().find(|id| !known.contains(**id)) {
        return Err(ApiError::invalid("tokens", format!("There is no token id {id}.")));
    }
    let text = tokio::task::block_in_place(|| vocabulary.tokenizer.decode(&asked.tokens));
    let text = text.map_err(|e| ApiError::invalid("tokens", e.to_string()))?;
    Ok(Json(tokens::text(&text)))
}
