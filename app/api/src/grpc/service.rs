use std::convert::Infallible;
use std::num::{IntErrorKind, ParseIntError};
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

/// The height that a header asks for; 0, the latest, without one. What is none is refused in the SDK's words.
pub(crate) fn height_of(text: Option<&[u8]>) -> Result<u64, Status> {
    let Some(text) = text else {
        return Ok(0);
    };
    let wrong =
        |why: String| Status::invalid_argument(format!("codespace sdk code 18: invalid request: {why}"));
    let text = String::from_utf8_lossy(text);
    let height: i64 = text.parse().map_err(|error: ParseIntError| {
        let why = match error.kind() {
            IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        wrong(format!(
            "Baseapp.RegisterGRPCServer: invalid height header \"{BLOCK_HEIGHT}\": strconv.ParseInt: parsing {text:?}: {why}"
        ))
    })?;
    u64::try_from(height)
        .map_err(|_| wrong("cannot query with height < 0; please provide a valid height".to_owned()))
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

#[cfg(test)]
mod tests {
    use super::height_of;

    #[test]
    fn what_is_no_height_is_refused_in_the_sdks_words() {
        assert_eq!(height_of(None).unwrap(), 0);
        assert_eq!(height_of(Some(b"12")).unwrap(), 12);
        for (text, why) in [
            ("abc", "parsing \"abc\": invalid syntax"),
            ("", "parsing \"\": invalid syntax"),
            (
                "18446744073709551616",
                "parsing \"18446744073709551616\": value out of range",
            ),
            (
                "-1",
                "cannot query with height < 0; please provide a valid height",
            ),
        ] {
            let status = height_of(Some(text.as_bytes())).unwrap_err();
            assert_eq!(status.code(), tonic::Code::InvalidArgument);
            assert!(status.message().ends_with(why), "{}", status.message());
        }
    }
}
