//! Every failure of this contract. The text starts with a stable name; what follows is for people.

use cosmwasm_std::StdError;
use quern_weights::WeightError;
use thiserror::Error;

/// Why a call was refused.
#[derive(Debug, Error)]
pub enum ContractError {
    /// Storage, serialisation or a query failed.
    #[error("std: {0}")]
    Std(#[from] StdError),
    /// The sender may not do this.
    #[error("unauthorized: only {0} may do this")]
    Unauthorized(&'static str),
    /// Coins came along.
    #[error("wrong_funds: send no coins")]
    WrongFunds,
    /// A parameter breaks a rule.
    #[error("bad_params: {0}")]
    BadParams(&'static str),
    /// A model that is to be proven breaks a rule.
    #[error("bad_model: {model}: {rule}")]
    BadModel {
        /// Model.
        model: String,
        /// Rule.
        rule: &'static str,
    },
    /// The model is not proven in this sprint.
    #[error("unknown_model: {0} is not proven in this sprint")]
    UnknownModel(String),
    /// The sprint does not run.
    #[error("not_running: sprint {0} does not run now")]
    NotRunning(u64),
    /// The host is not in the model's group.
    #[error("not_member: {0} is not in the model's group")]
    NotMember(String),
    /// The root cannot be one of such answers.
    #[error("bad_proof: {0}")]
    BadProof(&'static str),
    /// The block has a commit of this host and model already.
    #[error("once_a_block: commit again in the next block")]
    OnceABlock,
    /// The host committed nothing of the kind, or it is no longer kept.
    #[error("unknown_proof: nothing is kept of {host} for {model} in sprint {sprint}")]
    UnknownProof {
        /// Host.
        host: String,
        /// Model.
        model: String,
        /// Sprint.
        sprint: u64,
    },
    /// A verdict breaks a rule.
    #[error("bad_verdict: {0}")]
    BadVerdict(&'static str),
    /// Arithmetic of weights was refused.
    #[error("weights: {0}")]
    Weights(#[from] WeightError),
    /// Another contract's answer, or the chain's, cannot be used.
    #[error("bad_answer: {0}")]
    BadAnswer(&'static str),
    /// A number does not fit.
    #[error("overflow: a number does not fit")]
    Overflow,
    /// The stored contract is another one, or newer.
    #[error("bad_migration: cannot migrate from {name} {version}")]
    BadMigration {
        /// Stored name.
        name: String,
        /// Stored version.
        version: String,
    },
}

/// What handlers return.
pub type Result<T, E = ContractError> = std::result::Result<T, E>;
