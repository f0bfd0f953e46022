//! What chance does: false convictions of honest hosts, and power against cheats. Seeds are fixed.

#[path = "../examples/model/mod.rs"]
mod model;

use model::{Cheat, Rng};
use quern_evidence::{Entry, Null, Params, Process, Score, Status};

/// Fraction of `runs` honest hosts, whose leaves fail with exactly the null's probability, that ever reach
/// `1 / alpha` within `length` entries.
fn convicted(alpha_inverse: u64, null: u32, length: u32, runs: u32, group: u32) -> f64 {
    let params = Params {
        alpha_inverse,
        processes: 1,
        restart_every: 16,
        freeze_at: 2,
    };
    params.validate().unwrap();
    let null = Null::from_micro(null).unwrap();
    let mut rng = Rng::new(u64::from(null.micro()) + alpha_inverse);
    let hits = (0..runs)
        .filter(|_| {
            let mut process = Process::new();
            (0..length).any(|_| {
                let fails = rng.chance(f64::from(null.micro()) / 1e6);
                let score = if fails { Score::FAILED } else { Score::CLEAN };
                let entry = Entry::mean((0..group).map(|_| (score, null))).unwrap();
                process.enter(&entry, &params).unwrap() == Status::Convicted
            })
        })
        .count();
    hits as f64 / f64::from(runs)
}

#[test]
fn an_honest_host_at_the_null_is_convicted_with_probability_below_alpha() {
    // far enough above alpha that chance does not fail it: 4 standard deviations
    for (alpha_inverse, null, group) in [
        (5, 50_000, 1),
        (10, 200_000, 1),
        (20, 20_000, 3),
        (20, 500_000, 1),
    ] {
        let alpha = 1.0 / alpha_inverse as f64;
        let runs = 1_500;
        let rate = convicted(alpha_inverse, null, 800, runs, group);
        let noise = 4.0 * (alpha * (1.0 - alpha) / f64::from(runs)).sqrt();
        assert!(rate <= alpha + noise, "{rate} above {alpha}");
        // and the bound is not idle: the test would see a process that never moves
        assert!(rate > alpha / 50.0, "{rate} at {alpha}");
    }
}

#[test]
fn a_two_percent_cheat_is_convicted_as_often_as_modelled() {
    let power = |null, adaptive| {
        model::power(
            &Cheat {
                null,
                ..Cheat::DEFAULT
            },
            adaptive,
            150,
            11,
        )
    };
    // the protocol's figures are 0.67, 0.97, 0.91 and 1.00
    assert!((0.50..0.84).contains(&power(1_000, false)));
    assert!(power(1_000, true) > 0.88);
    assert!((0.76..0.99).contains(&power(300, false)));
    assert!(power(300, true) > 0.95);
}

#[test]
fn a_good_past_hides_nothing() {
    let cheat = Cheat {
        null: 300,
        ..Cheat::DEFAULT
    };
    let median = model::median_to_conviction(&cheat, 5_000, 15, 7);
    assert!((200..700).contains(&median), "{median}");
}

#[test]
fn an_honest_host_with_a_true_rate_below_the_null_is_hardly_ever_suspected() {
    let honest = Cheat {
        fraction: 0.0,
        ..Cheat::DEFAULT
    };
    assert_eq!(model::power(&honest, true, 60, 3), 0.0);
}

#[test]
fn few_bad_leaves_are_looked_at_before_a_cheat_is_convicted() {
    // what the bonds of docs/adr/0016 are measured by
    for (fraction, most, runs) in [
        (1.0, 6.5, 40),
        (0.02, 12.0, 40),
        (0.005, 20.0, 20),
        (0.002, 36.0, 10),
    ] {
        let cheat = Cheat {
            null: 367,
            fraction,
            ..Cheat::DEFAULT
        };
        let leaves = model::cheated_until_conviction(&cheat, 1_000, 100_000, runs, 4);
        assert!(leaves <= most, "{fraction}: {leaves}");
    }
}
