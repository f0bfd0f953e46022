//! A contract for the contract host's tests: each message makes the host face one situation, among them
//! the ones that no honest contract makes.
pub mod contract;
pub mod msg;
#[cfg(target_arch = "wasm32")]
mod rubbish;
