//! HTTP between router and worker: TLS 1.3 with raw ed25519 public keys (RFC 7250) on both sides, no certificates.
//!
//! A client names the key it expects, which the registry holds for the host, and speaks to nobody else. A server
//! accepts any client that proves possession of its key and hands that key to the handlers as
//! `axum::extract::ConnectInfo<Peer>`; they compare it with the key of the router that the session names.
//! There is no session resumption: a resumed session would skip the proof. Handshakes and connections are bounded, for each
//! address and for all; idle ones lose their places to whoever comes, those with a request that a handler has begun never.
//!
//! What is served without encryption, on loopback, has the same bounds: see [`PlainListener`].

mod client;
mod config;
mod connections;
mod handshakes;
mod key;
mod plain;
mod refusal;
mod server;
mod service;

pub use client::{Client, ClientError};
pub use connections::Connection;
pub use key::TransportKey;
pub use plain::PlainListener;
pub use server::{Peer, SecureListener};
pub use service::{MakeServed, Served, Turn, served};
