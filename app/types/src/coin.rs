//! Coins and sets of coins.

use std::{fmt, str::FromStr};

use crate::{Denom, Error, Result, errors};

/// Number of base units. The native supply fits u128 with room for 18 more digits.
pub type Amount = u128;

/// An amount of one denomination, possibly zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coin {
    /// Denomination.
    pub denom: Denom,
    /// Base units.
    pub amount: Amount,
}

impl Coin {
    /// Parses the wire's pair of strings.
    ///
    /// # Errors
    /// `sdk/10` for a bad denomination or an amount that is no canonical decimal below 2^128.
    pub fn parse(denom: &str, amount: &str) -> Result<Self> {
        Ok(Self {
            denom: denom.parse()?,
            amount: parse_amount(amount)?,
        })
    }
}

/// Why the SDK refuses coins that a client sent (`Coins.Validate`): they must be sorted, unique and positive.
/// Each is its denomination and its amount; amounts are known to be integers.
pub fn coins_fault<'a>(coins: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<String> {
    let mut before: Option<&str> = None;
    for (denom, amount) in coins {
        if let Err(error) = denom.parse::<Denom>() {
            return Some(error.contexts());
        }
        if let Some(low) = before {
            if denom < low {
                return Some(format!("denomination {denom} is not sorted"));
            }
            if denom == low {
                return Some(format!("duplicate denomination {denom}"));
            }
        }
        let zero = is_zero_amount(amount);
        if amount.is_empty() || zero || amount.starts_with('-') {
            // the first is shown with its amount
            let amount = if zero { "0" } else { amount };
            let shown = if before.is_none() { amount } else { "" };
            return Some(format!("coin {shown}{denom} amount is not positive"));
        }
        before = Some(denom);
    }
    None
}

/// Whether an amount is zero in any of the ways that Go reads: `0`, `00`, `-0`. A contract's message may hold each.
pub fn is_zero_amount(amount: &str) -> bool {
    let digits = amount.strip_prefix(['-', '+']).unwrap_or(amount);
    !digits.is_empty() && digits.bytes().all(|b| b == b'0')
}

/// Whether an amount is an integer that wasmd holds and this chain does not: 2^128 to 2^256 - 1. No supply is
/// near it, so whoever sends it has too little.
pub fn is_beyond_supply(amount: &str) -> bool {
    parse_amount(amount).is_err()
        && !amount.is_empty()
        && amount.bytes().all(|b| b.is_ascii_digit())
        && !amount.starts_with('0')
}

impl fmt::Display for Coin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.amount, self.denom)
    }
}

impl FromStr for Coin {
    type Err = Error;

    /// Reads `123nqrn`.
    fn from_str(text: &str) -> Result<Self> {
        let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (amount, denom) = text.split_at(split);
        if amount.is_empty() {
            return Err(errors::INVALID_COINS.wrap(format!("invalid decimal coin expression: {text}")));
        }
        Self::parse(denom, amount)
    }
}

fn parse_amount(text: &str) -> Result<Amount> {
    let canonical = !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_digit())
        && (text.len() == 1 || !text.starts_with('0'));
    canonical
        .then(|| text.parse().ok())
        .flatten()
        .ok_or_else(|| errors::INVALID_COINS.wrap(format!("invalid coin amount: {text:.80}")))
}

/// Coins sorted by denomination, without duplicates and without zeros: what the SDK calls valid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coins(Vec<Coin>);

impl Coins {
    /// No coins.
    pub const fn empty() -> Self {
        Self(Vec::new())
    }

    /// Takes coins that are already sorted, unique and positive.
    ///
    /// # Errors
    /// `sdk/10` otherwise: a client must send them so (`Coins.Validate`).
    pub fn try_from_sorted(coins: Vec<Coin>) -> Result<Self> {
        let sorted = coins.is_sorted_by(|a, b| a.denom < b.denom);
        if sorted && coins.iter().all(|c| c.amount > 0) {
            return Ok(Self(coins));
        }
        let shown = coins.iter().map(Coin::to_string).collect::<Vec<_>>().join(",");
        Err(errors::INVALID_COINS.wrap(shown))
    }

    /// One coin; empty if its amount is zero.
    pub fn one(coin: Coin) -> Self {
        if coin.amount == 0 {
            Self::empty()
        } else {
            Self(vec![coin])
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of denominations.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// In order of denomination.
    pub fn iter(&self) -> std::slice::Iter<'_, Coin> {
        self.0.iter()
    }

    /// Base units of `denom`, zero if absent.
    pub fn amount_of(&self, denom: &Denom) -> Amount {
        self.0
            .binary_search_by(|c| c.denom.cmp(denom))
            .ok()
            .and_then(|i| self.0.get(i))
            .map_or(0, |c| c.amount)
    }

    /// Sum of both sets.
    ///
    /// # Errors
    /// `sdk/10` on overflow.
    pub fn checked_add(&self, other: &Self) -> Result<Self> {
        let mut sum = self.clone();
        for coin in &other.0 {
            match sum.0.binary_search_by(|c| c.denom.cmp(&coin.denom)) {
                Ok(at) => {
                    if let Some(slot) = sum.0.get_mut(at) {
                        slot.amount = slot
                            .amount
                            .checked_add(coin.amount)
                            .ok_or_else(|| errors::INVALID_COINS.wrap("amount overflow"))?;
                    }
                }
                Err(at) => sum.0.insert(at, coin.clone()),
            }
        }
        Ok(sum)
    }
}

impl Coins {
    /// What is left after taking `other` away; `None` where it holds more of a denomination.
    pub fn checked_sub(&self, other: &Self) -> Option<Self> {
        if !other.is_all_lte(self) {
            return None;
        }
        let left = self.0.iter().map(|coin| Coin {
            denom: coin.denom.clone(),
            amount: coin.amount.saturating_sub(other.amount_of(&coin.denom)),
        });
        Some(Self(left.filter(|coin| coin.amount > 0).collect()))
    }

