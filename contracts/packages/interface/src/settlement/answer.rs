//! What the contract answers.

use quern_protocol::{Amount, Coefficients, Hash, Node, Price, PublicKey};
use serde::{Deserialize, Serialize};

use super::SignedBy;

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionStatus {
    /// The committee's beacon is not there yet.
    Pending,
    /// Vouchers are valid.
    Open,
    /// No new vouchers; claims are taken.
    Closing,
    /// Paid.
    Closed,
    /// No host could be drawn; everything was returned.
    Void,
}

/// A host of a committee.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommitteeMember {
    /// Host.
    pub host: String,
    /// Capacity at the draw, weighed with what the host completed: its weight in [`quern_protocol::rank`].
    pub weight: u64,
    /// Generation at the draw; claims of an older one than the registry's are void.
    pub generation: u32,
    /// Limit: what it was given at the draw, less releases, plus what it received.
    pub limit: Amount,
    /// Captures proven so far.
    pub claimed: Amount,
    /// Receipts committed in the claimed leaf.
    pub receipts: u64,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionInfo {
    /// Id, from 1.
    pub id: u64,
    /// Who pays.
    pub payer: String,
    /// Model.
    pub model: String,
    /// Highest price.
    pub max_price: Price,
    /// Router.
    pub router: Option<String>,
    /// Its fee.
    pub router_fee_bps: u32,
    /// Key that signs vouchers.
    pub session_key: PublicKey,
    /// Agent.
    pub agent: Option<String>,
    /// Whose key it is.
    pub signed_by: SignedBy,
    /// Escrow.
    pub escrow: Amount,
    /// Height at which it was opened.
    pub opened_at: u64,
    /// Height at which the committee was, or will be, drawn; vouchers count from there on.
    pub drawn_at: u64,
    /// Height after which no voucher counts.
    pub closes_at: u64,
    /// Last height at which a batch may be committed that counts for it.
    pub commits_until: u64,
    /// First height at which it may be paid; claims end before.
    pub payable_at: u64,
    /// Hash of the model at the opening.
    pub model_hash: Hash,
    /// Coefficients at the opening: what tokens cost in this session.
    pub coefficients: Coefficients,
    /// A receipt must be committed by its voucher's height plus this.
    pub lapse_blocks: u64,
    /// Out of the escrow, kept for the router's fee until the close.
    pub router_share: Amount,
    /// Status now.
    pub status: SessionStatus,
    /// Beacon of `drawn_at`, once drawn: the seed of committee and ranks.
    pub beacon: Option<Hash>,
    /// Committee in the order of the draw.
    pub committee: Vec<CommitteeMember>,
    /// Open rebalances.
    pub rebalances: Vec<RebalanceInfo>,
    /// What was paid, once closed.
    pub outcome: Option<Outcome>,
}

/// A rebalance under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RebalanceInfo {
    /// Gives.
    pub from: String,
    /// Receives.
    pub to: String,
    /// At most.
    pub amount: Amount,
    /// First height at which it can be executed.
    pub due_at: u64,
}

/// How an escrow was divided: `paid + router_fee + burned + audits + refund = escrow`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// To each host, after the burn.
    pub paid: Vec<(String, Amount)>,
    /// To the router, after the burn.
    pub router_fee: Amount,
    /// Burned.
    pub burned: Amount,
    /// To the audits' pot.
    pub audits: Amount,
    /// Returned to the payer.
    pub refund: Amount,
    /// Claims that a conviction made void, part of the refund.
    pub voided: Amount,
    /// Out of slashed bonds to the payer, beyond the escrow.
    pub restitution: Amount,
}

/// A committed batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchInfo {
    /// Host.
    pub host: String,
    /// Sequence.
    pub sequence: u64,
    /// Height of the commit.
    pub height: u64,
    /// Root and total.
    pub root: Node,
    /// Sessions in it.
    pub sessions: u32,
}

/// A batch and where it lies in all that its host ever committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchPlace {
    /// Batch.
    pub batch: BatchInfo,
    /// Sum of the roots up to it, its own included.
    pub committed: Amount,
}

/// Where a host stands over all sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostStanding {
    /// Sum of all roots that it committed.
    pub committed: Amount,
    /// Sum of all claims that were ever proven; never more.
    pub claimed: Amount,
    /// Whether a judge holds its pay back.
    pub frozen: bool,
    /// What a judge took that no pay has covered yet.
    pub forfeit: Amount,
}

/// A router's money.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouterBond {
    /// Bond.
    pub bond: Amount,
    /// Escrow of open sessions whose keys it holds.
    pub in_flight: Amount,
}

/// What was asked for, so far, refusals included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Demand {
    /// Captures that hosts committed, as far as their limits covered them, and ceilings of what they refused, up to a
    /// fourth of what was served of late.
    pub amount: Amount,
    /// The same in tokens weighted by the model's coefficients: each amount over the price at its commit, rounded
    /// down.
    pub weighted: Amount,
}

/// A host's part of a model's demand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostDemand {
    /// So far, without refusals.
    pub demand: Demand,
    /// Sum of the host's limits in sessions of the model that are not paid, without what came to it after the giver had
    /// counted it.
    pub open_limits: Amount,
    /// What its further batches may still count: limits of now and claims of before, at most twice those claims and
    /// `free_demand`, less `demand.amount`.
    pub room: Amount,
}

/// What somebody earned in all closed sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Earned {
    /// Paid out.
    pub paid: Amount,
    /// Burned out of the pay by `burn_bps`, without what went to the audits or was forfeit.
    pub burned: Amount,
    /// Out of the pay to the audits' pot.
    pub audits: Amount,
}

/// A host and what it earned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostEarned {
    /// Host.
    pub host: String,
    /// What it earned.
    pub earned: Earned,
}

/// A proven fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRecord {
    /// Number, from 1.
    pub number: u64,
    /// Host.
    pub host: String,
    /// Model.
    pub model: String,
    /// Generation that was convicted.
    pub generation: u32,
    /// Kind, the name of the variant of [`super::Fault`], or `verdict` for a judge's.
    pub kind: String,
    /// Who proved it.
    pub prover: String,
    /// Height.
    pub height: u64,
}

/// Sums over all sessions, for reconciliation: the contract's balance is
/// `escrowed + router_bonds + restitution_held + unclaimed`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// In sessions that are not closed.
    pub escrowed: Amount,
    /// Routers' bonds.
    pub router_bonds: Amount,
    /// Slashed coins on their way to payers.
    pub restitution_held: Amount,
    /// Paid to hosts so far.
    pub paid: Amount,
    /// Paid to routers so far.
    pub router_fees: Amount,
    /// Burned so far, open fees included.
    pub burned: Amount,
    /// Given to the audits' pot so far.
    pub audits: Amount,
    /// Returned to payers so far, `unclaimed` included.
    pub refunded: Amount,
    /// Owed to payers whom the bank did not let receive it.
    pub unclaimed: Amount,
}

/// Sessions that wait for their committee.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// How many.
    pub waiting: u64,
    /// What opening another one burns now; none if no more are taken.
    pub open_fee: Option<Amount>,
}

/// Whom the contract asks and obeys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contracts {
    /// Who changes parameters.
    pub authority: String,
    /// Hosts and models.
    pub registry: String,
    /// Bonds.
    pub bonding: String,
    /// Who answers `PriceAt`: what every host and router must price by.
    pub price_source: String,
    /// Whose pot takes part of what is burned otherwise.
    pub audits: Option<String>,
    /// Whose verdicts count.
    pub judges: Vec<String>,
}
