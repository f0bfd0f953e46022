//! A server that streams words: the first at once, the rest at a model's pace, or all at once below `/flood`.

use crate::Failure;
use axum::body::Body;
use axum::response::Response;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use bytes::Bytes;
use http::{HeaderValue, header};
use http_body::Frame;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// The model's id.
pub(crate) const MODEL: &str = "double";
/// What every chunk says; nothing else in an answer does.
pub(crate) const WORD: &str = "behold";
/// Between two words.
pub(crate) const PACE: Duration = Duration::from_millis(20);

/// An answer of so many words, and its end.
struct Answer {
    words: u64,
    sent: u64,
    pace: Option<Pin<Box<Sleep>>>,
}

fn chunk(delta: &Value, finish: Option<&str>) -> String {
    let chunk = json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    });
    format!("data: {chunk}\n\n")
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.sent > self.words {
            return Poll::Ready(None);
        }
        let text = if self.sent == self.words {
            chunk(&json!({}), Some("length")) + "data: [DONE]\n\n"
        } else {
            if let (1.., Some(pace)) = (self.sent, &mut self.pace) {
                ready!(pace.as_mut().poll(context));
                pace.as_mut().reset(Instant::now() + PACE);
            }
            chunk(&json!({"role": "assistant", "content": WORD}), None)
        };
        self.sent += 1;
        Poll::Ready(Some(Ok(Frame::data(text.into()))))
    }
}

fn answer(body: &Value, paced: bool) -> Response {
    let words = body["max_tokens"]
        .as_u64()
        .or(body["max_completion_tokens"].as_u64());
    let mut response = Response::new(Body::new(Answer {
        words: words.unwrap_or(1).max(1),
        sent: 0,
        pace: paced.then(|| Box::pin(tokio::time::sleep(PACE))),
    }));
    let kind = HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// Serves until the process ends.
pub(crate) fn serve() -> Result<(), Failure> {
    let entry =
        json!({"id": MODEL, "object": "model", "created": 1, "owned_by": "bench", "context_length": 4096});
    let list = json!({"object": "list", "data": [entry]});
    let router = Router::new()
        .route("/v1/models", get(move || async move { Json(list) }))
        .route(
            "/v1/chat/completions",
            post(|Json(body): Json<Value>| async move { answer(&body, true) }),
        )
        .route(
            "/flood/v1/chat/completions",
            post(|Json(body): Json<Value>| async move { answer(&body, false) }),
        );
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("listening on http://{}", listener.local_addr()?);
        let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
        axum::serve(listener, router).await?;
        Ok(())
    })
}
