//! The set that weights alone would give.

use crate::{scaled, Params, Powers, TOTAL};

/// Weights are multiplied by this before they are capped, so that the cap of small numbers is exact enough.
const FINE: u32 = 20;

/// The strongest `max_validators` (ties to the lower key), capped, with power `floor(weight 10^6 / total)`.
/// Hosts whose power rounds to 0 are left out. Empty only if no weight is positive.
pub fn target<K: Ord + Clone>(weights: &Powers<K>, params: &Params) -> Powers<K> {
    let mut ranked: Vec<(&K, u64)> = weights
        .iter()
        .map(|(k, w)| (k, *w))
        .filter(|(_, w)| *w > 0)
        .collect();
    ranked.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    ranked.truncate(params.max_validators as usize);

    let cap = params.cap(ranked.len());
    let fine: Vec<u128> = ranked.iter().map(|(_, w)| u128::from(*w) << FINE).collect();
    let level = level(&fine, cap);
    let capped = fine.iter().map(|weight| (*weight).min(level));
    let sum = capped
        .clone()
        .fold(0_u128, |sum, weight| sum.saturating_add(weight));
    let mut set: Powers<K> = ranked
        .iter()
        .zip(capped)
        .map(|((key, _), weight)| {
            let power = weight.saturating_mul(TOTAL.into()).checked_div(sum).unwrap_or(0);
            ((*key).clone(), u64::try_from(power).unwrap_or(TOTAL))
        })
        .filter(|(_, power)| *power > 0)
        .collect();
    // rounding may have left somebody a unit above
    let cap = params.cap(set.len());
    clip(&mut set, cap, &Powers::new());
    set
}

/// Lowers every power to the highest level that is within `cap` of the total it leaves, but nobody below
/// their floor.
pub(crate) fn clip<K: Ord>(powers: &mut Powers<K>, cap: (u128, u128), floors: &Powers<K>) {
    let all: Vec<u128> = powers.values().map(|power| u128::from(*power)).collect();
    let level = u64::try_from(level(&all, cap)).unwrap_or(u64::MAX);
    for (key, power) in powers.iter_mut() {
        let floor = floors.get(key).copied().unwrap_or(0).min(*power);
        *power = (*power).min(level).max(floor);
    }
}

/// The largest t with `t <= cap * sum of min(weight, t)`. With `cap * count >= 1` the difference of both
/// sides is concave in t and not negative at the smallest weight, so halving finds it: 128 steps at most.
fn level(weights: &[u128], (numerator, denominator): (u128, u128)) -> u128 {
    let fits = |t: u128| {
        let sum = weights
            .iter()
            .fold(0_u128, |sum, w| sum.saturating_add((*w).min(t)));
        // weights stay below 2^84 and there are at most 2^12: below 2^110 with basis points
        sum.saturating_mul(numerator) >= t.saturating_mul(denominator)
    };
    let (mut low, mut high) = (0_u128, weights.iter().copied().max().unwrap_or(0));
    while low < high {
        let middle = high - (high - low) / 2;
        if fits(middle) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}

/// Everybody alike.
pub(crate) fn equal<K: Ord + Clone>(current: &Powers<K>) -> Powers<K> {
    let count = current.len() as u128;
    let power = scaled(TOTAL, 1, count).max(1);
    current.keys().map(|key| (key.clone(), power)).collect()
}
