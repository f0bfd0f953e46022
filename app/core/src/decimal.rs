//! Minimum gas prices: decimal prices per unit of gas, in integers of 10^-18.

use std::str::FromStr;

use quern_types::{Coin, Denom, Error, Result, errors};

const SCALE: u128 = 1_000_000_000_000_000_000;
const DIGITS: usize = 18;

/// What a node asks per unit of gas before it admits a transaction to its mempool, one price per
/// denomination. A fee must meet any one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GasPrices(Vec<(Denom, u128)>);

impl GasPrices {
    /// Whether nothing is asked.
    pub fn is_zero(&self) -> bool {
        self.0.iter().all(|(_, price)| *price == 0)
    }

    /// Fee for `gas` in each denomination, rounded up. A product past u128 asks for the most there is.
    pub fn required(&self, gas: u64) -> Vec<Coin> {
        let fee = |price: u128| match price.checked_mul(u128::from(gas)) {
            Some(product) => product.div_ceil(SCALE),
            None => (price / SCALE).saturating_add(1).saturating_mul(u128::from(gas)),
        };
        self.0
            .iter()
            .map(|(denom, price)| Coin {
                denom: denom.clone(),
                amount: fee(*price),
            })
            .collect()
    }
}

impl std::fmt::Display for GasPrices {
    /// As `app.toml` writes them: `0.025000000000000000nqrn`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, (denom, price)) in self.0.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            write!(f, "{comma}{}.{:018}{denom}", price / SCALE, price % SCALE)?;
        }
        Ok(())
    }
}

impl FromStr for GasPrices {
    type Err = Error;

    /// Reads `0.025nqrn,1uatom`; an empty text asks for nothing.
    fn from_str(text: &str) -> Result<Self> {
        let mut prices = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let bad = || errors::APP_CONFIG.wrap(format!("invalid minimum gas price {part:?}"));
            let split = part.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(bad)?;
            let (number, denom) = part.split_at(split);
            let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
            let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
            if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > DIGITS {
                return Err(bad());
            }
            let whole: u128 = whole.parse().map_err(|_| bad())?;
            let fraction: u128 = format!("{fraction:0<18}").parse().map_err(|_| bad())?;
            let price = whole
                .checked_mul(SCALE)
                .and_then(|w| w.checked_add(fraction))
                .ok_or_else(bad)?;
            prices.push((denom.parse().map_err(|_| bad())?, price));
        }
        prices.sort();
        let unique = prices.windows(2).all(|pair| matches!(pair, [a, b] if a.0 != b.0));
        if unique {
            Ok(Self(prices))
        } else {
            Err(errors::APP_CONFIG.wrap("a denomination is priced twice"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fees_round_up_and_every_denomination_is_listed() {
        let prices: GasPrices = "0.025nqrn,1uatom".parse().unwrap();
        let fees: Vec<String> = prices.required(100_001).iter().map(Coin::to_string).collect();
        assert_eq!(fees, ["2501nqrn", "100001uatom"]);
        assert_eq!(
            prices.to_string(),
            "0.025000000000000000nqrn,1.000000000000000000uatom"
        );
        assert!("".parse::<GasPrices>().unwrap().is_zero());
    }

    #[test]
    fn malformed_prices_are_refused() {
        for bad in [
            "nqrn",
            "-1nqrn",
            "1.2.3nqrn",
            "1nqrn,2nqrn",
            "0.0000000000000000001nqrn",
        ] {
            assert!(bad.parse::<GasPrices>().is_err(), "{bad}");
        }
    }
}
