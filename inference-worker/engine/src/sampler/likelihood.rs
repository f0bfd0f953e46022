//! Log-probabilities as clients see them: of the model's own distribution, before any processor, at temperature 1.

use super::TokenMask;

/// Natural logarithms of probabilities at one position.
#[derive(Clone, Debug, PartialEq)]
pub struct Likelihood {
    /// The token that was drawn, and its logarithm.
    pub chosen: (u32, f64),
    /// The most likely tokens, falling, ties to the lowest id.
    pub top: Vec<(u32, f64)>,
}

/// Log-probabilities of `chosen` and of the `top` most likely of `tokens`. Rows that no sampler takes give `-inf` and
/// an empty list.
pub fn likelihood(logits: &[f32], tokens: &TokenMask, chosen: u32, top: usize) -> Likelihood {
    let known = || {
        tokens
            .iter()
            .filter_map(|id| Some((id, f64::from(*logits.get(id as usize)?))))
    };
    let max = known().map(|(_, l)| l).fold(f64::NEG_INFINITY, f64::max);
    if !max.is_finite() {
        return Likelihood {
            chosen: (chosen, f64::NEG_INFINITY),
            top: Vec::new(),
        };
    }
    let total: f64 = known().map(|(_, l)| libm::exp(l - max)).sum();
    let base = max + libm::log(total);
    let own = logits
        .get(chosen as usize)
        .map_or(f64::NEG_INFINITY, |l| f64::from(*l) - base);
    let mut ranked: Vec<(u32, f64)> = if top == 0 { Vec::new() } else { known().collect() };
    let falling = |a: &(u32, f64), b: &(u32, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if top < ranked.len() {
        ranked.select_nth_unstable_by(top, falling);
        ranked.truncate(top);
    }
    ranked.sort_unstable_by(falling);
    Likelihood {
        chosen: (chosen, own),
        top: ranked.into_iter().map(|(id, l)| (id, l - base)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_sum_to_one_over_the_tokenizers_ids_and_rank_with_ties_by_id() {
        let logits = [1.0, 3.0, 3.0, f32::NEG_INFINITY, 50.0];
        let found = likelihood(&logits, &TokenMask::first(4), 0, 3);
        assert_eq!(found.top.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [1, 2, 0]);
        let all = likelihood(&logits, &TokenMask::first(4), 3, 20).top;
        let sum: f64 = all.iter().map(|(_, p)| p.exp()).sum();
        assert!((sum - 1.0).abs() < 1e-12, "{sum}");
        assert_eq!(found.chosen, all[2]);
        assert_eq!(
            likelihood(&logits, &TokenMask::first(4), 3, 0).chosen.1,
            f64::NEG_INFINITY
        );
    }
}
