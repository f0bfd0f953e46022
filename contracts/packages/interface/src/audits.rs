//! `audits`: which leaves are re-executed, by whom, what came of it.

use crate::settlement::CommittedReceipt;
use quern_audit::{Calibration, Opening, Profile, Vote};
use quern_evidence::{Params as EvidenceParams, RateParams};
use quern_protocol::{Amount, Hash, Node, Price};
use serde::{Deserialize, Serialize};

/// Parameters; governance changes them, from the next round on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Denomination of every amount.
    pub denom: String,
    /// Blocks whose batches one round audits. Everything below must fit into as many, so that settlement
    /// waits for two rounds.
    pub round_blocks: u64,
    /// Blocks from what a draw judges to its beacon.
    pub draw_delay: u64,
    /// Blocks for hosts to reveal drawn leaves.
    pub reveal_blocks: u64,
    /// Blocks for auditors to re-execute and to commit a report.
    pub commit_blocks: u64,
    /// Blocks to reveal votes.
    pub vote_blocks: u64,
    /// Blocks for a panel to vote, after its draw.
    pub panel_blocks: u64,
    /// Most leaves that one host's draw takes in a round, first leaves apart.
    pub max_draws: u32,
    /// What a leaf captures on average: the same for every host, so that cutting work into other leaves
    /// changes no risk.
    pub mean_capture: Amount,
    /// Most hosts of a model's group that a round's draws know.
    pub max_candidates: u32,
    /// Steps of work of one block's end, and most of one [`ExecuteMsg::Advance`].
    pub steps: u32,
    /// Positions that an auditor opens.
    pub openings: u32,
    /// Pay per verified token.
    pub token_pay: Price,
    /// Most that one auditor earns with one leaf, in basis points of what the leaf captured: at most
    /// settlement's burn, so that nobody gains by paying its own hosts for work that its own auditors verify.
    pub leaf_pay_bps: u32,
    /// Most that one round pays.
    pub round_budget: Amount,
    /// Panels and independence.
    pub profile: Profile,
    /// The test.
    pub evidence: EvidenceParams,
    /// Rates.
    pub rates: RateParams,
}

/// First message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstantiateMsg {
    /// Who changes parameters and calibrations: governance.
    pub authority: String,
    /// The registry.
    pub registry: String,
    /// The bonding contract.
    pub bonding: String,
    /// The settlement contract.
    pub settlement: String,
    /// Parameters.
    pub params: Params,
    /// Calibrations by model.
    pub calibrations: Vec<(String, Calibration)>,
}

/// Messages. Whoever acts for a host sends from its address or from its current warm key.
#[allow(
    clippy::large_enum_variant,
    reason = "read once from JSON and taken apart at once"
)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum ExecuteMsg {
    /// From anyone: does work of the round that is due.
    Advance {
        /// At most this many steps, and at most [`Params::steps`].
        steps: u32,
    },
    /// From anyone, for a host: reveals the leaf that the pending offset of its draw asks for.
    Reveal {
        /// Round.
        round: u64,
        /// Host.
        host: String,
        /// Leaf.
        leaf: Box<CommittedReceipt>,
    },
    /// From an auditor: commits its report over everything that it was assigned.
    CommitReport {
        /// Round.
        round: u64,
        /// Auditor.
        auditor: String,
        /// Root of [`quern_audit::Report`].
        root: Node,
        /// Findings, as many as leaves were assigned.
        findings: u32,
    },
    /// From an auditor: reveals votes, in one message or in several.
    RevealVotes {
        /// Round.
        round: u64,
        /// Auditor.
        auditor: String,
        /// Assignment number of the first; those before were revealed.
        from: u32,
        /// [`quern_audit::pack`]ed votes in base64, at most 64.
        votes: String,
    },
    /// From an auditor: opens the next drawn position of its report.
    Open {
        /// Round.
        round: u64,
        /// Auditor.
        auditor: String,
        /// Position.
        opening: Box<Opening>,
    },
    /// From a host with a seat on a panel.
    PanelVote {
        /// Round.
        round: u64,
        /// Host.
        auditor: String,
        /// Number of the leaf.
        leaf: u64,
        /// Its word.
        vote: Vote,
    },
    /// The pot grows by the funds. From anyone.
    Fund {},
    /// The sender takes what it earned.
    Withdraw {},
    /// From governance: a model's calibration, from the next round on.
    SetCalibration {
        /// Model.
        model: String,
        /// Calibration.
        calibration: Calibration,
    },
    /// From governance.
    UpdateParams(Params),
}

