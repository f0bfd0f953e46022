//! A client of the router.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Reply {
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Chunks of text in a stream.
    pub(super) fn tokens(&self) -> usize {
        self.body.matches("\"text\":\"t \"").count()
    }

    /// Receipt id in a comment of a stream or in a header.
    pub(super) fn receipt(&self) -> Option<String> {
        let header = self.headers.get("quern-receipt");
        let header = header.map(|id| id.to_str().unwrap().to_owned());
        header.or_else(|| {
            let comment = self
                .body
                .lines()
                .find_map(|line| line.strip_prefix(": quern-receipt "));
            comment.map(str::to_owned)
        })
    }

    pub(super) fn code(&self) -> String {
        self.json()["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

pub(super) fn http() -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).build_http()
}

pub(super) async fn send(method: &str, url: String, body: String) -> Reply {
    send_with(method, url, body, &[]).await
}

pub(super) async fn send_with(method: &str, url: String, body: String, headers: &[(&str, &str)]) -> Reply {
    let mut request = http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body))).unwrap();
    let answer = http().request(request).await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    Reply {
        status,
        headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

fn completion(max_tokens: u32, stream: bool) -> String {
    let prompt = "a very secret prompt";
    let body = serde_json::json!({"model": super::MODEL, "prompt": prompt, "max_tokens": max_tokens, "stream": stream});
    body.to_string()
}

/// Asks for a completion.
pub(super) async fn complete(url: &str, max_tokens: u32, stream: bool) -> Reply {
    send(
        "POST",
        format!("{url}/v1/completions"),
        completion(max_tokens, stream),
    )
    .await
}

/// The same with an idempotency key.
pub(super) async fn complete_once(url: &str, key: &str, max_tokens: u32, stream: bool) -> Reply {
    let (url, body) = (format!("{url}/v1/completions"), completion(max_tokens, stream));
    send_with("POST", url, body, &[("idempotency-key", key)]).await
}

/// The same for a client that goes away after the first bytes of a stream.
pub(super) async fn begin_once(url: &str, key: &str, max_tokens: u32) {
    let request = http::Request::post(format!("{url}/v1/completions"))
        .header("idempotency-key", key)
        .body(Full::new(Bytes::from(completion(max_tokens, true))));
    let mut answer = http().request(request.unwrap()).await.unwrap();
    assert!(answer.frame().await.is_some());
}

pub(super) async fn get(url: &str, path: &str) -> Reply {
    send("GET", format!("{url}{path}"), String::new()).await
}
