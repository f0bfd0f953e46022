//! Floating-point tools for choosing a null. Not for consensus: results are printed, judged and then
//! written into a launch package as integers.

/// The exact one-sided upper confidence bound of Clopper and Pearson (1934) for a probability of which
/// `failures` were seen in `trials`: the p with `P(X <= failures) = 1 - confidence`. One if everything
/// failed or nothing was tried.
///
/// `miss` is `1 - confidence`, such as 1e-6, so that small ones keep their digits.
pub fn clopper_pearson_upper(failures: u64, trials: u64, miss: f64) -> f64 {
    if failures >= trials {
        return 1.0;
    }
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    // the distribution function falls with p; 200 halvings reach the last bit
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if binomial_cdf(failures, trials, middle) > miss {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// `P(X <= k)` for a binomial X, by summing terms in logarithms.
pub fn binomial_cdf(k: u64, n: u64, p: f64) -> f64 {
    if k >= n {
        return 1.0;
    }
    if p <= 0.0 || p >= 1.0 {
        return if p <= 0.0 { 1.0 } else { 0.0 };
    }
    let (ln_p, ln_q) = (p.ln(), (-p).ln_1p());
    // ln C(n, 0) p^0 q^n, then the ratio of neighbours
    let mut term = n as f64 * ln_q;
    let mut sum = term.exp();
    for i in 1..=k {
        term += ((n - i + 1) as f64 / i as f64).ln() + ln_p - ln_q;
        sum += term.exp();
    }
    sum.min(1.0)
}

/// The protocol's mu_0 in millionths, rounded up: three times the upper bound at confidence 1 - 10^-6 on a
/// held-out split, plus `framing`, the probability that a panel condemns an honest leaf.
pub fn null_from_held_out(failures: u64, leaves: u64, framing: f64) -> u32 {
    let null = 3.0 * clopper_pearson_upper(failures, leaves, 1e-6) + framing;
    (null * 1e6).ceil().min(1e6) as u32
}

/// Fewest held-out leaves, none of them failing, for which [`null_from_held_out`] is at most `null`; none
/// if `framing` alone is above it.
pub fn leaves_needed(null: f64, framing: f64) -> Option<u64> {
    let bound = (null - framing) / 3.0;
    // without failures the bound solves (1 - p)^n = 10^-6
    (bound > 0.0).then(|| (1e-6_f64.ln() / (-bound).ln_1p()).ceil() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(value: f64, expected: f64) {
        assert!(
            (value / expected - 1.0).abs() < 1e-9,
            "{value} instead of {expected}"
        );
    }

    #[test]
    fn the_upper_bound_has_its_closed_form_at_both_ends() {
        // without failures 1 - miss^(1/n); with one success (1 - miss)^(1/n)
        for n in [1, 10, 300, 41_000] {
            close(
                clopper_pearson_upper(0, n, 0.05),
                1.0 - 0.05_f64.powf(1.0 / n as f64),
            );
        }
        close(clopper_pearson_upper(9, 10, 0.05), 0.95_f64.powf(0.1));
        assert_eq!(clopper_pearson_upper(0, 0, 0.05), 1.0);
        assert_eq!(clopper_pearson_upper(7, 7, 0.05), 1.0);
    }

    #[test]
    fn the_upper_bound_agrees_with_published_tables() {
        // 95 % two-sided intervals of standard tables: 1 of 10, 5 of 10, 10 of 100
        for (failures, trials, expected) in [(1, 10, 0.445_0), (5, 10, 0.812_9), (10, 100, 0.176_2)] {
            let bound = clopper_pearson_upper(failures, trials, 0.025);
            assert!((bound - expected).abs() < 1e-4, "{failures} of {trials}: {bound}");
        }
    }

    #[test]
    fn the_held_out_leaves_of_the_protocol_leave_framing_out() {
        assert_eq!(leaves_needed(1e-3, 0.0).unwrap() / 1_000, 41);
        assert_eq!(leaves_needed(3e-4, 0.0).unwrap() / 1_000, 138);
        // with it they are more
        assert_eq!(leaves_needed(1e-3, 9e-5).unwrap() / 1_000, 45);
        assert_eq!(leaves_needed(3e-4, 9e-5).unwrap() / 1_000, 197);
        assert_eq!(leaves_needed(9e-5, 9e-5), None);
        assert_eq!(
            null_from_held_out(0, leaves_needed(3e-4, 9e-5).unwrap(), 9e-5),
            300
        );
    }
}
