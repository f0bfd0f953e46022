//! Minting an epoch's coins.

use quern_context::Cx;
use quern_types::{AccAddress, Amount, Coin, Coins, Result, module_address};

use crate::{MINT, event, schedule, state::set_schedule};

/// Mints what this epoch brings and sends it to `to`; the next epoch's share is then smaller. Returns the
/// amount: zero on a chain without emission, and where the cap is reached. Emits `coinbase`, `transfer`
/// and `emission`.
///
/// # Errors
/// `sdk/10` if the supply would overflow, or a halt.
pub fn emit(cx: &Cx, to: &AccAddress) -> Result<Amount> {
    let Some(before) = schedule(cx)? else {
        return Ok(0);
    };
    let (amount, after) = before.step();
    if amount.is_zero() {
        return Ok(0);
    }
    let coins = Coins::one(Coin {
        denom: before.denom,
        amount: amount.0,
    });
    quern_auth::module_account(cx, MINT, &["minter"])?;
    let mint = module_address(MINT);
    quern_bank::mint(cx, &mint, &coins)?;
    quern_bank::send_coins(cx, &mint, to, &coins)?;
    set_schedule(cx, &after)?;
    cx.emit(event::emission(to, amount.0, &after));
    Ok(amount.0)
}
