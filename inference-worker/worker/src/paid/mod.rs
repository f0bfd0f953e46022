//! Work for money: vouchers are checked, output is metered, receipts are signed and made durable, and an outbox brings
//! them on chain. The words of the interface are in [`quern_inference_api::paid`], formats in [`quern_protocol`].
//!
//! - [`config`]: where the chain, the keys and the journal are;
//! - [`follow`]: what the chain says: height, beacons, this host's registration, prices and state of its models;
//! - [`admit`]: whether a voucher entitles a request to be served;
//! - [`book`]: what was promised, earned and committed, session by session;
//! - [`count`]: tokens of texts, for nothing;
//! - [`conduct`]: one request from the engine's first event to its durable receipt;
//! - [`witness`]: whether another host of a committee is as silent as a router says;
//! - [`claims`]: which committed captures are proven to the chain next;
//! - [`send`]: several calls in one transaction;
//! - [`outbox`]: brings the chain's state up to the book's.

mod admit;
mod answer;
pub(crate) mod batch;
pub(crate) mod book;
mod claims;
mod conduct;
pub(crate) mod config;
mod count;
mod follow;
mod http;
mod meter;
mod outbox;
pub(crate) mod receipts;
pub(crate) mod record;
mod registration;
mod releases;
pub(crate) mod send;
mod service;
mod sessions;
mod store;
#[cfg(test)]
pub(crate) mod tests;
mod versions;
mod vouchers;
mod witness;

pub(crate) use answer::Part;
pub(crate) use follow::Own;
pub(crate) use http::{begin, receipt_routes, routes};
pub(crate) use service::Paid;
