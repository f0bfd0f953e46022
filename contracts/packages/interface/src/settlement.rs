//! `settlement`: sessions, batches, claims, faults, pay.

use quern_protocol::{
    Amount, Coefficients, Hash, Node, Price, Proof, PublicKey, Receipt, Release, SessionLeaf, Signature,
    Voucher,
};
use serde::{Deserialize, Serialize};

/// Parameters; governance changes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Denomination of every amount.
    pub denom: String,
    /// Burned when a session opens.
    pub open_fee: Amount,
    /// Least escrow.
    pub min_escrow: Amount,
    /// Most hosts of a committee.
    pub committee_size: u32,
    /// Blocks from opening to the beacon that draws the committee.
    pub draw_delay: u64,
    /// Most committees drawn in one block.
    pub max_draws: u32,
    /// Most blocks between two batches of a serving host.
    pub batch_blocks: u64,
    /// The Δ of the protocol in blocks: a receipt must be committed by `voucher.height + lapse_blocks`.
    pub lapse_blocks: u64,
    /// The W of the protocol in blocks: from the last possible commit to the close.
    pub appeal_blocks: u64,
    /// Most blocks that a session is open.
    pub max_session_blocks: u64,
    /// Most a router may take, in basis points of captured amounts.
    pub max_router_fee_bps: u32,
    /// Taken out of every pay, host's and router's, in basis points: it burns, but for the audits' part.
    pub burn_bps: u32,
    /// Of that, to the audits' pot, in basis points of the pay; at most `burn_bps`. Nothing if there is no
    /// audits contract.
    pub audit_bps: u32,
    /// Slashed for a proven deterministic fault, in basis points.
    pub fault_slash_bps: u32,
    /// Slashed bond goes to payers of the voided claims up to their amount times this, in basis points.
    pub restitution_bps: u32,
}

/// First message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstantiateMsg {
    /// Who changes parameters: governance.
    pub authority: String,
    /// The registry.
    pub registry: String,
    /// The bonding contract.
    pub bonding: String,
    /// Who answers `PriceAt`: `pricing`, or the registry on a chain without it.
    pub price_source: String,
    /// The audits contract, whose pot takes part of what is burned otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audits: Option<String>,
    /// Contracts whose verdicts count here: the audits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub judges: Vec<String>,
    /// Parameters.
    pub params: Params,
}

/// Whose key signs a session's vouchers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignedBy {
    /// The router holds the key: its escrow in flight must stay within its bond.
    Router,
    /// The payer, or its agent, signs every request: no router can spend.
    Payer,
}

/// A router's word that it answers for a session's escrow, by the ed25519 transport key that the registry names
/// for it: over [`quern_protocol::RouterConsent`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// Above every earlier one of this router for this payer, such as milliseconds of a clock.
    pub nonce: u64,
    /// Last height at which it counts.
    pub expires: u64,
    /// Signature.
    pub signature: Signature,
}

/// What a batch adds for one model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelAmount {
    /// Model.
    pub model: String,
    /// Captures; not zero.
    pub amount: Amount,
}

/// Most models that one batch names: as many as a host offers.
pub const MAX_BATCH_MODELS: usize = 16;

