//! Every key of this contract.

use cosmwasm_std::Addr;
use cw_storage_plus::{Item, Map};
use quern_interface::rewards::{EpochInfo, Params, Phase, Share, Totals};
use quern_protocol::Amount;
use serde::{Deserialize, Serialize};

use crate::activation::{Activation, Demand};
use crate::division::{Pot, Sums};
use crate::vesting::Account;

/// Who is around.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Config {
    /// Governance.
    pub authority: Addr,
    /// The registry.
    pub registry: Addr,
    /// The bonding contract.
    pub bonding: Addr,
    /// The settlement contract.
    pub settlement: Addr,
    /// The contract `poc-weights`.
    pub weights: Addr,
    /// The contract `pricing`.
    pub pricing: Addr,
    /// Where the tax goes.
    pub community_pool: Addr,
}

/// An epoch's end and how far its division is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// Epoch.
    pub epoch: u64,
    /// What is to do.
    pub phase: Phase,
    /// Whether the weights are those of this epoch.
    pub weighed: bool,
    /// Host that was read last in this phase.
    pub cursor: Option<String>,
    /// What hosts brought so far.
    pub sums: Sums,
    /// Demand and capacity of the epoch.
    pub demand: Demand,
}

/// A host's cumulative figures as they were read last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Burned out of its pay.
    pub burned: Amount,
    /// Pay before anything was taken out.
    pub gross: Amount,
}

/// A model's cumulative figures as they were read last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenModel {
    /// Weighted tokens asked for.
    pub judged: Amount,
    /// Weighted tokens that could have been served.
    pub offered: Amount,
    /// Captures committed, in coins.
    pub committed: Amount,
}

/// Configuration.
pub const CONFIG: Item<Config> = Item::new("config");
/// Parameters.
pub const PARAMS: Item<Params> = Item::new("params");
/// Sums over everything.
pub const TOTALS: Item<Totals> = Item::new("totals");
/// The share of fees.
pub const ACTIVATION: Item<Activation> = Item::new("activation");
/// Paid captures that no utilisation has counted yet.
pub const BACKING: Item<Amount> = Item::new("backing");
/// Utilisation of the last divided epoch, in basis points.
pub const UTILISATION: Item<u32> = Item::new("utilisation");
/// The last epoch's end.
pub const WORK: Item<Work> = Item::new("work");
/// Epoch up to which rewards have vested.
pub const VESTED_EPOCH: Item<u64> = Item::new("vested_epoch");
/// Number of the last slash that was read.
pub const LAST_SLASH: Item<u64> = Item::new("last_slash");
/// Epochs, the last so many.
pub const EPOCHS: Map<u64, EpochInfo> = Map::new("epochs");
/// Coins of divided epochs with open shares.
pub const POTS: Map<u64, Pot> = Map::new("pots");
/// Open shares by host: of one epoch each.
pub const SHARES: Map<&str, Share> = Map::new("shares");
/// Rewards by host.
pub const ACCOUNTS: Map<&str, Account> = Map::new("accounts");
/// Cumulative figures by host.
pub const SEEN: Map<&str, Seen> = Map::new("seen");
/// Cumulative figures by model.
pub const SEEN_MODELS: Map<&str, SeenModel> = Map::new("seen_models");

/// Epochs whose [`EpochInfo`] is kept.
pub const KEPT_EPOCHS: u64 = 1_000;
