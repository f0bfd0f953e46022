//! Allowances between the wire and what the module computes with.

use prost::{Message, Name};
use quern_proto::{
    Any,
    cosmos::{base::v1beta1 as base, feegrant::v1beta1 as wire},
    time,
};
use quern_types::{Coin, Coins, Result, errors};

use crate::{
    NO_ALLOWANCE, NO_MESSAGES,
    allowance::{Allowance, Basic, Periodic},
};

/// Types that an allowance may have.
pub const TYPE_URLS: &[&str] = &[BASIC, PERIODIC, ALLOWED_MSG];

const BASIC: &str = "/cosmos.feegrant.v1beta1.BasicAllowance";
const PERIODIC: &str = "/cosmos.feegrant.v1beta1.PeriodicAllowance";
const ALLOWED_MSG: &str = "/cosmos.feegrant.v1beta1.AllowedMsgAllowance";

/// Deepest nesting of allowances (the SDK's `MaxUnpackAnyRecursionDepth`).
const MAX_DEPTH: u32 = 10;

/// Refuses an `Any` that is no allowance, as decoding a transaction does.
///
/// # Errors
/// `sdk/2`.
pub(crate) fn check_type(any: &Any) -> Result<()> {
    check_type_at(any, MAX_DEPTH)
}

fn check_type_at(any: &Any, depth: u32) -> Result<()> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(errors::TX_DECODE.wrap("max depth exceeded"));
    };
    let bytes = any.value.as_slice();
    match any.type_url.as_str() {
        BASIC => check_basic(&decode(bytes)?),
        PERIODIC => {
            let m: wire::PeriodicAllowance = decode(bytes)?;
            m.basic.iter().try_for_each(check_basic)?;
            m.period.iter().try_for_each(time::check_duration)?;
            m.period_reset
                .iter()
                .try_for_each(|at| time::from_wire(at).map(drop))
        }
        ALLOWED_MSG => {
            let m: wire::AllowedMsgAllowance = decode(bytes)?;
            m.allowance
                .iter()
                .try_for_each(|inner| check_type_at(inner, depth))
        }
        url => Err(errors::TX_DECODE.wrap(format!(
            "no concrete type registered for type URL {url} against interface *feegrant.FeeAllowanceI"
        ))),
    }
}

fn check_basic(m: &wire::BasicAllowance) -> Result<()> {
    m.expiration
        .iter()
        .try_for_each(|at| time::from_wire(at).map(drop))
}

/// Reads an allowance.
///
/// # Errors
/// `sdk/10` for coins that are none, `feegrant/5` for nothing.
pub(crate) fn read(any: &Any) -> Result<Allowance> {
    let bytes = any.value.as_slice();
    Ok(match any.type_url.as_str() {
        BASIC => Allowance::Basic(read_basic(&decode(bytes)?)?),
        PERIODIC => {
            let m: wire::PeriodicAllowance = decode(bytes)?;
            let period = m.period.unwrap_or_default();
            let reset = m.period_reset.as_ref().map(time::from_wire).transpose()?;
            Allowance::Periodic(Periodic {
                basic: read_basic(&m.basic.unwrap_or_default())?,
                period: (period.seconds, period.nanos),
                period_spend_limit: coins(&m.period_spend_limit, "spend amount is invalid")?,
                period_can_spend: coins(&m.period_can_spend, "can spend amount is invalid")?,
                period_reset: reset.unwrap_or(time::ZERO),
            })
        }
        ALLOWED_MSG => {
            let m: wire::AllowedMsgAllowance = decode(bytes)?;
            let inner = m
                .allowance
                .ok_or_else(|| NO_ALLOWANCE.wrap("allowance should not be empty"))?;
            // before what is inside is looked at
            if m.allowed_messages.is_empty() {
                return Err(NO_MESSAGES.wrap("allowed messages shouldn't be empty"));
            }
            Allowance::AllowedMsg {
                inner: Box::new(read(&inner)?),
                messages: m.allowed_messages,
            }
        }
        _ => return Err(NO_ALLOWANCE.wrap("failed to get allowance")),
    })
}

fn read_basic(m: &wire::BasicAllowance) -> Result<Basic> {
    let spend_limit = match m.spend_limit.as_slice() {
        [] => None,
        limit => Some(coins(limit, "send amount is invalid")?),
    };
    Ok(Basic {
        spend_limit,
        expiration: m.expiration.as_ref().map(time::from_wire).transpose()?,
    })
}

/// Writes an allowance.
///
/// # Errors
/// `sdk/18` for a time that the wire cannot hold.
pub(crate) fn write(allowance: &Allowance) -> Result<Any> {
    Ok(match allowance {
        Allowance::Basic(basic) => pack(&write_basic(basic)?),
        Allowance::Periodic(p) => pack(&wire::PeriodicAllowance {
            basic: Some(write_basic(&p.basic)?),
            period: Some(prost_types::Duration {
                seconds: p.period.0,
                nanos: p.period.1,
            }),
            period_spend_limit: to_wire(&p.period_spend_limit),
            period_can_spend: to_wire(&p.period_can_spend),
            period_reset: Some(time::to_wire(p.period_reset)?),
        }),
        Allowance::AllowedMsg { inner, messages } => pack(&wire::AllowedMsgAllowance {
            allowance: Some(write(inner)?),
            allowed_messages: messages.clone(),
        }),
    })
}

fn write_basic(basic: &Basic) -> Result<wire::BasicAllowance> {
    Ok(wire::BasicAllowance {
        spend_limit: basic.spend_limit.as_ref().map(to_wire).unwrap_or_default(),
        expiration: basic.expiration.map(time::to_wire).transpose()?,
    })
}

fn pack<M: Message + Name>(message: &M) -> Any {
    Any {
        type_url: quern_proto::type_url::<M>(),
        value: message.encode_to_vec(),
    }
}

fn decode<M: Message + Default>(bytes: &[u8]) -> Result<M> {
    M::decode(bytes).map_err(|e| errors::TX_DECODE.wrap(e.to_string()))
}

fn coins(wire: &[base::Coin], what: &str) -> Result<Coins> {
    let coins = wire.iter().map(|c| Coin::parse(&c.denom, &c.amount));
    let coins = coins.collect::<Result<Vec<_>>>().and_then(Coins::try_from_sorted);
    coins.map_err(|_| {
        let shown = wire
            .iter()
            .map(|c| format!("{}{}", c.amount, c.denom))
            .collect::<Vec<_>>();
        errors::INVALID_COINS.wrap(format!("{what}: {}", shown.join(",")))
    })
}

fn to_wire(coins: &Coins) -> Vec<base::Coin> {
    let wire = coins.iter().map(|coin| base::Coin {
        denom: coin.denom.to_string(),
        amount: coin.amount.to_string(),
    });
    wire.collect()
}
