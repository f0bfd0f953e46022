//! Genesis import and export.

use quern_context::Cx;
use quern_genesis::{AuthGenesis, AuthParams};
use quern_types::{Result, errors};

use crate::{
    Account, MODULE, Params,
    genesis_account::{from_genesis, to_genesis},
    keys, set_params, state,
};

/// Writes the genesis accounts. Numbers are given in the order of the listed ones, as the SDK does
/// (`SanitizeGenesisAccounts`).
///
/// # Errors
/// `sdk/18` where two accounts share an address or a parameter is invalid.
pub fn init_genesis(cx: &Cx, genesis: &AuthGenesis) -> Result<()> {
    let p = &genesis.params;
    set_params(
        cx,
        Params {
            max_memo_characters: p.max_memo_characters,
            tx_sig_limit: p.tx_sig_limit,
            tx_size_cost_per_byte: p.tx_size_cost_per_byte,
            sig_verify_cost_ed25519: p.sig_verify_cost_ed25519,
            sig_verify_cost_secp256k1: p.sig_verify_cost_secp256k1,
        },
    )?;
    let mut accounts = genesis
        .accounts
        .iter()
        .map(from_genesis)
        .collect::<Result<Vec<_>>>()?;
    accounts.sort_by_key(|account| account.number); // stable: equal numbers keep the listed order
    let mut next = 0u64;
    for mut account in accounts {
        if state::has(cx, &account.address)? {
            return Err(errors::INVALID_REQUEST.wrap(format!("duplicate account {}", account.address)));
        }
        account.number = account.number.max(next);
        next = account
            .number
            .checked_add(1)
            .ok_or_else(|| errors::INVALID_REQUEST.wrap("account number out of range"))?;
        state::set(cx, &account)?;
    }
    state::set_next_number(cx, next)
}

/// Reads parameters and accounts out of the state, accounts by number.
///
/// # Errors
/// A halt.
pub fn export_genesis(cx: &Cx) -> Result<AuthGenesis> {
    let p = crate::params(cx)?;
    let mut accounts = Vec::new();
    for entry in cx.kv_unmetered(MODULE).prefix(keys::ACCOUNTS) {
        accounts.push(Account::from_state(&entry?.1)?);
    }
    accounts.sort_by_key(|account| account.number);
    Ok(AuthGenesis {
        params: AuthParams {
            max_memo_characters: p.max_memo_characters,
            tx_sig_limit: p.tx_sig_limit,
            tx_size_cost_per_byte: p.tx_size_cost_per_byte,
            sig_verify_cost_ed25519: p.sig_verify_cost_ed25519,
            sig_verify_cost_secp256k1: p.sig_verify_cost_secp256k1,
        },
        accounts: accounts.into_iter().map(to_genesis).collect(),
    })
}
