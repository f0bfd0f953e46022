//! The chain's own contracts: where they are, and asking them.

mod address;
mod ask;

pub(crate) use address::{ContractFlags, Contracts, System, account};
pub(crate) use ask::{Asker, read, smart};
