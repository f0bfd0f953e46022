//! Genesis import and export.

use quern_context::Cx;
use quern_genesis::{BeaconGenesis, BeaconParams, BeaconValidator, BeaconValue, PendingAnchor};
use quern_types::{Error, Result, errors};

use crate::{
    MODULE,
    anchor::{Pending, Place},
    hash, keys, state,
    validators::set_place,
};

/// Writes parameters, values and places. `height` is the one before the first block: the values end
/// there, and a chain that brings none begins with [`hash::genesis`].
///
/// # Errors
/// `sdk/18` for values that end elsewhere.
pub fn init_genesis(cx: &Cx, height: u64, genesis: &BeaconGenesis) -> Result<()> {
    state::set_keep_recent(cx, genesis.params.keep_recent)?;
    state::set_epoch(cx, genesis.epoch)?;
    let kv = cx.kv(MODULE);
    match genesis.values.last() {
        None => kv.set(&keys::beacon(height), hash::genesis(&cx.block.chain_id))?,
        Some(last) if last.height == height => {
            for value in &genesis.values {
                kv.set(&keys::beacon(value.height), value.beacon)?;
            }
        }
        Some(last) => {
            return Err(errors::INVALID_REQUEST.wrap(format!(
                "the values end at height {}, so initial_height must be the next, not {}",
                last.height,
                height.saturating_add(1)
            )));
        }
    }
    for validator in &genesis.validators {
        let place = Place {
            origin: validator.anchor,
            current: validator.current,
            pending: validator.pending.as_ref().map(|pending| Pending {
                anchor: pending.anchor,
                epoch: pending.epoch,
            }),
            reveals: validator.reveals,
        };
        set_place(cx, &validator.address, &place)?;
    }
    Ok(())
}

/// Reads everything out of the state, in key order.
///
/// # Errors
/// A halt.
pub fn export_genesis(cx: &Cx) -> Result<BeaconGenesis> {
    let kv = cx.kv_unmetered(MODULE);
    let mut values = Vec::new();
    for entry in kv.under(keys::BEACONS).prefix(&[]) {
        let (key, value) = entry?;
        values.push(BeaconValue {
            height: u64::from_be_bytes(state::read(&key)?),
            beacon: state::read(&value)?,
        });
    }
    let mut validators = Vec::new();
    for entry in kv.under(keys::VALIDATORS).prefix(&[]) {
        let (key, value) = entry?;
        let place = Place::from_state(&value)?;
        validators.push(BeaconValidator {
            address: state::read(&key)?,
            anchor: place.origin,
            current: place.current,
            pending: place.pending.map(|pending| PendingAnchor {
                anchor: pending.anchor,
                epoch: pending.epoch,
            }),
            reveals: place.reveals,
        });
    }
    Ok::<_, Error>(BeaconGenesis {
        params: BeaconParams {
            keep_recent: state::keep_recent(cx)?,
        },
        epoch: state::epoch(cx)?,
        values,
        validators,
    })
}
