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
    let request = http::Request::builder()
        .method(method)
        .uri(url)
        .body(Full::new(Bytes::from(body)))
        .unwrap();
    let answer = http().request(request).await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    Reply {
        status,
        headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

/// Asks for a completion.
pub(super) async fn complete(url: &str, max_tokens: u32, stream: bool) -> Reply {
    let body = serde_json::json!({"model": super::MODEL, "prompt": "a very secret prompt", "max_tokens": max_tokens,
                                  "stream": stream});
    send("POST", format!("{url}/v1/completions"), body.to_string()).await
}

pub(super) async fn get(url: &str, path: &str) -> Reply {
    send("GET", format!("{url}{path}"), String::new()).await
}
