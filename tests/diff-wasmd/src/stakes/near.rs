//! Amounts of rewards: the same but for what rounding leaves. wasmd keeps fractions of a coin and drops what is left of one
//! when it pays; this chain divides whole coins, and what is left of them is the operator's.

use prost::Message;
use prost_reflect::{DynamicMessage, ReflectMessage, Value};
use quern_proto::cosmos::base::abci::v1beta1::TxMsgData;
use quern_proto::cosmos::base::v1beta1::Coin;
use quern_proto::cosmos::distribution::v1beta1::{
    MsgWithdrawDelegatorRewardResponse, MsgWithdrawValidatorCommissionResponse,
};
use quern_proto::cosmos::staking::v1beta1::{MsgBeginRedelegateResponse, MsgUndelegateResponse};
use serde_json::{Map, Value as Json};

use crate::compare::{Difference, Kind, decode};

/// Base units by which an amount may differ: one for every epoch and every payment, of the millions that one earns.
const MOST: u128 = 100;
/// Events that tell what was paid.
const PAYMENTS: [&str; 3] = ["withdraw_rewards(", "withdraw_commission(", "coin_received("];

fn close(ours: u128, theirs: u128) -> bool {
    ours.abs_diff(theirs) <= MOST
}

/// Whether texts are the same but for amounts of the chain's coin that are close.
pub fn texts(ours: &str, theirs: &str) -> bool {
    let (ours, theirs) = (parts(ours), parts(theirs));
    ours.len() == theirs.len()
        && ours.iter().zip(&theirs).all(|(ours, theirs)| {
            let same_words = ours.0 == theirs.0;
            let amounts = ours.1.parse().ok().zip(theirs.1.parse().ok());
            same_words && (ours.1 == theirs.1 || amounts.is_some_and(|(ours, theirs)| close(ours, theirs)))
        })
}

/// Words, and the amount before each `nqrn`.
fn parts(text: &str) -> Vec<(&str, &str)> {
    text.split("nqrn")
        .map(|part| {
            let words = part.trim_end_matches(|c: char| c.is_ascii_digit());
            part.split_at(words.len())
        })
        .collect()
}

/// Whether events are the same but for payments that are close. Payments of almost nothing are none where less was earned.
pub fn events(ours: &[String], theirs: &[String]) -> bool {
    let large = |all: &[String]| -> Vec<String> {
        let kept = all
            .iter()
            .filter(|event| !(event.starts_with("coin_received(") && is_small(event)));
        kept.cloned().collect()
    };
    let (ours, theirs) = (large(ours), large(theirs));
    let pays = |event: &str| PAYMENTS.iter().any(|kind| event.starts_with(kind));
    ours.len() == theirs.len()
        && ours
            .iter()
            .zip(&theirs)
            .all(|(ours, theirs)| ours == theirs || pays(ours) && texts(ours, theirs))
}

/// Whether lists of events have the same events but for amounts that are close.
pub fn all(ours: &[String], theirs: &[String]) -> bool {
    ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| texts(ours, theirs))
}

fn is_small(event: &str) -> bool {
    let amount = parts(event).first().and_then(|part| part.1.parse().ok());
    amount.is_some_and(|amount: u128| amount <= MOST)
}

/// Whether answers of messages are the same but for what was paid and fractions of seconds. Nothing of `stake` is nothing of this chain's coin.
pub fn data(ours: &str, theirs: &str) -> bool {
    let (Some((ours, paid)), Some((theirs, expected))) = (payments(ours), payments(theirs)) else {
        return false;
    };
    let same = |(ours, theirs): (&Coin, &Coin)| {
        let nothing = theirs.amount == "0" && theirs.denom == "stake";
        let amounts = ours.amount.parse().ok().zip(theirs.amount.parse().ok());
        (ours.denom == theirs.denom || nothing) && amounts.is_some_and(|(ours, theirs)| close(ours, theirs))
    };
    ours == theirs && paid.len() == expected.len() && paid.iter().zip(&expected).all(same)
}

/// Answers without what was paid, and that.
fn payments(data: &str) -> Option<(TxMsgData, Vec<Coin>)> {
    let mut data = TxMsgData::decode(hex::decode(data).ok()?.as_slice()).ok()?;
    let mut paid = Vec::new();
    for any in &mut data.msg_responses {
        let value = any.value.as_slice();
        let coins = if any.type_url.ends_with(".MsgWithdrawDelegatorRewardResponse") {
            MsgWithdrawDelegatorRewardResponse::decode(value).ok()?.amount
        } else if any.type_url.ends_with(".MsgWithdrawValidatorCommissionResponse") {
            MsgWithdrawValidatorCommissionResponse::decode(value).ok()?.amount
        } else {
            any.value = without_fraction(&any.type_url, value)?;
            continue;
        };
        any.value.clear();
        paid.extend(coins);
    }
    Some((data, paid))
}

