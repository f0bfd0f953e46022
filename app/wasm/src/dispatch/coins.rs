//! Coins in a contract's words.

use quern_proto::cosmos::base::v1beta1::Coin as ProtoCoin;
use quern_types::{Coin, Coins, Result};

use crate::json::WireCoin;

/// Reads coins in any order; those of one denomination are summed and zeros dropped, as wasmd does.
pub(super) fn sum(coins: &[WireCoin]) -> Result<Coins> {
    coins.iter().try_fold(Coins::empty(), |sum, coin| {
        sum.checked_add(&Coins::one(Coin::parse(&coin.denom, &coin.amount)?))
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

/// Reads one coin.
pub(super) fn one(coin: &WireCoin) -> Result<Coin> {
    Coin::parse(&coin.denom, &coin.amount)
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
}
