//! The OpenAI-compatible surface that worker and router share.
//!
//! - [`request`]: a body becomes a [`Request`] in which every parameter is either honoured or refused by name;
//! - [`mod@format`], [`tools`]: what the output has to match, and what the model may call;
//! - [`embeddings`]: texts to vectors;
//! - [`many`]: requests of several prompts or choices, as single ones;
//! - [`listing`], [`openrouter`]: what `/v1/models` says of a model;
//! - [`response`]: what goes back, whole or in chunks;
//! - [`dialect`]: Responses and Messages, as chats;
//! - [`tokens`]: texts as tokens, without an answer;
//! - [`mod@timeout`]: how long a request may take;
//! - [`pace`]: how long until there is room;
//! - [`error`]: OpenAI's error shape with stable codes;
//! - [`paid`]: vouchers, top-ups, refusals and receipts between router and worker;
//! - [`origins`]: which web pages may use a server;
//! - [`audit`]: what auditors fetch from an audited host.

pub mod audit;
mod body;
pub mod dialect;
pub mod embeddings;
pub mod error;
mod fields;
pub mod format;
mod json;
pub mod listing;
pub mod logprobs;
pub mod many;
mod messages;
pub mod openapi;
pub mod openrouter;
pub mod origins;
pub mod pace;
pub mod paid;
mod params;
pub mod reasoning;
pub mod request;
pub mod response;
mod routes;
pub mod sse;
pub mod timeout;
pub mod tokens;
pub mod tools;

pub use body::read_body;
pub use error::ApiError;
pub use request::{Endpoint, Input, Message, Request};
pub use routes::{REQUEST_ID, name_answer, name_for, with_fallbacks, with_ids};

/// Largest request body, in bytes.
pub const MAX_BODY: usize = 4 * 1024 * 1024;
