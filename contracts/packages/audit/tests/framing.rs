//! The protocol's framing figure, the shares behind it, and that the specification states what is computed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

#[path = "../examples/chance/mod.rs"]
mod chance;

use chance::{
    binomial_tail, checked_as_missing, exact_framed, exact_tail, framed, framed_as_missing,
    hypergeometric_tail,
};
use proptest::prelude::*;
use quern_audit::{stage_score, unfetchable, Profile, SeatVote, StageRule, Vote};
use quern_evidence::Score;

const SHIPPED: &Profile = &Profile::DEFAULT;

#[test]
fn a_leaf_is_framed_with_9e_5_at_thirty_percent_and_not_safe_at_forty() {
    let at = |hostile| framed(SHIPPED, hostile, 0.0);
    assert!((8.5e-5..9.5e-5).contains(&at(0.3)), "{}", at(0.3));
    // a null of 3e-4 has no room for this
    assert!(at(0.4) > 3e-3, "{}", at(0.4));
    assert!(at(0.2) < 1e-6);
}

#[test]
fn the_figure_is_exact_for_both_ways_to_the_review() {
    let parts = 1e-29;
    for tenths in 0_u8..10 {
        let exact = exact_framed(SHIPPED, tenths.into()).unwrap() as f64 * parts;
        let hostile = f64::from(tenths) / 10.0;
        for float in [
            framed(SHIPPED, hostile, 0.0),
            framed_as_missing(SHIPPED, hostile, 0.0),
        ] {
            assert!((float - exact).abs() <= exact * 1e-9, "{tenths}: {float} {exact}");
        }
    }
    // 9.21e-5, to the last digit of 10^-29
    assert_eq!(exact_framed(SHIPPED, 3).unwrap() / 10_u128.pow(22), 921);
}

#[test]
fn the_specification_states_what_is_computed() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/spec/audit.md");
    let page = std::fs::read_to_string(page).unwrap();
    let mut rows = Vec::new();
    for hostile in [0.20, 0.25, 0.30, 0.35, 0.40] {
        let review = binomial_tail(SHIPPED.review, hostile);
        rows.push(format!(
            "| {hostile:.2} | {:.1e} | {review:.1e} |",
            framed(SHIPPED, hostile, 0.0)
        ));
    }
    for unserved in [0.0, 0.01, 0.05, 0.1, 0.2, 0.5] {
        let condemned = framed(SHIPPED, 0.3, unserved);
        let missing = framed_as_missing(SHIPPED, 0.3, unserved);
        let checked = checked_as_missing(SHIPPED, 0.3, unserved);
        rows.push(format!(
            "| {unserved:.2} | {condemned:.1e} | {missing:.1e} | {checked:.1e} |"
        ));
    }
    for row in rows {
        assert!(page.contains(&row), "the page lacks {row}");
    }
    let evidence = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/spec/evidence.md");
    let evidence = std::fs::read_to_string(evidence).unwrap();
    assert!(evidence.contains("9.21 · 10⁻⁵ at 30 % hostile weight"));
}

#[test]
fn a_host_that_serves_most_auditors_is_rarely_found_to_withhold() {
    // who serves everybody is framed as withholding as rarely as it is condemned
    assert!(framed_as_missing(SHIPPED, 0.3, 0.0) < 9.3e-5);
    // who fails to serve one in twenty of the honest weight stays below one leaf in two thousand
    assert!(framed_as_missing(SHIPPED, 0.3, 0.05) < 5e-4);
    // and cannot be condemned above the protocol's bound for long outages either
    assert!(framed(SHIPPED, 0.3, 0.2) < 4.2e-4);
    // without the review, a panel alone would frame one leaf in thirty
    assert!(0.3 * binomial_tail(SHIPPED.panel, 0.3) > 0.03);
    // at 40 % neither is safe
    assert!(framed_as_missing(SHIPPED, 0.4, 0.0) > 3e-3);
}

#[test]
fn the_tails_are_those_of_small_cases_counted_by_hand() {
    let rule = |seats, needed| StageRule { seats, needed };
    assert!((binomial_tail(rule(3, 2), 0.5) - 0.5).abs() < 1e-12);
    assert!((binomial_tail(rule(2, 2), 0.25) - 0.0625).abs() < 1e-12);
    assert_eq!(exact_tail(rule(3, 2), 1, 2), Some((4, 8)));
    assert_eq!(exact_tail(rule(2, 2), 1, 4), Some((1, 16)));
    // 2 of 3 seats from 2 hostile and 2 honest hosts: (1 x 2) / 4
    assert!((hypergeometric_tail(rule(3, 2), 2, 2) - 0.5).abs() < 1e-12);
}

#[test]
fn distinct_seats_would_hand_panels_to_many_small_hosts() {
    // 30 hostile hosts with 1 % of the weight each beside 20 honest ones
    assert!(hypergeometric_tail(SHIPPED.review, 30, 20) > 0.4);
    assert!(binomial_tail(SHIPPED.review, 0.3) < 3e-3);
}

proptest! {
    #[test]
    fn fewer_hostile_seats_than_needed_neither_condemn_nor_find_anything_missing(
        hostile in prop::collection::vec(0_u8..3, 0..13), silent in 0_usize..9,
    ) {
        // the tails above count exactly these cases: a stage decides against an honest host only from `needed` on
        let bad = hostile.iter().map(|word| match word {
            0 => None,
            1 => Some(Vote::Unfetchable),
            _ => Some(Vote::Score(Score::FAILED)),
        });
        let honest = (0..21 - hostile.len()).map(|at| (at >= silent).then_some(Vote::Score(Score::CLEAN)));
        let votes: Vec<SeatVote> = bad.chain(honest).map(|vote| SeatVote { seats: 1, vote }).collect();
        prop_assert!(!unfetchable(SHIPPED.review, &votes));
        prop_assert_eq!(stage_score(SHIPPED.review, &votes), Score::CLEAN);
    }
}
