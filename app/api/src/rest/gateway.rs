use std::sync::{Arc, OnceLock};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use prost_reflect::DynamicMessage;
use tonic::{Code, Status};

use super::failure::{self, Response};
use super::routes::Route;
use super::{RestOptions, Routes, open_api, query, request};
use crate::bodies::{self, Held};
use crate::calls::Calls;
use crate::grpc::{BLOCK_HEIGHT, height_of};
use crate::json;

/// Header of grpc-gateway for a header of gRPC.
const METADATA: &str = "grpc-metadata-";

/// What the SDK's gRPC server calls its content.
const CONTENT_TYPE: &str = "application/grpc+cosmos-sdk-grpc-codec";

/// Bytes of a body that is read at once. A longer one waits for a place as a query does, and is read beside the threads
/// that serve connections.
const SHORT_BODY: usize = 16 * 1024;

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
    pub(super) async fn document(&self) -> Response {
        self.calls.find_served().await;
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
        let body = Arc::new(bodies::hold(self.calls.places(), body, most, time).await?);
        let search = head.uri.query().unwrap_or_default();
        let data = match self.encode(route, variables, search, &body).await? {
            Ok(data) => data,
            Err(status) => {
                // Of a module that the chain lacks, even a wrong request is answered as any unknown route.
                self.calls.find_served().await;
                let served = self.calls.served().contains(&route.path);
                return Err(if served { status } else { failure::no_route() });
            }
        };
        let answered = self
            .calls
            .answer(&route.path, data, height)
            .await
            .map_err(refusal)?;
        let message = DynamicMessage::decode(route.method.output(), answered.value)
            .map_err(|error| Status::internal(format!("the answer does not decode: {error}")))?;
        // What has no JSON is what somebody sent, such as a contract's bytes: no failure of the node.
        let text = json::write(&message).map_err(|status| Status::unknown(status.message()))?;
        let mut response = failure::json(StatusCode::OK, text);
        let headers = response.headers_mut();
        headers.insert(name("content-type"), HeaderValue::from_static(CONTENT_TYPE));
        if let Some(height) = answered.height {
            headers.insert(name(BLOCK_HEIGHT), HeaderValue::from(height));
            headers.insert(BLOCK_HEIGHT, HeaderValue::from(height));
        }
        Ok(response)
    }

    /// The request message, or why there is none; fails where there is no place to read a long body.
    async fn encode(
        &self,
        route: &Route,
        variables: Vec<(&str, String)>,
        search: &str,
        body: &Arc<Held>,
    ) -> Result<Result<Bytes, Status>, Status> {
        if body.bytes.len() <= SHORT_BODY {
            return Ok(request::encode(route, &variables, search, &body.bytes));
        }
        let variables = variables.into_iter();
        let variables: Vec<(String, String)> =
            variables.map(|(name, value)| (name.to_owned(), value)).collect();
        let (route, search, body) = (route.clone(), search.to_owned(), Arc::clone(body));
        let path = route.path.clone();
        let long = self.calls.places().enter_long().await?;
        let work = move || {
            let encoded = request::encode(&route, &variables, &search, &body.bytes);
            drop(long);
            encoded
        };
        self.calls.run(&path, work).await
    }
}

/// A failure as REST tells it. x/feegrant calls an allowance that is not there an internal error, as in the SDK, of which
/// a proxy would think that the node is broken.
fn refusal(status: Status) -> Status {
    match status.code() {
        Code::Unimplemented => failure::no_route(),
        Code::Internal if status.message().ends_with(": not found") => Status::not_found(status.message()),
        _ => status,
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
