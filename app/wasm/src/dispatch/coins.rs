//! Coins in a contract's words.

use quern_proto::cosmos::base::v1beta1::Coin as ProtoCoin;
use quern_types::{Coin, Coins, Denom, Error, Result, errors as sdk};

use crate::json::WireCoin;

/// Reads coins in any order; those of one denomination are summed and zeros dropped, as wasmd does.
pub(super) fn sum(coins: &[WireCoin]) -> Result<Coins> {
    coins.iter().try_fold(Coins::empty(), |sum, coin| {
        sum.checked_add(&Coins::one(one(coin)?))
    })
}

/// Coins as messages carry them.
pub(super) fn to_proto(coins: &Coins) -> Vec<ProtoCoin> {
    coins.iter().map(one_to_proto).collect()
}

/// A coin as messages carry it.
pub(super) fn one_to_proto(coin: &Coin) -> ProtoCoin {
    ProtoCoin {
        denom: coin.denom.to_string(),
        amount: coin.amount.to_string(),
    }
}

/// Reads one coin, which may be nothing.
///
/// # Errors
/// `sdk/10` for an amount that is no number or has more than 128 bits, `undefined/1` for any other fault.
pub(super) fn one(coin: &WireCoin) -> Result<Coin> {
    let WireCoin { denom, amount } = coin;
    let digits = amount.strip_prefix('-').unwrap_or(amount);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(sdk::INVALID_COINS.wrap(format!("{amount}{denom}")));
    }
    if let Err(error) = denom.parse::<Denom>() {
        return Err(Error::unregistered(error.contexts()));
    }
    if amount.starts_with('-') && digits != "0" {
        return Err(Error::unregistered(format!("negative coin amount: {amount}")));
    }
    Coin::parse(denom, digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coin(denom: &str, amount: &str) -> WireCoin {
        WireCoin {
            denom: denom.into(),
            amount: amount.into(),
        }
    }

    #[test]
    fn coins_are_sorted_and_summed_and_zeros_dropped() {
        let coins = [
            coin("zzz", "1"),
            coin("aaa", "0"),
            coin("bbb", "2"),
            coin("zzz", "4"),
        ];
        assert_eq!(sum(&coins).unwrap().to_string(), "2bbb,5zzz");
    }

    #[test]
    fn sums_and_amounts_past_the_end_are_refused() {
        let most = u128::MAX.to_string();
        assert!(sum(&[coin("aaa", &most), coin("aaa", "1")]).is_err());
        assert!(sum(&[coin("aaa", "-1")]).is_err() && sum(&[coin("a", "1")]).is_err());
    }

    #[test]
    fn refused_coins_have_wasmds_codes_and_texts() {
        let shown = |denom: &str, amount: &str| format!("{:?}", one(&coin(denom, amount)).unwrap_err());
        assert_eq!(shown("aaa", "1.5"), "sdk/10 1.5aaa: invalid coins");
        assert_eq!(shown("aaa", ""), "sdk/10 aaa: invalid coins");
        assert_eq!(shown("zz", "1"), "undefined/1 invalid denom: zz");
        assert_eq!(shown("aaa", "-5"), "undefined/1 negative coin amount: -5");
        assert!(shown("aaa", "340282366920938463463374607431768211456").starts_with("sdk/10 "));
    }
}
