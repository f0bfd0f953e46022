//! When locked coins become free. Pure arithmetic.

use quern_types::{Amount, Coin, Coins};

/// 10^18: one in the SDK's decimals.
const ONE: u128 = 1_000_000_000_000_000_000;

/// How coins become free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Evenly from the start to the end.
    Continuous {
        /// Unix seconds.
        start_time: i64,
    },
    /// All at the end.
    Delayed,
    /// Some at the end of each period.
    Periodic {
        /// Unix seconds.
        start_time: i64,
        /// In order of time.
        periods: Vec<Period>,
    },
    /// Never.
    PermanentLocked,
}

/// A stretch of time and what becomes free at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// Seconds.
    pub length: i64,
    /// Coins.
    pub amount: Coins,
}

impl Schedule {
    pub(super) fn validate(&self, original: &Coins, end: i64) -> Result<(), String> {
        if original.is_empty() {
            return Err("invalid coins: ".to_owned());
        }
        match self {
            Self::PermanentLocked if end > 0 => {
                Err("permanently vested accounts cannot have an end-time".to_owned())
            }
            Self::Periodic { start_time, periods } => validate_periods(*start_time, periods, original, end),
            _ => Ok(()),
        }
    }

    /// What is free at `now` out of `original`.
    pub(super) fn vested(&self, original: &Coins, end: i64, now: i64) -> Coins {
        let none = Coins::empty();
        match self {
            Self::PermanentLocked => none,
            Self::Continuous { start_time } | Self::Periodic { start_time, .. } if now <= *start_time => none,
            _ if now >= end => original.clone(),
            Self::Delayed => none,
            Self::Continuous { start_time } => continuous(original, *start_time, end, now),
            Self::Periodic { start_time, periods } => periodic(periods, *start_time, now),
        }
    }
}

fn validate_periods(start: i64, periods: &[Period], original: &Coins, end: i64) -> Result<(), String> {
    if start >= end {
        return Err("vesting start-time cannot be before end-time".to_owned());
    }
    let mut at = Some(start);
    let mut sum = Coins::empty();
    for (i, period) in periods.iter().enumerate() {
        if period.length < 0 {
            return Err(format!("period #{i} has a negative length: {}", period.length));
        }
        if period.amount.is_empty() {
            return Err(format!("period #{i} has invalid coins: "));
        }
        at = at.and_then(|at| at.checked_add(period.length));
        sum = sum.checked_add(&period.amount).map_err(|e| e.to_string())?;
    }
    if at != Some(end) {
        return Err("vesting end time does not match length of all vesting periods".to_owned());
    }
    if sum != *original {
        return Err(format!(
            "original vesting coins ({original}) does not match the sum of all coins in vesting periods ({sum})"
        ));
    }
    Ok(())
}

fn periodic(periods: &[Period], start: i64, now: i64) -> Coins {
    let mut vested = Coins::empty();
    let mut begin = start;
    for period in periods {
        if now.saturating_sub(begin) < period.length {
            break;
        }
        // the sum was checked when the account was made
        vested = vested.checked_add(&period.amount).unwrap_or(vested);
        begin = begin.saturating_add(period.length);
    }
    vested
}

fn continuous(original: &Coins, start: i64, end: i64, now: i64) -> Coins {
    let (Some(passed), Some(total)) = (span(start, now), span(start, end)) else {
        return Coins::empty();
    };
    let share = ratio(passed, total);
    let vested = original.iter().map(|coin| Coin {
        denom: coin.denom.clone(),
        amount: scale(coin.amount, share),
    });
    Coins::try_from_sorted(vested.filter(|coin| coin.amount > 0).collect()).unwrap_or_default()
}

fn span(from: i64, to: i64) -> Option<u128> {
    u128::try_from(i128::from(to).checked_sub(i128::from(from))?).ok()
}

