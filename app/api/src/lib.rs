//! gRPC, gRPC-web and REST for clients that do not speak CometBFT's JSON-RPC.
//!
//! Every unary query method that the application routes over ABCI is served under its gRPC path, and
//! under the REST route that its descriptor names, without code of its own. Methods that need CometBFT
//! (transactions, blocks, node information) are answered through its RPC.

mod bodies;
mod calls;
mod grpc;
mod json;
mod ledger;
mod limits;
mod messages;
mod rate;
mod reflection;
mod rest;
mod server;
mod services;
mod source;
mod status;

pub use grpc::{BLOCK_HEIGHT, RawCodec};
pub use ledger::{Entry, Verdict, entries};
pub use limits::Limits;
pub use messages::Messages;
pub use rate::Rate;
pub use rest::{Metrics, RestOptions};
pub use server::{Api, MAX_REQUEST_BYTES, Options, ServeError};
pub use source::Queries;
