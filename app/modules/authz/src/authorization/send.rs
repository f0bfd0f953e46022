//! Leave to send coins, up to a limit, to some or to all (the SDK's `SendAuthorization`).
//!
//! The SDK asks of a limit only that its coins are positive, and computes with it when it is drawn on; what its
//! arithmetic does not take panics there, which ends the transaction.

use std::collections::{BTreeMap, BTreeSet};

use quern_context::{AnyMsg, Cx};
use quern_proto::cosmos::{
    bank::v1beta1::{MsgSend, SendAuthorization},
    base::v1beta1::Coin as WireCoin,
};
use quern_types::{Error, Result, coins_fault, errors, is_beyond_supply};

use super::{GAS_PER_ADDRESS, MSG_SEND, Verdict, decode, pack};
use crate::error::DUPLICATE_ENTRY;

/// Checks what a granter may say.
pub(super) fn validate(a: &SendAuthorization) -> Result<()> {
    if a.spend_limit.is_empty() {
        return Err(errors::INVALID_COINS.wrap("spend limit cannot be nil"));
    }
    if let Some(coin) = a.spend_limit.iter().find(|coin| is_beyond_supply(&coin.amount)) {
        return Err(errors::INVALID_COINS.wrap(format!("invalid coin amount: {}", coin.amount)));
    }
    if !a.spend_limit.iter().all(is_positive) {
        return Err(errors::INVALID_COINS.wrap("spend limit must be positive"));
    }
    let mut seen = BTreeSet::new();
    if a.allow_list.iter().all(|address| seen.insert(address)) {
        Ok(())
    } else {
        Err((&DUPLICATE_ENTRY).into())
    }
}

/// A contract's message may hold any text: a number has one, as in transactions.
fn is_positive(coin: &WireCoin) -> bool {
    !coin.amount.starts_with(['0', '+']) && coin.amount.parse::<u128>().is_ok()
}

/// Judges a transfer, and says what is left.
pub(super) fn accept(cx: &Cx, a: &SendAuthorization, msg: &AnyMsg) -> Result<Verdict> {
    if msg.type_url != MSG_SEND {
        return Err(errors::INVALID_TYPE.wrap("type mismatch"));
    }
    let send: MsgSend = decode(&msg.value)?;
    let spend_limit = left(&a.spend_limit, &send.amount)?
        .ok_or_else(|| errors::INSUFFICIENT_FUNDS.wrap("requested amount is more than spend limit"))?;
    let mut found = a.allow_list.is_empty();
    for address in &a.allow_list {
        cx.gas.consume(GAS_PER_ADDRESS, "send authorization")?;
        if *address == send.to_address {
            found = true;
            break;
        }
    }
    if !found {
        return Err(errors::UNAUTHORIZED.wrap(format!("cannot send to {} address", send.to_address)));
    }
    if spend_limit.is_empty() {
        return Ok(Verdict::AcceptAndDelete);
    }
    Ok(Verdict::AcceptAndUpdate(pack(&SendAuthorization {
        spend_limit,
        allow_list: a.allow_list.clone(),
    })))
}

/// What is left of a limit; `None` where it holds less (`Coins.SafeSub`).
fn left(limit: &[WireCoin], amount: &[WireCoin]) -> Result<Option<Vec<WireCoin>>> {
    let panicked = |text: String| -> Error { errors::PANIC.wrap(text) };
    let mut spent: Vec<&WireCoin> = amount.iter().filter(|coin| coin.amount != "0").collect();
    spent.sort_by(|a, b| a.denom.cmp(&b.denom));
    if let Some(fault) = coins_fault(spent.iter().map(|c| (c.denom.as_str(), c.amount.as_str()))) {
        return Err(panicked(format!("invalid coin set: {fault}")));
    }
    if !limit.is_sorted_by(|a, b| a.denom <= b.denom) {
        return Err(panicked("Coins (self) must be sorted".to_owned()));
    }
    let mut sums: BTreeMap<&str, u128> = BTreeMap::new();
    for coin in limit {
        let held = sums.entry(&coin.denom).or_default();
        let added = coin
            .amount
            .parse()
            .ok()
            .and_then(|amount| held.checked_add(amount));
        *held = added.ok_or_else(|| panicked("Int overflow".to_owned()))?;
    }
    for coin in spent {
        let held = sums.entry(&coin.denom).or_default();
        let rest = coin
            .amount
            .parse()
            .ok()
            .and_then(|amount| held.checked_sub(amount));
        match rest {
            Some(rest) => *held = rest,
            None => return Ok(None),
        }
    }
    let rest = sums.into_iter().filter(|(_, amount)| *amount > 0);
    let coins = rest.map(|(denom, amount)| WireCoin {
        denom: denom.to_owned(),
        amount: amount.to_string(),
    });
    Ok(Some(coins.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coins(list: &[(&str, &str)]) -> Vec<WireCoin> {
        let coin = |(denom, amount): &(&str, &str)| WireCoin {
            denom: (*denom).to_owned(),
            amount: (*amount).to_owned(),
        };
        list.iter().map(coin).collect()
    }

    #[test]
    fn a_limit_need_only_be_positive_and_its_parts_of_one_coin_count_together() {
        let limit = |spend_limit: Vec<WireCoin>| {
            validate(&SendAuthorization {
                spend_limit,
                allow_list: vec![],
            })
        };
        for good in [
            coins(&[("zz", "1"), ("nqrn", "1")]),
            coins(&[("nqrn", "1"), ("nqrn", "2")]),
            coins(&[("9bad", "1")]),
        ] {
            assert!(limit(good).is_ok());
        }
        for (bad, text) in [
            (coins(&[]), "sdk/10 spend limit cannot be nil: invalid coins"),
            (
                coins(&[("nqrn", "0")]),
                "sdk/10 spend limit must be positive: invalid coins",
            ),
            (
                coins(&[("nqrn", "-5")]),
                "sdk/10 spend limit must be positive: invalid coins",
            ),
            (
                coins(&[("nqrn", "+5")]),
                "sdk/10 spend limit must be positive: invalid coins",
            ),
        ] {
            assert_eq!(format!("{:?}", limit(bad).unwrap_err()), text);
        }
        let twice = coins(&[("nqrn", "1"), ("nqrn", "2")]);
        assert_eq!(
            left(&twice, &coins(&[("nqrn", "2")])).unwrap(),
            Some(coins(&[("nqrn", "1")]))
        );
        assert_eq!(left(&twice, &coins(&[("nqrn", "3")])).unwrap(), Some(vec![]));
        assert_eq!(left(&twice, &coins(&[("nqrn", "4")])).unwrap(), None);
        assert_eq!(left(&twice, &coins(&[("other", "1")])).unwrap(), None);
    }

    #[test]
    fn what_the_sdks_arithmetic_does_not_take_ends_the_transaction() {
        let limit = coins(&[("nqrn", "10")]);
        for amount in [
            coins(&[("nqrn", "-5")]),
            coins(&[("nqrn", "1"), ("nqrn", "2")]),
            coins(&[("9bad", "1")]),
        ] {
            assert!(left(&limit, &amount).unwrap_err().is(&errors::PANIC));
        }
        let unsorted = coins(&[("zz", "1"), ("nqrn", "1")]);
        assert!(left(&unsorted, &limit).unwrap_err().is(&errors::PANIC));
        // zeros are left out, and the order is of no matter
        assert_eq!(
            left(&limit, &coins(&[("nqrn", "0")])).unwrap(),
            Some(limit.clone())
        );
    }
}
