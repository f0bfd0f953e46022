//! The rule: the vectors of an independent implementation, what holds for every input, the page's example.

use std::path::{Path, PathBuf};
use std::process::Command;

use pricing::math::{apply, exp, factor, smooth, utilisation, Rule, MOST, ONE};
use proptest::prelude::*;
use quern_protocol::{Amount, Price};
use serde_json::Value;

const RULE: Rule = Rule {
    smoothing: ONE / 2,
    low: ONE / 10 * 4,
    high: ONE / 10 * 6,
    steepness: ONE / 10,
    max_step: ONE / 20,
};

fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn vectors() -> Value {
    serde_json::from_slice(&std::fs::read(here("vectors.json")).unwrap()).unwrap()
}

/// A decimal number in units of 10^-18.
fn units(value: &Value) -> u128 {
    value.as_str().unwrap().parse::<Price>().unwrap().atomics()
}

fn number(value: &Value) -> u128 {
    value.as_str().unwrap().parse().unwrap()
}

#[test]
fn the_committed_file_is_what_the_independent_implementation_computes() {
    let status = Command::new("python3")
        .arg(here("vectors.py"))
        .arg("--check")
        .status();
    assert!(status.expect("python3 runs vectors.py").success());
}

#[test]
fn the_exponential_is_the_series_and_within_its_stated_error() {
    for vector in vectors()["exp"].as_array().unwrap() {
        let found = exp(number(&vector["x"]));
        assert_eq!(found, number(&vector["exp"]));
        let exact = number(&vector["exact"]);
        assert!(found <= exact && exact - found < 32, "{vector}");
    }
}

fn follow(vector: &Value, mut price: Price) {
    let mut smoothed = ONE / 2;
    for row in vector.as_array().unwrap() {
        let (demand, capacity) = (number(&row["demand"]), number(&row["capacity"]));
        let blocks = row["blocks"].as_u64().unwrap();
        let found = utilisation(Amount(demand), Amount(capacity), blocks);
        assert_eq!(
            found,
            row["utilisation"].as_str().map(|_| units(&row["utilisation"]))
        );
        if let Some(found) = found {
            smoothed = smooth(smoothed, found, RULE.smoothing);
            price = apply(price, factor(&RULE, smoothed));
        }
        assert_eq!(
            (smoothed, price.atomics()),
            (units(&row["smoothed"]), units(&row["price"]))
        );
    }
}

#[test]
fn prices_follow_the_same_periods_to_the_same_last_digit() {
    let all = vectors();
    follow(&all["example"], "10".parse().unwrap());
    follow(&all["long"], "3".parse().unwrap());
    for row in all["factors"].as_array().unwrap() {
        assert_eq!(factor(&RULE, units(&row["smoothed"])), units(&row["factor"]));
    }
}

#[test]
fn the_example_of_the_specification_is_the_vector() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/spec/pricing.md");
    let text = std::fs::read_to_string(page).unwrap();
    let rest = text.split_once("<!-- vector: example -->").unwrap().1;
    let block = rest
        .split_once("```json\n")
        .unwrap()
        .1
        .split_once("```")
        .unwrap()
        .0;
    assert_eq!(
        serde_json::from_str::<Value>(block).unwrap(),
        vectors()["example"]
    );
}

fn rules() -> impl Strategy<Value = Rule> {
    (1..=ONE, 0..MOST, 0..MOST, 1..=ONE, 1..=ONE / 2).prop_map(|(smoothing, a, b, steepness, max_step)| {
        Rule {
            smoothing,
            low: a.min(b),
            high: a.max(b),
            steepness,
            max_step,
        }
    })
}

fn prices() -> impl Strategy<Value = Price> {
    (Price::FLOOR.atomics()..=Price::CEILING.atomics()).prop_map(Price::from_atomics)
}

proptest! {
    #[test]
    fn no_demand_and_no_capacity_overflows(demand: u128, capacity: u128, blocks: u64, old in 0..=MOST, a in 0..=ONE) {
        if let Some(u) = utilisation(Amount(demand), Amount(capacity), blocks) {
            prop_assert!(u <= MOST && capacity > 0 && blocks > 0);
            let new = smooth(old, u, a);
            prop_assert!((old.min(u)..=old.max(u)).contains(&new));
        }
    }

    #[test]
    fn a_price_holds_in_the_band_and_never_moves_further_than_a_step(
        rule in rules(), price in prices(), u in 0..=MOST,
    ) {
        let by = factor(&rule, u);
        let next = apply(price, by);
        prop_assert!(next.is_admitted());
        if (rule.low..=rule.high).contains(&u) {
            prop_assert_eq!(next, price);
        } else if u > rule.high {
            prop_assert!((ONE..=ONE + rule.max_step).contains(&by));
            prop_assert!(next >= price);
        } else {
            prop_assert!((ONE - rule.max_step..=ONE).contains(&by));
            prop_assert!(next <= price);
        }
    }

    #[test]
    fn more_demand_never_makes_a_lower_price(rule in rules(), price in prices(), u in 0..=MOST, v in 0..=MOST) {
        let (less, more) = (u.min(v), u.max(v));
        prop_assert!(apply(price, factor(&rule, less)) <= apply(price, factor(&rule, more)));
    }

    /// The peer's ratchet: with whole units a low price could fall but never rise.
    #[test]
    fn from_the_floor_a_price_rises_as_fast_as_from_anywhere(u in RULE.high + ONE / 1000..=MOST) {
        let by = factor(&RULE, u);
        prop_assert_eq!(apply(Price::FLOOR, by).atomics(), by);
        prop_assert!(by > ONE);
    }
}

#[test]
fn a_step_of_five_percent_needs_more_than_all_capacity_as_the_specification_says() {
    // u' = 0.6 + ln(1.05) / 0.1
    let needed = ONE / 10_000 * 10_880;
    assert_eq!(factor(&RULE, needed), ONE + RULE.max_step);
    assert!(factor(&RULE, ONE / 10_000 * 10_878) < ONE + RULE.max_step);
    // from the middle of the band it takes half as much again, once
    let from_rest = |u: u128| smooth(ONE / 2, u, RULE.smoothing);
    assert!(from_rest(ONE / 1_000 * 1_677) >= needed && from_rest(ONE / 1_000 * 1_675) < needed);
}

proptest! {
    #[test]
    fn so_many_whole_steps_cost_that_much_demand_however_it_is_spread(
        burst in prop::collection::vec(0_u128..400, 1..60),
    ) {
        let (capacity, blocks) = (100, 1);
        let (mut smoothed, mut steps, mut demand) = (ONE / 2, 0_u128, 0);
        for asked in burst {
            demand += asked;
            smoothed = smooth(smoothed, utilisation(Amount(asked), Amount(capacity), blocks).unwrap(), RULE.smoothing);
            steps += u128::from(factor(&RULE, smoothed) >= ONE + RULE.max_step);
        }
        // what was asked weighs one in all over the periods that remember it, and the middle of the band gave a half
        prop_assert!(demand + 50 >= steps * 108 || steps == 0, "{demand} for {steps}");
    }
}
