//! How long an auditor lasts who re-executes only a part of its leaves, under checks and under canary leaves at the same
//! cost, and what it gains. Prints the tables of ADR 14 and compares them with the page:
//! `cargo test -p quern-audit --test checks -- --nocapture`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

use quern_audit::Profile;

/// Rounds of which one is checked: the shipped default.
const EVERY: f64 = 8.0;
/// Rounds of a day.
const DAY: i32 = 144;

/// Re-executions that checks cost for each auditor and round.
fn cost_of_checks(every: f64) -> f64 {
    f64::from(Profile::DEFAULT.panel.seats) / every
}

/// Canaries for each auditor and round that cost as much: each is re-executed by its auditor and, as nobody may know
/// what it is, by the panel that hears the accusation and by the review.
fn canaries(cost: f64) -> f64 {
    let Profile { panel, review, .. } = Profile::DEFAULT;
    cost / f64::from(1 + panel.seats + review.seats)
}

/// Chance to pass `rounds` rounds for who re-executes a part `q`, if the rest is looked at with `chance` a round.
fn survives(chance: f64, q: f64, rounds: i32) -> f64 {
    (1.0 - chance * (1.0 - q)).powi(rounds)
}

/// What a round brings beyond an honest auditor's, in parts of its pay, if re-execution costs `cost` of it and being
/// found costs `fine` rounds' pay.
fn gain(chance: f64, fine: f64, cost: f64, q: f64) -> f64 {
    (1.0 - q) * (cost - chance * fine)
}

/// Chance that hostile seats are the majority of a panel: then they say what the margin is.
fn majority(hostile: f64) -> f64 {
    let seats = i32::try_from(Profile::DEFAULT.panel.seats).unwrap();
    let (mut sum, mut ways) = (0.0, 1.0);
    for count in 0..=seats {
        if 2 * count > seats {
            sum += ways * hostile.powi(count) * (1.0 - hostile).powi(seats - count);
        }
        ways *= f64::from(seats - count) / f64::from(count + 1);
    }
    sum
}

fn in_the_page(lines: &[String]) {
    let page = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../docs/adr/0014-checks-instead-of-canary-leaves.md"
    );
    println!("{}", lines.join("\n"));
    let page = std::fs::read_to_string(page).unwrap();
    for line in lines {
        assert!(page.lines().any(|found| found == line), "not in the page: {line}");
    }
}

#[test]
fn the_tables_of_the_decision_are_what_this_computes() {
    let checks = 1.0 / EVERY;
    let canary = canaries(cost_of_checks(EVERY));
    let mut lines = vec![];
    for q in [0.0, 0.5, 0.9, 0.99] {
        let row = [8, DAY, 7 * DAY].map(|n| {
            let by = |chance| {
                let left: f64 = survives(chance, q, n);
                if left < 0.001 {
                    format!("{left:.0e}")
                } else {
                    format!("{left:.3}")
                }
            };
            format!("{} / {}", by(checks), by(canary))
        });
        lines.push(format!("| {q:.2} | {} |", row.join(" | ")));
    }
    for cost in [0.05, 0.2, 0.5, 0.9] {
        let row = [(checks, 1.0), (checks, EVERY), (canary, 1.0), (canary, EVERY)];
        let row = row.map(|(chance, fine)| format!("{:+.3}", gain(chance, fine, cost, 0.0)));
        lines.push(format!("| {cost:.2} | {} |", row.join(" | ")));
    }
    for every in [1.0, 2.0, 4.0, 8.0, 16.0] {
        let cost = cost_of_checks(every);
        lines.push(format!("| {every:.0} | {cost:.3} | {:.4} |", canaries(cost)));
    }
    for hostile in [0.1, 0.2, 0.3] {
        lines.push(format!("| {hostile:.2} | {:.4} |", majority(hostile)));
    }
    in_the_page(&lines);
}

#[test]
fn at_the_same_cost_a_check_finds_more_than_a_canary_whatever_part_is_computed() {
    for every in 1..=64 {
        let (checks, canary) = (1.0 / f64::from(every), canaries(cost_of_checks(f64::from(every))));
        for q in [0.0, 0.3, 0.7, 0.95] {
            assert!(survives(checks, q, 100) < survives(canary, q, 100));
        }
    }
}

#[test]
fn with_the_fine_laziness_loses_for_every_part_as_soon_as_pay_covers_the_work() {
    for every in 1..=64 {
        let chance = 1.0 / f64::from(every);
        for q in [0.0, 0.5, 0.99] {
            assert!(gain(chance, f64::from(every), 0.999, q) < 0.0);
        }
    }
    // without it, only if pay is eight times the work
    assert!(gain(1.0 / EVERY, 1.0, 0.13, 0.0) > 0.0);
}
