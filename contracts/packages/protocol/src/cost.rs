//! What a request costs.

use crate::{Amount, Price};
use serde::{Deserialize, Serialize};

/// Millionths of the model's price that one token of each kind costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coefficients {
    /// A prompt token that had to be computed.
    pub input: u32,
    /// A prompt token found in a cache.
    pub cached: u32,
    /// A generated token.
    pub output: u32,
}

/// Tokens of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// Prompt tokens, cached ones included.
    pub prompt: u32,
    /// Prompt tokens found in a cache; at most `prompt`.
    pub cached: u32,
    /// Generated tokens.
    pub completion: u32,
}

/// Coefficients are in millionths.
const MILLION: u128 = 1_000_000;

/// Price of a request, rounded up once; none if
/// more tokens are cached than prompted or the result does not fit.
///
/// `cost = ceil(price * (input (prompt - cached) + cached_c cached + output completion) / 10^6)`
/// (the protocol's "Sessions and vouchers").
pub fn cost(price: Price, coefficients: &Coefficients, usage: &Usage) -> Option<Amount> {
    let computed = usage.prompt.checked_sub(usage.cached)?;
    let weigh = |coefficient: u32, tokens: u32| u128::from(coefficient) * u128::from(tokens);
    let weighted = weigh(coefficients.input, computed)
        + weigh(coefficients.cached, usage.cached)
        + weigh(coefficients.output, usage.completion);
    Amount(weighted).mul_div_ceil(price.atomics(), Price::UNIT * MILLION)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Coefficients = Coefficients {
        input: 1_000_000,
        cached: 100_000,
        output: 3_000_000,
    };

    #[test]
    fn a_request_is_rounded_up_once() {
        let usage = Usage {
            prompt: 10,
            cached: 4,
            completion: 7,
        };
        // 6 + 0.4 + 21 = 27.4 tokens' worth
        assert_eq!(cost(Price::FLOOR, &PLAIN, &usage), Some(Amount(28)));
        let price = "1.5".parse().unwrap();
        assert_eq!(cost(price, &PLAIN, &usage), Some(Amount(42))); // 41.1
    }

    #[test]
    fn impossible_usage_has_no_price_and_the_largest_possible_one_fits() {
        let cached = Usage {
            prompt: 1,
            cached: 2,
            completion: 0,
        };
        assert_eq!(cost(Price::FLOOR, &PLAIN, &cached), None);
        let most = Usage {
            prompt: u32::MAX,
            cached: 0,
            completion: u32::MAX,
        };
        assert!(cost(Price::CEILING, &PLAIN, &most).is_some());
    }
}
