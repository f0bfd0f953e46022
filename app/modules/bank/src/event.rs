//! Events of coin movements. Some clients read the attributes by position.

use quern_types::{AccAddress, Coins, Event};

pub(crate) fn coin_spent(spender: &AccAddress, amount: &Coins) -> Event {
    Event::new("coin_spent")
        .with("spender", spender)
        .with("amount", amount)
}

pub(crate) fn coin_received(receiver: &AccAddress, amount: &Coins) -> Event {
    Event::new("coin_received")
        .with("receiver", receiver)
        .with("amount", amount)
}

pub(crate) fn transfer(recipient: &AccAddress, sender: &AccAddress, amount: &Coins) -> Event {
    Event::new("transfer")
        .with("recipient", recipient)
        .with("sender", sender)
        .with("amount", amount)
}

pub(crate) fn message_sender(sender: &AccAddress) -> Event {
    Event::new("message").with("sender", sender)
}

pub(crate) fn coinbase(minter: &AccAddress, amount: &Coins) -> Event {
    Event::new("coinbase")
        .with("minter", minter)
        .with("amount", amount)
}

pub(crate) fn burn(burner: &AccAddress, amount: &Coins) -> Event {
    Event::new("burn").with("burner", burner).with("amount", amount)
}
