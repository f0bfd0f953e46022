//! The client's side: pooled connections, each to the holder of a given key.

use crate::config;
use crate::key::TransportKey;
use bytes::Bytes;
use http::uri::Authority;
use http::{Method, Request, Response, Uri, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// For TCP and TLS together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Shorter than a server's patience with a silent connection.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// That of a URL without one.
const HTTPS_PORT: u16 = 443;

/// Why a call failed before it had an answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Not of the form `https://HOST[:PORT]/PATH`.
    #[error("{0} is not of the form https://HOST[:PORT]/PATH")]
    Url(String),
    /// The request could not be put together.
    #[error(transparent)]
    Request(#[from] http::Error),
    /// TLS refused its settings.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    /// No connection, or to a peer with another key: nothing was sent.
    #[error("{0}")]
    Connect(String),
    /// A connection that broke before the answer began: the server may have the request.
    #[error("{0}")]
    Call(String),
}

type Pooled = legacy::Client<Connector, Full<Bytes>>;
/// By host and port; with another key than before, a server's old connections are let go.
type Pools = HashMap<String, ([u8; 32], Pooled)>;

/// Calls to servers that are known by key. Clones share connections.
#[derive(Clone, Debug)]
pub struct Client {
    key: TransportKey,
    pools: Arc<Mutex<Pools>>,
}

impl Client {
    /// A client that shows `key` to every server.
    pub fn new(key: TransportKey) -> Self {
        let pools = Arc::default();
        Self { key, pools }
    }

    /// The public key that servers see.
    pub fn public(&self) -> [u8; 32] {
        self.key.public()
    }

    /// Signs a message with the key that servers see; see [`TransportKey::sign`].
    pub fn sign(&self, message: &[u8]) -> Option<[u8; 64]> {
        self.key.sign(message)
    }

    /// Posts a JSON body to `url` at the holder of `expected`. Dropping the answer's body closes the connection,
    /// which the server notices.
    ///
    /// # Errors
    /// When the server cannot be reached or does not hold the key.
    pub async fn post(
        &self,
        url: &str,
        expected: [u8; 32],
        body: Bytes,
    ) -> Result<Response<Incoming>, ClientError> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(url)
            .header(header::CONTENT_TYPE, "application/json");
        self.request(expected, request.body(Full::new(body))?).await
    }

    /// Gets `url` from the holder of `expected`.
    ///
    /// # Errors
    /// As [`Client::post`].
    pub async fn get(&self, url: &str, expected: [u8; 32]) -> Result<Response<Incoming>, ClientError> {
        let request = Request::builder().uri(url).body(Full::default())?;
        self.request(expected, request).await
    }

    /// Sends any request to the holder of `expected`.
    ///
    /// # Errors
    /// As [`Client::post`].
    pub async fn request(
        &self,
        expected: [u8; 32],
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, ClientError> {
        let pooled = self.pooled(request.uri(), expected)?;
        pooled.request(request).await.map_err(|error| {
            // The cause says more than hyper's own words.
            let mut cause: &dyn std::error::Error = &error;
            while let Some(next) = cause.source() {
                cause = next;
            }
            match error.is_connect() {
                true => ClientError::Connect(cause.to_string()),
                false => ClientError::Call(cause.to_string()),
            }
        })
    }

    fn pooled(&self, uri: &Uri, expected: [u8; 32]) -> Result<Pooled, ClientError> {
        let authority = uri
            .authority()
            .filter(|authority| uri.scheme_str() == Some("https") && port(authority).is_some());
        let place = authority
            .ok_or_else(|| ClientError::Url(uri.to_string()))?
            .as_str();
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((key, pooled)) = pools.get(place)
            && *key == expected
        {
            return Ok(pooled.clone());
        }
        let tls = TlsConnector::from(Arc::new(config::client(&self.key, expected)?));
        let pooled = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build(Connector { tls });
        pools.insert(place.to_owned(), (expected, pooled.clone()));
        Ok(pooled)
    }
}

/// Where to call; none if what stands there is no port.
fn port(authority: &Authority) -> Option<u16> {
    let default = || {
        authority
            .as_str()
            .ends_with(authority.host())
            .then_some(HTTPS_PORT)
    };
    authority.port_u16().or_else(default)
}

/// Makes connections to the holder of one key.
#[derive(Clone)]
struct Connector {
    tls: TlsConnector,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connector")
    }
}

impl tower_service::Service<Uri> for Connector {
    type Response = Stream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let tls = self.tls.clone();
        Box::pin(async move {
            let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
            let port = uri.authority().and_then(port).unwrap_or(HTTPS_PORT);
            let connect = async {
                let socket = TcpStream::connect((host, port)).await?;
                socket.set_nodelay(true)?;
                // Keys name peers here, names do not; TLS asks for one all the same.
                let name = ServerName::IpAddress(IpAddr::V4(Ipv4Addr::UNSPECIFIED).into());
                tls.connect(name, socket).await
            };
            let stream = tokio::time::timeout(CONNECT_TIMEOUT, connect).await;
            let stream = stream.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
            Ok(Stream(TokioIo::new(stream)))
        })
    }
}

/// An encrypted connection, as hyper takes it.
struct Stream(TokioIo<TlsStream<TcpStream>>);

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_without_a_port_means_that_of_https_and_one_with_rubbish_for_it_means_none() {
        for (url, expected) in [
            ("https://host.example/v1/models", Some(443)),
            ("https://host.example", Some(443)),
            ("https://[2001:db8::1]/x", Some(443)),
            ("https://[2001:db8::1]:8443/x", Some(8443)),
            ("https://192.0.2.1:9000", Some(9000)),
            ("https://host.example:99999/x", None),
            ("https://host.example:/x", None),
        ] {
            let uri: Uri = url.parse().unwrap();
            assert_eq!(port(uri.authority().unwrap()), expected, "{url}");
        }
    }

    #[tokio::test]
    async fn what_has_no_port_is_called_and_what_is_no_address_of_https_is_not() {
        let client = Client::new(TransportKey::from_secret([1; 32].into()));
        // Nobody answers there without privileges; that it was tried is what counts.
        let called = client.get("https://127.0.0.1/x", [2; 32]).await.unwrap_err();
        assert!(matches!(called, ClientError::Connect(_)), "{called}");
        for url in ["http://127.0.0.1:1/x", "/x", "https://127.0.0.1:99999/x"] {
            let refused = client.get(url, [2; 32]).await.unwrap_err();
            assert!(matches!(refused, ClientError::Url(_)), "{url}: {refused}");
        }
    }
}
