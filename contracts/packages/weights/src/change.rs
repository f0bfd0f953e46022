//! How far a set moves in one epoch.

use crate::target::clip;
use crate::{scaled, total, Params, Powers};

/// Who is not in the target leaves once half its power is below this part of the mean.
const LINGER: u128 = 32;

/// One epoch's move from `current`, already without convicts, towards `target`: increases together take at
/// most a third of the current total and are cut pro rata, nobody falls below half, and who is above the
/// cap afterwards falls as fast as that allows. Without a current set the target is taken at once; without a
/// target the current set stays.
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
    for (key, now) in current.iter().filter(|(key, _)| !target.contains_key(*key)) {
        let half = now / 2;
        if u128::from(half).saturating_mul(LINGER).saturating_mul(count) >= sum {
            next.insert(key.clone(), half);
        }
    }
    next.retain(|_, power| *power > 0);
    let floors = current.iter().map(|(key, now)| (key.clone(), now / 2)).collect();
    // those who are leaving do not make a tighter cap feasible
    let cap = params.cap(next.keys().filter(|key| target.contains_key(key)).count());
    clip(&mut next, cap, &floors);
    if next.is_empty() {
        return current.clone();
    }
    next
}
