//! What a client hears of a request that no handler sees: its head is longer than any may be, or is none of HTTP's.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::IntoResponse;
use http::{HeaderValue, StatusCode, Uri, header};
use http_body_util::BodyExt;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower_service::Service;

/// Bytes that are read and thrown away behind the refusal, so that its reader does not lose it with the connection.
const DRAIN: usize = 4 << 20;
/// Bytes of a head's line that are looked at.
const LOOKED_AT: usize = 512;

/// What is known of a request by what has come of its head.
#[derive(Debug, Default)]
pub(crate) struct Head {
    line: Vec<u8>,
    path: Option<Uri>,
    origin: Option<HeaderValue>,
    ended: bool,
}

impl Head {
    /// Notes further bytes of it.
    pub(crate) fn hear(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                _ if self.ended => return,
                b'\n' => self.end_line(),
                byte if self.line.len() < LOOKED_AT => self.line.push(*byte),
                _ => {}
            }
        }
    }

    fn end_line(&mut self) {
        let line = self.line.trim_ascii_end();
        match self.path {
            None if line.is_empty() => {}
            None => self.path = Some(path_of(line)),
            Some(_) if line.is_empty() => self.ended = true,
            Some(_) => self.origin = origin_of(line).or(self.origin.take()),
        }
        self.line.clear();
    }

    /// What the answer is asked for with: the path, the origin, and why it is refused.
    fn asked(&self, status: StatusCode) -> Request {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = self.path.clone().unwrap_or_else(|| path_of(&self.line));
        let origin = self.origin.clone().map(|origin| (header::ORIGIN, origin));
        request.headers_mut().extend(origin);
        request.extensions_mut().insert((status, reason(status)));
        request
    }
}

/// The path of a request's first line, as far as it is there; the root where it is none.
fn path_of(line: &[u8]) -> Uri {
    let address = line.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    let path = address.split(|byte| *byte == b'?').next().unwrap_or_default();
    let path = std::str::from_utf8(path)
        .ok()
        .filter(|path| path.starts_with('/'));
    path.and_then(|path| path.parse().ok()).unwrap_or_default()
}

/// The value of a header, if it is the one that names the origin.
fn origin_of(line: &[u8]) -> Option<HeaderValue> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = line.split_at(colon);
    let value = name.eq_ignore_ascii_case(b"origin").then(|| value.get(1..))?;
    HeaderValue::from_bytes(value?.trim_ascii()).ok()
}

fn reason(status: StatusCode) -> &'static str {
    match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            "The head of the request is longer than 65536 bytes, or has more than 100 headers."
        }
        StatusCode::URI_TOO_LONG => "The address of the request is longer than 65534 bytes.",
        _ => "The request cannot be read: it is none of HTTP/1.1.",
    }
}

/// The status of an answer that the server makes by itself, by the first bytes of it.
pub(crate) fn status_of(answer: &[u8]) -> Option<StatusCode> {
    let code = answer.strip_prefix(b"HTTP/1.")?.get(2..5)?;
    let status = StatusCode::from_bytes(code).ok()?;
    status.is_client_error().then_some(status)
}

/// The whole answer, as it is written.
async fn words(status: StatusCode, request: Request, answers: Option<Router>) -> Vec<u8> {
    let answer = match answers {
        Some(mut answers) => match answers.call(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        },
        None => status.into_response(),
    };
    let (mut parts, body) = answer.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes());
    let body = body.unwrap_or_default();
    let headers = &mut parts.headers;
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    let mut words = format!("HTTP/1.1 {}\r\n", parts.status).into_bytes();
    for (name, value) in headers.iter() {
        words.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    words.extend(b"\r\n");
    words.extend(body);
    words
}

/// The refusal, and how far it is.
pub(crate) struct Refusal {
    /// Until it is known what to write.
    asked: Option<Pin<Box<dyn Future<Output = Vec<u8>> + Send>>>,
    words: Vec<u8>,
    /// Bytes of them that are written.
    written: usize,
    /// Whether nothing more is written.
    ended: bool,
    drained: usize,
}

