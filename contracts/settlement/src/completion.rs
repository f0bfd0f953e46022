//! How much of what hosts were asked for they served: what a draw weighs their capacity with.

use cosmwasm_std::{Addr, Storage};
use quern_protocol::{Amount, Price};

use crate::error::Result;
use crate::state::COMPLETION;

/// Requests after which both counts are halved, so that the last ones say most.
const WINDOW: u64 = 1_000;
/// Requests that every host is taken to have served, so that a first miss says little.
const PRIOR: u64 = 20;
/// Weighted tokens of the shortest request that counts, served or missed.
const MIN_TOKENS: u128 = 16;
/// Refusals, and time-outs, of a seat in one session that count: who marks a host down pays an open fee for each few.
pub const MAX_COUNTED: u64 = 2;

/// How many requests an amount pays for at a price, each of at least 16 weighted tokens.
pub fn requests(amount: Amount, price: Price) -> u64 {
    let tokens = amount.mul_div_floor(Price::UNIT, price.atomics());
    let tokens = tokens.unwrap_or_default().0;
    u64::try_from(tokens / MIN_TOKENS).unwrap_or(u64::MAX)
}

/// Requests of a host for a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// Served and paid for.
    pub served: u64,
    /// Refused, or timed out before witnesses.
    pub missed: u64,
}

impl Completion {
    /// Adds to the counts.
    #[must_use]
    pub fn plus(self, served: u64, missed: u64) -> Self {
        let mut sum = Self {
            served: self.served.saturating_add(served.min(WINDOW)),
            missed: self.missed.saturating_add(missed),
        };
        while sum.served.saturating_add(sum.missed) > WINDOW {
            sum = Self {
                served: sum.served / 2,
                missed: sum.missed.div_ceil(2),
            };
        }
        sum
    }

    /// A capacity weighed with what was completed of the last requests; at least 1 of what is not 0.
    pub fn weigh(self, capacity: u64) -> u64 {
        let (done, all) = (self.served.saturating_add(PRIOR), self.missed);
        let all = u128::from(done.saturating_add(all));
        let part = u128::from(capacity).saturating_mul(done.into()).checked_div(all);
        let part = part.and_then(|part| u64::try_from(part).ok()).unwrap_or(capacity);
        part.max(capacity.min(1))
    }
}

/// A host's record for a model.
pub fn of(storage: &dyn Storage, host: &Addr, model: &str) -> Result<Completion> {
    let (served, missed) = COMPLETION.may_load(storage, (host, model))?.unwrap_or_default();
    Ok(Completion { served, missed })
}

/// One more was not served.
pub fn missed(storage: &mut dyn Storage, host: &Addr, model: &str) -> Result<()> {
    let sum = of(storage, host, model)?.plus(0, 1);
    Ok(COMPLETION.save(storage, (host, model), &(sum.served, sum.missed))?)
}

/// More were served and paid for.
pub fn served(storage: &mut dyn Storage, host: &Addr, model: &str, requests: u64) -> Result<()> {
    if requests == 0 {
        return Ok(());
    }
    let sum = of(storage, host, model)?.plus(requests, 0);
    Ok(COMPLETION.save(storage, (host, model), &(sum.served, sum.missed))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_host_that_misses_half_of_much_has_half_its_weight_and_earns_it_back() {
        assert_eq!(Completion::default().weigh(300), 300);
        assert_eq!(Completion::default().plus(0, 1).weigh(2_100), 2_000);
        let half = Completion {
            served: 480,
            missed: 500,
        };
        assert_eq!(half.weigh(300), 150);
        let mut better = half;
        for _ in 0..10 {
            better = better.plus(300, 0);
        }
        assert!(better.weigh(300) > 290);
    }

    #[test]
    fn a_host_of_a_million_served_and_no_miss_keeps_its_weight_through_20_refusals() {
        let mut record = Completion::default();
        for _ in 0..10_000 {
            record = record.plus(100, 0);
        }
        for _ in 0..20 {
            record = record.plus(0, 1);
        }
        assert!(record.weigh(1_000) > 950, "{record:?}");
        // and none of them is lost where the counts are halved
        assert_eq!(record.missed, 20);
    }

    proptest! {
        #[test]
        fn weight_stays_between_one_and_capacity_and_no_miss_raises_it(
            steps in prop::collection::vec((0_u64..1_500, 0_u64..50), 0..40), capacity in 0_u64..u64::MAX,
        ) {
            let mut record = Completion::default();
            for (served, missed) in steps {
                let before = record.plus(served, 0);
                let after = before.plus(0, missed);
                prop_assert!(after.served + after.missed <= WINDOW);
                prop_assert!(after.weigh(capacity) <= capacity);
                prop_assert_eq!(after.weigh(capacity) == 0, capacity == 0);
                if before.served + before.missed + missed <= WINDOW {
                    prop_assert!(after.weigh(capacity) <= before.weigh(capacity));
                }
                record = after;
            }
        }
    }
}
