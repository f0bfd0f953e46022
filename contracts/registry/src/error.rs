//! Every failure of this contract. The text starts with a stable name; what follows is for people.

use cosmwasm_std::StdError;
use quern_interface::registry::ModelState;
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
    /// Coins that the message does not take.
    #[error("wrong_funds: send exactly {expected}{denom} and no other coin")]
    WrongFunds {
        /// What the message costs.
        expected: Amount,
        /// Denomination.
        denom: String,
    },
    /// No such host.
    #[error("unknown_host: {0} never registered")]
    UnknownHost(String),
    /// The host stopped or was removed.
    #[error("host_inactive: {0} is retired or tombstoned")]
    HostInactive(String),
    /// The host is out for good.
    #[error("tombstoned: {0} signed two blocks and stays out; use another operator and another key")]
    Tombstoned(String),
    /// The sender is a host, or a router, already.
    #[error("already_registered: {0}; change the record instead")]
    AlreadyRegistered(String),
    /// No such router, or it stopped.
    #[error("unknown_router: {0}")]
    UnknownRouter(String),
    /// No such model.
    #[error("unknown_model: {0}")]
    UnknownModel(String),
    /// Another host has, or had, this consensus key.
    #[error("consensus_key_taken: another host uses or used this key")]
    ConsensusKeyTaken,
    /// A returning host must keep its consensus key, so that evidence still finds it.
    #[error("consensus_key_fixed: register again with the same consensus key")]
    ConsensusKeyFixed,
    /// Another host has, or had, this warm key.
    #[error("warm_key_taken: another host uses or used this key")]
    WarmKeyTaken,
    /// Not a point of the curve.
    #[error("warm_key_invalid: not a compressed secp256k1 key")]
    WarmKeyInvalid,
    /// A rotation of this block waits for the next.
    #[error("warm_key_pending: a rotation takes effect in the next block; try again then")]
    WarmKeyPending,
    /// A text of the record breaks a rule.
    #[error("bad_text: {field} must be {rule}")]
    BadText {
        /// Which.
        field: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// A list of offers breaks a rule.
    #[error("bad_offer: {0}")]
    BadOffer(&'static str),
    /// The model takes no hosts in this state.
    #[error("model_closed: {0} takes no new offers")]
    ModelClosed(String),
    /// The host was not convicted for the model.
    #[error("not_convicted: nothing to re-qualify from")]
    NotConvicted,
    /// The delay after a conviction is not over.
    #[error("too_early: possible from height {0}")]
    TooEarly(u64),
    /// The window breaks a rule.
    #[error("bad_maintenance: {0}")]
    BadMaintenance(&'static str),
    /// More maintenance than the credit allows.
    #[error("maintenance_credit: at most {0} blocks in any window")]
    MaintenanceCredit(u64),
    /// A model cannot go there from where it is.
    #[error("bad_transition: a model cannot go from {from:?} to {to:?}")]
    BadTransition {
        /// From.
        from: ModelState,
        /// To.
        to: ModelState,
    },
    /// Something that receipts were made under cannot change.
    #[error("model_fixed: {0} cannot change; launch another model")]
    ModelFixed(&'static str),
    /// A model's package breaks a rule.
    #[error("bad_model: {0}")]
    BadModel(&'static str),
    /// A parameter breaks a rule.
    #[error("bad_params: {0}")]
    BadParams(&'static str),
    /// The model had no price then, or it is no longer kept.
    #[error("no_price: none is kept for height {0}")]
    NoPrice(u64),
    /// What holds then is not known yet.
    #[error("future_height: {0} is not reached")]
    FutureHeight(u64),
    /// No key counted at that height.
    #[error("no_warm_key: none counted at height {0}")]
    NoWarmKey(u64),
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
