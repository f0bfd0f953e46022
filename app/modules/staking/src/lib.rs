//! The staking pages of wallets and explorers over the chain's own contracts: x/staking, the delegators'
//! side of x/distribution, x/slashing, x/evidence and x/mint of the Cosmos SDK.
//!
//! Hosts are validators, positions behind them delegations. A message becomes a call of the contracts
//! `bonding` and `registry` with its signer as sender, a query is answered from them. Owns no coins; its part
//! of the state is what contracts do not keep: the pace of blocks, by which heights are told as times, and
//! what is to be paid out by itself.
//!
//! One room for each module of the SDK; what all share is beside them: the way into contracts, the SDK's
//! words for their refusals, pages.

mod address;
mod commission;
mod completion;
mod contracts;
mod distribution;
mod error;
mod evidence;
mod failure;
mod genesis;
mod historical;
mod hooks;
mod jail;
mod keys;
mod listing;
mod mint;
mod msg;
mod number;
mod pace;
mod parameters;
mod query;
mod slashing;
mod staking;
mod vesting;
mod view;

pub use completion::{PER_BLOCK, completions};
pub use error::*;
pub use evidence::record_evidence;
pub use genesis::{export_genesis, init_genesis};
pub use historical::{HistoricalRequest, historical_info};
pub use hooks::end_block;
pub use jail::judged;
pub use mint::minted;
pub use msg::Msg;
pub use query::query;
pub use slashing::{missed, slashed};
pub use vesting::{track_bond, track_return};
pub use view::{Stake, ValidatorRates, View, decimal, withdraw_address};

/// Name of the module and of its part of the state.
pub const MODULE: &str = "staking";
/// Past heights for which a node that keeps its state answers `HistoricalInfo`: as the SDK's default says.
pub const HISTORICAL_ENTRIES: u32 = 10_000;
