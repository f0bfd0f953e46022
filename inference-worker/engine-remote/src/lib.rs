//! Any OpenAI-compatible server as an engine: vLLM, SGLang, llama.cpp, TGI and what speaks their dialect.
//!
//! Such an engine takes text and gives text, so it stands beside the worker's scheduler, not behind the trait of the
//! engines that give logits:
//!
//! - [`config`]: where the engine is, and how long it may take;
//! - [`probe`]: what it honours, found out by asking it;
//! - [`tier`]: what it can prove, and why that earns no pay for audited work;
//! - [`dialect`]: a checked request in the engine's words, or refused by the name of what it does not honour;
//! - [`client`], [`wire`]: its answers, bounded in size and time and believed in nothing;
//! - [`serve`]: the worker's HTTP interface over it;
//! - [`surprise`], [`tokens`]: the check of its log-probabilities against a model that is at hand.

pub mod capabilities;
pub mod client;
pub mod config;
pub mod dialect;
pub mod error;
pub mod probe;
pub mod serve;
pub mod surprise;
pub mod tier;
pub mod tokens;
pub mod wire;

pub use capabilities::{Capabilities, EngineKind, TokenIds};
pub use client::Upstream;
pub use config::{RemoteConfig, Timeouts};
pub use error::UpstreamError;
pub use tier::TrustTier;
