use std::convert::Infallible;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tonic::codegen::{BoxFuture, Service};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::server::{Grpc, UnaryService};
use tonic::{Request, Response, Status};

use super::codec::RawCodec;
use crate::bodies;
use crate::calls::Calls;
use crate::server::MAX_REQUEST_BYTES;

/// Metadata key for the height a query reads, in the request and in the answer.
pub const BLOCK_HEIGHT: &str = "x-cosmos-block-height";

/// Longest time that a request may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(10);

/// Bytes before a message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// Serves any unary method by its path.
#[derive(Clone)]
pub(crate) struct Unary {
    calls: Calls,
}

impl Unary {
    pub(crate) const fn new(calls: Calls) -> Self {
        Self { calls }
    }
}

/// The height that a header asks for; 0, the latest, without one.
pub(crate) fn height_of(text: Option<&[u8]>) -> Result<u64, Status> {
    let Some(text) = text else {
        return Ok(0);
    };
    let height = std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse::<i64>().ok());
    let height = height.and_then(|height| u64::try_from(height).ok());
    height.ok_or_else(|| Status::invalid_argument(format!("{BLOCK_HEIGHT} must be a height, 0 or more")))
}

/// One call on its way.
struct Call {
    calls: Calls,
    path: String,
}

impl UnaryService<Bytes> for Call {
    type Response = Bytes;
    type Future = BoxFuture<Response<Bytes>, Status>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let (calls, path) = (self.calls.clone(), std::mem::take(&mut self.path));
        Box::pin(async move {
            let height = height_of(request.metadata().get(BLOCK_HEIGHT).map(|value| value.as_bytes()))?;
            let answered = calls.answer(&path, request.into_inner(), height).await?;
            let mut response = Response::new(answered.value);
            if let Some(height) = answered.height {
                let height = MetadataValue::<Ascii>::from(height);
                response.metadata_mut().insert(BLOCK_HEIGHT, height);
            }
            Ok(response)
        })
    }
}

impl Service<http::Request<axum::body::Body>> for Unary {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<axum::body::Body>) -> Self::Future {
        let call = Call {
            calls: self.calls.clone(),
            path: request.uri().path().to_owned(),
        };
        let (head, body) = request.into_parts();
        Box::pin(async move {
            let most = MAX_REQUEST_BYTES + PREFIX;
            let held = match bodies::hold(call.calls.places(), body, most, ARRIVAL).await {
                Ok(held) => held,
                Err(status) => return Ok(status.into_http()),
            };
            let request = http::Request::from_parts(head, axum::body::Body::from(held.bytes.clone()));
            let mut grpc = Grpc::new(RawCodec).max_decoding_message_size(MAX_REQUEST_BYTES);
            Ok(grpc.unary(call, request).await)
        })
    }
}
