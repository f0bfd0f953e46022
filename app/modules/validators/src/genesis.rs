//! Genesis import and export.

use quern_context::Cx;
use quern_genesis::SystemValidator;
use quern_types::Result;

use crate::{
    Powers, Presence, consensus_address,
    presence::{self, presence as counted},
    state,
};

/// Writes the set that an exported genesis carries, and how often its validators signed.
///
/// # Errors
/// A halt.
pub fn init_genesis(cx: &Cx, validators: &[SystemValidator]) -> Result<()> {
    let powers = validators
        .iter()
        .map(|v| (v.pub_key, v.power))
        .collect::<Powers>();
    state::set(cx, &powers)?;
    let counts = validators.iter().filter(|v| v.signed > 0 || v.missed > 0);
    let count = |v: &SystemValidator| {
        let (signed, missed) = (v.signed, v.missed);
        (consensus_address(&v.pub_key), Presence { signed, missed })
    };
    presence::set(cx, &counts.map(count).collect())
}

/// The set, by key.
///
/// # Errors
/// A halt.
pub fn export_genesis(cx: &Cx) -> Result<Vec<SystemValidator>> {
    let powers = state::current(cx)?;
    let counts = counted(cx)?;
    let entry = |(pub_key, power)| {
        let count = counts.get(&consensus_address(&pub_key)).copied();
        let Presence { signed, missed } = count.unwrap_or_default();
        SystemValidator {
            pub_key,
            power,
            signed,
            missed,
        }
    };
    Ok(powers.into_iter().map(entry).collect())
}
