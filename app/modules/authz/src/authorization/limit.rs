//! How often and with how many coins a contract may be called.

use quern_proto::{
    Any,
    cosmos::base::v1beta1::Coin,
    cosmwasm::wasm::v1::{CombinedLimit, MaxCallsLimit, MaxFundsLimit},
};
use quern_types::{Error, Result, coins_fault, errors, is_zero_amount};

use super::{coins, contract::Call, decode, pack, to_wire};
use crate::error::WASM_EMPTY;

pub(super) const CALLS: &str = "/cosmwasm.wasm.v1.MaxCallsLimit";
pub(super) const FUNDS: &str = "/cosmwasm.wasm.v1.MaxFundsLimit";
pub(super) const COMBINED: &str = "/cosmwasm.wasm.v1.CombinedLimit";

pub(super) enum Limit {
    Calls(MaxCallsLimit),
    Funds(MaxFundsLimit),
    Combined(CombinedLimit),
}

/// What a call leaves of a limit.
pub(super) enum Left {
    NotApplicable,
    Unchanged,
    Nothing,
    Limit(Any),
}

pub(super) fn read(any: Option<&Any>) -> Option<Limit> {
    let any = any?;
    match any.type_url.as_str() {
        CALLS => decode(&any.value).ok().map(Limit::Calls),
        FUNDS => decode(&any.value).ok().map(Limit::Funds),
        COMBINED => decode(&any.value).ok().map(Limit::Combined),
        _ => None,
    }
}

/// Whether coins are sorted, distinct and positive, in the SDK's words, for which it has no code here.
fn valid(amounts: &[Coin]) -> Result<()> {
    let pairs = amounts.iter().map(|c| (c.denom.as_str(), c.amount.as_str()));
    match coins_fault(pairs) {
        Some(fault) => Err(Error::unregistered(fault)),
        None => coins(amounts).map(drop),
    }
}

impl Limit {
    pub(super) fn validate(&self) -> Result<()> {
        match self {
            Self::Calls(l) if l.remaining == 0 => Err(WASM_EMPTY.wrap("remaining calls")),
            Self::Calls(_) => Ok(()),
            Self::Funds(l) if l.amounts.is_empty() => Err(WASM_EMPTY.wrap("amounts")),
            Self::Funds(l) => valid(&l.amounts),
            Self::Combined(l) if l.calls_remaining == 0 => Err(WASM_EMPTY.wrap("remaining calls")),
            Self::Combined(l)
                if l.amounts
                    .iter()
                    .all(|coin| coin.amount.is_empty() || is_zero_amount(&coin.amount)) =>
            {
                Err(WASM_EMPTY.wrap("amounts"))
            }
            Self::Combined(l) => valid(&l.amounts).map_err(|e| e.wrap("amounts")),
        }
    }

    pub(super) fn accept(&self, call: &Call) -> Result<Left> {
        let spent = || errors::UNAUTHORIZED.wrap("no calls left");
        Ok(match self {
            Self::Calls(_) if !call.funds.is_empty() => Left::NotApplicable,
            Self::Calls(l) => match l.remaining.checked_sub(1) {
                None => return Err(spent()),
                Some(0) => Left::Nothing,
                Some(remaining) => Left::Limit(pack(&MaxCallsLimit { remaining })),
            },
            Self::Funds(_) if call.funds.is_empty() => Left::Unchanged,
            Self::Funds(l) => match coins(&l.amounts)?.checked_sub(&call.funds) {
                None => Left::NotApplicable,
                Some(left) if left.is_empty() => Left::Nothing,
                Some(left) => Left::Limit(pack(&MaxFundsLimit {
                    amounts: to_wire(&left),
                })),
            },
            Self::Combined(l) => match (coins(&l.amounts)?.checked_sub(&call.funds), l.calls_remaining) {
                (None, _) => Left::NotApplicable,
                (_, 0) => return Err(spent()),
                (_, 1) => Left::Nothing,
                (Some(left), _) if left.is_empty() => Left::Nothing,
                (Some(left), calls) => Left::Limit(pack(&CombinedLimit {
                    calls_remaining: calls.saturating_sub(1),
                    amounts: to_wire(&left),
                })),
            },
        })
    }
}
