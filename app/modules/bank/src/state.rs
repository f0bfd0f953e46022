//! Balances in the state.

use quern_context::Cx;
use quern_types::{AccAddress, Amount, Coin, Coins, Denom, Error, Result, errors};

use crate::{MODULE, keys};

/// Balance of one denomination, zero if none is held.
///
/// # Errors
/// `sdk/11` out of gas, or a halt.
pub fn balance(cx: &Cx, address: &AccAddress, denom: &Denom) -> Result<Amount> {
    cx.kv(MODULE)
        .get(&keys::balance(address, denom))?
        .map_or(Ok(0), |bytes| read_amount(&bytes))
}

/// All balances of an address, by denomination. Grows with the number of denominations held.
///
/// # Errors
/// As [`balance`].
pub fn all_balances(cx: &Cx, address: &AccAddress) -> Result<Coins> {
    let kv = cx.kv(MODULE).under(&keys::balances_of(address));
    let coins = kv
        .prefix(&[])
        .map(|entry| read_coin(&entry?))
        .collect::<Result<Vec<_>>>()?;
    Coins::try_from_sorted(coins).map_err(Error::halt)
}

/// What an address can spend of one denomination at the block's time.
///
/// # Errors
/// As [`balance`].
pub fn spendable(cx: &Cx, address: &AccAddress, denom: &Denom) -> Result<Amount> {
    let locked = quern_auth::locked(cx, address)?.amount_of(denom);
    Ok(balance(cx, address, denom)?.saturating_sub(locked))
}

pub(crate) fn set_balance(cx: &Cx, address: &AccAddress, denom: &Denom, amount: Amount) -> Result<()> {
    let kv = cx.kv(MODULE);
    let (balance, holder) = (keys::balance(address, denom), keys::holder(denom, address));
    if amount == 0 {
        kv.delete(&balance)?;
        return kv.delete(&holder);
    }
    kv.set(&balance, amount.to_string())?;
    if !kv.has(&holder)? {
        kv.set(&holder, [0])?;
    }
    Ok(())
}

/// Takes a coin that is not among the `locked` ones.
pub(crate) fn sub_balance(cx: &Cx, address: &AccAddress, coin: &Coin, locked: &Coins) -> Result<()> {
    let held = balance(cx, address, &coin.denom)?;
    let locked = locked.amount_of(&coin.denom);
    let spendable = held.checked_sub(locked).ok_or_else(|| {
        let denom = &coin.denom;
        errors::INSUFFICIENT_FUNDS.wrap(format!(
            "locked amount exceeds account balance funds: {locked}{denom} > {held}{denom}"
        ))
    })?;
    if spendable < coin.amount {
        return Err(errors::INSUFFICIENT_FUNDS.wrap(format!(
            "spendable balance {spendable}{} is smaller than {coin}",
            coin.denom
        )));
    }
    set_balance(cx, address, &coin.denom, held.saturating_sub(coin.amount))
}

pub(crate) fn add_balance(cx: &Cx, address: &AccAddress, coin: &Coin) -> Result<()> {
    // cannot overflow while the supply, which is checked where it grows, is at least each balance
    let sum = balance(cx, address, &coin.denom)?
        .checked_add(coin.amount)
        .ok_or_else(|| errors::INVALID_COINS.wrap("balance overflow"))?;
    set_balance(cx, address, &coin.denom, sum)
}

pub(crate) fn read_amount(bytes: &[u8]) -> Result<Amount> {
    std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Error::halt("corrupt amount in state"))
}

/// Reads an entry whose key is the denomination.
pub(crate) fn read_coin((key, value): &(Vec<u8>, Vec<u8>)) -> Result<Coin> {
    let denom = std::str::from_utf8(key).ok().and_then(|text| text.parse().ok());
    let denom = denom.ok_or_else(|| Error::halt("corrupt denomination in state"))?;
    Ok(Coin {
        denom,
        amount: read_amount(value)?,
    })
}
