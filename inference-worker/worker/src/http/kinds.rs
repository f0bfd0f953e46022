//! What is asked of a model of the other kind: vectors of a decoder, texts of an encoder. The model is at fault, not the path.

use crate::http::Services;
use crate::http::embeddings::Encoding;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::Uri;
use quern_inference_api::dialect::{Dialect, count_tokens};
use quern_inference_api::embeddings::EmbeddingsRequest;
use quern_inference_api::{ApiError, Endpoint, Request, read_body};
use std::sync::Arc;

/// Of a worker of decoders.
pub(super) fn of_decoders() -> Router<Arc<Services>> {
    Router::new().route("/v1/embeddings", post(no_vectors))
}

/// Of a worker of an encoder.
pub(super) fn of_encoders() -> Router<Arc<Encoding>> {
    Router::new()
        .route(Endpoint::Chat.path(), post(no_text))
        .route(Endpoint::Completions.path(), post(no_text))
        .route(Dialect::Responses.path(), post(no_text))
        .route(Dialect::Messages.path(), post(no_text))
        .route("/v1/messages/count_tokens", post(no_text))
}

async fn no_vectors(State(services): State<Arc<Services>>, body: Body) -> ApiError {
    services.metrics.count("refused");
    let model = async {
        let asked = EmbeddingsRequest::parse(&read_body(body).await?)?;
        services.named(Some(&asked.model))?;
        Ok(asked.model)
    };
    model
        .await
        .map_or_else(|error| error, |model| ApiError::no_vectors(&model))
}

async fn no_text(State(encoding): State<Arc<Encoding>>, uri: Uri, body: Body) -> Response {
    encoding.metrics.count("refused");
    let path = uri.path();
    let model = async {
        let body = read_body(body).await?;
        let chat = |body: &[u8]| Request::parse(Endpoint::Chat, body);
        let model = match Dialect::of_path(path) {
            Some(Dialect::Messages) if path != Dialect::Messages.path() => chat(&count_tokens(&body)?.body)?,
            Some(dialect) => chat(&dialect.translate(&body)?.body)?,
            None => Request::parse(Endpoint::of_path(path).unwrap_or(Endpoint::Chat), &body)?,
        };
        let model = model.model;
        match model == encoding.model_id {
            true => Ok(model),
            false => Err(ApiError::no_model(&model)),
        }
    };
    let error = model
        .await
        .map_or_else(|error| error, |model| ApiError::no_text(&model));
    match Dialect::of_path(path) {
        Some(dialect) => dialect.error(error),
        None => error.into_response(),
    }
}
