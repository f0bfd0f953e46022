//! Every failure of this contract. The text starts with a stable name; what follows is for people.

use cosmwasm_std::StdError;
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
    /// No message takes coins.
    #[error("wrong_funds: send no coins")]
    WrongFunds,
    /// A parameter breaks a rule.
    #[error("bad_params: {0}")]
    BadParams(&'static str),
    /// A quote of nothing, or too much.
    #[error("bad_quote: a QRN costs more than 0 and at most 1000000000 US dollars")]
    BadQuote,
    /// The height is not there yet.
    #[error("future_height: {0} is above the current height, so its price may still change")]
    FutureHeight(u64),
    /// The price of so old a height is no longer kept.
    #[error("price_forgotten: prices are kept from height {0} on")]
    PriceForgotten(u64),
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
