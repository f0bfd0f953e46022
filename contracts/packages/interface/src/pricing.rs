//! `pricing`: what a token of each model costs, block by block.

use quern_protocol::{Amount, Price};
use serde::{Deserialize, Serialize};

/// One in the fixed point of rates: utilisation, smoothing, steepness, steps.
pub const RATE_ONE: u32 = 1_000_000;

/// Parameters; governance changes them. Rates are in millionths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Blocks between two updates of a model's price.
    pub period_blocks: u64,
    /// Models that are updated in one block; the others follow in the next ones.
    pub max_updates: u32,
    /// Blocks for which a price can still be asked.
    pub keep_blocks: u64,
    /// Milliseconds of a block: what turns declared tokens a second into tokens a block.
    pub block_ms: u64,
    /// Weight of the newest period in the smoothed utilisation: the protocol's a.
    pub smoothing: u32,
    /// Smoothed utilisation below which the price falls.
    pub low: u32,
    /// Smoothed utilisation above which the price rises.
    pub high: u32,
    /// Steepness: the protocol's k.
    pub steepness: u32,
    /// Most that one update changes a price by.
    pub max_step: u32,
}

/// First message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstantiateMsg {
    /// Who changes parameters: governance.
    pub authority: String,
    /// The registry: models, launch prices, declared capacity.
    pub registry: String,
    /// The settlement contract: demand.
    pub settlement: String,
    /// The contract `poc-weights`: verified capacity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poc_weights: Option<String>,
    /// Parameters.
    pub params: Params,
}

/// Messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum ExecuteMsg {
    /// From governance.
    UpdateParams(Params),
}

/// Questions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum QueryMsg {
    /// [`Params`].
    Params {},
    /// [`Price`] per token of a model at a height up to now: the same question as the registry's.
    PriceAt {
        /// Model.
        model: String,
        /// Height.
        height: u64,
    },
    /// [`PriceInfo`].
    Price {
        /// Model.
        model: String,
    },
    /// `Vec<PriceInfo>` of the models that were ever updated, by id.
    Prices {
        /// After this model.
        start_after: Option<String>,
        /// At most this many.
        limit: Option<u32>,
    },
    /// `Vec<PricePoint>`: changes of a model's price that are kept, newest first.
    History {
        /// Model.
        model: String,
        /// Before this height.
        before: Option<u64>,
        /// At most this many.
        limit: Option<u32>,
    },
}

/// Where a capacity came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CapacitySource {
    /// Proofs of compute.
    Proven,
    /// What hosts declare, as far as bond covers it.
    Declared,
    /// Nobody serves the model: the price holds.
    None,
}

/// A model's price and what it followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceInfo {
    /// Model.
    pub model: String,
    /// Price per token from the next block on.
    pub price: Price,
    /// Price at launch.
    pub launch: Price,
    /// Height of the last update; 0 before the first.
    pub updated_at: u64,
    /// Blocks that it judged.
    pub blocks: u64,
    /// Demand in them, in weighted tokens.
    pub demand: Amount,
    /// Capacity a block, in weighted tokens.
    pub capacity: Amount,
    /// Where it came from.
    pub source: CapacitySource,
    /// Demand over capacity, in millionths.
    pub utilisation: u32,
    /// The same, smoothed over updates, in millionths rounded down.
    pub smoothed: u32,
    /// Cumulative weighted tokens that were judged so far, all periods together.
    pub judged: Amount,
    /// Cumulative weighted tokens that could have been served in them.
    pub offered: Amount,
}

/// A change of a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PricePoint {
    /// First height at which it counts.
    pub from: u64,
    /// Price.
    pub price: Price,
}
