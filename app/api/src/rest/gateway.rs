use std::sync::{Arc, OnceLock};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use prost_reflect::DynamicMessage;
use tonic::Status;

use super::failure::{self, Response};
use super::{RestOptions, Routes, open_api, query, request};
use crate::bodies;
use crate::calls::Calls;
use crate::grpc::{BLOCK_HEIGHT, height_of};
use crate::json;

/// Header of grpc-gateway for a header of gRPC.
const METADATA: &str = "grpc-metadata-";

/// What the SDK's gRPC server calls its content.
const CONTENT_TYPE: &str = "application/grpc+cosmos-sdk-grpc-codec";

/// Turns REST requests into calls.
#[derive(Clone)]
pub(super) struct Gateway {
    calls: Calls,
    routes: Arc<Routes>,
    options: RestOptions,
    document: Arc<OnceLock<Bytes>>,
}

impl Gateway {
    pub(super) fn new(calls: Calls, options: RestOptions) -> Self {
        Self {
            calls,
            routes: Arc::new(Routes::of(quern_proto::pool())),
            options,
            document: Arc::default(),
        }
    }

    /// The OpenAPI document of what is served.
    pub(super) fn document(&self) -> Response {
        let document = self
            .document
            .get_or_init(|| open_api::document(&self.routes, self.calls.served()));
        failure::json(StatusCode::OK, document.clone())
    }

    /// Answers one request, failures too.
    pub(super) async fn handle(self, request: Request<Body>) -> Response {
        self.answer(request)
            .await
            .unwrap_or_else(|status| failure::response(&status))
    }

    async fn answer(&self, request: Request<Body>) -> Result<Response, Status> {
        let (head, body) = request.into_parts();
        let path = query::decode(head.uri.path(), false).map_err(Status::invalid_argument)?;
        let parts: Vec<&str> = path.strip_prefix('/').unwrap_or(&path).split('/').collect();
        let (route, variables) = self
            .routes
            .find(&head.method, &parts)
            .ok_or_else(failure::no_route)?;
        let height = requested_height(&head.headers)?;
        let (most, time) = (self.options.max_body_bytes, self.options.read_timeout);
        let body = bodies::hold(self.calls.places(), body, most, time).await?;
        let search = head.uri.query().unwrap_or_default();
        let data = match request::encode(route, &variables, search, &body.bytes) {
            Ok(data) => data,
            // Of a module that the chain lacks, even a wrong request is answered as any unknown route.
            Err(_) if !self.calls.served().contains(&route.path) => return Err(failure::no_route()),
            Err(status) => return Err(status),
        };
        let answered = self
            .calls
            .answer(&route.path, data, height)
            .await
            .map_err(|status| {
                if status.code() == tonic::Code::Unimplemented {
                    failure::no_route()
                } else {
                    status
                }
            })?;
        let message = DynamicMessage::decode(route.method.output(), answered.value)
            .map_err(|error| Status::internal(format!("the answer does not decode: {error}")))?;
        let mut response = failure::json(StatusCode::OK, json::write(&message)?);
        let headers = response.headers_mut();
        headers.insert(name("content-type"), HeaderValue::from_static(CONTENT_TYPE));
        if let Some(height) = answered.height {
            headers.insert(name(BLOCK_HEIGHT), HeaderValue::from(height));
            headers.insert(BLOCK_HEIGHT, HeaderValue::from(height));
        }
        Ok(response)
    }
}

fn name(header: &str) -> HeaderName {
    HeaderName::from_bytes(format!("{METADATA}{header}").as_bytes())
        .unwrap_or(HeaderName::from_static("grpc-metadata"))
}

/// The height in the SDK's own header, or in grpc-gateway's form of it.
fn requested_height(headers: &HeaderMap) -> Result<u64, Status> {
    let found = headers
        .get(BLOCK_HEIGHT)
        .or_else(|| headers.get(name(BLOCK_HEIGHT)));
    height_of(found.map(HeaderValue::as_bytes))
}
