//! The protocol's framing figure, and the shares behind it.

#[path = "../examples/chance/mod.rs"]
mod chance;

use chance::{binomial_tail, framed, hypergeometric_tail};
use quern_audit::{Profile, StageRule};

#[test]
fn a_leaf_is_framed_with_9e_5_at_thirty_percent_and_not_safe_at_forty() {
    let at = |hostile| framed(&Profile::DEFAULT, hostile);
    assert!((8.5e-5..9.5e-5).contains(&at(0.3)), "{}", at(0.3));
    // a null of 3e-4 has no room for this
    assert!(at(0.4) > 3e-3, "{}", at(0.4));
    assert!(at(0.2) < 1e-6);
}

#[test]
fn the_tails_are_those_of_small_cases_counted_by_hand() {
    let rule = |seats, needed| StageRule { seats, needed };
    assert!((binomial_tail(rule(3, 2), 0.5) - 0.5).abs() < 1e-12);
    assert!((binomial_tail(rule(2, 2), 0.25) - 0.0625).abs() < 1e-12);
    // 2 of 3 seats from 2 hostile and 2 honest hosts: (1 x 2) / 4
    assert!((hypergeometric_tail(rule(3, 2), 2, 2) - 0.5).abs() < 1e-12);
}

#[test]
fn distinct_seats_would_hand_panels_to_many_small_hosts() {
    // 30 hostile hosts with 1 % of the weight each beside 20 honest ones
    assert!(hypergeometric_tail(Profile::DEFAULT.review, 30, 20) > 0.4);
    assert!(binomial_tail(Profile::DEFAULT.review, 0.3) < 3e-3);
}
