//! The CosmWasm host on cosmwasm-vm, with the rules of wasmd 0.61.
//!
//! [`Wasm`] is the handle that the application holds. A message arrives in [`Wasm::execute`], is
//! checked (`access`), run (`keeper`, on `backend`), and what the contract asks for is done
//! (`dispatch`, `querier`). Gas arithmetic (`gas`), addresses (`address`) and the JSON that contracts
//! see (`json`) are pure.
//!
//! Where we differ from wasmd is listed in `docs/spec/wasm-host.md`.

mod access;
pub mod address;
mod backend;
mod dispatch;
pub mod errors;
pub mod gas;
mod genesis;
mod iterate;
pub mod json;
mod keeper;
pub mod keys;
pub mod limits;
mod msg;
mod probestack;
mod querier;
mod query;
mod staking;
mod state;

pub use keeper::{OpenError, Options, Wasm};
pub use msg::Msg;
pub use staking::Staking;
