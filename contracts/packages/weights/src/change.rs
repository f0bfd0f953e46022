//! How far a set moves in one epoch.

use crate::target::clip;
use crate::{scaled, total, Params, Powers};

/// Who is not in the target leaves once half its power is below this part of the mean.
const LINGER: u128 = 32;

/// One epoch's move from `current`, already without convicts, towards `target`: increases together take at
/// most a third of the current total and are cut pro rata, nobody falls below half, the set keeps to its
/// bound, and who is above the cap afterwards falls as fast as that allows. Without a current set the target is
/// taken at once; without a target the current set stays.
pub fn step<K: Ord + Clone>(current: &Powers<K>, target: &Powers<K>, params: &Params) -> Powers<K> {
    if current.is_empty() || target.is_empty() {
        let stays = if current.is_empty() { target } else { current };
        return stays.clone();
    }
    let held = |key: &K| current.get(key).copied().unwrap_or(0);
    let sum = total(current);
    let budget = sum / 3;
    let wanted = target.iter().fold(0_u128, |sum, (key, goal)| {
        sum.saturating_add(goal.saturating_sub(held(key)).into())
    });
    let mut next = Powers::new();
    for (key, goal) in target {
        let now = held(key);
        let increase = goal.saturating_sub(now);
        let power = if increase == 0 {
            (*goal).max(now / 2)
        } else if wanted > budget {
            now.saturating_add(scaled(increase, budget, wanted))
        } else {
            *goal
        };
        next.insert(key.clone(), power);
    }
    let count = current.len() as u128;
    let mut leaving = Vec::new();
    for (key, now) in current.iter().filter(|(key, _)| !target.contains_key(*key)) {
        let half = now / 2;
        if u128::from(half).saturating_mul(LINGER).saturating_mul(count) >= sum {
            next.insert(key.clone(), half);
            leaving.push((half, key.clone()));
        }
    }
    next.retain(|_, power| *power > 0);
    make_room(
        &mut next,
        current,
        leaving,
        params.max_validators as usize,
        budget,
    );
    let floors = current.iter().map(|(key, now)| (key.clone(), now / 2)).collect();
    // those who are leaving do not make a tighter cap feasible
    let cap = params.cap(next.keys().filter(|key| target.contains_key(key)).count());
    clip(&mut next, cap, &floors);
    if next.is_empty() {
        return current.clone();
    }
    next
}

/// Brings the set down to `most`: who is leaving goes first, weakest first, one in any case and more up to
/// `budget` of current power; then who would be new, weakest first. So a full set turns over slowly, and surely.
fn make_room<K: Ord + Clone>(
    next: &mut Powers<K>,
    current: &Powers<K>,
    mut leaving: Vec<(u64, K)>,
    most: usize,
    budget: u128,
) {
    leaving.sort_unstable();
    let mut dropped = 0_u128;
    for (index, (_, key)) in leaving.iter().enumerate() {
        let power = current.get(key).copied().unwrap_or(0);
        dropped = dropped.saturating_add(power.into());
        if next.len() <= most || (index > 0 && dropped > budget) {
            break;
        }
        next.remove(key);
    }
    let mut joining: Vec<(u64, K)> = next
        .iter()
        .filter(|(key, _)| !current.contains_key(*key))
        .map(|(key, power)| (*power, key.clone()))
        .collect();
    joining.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| b.1.cmp(&a.1)));
    for (_, key) in joining {
        if next.len() <= most {
            break;
        }
        next.remove(&key);
    }
}
