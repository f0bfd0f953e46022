//! What the proofs' journal holds.

use quern_interface::poc_weights::{ProofModel, SprintInfo};
use quern_protocol::{Coefficients, Hash, ProofTask, proof_seed};
use serde::{Deserialize, Serialize};

/// One record, JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Record {
    /// A sprint began.
    Sprint(Box<Terms>),
    /// Requests were answered.
    Answers {
        /// Sprint.
        sprint: u64,
        /// Model; that of the last [`Record::Sprint`] of this number if none is named, as releases with one model wrote.
        #[serde(default)]
        model: Option<String>,
        /// In the order in which they were done.
        answers: Vec<Answer>,
    },
}

/// Who proves what: everything that a sprint's requests follow from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Terms {
    /// Chain.
    pub(crate) chain_id: String,
    /// Host.
    pub(crate) host: String,
    /// Sprint.
    pub(crate) sprint: SprintInfo,
    /// Model.
    pub(crate) model: ProofModel,
    /// What its tokens weigh.
    pub(crate) coefficients: Coefficients,
}

/// The answer to one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// Number of the request.
    pub(crate) index: u32,
    /// Tokens of its prompt.
    pub(crate) prompt: u32,
    /// The output.
    pub(crate) output: Vec<u32>,
}

impl Terms {
    /// Seed of request `index`.
    pub(crate) fn seed(&self, index: u32) -> Hash {
        let SprintInfo { sprint, beacon, .. } = &self.sprint;
        proof_seed(
            &self.chain_id,
            beacon,
            *sprint,
            &self.host,
            &self.model.model,
            index,
        )
    }

    /// Request `index`; none if the model's shapes are of no use.
    pub(crate) fn task(&self, index: u32) -> Option<ProofTask> {
        ProofTask::expand(&self.seed(index), self.model.vocabulary, &self.model.shapes)
    }
}