/// `passed / total` in 18 decimals, halves to even, as the SDK's `LegacyDec.Quo` rounds: it divides with 36
/// decimals and rounds away the last 18. `passed < total < 2^65`, so no product overflows.
fn ratio(passed: u128, total: u128) -> u128 {
    let scaled = passed.saturating_mul(ONE);
    let (whole, rest) = (scaled.checked_div(total), scaled.checked_rem(total));
    let (whole, rest) = (whole.unwrap_or(0), rest.unwrap_or(0));
    let tail = rest.saturating_mul(ONE).checked_div(total).unwrap_or(0);
    round(whole, tail)
}

/// `amount * share`, halves to even (`LegacyDec.Mul`, `RoundInt`); `share` is at most one.
fn scale(amount: Amount, share: u128) -> Amount {
    let (whole, part) = (amount / ONE, amount % ONE);
    let product = part.saturating_mul(share);
    let sum = whole.saturating_mul(share).saturating_add(product / ONE);
    round(sum, product % ONE).min(amount)
}

/// `whole` plus one if `rest` is more than half of one, or half of it beside an odd number.
fn round(whole: u128, rest: u128) -> u128 {
    const HALF: u128 = ONE / 2;
    let up = rest > HALF || (rest == HALF && whole % 2 == 1);
    whole.saturating_add(u128::from(up))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coins(text: &str) -> Coins {
        text.parse().unwrap()
    }

    #[test]
    fn coins_flow_evenly_and_halves_go_to_even() {
        let schedule = Schedule::Continuous { start_time: 1000 };
        let at = |now| schedule.vested(&coins("5aaa,3000000000000000000000000000nqrn"), 3000, now);
        assert_eq!(at(1000), Coins::empty());
        assert_eq!(at(2000), coins("2aaa,1500000000000000000000000000nqrn")); // 2.5 is 2
        assert_eq!(at(2600), coins("4aaa,2400000000000000000000000000nqrn"));
        assert_eq!(at(3000), coins("5aaa,3000000000000000000000000000nqrn"));
        // 1/3 has 18 decimals, so the last digits of a large amount show it
        let third = Schedule::Continuous { start_time: 0 };
        assert_eq!(
            third.vested(&coins("3000000000000000000000aaa"), 3, 1),
            coins("999999999999999999000aaa")
        );
    }

    #[test]
    fn the_largest_amounts_and_times_do_not_overflow() {
        let schedule = Schedule::Continuous { start_time: 0 };
        let all = format!("{}aaa", u128::MAX).parse().unwrap();
        let free = schedule.vested(&all, i64::MAX, i64::MAX - 1);
        assert!(free.is_all_lte(&all));
    }

    #[test]
    fn periods_free_their_coins_when_they_are_over() {
        let period = |length, amount: &str| Period {
            length,
            amount: coins(amount),
        };
        let schedule = Schedule::Periodic {
            start_time: 100,
            periods: vec![period(10, "1nqrn"), period(20, "2nqrn")],
        };
        let total = coins("3nqrn");
        assert!(schedule.validate(&total, 130).is_ok());
        assert!(schedule.validate(&total, 131).is_err());
        assert!(schedule.validate(&coins("4nqrn"), 130).is_err());
        for (now, free) in [(109, ""), (110, "1nqrn"), (129, "1nqrn"), (130, "3nqrn")] {
            assert_eq!(
                schedule.vested(&total, 130, now),
                free.parse().unwrap_or_default(),
                "{now}"
            );
        }
    }

    #[test]
    fn locked_for_ever_stays_locked_and_delayed_waits_for_the_end() {
        let all = coins("7nqrn");
        assert_eq!(
            Schedule::PermanentLocked.vested(&all, 0, i64::MAX),
            Coins::empty()
        );
        assert_eq!(Schedule::Delayed.vested(&all, 50, 49), Coins::empty());
        assert_eq!(Schedule::Delayed.vested(&all, 50, 50), all);
    }
}
