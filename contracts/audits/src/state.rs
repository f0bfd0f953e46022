//! Every key of this contract.

use cosmwasm_std::{Addr, Empty, Order, StdResult, Storage};
use cw_storage_plus::{Item, Map};
use quern_audit::{Calibration, Candidate, Margin, Sampling, Vote, Walk};
use quern_evidence::{HostEvidence, Score};
use quern_interface::audits::{HostRecord, LeafSource, Params, Phase, Totals, Verdict};
use quern_protocol::{Amount, Hash, Node};
use serde::{Deserialize, Serialize};

use crate::assign::REVIEW;
use crate::table::Table;

/// Who may call what, and whom this contract calls.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Config {
    /// Governance.
    pub authority: Addr,
    /// The registry.
    pub registry: Addr,
    /// The bonding contract.
    pub bonding: Addr,
    /// The settlement contract.
    pub settlement: Addr,
    /// The contract of proof of compute.
    pub poc_weights: Option<Addr>,
}

/// The round that is worked on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Round {
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
    /// Beacon of the draws of leaves and auditors.
    pub beacon: Option<Hash>,
    /// Beacon of the panels of this phase.
    pub panel_beacon: Option<Hash>,
    /// Beacon of the positions that auditors open.
    pub opening_beacon: Option<Hash>,
    /// Whether the auditors to check were drawn.
    pub checked: bool,
    /// Where a sweep by name is: model or host.
    pub name: Option<String>,
    /// Where a sweep by number is, or a second name below the first.
    pub below: Option<String>,
    /// Last leaf that a sweep saw, pages of a group that it wrote, or findings of a report that it passed.
    pub leaf: u64,
    /// Positions from there to the one that a check looks for; none between reports.
    pub rest: Option<Amount>,
    /// Leaves that were revealed.
    pub leaves: u64,
    /// Verified positions that are paid for.
    pub positions: u64,
    /// Set aside for this round's pay.
    pub budget: Amount,
}

/// Candidates of a model's group at the snapshot: a page of it in the store, or all.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Group {
    /// By address.
    pub candidates: Vec<Candidate>,
    /// Their hardware profiles, in the same order.
    pub profiles: Vec<String>,
}

impl Group {
    /// A whole group; empty without a snapshot.
    pub fn load(storage: &dyn Storage, model: &str) -> StdResult<Self> {
        let mut group = Self::default();
        for page in GROUPS.prefix(model).keys(storage, None, None, Order::Ascending) {
            let page = GROUPS.read(storage, (model, page?))?;
            group.candidates.extend(page.candidates);
            group.profiles.extend(page.profiles);
        }
        Ok(group)
    }

    /// The profile that a host offers the model with.
    pub fn profile(&self, host: &str) -> Option<&str> {
        let known = self
            .candidates
            .binary_search_by(|known| known.host.as_str().cmp(host));
        self.profiles.get(known.ok()?).map(String::as_str)
    }
}

/// A host's draw.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    /// Sum of the host's roots before the round.
    pub base: Amount,
    /// Sum of the round's.
    pub total: Amount,
    /// First leaves.
    pub walk: Walk,
    /// Leaves revealed by the walk.
    pub walked: u64,
    /// Rate of the rest in basis points.
    pub bps: u32,
    /// The rest; begins where the walk ended.
    pub sampling: Option<Sampling>,
    /// Leaves that the rest draws.
    pub draws: u32,
    /// Offsets that the host gave up, or that nobody revealed.
    pub withheld: u64,
    /// What this round costs the host so far.
    pub forfeit: Amount,
    /// Whether the findings have entered the evidence, and only convictions and verdicts on proofs are left.
    pub heard: bool,
    /// Convictions to carry out: models, and the generations that they are for.
    pub convictions: Vec<(String, u32)>,
}

/// A host's draw among its answers of one model in one sprint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProofCase {
    /// Generation at the commit.
    pub generation: u32,
    /// What it committed.
    pub root: Node,
    /// Answers.
    pub count: u32,
    /// The draw.
    pub sampling: Sampling,
    /// Drawn offsets that the host gave up, or that nobody revealed.
    pub withheld: u32,
    /// What came of those that were revealed, once they have their verdicts.
    pub judged: Judged,
}

/// Answers of a host, of one model in one sprint.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Judged {
    /// Right.
    pub clean: u32,
    /// Wrong.
    pub failed: u32,
    /// Their payload is missing.
    pub missing: u32,
}

