//! `poc-weights`: proof of compute, weights, and the validators that follow from them.

use quern_protocol::{Hash, Node, Proof, ProofLeaf, ProofShape};
pub use quern_weights::Params as WeightParams;
use serde::{Deserialize, Serialize};

/// Parameters; governance changes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Blocks from a sprint's beacon to its last commit.
    pub sprint_blocks: u64,
    /// Blocks from an epoch's begin to its window: sprints that everybody knows of, one after the other.
    pub window_start: u64,
    /// Sprints of a window.
    pub window_sprints: u32,
    /// A confirmation, a sprint that nobody knows of, begins in a block with probability one in so many; none
    /// at 0.
    pub confirm_every: u32,
    /// Sprints of a host and model whose verdicts count together.
    pub judged_sprints: u32,
    /// Blocks for which a sprint and what was committed in it are kept after its deadline: longer than the
    /// audits take to judge it.
    pub kept_blocks: u64,
    /// Cover, cap, bounds of the set.
    pub weights: quern_weights::Params,
}

/// A model that is proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofModel {
    /// Model.
    pub model: String,
    /// Token ids that prompts are drawn from, from 0.
    pub vocabulary: u32,
    /// Lengths of requests.
    pub shapes: Vec<ProofShape>,
    /// What one token's work of this model counts, in millionths.
    pub coefficient: u32,
}

/// First message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstantiateMsg {
    /// Who changes parameters and models: governance.
    pub authority: String,
    /// The registry.
    pub registry: String,
    /// The bonding contract.
    pub bonding: String,
    /// Contracts whose verdicts on proofs count: the audits.
    pub judges: Vec<String>,
    /// Parameters.
    pub params: Params,
    /// Models.
    pub models: Vec<ProofModel>,
}

/// Messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum ExecuteMsg {
    /// From a host or its warm key: commits the answers of a sprint. The last one counts, one a block.
    CommitProof {
        /// Sprint.
        sprint: u64,
        /// Model.
        model: String,
        /// Root of [`quern_protocol::proof_tree`]; its sum is the work.
        root: Node,
        /// Answers in it.
        count: u32,
    },
    /// From a judge, once for each host, model and sprint: what came of the leaves that were drawn.
    Judge {
        /// Host.
        host: String,
        /// Model.
        model: String,
        /// Sprint.
        sprint: u64,
        /// Leaves that re-execution confirmed.
        clean: u32,
        /// Leaves that it did not, withheld and missing ones included.
        failed: u32,
    },
    /// From governance: the models that are proven, from the next sprint on.
    SetModels {
        /// All of them, at most 16.
        models: Vec<ProofModel>,
    },
    /// From governance.
    UpdateParams(Params),
}

/// Why a sprint began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SprintKind {
    /// Part of an epoch's window.
    Window,
    /// Drawn.
    Confirmation,
}

/// A sprint: the same blocks for all hosts and models, so that one machine cannot back two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SprintInfo {
    /// Number, from 1.
    pub sprint: u64,
    /// Epoch whose end makes weights of it.
    pub epoch: u64,
    /// Kind.
    pub kind: SprintKind,
    /// Height whose beacon seeds it.
    pub start: u64,
    /// Last height at which a commit counts.
    pub deadline: u64,
    /// That beacon.
    pub beacon: Hash,
}

/// What a judge said of a host's answers in a sprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judged {
    /// Leaves that re-execution confirmed.
    pub clean: u32,
    /// Leaves that it did not.
    pub failed: u32,
}

/// What a host committed in a sprint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofInfo {
    /// Sprint.
    pub sprint: SprintInfo,
    /// Host.
    pub host: String,
    /// Model.
    pub model: String,
    /// Generation of (host, model) at the commit.
    pub generation: u32,
    /// Root; its sum is the work.
    pub root: Node,
    /// Answers.
    pub count: u32,
    /// Height of the commit.
    pub committed_at: u64,
    /// What a judge said of it.
    pub judged: Option<Judged>,
}

/// An answer proven into a committed root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommittedProof {
    /// Sprint.
    pub sprint: u64,
    /// Model.
    pub model: String,
    /// Answer.
    pub leaf: ProofLeaf,
    /// That it is in the root.
    pub proof: Proof,
}

/// What a host's proofs made of it at an epoch's end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightInfo {
    /// Host.
    pub host: String,
    /// Weighted work in 1,000 blocks that it proved, over all models, before any cut.
    pub proven: u64,
    /// The same after verdicts.
    pub verified: u64,
    /// The same after presence.
    pub present: u64,
    /// The same as far as bond covers it.
    pub covered: u64,
    /// Voting power that it moves towards.
    pub power: u64,
}

/// How the last set came about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochInfo {
    /// Epoch.
    pub epoch: u64,
    /// Height of its end.
    pub height: u64,
    /// How.
    pub mode: quern_weights::Mode,
    /// Epochs in a row with too few proofs.
    pub missed: u32,
    /// Sum of the powers that the set moves towards.
    pub total_power: u64,
}

/// Questions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum QueryMsg {
    /// [`Params`].
    Params {},
    /// `Vec<ProofModel>`: those of the next sprint.
    Models {},
    /// `Vec<ProofModel>`: those of a sprint that is kept.
    ModelsAt {
        /// Number.
        sprint: u64,
    },
    /// `Option<SprintInfo>`: the last that began.
    Sprint {},
    /// `Option<SprintInfo>` by number, among those kept.
    SprintBy {
        /// Number.
        sprint: u64,
    },
    /// `Option<ProofInfo>`.
    Proof {
        /// Sprint.
        sprint: u64,
        /// Host.
        host: String,
        /// Model.
        model: String,
    },
    /// `Vec<ProofInfo>` of a host in sprints whose deadline lies in `from..to`, at most 64.
    HostProofs {
        /// Host.
        host: String,
        /// First height.
        from: u64,
        /// Height after the last.
        to: u64,
    },
    /// `Vec<WeightInfo>` of the last epoch by host.
    Weights {
        /// After this host.
        start_after: Option<String>,
        /// At most this many.
        limit: Option<u32>,
    },
    /// `Option<WeightInfo>`.
    Weight {
        /// Host.
        host: String,
    },
    /// [`EpochInfo`] of the last epoch.
    Epoch {},
    /// [`quern_protocol::Amount`]: verified work a block of a model's whole group, of the last epoch, in tokens
    /// weighted by the model's coefficients, as captures at a price of 1.
    Capacity {
        /// Model.
        model: String,
    },
}
