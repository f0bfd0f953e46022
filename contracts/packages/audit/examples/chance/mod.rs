//! Probabilities of panels: for figures, not for consensus.
#![allow(dead_code, reason = "the example and the test each use a part")]

use quern_audit::{Profile, StageRule};

fn choose(n: u32, k: u32) -> f64 {
    (0..k).fold(1.0, |product, i| product * f64::from(n - i) / f64::from(i + 1))
}

/// That at least `needed` of `seats` are hostile, each with probability `p`.
pub fn binomial_tail(rule: StageRule, p: f64) -> f64 {
    (rule.needed..=rule.seats)
        .map(|k| choose(rule.seats, k) * p.powi(k as i32) * (1.0 - p).powi((rule.seats - k) as i32))
        .sum()
}

/// The same if the seats are distinct hosts, drawn alike from `hostile` and `honest` ones.
pub fn hypergeometric_tail(rule: StageRule, hostile: u32, honest: u32) -> f64 {
    let all = choose(hostile + honest, rule.seats);
    (rule.needed..=rule.seats.min(hostile))
        .filter(|k| rule.seats - k <= honest)
        .map(|k| choose(hostile, k) * choose(honest, rule.seats - k) / all)
        .fold(0.0, |sum, p| sum + p)
}

/// That a draw falls on somebody who speaks against an honest host: the hostile part, and those of the others
/// whom the host failed to serve.
pub fn against(hostile: f64, unserved: f64) -> f64 {
    hostile + (1.0 - hostile) * unserved
}

/// That an honest leaf is condemned: its auditor accuses it or says that it cannot be fetched, the panel condemns it
/// or finds it missing, and the review condemns it. Who was not served can bring a leaf to the review, but only
/// hostile seats condemn it there.
pub fn framed(profile: &Profile, hostile: f64, unserved: f64) -> f64 {
    let p = against(hostile, unserved);
    p * binomial_tail(profile.panel, p) * binomial_tail(profile.review, hostile)
}

/// That the payload of an honest leaf is found missing: auditor, panel and review, where those who were not served
/// count with the hostile ones.
pub fn framed_as_missing(profile: &Profile, hostile: f64, unserved: f64) -> f64 {
    let p = against(hostile, unserved);
    p * checked_as_missing(profile, hostile, unserved)
}

/// The same for a leaf by which its auditor is checked: panel and review alone. At most one leaf of a report.
pub fn checked_as_missing(profile: &Profile, hostile: f64, unserved: f64) -> f64 {
    let p = against(hostile, unserved);
    binomial_tail(profile.panel, p) * binomial_tail(profile.review, p)
}

/// Numerator and denominator of a binomial tail at `part / of`, exactly; none beyond 128 bits.
pub fn exact_tail(rule: StageRule, part: u128, of: u128) -> Option<(u128, u128)> {
    let mut sum = 0_u128;
    for k in rule.needed..=rule.seats {
        // C(n, k) by n, n - 1, ...: each step divides evenly
        let mut term = (0..k).try_fold(1_u128, |product, i| {
            Some(product.checked_mul(u128::from(rule.seats - i))? / u128::from(i + 1))
        })?;
        term = term.checked_mul(part.checked_pow(k)?)?;
        term = term.checked_mul((of - part).checked_pow(rule.seats - k)?)?;
        sum = sum.checked_add(term)?;
    }
    Some((sum, of.checked_pow(rule.seats)?))
}

/// [`framed`] of a host that serves everybody, exactly: in 10^-29 at `tenths` of hostile weight under the shipped
/// panels.
pub fn exact_framed(profile: &Profile, tenths: u128) -> Option<u128> {
    let (panel, _) = exact_tail(profile.panel, tenths, 10)?;
    let (review, _) = exact_tail(profile.review, tenths, 10)?;
    tenths.checked_mul(panel)?.checked_mul(review)
}