/// Messages.
#[allow(
    clippy::large_enum_variant,
    reason = "read once from JSON and taken apart at once"
)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum ExecuteMsg {
    /// Opens a session. Funds: escrow plus the open fee, which burns. The answer's attribute `session` is
    /// the id.
    OpenSession {
        /// Model.
        model: String,
        /// Highest price per token that is accepted.
        max_price: Price,
        /// Router that may act and earns the fee; none if the payer is its own.
        router: Option<String>,
        /// The router's fee in basis points of captured amounts.
        router_fee_bps: u32,
        /// Key that signs vouchers.
        session_key: PublicKey,
        /// Who else may close and rebalance for the payer.
        agent: Option<String>,
        /// Whose key it is.
        signed_by: SignedBy,
        /// Blocks until the session closes by itself.
        blocks: u64,
        /// That the router agrees, if it holds the key and is not the sender.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        consent: Option<Consent>,
    },
    /// Payer, agent or router: no further vouchers; claims are taken until the appeal ends.
    CloseSession {
        /// Session.
        session: u64,
    },
    /// From a host's warm key: commits a batch. One a block.
    CommitBatch {
        /// The host's previous sequence plus one, from 1.
        sequence: u64,
        /// Root and total of the batch tree.
        root: Node,
        /// Sessions in it.
        sessions: u32,
        /// The root's sum by model, by rising id, at most [`MAX_BATCH_MODELS`]: what prices follow, as far as
        /// the host's limits cover it.
        models: Vec<ModelAmount>,
    },
    /// Claims a host's captures of a session: the voucher with the highest cap and the last committed leaf.
    /// From anyone; again with more until the claims end.
    Settle {
        /// Host.
        host: String,
        /// Voucher.
        voucher: Voucher,
        /// Its signature.
        signature: Signature,
        /// Leaf of the session.
        leaf: SessionLeaf,
        /// Sequence of the batch that holds it.
        batch: u64,
        /// That it does.
        proof: Proof,
    },
    /// Moves limits by a host's signed release, as far as the giver has not claimed. From anyone, until the
    /// session is paid. Only a release that was presented can be relied on.
    PresentRelease {
        /// Release.
        release: Release,
        /// By the giving host's warm key of now.
        signature: Signature,
    },
    /// Payer, agent or router: asks to move a silent host's limit. Until `lapse_blocks` pass the host may
    /// prove its captures by `settle`.
    Rebalance {
        /// Session.
        session: u64,
        /// Host that won't sign.
        from: String,
        /// Host that receives.
        to: String,
        /// At most this much.
        amount: Amount,
    },
    /// From anyone, when the time of a rebalance is over: moves what was not proven.
    ExecuteRebalance {
        /// Session.
        session: u64,
        /// Host that gives.
        from: String,
    },
    /// From anyone, when claims have ended: pays hosts, router and burn, and returns the rest.
    Close {
        /// Session.
        session: u64,
    },
    /// Proves a deterministic fault of a host. From anyone.
    ProveFault {
        /// Host.
        host: String,
        /// Fault.
        fault: Box<Fault>,
    },
    /// From a judge: convicts (host, model) as a proven fault does.
    Convict {
        /// Host.
        host: String,
        /// Model.
        model: String,
        /// Generation that is judged: the registry's of now.
        generation: u32,
        /// Whether bond is slashed; claims are void either way.
        slash: bool,
    },
    /// From a judge: while frozen a host's claims are not paid, for at most another `appeal_blocks`.
    Freeze {
        /// Host.
        host: String,
        /// Whether frozen.
        frozen: bool,
    },
    /// From a judge: the amount is burned out of the host's next pay.
    Forfeit {
        /// Host.
        host: String,
        /// Amount.
        amount: Amount,
    },
    /// From governance: the contracts whose verdicts count here.
    SetJudges {
        /// All of them, at most 16.
        judges: Vec<String>,
    },
    /// From governance: whose pot takes part of what is burned otherwise.
    SetAudits {
        /// The audits contract; none burns everything.
        audits: Option<String>,
    },
    /// A router's bond grows by the funds.
    FundRouter {},
    /// A router takes back bond that no escrow in flight needs.
    DefundRouter {
        /// Amount.
        amount: Amount,
    },
    /// From governance.
    UpdateParams(Params),
}

/// A receipt proven into a committed batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommittedReceipt {
    /// Receipt.
    pub receipt: Receipt,
    /// That it is in the session's part.
    pub receipt_proof: Proof,
    /// Leaf of the session.
    pub leaf: SessionLeaf,
    /// That it is in the batch.
    pub leaf_proof: Proof,
    /// Sequence of the batch.
    pub batch: u64,
}

/// A session leaf proven into a committed batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommittedLeaf {
    /// Leaf.
    pub leaf: SessionLeaf,
    /// That it is in the batch.
    pub proof: Proof,
    /// Sequence of the batch.
    pub batch: u64,
}

/// A receipt with the host's signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedReceipt {
    /// Receipt.
    pub receipt: Receipt,
    /// By the warm key that counted at the voucher's height, or any later one.
    pub signature: Signature,
}

