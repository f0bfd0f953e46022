//! Probabilities of panels, in floating point: for figures, not for consensus.

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

/// That auditor, panel and review are all in hostile hands.
pub fn framed(profile: &Profile, hostile: f64) -> f64 {
    hostile * binomial_tail(profile.panel, hostile) * binomial_tail(profile.review, hostile)
}
