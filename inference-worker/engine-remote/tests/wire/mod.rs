//! A double of the wire: a server that sends what a test says, byte by byte. No model stands behind it.
#![allow(dead_code, reason = "each test file uses its part")]

pub mod friendly;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use quern_engine_remote::capabilities::{Capabilities, EngineKind};
use quern_engine_remote::serve::{Options, Remote};
use quern_engine_remote::tokens::Vocabulary;
use quern_engine_remote::{RemoteConfig, Timeouts, TokenIds, Upstream};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a double does with a connection, one after the other; then it closes it.
#[derive(Clone, Debug)]
pub enum Act {
    Send(Vec<u8>),
    Wait(Duration),
    /// Holds the connection until the other side closes it.
    Hang,
    /// Sends the same again and again until the other side closes.
    Flood(Vec<u8>),
}

/// What is asked of a double.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    pub head: String,
    pub body: Value,
}

type Script = dyn Fn(&Asked) -> Vec<Act> + Send + Sync;

/// A server of scripts.
pub struct Double {
    pub address: SocketAddr,
    /// Connections that the other side closed before the script was through.
    pub dropped: Arc<AtomicUsize>,
    /// Requests so far.
    pub asked: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Double {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Double {
    pub async fn start(script: impl Fn(&Asked) -> Vec<Act> + Send + Sync + 'static) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), script).await
    }

    pub async fn start_at(
        at: SocketAddr,
        script: impl Fn(&Asked) -> Vec<Act> + Send + Sync + 'static,
    ) -> Self {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(at).unwrap();
        let listener: TcpListener = socket.listen(64).unwrap();
        let address = listener.local_addr().unwrap();
        let (dropped, asked) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let script: Arc<Script> = Arc::new(script);
        let counts = (dropped.clone(), asked.clone());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(play(stream, script.clone(), counts.0.clone(), counts.1.clone()));
            }
        });
        Self {
            address,
            dropped,
            asked,
            task,
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn play(
    mut stream: TcpStream,
    script: Arc<Script>,
    dropped: Arc<AtomicUsize>,
    asked: Arc<AtomicUsize>,
) -> Option<()> {
    let mut data = Vec::new();
    let (head, length) = loop {
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).await.ok().filter(|read| *read > 0)?;
        data.extend_from_slice(&piece[..read]);
        let Some(end) = data.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&data[..end]).into_owned();
        let lower = head.to_lowercase();
        let length = lower
            .split("content-length: ")
            .nth(1)
            .and_then(|rest| rest.lines().next()?.parse().ok());
        let length: usize = length.unwrap_or(0);
        if data.len() >= end + 4 + length {
            break (head, end + 4);
        }
    };
    asked.fetch_add(1, Ordering::SeqCst);
    let path = head.split(' ').nth(1)?.to_owned();
    let body = serde_json::from_slice(&data[length..]).unwrap_or_default();
    for act in script(&Asked { path, head, body }) {
        let gone = match act {
            Act::Send(bytes) => stream.write_all(&bytes).await.is_err(),
            Act::Wait(pause) => {
                tokio::time::sleep(pause).await;
                false
            }
            Act::Hang => {
                let _ = stream.read(&mut [0; 64]).await;
                true
            }
            Act::Flood(bytes) => {
                while stream.write_all(&bytes).await.is_ok() {}
                true
            }
        };
        if gone {
            dropped.fetch_add(1, Ordering::SeqCst);
            return None;
        }
    }
    stream.shutdown().await.ok()
}

/// A whole answer with a length.
pub fn page(status: u16, body: &str) -> Vec<Act> {
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    vec![Act::Send(format!("{head}{body}").into_bytes())]
}

pub fn head() -> Act {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    Act::Send(head.as_bytes().to_vec())
}

/// One piece of a body in chunks.
pub fn piece(data: impl AsRef<[u8]>) -> Act {
    let data = data.as_ref();
    let mut all = format!("{:x}\r\n", data.len()).into_bytes();
    all.extend_from_slice(data);
    all.extend_from_slice(b"\r\n");
    Act::Send(all)
}

pub fn event(value: &Value) -> Act {
    piece(format!("data: {value}\n\n"))
}

/// The end of a body in chunks.
pub fn end() -> Act {
    Act::Send(b"0\r\n\r\n".to_vec())
}

pub fn text_chunk(text: &str, finish: Option<&str>) -> Value {
    json!({"id": "x", "object": "text_completion",
           "choices": [{"index": 0, "text": text, "finish_reason": finish}]})
}

