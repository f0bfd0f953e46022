//! `settlement`: sessions, batches, claims, faults, pay.

mod answer;
mod fault;

pub use answer::{
    BatchInfo, BatchPlace, CommitteeMember, Contracts, Demand, Earned, FaultRecord, HostDemand, HostEarned,
    HostStanding, Outcome, Queue, RebalanceInfo, RouterBond, SessionInfo, SessionStatus, Totals,
};
pub use fault::{CommittedLeaf, CommittedReceipt, Fault, SignedReceipt};

use quern_protocol::{Amount, Miss, Node, Price, Proof, PublicKey, Release, SessionLeaf, Signature, Voucher};
use serde::{Deserialize, Serialize};

/// Parameters; governance changes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Denomination of every amount.
    pub denom: String,
    /// Burned when a session opens and few wait for their draw; see [`open_fee`].
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
    /// Of a host's word for a model, what counts as demand beyond twice its paid claims: far less than the host's entry fee.
    pub free_demand: Amount,
}

/// Most requests of one `note_misses`.
pub const MAX_MISSES: usize = 8;

/// Doublings of the open fee after which no session is taken.
pub const MAX_DOUBLINGS: u64 = 10;

/// What opening burns while so many sessions wait for their draw: the parameter up to as many as are drawn while one
/// waits for its beacon, and twice as much for every as many more. None from ten times that on, so that the last one
/// taken is drawn at the latest `10 * draw_delay` blocks after its beacon.
#[must_use]
pub fn open_fee(params: &Params, waiting: u64) -> Option<Amount> {
    let free = params.draw_delay.saturating_mul(params.max_draws.into());
    let doublings = waiting.checked_div(free)?;
    if doublings >= MAX_DOUBLINGS {
        return None;
    }
    params.open_fee.0.checked_mul(1 << doublings).map(Amount)
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
/// for it: over [`quern_protocol::RouterConsent`], which names the terms.
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
    /// Opens a session. Funds: escrow plus `max_fee`; the open fee of now burns, the rest of `max_fee` comes back. The
    /// answer's attribute `session` is the id.
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
        /// Highest open fee that is accepted; the parameter's if none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_fee: Option<Amount>,
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
    /// Pays out what the bank refused to return to the sender when its sessions ended.
    ClaimRefund {
        /// To this address.
        to: String,
    },
    /// Payer, agent or router: requests of a session that hosts refused, or did not answer before witnesses. The first two
    /// of each kind count in the host's completion, and no third time-out is taken; refusals are demand as well. Ceilings
    /// of a host's are in all at most its limit, and each pays for at least 16 weighted tokens.
    NoteMisses {
        /// Session.
        session: u64,
        /// 1 to [`MAX_MISSES`], of each host with rising nonces.
        misses: Vec<Miss>,
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
    /// [`Queue`].
    Queue {},
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
