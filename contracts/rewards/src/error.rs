//! Every failure of this contract. The text starts with a stable name; what follows is for people.

use cosmwasm_std::StdError;
use quern_protocol::Amount;
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
    /// Coins with a message that takes none.
    #[error("wrong_funds: send no coins")]
    WrongFunds,
    /// Nothing of the host's has vested since its last claim.
    #[error("nothing_vested: {0} has nothing to claim; more vests with every epoch")]
    NothingVested(String),
    /// More than has vested.
    #[error("not_vested: {0} has vested and is not paid")]
    NotVested(Amount),
    /// The chain says something that no chain says to this contract.
    #[error("not_handled: this contract has no {0}")]
    NotHandled(&'static str),
    /// A parameter breaks a rule.
    #[error("bad_params: {0}")]
    BadParams(&'static str),
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
