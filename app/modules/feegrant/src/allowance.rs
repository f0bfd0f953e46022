//! What a grantee may still spend, and how a fee is drawn from it. No state here.

use std::collections::BTreeSet;

use quern_context::Cx;
use quern_types::{Coins, Result, Timestamp, errors};

use crate::{FEE_LIMIT_EXCEEDED, FEE_LIMIT_EXPIRED, INVALID_DURATION, MESSAGE_NOT_ALLOWED, NO_MESSAGES};

/// Gas of each comparison with an allowed message.
const GAS_PER_MESSAGE: u64 = 10;

/// An allowance of any kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Allowance {
    Basic(Basic),
    Periodic(Periodic),
    /// Only for transactions all of whose messages are among these types.
    AllowedMsg {
        inner: Box<Self>,
        messages: Vec<String>,
    },
}

/// Up to an amount, up to a time; `None` is without limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Basic {
    pub spend_limit: Option<Coins>,
    pub expiration: Option<Timestamp>,
}

/// A basic allowance of which each period frees a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Periodic {
    pub basic: Basic,
    /// Seconds and nanoseconds.
    pub period: (i64, i32),
    pub period_spend_limit: Coins,
    pub period_can_spend: Coins,
    pub period_reset: Timestamp,
}

/// What became of an allowance that was drawn on.
#[derive(Debug)]
pub(crate) enum Drawn {
    /// Something is left, or no limit was set.
    Left,
    /// Nothing is left.
    UsedUp,
}

impl Allowance {
    pub(crate) fn expiration(&self) -> Option<Timestamp> {
        match self {
            Self::Basic(basic) => basic.expiration,
            Self::Periodic(periodic) => periodic.basic.expiration,
            Self::AllowedMsg { inner, .. } => inner.expiration(),
        }
    }

    /// Checks what a granter may say. What is left of an allowance later need not pass: a coin that is used up
    /// drops out of its limit.
    pub(crate) fn validate(&self) -> Result<()> {
        match self {
            Self::Basic(basic) => basic.validate(),
            Self::Periodic(periodic) => periodic.validate(),
            Self::AllowedMsg { messages, .. } if messages.is_empty() => {
                Err(NO_MESSAGES.wrap("allowed messages shouldn't be empty"))
            }
            Self::AllowedMsg { inner, .. } => inner.validate(),
        }
    }

    /// Draws a fee for a transaction of messages of these types.
    pub(crate) fn draw(&mut self, cx: &Cx, fee: &Coins, types: &[&str]) -> Result<Drawn> {
        match self {
            Self::Basic(basic) => basic.draw(cx.block.time, fee),
            Self::Periodic(periodic) => periodic.draw(cx.block.time, fee),
            Self::AllowedMsg { inner, messages } => {
                for _ in messages.iter() {
                    cx.gas.consume(GAS_PER_MESSAGE, "check msg")?;
                }
                let allowed: BTreeSet<&str> = messages.iter().map(String::as_str).collect();
                for ty in types {
                    cx.gas.consume(GAS_PER_MESSAGE, "check msg")?;
                    if !allowed.contains(ty) {
                        return Err(MESSAGE_NOT_ALLOWED.wrap("message does not exist in allowed messages"));
                    }
                }
                inner.draw(cx, fee, types)
            }
        }
    }
}

impl Basic {
    fn draw(&mut self, now: Timestamp, fee: &Coins) -> Result<Drawn> {
        if self.expiration.is_some_and(|end| end < now) {
            return Err(FEE_LIMIT_EXPIRED.wrap("basic allowance"));
        }
        take(&mut self.spend_limit, fee, "basic allowance")
    }

    fn validate(&self) -> Result<()> {
        if self.expiration.is_some_and(|end| end.seconds < 0) {
            return Err(INVALID_DURATION.wrap("expiration time cannot be negative"));
        }
        Ok(())
    }
}

impl Periodic {
    fn draw(&mut self, now: Timestamp, fee: &Coins) -> Result<Drawn> {
        if self.basic.expiration.is_some_and(|end| now > end) {
            return Err(FEE_LIMIT_EXPIRED.wrap("absolute limit"));
        }
        self.begin_period(now)?;
        self.period_can_spend = self
            .period_can_spend
            .checked_sub(fee)
            .ok_or_else(|| FEE_LIMIT_EXCEEDED.wrap("period limit"))?;
        take(&mut self.basic.spend_limit, fee, "absolute limit")
    }

    /// Frees the next part once its time has come, never more than is left in all. Within one period the
    /// rhythm stays; after a pause it begins anew.
    fn begin_period(&mut self, now: Timestamp) -> Result<()> {
        if now < self.period_reset {
            return Ok(());
        }
        self.period_can_spend = match &self.basic.spend_limit {
            Some(left) if !left.is_empty() && !self.period_spend_limit.is_all_lte(left) => left.clone(),
            _ => self.period_spend_limit.clone(),
        };
        let (seconds, nanos) = self.period;
        let after = |time: Timestamp| {
            time.checked_add(seconds, nanos)
                .ok_or_else(|| errors::INVALID_REQUEST.wrap("the period ends after all time"))
        };
        self.period_reset = after(self.period_reset)?;
        if now > self.period_reset {
            self.period_reset = after(now)?;
        }
        Ok(())
    }

