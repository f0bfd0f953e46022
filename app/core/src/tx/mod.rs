//! Transactions: strict decoding and the bytes that signatures cover.

mod adr027;
mod decode;
mod sign_bytes;

pub(crate) use decode::{Signature, Tx};
