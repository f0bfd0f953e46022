//! Coins that go with a call.

use quern_context::Cx;
use quern_types::{AccAddress, Coins, Result, errors as sdk};

/// Moves coins to a contract under the rules of a user's transfer, without the bank's `message` event.
pub(super) fn deposit(cx: &Cx, from: &AccAddress, contract: &AccAddress, coins: &Coins) -> Result<()> {
    if coins.is_empty() {
        return Ok(());
    }
    quern_bank::check_send_enabled(cx, coins)?;
    if quern_bank::is_blocked(contract) {
        return Err(sdk::UNAUTHORIZED.wrap(format!("{contract} is not allowed to receive funds")));
    }
    let own = cx.with_own_events();
    quern_bank::send_coins(&own, from, contract, coins)?;
    cx.events.extend(
        own.events
            .take()
            .into_iter()
            .filter(|event| event.ty != "message"),
    );
    Ok(())
}
