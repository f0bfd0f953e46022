//! Coins sent along.

use cosmwasm_std::{BankMsg, Coin, CosmosMsg, MessageInfo, Uint256};
use quern_protocol::Amount;

use crate::error::{ContractError, Result};

/// Refuses anything but exactly `expected` of `denom`.
pub fn expect(info: &MessageInfo, expected: Amount, denom: &str) -> Result<()> {
    let right = match info.funds.as_slice() {
        [] => expected.is_zero(),
        [coin] => coin.denom == denom && coin.amount == Uint256::from(expected.0),
        _ => false,
    };
    right.then_some(()).ok_or_else(|| ContractError::WrongFunds {
        expected,
        denom: denom.to_owned(),
    })
}

/// Burns `amount`; nothing to do if it is zero.
pub fn burn(amount: Amount, denom: &str) -> Option<CosmosMsg> {
    let coin = Coin::new(amount.0, denom);
    (!amount.is_zero()).then(|| BankMsg::Burn { amount: vec![coin] }.into())
}