impl fmt::Debug for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Refusal")
            .field("written", &self.written)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

impl Refusal {
    /// Refuses what this head begins, in the words of a router that gives such answers, or else in none.
    pub(crate) fn new(status: StatusCode, head: &Head, answers: Option<&Router>) -> Self {
        Self {
            asked: Some(Box::pin(words(status, head.asked(status), answers.cloned()))),
            words: Vec::new(),
            written: 0,
            ended: false,
            drained: 0,
        }
    }

    /// Writes it.
    pub(crate) fn poll_written<S: AsyncWrite>(
        &mut self,
        mut stream: Pin<&mut S>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(asked) = &mut self.asked {
            self.words = ready!(asked.as_mut().poll(context));
            self.asked = None;
        }
        while let Some(rest) = self.words.get(self.written..).filter(|rest| !rest.is_empty()) {
            let written = ready!(stream.as_mut().poll_write(context, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written = self.written.saturating_add(written);
        }
        stream.poll_flush(context)
    }

    /// Writes it, ends the writing side, and reads on until the client ends its own or has sent far too much.
    pub(crate) fn poll_ended<S: AsyncRead + AsyncWrite>(
        &mut self,
        mut stream: Pin<&mut S>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ended {
            ready!(self.poll_written(stream.as_mut(), context))?;
            ready!(stream.as_mut().poll_shutdown(context))?;
            self.ended = true;
        }
        let mut bytes = [0; 4_096];
        while self.drained < DRAIN {
            let mut buffer = ReadBuf::new(&mut bytes);
            ready!(stream.as_mut().poll_read(context, &mut buffer))?;
            match buffer.filled().len() {
                0 => break,
                read => self.drained = self.drained.saturating_add(read),
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connections::MAX_HEAD;

    #[test]
    fn what_has_come_of_a_head_tells_its_path_and_origin() {
        for (bytes, path, origin) in [
            ("", "/", None),
            (
                "GET /v1/messages?x=1 HTTP/1.1\r\nHost: x\r\n",
                "/v1/messages",
                None,
            ),
            ("\r\nGET /a HT", "/a", None),
            (
                "GET /a HTTP/1.1\nORIGIN:  https://a.b \nX: y",
                "/a",
                Some("https://a.b"),
            ),
            ("GET /a HTTP/1.1\r\nX-Origin: c\r\nX: origin: d\r\n", "/a", None),
            ("GET /a HTTP/1.1\r\n\r\nOrigin: of a body\r\n", "/a", None),
            ("rubbish\r\n", "/", None),
            ("GET http://other/ HTTP/1.1\r\n", "/", None),
        ] {
            let mut head = Head::default();
            bytes.bytes().for_each(|byte| head.hear(&[byte]));
            let asked = head.asked(StatusCode::BAD_REQUEST);
            assert_eq!(asked.uri(), path, "{bytes:?}");
            let told = asked.headers().get(header::ORIGIN);
            assert_eq!(told.map(|value| value.to_str().unwrap()), origin, "{bytes:?}");
        }
        let mut long = Head::default();
        long.hear(format!("GET /{} HTTP/1.1\r\n", "x".repeat(1 << 20)).as_bytes());
        assert!(long.asked(StatusCode::BAD_REQUEST).uri().path().len() <= LOOKED_AT);
    }

    #[test]
    fn the_reason_names_the_bound_and_only_refusals_are_known_as_such() {
        let reason = reason(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        assert!(reason.contains(&format!("{MAX_HEAD} bytes")), "{reason}");
        let known = |answer: &[u8]| status_of(answer).map(|status| status.as_u16());
        assert_eq!(known(b"HTTP/1.1 431 Request Header"), Some(431));
        assert_eq!(known(b"HTTP/1.0 400 Bad Request"), Some(400));
        assert_eq!(known(b"HTTP/1.1 200 OK"), None);
        assert_eq!(known(b"HTTP/1.1 4"), None);
        assert_eq!(known(b"data: x"), None);
    }
}
