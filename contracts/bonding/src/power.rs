//! Voting power from bond, without state.

use quern_protocol::Amount;

/// What the powers of a set sum to, about.
const TOTAL: u128 = 1_000_000;
const BPS: u128 = quern_interface::BPS;

/// Powers in proportion to weights, none above `cap_bps` of their sum (or the least feasible cap, one part
/// in n) and none below 1. None if a number does not fit.
pub fn powers(weights: &[Amount], cap_bps: u32) -> Option<Vec<u64>> {
    let weights: Vec<u128> = weights.iter().map(|weight| weight.0).collect();
    // Capped, then scaled up to what the cap cut off, then capped again for the rounding.
    let capped = cap(normalise(&weights)?, cap_bps)?;
    let powers = cap(normalise(&capped)?, cap_bps)?;
    powers
        .into_iter()
        .map(|power| u64::try_from(power).ok())
        .collect()
}

/// Scaled to a sum of about [`TOTAL`], each at least 1.
fn normalise(weights: &[u128]) -> Option<Vec<u128>> {
    let sum = sum(weights.iter().copied())?;
    let scale = |weight: &u128| Some(Amount(*weight).mul_div_floor(TOTAL, sum)?.0.max(1));
    weights.iter().map(scale).collect()
}

fn sum(mut numbers: impl Iterator<Item = u128>) -> Option<u128> {
    numbers.try_fold(0_u128, u128::checked_add)
}

/// Lowers the highest powers to the greatest v with `v <= cap * sum(min(power, v))`.
fn cap(powers: Vec<u128>, cap_bps: u32) -> Option<Vec<u128>> {
    let count = u128::try_from(powers.len()).ok()?;
    let Some(highest) = powers.iter().copied().max() else {
        return Some(powers);
    };
    let bps = u128::from(cap_bps).max(BPS.div_ceil(count));
    let fits = |v: u128| {
        let sum = sum(powers.iter().map(|power| *power.min(&v)))?;
        Some(v.checked_mul(BPS)? <= sum.checked_mul(bps)?)
    };
    // The condition is concave in v and holds at 1, so the values that fit are 1..=v.
    let (mut low, mut high) = (1, highest);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if fits(middle)? {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    Some(powers.into_iter().map(|power| power.min(low)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(weights: &[u128], cap_bps: u32) -> Vec<u64> {
        let weights: Vec<Amount> = weights.iter().copied().map(Amount).collect();
        powers(&weights, cap_bps).unwrap()
    }

    #[test]
    fn power_follows_bond_up_to_the_cap() {
        assert_eq!(of(&[25, 25, 25, 25], 3000), [250_000; 4]);
        assert_eq!(of(&[30, 25, 25, 20], 3000), [300_000, 250_000, 250_000, 200_000]);
        // Fewer than four: the least feasible cap.
        assert_eq!(of(&[7], 3000), [1_000_000]);
        assert_eq!(of(&[1 << 90, 1], 3000), [500_000; 2]);
        assert_eq!(of(&[], 3000), [] as [u64; 0]);
    }

    proptest! {
        #[test]
        fn no_power_exceeds_the_cap_and_the_order_of_bonds_stays(
            mut weights in prop::collection::vec(1..1_u128 << 80, 1..100), cap_bps in 1000..=10_000_u32,
        ) {
            weights.sort_unstable();
            let powers = of(&weights, cap_bps);
            let sum: u128 = powers.iter().map(|p| u128::from(*p)).sum();
            let bps = u128::from(cap_bps).max(BPS.div_ceil(powers.len() as u128));
            prop_assert!(powers.iter().all(|p| *p >= 1 && u128::from(*p) * BPS <= sum * bps));
            prop_assert!(powers.is_sorted());
            prop_assert!(sum <= TOTAL + powers.len() as u128);
        }

        #[test]
        fn ordinary_sets_sum_to_nearly_a_million(
            weights in prop::collection::vec(1_000_000..10_000_000_u128, 4..100),
        ) {
            let powers = of(&weights, 3000);
            let sum: u64 = powers.iter().sum();
            prop_assert!(sum.abs_diff(1_000_000) < 1000, "{sum}");
            for (power, weight) in powers.iter().zip(&weights) {
                let share = weight * 1_000_000 / weights.iter().sum::<u128>();
                prop_assert!(share > 290_000 || u128::from(*power) + 5 >= share);
            }
        }
    }
}
