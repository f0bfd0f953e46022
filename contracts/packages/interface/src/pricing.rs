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
    /// Quotes in US dollars.
    pub quote: QuoteParams,
}

/// Who says what a QRN costs in US dollars, and how quotes follow. Nothing is paid by them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuoteParams {
    /// Who may post: at most 15. Without any there are no quotes.
    pub posters: Vec<String>,
    /// Fewest posters that must have posted of late.
    pub least: u32,
    /// Blocks for which a post counts.
    pub max_age: u64,
    /// How far price times rate must be from a model's quote before that follows.
    pub hysteresis: u32,
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
    /// From one of [`QuoteParams::posters`]: what a QRN costs.
    PostQuote {
        /// US dollars, above 0 and at most 10^9.
        usd: Price,
    },
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
    /// [`QuoteInfo`].
    Quote {},
    /// [`UsdPrice`].
    UsdPrice {
        /// Model.
        model: String,
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

/// What posters say that a QRN costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuoteInfo {
    /// US dollars for a QRN: the lower median of the fresh posts; none if too few are.
    pub usd: Option<Price>,
    /// The last post of each poster, in the order of the parameters.
    pub posts: Vec<QuotePost>,
}

/// What a poster said last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuotePost {
    /// Poster.
    pub poster: String,
    /// US dollars for a QRN.
    pub usd: Price,
    /// When.
    pub height: u64,
    /// Whether it counts.
    pub fresh: bool,
}

/// A model's price in US dollars, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsdPrice {
    /// Model.
    pub model: String,
    /// US dollars for a million tokens of coefficient 1; none if it was never quoted.
    pub usd: Option<Price>,
    /// Height from which on it is that; 0 if never.
    pub since: u64,
    /// Whether enough posters posted of late: if not, it stands as it was when they did.
    pub fresh: bool,
}
