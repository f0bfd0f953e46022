//! Responses and Messages, for a worker without a chain. One with a chain is spoken to by routers, which translate.

use crate::http::{Services, completions, texts};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::HeaderMap;
use quern_inference_api::dialect::{Dialect, count_tokens, counted};
use quern_inference_api::{ApiError, Endpoint, read_body};
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<Services>> {
    let responses = |state, headers, body| answer(state, headers, body, Dialect::Responses);
    let messages = |state, headers, body| answer(state, headers, body, Dialect::Messages);
    Router::new()
        .route(Dialect::Responses.path(), post(responses))
        .route(Dialect::Messages.path(), post(messages))
        .route("/v1/messages/count_tokens", post(count))
}

async fn answer(
    services: State<Arc<Services>>,
    headers: HeaderMap,
    body: Body,
    dialect: Dialect,
) -> Response {
    let translated = async {
        let body = read_body(body).await?;
        dialect.check_headers(&headers)?;
        dialect.translate(&body)
    };
    match translated.await {
        Ok(translated) => {
            let body = Body::from(translated.body.clone());
            let chat = completions(services, (None, None), headers, body, Endpoint::Chat).await;
            translated.answer(chat).await
        }
        Err(error) => {
            services.metrics.count("refused");
            dialect.error(error)
        }
    }
}

async fn count(services: State<Arc<Services>>, headers: HeaderMap, body: Body) -> Response {
    let translated = async {
        let body = read_body(body).await?;
        Dialect::Messages.check_headers(&headers)?;
        count_tokens(&body)
    };
    match translated.await {
        Ok(translated) => {
            let body = Body::from(translated.body.clone());
            let answer: Result<_, ApiError> = texts::tokenize(services, body).await;
            counted(&translated, answer.into_response()).await
        }
        Err(error) => Dialect::Messages.error(error),
    }
}
