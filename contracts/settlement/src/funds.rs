//! Coins in and out.

use cosmwasm_std::{Addr, BankMsg, Binary, Coin, MessageInfo, Uint128, WasmMsg};
use quern_protocol::Amount;

use crate::error::{ContractError, Result};

/// Refuses coins.
pub fn none(info: &MessageInfo) -> Result<()> {
    if info.funds.is_empty() {
        Ok(())
    } else {
        Err(ContractError::WrongFunds("nothing".into()))
    }
}

/// The one coin that the message takes.
pub fn one(info: &MessageInfo, denom: &str) -> Result<Amount> {
    match info.funds.as_slice() {
        [coin] if coin.denom == denom && !coin.amount.is_zero() => amount(coin),
        _ => Err(ContractError::WrongFunds(format!("some {denom}"))),
    }
}

/// A coin's amount.
pub fn amount(coin: &Coin) -> Result<Amount> {
    let amount = Uint128::try_from(coin.amount).map_err(|_| ContractError::Overflow)?;
    Ok(Amount(amount.u128()))
}

fn coin(amount: Amount, denom: &str) -> Vec<Coin> {
    vec![Coin::new(amount.0, denom)]
}

/// A payment; none of nothing.
pub fn send(to: &str, amount: Amount, denom: &str) -> Option<BankMsg> {
    (!amount.is_zero()).then(|| BankMsg::Send {
        to_address: to.to_owned(),
        amount: coin(amount, denom),
    })
}

/// `quern_interface::audits::ExecuteMsg::Fund`; written out, as the code that writes that type is large.
const FUND: &[u8] = br#"{"fund":{}}"#;

/// A gift to the audits' pot; none of nothing.
pub fn to_audits(contract: &Addr, amount: Amount, denom: &str) -> Option<WasmMsg> {
    (!amount.is_zero()).then(|| WasmMsg::Execute {
        contract_addr: contract.to_string(),
        msg: Binary::from(FUND),
        funds: coin(amount, denom),
    })
}

/// A burn; none of nothing.
pub fn burn(amount: Amount, denom: &str) -> Option<BankMsg> {
    (!amount.is_zero()).then(|| BankMsg::Burn {
        amount: coin(amount, denom),
    })
}

/// Adds to a sum.
pub fn add(sum: &mut Amount, more: Amount) -> Result<()> {
    *sum = sum.checked_add(more).ok_or(ContractError::Overflow)?;
    Ok(())
}

/// Takes from a sum.
pub fn take(sum: &mut Amount, less: Amount) -> Result<()> {
    *sum = sum.checked_sub(less).ok_or(ContractError::Overflow)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use cosmwasm_std::to_json_binary;
    use quern_interface::audits::ExecuteMsg;

    #[test]
    fn the_audits_are_told_in_their_own_words() {
        assert_eq!(to_json_binary(&ExecuteMsg::Fund {}).unwrap(), super::FUND);
    }
}
