//! Vectors by `reference/surprise.py`, which computes in another way: NumPy, probabilities first.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

use quern_engine::sampler::TokenMask;
use quern_engine_remote::surprise::{CAP, Surprise, SurpriseError, position};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    name: String,
    temperature: f64,
    ids: u32,
    rows: Vec<Vec<f32>>,
    tokens: Vec<u32>,
    surprise: Vec<f64>,
    entropy: Vec<f64>,
    variance: Vec<f64>,
    sum: f64,
    z: Option<f64>,
}

fn close(name: &str, a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-9 * (1.0 + b.abs()), "{name}: {a} is not {b}");
}

#[test]
fn every_position_and_every_sum_agrees() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("vectors/surprise.json")).unwrap();
    assert!(cases.len() >= 5);
    for case in cases {
        let tokens = TokenMask::first(case.ids);
        let mut all = Surprise::default();
        for (t, (row, token)) in case.rows.iter().zip(&case.tokens).enumerate() {
            let found = position(row, &tokens, case.temperature, *token).unwrap();
            close(&case.name, found.surprise, case.surprise[t]);
            close(&case.name, found.entropy, case.entropy[t]);
            close(&case.name, found.variance, case.variance[t]);
            all.add(&found);
        }
        close(&case.name, all.sum, case.sum);
        match (all.z(), case.z) {
            (Some(own), Some(other)) => close(&case.name, own, other),
            (own, other) => assert_eq!(own, other, "{}", case.name),
        }
    }
}

/// A small generator, so that the draws below are the same each time.
struct Draws(u64);

impl Draws {
    fn unit(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        ((self.0 >> 33) as f64 + 0.5) / f64::from(1u32 << 31)
    }
}

/// The statistic over draws at a temperature, from the model that is checked or from another.
fn drawn(temperature: f64, other: bool) -> f64 {
    let mut draws = Draws(7);
    let (tokens, mut all) = (TokenMask::first(32), Surprise::default());
    for _ in 0..400 {
        let mut row = || -> Vec<f32> { (0..32).map(|_| (4.0 * draws.unit()) as f32).collect() };
        let (checked, another) = (row(), row());
        let from = if other { &another } else { &checked };
        let noisy: Vec<f64> = from
            .iter()
            .map(|l| f64::from(*l) / temperature - (-draws.unit().ln()).ln())
            .collect();
        let best = noisy
            .iter()
            .enumerate()
            .max_by(|a, b| a.1.total_cmp(b.1))
            .unwrap();
        all.add(&position(&checked, &tokens, 1.0, best.0 as u32).unwrap());
    }
    all.z().unwrap()
}

#[test]
fn draws_of_the_model_pass_and_other_temperatures_and_models_do_not() {
    let honest = drawn(1.0, false);
    assert!(honest.abs() < 3.0, "{honest}");
    assert!(drawn(0.5, false) < -6.0, "{}", drawn(0.5, false));
    assert!(drawn(1.8, false) > 4.0, "{}", drawn(1.8, false));
    assert!(drawn(1.0, true) > 6.0, "{}", drawn(1.0, true));
}

#[test]
fn what_is_no_number_is_refused_and_what_cannot_come_counts_as_the_cap() {
    let tokens = TokenMask::first(3);
    let seen = |row: &[f32], temperature, token| position(row, &tokens, temperature, token);
    assert_eq!(seen(&[0.0, f32::NAN, 0.0], 1.0, 0), Err(SurpriseError::NotFinite));
    assert_eq!(
        seen(&[0.0, f32::INFINITY, 0.0], 1.0, 0),
        Err(SurpriseError::NotFinite)
    );
    assert_eq!(
        seen(&[f32::NEG_INFINITY; 3], 1.0, 0),
        Err(SurpriseError::NotFinite)
    );
    assert_eq!(seen(&[], 1.0, 0), Err(SurpriseError::NotFinite));
    for temperature in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(seen(&[0.0; 3], temperature, 0), Err(SurpriseError::Temperature));
    }
    // Padding is no token, nor is an id beyond the row.
    for (row, token) in [
        ([0.0, 0.0, f32::NEG_INFINITY, 9.0], 2),
        ([0.0, 0.0, 0.0, 9.0], 3),
        ([0.0; 4], 99),
    ] {
        let found = seen(&row, 1.0, token).unwrap();
        assert_eq!(found.surprise, CAP);
        let mut all = Surprise::default();
        all.add(&found);
        assert_eq!(all.impossible, 1);
    }
    assert_eq!(Surprise::default().z(), None);
}
