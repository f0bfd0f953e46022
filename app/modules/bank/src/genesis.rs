//! Genesis import and export, and the supply invariant.

use std::collections::BTreeMap;

use quern_context::Cx;
use quern_genesis::{Balance, BankGenesis, BankParams, SendEnabled};
use quern_types::{AccAddress, Amount, Coin, Coins, Denom, Error, Result, errors};

use crate::{MODULE, keys, metadata, params, state, supply};

/// Writes balances, supply, metadata and switches.
///
/// # Errors
/// `sdk/18` if the stated supply is not the sum of the balances.
pub fn init_genesis(cx: &Cx, genesis: &BankGenesis) -> Result<()> {
    params::set_default_send_enabled(cx, genesis.params.default_send_enabled)?;
    for switch in genesis.params.send_enabled.iter().chain(&genesis.send_enabled) {
        params::set_switch(cx, switch.denom.as_str(), switch.enabled)?;
    }
    let mut total = Coins::empty();
    for balance in &genesis.balances {
        for coin in &balance.coins {
            state::add_balance(cx, &balance.address, coin)?;
        }
        total = total.checked_add(&balance.coins)?;
    }
    if !genesis.supply.is_empty() && genesis.supply != total {
        return Err(errors::INVALID_REQUEST.wrap(format!(
            "genesis supply is incorrect, expected {total}, got {}",
            genesis.supply
        )));
    }
    for coin in &total {
        supply::set_supply(cx, &coin.denom, coin.amount)?;
    }
    for entry in &genesis.denom_metadata {
        metadata::set(cx, entry)?;
    }
    Ok(())
}

/// Reads everything out of the state, in key order.
///
/// # Errors
/// A halt.
pub fn export_genesis(cx: &Cx) -> Result<BankGenesis> {
    let kv = cx.kv_unmetered(MODULE);
    let mut balances: Vec<Balance> = Vec::new();
    for entry in kv.under(keys::BALANCES).prefix(&[]) {
        let (address, coin) = read_balance(entry?)?;
        match balances.last_mut() {
            Some(last) if last.address == address => {
                last.coins = last.coins.checked_add(&Coins::one(coin))?;
            }
            _ => balances.push(Balance {
                address,
                coins: Coins::one(coin),
            }),
        }
    }
    let mut send_enabled = Vec::new();
    for entry in kv.under(keys::SEND_ENABLED).prefix(&[]) {
        let (denom, value) = entry?;
        send_enabled.push(SendEnabled {
            denom: read_denom(&denom)?,
            enabled: value == [1],
        });
    }
    let mut denom_metadata = Vec::new();
    for entry in kv.under(keys::METADATA).prefix(&[]) {
        denom_metadata.push(metadata::to_genesis(metadata::decode(&entry?.1)?));
    }
    let supply = kv
        .under(keys::SUPPLY)
        .prefix(&[])
        .map(|e| state::read_coin(&e?))
        .collect::<Result<_>>()?;
    Ok(BankGenesis {
        params: BankParams {
            send_enabled: Vec::new(),
            default_send_enabled: params::default_send_enabled(cx)?,
        },
        balances,
        supply: Coins::try_from_sorted(supply).map_err(Error::halt)?,
        denom_metadata,
        send_enabled,
    })
}

/// The invariant: for every denomination the supply equals the sum of balances. Reads all balances.
///
/// # Errors
/// A halt that names the denomination.
pub fn check_supply(cx: &Cx) -> Result<()> {
    let kv = cx.kv_unmetered(MODULE);
    let mut sums: BTreeMap<Denom, Amount> = BTreeMap::new();
    for entry in kv.under(keys::BALANCES).prefix(&[]) {
        let (_, coin) = read_balance(entry?)?;
        let sum = sums.entry(coin.denom).or_default();
        *sum = sum
            .checked_add(coin.amount)
            .ok_or_else(|| Error::halt("sum of balances overflows"))?;
    }
    let mut stated = BTreeMap::new();
    for entry in kv.under(keys::SUPPLY).prefix(&[]) {
        let coin = state::read_coin(&entry?)?;
        stated.insert(coin.denom, coin.amount);
    }
    if sums == stated {
        return Ok(());
    }
    Err(Error::halt(format!(
        "total supply invariant broken: balances sum to {sums:?}, supply is {stated:?}"
    )))
}

fn read_balance((key, value): (Vec<u8>, Vec<u8>)) -> Result<(AccAddress, Coin)> {
    let corrupt = || Error::halt("corrupt balance key in state");
    let (len, rest) = key.split_first().ok_or_else(corrupt)?;
    let (address, denom) = rest.split_at_checked(usize::from(*len)).ok_or_else(corrupt)?;
    let coin = state::read_coin(&(denom.to_vec(), value))?;
    Ok((AccAddress::from_bytes(address).map_err(|_| corrupt())?, coin))
}

fn read_denom(bytes: &[u8]) -> Result<Denom> {
    std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Error::halt("corrupt denomination in state"))
}