/// A fault that one proof shows, without judgement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Fault {
    /// The voucher inside a committed receipt is no authority: a wrong signature, host or session, a height
    /// after the batch, or a capture above its ceiling or cap.
    BadVoucher(CommittedReceipt),
    /// The receipt was committed after its voucher lapsed, or the voucher's height is before the session's
    /// committee or after its end.
    Lapsed(CommittedReceipt),
    /// The price is not the chain's at the voucher's height, is above the session's maximum, or the capture
    /// is above the cost of the usage. Taking less is no fault.
    BadPrice(CommittedReceipt),
    /// The model hash is not the session's model.
    BadModel(CommittedReceipt),
    /// With the salt, the seed commitment is not that of the seed that follows from the voucher, or from the
    /// client's own seed.
    BadSeed {
        /// Receipt.
        receipt: CommittedReceipt,
        /// Salt, 16 bytes.
        salt: quern_protocol::Bytes<16>,
        /// [`quern_protocol::content_hash`] of the request; needed if the receipt has a client's seed.
        content: Option<Hash>,
    },
    /// A leaf contradicts itself, or its cumulative amount or count is not its predecessor's plus its own.
    BadSum {
        /// Leaf.
        later: CommittedLeaf,
        /// Any leaf of the same session in an earlier batch, such as `later.previous`; none if the leaf
        /// contradicts itself or has `previous` 0 and yet more than its own.
        earlier: Option<CommittedLeaf>,
    },
    /// The batch that a leaf names as its predecessor has no leaf of its session.
    BadPrevious {
        /// Leaf.
        later: CommittedLeaf,
        /// The leaves of that batch on both sides of where the session would be; one if it would be first
        /// or last.
        neighbours: Vec<CommittedLeaf>,
    },
    /// Two leaves of one batch whose sessions do not rise.
    BadOrder {
        /// The one further left.
        left: CommittedLeaf,
        /// The one further right.
        right: CommittedLeaf,
    },
    /// Two committed receipts with the same session and nonce.
    Duplicate {
        /// One.
        first: CommittedReceipt,
        /// Other, elsewhere in the trees.
        second: CommittedReceipt,
    },
    /// A committed receipt contradicts one that the host signed for the same session and nonce.
    Contradiction {
        /// Signed.
        signed: SignedReceipt,
        /// A height from the voucher's on at which the key that signed it counted.
        key_height: u64,
        /// Committed.
        committed: CommittedReceipt,
    },
}

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
    /// Capacity at the draw: its weight in [`quern_protocol::rank`].
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

/// What was asked for, so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Demand {
    /// Captures that hosts committed, as far as their limits covered them.
    pub amount: Amount,
    /// The same in tokens weighted by the model's coefficients: each amount over the price at its commit, rounded
    /// down.
    pub weighted: Amount,
}

/// A host's part of a model's demand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostDemand {
    /// So far.
    pub demand: Demand,
    /// Sum of the host's limits in sessions of the model that are not paid.
    pub open_limits: Amount,
    /// What its further batches may still count: limits of now and claims of before, less `demand.amount`.
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
    /// Kind, the name of the variant of [`Fault`], or `verdict` for a judge's.
    pub kind: String,
    /// Who proved it.
    pub prover: String,
    /// Height.
    pub height: u64,
}

/// Sums over all sessions, for reconciliation: the contract's balance is
/// `escrowed + router_bonds + restitution_held`.
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
    /// Returned to payers so far.
    pub refunded: Amount,
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

/// Questions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum QueryMsg {
    /// [`Params`].
    Params {},
    /// [`Contracts`].
    Contracts {},
    /// [`SessionInfo`].
    Session {
        /// Id.
        session: u64,
    },
    /// `Vec<SessionInfo>` by id, of one payer or of all.
    Sessions {
        /// Payer.
        payer: Option<String>,
        /// After this id.
        start_after: Option<u64>,
        /// At most this many.
        limit: Option<u32>,
    },
    /// `Vec<SessionInfo>` that are not closed and whose committee has a host, by id.
    HostSessions {
        /// Host.
        host: String,
        /// After this id.
        start_after: Option<u64>,
        /// At most this many.
        limit: Option<u32>,
    },
    /// `Option<BatchInfo>`.
    Batch {
        /// Host.
        host: String,
        /// Sequence.
        sequence: u64,
    },
    /// `Option<BatchPlace>`: the last of a host that was committed at or before a height, among those kept.
    BatchAt {
        /// Host.
        host: String,
        /// Height.
        height: u64,
    },
    /// [`HostStanding`].
    HostStanding {
        /// Host.
        host: String,
    },
    /// `Option<BatchInfo>`: the last of a host.
    LastBatch {
        /// Host.
        host: String,
    },
    /// [`RouterBond`].
    Router {
        /// Router.
        router: String,
    },
    /// `Vec<FaultRecord>`, oldest first.
    Faults {
        /// After this number.
        start_after: Option<u64>,
        /// At most this many.
        limit: Option<u32>,
    },
    /// [`Totals`].
    Totals {},
    /// [`Demand`] of a model.
    Demand {
        /// Model.
        model: String,
    },
    /// [`HostDemand`].
    HostDemand {
        /// Host.
        host: String,
        /// Model.
        model: String,
    },
    /// [`Earned`] of a host.
    Earned {
        /// Host.
        host: String,
    },
    /// `Vec<HostEarned>` of the hosts that ever earned, by address.
    AllEarned {
        /// After this host.
        start_after: Option<String>,
        /// At most this many.
        limit: Option<u32>,
    },
    /// [`Earned`] of a router.
    RouterEarned {
        /// Router.
        router: String,
    },
}
