//! Decimals with 18 places, as the SDK's `LegacyDec` has them on the wire: an integer.

use quern_protocol::Amount;

const PLACES: usize = 18;
const ONE: u128 = 1_000_000_000_000_000_000;

/// A whole amount as a decimal on the wire.
pub(crate) fn whole(amount: Amount) -> String {
    if amount.is_zero() {
        return "0".into();
    }
    format!("{}{}", amount.0, "0".repeat(PLACES))
}

/// A whole amount as decimals are printed in events.
pub(crate) fn printed(amount: Amount) -> String {
    format!("{}.{}", amount.0, "0".repeat(PLACES))
}

/// `numerator / denominator` on the wire, rounded down; zero where there is no such number.
pub(crate) fn ratio(numerator: u128, denominator: u128) -> String {
    Amount(numerator)
        .mul_div_floor(ONE, denominator)
        .unwrap_or_default()
        .to_string()
}

/// Basis points on the wire.
pub(crate) fn bps(points: u32) -> String {
    ratio(points.into(), quern_interface::BPS)
}

/// A decimal of the wire in basis points; `None` if it is none, negative, or finer.
pub(crate) fn points(wire: &str) -> Option<u32> {
    const POINT: u128 = ONE / quern_interface::BPS;
    let value = wire
        .parse::<u128>()
        .ok()
        .filter(|value| value.is_multiple_of(POINT))?;
    u32::try_from(value / POINT).ok()
}

/// A number of the wire; what 128 bits do not hold is the largest or the least that they do, and none is zero.
pub(crate) fn signed(wire: &str) -> i128 {
    let bound = if wire.starts_with('-') {
        i128::MIN
    } else {
        i128::MAX
    };
    if wire.is_empty() {
        0
    } else {
        wire.parse().unwrap_or(bound)
    }
}

/// Whether a decimal of the wire is more than one, or no number of 128 bits at all.
pub(crate) fn exceeds_one(wire: &str) -> bool {
    wire.parse::<u128>().map_or(true, |value| value > ONE)
}

/// A decimal of the wire as events print it.
pub(crate) fn text(wire: &str) -> String {
    let digits = format!("{wire:0>width$}", width = PLACES + 1);
    let (whole, places) = digits
        .split_at_checked(digits.len().saturating_sub(PLACES))
        .unwrap_or(("0", wire));
    format!("{whole}.{places}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_integers_of_18_places() {
        assert_eq!(whole(Amount(0)), "0");
        assert_eq!(whole(Amount(5)), "5000000000000000000");
        assert_eq!(whole(Amount(u128::MAX)).len(), 39 + 18);
        assert_eq!(printed(Amount(5)), "5.000000000000000000");
        assert_eq!(bps(500), "50000000000000000");
        assert_eq!(ratio(1, 0), "0");
        assert_eq!(text(&bps(500)), "0.050000000000000000");
        assert_eq!(
            [ratio(1, 1), ratio(10_001, 10_000), "9".repeat(40)].map(|wire| exceeds_one(&wire)),
            [false, true, true]
        );
        assert_eq!(["", "-5", "7"].map(signed), [0, -5, 7]);
        let nines = "9".repeat(40);
        assert_eq!(
            [signed(&nines), signed(&format!("-{nines}"))],
            [i128::MAX, i128::MIN]
        );
        assert_eq!(
            (points(&bps(500)), points("1"), points("-100000000000000")),
            (Some(500), None, None)
        );
    }
}
