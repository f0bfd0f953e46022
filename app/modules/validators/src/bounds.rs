//! The bounds on a proposed set: pure integer arithmetic, the same on every node.
//!
//! A proposal is first brought into form ([`target`]): at most so many validators, nobody above the cap
//! of [`share`], powers out of [`TOTAL`]. Then the current set moves towards it by one step ([`step`]):
//! increases together take at most a third of the current total, and nobody falls below half.

use crate::{Key, Powers, total};

/// Total power of a set that is where its proposal wants it; a little less where rounding took some.
pub const TOTAL: u64 = 1_000_000;

/// Sum of powers while the cap is worked out.
const PRECISION: u64 = 1_000_000_000_000;

/// A validator that is not proposed any more leaves once half its power is below this part of the mean.
const LINGER: u128 = 32;

/// Largest share of power of one of `n` validators, as numerator and denominator: 30 %, or an equal
/// share where so few cannot stay below that.
pub fn share(n: usize) -> (u128, u128) {
    match n {
        0 | 1 => (1, 1),
        2 => (1, 2),
        3 => (1, 3),
        _ => (3, 10),
    }
}

/// The proposed set in form: the `most` strongest (ties to the lower key), capped, out of [`TOTAL`].
/// Empty only if nobody with power is proposed.
pub fn target(proposed: &Powers, most: usize) -> Powers {
    let mut ranked = proposed
        .iter()
        .filter(|(_, power)| **power > 0)
        .collect::<Vec<_>>();
    ranked.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    ranked.truncate(most);
    let mut set = ranked
        .into_iter()
        .map(|(key, power)| (*key, *power))
        .collect::<Powers>();
    let cap = share(set.len());
    // small numbers are spread first, so that the cap does not round; the second round takes off who is a
    // unit above after rounding
    for sum in [PRECISION, TOTAL] {
        normalise(&mut set, sum);
        clip(&mut set, cap, &Powers::new());
    }
    set
}

/// Scales powers to this sum, rounded down but never to nothing.
fn normalise(powers: &mut Powers, sum: u64) {
    let now = total(powers);
    for power in powers.values_mut() {
        *power = scaled(*power, u128::from(sum), now).max(1);
    }
}

/// One epoch's move from `current` towards `target`, at most `most` validators. `target` is not empty.
///
/// Somebody above the cap afterwards is on the way down as fast as the halving lets.
pub fn step(current: &Powers, target: &Powers, most: usize) -> Powers {
    let current = rescaled(current);
    let sum = total(&current);
    let budget = sum / 3;
    let wanted = target
        .iter()
        .map(|(key, goal)| u128::from(goal.saturating_sub(held(&current, key))))
        .sum::<u128>();
    let mut next = Powers::new();
    for (key, goal) in target {
        let now = held(&current, key);
        let increase = goal.saturating_sub(now);
        let granted = if wanted > budget {
            scaled(increase, budget, wanted)
        } else {
            increase
        };
        let power = if increase > 0 {
            now.saturating_add(granted)
        } else {
            (*goal).max(now / 2)
        };
        next.insert(*key, power);
    }
    let mut leaving = Vec::new();
    let count = u128::try_from(current.len()).unwrap_or(u128::MAX);
    for (key, now) in current.iter().filter(|(key, _)| !target.contains_key(*key)) {
        let half = now / 2;
        if u128::from(half).saturating_mul(LINGER).saturating_mul(count) >= sum {
            next.insert(*key, half);
            leaving.push((half, *key));
        }
    }
    next.retain(|_, power| *power > 0);
    make_room(&mut next, &current, leaving, most, budget);
    let floors = current.iter().map(|(key, now)| (*key, now / 2)).collect();
    let cap = share(target.len().min(next.len()));
    clip(&mut next, cap, &floors);
    if next.is_empty() { current } else { next }
}

/// The set without `convicts`, but never without its last validator: then the strongest stays (ties to
/// the lower key). Whom their leaving lifts above the cap of [`share`] falls to it, but not below half.
pub fn without(current: &Powers, convicts: &[Key]) -> Powers {
    let mut left = current.clone();
    left.retain(|key, _| !convicts.contains(key));
    if left.len() < current.len() {
        let floors = left.iter().map(|(key, now)| (*key, now / 2)).collect();
        let cap = share(left.len());
        clip(&mut left, cap, &floors);
        left.retain(|_, power| *power > 0);
    }
    if left.is_empty() {
        let strongest = current.iter().max_by(|a, b| a.1.cmp(b.1).then(b.0.cmp(a.0)));
        left.extend(strongest.map(|(key, power)| (*key, *power)));
    }
    left
}

/// Brings the set down to `most`: who is leaving goes first, weakest first, one in any case and more up to
/// `budget` of current power; then who would be new. So a full set turns over slowly, and surely.
fn make_room(next: &mut Powers, current: &Powers, mut leaving: Vec<(u64, Key)>, most: usize, budget: u128) {
    leaving.sort_unstable();
    let mut dropped = 0u128;
    for (index, (_, key)) in leaving.into_iter().enumerate() {
        dropped = dropped.saturating_add(u128::from(held(current, &key)));
        if next.len() <= most || (index > 0 && dropped > budget) {
            break;
        }
        next.remove(&key);
    }
    let mut joining = next
        .iter()
        .filter(|(key, _)| !current.contains_key(*key))
        .map(|(key, power)| (*power, *key))
        .collect::<Vec<_>>();
    joining.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
    for (_, key) in joining {
        if next.len() <= most {
            break;
        }
        next.remove(&key);
    }
}

/// Lowers every power to the largest `c` that is at most `cap` of the total it leaves, but nobody below
/// their floor. `num / den` times the number of validators is at least 1, so such a `c` exists.
fn clip(powers: &mut Powers, (num, den): (u128, u128), floors: &Powers) {
    // num * sum(min(p, c)) - den * c is concave in c and 0 at 0: it changes its sign once
    let fits = |c: u64| {
        let sum = powers.values().map(|p| u128::from((*p).min(c))).sum::<u128>();
        num.saturating_mul(sum) >= den.saturating_mul(u128::from(c))
    };
    let (mut low, mut high) = (0, powers.values().copied().max().unwrap_or(0));
    while low < high {
        let middle = low.midpoint(high).saturating_add((high - low) % 2); // rounded up
        if fits(middle) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    for (key, power) in powers.iter_mut() {
        let floor = held(floors, key).min(*power);
        *power = (*power).min(low).max(floor);
    }
}

/// Powers too coarse to move by thirds are multiplied alike, which changes nobody's share.
fn rescaled(current: &Powers) -> Powers {
    let sum = u64::try_from(total(current)).unwrap_or(u64::MAX).max(1);
    let factor = if sum < TOTAL / 100 { TOTAL / sum } else { 1 };
    let grown = |(key, power): (&Key, &u64)| (*key, power.saturating_mul(factor));
    current.iter().map(grown).collect()
}

fn held(powers: &Powers, key: &Key) -> u64 {
    powers.get(key).copied().unwrap_or(0)
}

/// `value * num / den`, rounded down; `den` is not less than `num` or the caller's sum bounds the result.
fn scaled(value: u64, num: u128, den: u128) -> u64 {
    let product = u128::from(value).saturating_mul(num);
    u64::try_from(product.checked_div(den).unwrap_or(0)).unwrap_or(u64::MAX)
}
