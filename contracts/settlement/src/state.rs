//! Every key of this contract.

use cosmwasm_std::{Addr, Empty};
use cw_storage_plus::{Item, Map};
use quern_interface::settlement::{
    Demand, Earned, FaultRecord, Outcome, Params, RouterBond, SignedBy, Totals,
};
use quern_protocol::ledger::Ledger;
use quern_protocol::{Amount, Coefficients, Hash, Node, Price, PublicKey};
use serde::{Deserialize, Serialize};

/// Who may call what, and whom this contract calls.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Config {
    /// Governance.
    pub authority: Addr,
    /// The registry.
    pub registry: Addr,
    /// The bonding contract.
    pub bonding: Addr,
    /// Answers `PriceAt`.
    pub price_source: Addr,
    /// The audits contract.
    #[serde(default)]
    pub audits: Option<Addr>,
    /// Contracts whose verdicts count.
    #[serde(default)]
    pub judges: Vec<Addr>,
}

/// Where a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Waits for its committee.
    Pending,
    /// Has a committee; open or closing, as the height says.
    Drawn,
    /// Paid.
    Closed,
    /// No host could be drawn.
    Void,
}

/// A host of a committee, in the seat of the same index.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Member {
    /// Host.
    pub host: Addr,
    /// Capacity at the draw.
    pub weight: u64,
    /// Generation at the draw.
    pub generation: u32,
    /// How much of its limit covers demand that the host says.
    pub cover: Amount,
    /// Highest nonce of its misses.
    pub missed: u64,
    /// Refusals that count against it.
    pub refusals: u64,
    /// Time-outs that do.
    pub timeouts: u64,
    /// Sum of the ceilings of all.
    pub ceilings: Amount,
}

/// A session. Parameters that it was opened under stay.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// Who pays.
    pub payer: Addr,
    /// Model.
    pub model: String,
    /// Its hash.
    pub model_hash: Hash,
    /// What tokens cost of the price.
    pub coefficients: Coefficients,
    /// Highest price.
    pub max_price: Price,
    /// Router.
    pub router: Option<Addr>,
    /// Its fee.
    pub router_fee_bps: u32,
    /// Key that signs vouchers.
    pub session_key: PublicKey,
    /// May close and rebalance for the payer.
    pub agent: Option<Addr>,
    /// Whose key it is.
    pub signed_by: SignedBy,
    /// Escrow.
    pub escrow: Amount,
    /// Height of the opening.
    pub opened_at: u64,
    /// Height whose beacon draws the committee; first height of a voucher.
    pub drawn_at: u64,
    /// Last height of a voucher.
    pub closes_at: u64,
    /// A receipt must be committed by its voucher's height plus this.
    pub lapse_blocks: u64,
    /// From the last commit that counts to the pay.
    pub appeal_blocks: u64,
    /// Taken out of each pay.
    pub burn_bps: u32,
    /// Of that, to the audits' pot.
    #[serde(default)]
    pub audit_bps: u32,
    /// Where it is.
    pub phase: Phase,
    /// Beacon of `drawn_at`.
    pub beacon: Option<Hash>,
    /// Committee.
    pub committee: Vec<Member>,
    /// What was paid.
    pub outcome: Option<Outcome>,
}

/// A committed batch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Batch {
    /// Height.
    pub height: u64,
    /// Root and total.
    pub root: Node,
    /// Leaves.
    pub sessions: u32,
    /// Sum of the roots up to this one.
    pub committed: Amount,
}

/// Batches of a host that are kept: `oldest..=last`.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Kept {
    /// Lowest sequence kept.
    pub oldest: u64,
    /// Highest sequence.
    pub last: u64,
}

/// Slashed coins for the payers of one conviction.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Pot {
    /// Coins left.
    pub left: Amount,
    /// Void claims that are not yet closed.
    pub claims: Amount,
}

/// What stands behind a host's word on what it served of a model, each coin once.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Cover {
    /// Cover in sessions that are not paid.
    pub limits: Amount,
    /// Claims that were paid in those that are.
    pub claimed: Amount,
}

