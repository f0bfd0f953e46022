use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::sync::Semaphore;
use tonic::codegen::{BoxFuture, Service};
use tonic::metadata::{Ascii, MetadataMap, MetadataValue};
use tonic::server::{Grpc, UnaryService};
use tonic::{Request, Response, Status};

use crate::codec::RawCodec;
use crate::server::MAX_REQUEST_BYTES;
use crate::services::Node;
use crate::source::Queries;
use crate::status;

/// Metadata key for the height a query reads, in the request and in the answer.
pub const BLOCK_HEIGHT: &str = "x-cosmos-block-height";

/// Serves any unary method by its path.
#[derive(Clone)]
pub(crate) struct Gateway {
    source: Arc<dyn Queries>,
    node: Arc<Node>,
    /// Bounds the queries that run at a time, and so the threads and memory they take.
    permits: Arc<Semaphore>,
}

impl Gateway {
    pub(crate) fn new(source: Arc<dyn Queries>, node: Node, parallel: usize) -> Self {
        Self {
            source,
            node: Arc::new(node),
            permits: Arc::new(Semaphore::new(parallel)),
        }
    }

    async fn answer(self, path: String, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        let height = requested_height(request.metadata())?;
        let data = request.into_inner();
        if let Some(value) = self.node.answer(&path, &data).await {
            return value.map(Response::new);
        }
        let permit = self
            .permits
            .acquire_owned()
            .await
            .map_err(|_| Status::unavailable("shutting down"))?;
        let source = self.source;
        let (path, answer) = tokio::task::spawn_blocking(move || {
            let answer = source.query(&path, &data, height);
            drop(permit);
            (path, answer)
        })
        .await
        .map_err(|error| Status::internal(format!("the query failed: {error}")))?;
        if answer.code != 0 {
            return Err(status::from_abci(&path, &answer));
        }
        let mut response = Response::new(answer.value);
        response
            .metadata_mut()
            .insert(BLOCK_HEIGHT, MetadataValue::<Ascii>::from(answer.height));
        Ok(response)
    }
}

fn requested_height(metadata: &MetadataMap) -> Result<u64, Status> {
    let Some(value) = metadata.get(BLOCK_HEIGHT) else {
        return Ok(0);
    };
    let height = value.to_str().ok().and_then(|text| text.parse::<i64>().ok());
    let height = height.and_then(|height| u64::try_from(height).ok());
    height.ok_or_else(|| Status::invalid_argument(format!("{BLOCK_HEIGHT} must be a height, 0 or more")))
}

/// One call on its way.
struct Call {
    gateway: Gateway,
    path: String,
}

impl UnaryService<Bytes> for Call {
    type Response = Bytes;
    type Future = BoxFuture<Response<Bytes>, Status>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        Box::pin(
            self.gateway
                .clone()
                .answer(std::mem::take(&mut self.path), request),
        )
    }
}

impl Service<http::Request<axum::body::Body>> for Gateway {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<axum::body::Body>) -> Self::Future {
        let call = Call {
            gateway: self.clone(),
            path: request.uri().path().to_owned(),
        };
        Box::pin(async move {
            let mut grpc = Grpc::new(RawCodec).max_decoding_message_size(MAX_REQUEST_BYTES);
            Ok(grpc.unary(call, request).await)
        })
    }
}
