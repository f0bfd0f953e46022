//! Transactions: strict decoding and the bytes that signatures cover.

mod adr027;
mod decode;
mod decoded;
mod sign_bytes;
mod signature;

pub(crate) use decode::Tx;
pub(crate) use decoded::Decoded;
pub(crate) use sign_bytes::{AMINO_JSON, SignerFacts};
pub(crate) use signature::{Entry, SigData, panicked};