/// Where a round is. Each waits for its blocks and then works through what it left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Batches are being committed.
    Collect,
    /// Candidates are noted, before the beacon of the draws is known.
    Snapshot,
    /// The draws begin.
    Draw,
    /// Hosts reveal drawn leaves.
    Reveal,
    /// Auditors re-execute and commit.
    Commit,
    /// Auditors reveal votes.
    Vote,
    /// The first panels vote, auditors open positions.
    Panel,
    /// The reviews vote, auditors open positions.
    Review,
    /// Scores enter the evidence.
    Evidence,
    /// Reports are weighed.
    Tally,
    /// Auditors are paid.
    Pay,
    /// The round's records are removed.
    Clean,
}

/// A round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundInfo {
    /// Number, from 1.
    pub number: u64,
    /// First height whose batches it audits.
    pub start: u64,
    /// Height after the last.
    pub end: u64,
    /// Phase.
    pub phase: Phase,
    /// Height at which the phase began.
    pub since: u64,
    /// Beacon of the draws of leaves and auditors, once known.
    pub beacon: Option<Hash>,
    /// Leaves that were revealed.
    pub leaves: u64,
}

/// What a host must reveal next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PendingReveal {
    /// Round.
    pub round: u64,
    /// Offset in everything that the host ever committed, in `nqrn`: the sum of the roots before
    /// ([`crate::settlement::BatchPlace`]) and inside the batch.
    pub offset: Amount,
    /// First height at which it may count as withheld.
    pub until: u64,
}

/// A leaf under audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeafInfo {
    /// Number in the round, from 1.
    pub number: u64,
    /// The receipt's digest.
    pub id: Hash,
    /// Host.
    pub host: String,
    /// Model.
    pub model: String,
    /// Generation of (host, model) under which it was served.
    pub generation: u32,
    /// Who paid.
    pub payer: String,
    /// Session.
    pub session: u64,
    /// Nonce.
    pub nonce: u64,
    /// Tokens to re-execute.
    pub tokens: u64,
    /// What the host forfeits if the payload is missing.
    pub stake: Amount,
    /// Auditor; none if nobody may audit, or the receipt was drawn before in this round.
    pub auditor: Option<String>,
    /// The auditor's word.
    pub vote: Option<Vote>,
    /// Panel that hears it: 1 an accusation, 2 the review, 3 availability.
    pub stage: Option<u32>,
    /// What came of it.
    pub verdict: Option<Verdict>,
}

/// What came of a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It enters the evidence.
    Score(quern_evidence::Score),
    /// The payload is missing: liveness, not fraud.
    Missing,
}

/// An auditor's work in a round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkInfo {
    /// Auditor.
    pub auditor: String,
    /// Numbers of the leaves, in the order of the assignment.
    pub leaves: Vec<u64>,
    /// What it committed.
    pub root: Option<Node>,
    /// Votes revealed.
    pub revealed: u32,
    /// Positions opened.
    pub opened: u32,
    /// Offset of the report that it must open next, once drawn.
    pub opening: Option<Amount>,
}

/// Where a host stands. Liveness and fraud are counted apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostRecord {
    /// First leaves that were audited whole.
    pub walked: u64,
    /// Leaves that entered the evidence.
    pub audited: u64,
    /// Of them, with a score above zero.
    pub condemned: u64,
    /// Payloads that were missing.
    pub missing: u64,
    /// Drawn offsets that nobody revealed.
    pub withheld: u64,
    /// What that cost.
    pub forfeited: Amount,
    /// Whether unbonding and pay are frozen.
    pub frozen: bool,
    /// Convictions.
    pub convictions: u64,
    /// As an auditor: rounds that earned.
    pub reports: u64,
    /// As an auditor: rounds that did not.
    pub missed: u64,
    /// Earned and not withdrawn.
    pub owed: Amount,
}

/// Sums: the contract's balance is `pot + owed`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// For later pay.
    pub pot: Amount,
    /// Earned and not withdrawn.
    pub owed: Amount,
    /// Received so far: `pot + owed + paid`.
    pub funded: Amount,
    /// Withdrawn so far.
    pub paid: Amount,
}

/// Questions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum QueryMsg {
    /// [`Params`].
    Params {},
    /// [`RoundInfo`] of the round that is worked on.
    Round {},
    /// `Option<PendingReveal>`.
    Pending {
        /// Host.
        host: String,
    },
    /// `Vec<LeafInfo>` of this round by number.
    Leaves {
        /// After this number.
        start_after: Option<u64>,
        /// At most this many.
        limit: Option<u32>,
    },
    /// `Option<WorkInfo>`.
    Work {
        /// Auditor.
        auditor: String,
    },
    /// `Vec<Seat>` ([`quern_audit::Seat`]) of the panel that hears a leaf now; empty before its beacon.
    Panel {
        /// Number of the leaf.
        leaf: u64,
    },
    /// [`HostRecord`].
    Host {
        /// Host.
        host: String,
    },
    /// [`quern_evidence::HostEvidence`].
    Evidence {
        /// Host.
        host: String,
    },
    /// `Option<Calibration>`.
    Calibration {
        /// Model.
        model: String,
    },
    /// [`Totals`].
    Totals {},
}
