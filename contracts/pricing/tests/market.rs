//! A market around the rule: what is asked for falls as the price rises (elasticity 3), and hears of it a period
//! late. The price must find its place, stay there, and come back.

use pricing::math::{apply, factor, smooth, utilisation, Rule, ONE};
use quern_protocol::{Amount, Price};

const ELASTICITY: f64 = 3.0;
const CAPACITY: u128 = 1_000_000;

struct Market {
    rule: Rule,
    price: Price,
    /// Price that demand knows: one period old.
    known: Price,
    smoothed: u128,
    /// Share of the capacity that is asked for at a price of 10.
    wanted: f64,
}

fn nqrn(price: Price) -> f64 {
    price.atomics() as f64 / ONE as f64
}

impl Market {
    fn new(steepness: u128, smoothing: u128) -> Self {
        let rule = Rule {
            smoothing,
            low: ONE / 10 * 4,
            high: ONE / 10 * 6,
            steepness,
            max_step: ONE / 20,
        };
        let price = "10".parse().unwrap();
        Self {
            rule,
            price,
            known: price,
            smoothed: ONE / 2,
            wanted: 0.5,
        }
    }

    /// A period; answers the price after it.
    fn period(&mut self) -> f64 {
        // nobody can be served beyond capacity
        let share = (self.wanted * (nqrn(self.known) / 10.0).powf(-ELASTICITY)).min(1.0);
        let demand = Amount((share * CAPACITY as f64 * 10.0) as u128);
        let found = utilisation(demand, Amount(CAPACITY), 10).unwrap();
        self.known = self.price;
        self.smoothed = smooth(self.smoothed, found, self.rule.smoothing);
        self.price = apply(self.price, factor(&self.rule, self.smoothed));
        nqrn(self.price)
    }

    /// Periods until the price has moved less than a thousandth in each of 50, and how often it turned on the way.
    fn settle(&mut self) -> Option<(usize, usize)> {
        let (mut before, mut direction, mut turns, mut still) = (nqrn(self.price), 0.0_f64, 0, 0);
        for period in 1..2_000 {
            let now = self.period();
            let change = now - before;
            if (change / before).abs() < 0.001 {
                still += 1;
            } else {
                turns += usize::from(direction * change < 0.0);
                (direction, still) = (change, 0);
            }
            if still == 50 {
                return Some((period - 50, turns));
            }
            before = now;
        }
        None
    }
}

#[test]
fn the_price_finds_its_place_without_cycling_and_comes_back_when_demand_falls() {
    let mut market = Market::new(ONE / 10, ONE / 2);
    assert_eq!(market.settle(), Some((0, 0)), "inside the band nothing moves");
    market.wanted = 4.0;
    let (periods, turns) = market.settle().expect("it settles");
    let high = nqrn(market.price);
    // at this price between 40 and 60 % are asked for: 10 (4 / u)^(1/3)
    assert!((18.8..=21.6).contains(&high), "{high}");
    assert!(turns <= 1 && periods < 60, "{periods} periods, {turns} turns");
    market.wanted = 0.5;
    let (periods, turns) = market.settle().expect("it comes back");
    let low = nqrn(market.price);
    assert!((9.4..=10.8).contains(&low), "{low}");
    assert!(turns <= 1 && periods < 60, "{periods} periods, {turns} turns");
}

#[test]
fn without_demand_the_price_falls_to_the_floor_and_leaves_it_again() {
    let mut market = Market::new(ONE / 10, ONE / 2);
    market.wanted = 0.0;
    market.settle().unwrap();
    assert_eq!(market.price, Price::FLOOR);
    // everything that can be served is asked for, from 1 nqrn on
    market.wanted = 4.0;
    market.settle().unwrap();
    assert!((18.8..=21.6).contains(&nqrn(market.price)));
}

/// What the bound `k * elasticity * 0.6 * (delay + 1/a) <= 0.6` keeps away.
#[test]
fn far_beyond_the_stability_bound_the_price_would_cycle() {
    let mut market = Market::new(ONE, ONE / 20);
    market.rule.max_step = ONE / 2;
    market.wanted = 4.0;
    let turns = market.settle().map_or(usize::MAX, |(_, turns)| turns);
    assert!(turns > 2, "{turns} turns: the test above could not fail");
}
