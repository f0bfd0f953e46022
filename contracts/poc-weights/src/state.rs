//! Every key of this contract.

use cosmwasm_std::Addr;
use cw_storage_plus::{Item, Map};
use quern_interface::poc_weights::{EpochInfo, Judged, Params, ProofModel, SprintInfo};
use quern_protocol::{Amount, Bytes, Node};
use serde::{Deserialize, Serialize};

/// Who may call what, and whom this contract asks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Config {
    /// Governance.
    pub authority: Addr,
    /// The registry.
    pub registry: Addr,
    /// The bonding contract.
    pub bonding: Addr,
    /// Contracts whose verdicts count.
    pub judges: Vec<Addr>,
}

/// A model that is proven, and the bounds of one answer's work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// As governance gave it.
    pub terms: ProofModel,
    /// Least work of an answer.
    pub least: Amount,
    /// Most work of an answer.
    pub most: Amount,
}

/// The running epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epoch {
    /// Number: its end makes weights of the sprints from `first` on whose deadline has passed.
    pub number: u64,
    /// Height after which it began.
    pub start: u64,
    /// First sprint that counts in it.
    pub first: u64,
    /// Sprints of its window that began.
    pub windows: u32,
}

/// What a host committed for a model in a sprint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committed {
    /// Generation of (host, model) then.
    pub generation: u32,
    /// Root.
    pub root: Node,
    /// Answers.
    pub count: u32,
    /// Height of the commit.
    pub committed_at: u64,
    /// What a judge said of it.
    pub judged: Option<Judged>,
}

/// What an epoch's end needs of a host, in one place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// By model.
    pub models: Vec<Record>,
}

/// A host's record for a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Model.
    pub model: String,
    /// Generation under which the work was committed.
    pub generation: u32,
    /// Work by sprint, ascending, of sprints that count in the running epoch.
    pub work: Vec<(u64, u64)>,
    /// Verdicts by sprint, ascending, of the last judged sprints: clean and failed leaves.
    pub judged: Vec<(u64, u32, u32)>,
}

/// A validator as it was last proposed, or one that fades since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// Host.
    pub host: String,
    /// Consensus key.
    pub pubkey: Bytes<32>,
}

/// A host's weight at an epoch's end: see `WeightInfo`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weight {
    /// Before any cut.
    pub proven: u64,
    /// After verdicts.
    pub verified: u64,
    /// After presence.
    pub present: u64,
    /// As far as bond covers it.
    pub covered: u64,
    /// Power.
    pub power: u64,
}

/// Contracts around this one.
pub const CONFIG: Item<Config> = Item::new("config");
/// Parameters.
pub const PARAMS: Item<Params> = Item::new("params");
/// Models by the first sprint in which they are proven.
pub const MODELS: Map<u64, Vec<Model>> = Map::new("models");
/// The running epoch.
pub const EPOCH: Item<Epoch> = Item::new("epoch");
/// How the last set came about.
pub const OUTCOME: Item<EpochInfo> = Item::new("outcome");
/// Number of the last sprint that began; 0 before the first.
pub const LAST_SPRINT: Item<u64> = Item::new("last_sprint");
/// Sprints that are kept, by number.
pub const SPRINTS: Map<u64, SprintInfo> = Map::new("sprints");
/// What was committed in them, by sprint, host and model.
pub const PROOFS: Map<(u64, &Addr, &str), Committed> = Map::new("proofs");
/// Hosts' records.
pub const ACCOUNTS: Map<&Addr, Account> = Map::new("accounts");
/// The set that was last proposed, and who fades.
pub const SEATS: Item<Vec<Seat>> = Item::new("seats");
/// Weights by epoch and host.
pub const WEIGHTS: Map<(u64, &Addr), Weight> = Map::new("weights");
/// Verified work in 1,000 blocks of a model's group, of the last epoch, not weighted by the model's
/// coefficient.
pub const CAPACITY: Map<&str, u64> = Map::new("capacity");
