//! The noise gives softmax probabilities, in whatever order and company tokens are drawn.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop"
)]

use proptest::prelude::*;
use quern_engine::sampler::{
    Draw, Gap, GapRule, History, Noise, Position, SamplingParams, TokenMask, gap, margin, sample,
};
use quern_engine::seed::hash_fields;

fn noise(seed: u64) -> Noise {
    Noise::new(&hash_fields(&[b"test", &seed.to_be_bytes()]))
}

fn draw_one(logits: &[f32], params: &SamplingParams, seed: u64, t: u32) -> u32 {
    with_draw(logits, params, seed, t, |draw| sample(logits, draw).unwrap())
}

fn with_draw<R>(
    logits: &[f32],
    params: &SamplingParams,
    seed: u64,
    t: u32,
    run: impl FnOnce(&Draw<'_>) -> R,
) -> R {
    let tokens = TokenMask::first(logits.len() as u32);
    let at = Position { t, c: 0 };
    let noise = noise(seed);
    run(&Draw {
        params,
        noise: &noise,
        at,
        history: History::default(),
        tokens: &tokens,
        grammar: None,
    })
}

fn score(logits: &[f32], y: u32, params: &SamplingParams, seed: u64, rule: GapRule) -> Gap {
    with_draw(logits, params, seed, 0, |draw| {
        gap(logits, y, draw, &rule).unwrap()
    })
}

/// Chi-square of 40,000 draws against softmax(l / T).
fn chi_square(logits: &[f32], temperature: f64, place: impl Fn(u64) -> (u64, u32)) -> f64 {
    const DRAWS: u64 = 40_000;
    let params = SamplingParams {
        temperature,
        ..SamplingParams::default()
    };
    let weights: Vec<f64> = logits
        .iter()
        .map(|l| (f64::from(*l) / temperature).exp())
        .collect();
    let total: f64 = weights.iter().sum();
    let mut counts = vec![0f64; logits.len()];
    for i in 0..DRAWS {
        let (seed, t) = place(i);
        counts[draw_one(logits, &params, seed, t) as usize] += 1.0;
    }
    let cell = |(count, weight): (&f64, &f64)| {
        let expected = weight / total * DRAWS as f64;
        (count - expected).powi(2) / expected
    };
    counts.iter().zip(&weights).map(cell).sum()
}

#[test]
fn frequencies_over_seeds_and_over_positions_pass_a_chi_square_test() {
    let logits = [0.0, 1.0, -1.0, 2.0, 0.5, 0.25, -0.5, 1.5, 0.0, 1.0];
    for temperature in [0.5, 1.0, 1.7] {
        // 9 degrees of freedom: 33.7 is exceeded with probability 1e-4.
        assert!(chi_square(&logits, temperature, |i| (i, 0)) < 33.7);
        assert!(chi_square(&logits, temperature, |i| (1, i as u32)) < 33.7);
    }
}

#[test]
fn a_greedy_draw_takes_the_lowest_of_equal_logits_and_ignores_the_seed() {
    let params = SamplingParams {
        temperature: 0.0,
        ..SamplingParams::default()
    };
    for seed in 0..20 {
        assert_eq!(draw_one(&[1.0, 3.0, 3.0, 2.0], &params, seed, 0), 1);
    }
}

#[test]
fn logits_beyond_the_tokenizer_are_never_drawn() {
    let params = SamplingParams::default();
    let noise = noise(1);
    let tokens = TokenMask::first(2);
    for t in 0..200 {
        let at = Position { t, c: 0 };
        let history = History::default();
        let draw = Draw {
            params: &params,
            noise: &noise,
            at,
            history,
            tokens: &tokens,
            grammar: None,
        };
        assert!(sample(&[0.0, 0.0, 50.0, 50.0], &draw).unwrap() < 2);
    }
}

#[test]
fn a_logit_that_is_no_number_is_an_error() {
    let params = SamplingParams::default();
    let logits = [0.0, f32::NAN];
    assert!(with_draw(&logits, &params, 1, 0, |draw| sample(&logits, draw)).is_err());
    let nothing = [f32::NEG_INFINITY; 2];
    assert!(with_draw(&nothing, &params, 1, 0, |draw| sample(&nothing, draw)).is_err());
}

#[test]
fn an_honest_token_scores_zero_and_another_scores_its_distance() {
    let logits = [0.0, 1.0, -1.0, 2.0, 0.5];
    let rule = GapRule {
        clip: 100.0,
        slack: 0.0,
    };
    let params = SamplingParams {
        temperature: 0.8,
        ..SamplingParams::default()
    };
    for seed in 0..50 {
        let y = draw_one(&logits, &params, seed, 0);
        for other in 0..5 {
            let found = score(&logits, other, &params, seed, rule);
            let total = |v: u32| f64::from(logits[v as usize]) / 0.8 + noise(seed).gumbel(0, 0, v);
            assert!((found.gap - 0.8 * (total(y) - total(other))).abs() < 1e-12);
            assert_eq!(found.gap == 0.0, other == y);
        }
    }
}

#[test]
fn a_greedy_gap_is_the_plain_difference_of_logits_and_is_clipped() {
    let params = SamplingParams {
        temperature: 0.0,
        ..SamplingParams::default()
    };
    let rule = GapRule {
        clip: 1.0,
        slack: 0.0,
    };
    let logits = [0.0, 2.0, 1.75];
    assert_eq!(
        score(&logits, 1, &params, 9, rule),
        Gap {
            gap: 0.0,
            supported: true
        }
    );
    assert_eq!(
        score(&logits, 2, &params, 9, rule),
        Gap {
            gap: 0.25,
            supported: true
        }
    );
    assert_eq!(
        score(&logits, 0, &params, 9, rule),
        Gap {
            gap: 1.0,
            supported: true
        }
    );
    assert_eq!(
        score(&logits, 77, &params, 9, rule),
        Gap {
            gap: 1.0,
            supported: false
        }
    );
}

/// Two ids nearer than the slack: the verifier cannot say which of them the host's top-p kept.
#[test]
fn a_host_that_found_the_other_of_two_near_ids_likelier_is_not_blamed() {
    let mut logits = vec![0f32; 24];
    (logits[4], logits[23]) = (6.934_467, 6.944_386_5);
    let mut hosts = logits.clone();
    (hosts[4], hosts[23]) = (6.942, 6.936);
    let params = SamplingParams {
        temperature: 0.2,
        top_p: 0.05,
        ..SamplingParams::default()
    };
    let rule = GapRule {
        clip: 100.0,
        slack: 0.01,
    };
    for seed in 0..200 {
        let y = draw_one(&hosts, &params, seed, 0);
        assert_eq!(y, 4, "the head of mass 0.05 is the host's likeliest id alone");
        let found = score(&logits, y, &params, seed, rule);
        assert!(found.supported && found.gap <= 0.02, "{found:?}");
        // an id that neither could have kept is still outside
        assert!(!score(&logits, 0, &params, seed, rule).supported);
    }
}

proptest! {
    /// Bounds on the noise only save work: the result is that of the plain definition.
    #[test]
    fn the_draw_is_the_argmax_of_its_definition(
        logits in proptest::collection::vec(-30f32..30.0, 1..80), seed: u64, t in 0u32..5000, temperature in 0.05f64..2.0,
    ) {
        let params = SamplingParams { temperature, ..SamplingParams::default() };
        let noise = noise(seed);
        let total = |v: usize| f64::from(logits[v]) / temperature + noise.gumbel(t, 0, v as u32);
        let best = (0..logits.len()).reduce(|a, b| if total(b) > total(a) { b } else { a }).unwrap();
        prop_assert_eq!(draw_one(&logits, &params, seed, t) as usize, best);
    }

    /// A position is drawn alike whatever was drawn before it.
    #[test]
    fn the_order_of_draws_does_not_matter(seed: u64, logits in proptest::collection::vec(-5f32..5.0, 2..40)) {
        let params = SamplingParams { top_p: 0.9, ..SamplingParams::default() };
        let forward: Vec<u32> = (0..20).map(|t| draw_one(&logits, &params, seed, t)).collect();
        let mut backward: Vec<u32> = (0..20).rev().map(|t| draw_one(&logits, &params, seed, t)).collect();
        backward.reverse();
        prop_assert_eq!(forward, backward);
    }

    /// The gap is the negative part of the margin; an honest margin is never negative; the best of the wrong tokens
    /// lies as far below the drawn one as that lies above it.
    #[test]
    fn the_margin_is_the_lead_of_the_drawn_token_and_the_gap_its_negative_part(
        logits in proptest::collection::vec(-8f32..8.0, 2..40), seed: u64, t in 0u32..200,
        top_k in 0u32..10, top_p in 0.05f64..1.0, min_p in 0f64..0.3, cold: bool, warm in 0.2f64..2.0, clip in 0.01f64..50.0,
    ) {
        let temperature = if cold { 0.0 } else { warm };
        let params = SamplingParams { temperature, top_k, top_p, min_p, ..SamplingParams::default() };
        let drawn = draw_one(&logits, &params, seed, t);
        let rule = GapRule { clip, slack: 0.0 };
        let scores: Vec<(f64, Gap)> = (0..logits.len() as u32)
            .map(|y| with_draw(&logits, &params, seed, t, |draw| {
                (margin(&logits, y, draw, 0.0).unwrap(), gap(&logits, y, draw, &rule).unwrap())
            }))
            .collect();
        for (margin, gap) in &scores {
            prop_assert_eq!((-margin).max(0.0).min(clip), gap.gap);
            prop_assert_eq!(*margin != f64::NEG_INFINITY, gap.supported);
        }
        let lead = scores[drawn as usize].0;
        prop_assert!(lead >= 0.0);
        let others = scores.iter().enumerate().filter(|(y, _)| *y != drawn as usize);
        let nearest = others.map(|(_, (margin, _))| *margin).fold(f64::NEG_INFINITY, f64::max);
        prop_assert!(nearest <= 0.0 && (lead == -nearest || (lead + nearest).abs() < 1e-9), "{} {}", lead, nearest);
    }

    /// A host whose logits differ from the verifier's by at most the slack always lies in S⁺, and its gap is at
    /// most twice the slack.
    #[test]
    fn honest_rounding_within_the_slack_is_never_outside_the_support(
        logits in proptest::collection::vec(-8f32..8.0, 2..40), seed: u64, jitter in proptest::collection::vec(-1f32..1.0, 40),
        top_k in 0u32..10, top_p in 0.05f64..1.0, min_p in 0f64..0.3, temperature in 0.2f64..2.0,
    ) {
        let params = SamplingParams { temperature, top_k, top_p, min_p, ..SamplingParams::default() };
        let slack = 0.01;
        let hosts: Vec<f32> = logits.iter().zip(&jitter).map(|(l, j)| l + j * slack as f32 * 0.999).collect();
        let y = draw_one(&hosts, &params, seed, 0);
        let found = score(&logits, y, &params, seed, GapRule { clip: 100.0, slack });
        prop_assert!(found.supported);
        prop_assert!(found.gap <= 2.0 * slack + 1e-6, "gap {}", found.gap);
    }
}
