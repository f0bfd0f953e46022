//! Questions to a remote engine. Dropping an answer closes its connection, which is how engines are told to stop.

mod body;
mod sse;

pub use body::MAX_WHOLE;
pub use sse::{Events, MAX_EVENT};

use crate::config::RemoteConfig;
use crate::error::UpstreamError;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Largest error that is read, in bytes.
const MAX_ERROR: usize = 64 * 1024;

/// How long an idle connection is kept: shorter than servers do, five seconds at uvicorn, so that none is used that the
/// other side is closing.
const KEEP: Duration = Duration::from_secs(3);

/// A remote engine and the connections to it.
#[derive(Clone, Debug)]
pub struct Upstream {
    config: RemoteConfig,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Upstream {
    /// An engine that was not asked anything yet.
    ///
    /// # Errors
    /// When the system has no root certificates and the engine is at a https URL.
    pub fn new(config: RemoteConfig) -> std::io::Result<Self> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(config.timeouts.connect));
        let builder = HttpsConnectorBuilder::new();
        let connector = if config.address("").starts_with("https:") {
            builder
                .with_native_roots()?
                .https_only()
                .enable_http1()
                .wrap_connector(tcp)
        } else {
            // Roots are of no use here, and may be missing.
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let tls = rustls::ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .map_err(std::io::Error::other)?
                .with_root_certificates(rustls::RootCertStore::empty())
                .with_no_client_auth();
            builder
                .with_tls_config(tls)
                .https_or_http()
                .enable_http1()
                .wrap_connector(tcp)
        };
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(KEEP)
            .build(connector);
        Ok(Self { config, client })
    }

    /// Where it is and how long it may take.
    pub fn config(&self) -> &RemoteConfig {
        &self.config
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        wait: Duration,
    ) -> Result<Response<Incoming>, UpstreamError> {
        let mut request = Request::builder().method(method).uri(self.config.address(path));
        if let Some(key) = &self.config.api_key {
            let value = HeaderValue::from_str(&format!("Bearer {key}"));
            let mut value = value.map_err(|_| UpstreamError::Unreachable("its key is no header".into()))?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request
            .body(Full::new(body.unwrap_or_default().into()))
            .map_err(|e| UpstreamError::Unreachable(e.to_string()))?;
        match timeout(wait, self.client.request(request)).await {
            Err(_) => Err(UpstreamError::Timeout("to begin an answer")),
            Ok(Err(error)) => Err(UpstreamError::Unreachable(reason(&error))),
            Ok(Ok(response)) => Ok(response),
        }
    }

    /// Posts JSON and gives the answer once its head is there and says that it is one.
    ///
    /// # Errors
    /// What kept it from coming, or the engine's own error.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Response<Incoming>, UpstreamError> {
        self.post_within(path, body, self.config.timeouts.first).await
    }

    async fn post_within(
        &self,
        path: &str,
        body: &Value,
        wait: Duration,
    ) -> Result<Response<Incoming>, UpstreamError> {
        let body = body.to_string().into_bytes();
        let response = self.send(Method::POST, path, Some(body), wait).await?;
        self.check(response).await
    }

    /// An answer, or the error that it reports.
    async fn check(&self, response: Response<Incoming>) -> Result<Response<Incoming>, UpstreamError> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let after = response.headers().get(header::RETRY_AFTER);
        let after = after.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let read = body::read(response.into_body(), "an error", MAX_ERROR);
        let body = timeout(self.config.timeouts.idle, read).await;
        let body = body.ok().and_then(Result::ok).unwrap_or_default();
        Err(UpstreamError::of_status(status, after, &body))
    }

    /// Posts JSON and reads the whole answer.
    ///
    /// # Errors
    /// As [`Upstream::post`], and when the answer is too long, too late or no JSON.
    pub async fn ask(&self, path: &str, body: &Value, wait: Duration) -> Result<Value, UpstreamError> {
        let asked = async {
            let response = self.post_within(path, body, wait).await?;
            body::json(response.into_body()).await
        };
        timeout(wait, asked)
            .await
            .unwrap_or(Err(UpstreamError::Timeout("for a whole answer")))
    }

    /// Gets a page of JSON; null if it is none.
    ///
    /// # Errors
    /// As [`Upstream::ask`].
    pub async fn get(&self, path: &str) -> Result<Value, UpstreamError> {
        let wait = self.config.timeouts.probe;
        let asked = async {
            let response = self.send(Method::GET, path, None, wait).await?;
            let response = self.check(response).await?;
            let body = body::read(response.into_body(), "a page", MAX_WHOLE).await?;
            Ok(serde_json::from_slice(&body).unwrap_or_default())
        };
        timeout(wait, asked)
            .await
            .unwrap_or(Err(UpstreamError::Timeout("for a page")))
    }
}

/// The innermost cause, which says most.
fn reason(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    crate::error::words_of(&cause.to_string())
}
