//! Every failure of this contract. The text starts with a stable name; what follows is for people.

use cosmwasm_std::StdError;
use quern_protocol::ledger::LedgerError;
use quern_protocol::{Amount, Price};
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
    /// The message breaks a rule.
    #[error("bad_session: {0}")]
    BadSession(&'static str),
    /// The model takes no sessions.
    #[error("model_closed: {0} takes no sessions now")]
    ModelClosed(String),
    /// The price is above the maximum.
    #[error("price_too_high: a token costs {0} now; open with at least that as max_price")]
    PriceTooHigh(Price),
    /// Many sessions wait for their draw.
    #[error("fee_too_high: opening a session costs {0} now; open with at least that as max_fee")]
    FeeTooHigh(Amount),
    /// As many sessions wait as may.
    #[error("queue_full: too many sessions wait for their draw; try again in some blocks")]
    QueueFull,
    /// The router's bond does not cover another escrow.
    #[error("router_bond_short: the router's bond covers {0} more")]
    RouterBondShort(Amount),
    /// The router did not agree.
    #[error("no_consent: {0}")]
    NoConsent(&'static str),
    /// No such session.
    #[error("unknown_session: {0}")]
    UnknownSession(u64),
    /// The session ended so long ago that nothing can need it.
    #[error(
        "session_forgotten: {0} ended long ago and is removed; ask a node that keeps old heights for it"
    )]
    SessionForgotten(u64),
    /// The session is not where the message needs it.
    #[error("wrong_phase: the session is {0}")]
    WrongPhase(&'static str),
    /// The host is not in the session's committee.
    #[error("not_in_committee: {0}")]
    NotInCommittee(String),
    /// The arithmetic refuses.
    #[error("ledger: {0}")]
    Ledger(#[from] LedgerError),
    /// The sender is no host's warm key now.
    #[error("not_warm_key: send batches from the host's current warm key")]
    NotWarmKey,
    /// The batch breaks a rule.
    #[error("bad_batch: {0}")]
    BadBatch(&'static str),
    /// The sequence is not the next.
    #[error("wrong_sequence: expected {0}")]
    WrongSequence(u64),
    /// No such batch, or it is no longer kept.
    #[error("unknown_batch: {host} has no batch {sequence}")]
    UnknownBatch {
        /// Host.
        host: String,
        /// Sequence.
        sequence: u64,
    },
    /// The batch was committed too late to count.
    #[error("batch_too_late: it was committed at {height}, the last that counts is {last}")]
    BatchTooLate {
        /// Of the commit.
        height: u64,
        /// Last that counts.
        last: u64,
    },
    /// A proof does not lead to the committed root.
    #[error("not_included: the proof does not lead to the committed root")]
    NotIncluded,
    /// The signature is not by the key that counts.
    #[error("bad_signature: {0}")]
    BadSignature(&'static str),
    /// The voucher gives no right here.
    #[error("bad_voucher: {0}")]
    BadVoucher(&'static str),
    /// Too early.
    #[error("too_early: possible from height {0}")]
    TooEarly(u64),
    /// Too late.
    #[error("too_late: possible before height {0}")]
    TooLate(u64),
    /// The host was convicted; its claims of that generation are void.
    #[error("convicted: claims of {0} of this generation are void")]
    Convicted(String),
    /// The host's pay is held back.
    #[error("frozen: evidence against {host} is open; possible from height {until}, or when it thaws")]
    Frozen {
        /// Host.
        host: String,
        /// Height.
        until: u64,
    },
    /// More would be claimed than was ever committed.
    #[error("over_committed: {0} is all that the host's batches still cover")]
    OverCommitted(Amount),
    /// The proof shows no fault.
    #[error("no_fault: {0}")]
    NoFault(&'static str),
    /// What should show that a host did not serve breaks a rule.
    #[error("bad_miss: {0}")]
    BadMiss(&'static str),
    /// Nothing waits for the sender.
    #[error("nothing_owed: no refund waits for you")]
    NothingOwed,
    /// More bond than is free.
    #[error("bond_in_use: {0} can be taken")]
    BondInUse(Amount),
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
