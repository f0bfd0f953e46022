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
    /// Coins other than those that the message takes.
    #[error("wrong_funds: {0}")]
    WrongFunds(String),
    /// Nobody can fund this host.
    #[error("host_inactive: {0} is not registered, is retired or is tombstoned")]
    HostInactive(String),
    /// The host takes no funders.
    #[error("host_closed: {0} is closed to other funders")]
    HostClosed(String),
    /// The operator's share would be too low.
    #[error("operator_share: the operator's own part must stay at least {min_bps} basis points of the bond")]
    OperatorShare {
        /// The minimum.
        min_bps: u32,
    },
    /// More than the position holds.
    #[error("insufficient_position: it holds {0}")]
    InsufficientPosition(Amount),
    /// Zero, or too little for one share of the pool.
    #[error("amount_too_small: send more")]
    AmountTooSmall,
    /// As much as can be kept apart is on its way out; only after a change of parameters.
    #[error("too_many_buckets: nothing more can unbond until a bucket matures")]
    TooManyBuckets,
    /// Nothing of the sender's has matured at this host.
    #[error("nothing_matured: nothing can be withdrawn yet")]
    NothingMatured,
    /// A move to the same host.
    #[error("same_host: a move needs two hosts")]
    SameHost,
    /// Another move of the same bucket goes elsewhere.
    #[error("move_conflict: what you move now already goes to {0}; wait for the next bucket")]
    MoveConflict(String),
    /// Nothing vested for the sender since it was paid last.
    #[error("nothing_earned: there is nothing to pay; more vests with every epoch")]
    NothingEarned,
    /// A commission that rises too fast.
    #[error("commission_too_high: at most {0} basis points in this epoch; it can always be lowered")]
    CommissionTooHigh(u32),
    /// The offence was slashed before.
    #[error("offence_known: {0} was slashed before")]
    OffenceKnown(String),
    /// A fraction, or an offence's text, breaks a rule.
    #[error("bad_slash: {0}")]
    BadSlash(&'static str),
    /// A parameter breaks a rule.
    #[error("bad_params: {0}")]
    BadParams(&'static str),
    /// A list is longer than the contract reads.
    #[error("too_many: at most {0}")]
    TooMany(u32),
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
