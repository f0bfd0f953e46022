//! Decimal flags: gas prices and gas adjustment, without floats.

use std::str::FromStr;

use quern_types::{Coin, Coins, Denom};

use crate::{Failure, Result};

/// Decimal places of a [`Decimal`], as the SDK's.
const PLACES: usize = 18;
/// Ten to the power of [`PLACES`].
const ONE: u128 = 1_000_000_000_000_000_000;

/// A non-negative decimal with 18 places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal(u128);

impl Decimal {
    /// `self * n`, rounded up; `None` on overflow.
    pub(crate) fn times_ceil(self, n: u64) -> Option<u128> {
        Some(self.0.checked_mul(u128::from(n))?.div_ceil(ONE))
    }
}

impl FromStr for Decimal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("{text:?} is no decimal number such as 0.025");
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > PLACES {
            return Err(refuse());
        }
        let whole: u128 = whole.parse().map_err(|_| refuse())?;
        let fraction: u128 = format!("{fraction:0<PLACES$}").parse().map_err(|_| refuse())?;
        whole
            .checked_mul(ONE)
            .and_then(|w| w.checked_add(fraction))
            .map(Self)
            .ok_or_else(refuse)
    }
}

/// Prices of one unit of gas, such as `0.025nqrn`, comma-separated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GasPrices(Vec<(Decimal, Denom)>);

impl FromStr for GasPrices {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',')
            .map(|part| one_price(part.trim()))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn one_price(text: &str) -> Result<(Decimal, Denom), String> {
    let split = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (price, denom) = text.split_at(split);
    Ok((price.parse()?, denom.parse().map_err(|e| format!("{e}"))?))
}

impl GasPrices {
    /// Fee for `gas`, each amount rounded up, as the node's minimum is.
    pub(crate) fn fee(&self, gas: u64) -> Result<Coins> {
        let mut coins = Coins::empty();
        for (price, denom) in &self.0 {
            let amount = price
                .times_ceil(gas)
                .ok_or_else(|| Failure::Usage("the fee is too large; lower --gas-prices".into()))?;
            coins = coins
                .checked_add(&Coins::one(Coin {
                    denom: denom.clone(),
                    amount,
                }))
                .map_err(crate::failure::usage)?;
        }
        Ok(coins)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fees_round_up_as_the_node_rounds_its_minimum() {
        let fee = |prices: &str, gas| prices.parse::<GasPrices>().unwrap().fee(gas).unwrap().to_string();
        assert_eq!(fee("0.025nqrn", 100_000), "2500nqrn");
        assert_eq!(fee("0.025nqrn", 100_001), "2501nqrn");
        assert_eq!(fee("0.000000000000000001nqrn,2ibc/A-B", 1), "2ibc/A-B,1nqrn");
        assert_eq!(fee("0nqrn", 5), "");
    }

    #[test]
    fn other_spellings_of_numbers_are_refused() {
        for bad in [
            "",
            ".5",
            "1.",
            "1e3",
            "-1",
            "1.0000000000000000001",
            "340282366920938463463374607431768211456",
        ] {
            assert!(bad.parse::<Decimal>().is_err(), "{bad}");
        }
        assert!("0.1".parse::<GasPrices>().is_err());
        let huge: GasPrices = "340282366920938463463nqrn".parse().unwrap();
        assert!(huge.fee(u64::MAX).is_err());
    }
}
