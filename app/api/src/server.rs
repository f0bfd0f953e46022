use std::net::SocketAddr;
use std::sync::Arc;

use tendermint_rpc::HttpClient;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::service::Routes;
use tonic::transport::Server;

use crate::gateway::Gateway;
use crate::services::{Node, SERVED};
use crate::source::Queries;

/// Longest accepted request, the Cosmos SDK's default.
pub const MAX_REQUEST_BYTES: usize = 10 * 1024 * 1024;

/// Settings of the server.
#[derive(Clone, Debug)]
pub struct Options {
    /// URL of CometBFT's RPC, such as `http://127.0.0.1:26657`.
    pub rpc: String,
    /// Most application queries that run at a time.
    pub parallel_queries: usize,
}

/// Why the server could not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The RPC's URL is none.
    #[error("CometBFT RPC address {0:?} is not usable: {1}")]
    Rpc(String, tendermint_rpc::Error),
    /// The descriptors that the node was built with are broken.
    #[error("gRPC reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The connection failed.
    #[error("gRPC server: {0}")]
    Transport(#[from] tonic::transport::Error),
    /// Only loopback is served.
    #[error("{0} is not a loopback address")]
    NotLoopback(SocketAddr),
    /// The listener's own address could not be read.
    #[error("gRPC listener: {0}")]
    Io(#[from] std::io::Error),
}

/// Serves gRPC on `listener` until `shutdown` resolves.
///
/// # Errors
/// [`ServeError`].
pub async fn serve(
    listener: TcpListener,
    source: Arc<dyn Queries>,
    options: Options,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        return Err(ServeError::NotLoopback(address));
    }
    let client =
        HttpClient::new(options.rpc.as_str()).map_err(|error| ServeError::Rpc(options.rpc, error))?;
    let gateway = Gateway::new(source, Node::new(client), options.parallel_queries);
    let routes = Routes::default()
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?)
        .into_axum_router()
        .fallback_service(gateway);
    tracing::info!(%address, "gRPC is ready");
    Server::builder()
        .tcp_nodelay(true)
        .add_routes(Routes::from(routes))
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), shutdown)
        .await?;
    Ok(())
}

fn reflection() -> tonic_reflection::server::Builder<'static> {
    let builder = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(quern_proto::DESCRIPTORS);
    SERVED
        .iter()
        .fold(builder, |builder, name| builder.with_service_name(*name))
}
