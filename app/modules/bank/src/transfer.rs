//! Transfers between accounts.

use quern_context::Cx;
use quern_types::{AccAddress, Coins, Result};

use crate::{event, state};

/// Moves coins and creates the recipient's account if it has none (`SendCoins`).
///
/// Emits `coin_spent`, `coin_received`, `transfer`, `message{sender}`. Checks neither send switches
/// nor blocked addresses: a message's handler does.
///
/// # Errors
/// `sdk/5` if a balance is too small.
pub fn send_coins(cx: &Cx, from: &AccAddress, to: &AccAddress, amount: &Coins) -> Result<()> {
    spend(cx, from, amount)?;
    receive(cx, to, amount)?;
    quern_auth::ensure(cx, to)?;
    cx.emit(event::transfer(to, from, amount));
    cx.emit(event::message_sender(from));
    Ok(())
}

/// Takes coins from an account, each denomination read after the last was written, so that a
/// transfer to oneself cannot create coins.
pub(crate) fn spend(cx: &Cx, from: &AccAddress, amount: &Coins) -> Result<()> {
    let locked = quern_auth::locked(cx, from)?;
    for coin in amount {
        state::sub_balance(cx, from, coin, &locked)?;
    }
    cx.emit(event::coin_spent(from, amount));
    Ok(())
}

pub(crate) fn receive(cx: &Cx, to: &AccAddress, amount: &Coins) -> Result<()> {
    for coin in amount {
        state::add_balance(cx, to, coin)?;
    }
    cx.emit(event::coin_received(to, amount));
    Ok(())
}