/// A leaf under audit.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Leaf {
    /// Digest of the receipt or of the proof's leaf.
    pub id: Hash,
    /// Host.
    pub host: Addr,
    /// Model.
    pub model: String,
    /// Generation under which it was served.
    pub generation: u32,
    /// What it is of.
    pub source: LeafSource,
    /// Tokens to re-execute, those of the prompt included.
    pub tokens: u64,
    /// Tokens of the output.
    pub positions: u32,
    /// Positions of them that are paid for.
    pub paid: u64,
    /// Whether the temperature is 0.
    pub greedy: bool,
    /// Hardware profile of the host.
    pub host_profile: Option<String>,
    /// What the host forfeits if the payload is missing.
    pub stake: Amount,
    /// Auditor.
    pub auditor: Option<Addr>,
    /// Its number among those assigned to the auditor.
    pub assignment: u32,
    /// The auditor's word.
    pub vote: Option<Vote>,
    /// Scores of the stages so far.
    pub scores: Vec<Score>,
    /// Panel that hears it.
    pub stage: Option<u32>,
    /// What came of it.
    pub verdict: Option<Verdict>,
    /// Position at which its auditor is checked.
    pub check: Option<u32>,
    /// What the first panel measured there.
    pub measured: Option<Margin>,
}

impl Leaf {
    /// The position that a panel's ballots open because its auditor is checked there.
    pub fn checked_at(&self, stage: u32) -> Option<u32> {
        self.check.filter(|_| stage != REVIEW)
    }
}

/// An auditor's work in a round.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Work {
    /// Leaves assigned.
    pub count: u32,
    /// Positions of them.
    pub positions: u64,
    /// Positions of them that are paid for.
    pub paid: u64,
    /// What it committed.
    pub root: Option<Node>,
    /// Votes revealed.
    pub revealed: u32,
    /// Positions opened.
    pub opened: u32,
    /// Leaf, position and margin of the first of them.
    pub first: Option<(u64, u32, Margin)>,
    /// Leaf of that position, if it is checked.
    pub check: Option<u64>,
}

/// The ballot of one host on a panel.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Cast {
    /// Its seats.
    pub seats: u32,
    /// What it committed.
    pub commitment: Hash,
    /// Its word, once revealed.
    pub vote: Option<Vote>,
    /// The margin that it opened.
    pub margin: Option<Margin>,
}

/// Contracts around this one.
pub const CONFIG: Item<Config> = Item::new("config");
/// Parameters of this round.
pub const PARAMS: Item<Params> = Item::new("params");
/// Parameters from the next round on.
pub const NEXT_PARAMS: Item<Params> = Item::new("next_params");
/// Calibrations of this round.
pub const CALIBRATIONS: Map<&str, Calibration> = Map::new("calibrations");
/// Calibrations from the next round on.
pub const NEXT_CALIBRATIONS: Map<&str, Calibration> = Map::new("next_calibrations");
/// The round.
pub const ROUND: Item<Round> = Item::new("round");
/// Groups at the snapshot, in pages so that no step writes more than its own.
pub const GROUPS: Map<(&str, u32), Group> = Map::new("groups");
/// Whether a group had enough independent hosts at the snapshot.
pub const LARGE: Map<&str, bool> = Map::new("large");
/// Draws by host from what the round before covered; before they begin, the round before's own.
pub const BACKLOG: Map<&Addr, Case> = Map::new("backlog");
/// Draws by host.
pub const CASES: Map<&Addr, Case> = Map::new("cases");
/// Draws of proofs by host, sprint and model.
pub const PROOF_CASES: Map<(&Addr, u64, &str), ProofCase> = Map::new("proof_cases");
/// Leaves by number.
pub const LEAVES: Map<u64, Leaf> = Map::new("leaves");
/// Leaves that were drawn in this round.
pub const SEEN: Map<&[u8], Empty> = Map::new("seen");
/// Leaves of a host.
pub const HOST_LEAVES: Map<(&Addr, u64), Empty> = Map::new("host_leaves");
/// An auditor's leaves in the order of the assignment.
pub const ASSIGNED: Map<(&Addr, u32), u64> = Map::new("assigned");
/// Work by auditor.
pub const WORK: Map<&Addr, Work> = Map::new("work");
/// Ballots by leaf, stage and host.
pub const BALLOTS: Map<(u64, u32, &Addr), Cast> = Map::new("ballots");
/// Verified positions by auditor.
pub const TALLY: Map<&Addr, u64> = Map::new("tally");
/// Evidence by host.
pub const EVIDENCE: Map<&Addr, HostEvidence> = Map::new("evidence");
/// Counts by host.
pub const HOSTS: Map<&Addr, HostRecord> = Map::new("hosts");
/// Sums.
pub const TOTALS: Item<Totals> = Item::new("totals");
