//! Coins out; none come in by message.

use cosmwasm_std::{BankMsg, Coin, MessageInfo};
use quern_protocol::Amount;

use crate::error::{ContractError, Result};

/// Refuses coins.
pub fn none(info: &MessageInfo) -> Result<()> {
    match info.funds.is_empty() {
        true => Ok(()),
        false => Err(ContractError::WrongFunds),
    }
}

/// Sends `amount`; nothing to do if it is zero.
pub fn send(to: &str, amount: Amount, denom: &str) -> Option<BankMsg> {
    (!amount.is_zero()).then(|| BankMsg::Send {
        to_address: to.to_owned(),
        amount: vec![Coin::new(amount.0, denom)],
    })
}

/// Burns `amount`; nothing to do if it is zero.
pub fn burn(amount: Amount, denom: &str) -> Option<BankMsg> {
    (!amount.is_zero()).then(|| BankMsg::Burn {
        amount: vec![Coin::new(amount.0, denom)],
    })
}

/// Adds, or fails.
pub fn add(sum: &mut Amount, amount: Amount) -> Result<()> {
    *sum = sum.checked_add(amount).ok_or(ContractError::Overflow)?;
    Ok(())
}

/// Takes away, or fails.
pub fn take(sum: &mut Amount, amount: Amount) -> Result<()> {
    *sum = sum.checked_sub(amount).ok_or(ContractError::Overflow)?;
    Ok(())
}
