use std::sync::Arc;

use tendermint_rpc::HttpClient;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::service::Routes;
use tonic::transport::Server;

use crate::calls::Calls;
use crate::limits::Limits;
use crate::rate::{Speaks, limited};
use crate::rest::{self, RestOptions};
use crate::services::Node;
use crate::source::Queries;
use crate::{Messages, grpc};

/// Longest accepted gRPC request, the Cosmos SDK's default.
pub const MAX_REQUEST_BYTES: usize = 10 * 1024 * 1024;

/// What both servers answer from.
#[derive(Clone, Debug)]
pub struct Options {
    /// URL of CometBFT's RPC, such as `http://127.0.0.1:26657`.
    pub rpc: String,
    /// Bounds of the queries, for all protocols together.
    pub limits: Limits,
    /// Which messages the chain executes.
    pub messages: Messages,
}

/// Why a server could not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The RPC's URL is none.
    #[error("CometBFT RPC address {0:?} is not usable: {1}")]
    Rpc(String, tendermint_rpc::Error),
    /// The connection failed.
    #[error("gRPC server: {0}")]
    Transport(#[from] tonic::transport::Error),
    /// The listener's own address could not be read.
    #[error("listener: {0}")]
    Io(#[from] std::io::Error),
}

/// The node's methods, for as many servers as want them.
#[derive(Clone)]
pub struct Api {
    calls: Calls,
}

impl Api {
    /// Joins the application and CometBFT.
    ///
    /// # Errors
    /// [`ServeError::Rpc`].
    pub fn new(source: Arc<dyn Queries>, options: Options) -> Result<Self, ServeError> {
        let client =
            HttpClient::new(options.rpc.as_str()).map_err(|error| ServeError::Rpc(options.rpc, error))?;
        Ok(Self {
            calls: Calls::new(source, Node::new(client), options.limits, options.messages),
        })
    }

    /// Serves gRPC on `listener` until `shutdown` resolves.
    ///
    /// # Errors
    /// [`ServeError`].
    pub async fn serve_grpc(
        &self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        ready("gRPC", &listener)?;
        Server::builder()
            .tcp_nodelay(true)
            .add_routes(Routes::from(limited(
                grpc::routes(&self.calls).into_axum_router(),
                self.calls.places().clients(),
                Speaks::Grpc,
            )))
            .serve_with_incoming_shutdown(TcpListenerStream::new(listener), shutdown)
            .await?;
        Ok(())
    }

    /// Serves REST, and with it gRPC-web, on `listener` until `shutdown` resolves.
    ///
    /// # Errors
    /// [`ServeError`].
    pub async fn serve_rest(
        &self,
        listener: TcpListener,
        options: RestOptions,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        ready("REST", &listener)?;
        rest::serve(listener, self.calls.clone(), options, shutdown).await;
        Ok(())
    }
}

/// Says where a server listens, and what an address that others reach asks of the operator.
fn ready(server: &str, listener: &TcpListener) -> Result<(), ServeError> {
    let address = listener.local_addr()?;
    tracing::info!(%address, "{server} is ready");
    if !address.ip().is_loopback() {
        tracing::warn!(
            %address,
            "{server} is open to other machines, without TLS: let a firewall or a proxy say who may call"
        );
    }
    Ok(())
}
