//! What an epoch's proofs make of the validator set.

use crate::target::equal;
use crate::{step, target, total, Params, Powers, WeightError, MAX_HOSTS};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// An epoch that ends.
#[derive(Clone, Debug)]
pub struct Epoch<'a, K> {
    /// The set in force.
    pub current: &'a Powers<K>,
    /// Hosts that were convicted or tombstoned.
    pub convicts: &'a BTreeSet<K>,
    /// Covered weights proven in this epoch; convicts among them do not count.
    pub proven: &'a Powers<K>,
    /// Epochs in a row, before this one, with too few proofs.
    pub missed: u32,
}

/// How the next set came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// From proofs.
    Proven,
    /// Too few proofs: the old set goes on.
    CarriedOver,
    /// Too few proofs for too long: everybody alike until proofs return.
    EqualPower,
}

/// The next set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome<K: Ord> {
    /// What the set moves towards.
    pub goal: Powers<K>,
    /// Powers; empty only if there was no set and nobody proved.
    pub set: Powers<K>,
    /// How it came about; anything but [`Mode::Proven`] deserves an event.
    pub mode: Mode,
    /// Epochs in a row with too few proofs, this one included.
    pub missed: u32,
}

/// Ends an epoch.
///
/// Convicts leave at once, outside the change limit, but the last validator never does: if all are
/// convicted, the strongest stays.
///
/// # Errors
/// [`WeightError::TooManyHosts`].
pub fn end_epoch<K: Ord + Clone>(epoch: &Epoch<'_, K>, params: &Params) -> Result<Outcome<K>, WeightError> {
    for powers in [epoch.current, epoch.proven] {
        if powers.len() > MAX_HOSTS {
            return Err(WeightError::TooManyHosts(powers.len()));
        }
    }
    let proven = without(epoch.proven, epoch.convicts);
    let goal = target(&proven, params);
    let mut current = without(epoch.current, epoch.convicts);
    if current.is_empty() && goal.is_empty() {
        let strongest = epoch
            .current
            .iter()
            .max_by(|a, b| a.1.cmp(b.1).then(b.0.cmp(a.0)));
        current.extend(strongest.map(|(key, power)| (key.clone(), *power)));
    }
    let confirmed: Powers<K> = current
        .iter()
        .filter(|(key, _)| proven.get(*key).is_some_and(|weight| *weight > 0))
        .map(|(key, power)| (key.clone(), *power))
        .collect();
    let share = total(&confirmed).saturating_mul(10_000);
    let enough = share >= total(&current).saturating_mul(params.min_proven_bps.into());
    if enough && !goal.is_empty() {
        return Ok(Outcome {
            set: step(&current, &goal, params),
            goal,
            mode: Mode::Proven,
            missed: 0,
        });
    }
    let missed = epoch.missed.saturating_add(1);
    let (goal, mode) = if missed <= params.carry_epochs {
        (current.clone(), Mode::CarriedOver)
    } else {
        (equal(&current), Mode::EqualPower)
    };
    let set = match mode {
        Mode::EqualPower => step(&current, &goal, params),
        Mode::Proven | Mode::CarriedOver => current,
    };
    Ok(Outcome {
        goal,
        set,
        mode,
        missed,
    })
}

fn without<K: Ord + Clone>(powers: &Powers<K>, convicts: &BTreeSet<K>) -> Powers<K> {
    let stays = |(key, power): (&K, &u64)| (!convicts.contains(key)).then(|| (key.clone(), *power));
    powers.iter().filter_map(stays).collect()
}
