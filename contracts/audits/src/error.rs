//! Every failure of this contract. The text starts with a stable name; what follows is for people.

use cosmwasm_std::StdError;
use quern_audit::AuditError;
use quern_evidence::EvidenceError;
use quern_interface::audits::Phase;
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
    /// Coins that the message does not take, or none where it takes some.
    #[error("wrong_funds: send {0} and no other coin")]
    WrongFunds(String),
    /// A parameter breaks a rule.
    #[error("bad_params: {0}")]
    BadParams(&'static str),
    /// Another round is worked on.
    #[error("wrong_round: round {0} is worked on now")]
    WrongRound(u64),
    /// The round is not where the message needs it.
    #[error("wrong_phase: the round is in {} now", crate::say::phase(*.0))]
    WrongPhase(Phase),
    /// Nothing of the host is drawn now.
    #[error("not_drawn: nothing of {0} is drawn and not revealed")]
    NotDrawn(String),
    /// The batch is not one of the round.
    #[error("not_in_round: the batch was not committed in this round")]
    NotInRound,
    /// The receipt's session is unknown, or the host is not in its committee.
    #[error("bad_session: {0}")]
    BadSession(&'static str),
    /// The answer is not one of the sprint's.
    #[error("bad_proof: {0}")]
    BadProof(&'static str),
    /// A proof, a draw or a format was refused.
    #[error("audit: {0}")]
    Audit(#[from] AuditError),
    /// Evidence was refused.
    #[error("evidence: {0}")]
    Evidence(#[from] EvidenceError),
    /// The auditor was assigned nothing.
    #[error("not_assigned: {0} has nothing to audit in this round")]
    NotAssigned(String),
    /// The report breaks a rule.
    #[error("bad_report: {0}")]
    BadReport(&'static str),
    /// Votes break a rule.
    #[error("bad_votes: {0}")]
    BadVotes(&'static str),
    /// An opening breaks a rule.
    #[error("bad_opening: {0}")]
    BadOpening(&'static str),
    /// No such leaf in this round.
    #[error("unknown_leaf: {0} is not a leaf of this round")]
    UnknownLeaf(u64),
    /// No panel hears the leaf now.
    #[error("no_panel: no panel hears leaf {0} now")]
    NoPanel(u64),
    /// The sender has no seat.
    #[error("no_seat: {0} has no seat on this panel")]
    NoSeat(String),
    /// It voted already.
    #[error("voted: {0} voted already")]
    Voted(String),
    /// The ballot is not the committed one, or breaks a rule.
    #[error("bad_ballot: {0}")]
    BadBallot(&'static str),
    /// Nothing was earned.
    #[error("nothing_owed: nothing to withdraw")]
    NothingOwed,
    /// The chain's answer cannot be read.
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