/// What a full engine can do, for tests of what comes after the probe.
pub fn able() -> Capabilities {
    Capabilities {
        kind: EngineKind::Vllm,
        version: None,
        model: "double".into(),
        models: vec!["double".into()],
        context: 4096,
        chat: true,
        completions: true,
        streaming: true,
        usage: true,
        stream_usage: true,
        logprobs: true,
        top_logprobs: 5,
        token_ids: TokenIds::Native,
        token_prompts: true,
        counted_here: false,
        seed: true,
        stop: true,
        choices: true,
        top_k: true,
        min_p: true,
        logit_bias: true,
        tools: true,
        json_object: true,
        json_schema: true,
    }
}

pub fn quick() -> Timeouts {
    Timeouts {
        connect: Duration::from_millis(500),
        first: Duration::from_millis(600),
        idle: Duration::from_millis(400),
        whole: Duration::from_millis(1500),
        probe: Duration::from_secs(5),
    }
}

pub fn upstream(url: &str) -> Upstream {
    let mut config = RemoteConfig::new(url).unwrap();
    config.timeouts = quick();
    config.context = Some(4096);
    Upstream::new(config).unwrap()
}

/// A served engine.
pub struct Served {
    pub address: SocketAddr,
    pub remote: Remote,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

pub async fn served(url: &str, capabilities: Capabilities, slots: usize) -> Served {
    served_with(url, capabilities, slots, None).await
}

/// The same with the tokenizer of its model.
pub async fn served_with(
    url: &str,
    capabilities: Capabilities,
    slots: usize,
    vocabulary: Option<Arc<Vocabulary>>,
) -> Served {
    let options = Options {
        model_id: "m".into(),
        slots,
        look: Duration::from_millis(50),
    };
    let remote = Remote::new(upstream(url), capabilities, vocabulary, options).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = remote.clone().router();
    let serve = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let watch = tokio::spawn(remote.clone().watch());
    Served {
        address,
        remote,
        tasks: vec![serve, watch],
    }
}

/// An answer of the served engine.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// Data of its events.
    pub fn events(&self) -> Vec<String> {
        let blocks = self.body.split("\n\n");
        blocks
            .filter_map(|block| Some(block.trim_start_matches('\n').strip_prefix("data: ")?.to_owned()))
            .collect()
    }

    pub fn code(&self) -> String {
        self.json()["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

impl Served {
    pub async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, Value::Null).await
    }

    pub async fn plain(&self, more: Value) -> Reply {
        let mut body = json!({"model": "m", "prompt": "a"});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        self.send("POST", "/v1/completions", body).await
    }

    pub async fn chat(&self, more: Value) -> Reply {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "a"}]});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        self.send("POST", "/v1/chat/completions", body).await
    }

    /// The same of a router that parts the holders of its keys by a word.
    pub async fn parted(&self, part: &str, more: Value) -> Reply {
        let mut body = json!({"model": "m", "prompt": "a"});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let part = [("quern-cache-part", part)];
        self.send_with("POST", "/v1/completions", body, &part).await
    }

    pub async fn send(&self, method: &str, path: &str, body: Value) -> Reply {
        self.send_with(method, path, body, &[]).await
    }

    pub async fn send_with(&self, method: &str, path: &str, body: Value, headers: &[(&str, &str)]) -> Reply {
        let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body.to_string()))).unwrap();
        let asked = async {
            let response = client.request(request).await.unwrap();
            let (parts, body) = response.into_parts();
            let bytes = body.collect().await.unwrap().to_bytes();
            Reply {
                status: parts.status.as_u16(),
                headers: parts.headers,
                body: String::from_utf8(bytes.to_vec()).unwrap(),
            }
        };
        // Nothing may hang, whatever the engine does.
        tokio::time::timeout(Duration::from_secs(8), asked)
            .await
            .expect("an answer in time")
    }

    /// A request on a connection of its own, which a test reads and closes as it likes.
    pub async fn raw(&self, path: &str, body: &Value) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let body = body.to_string();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream
            .write_all(format!("{head}{body}").as_bytes())
            .await
            .unwrap();
        stream
    }

    /// Waits until a line of the metrics appears.
    pub async fn until(&self, line: &str) {
        for _ in 0..200 {
            if self.get("/metrics").await.body.lines().any(|other| other == line) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("'{line}' never came: {}", self.get("/metrics").await.body);
    }
}

/// Waits until a count is reached.
pub async fn reaches(count: &AtomicUsize, least: usize, within: Duration) {
    let until = tokio::time::Instant::now() + within;
    while count.load(Ordering::SeqCst) < least {
        assert!(tokio::time::Instant::now() < until, "{least} never came");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
