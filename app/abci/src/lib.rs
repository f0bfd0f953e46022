//! The socket side of ABCI 2.0: a listener that CometBFT 0.38 connects to and that drives any
//! [`tendermint_abci::Application`].
//!
//! One thread serves one connection. Requests are read through a buffer and decoded once, answers
//! leave strictly in request order, collected in a write buffer until the client's `Flush` (or
//! until nothing more is readable, so that a client that never sends `Flush` still gets its
//! answers). A panic of the application, or a halt that it reports, is answered with a
//! `ResponseException` and stops the whole server: CometBFT then stops too, and the supervisor
//! decides what to do next.

mod address;
mod connection;
mod dispatch;
mod frame;
mod options;
mod server;
mod stream;

pub use address::{Address, AddressError};
pub use frame::{DEFAULT_MAX_MESSAGE_BYTES, FrameError};
pub use options::{HaltCheck, Observer, Options};
pub use server::{Server, StartError, Stop};
