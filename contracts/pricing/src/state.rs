//! Every key of this contract.

use cosmwasm_std::Addr;
use cw_storage_plus::{Item, Map};
use quern_interface::pricing::{CapacitySource, Params};
use quern_protocol::{Amount, Price};
use serde::{Deserialize, Serialize};

/// Who may call what, and whom this contract asks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Config {
    /// Governance.
    pub authority: Addr,
    /// The registry.
    pub registry: Addr,
    /// The settlement contract.
    pub settlement: Addr,
    /// The contract `poc-weights`.
    pub poc_weights: Option<Addr>,
}

/// A model's price and what it follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracked {
    /// Price from the block after the last update on.
    pub price: Price,
    /// Price at launch.
    pub launch: Price,
    /// First height whose price is this contract's.
    pub first: u64,
    /// Height of the last update, or of the beginning.
    pub since: u64,
    /// Cumulative demand at that height.
    pub counted: Amount,
    /// Smoothed utilisation, in units of 10^-18.
    pub smoothed: Amount,
    /// What the last update judged.
    pub last: Option<Judged>,
    /// Demand that was judged so far.
    pub judged: Amount,
    /// Capacity in the periods in which it was.
    pub offered: Amount,
}

/// What an update looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// Blocks.
    pub blocks: u64,
    /// Demand in them, in weighted tokens.
    pub demand: Amount,
    /// Capacity a block, in weighted tokens.
    pub capacity: Amount,
    /// Where it came from.
    pub source: CapacitySource,
    /// Demand over capacity, in units of 10^-18.
    pub utilisation: Amount,
}

/// Contracts around this one.
pub const CONFIG: Item<Config> = Item::new("config");
/// Parameters.
pub const PARAMS: Item<Params> = Item::new("params");
/// Last model that the round of updates under way has seen, empty before the first; absent between rounds.
pub const CURSOR: Item<String> = Item::new("cursor");
/// Models that were ever seen.
pub const MODELS: Map<&str, Tracked> = Map::new("models");
/// Prices by model and the first height at which they count.
pub const HISTORY: Map<(&str, u64), Price> = Map::new("history");
