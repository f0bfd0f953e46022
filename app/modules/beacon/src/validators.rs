//! Anchors of the validators.

use quern_context::Cx;
use quern_types::Result;

use crate::{Hash, MODULE, anchor::Place, keys, state};

/// First 20 bytes of the SHA-256 of a validator's consensus key.
pub type ConsensusAddress = [u8; 20];

/// Takes note of the validator set with the anchors that its members announce, as `epoch` ends or, with
/// `genesis`, as the chain begins. An anchor is usable two epochs later, at genesis at once.
///
/// Who leaves the set keeps its place: were it forgotten, its return would open revealed layers again.
///
/// # Errors
/// A halt.
pub fn on_validators(
    cx: &Cx,
    epoch: u64,
    genesis: bool,
    validators: &[(ConsensusAddress, Option<Hash>)],
) -> Result<()> {
    // a new chain made from an exported state counts epochs on
    let epoch = epoch.max(state::epoch(cx)?);
    state::set_epoch(cx, epoch)?;
    for (address, anchor) in validators {
        let before = place(cx, address)?;
        let mut after = before.clone();
        after.announce(*anchor, epoch, genesis);
        if after != before {
            set_place(cx, address, &after)?;
        }
    }
    Ok(())
}

/// The layer whose preimage a block of this proposer must reveal, if there is one.
///
/// # Errors
/// A halt, or `sdk/11` out of gas.
pub fn usable_anchor(cx: &Cx, proposer: &[u8]) -> Result<Option<Hash>> {
    let Ok(address) = proposer.try_into() else {
        return Ok(None);
    };
    Ok(place(cx, &address)?.usable(state::epoch(cx)?))
}

pub(crate) fn place(cx: &Cx, address: &ConsensusAddress) -> Result<Place> {
    let bytes = cx.kv(MODULE).get(&keys::validator(address))?;
    bytes.map_or_else(|| Ok(Place::default()), |bytes| Place::from_state(&bytes))
}

pub(crate) fn set_place(cx: &Cx, address: &ConsensusAddress, place: &Place) -> Result<()> {
    let (kv, key) = (cx.kv(MODULE), keys::validator(address));
    if *place == Place::default() {
        return kv.delete(&key);
    }
    kv.set(&key, place.to_state())
}