    fn validate(&self) -> Result<()> {
        self.basic.validate()?;
        if self.period_spend_limit.is_empty() {
            return Err(errors::INVALID_COINS.wrap("spend limit must be positive"));
        }
        if let Some(limit) = &self.basic.spend_limit {
            let subset = self
                .period_spend_limit
                .iter()
                .all(|coin| limit.amount_of(&coin.denom) > 0);
            if !subset {
                let text = "period spend limit has different currency than basic spend limit";
                return Err(errors::INVALID_COINS.wrap(text));
            }
        }
        if self.period.0 < 0 || self.period.1 < 0 {
            return Err(INVALID_DURATION.wrap("negative clock step"));
        }
        Ok(())
    }
}

fn take(limit: &mut Option<Coins>, fee: &Coins, which: &'static str) -> Result<Drawn> {
    let Some(left) = limit else {
        return Ok(Drawn::Left);
    };
    *left = left
        .checked_sub(fee)
        .ok_or_else(|| FEE_LIMIT_EXCEEDED.wrap(which))?;
    Ok(if left.is_empty() {
        Drawn::UsedUp
    } else {
        Drawn::Left
    })
}

#[cfg(test)]
#[allow(clippy::panic)]
mod tests {
    use super::*;

    fn coins(text: &str) -> Coins {
        text.parse().unwrap_or_default()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp { seconds, nanos: 0 }
    }

    fn hourly(limit: Option<&str>) -> Periodic {
        Periodic {
            basic: Basic {
                spend_limit: limit.map(coins),
                expiration: Some(at(100_000)),
            },
            period: (3600, 0),
            period_spend_limit: coins("10nqrn"),
            period_can_spend: coins("10nqrn"),
            period_reset: at(3600),
        }
    }

    #[test]
    fn a_basic_allowance_ends_with_its_amount_or_its_time() {
        let mut basic = Basic {
            spend_limit: Some(coins("10nqrn")),
            expiration: Some(at(100)),
        };
        assert!(matches!(basic.draw(at(100), &coins("4nqrn")), Ok(Drawn::Left)));
        assert!(
            basic
                .draw(at(100), &coins("7nqrn"))
                .unwrap_err()
                .is(&FEE_LIMIT_EXCEEDED)
        );
        assert!(
            basic
                .draw(at(101), &coins("1nqrn"))
                .unwrap_err()
                .is(&FEE_LIMIT_EXPIRED)
        );
        assert!(matches!(basic.draw(at(100), &coins("6nqrn")), Ok(Drawn::UsedUp)));
        assert!(matches!(
            Basic::default().draw(at(1), &coins("6nqrn")),
            Ok(Drawn::Left)
        ));
    }

    #[test]
    fn a_period_frees_its_part_and_no_more_than_is_left() {
        let mut periodic = hourly(Some("15nqrn"));
        assert!(matches!(periodic.draw(at(10), &coins("10nqrn")), Ok(Drawn::Left)));
        assert!(
            periodic
                .clone()
                .draw(at(3599), &coins("1nqrn"))
                .unwrap_err()
                .is(&FEE_LIMIT_EXCEEDED)
        );
        // the next part is what is left in all
        assert!(matches!(
            periodic.draw(at(3600), &coins("2nqrn")),
            Ok(Drawn::Left)
        ));
        assert_eq!(
            (periodic.period_can_spend.clone(), periodic.period_reset),
            (coins("3nqrn"), at(7200))
        );
        // after a pause the rhythm begins anew
        assert!(matches!(
            periodic.draw(at(20_000), &coins("3nqrn")),
            Ok(Drawn::UsedUp)
        ));
        assert_eq!(periodic.period_reset, at(23_600));
        assert!(
            hourly(None)
                .draw(at(100_001), &coins(""))
                .unwrap_err()
                .is(&FEE_LIMIT_EXPIRED)
        );
    }

    #[test]
    fn periods_of_another_coin_or_backwards_are_refused() {
        assert!(hourly(Some("5other")).validate().is_err());
        let mut backwards = hourly(None);
        backwards.period = (-1, 0);
        assert!(backwards.validate().unwrap_err().is(&INVALID_DURATION));
    }

    #[test]
    fn a_limit_that_has_lost_a_coin_can_still_be_drawn_on() {
        let mut periodic = hourly(Some("10nqrn,10other"));
        periodic.period_spend_limit = coins("10nqrn,10other");
        periodic.period_can_spend = coins("10nqrn,10other");
        periodic.validate().unwrap();
        assert!(matches!(periodic.draw(at(1), &coins("10nqrn")), Ok(Drawn::Left)));
        let mut stored =
            crate::wire::read(&crate::wire::write(&Allowance::Periodic(periodic)).unwrap()).unwrap();
        let Allowance::Periodic(periodic) = &mut stored else {
            panic!("the kind has changed");
        };
        assert!(periodic.validate().is_err());
        assert!(matches!(
            periodic.draw(at(2), &coins("10other")),
            Ok(Drawn::UsedUp)
        ));
    }
}
