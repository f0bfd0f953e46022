//! The support S: every filter is a threshold on `z = l / T`, so S is the ids at or above the largest of them.

use super::{SamplingParams, TokenMask};

/// How far the thresholds are moved, in units of z; `Exact` is what a host samples with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Slack {
    Exact,
    /// S⁻: ids that lie in S even if every z is off by the given amount.
    Tight(f64),
    /// S⁺: ids that may lie in S if every z is off by the given amount.
    Loose(f64),
}

impl Slack {
    /// Two values that are each off by at most `d` change their difference by at most `2 d`.
    fn shift(self) -> f64 {
        match self {
            Self::Exact => 0.0,
            Self::Tight(d) => 2.0 * d,
            Self::Loose(d) => -2.0 * d,
        }
    }
}

/// Least z of S before the grammar mask. `z` holds at least one finite value.
pub(super) fn threshold(z: &[f64], params: &SamplingParams, slack: Slack) -> f64 {
    let max = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let shift = slack.shift();
    let mut least = f64::MIN;
    if params.top_k > 0 && (params.top_k as usize) < z.len() {
        least = least.max(kth_largest(z, params.top_k as usize) + shift);
    }
    if params.top_p < 1.0 {
        // Odds of any set move by at most exp(2 d), so the mass asked for moves along with them.
        let odds = params.top_p / (1.0 - params.top_p) * libm::exp(-shift);
        let mass = if slack == Slack::Exact {
            params.top_p
        } else {
            odds / (1.0 + odds)
        };
        least = least.max(head_of_mass(z, least, mass) + shift);
    }
    if params.min_p > 0.0 {
        least = least.max(max + libm::log(params.min_p) + shift);
    }
    // The most likely token is never filtered out; but which token that is, a verifier whose z is off
    // cannot say for sure, so S⁻ may be empty.
    match slack {
        Slack::Tight(_) => least,
        Slack::Exact | Slack::Loose(_) => least.min(max),
    }
}

/// Ids of S in ascending order: at or above the threshold and allowed by the grammar. Where the grammar leaves
/// nothing of the filtered set, it alone decides.
pub(super) fn members(z: &[f64], least: f64, grammar: Option<&TokenMask>) -> Vec<u32> {
    let ids = at_least(z, least, grammar);
    if ids.is_empty() {
        at_least(z, f64::MIN, grammar)
    } else {
        ids
    }
}

/// S⁻ and S⁺ of a verifier whose every z may be off by `d`. S⁻ may be empty.
///
/// Whether the grammar left nothing of the host's filtered set is itself uncertain: it surely did where even the
/// loose set is empty, and may have where the tight set is.
pub(super) fn brackets(
    z: &[f64],
    params: &SamplingParams,
    d: f64,
    grammar: Option<&TokenMask>,
) -> (Vec<u32>, Vec<u32>) {
    let all = || at_least(z, f64::MIN, grammar);
    let tight = at_least(z, threshold(z, params, Slack::Tight(d)), grammar);
    let loose = at_least(z, threshold(z, params, Slack::Loose(d)), grammar);
    match (tight.is_empty(), loose.is_empty()) {
        (_, true) => (all(), all()),
        (true, false) if grammar.is_some() => (tight, all()),
        (_, false) => (tight, loose),
    }
}

fn at_least(z: &[f64], least: f64, grammar: Option<&TokenMask>) -> Vec<u32> {
    let allowed = |id: u32| grammar.is_none_or(|mask| mask.contains(id));
    let ids = z
        .iter()
        .enumerate()
        .filter(|(_, z)| **z >= least && z.is_finite());
    ids.map(|(id, _)| id as u32).filter(|id| allowed(*id)).collect()
}

fn kth_largest(z: &[f64], k: usize) -> f64 {
    let mut copy = z.to_vec();
    let (_, kth, _) = copy.select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a));
    *kth
}

/// z of the last token of the shortest head, in descending order, whose mass reaches `mass` of the total above `least`.
fn head_of_mass(z: &[f64], least: f64, mass: f64) -> f64 {
    let mut sorted: Vec<f64> = z
        .iter()
        .copied()
        .filter(|z| *z >= least && z.is_finite())
        .collect();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    let Some(&max) = sorted.first() else { return least };
    let weights: Vec<f64> = sorted.iter().map(|z| libm::exp(z - max)).collect();
    let target = mass * weights.iter().sum::<f64>();
    let mut sum = 0.0;
    for (z, w) in sorted.iter().zip(&weights) {
        sum += w;
        if sum >= target {
            return *z;
        }
    }
    // Rounding may leave the sum a hair below a target near the total.
    sorted.last().copied().unwrap_or(least)
}
