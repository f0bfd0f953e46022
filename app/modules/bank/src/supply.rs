//! Total supply, minting and burning.

use quern_context::Cx;
use quern_types::{AccAddress, Amount, Coins, Denom, Error, Result, errors};

use crate::{MODULE, event, keys, state::read_amount, transfer};

/// Total supply of a denomination.
///
/// # Errors
/// `sdk/11` out of gas, or a halt.
pub fn supply(cx: &Cx, denom: &Denom) -> Result<Amount> {
    cx.kv(MODULE)
        .get(&keys::supply(denom))?
        .map_or(Ok(0), |bytes| read_amount(&bytes))
}

pub(crate) fn set_supply(cx: &Cx, denom: &Denom, amount: Amount) -> Result<()> {
    let kv = cx.kv(MODULE);
    if amount == 0 {
        return kv.delete(&keys::supply(denom));
    }
    kv.set(&keys::supply(denom), amount.to_string())
}

/// Creates coins in an account. Emits `coin_received` and `coinbase`.
///
/// # Errors
/// `sdk/10` if the supply would overflow.
pub fn mint(cx: &Cx, to: &AccAddress, amount: &Coins) -> Result<()> {
    transfer::receive(cx, to, amount)?;
    quern_auth::ensure(cx, to)?;
    for coin in amount {
        let total = supply(cx, &coin.denom)?
            .checked_add(coin.amount)
            .ok_or_else(|| errors::INVALID_COINS.wrap("supply overflow"))?;
        set_supply(cx, &coin.denom, total)?;
    }
    cx.emit(event::coinbase(to, amount));
    Ok(())
}

/// Destroys coins of an account. Emits `coin_spent` and `burn`.
///
/// # Errors
/// `sdk/5` if a balance is too small.
pub fn burn(cx: &Cx, from: &AccAddress, amount: &Coins) -> Result<()> {
    transfer::spend(cx, from, amount)?;
    for coin in amount {
        let total = supply(cx, &coin.denom)?
            .checked_sub(coin.amount)
            .ok_or_else(|| Error::halt(format!("supply of {} is below a balance", coin.denom)))?;
        set_supply(cx, &coin.denom, total)?;
    }
    cx.emit(event::burn(from, amount));
    Ok(())
}
