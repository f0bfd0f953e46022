//! The event of a block's value.

use quern_types::Event;

use crate::Hash;

pub(crate) fn beacon(height: u64, beacon: &Hash, revealed: bool, proposer: &[u8]) -> Event {
    Event::new("beacon")
        .with("height", height)
        .with("beacon", hex::encode_upper(beacon))
        .with("revealed", revealed)
        .with("proposer", hex::encode_upper(proposer))
}
