//! Genesis import and export.

use quern_context::Cx;
use quern_genesis::{
    Account as GenesisAccount, AuthGenesis, AuthParams, BaseAccount, ModuleAccount, PubKey as GenesisKey,
};
use quern_types::{Result, errors};

use crate::{Account, MODULE, ModuleInfo, Params, PubKey, keys, set_params, state};

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
    let mut accounts = genesis.accounts.iter().map(from_genesis).collect::<Vec<_>>();
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

fn from_genesis(account: &GenesisAccount) -> Account {
    let base = account.base();
    let module = match account {
        GenesisAccount::Base(_) => None,
        GenesisAccount::Module(m) => Some(ModuleInfo {
            name: m.name.clone(),
            permissions: m.permissions.clone(),
        }),
    };
    Account {
        address: base.address.clone(),
        pub_key: base
            .pub_key
            .as_ref()
            .map(|GenesisKey::Secp256k1 { key }| PubKey::Secp256k1(*key)),
        number: base.account_number,
        sequence: base.sequence,
        module,
    }
}

fn to_genesis(account: Account) -> GenesisAccount {
    let base = BaseAccount {
        address: account.address,
        pub_key: account
            .pub_key
            .map(|PubKey::Secp256k1(key)| GenesisKey::Secp256k1 { key }),
        account_number: account.number,
        sequence: account.sequence,
    };
    match account.module {
        None => GenesisAccount::Base(base),
        Some(module) => GenesisAccount::Module(ModuleAccount {
            base_account: base,
            name: module.name,
            permissions: module.permissions,
        }),
    }
}
