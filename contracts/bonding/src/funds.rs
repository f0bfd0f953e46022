//! Coins in and out.

use cosmwasm_std::{BankMsg, Coin, CosmosMsg, MessageInfo, Uint128};
use quern_protocol::Amount;

use crate::error::{ContractError, Result};

/// The amount of `denom` sent along: one coin, not zero.
pub fn paid(info: &MessageInfo, denom: &str) -> Result<Amount> {
    match info.funds.as_slice() {
        [coin] if coin.denom == denom && !coin.amount.is_zero() => Uint128::try_from(coin.amount)
            .map(|amount| Amount(amount.u128()))
            .map_err(|_| ContractError::Overflow),
        _ => Err(ContractError::WrongFunds(format!(
            "send {denom} and no other coin"
        ))),
    }
}

/// Refuses coins.
pub fn none(info: &MessageInfo) -> Result<()> {
    if info.funds.is_empty() {
        return Ok(());
    }
    Err(ContractError::WrongFunds("send no coins".to_owned()))
}

/// Sends `amount`; nothing to do if it is zero.
pub fn send(to: &str, amount: Amount, denom: &str) -> Option<CosmosMsg> {
    let coin = Coin::new(amount.0, denom);
    let send = BankMsg::Send {
        to_address: to.to_owned(),
        amount: vec![coin],
    };
    (!amount.is_zero()).then(|| send.into())
}

/// Burns `amount`; nothing to do if it is zero.
pub fn burn(amount: Amount, denom: &str) -> Option<CosmosMsg> {
    let coin = Coin::new(amount.0, denom);
    (!amount.is_zero()).then(|| BankMsg::Burn { amount: vec![coin] }.into())
}
