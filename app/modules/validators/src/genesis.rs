//! Genesis import and export.

use quern_context::Cx;
use quern_genesis::SystemValidator;
use quern_types::Result;

use crate::{Powers, state};

/// Writes the set that an exported genesis carries.
///
/// # Errors
/// A halt.
pub fn init_genesis(cx: &Cx, validators: &[SystemValidator]) -> Result<()> {
    let powers = validators
        .iter()
        .map(|v| (v.pub_key, v.power))
        .collect::<Powers>();
    state::set(cx, &powers)
}

/// The set, by key.
///
/// # Errors
/// A halt.
pub fn export_genesis(cx: &Cx) -> Result<Vec<SystemValidator>> {
    let powers = state::current(cx)?;
    let entry = |(pub_key, power)| SystemValidator { pub_key, power };
    Ok(powers.into_iter().map(entry).collect())
}
