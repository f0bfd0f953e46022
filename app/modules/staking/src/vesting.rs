//! Locked coins of vesting accounts may stand behind hosts, as on any chain of the SDK: what an account pays into
//! `bonding` is a delegation to x/auth, what `bonding` pays out to it an undelegation.
//!
//! It does not matter which message pays, MsgDelegate or a call of the contract. `bonding` takes coins for the
//! position of who pays alone, and refuses a call that does anything else with them, so coins that were tracked as
//! delegated are behind a host, or nothing has happened.

use quern_context::{Cx, GasMeter};
use quern_proto::{
    cosmos::{bank::v1beta1::MsgSend, base::v1beta1 as base},
    cosmwasm::wasm::v1::MsgExecuteContract,
};
use quern_system::BONDING;
use quern_types::{AccAddress, Coin, Coins, Result};

/// Notes, before a call moves its coins, what of a vesting account's coins they are.
///
/// # Errors
/// `sdk/5` if the account has too little, `sdk/11` out of gas, or a halt.
pub fn track_bond(cx: &Cx, call: &MsgExecuteContract) -> Result<()> {
    if call.funds.is_empty() || !is_bonding(cx, &call.contract)? {
        return Ok(());
    }
    match (AccAddress::from_bech32(&call.sender), coins(&call.funds)) {
        (Ok(funder), Ok(amount)) if is_vesting(cx, &funder)? => {
            quern_bank::track_delegation(cx, &funder, &amount)
        }
        // what is malformed the call itself refuses
        _ => Ok(()),
    }
}

/// Notes, before a transfer moves them, that coins come back to a vesting account.
///
/// # Errors
/// `sdk/11` out of gas, or a halt.
pub fn track_return(cx: &Cx, send: &MsgSend) -> Result<()> {
    if !is_bonding(cx, &send.from_address)? {
        return Ok(());
    }
    match (AccAddress::from_bech32(&send.to_address), coins(&send.amount)) {
        (Ok(funder), Ok(amount)) if is_vesting(cx, &funder)? => {
            quern_auth::track_undelegation(cx, &funder, &amount)
        }
        _ => Ok(()),
    }
}

fn is_bonding(cx: &Cx, address: &str) -> Result<bool> {
    // A user's address is shorter: transfers between users cost no look.
    let Some(address) = AccAddress::from_bech32(address)
        .ok()
        .filter(|a| a.as_bytes().len() == CONTRACT_LEN)
    else {
        return Ok(false);
    };
    Ok(quern_system::address(&free(cx), BONDING)? == Some(address))
}

/// Bytes of a contract's address.
const CONTRACT_LEN: usize = 32;

fn is_vesting(cx: &Cx, address: &AccAddress) -> Result<bool> {
    Ok(quern_auth::get(&free(cx), address)?.is_some_and(|account| account.vesting.is_some()))
}

/// The same state without charge: calls and transfers of others cost what they cost in wasmd.
fn free(cx: &Cx) -> Cx {
    cx.with_gas(GasMeter::infinite())
}

fn coins(wire: &[base::Coin]) -> Result<Coins> {
    let coins = wire.iter().map(|coin| Coin::parse(&coin.denom, &coin.amount));
    Coins::try_from_sorted(coins.collect::<Result<_>>()?)
}
