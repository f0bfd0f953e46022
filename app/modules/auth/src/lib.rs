//! Accounts, public keys, sequences and module accounts (Cosmos SDK x/auth).
//!
//! Owns the account of every address, the global account counter and the parameters of the ante
//! handler. An account is created when an address first receives coins; its number is never reused.
//!
//! Every module has this file set: `lib.rs` (what it owns), `keys.rs` (all state keys), `state.rs`,
//! `params.rs`, `msg.rs` (messages, their signers and handlers), `query.rs`, `genesis.rs`, and
//! `error.rs` where it has codes of its own.

mod account;
mod account_wire;
mod genesis;
mod genesis_account;
mod invariants;
mod keys;
mod msg;
mod params;
mod pubkey;
mod query;
mod state;
mod vesting;

pub use account::{Account, ModuleInfo};
pub use genesis::{export_genesis, init_genesis};
pub use invariants::{accounts, check_accounts};
pub use msg::Msg;
pub use params::{Params, params, set_params};
pub use pubkey::{Multisig, PubKey};
pub use query::query;
pub use state::{
    create, create_vesting, ensure, get, has, locked, module_account, set, track_delegation,
    track_undelegation,
};
pub use vesting::{Period, Schedule, Vesting};

/// Name of the module and of its part of the state.
pub const MODULE: &str = "acc";
/// Module account that collects transaction fees.
pub const FEE_COLLECTOR: &str = "fee_collector";
/// Module account whose address is the authority over parameters.
pub const GOV: &str = "gov";

/// Bech32 address of the authority over parameters: the gov module account.
pub fn authority() -> String {
    quern_types::module_address(GOV).to_string()
}

/// Refuses a message that is not signed by the authority, with the SDK's text.
///
/// # Errors
/// `gov/13`.
pub fn require_authority(signer: &str) -> quern_types::Result<()> {
    /// `gov/13`: the message's authority is not the gov module account.
    static INVALID_SIGNER: quern_types::Registered = quern_types::Registered::new(
        "gov",
        13,
        "expected gov account as only signer for proposal message",
    );
    let expected = authority();
    if signer == expected {
        return Ok(());
    }
    Err(INVALID_SIGNER.wrap(format!("invalid authority; expected {expected}, got {signer}")))
}
