//! Events. The bank's `coinbase` and `transfer` go before.

use quern_types::{AccAddress, Event};

use crate::Schedule;

/// What was minted for whom, all that was ever minted, and what the next epoch brings.
pub(crate) fn emission(to: &AccAddress, amount: u128, after: &Schedule) -> Event {
    Event::new("emission")
        .with("recipient", to)
        .with("amount", format!("{amount}{}", after.denom))
        .with("minted", after.minted)
        .with("next", after.next)
}
