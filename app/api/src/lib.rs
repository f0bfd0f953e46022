//! gRPC for clients that do not speak CometBFT's JSON-RPC.
//!
//! Every unary query method that the application routes over ABCI is served under its gRPC path
//! without code of its own: request and answer pass as raw bytes. Methods that need CometBFT
//! (transactions, blocks, node information) are answered through its RPC.

mod codec;
mod gateway;
mod server;
mod services;
mod source;
mod status;

pub use gateway::BLOCK_HEIGHT;
pub use server::{MAX_REQUEST_BYTES, Options, ServeError, serve};
pub use source::Queries;
