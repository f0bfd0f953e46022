//! Wire types of the profile wasmd 0.61.14, generated at build time from published descriptors, and of
//! the chain's own queries.
//!
//! The generated modules follow the protobuf packages, for example [`cosmos::bank::v1beta1`].
//! [`amino`] writes messages in amino JSON, [`options`] reads what descriptors say of it, [`unknown`] refuses fields that a
//! decoder would drop in silence.

pub mod amino;
pub mod compact;
pub mod json;
pub mod number;
pub mod options;
mod pool;
pub mod time;
pub mod unknown;

#[allow(
    missing_docs,
    clippy::all,
    clippy::pedantic,
    rustdoc::all,
    unused_qualifications
)]
mod wire {
    include!(concat!(env!("OUT_DIR"), "/wire.rs"));
}

pub use pool::{DESCRIPTORS, pool};
pub use prost_types::Any;
pub use wire::{cosmos, cosmwasm, quern};

/// Type URL of a generated message, as in `google.protobuf.Any`.
pub fn type_url<M: prost::Name>() -> String {
    format!("/{}", M::full_name())
}
