//! The rule by which a price follows utilisation. Integers with 18 digits after the point, rounded down.

use quern_protocol::{Amount, Price};

/// One.
pub const ONE: u128 = Price::UNIT;
/// Utilisation counts up to here: what is asked for beyond twice the capacity says no more, and one period of it
/// is forgotten after a few.
pub const MOST: u128 = 2 * ONE;

/// How a price moves. Every field is in units of 10^-18.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Weight of the newest utilisation; at most one.
    pub smoothing: u128,
    /// Smoothed utilisation below which the price falls.
    pub low: u128,
    /// Smoothed utilisation above which the price rises.
    pub high: u128,
    /// Steepness; at most one.
    pub steepness: u128,
    /// Most that an update changes the price by; at most a half.
    pub max_step: u128,
}

/// `demand / (capacity * blocks)`, at most [`MOST`]; none without capacity or blocks.
pub fn utilisation(demand: Amount, capacity: Amount, blocks: u64) -> Option<u128> {
    let offered = capacity.0.checked_mul(u128::from(blocks))?;
    if offered == 0 {
        return None;
    }
    // a quotient that does not fit is far above the most
    let utilisation = demand.mul_div_floor(ONE, offered);
    Some(utilisation.map_or(MOST, |u| u.0.min(MOST)))
}

/// `old + a (new - old)`.
pub fn smooth(old: u128, new: u128, a: u128) -> u128 {
    let part = |difference: u128| {
        Amount(difference)
            .mul_div_floor(a, ONE)
            .map_or(difference, |p| p.0)
    };
    if new >= old {
        old.saturating_add(part(new - old))
    } else {
        old.saturating_sub(part(old - new))
    }
}

/// `exp(x)` for `x` from 0 to [`ONE`] (above that, of one), too low by less than 32 units of 10^-18.
///
/// The Taylor series `sum x^n / n!`. Each term is the one before times `x / n`, rounded down, until nothing is left,
/// after at most 20. A term is too low by less than `1 + 1/2 + 1/6 + ... < 2` units, the first two are exact, and
/// what is cut off is below one unit.
pub fn exp(x: u128) -> u128 {
    let x = x.min(ONE);
    let (mut sum, mut term) = (ONE, ONE);
    for n in 1..=20 {
        term = term * x / (ONE * n);
        sum += term;
        if term == 0 {
            break;
        }
    }
    sum
}

/// What the price is multiplied by: `exp(k (u - high))` above the band, `exp(-k (low - u))` below it, one inside,
/// and never further from one than `max_step`.
pub fn factor(rule: &Rule, smoothed: u128) -> u128 {
    let part = |beyond: u128| {
        Amount(beyond)
            .mul_div_floor(rule.steepness, ONE)
            .map_or(ONE, |x| x.0)
    };
    if smoothed > rule.high {
        exp(part(smoothed - rule.high)).min(ONE.saturating_add(rule.max_step))
    } else if smoothed < rule.low {
        // exp is at least one, and one squared fits
        (ONE * ONE / exp(part(rule.low - smoothed))).max(ONE.saturating_sub(rule.max_step))
    } else {
        ONE
    }
}

/// A price times a factor, rounded down, between floor and ceiling.
pub fn apply(price: Price, factor: u128) -> Price {
    let product = Amount(price.atomics()).mul_div_floor(factor, ONE);
    let product = product.map_or(Price::CEILING, |p| Price::from_atomics(p.0));
    product.clamp(Price::FLOOR, Price::CEILING)
}