/// An answer that tells where a wait ends, in whole seconds; any other as it is.
fn without_fraction(url: &str, value: &[u8]) -> Option<Vec<u8>> {
    let whole = |time: &mut Option<prost_types::Timestamp>| {
        if let Some(time) = time {
            time.nanos = 0;
        }
    };
    if url.ends_with(".MsgUndelegateResponse") {
        let mut answer = MsgUndelegateResponse::decode(value).ok()?;
        whole(&mut answer.completion_time);
        return Some(answer.encode_to_vec());
    }
    if url.ends_with(".MsgBeginRedelegateResponse") {
        let mut answer = MsgBeginRedelegateResponse::decode(value).ok()?;
        whole(&mut answer.completion_time);
        return Some(answer.encode_to_vec());
    }
    Some(value.to_vec())
}

/// Whether answers of distribution or about balances are the same but for amounts that are close, over ABCI or REST.
pub fn answers(d: &Difference) -> bool {
    let read = |text: &str| -> Option<Json> {
        match d.kind {
            Kind::Query => {
                let path = d.what.split(' ').next()?;
                Some(json(&decode(path, text)?))
            }
            Kind::RestBody => serde_json::from_str(text.strip_prefix("200 ")?).ok(),
            _ => None,
        }
    };
    let asked = d.what.contains("distribution")
        || [
            "bank.v1beta1.Query/SpendableBalances ",
            "bank.v1beta1.Query/AllBalances ",
        ]
        .iter()
        .any(|path| d.what.contains(path));
    asked
        && read(&d.ours)
            .zip(read(&d.theirs))
            .is_some_and(|(ours, theirs)| values("", &ours, &theirs))
}

/// Whether values of a member of this name are the same but for amounts that are close.
fn values(name: &str, ours: &Json, theirs: &Json) -> bool {
    match (ours, theirs) {
        (Json::Object(ours), Json::Object(theirs)) => {
            // On the wire an empty list is not there.
            let none = Json::Array(Vec::new());
            let mut names: Vec<&String> = ours.keys().chain(theirs.keys()).collect();
            names.sort();
            names.dedup();
            names.into_iter().all(|name| {
                let of =
                    |members: &Map<String, Json>| members.get(name).cloned().unwrap_or_else(|| none.clone());
                values(name, &of(ours), &of(theirs))
            })
        }
        (Json::Array(ours), Json::Array(theirs)) => {
            let large = |all: &[Json]| -> Vec<Json> {
                let kept = all.iter().filter(|value| {
                    let amount = value.get("amount").and_then(Json::as_str);
                    amount.and_then(fraction).is_none_or(|amount| amount > MOST)
                });
                kept.cloned().collect()
            };
            let (ours, theirs) = (large(ours), large(theirs));
            ours.len() == theirs.len()
                && ours
                    .iter()
                    .zip(&theirs)
                    .all(|(ours, theirs)| values("", ours, theirs))
        }
        (Json::String(ours), Json::String(theirs)) if name == "amount" => whole(ours)
            .zip(whole(theirs))
            .is_some_and(|(ours, theirs)| close(ours, theirs)),
        _ => ours == theirs,
    }
}

/// Whole coins of an amount.
fn whole(text: &str) -> Option<u128> {
    text.split('.').next()?.parse().ok()
}

/// The same of an amount that has fractions, as what is earned has.
fn fraction(text: &str) -> Option<u128> {
    text.contains('.').then(|| whole(text))?
}

/// A message as JSON, with fractions of coins as REST shows them.
pub fn json(message: &DynamicMessage) -> Json {
    let one = |value: &Value| match value {
        Value::Message(inner) => json(inner),
        other => Json::String(match other {
            Value::String(text) => text.clone(),
            other => format!("{other:?}"),
        }),
    };
    let coin = message.descriptor().full_name() == "cosmos.base.v1beta1.DecCoin";
    let members = message.fields().map(|(field, value)| {
        let value = match value {
            Value::List(list) => Json::Array(list.iter().map(one).collect()),
            Value::String(text) if coin && field.name() == "amount" => {
                let digits = format!("{text:0>19}");
                let (whole, rest) = digits.split_at(digits.len() - 18);
                Json::String(format!("{whole}.{rest}"))
            }
            value => one(value),
        };
        (field.name().to_owned(), value)
    });
    Json::Object(members.collect::<Map<_, _>>())
}
