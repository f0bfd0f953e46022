//! Responses and Messages: the chat that asks for the same goes the way of any chat, so that is what is paid and audited.

use crate::http_api::{Service, authorize, completions};
use crate::texts;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use quern_inference_api::dialect::{Dialect, Translation, count_tokens, counted};
use quern_inference_api::{ApiError, Endpoint, read_body};
use std::sync::Arc;

pub(crate) async fn responses(service: State<Arc<Service>>, headers: HeaderMap, body: Body) -> Response {
    answer(service, headers, body, Dialect::Responses).await
}

pub(crate) async fn messages(service: State<Arc<Service>>, headers: HeaderMap, body: Body) -> Response {
    answer(service, headers, body, Dialect::Messages).await
}

/// Tokens of a chat, as the worker counts them.
pub(crate) async fn count(service: State<Arc<Service>>, headers: HeaderMap, body: Body) -> Response {
    match translated(&service, &headers, body, Dialect::Messages, count_tokens).await {
        Ok(translated) => {
            let body = Body::from(translated.body.clone());
            let answer = texts::tokenize(service, headers, body).await;
            counted(&translated, answer).await
        }
        Err(error) => Dialect::Messages.error(error),
    }
}

async fn answer(service: State<Arc<Service>>, headers: HeaderMap, body: Body, dialect: Dialect) -> Response {
    match translated(&service, &headers, body, dialect, |body| dialect.translate(body)).await {
        Ok(translated) => {
            let body = Body::from(translated.body.clone());
            let chat = completions(service, headers, body, Endpoint::Chat).await;
            translated.answer(chat).await
        }
        Err(error) => {
            let status = error.status;
            service
                .metrics
                .requests
                .with_label_values(&[status.as_str()])
                .inc();
            dialect.error(error)
        }
    }
}

/// An error in the shape of the dialect that a path speaks.
pub(crate) fn error(path: &str, error: ApiError) -> Response {
    match path.starts_with(Dialect::Messages.path()) {
        true => Dialect::Messages.error(error),
        false => error.into_response(),
    }
}

/// A stranger's body is not read.
async fn translated(
    service: &Service,
    headers: &HeaderMap,
    body: Body,
    dialect: Dialect,
    translate: impl Fn(&[u8]) -> Result<Translation, ApiError>,
) -> Result<Translation, ApiError> {
    authorize(service, headers)?;
    let body = read_body(body).await?;
    dialect.check_headers(headers)?;
    translate(&body)
}
