//! REST: every annotated method by its route, with the JSON of grpc-gateway.

pub(crate) mod failure;
mod gateway;
mod metrics;
mod open_api;
mod query;
mod request;
mod routes;
mod schema;
mod serve;
mod template;

pub(crate) use routes::Routes;
pub(crate) use serve::serve;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Settings of the REST server.
#[derive(Clone, Debug)]
pub struct RestOptions {
    /// Whether browsers may call from any page.
    pub unsafe_cors: bool,
    /// Whether gRPC-web is served on the same port.
    pub grpc_web: bool,
    /// Whether the OpenAPI document and its page are served.
    pub open_api: bool,
    /// Most connections at a time; further ones wait.
    pub max_connections: usize,
    /// Longest request body in bytes.
    pub max_body_bytes: usize,
    /// Longest time to read a request, and to keep an idle connection.
    pub read_timeout: Duration,
    /// What `/metrics` tells; without it there is no such route.
    pub metrics: Option<Metrics>,
}

/// The node's metrics in Prometheus' text format, gathered when they are asked for.
#[derive(Clone)]
pub struct Metrics(pub Arc<dyn Fn() -> Result<Vec<u8>, String> + Send + Sync>);

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Default for RestOptions {
    fn default() -> Self {
        Self {
            unsafe_cors: false,
            grpc_web: true,
            open_api: true,
            max_connections: 1_000,
            max_body_bytes: 2_000_000,
            read_timeout: Duration::from_secs(10),
            metrics: None,
        }
    }
}
