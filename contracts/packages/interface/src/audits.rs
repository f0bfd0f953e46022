//! `audits`: which leaves are re-executed, by whom, what came of it.

use crate::poc_weights::CommittedProof;
use crate::settlement::CommittedReceipt;
use quern_audit::{Ballot, Opening, Vote};
use quern_protocol::{Amount, Hash, Node, Price};
use serde::{Deserialize, Serialize};

pub use quern_audit::{Calibration, Profile, StageRule};
pub use quern_evidence::{Params as EvidenceParams, RateParams};

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
    /// Blocks to reveal votes: those of auditors, and those of a panel's ballots.
    pub vote_blocks: u64,
    /// Blocks for a panel to re-execute and to commit its ballots, after its draw.
    pub panel_blocks: u64,
    /// Most leaves that one host's draw takes in a round, first leaves apart.
    pub max_draws: u32,
    /// Most answers drawn of what a host proved of one model in one sprint; 0 audits no proofs.
    pub proof_draws: u32,
    /// What a leaf captures on average: the same for every host, so that cutting work into other leaves
    /// changes no risk.
    pub mean_capture: Amount,
    /// Most hosts of a model's group that a round's draws know.
    pub max_candidates: u32,
    /// Steps of work of one block's end, and most of one [`ExecuteMsg::Advance`].
    pub steps: u32,
    /// Positions that an auditor opens.
    pub openings: u32,
    /// An auditor's report is checked by a panel with probability one in so many; never at 0.
    #[serde(default)]
    pub check_every: u32,
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
    /// The contract whose proofs are audited too; none on a chain without proof of compute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poc_weights: Option<String>,
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
    /// From anyone, for a host: reveals the leaf that the pending offset of its receipts asks for.
    Reveal {
        /// Round.
        round: u64,
        /// Host.
        host: String,
        /// Leaf.
        leaf: Box<CommittedReceipt>,
    },
    /// From anyone, for a host: reveals the answer that the pending offset of a sprint's proofs asks for.
    RevealProof {
        /// Round.
        round: u64,
        /// Host.
        host: String,
        /// Answer.
        proof: Box<CommittedProof>,
    },
    /// From a host: gives up one leaf that is asked for, whose payload it lost. It forfeits what withholding that
    /// leaf costs, and nothing else.
    GiveUp {
        /// Round.
        round: u64,
        /// Host.
        host: String,
        /// What is given up: as [`QueryMsg::Pending`] answers it.
        source: PendingSource,
        /// Where the leaf ends, in the same measure as its offset. It counts for a host's first leaves only, which
        /// are asked for one after the other: all that lies before it is forfeited.
        end: Amount,
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
    /// From a host with a seat on a panel: commits its ballot, so that nobody copies it.
    CommitBallot {
        /// Round.
        round: u64,
        /// Host.
        auditor: String,
        /// Number of the leaf.
        leaf: u64,
        /// [`Ballot::commitment`].
        commitment: Hash,
    },
    /// From a host that committed a ballot: reveals it, once the position that it opens is drawn
    /// ([`PanelInfo`]).
    PanelVote {
        /// Round.
        round: u64,
        /// Host.
        auditor: String,
        /// Number of the leaf.
        leaf: u64,
        /// Its word.
        ballot: Box<Ballot>,
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

/// What a host must reveal next in one of its draws.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PendingReveal {
    /// Round.
    pub round: u64,
    /// Which leaf.
    pub source: PendingSource,
    /// First height at which it may count as withheld.
    pub until: u64,
}

/// Where a drawn leaf lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum PendingSource {
    /// Among the host's receipts: [`ExecuteMsg::Reveal`].
    Receipts {
        /// Offset in everything that the host ever committed, in `nqrn`: the sum of the roots before
        /// ([`crate::settlement::BatchPlace`]) and inside the batch.
        offset: Amount,
    },
    /// Among the host's answers of a sprint: [`ExecuteMsg::RevealProof`].
    Proofs {
        /// Sprint.
        sprint: u64,
        /// Model.
        model: String,
        /// Offset in the root's sum.
        offset: Amount,
    },
}

/// What a leaf is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum LeafSource {
    /// A paid request.
    Receipt {
        /// Session.
        session: u64,
        /// Nonce.
        nonce: u64,
        /// Who paid.
        payer: String,
    },
    /// A request of proof of compute.
    Proof {
        /// Sprint.
        sprint: u64,
        /// Number of the request.
        index: u32,
    },
}

/// A leaf under audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeafInfo {
    /// Number in the round, from 1.
    pub number: u64,
    /// Digest of the receipt or of the proof's leaf.
    pub id: Hash,
    /// Host.
    pub host: String,
    /// Model.
    pub model: String,
    /// Generation of (host, model) under which it was served.
    pub generation: u32,
    /// What it is of.
    pub source: LeafSource,
    /// Tokens to re-execute, those of the prompt included.
    pub tokens: u64,
    /// Tokens of the output: the positions of a finding.
    pub positions: u32,
    /// Whether the temperature is 0.
    pub greedy: bool,
    /// Hardware profile that the host offers the model with; none if it offers it no longer.
    pub host_profile: Option<String>,
    /// What the host forfeits if the payload is missing.
    pub stake: Amount,
    /// Auditor; none if nobody may audit, the leaf was drawn before in this round, or its verdict needed none.
    pub auditor: Option<String>,
    /// The auditor's word.
    pub vote: Option<Vote>,
    /// Panel that hears it: 1 an accusation, 2 the review of what the first found, 3 availability, or a check of its
    /// auditor.
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

/// A host on a panel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PanelSeat {
    /// Host.
    pub host: String,
    /// Seats that it holds.
    pub seats: u32,
    /// Whether its ballot is committed.
    pub committed: bool,
    /// Its word, once revealed.
    pub vote: Option<Vote>,
}

/// A panel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PanelInfo {
    /// 1 an accusation, 2 the review, 3 availability, or a check of the leaf's auditor.
    pub stage: u32,
    /// Seats by host.
    pub seats: Vec<PanelSeat>,
    /// First height at which no ballot is committed any more.
    pub commit_until: u64,
    /// Position that every ballot opens, once drawn: from then on ballots are revealed.
    pub position: Option<u32>,
    /// First height at which no ballot is revealed any more.
    pub reveal_until: u64,
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
    /// Payloads that were missing, of receipts and of proofs.
    pub missing: u64,
    /// Drawn offsets that the host gave up or that nobody revealed, of receipts and of proofs.
    pub withheld: u64,
    /// Answers of proof of compute that were audited.
    pub proofs: u64,
    /// Of them, failed, missing or withheld.
    pub proofs_failed: u64,
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
    /// Of them, those in which a panel measured another margin than it committed, or it opened another position than
    /// was drawn from its leaves.
    pub refuted: u64,
    /// Earned and not withdrawn.
    pub owed: Amount,
    /// What of its next pay stays in the pot, for rounds in which a check found nothing behind its report.
    pub debt: Amount,
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
    /// `Vec<PendingReveal>`: one for each draw that still asks for a leaf: of the round's receipts, of those of the
    /// round before while evidence is high, and of each sprint and model that was proven.
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
    /// `Option<PanelInfo>` of the panel that hears a leaf now; none before its beacon.
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