    /// The smaller amount of each denomination that both hold.
    #[must_use]
    pub fn min(&self, other: &Self) -> Self {
        let smaller = self.0.iter().map(|coin| Coin {
            denom: coin.denom.clone(),
            amount: coin.amount.min(other.amount_of(&coin.denom)),
        });
        Self(smaller.filter(|coin| coin.amount > 0).collect())
    }

    /// Whether `other` holds at least as much of each denomination (`IsAllLTE`).
    pub fn is_all_lte(&self, other: &Self) -> bool {
        self.0
            .iter()
            .all(|coin| coin.amount <= other.amount_of(&coin.denom))
    }
}

impl<'a> IntoIterator for &'a Coins {
    type Item = &'a Coin;
    type IntoIter = std::slice::Iter<'a, Coin>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl fmt::Display for Coins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, coin) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            coin.fmt(f)?;
        }
        Ok(())
    }
}

impl FromStr for Coins {
    type Err = Error;

    /// Reads `1atom,2nqrn`, in any order; an empty text is no coins.
    fn from_str(text: &str) -> Result<Self> {
        if text.trim().is_empty() {
            return Ok(Self::empty());
        }
        let mut coins = text
            .split(',')
            .map(|c| c.trim().parse())
            .collect::<Result<Vec<Coin>>>()?;
        coins.sort_by(|a, b| a.denom.cmp(&b.denom));
        coins.retain(|c| c.amount > 0);
        Self::try_from_sorted(coins)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsorted_duplicate_zero_and_oversized_coins_are_refused() {
        let c = |s: &str| s.parse::<Coin>().unwrap();
        assert!(Coins::try_from_sorted(vec![c("1bbb"), c("1aaa")]).is_err());
        assert!(Coins::try_from_sorted(vec![c("1aaa"), c("1aaa")]).is_err());
        assert!(Coins::try_from_sorted(vec![c("0aaa")]).is_err());
        assert!(Coin::parse("aaa", "340282366920938463463374607431768211456").is_err());
        for bad in ["", "-1", "01", "1.5", "+1", "1e3"] {
            assert!(Coin::parse("aaa", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn differences_and_minima_drop_what_becomes_zero() {
        let coins = |text: &str| text.parse::<Coins>().unwrap();
        let held = coins("5aaa,7bbb");
        assert_eq!(held.checked_sub(&coins("5aaa,1bbb")), Some(coins("6bbb")));
        assert_eq!(held.checked_sub(&coins("6aaa")), None);
        assert_eq!(held.checked_sub(&coins("1ccc")), None);
        assert_eq!(held.min(&coins("2aaa,9ccc")), coins("2aaa"));
        assert!(Coins::empty().is_all_lte(&held) && !coins("8bbb").is_all_lte(&held));
    }

    #[test]
    fn refused_sets_are_described_as_by_the_sdk() {
        let fault = |coins: &[(&'static str, &'static str)]| coins_fault(coins.iter().copied());
        assert_eq!(fault(&[("aaa", "1"), ("bbb", "2")]), None);
        assert_eq!(fault(&[]), None);
        for (coins, text) in [
            (&[("9bad", "1")][..], "invalid denom: 9bad"),
            (&[("aaa", "0")], "coin 0aaa amount is not positive"),
            (&[("aaa", "-5")], "coin -5aaa amount is not positive"),
            (&[("aaa", "1"), ("bbb", "0")], "coin bbb amount is not positive"),
            (&[("bbb", "1"), ("aaa", "1")], "denomination aaa is not sorted"),
            (&[("aaa", "1"), ("aaa", "1")], "duplicate denomination aaa"),
        ] {
            assert_eq!(fault(coins).as_deref(), Some(text));
        }
        assert!(is_beyond_supply("340282366920938463463374607431768211456"));
        for within in ["340282366920938463463374607431768211455", "0", "", "-1", "1.5"] {
            assert!(!is_beyond_supply(within), "{within}");
        }
    }

    #[test]
    fn no_coin_is_positive_that_is_zero_however_it_is_written() {
        for zero in ["0", "00", "-0", "+0", "-000"] {
            let fault = coins_fault([("nqrn", zero)]);
            assert_eq!(
                fault.as_deref(),
                Some("coin 0nqrn amount is not positive"),
                "{zero}"
            );
        }
        assert!(
            !is_zero_amount("") && !is_zero_amount("-") && !is_zero_amount("10") && !is_zero_amount("0x0")
        );
    }

    #[test]
    fn sums_refuse_to_wrap() {
        let max: Coins = format!("{}aaa", u128::MAX).parse().unwrap();
        assert!(max.checked_add(&"1aaa".parse().unwrap()).is_err());
        assert_eq!(
            "1aaa"
                .parse::<Coins>()
                .unwrap()
                .checked_add(&"2bbb,1aaa".parse().unwrap())
                .unwrap()
                .to_string(),
            "2aaa,2bbb"
        );
    }
}