/// The last span of blocks in which demand for a model changed, and the one before it.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct OfLate {
    /// Number of the last one.
    pub span: u64,
    /// What had been served in all when it began.
    pub served: Amount,
    /// When the one before began.
    pub served_before: Amount,
    /// Refusals that counted in it.
    pub refused: Amount,
    /// In the one before.
    pub refused_before: Amount,
}

/// Key of a conviction: host, model, generation.
pub type Standing<'a> = (&'a Addr, &'a str, u32);

/// Contracts around this one.
pub const CONFIG: Item<Config> = Item::new("config");
/// Parameters.
pub const PARAMS: Item<Params> = Item::new("params");
/// Longest that a batch was ever needed, in blocks.
pub const HORIZON: Item<u64> = Item::new("horizon");
/// Last session's id.
pub const LAST_SESSION: Item<u64> = Item::new("last_session");
/// Sessions by id.
pub const SESSIONS: Map<u64, Session> = Map::new("sessions");
/// Money of drawn sessions.
pub const LEDGERS: Map<u64, Ledger> = Map::new("ledgers");
/// Sessions that wait for their committee, by the height of its beacon.
pub const PENDING: Map<(u64, u64), Empty> = Map::new("pending");
/// How many.
pub const WAITING: Item<u64> = Item::new("waiting");
/// Ended sessions by the height from which nothing can need them.
pub const ENDED: Map<(u64, u64), Empty> = Map::new("ended");
/// What the bank refused to return to payers.
pub const REFUNDS: Map<&Addr, Amount> = Map::new("refunds");
/// A payer's sessions.
pub const PAYER_SESSIONS: Map<(&Addr, u64), Empty> = Map::new("payer_sessions");
/// Sessions with a host in the committee, until they are paid.
pub const HOST_SESSIONS: Map<(&Addr, u64), Empty> = Map::new("host_sessions");
/// Batches by host and sequence.
pub const BATCHES: Map<(&Addr, u64), Batch> = Map::new("batches");
/// Which of them are kept.
pub const KEPT: Map<&Addr, Kept> = Map::new("kept");
/// Routers' bonds.
pub const ROUTERS: Map<&Addr, RouterBond> = Map::new("routers");
/// Claims in sessions that are not paid.
pub const CLAIMS: Map<Standing, Amount> = Map::new("claims");
/// All claims that were ever proven, by host: never more than the sum of its roots.
pub const CLAIMED: Map<&Addr, Amount> = Map::new("claimed");
/// Hosts whose pay a judge holds back.
pub const FROZEN: Map<&Addr, Empty> = Map::new("frozen");
/// What a judge took that no pay has covered yet.
pub const FORFEITS: Map<&Addr, Amount> = Map::new("forfeits");
/// Convictions of this contract, with what is left for payers.
pub const POTS: Map<Standing, Pot> = Map::new("pots");
/// Proven faults by number.
pub const FAULTS: Map<u64, FaultRecord> = Map::new("faults");
/// Last fault's number.
pub const LAST_FAULT: Item<u64> = Item::new("last_fault");
/// Demand by model.
pub const DEMAND: Map<&str, Demand> = Map::new("demand");
/// Demand by host and model.
pub const HOST_DEMAND: Map<(&Addr, &str), Demand> = Map::new("host_demand");
/// Refusals that count as demand, by model.
pub const REFUSED: Map<&str, Demand> = Map::new("refused");
/// What was served and refused of late, by model.
pub const OF_LATE: Map<&str, OfLate> = Map::new("of_late");
/// Requests that hosts served and missed of late, by host and model.
pub const COMPLETION: Map<(&Addr, &str), (u64, u64)> = Map::new("completion");
/// What covers it.
pub const COVERS: Map<(&Addr, &str), Cover> = Map::new("covers");
/// What hosts earned.
pub const EARNED: Map<&Addr, Earned> = Map::new("earned");
/// What routers earned.
pub const ROUTER_EARNED: Map<&Addr, Earned> = Map::new("router_earned");
/// Highest nonce of a consent, by router and payer.
pub const CONSENTS: Map<(&Addr, &Addr), u64> = Map::new("consents");
/// Sums.
pub const TOTALS: Item<Totals> = Item::new("totals");
