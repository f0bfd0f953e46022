//! Kinds of authorizations: what each allows, and what is left of it after use.

mod contract;
mod filter;
mod limit;
mod send;
mod stake;
mod store_code;
#[cfg(test)]
mod tests;

use prost::{Message, Name};
use quern_context::{AnyMsg, Cx};
use quern_proto::{
    Any,
    cosmos::{authz::v1beta1::GenericAuthorization, bank::v1beta1::SendAuthorization, base::v1beta1 as base},
    cosmwasm::wasm::v1::{
        ContractExecutionAuthorization, ContractGrant, ContractMigrationAuthorization, StoreCodeAuthorization,
    },
};
use quern_types::{Coin, Coins, Result, errors};

use crate::error::EMPTY_TYPE;
use stake::StakeAuthorization;

/// Types that an authorization may have.
pub const AUTHORIZATION_TYPES: &[&str] = &[GENERIC, SEND, STAKE, EXECUTION, MIGRATION, STORE_CODE];
/// Types of what is inside the authorizations of contracts: limits and filters.
pub const HELPER_TYPES: &[&str] = &[
    limit::CALLS,
    limit::FUNDS,
    limit::COMBINED,
    filter::ALL,
    filter::KEYS,
    filter::MESSAGES,
];

const GENERIC: &str = "/cosmos.authz.v1beta1.GenericAuthorization";
const SEND: &str = "/cosmos.bank.v1beta1.SendAuthorization";
const STAKE: &str = "/cosmos.staking.v1beta1.StakeAuthorization";
const EXECUTION: &str = "/cosmwasm.wasm.v1.ContractExecutionAuthorization";
const MIGRATION: &str = "/cosmwasm.wasm.v1.ContractMigrationAuthorization";
const STORE_CODE: &str = "/cosmwasm.wasm.v1.StoreCodeAuthorization";

const MSG_SEND: &str = "/cosmos.bank.v1beta1.MsgSend";

/// Gas of each comparison with an address of a list.
const GAS_PER_ADDRESS: u64 = 10;

/// An authorization, decoded.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Authorization {
    Generic(GenericAuthorization),
    Send(SendAuthorization),
    Stake(StakeAuthorization),
    Execution(ContractExecutionAuthorization),
    Migration(ContractMigrationAuthorization),
    StoreCode(StoreCodeAuthorization),
}

/// What an authorization says of a message.
#[derive(Debug)]
pub(crate) enum Verdict {
    Refuse,
    Accept,
    AcceptAndDelete,
    AcceptAndUpdate(Any),
}

/// Refuses an `Any` that is no authorization, as decoding a transaction does.
///
/// # Errors
/// `sdk/2`.
pub(crate) fn check_type(any: &Any) -> Result<()> {
    let grants = match read(any)? {
        Authorization::Execution(a) => a.grants,
        Authorization::Migration(a) => a.grants,
        _ => Vec::new(),
    };
    grants.iter().try_for_each(contract::check_types)
}

/// Reads an authorization.
///
/// # Errors
/// `sdk/2`.
pub(crate) fn read(any: &Any) -> Result<Authorization> {
    let bytes = any.value.as_slice();
    Ok(match any.type_url.as_str() {
        GENERIC => Authorization::Generic(decode(bytes)?),
        SEND => Authorization::Send(decode(bytes)?),
        STAKE => Authorization::Stake(decode(bytes)?),
        EXECUTION => Authorization::Execution(decode(bytes)?),
        MIGRATION => Authorization::Migration(decode(bytes)?),
        STORE_CODE => Authorization::StoreCode(decode(bytes)?),
        url => {
            return Err(errors::TX_DECODE.wrap(format!(
                "no concrete type registered for type URL {url} against interface *authz.Authorization"
            )));
        }
    })
}

impl Authorization {
    /// The type of message that it is for.
    pub(crate) fn msg_type_url(&self) -> Result<&str> {
        Ok(match self {
            Self::Generic(a) => &a.msg,
            Self::Send(_) => MSG_SEND,
            Self::Stake(a) => a.msg_type_url()?,
            Self::Execution(_) => "/cosmwasm.wasm.v1.MsgExecuteContract",
            Self::Migration(_) => "/cosmwasm.wasm.v1.MsgMigrateContract",
            Self::StoreCode(_) => "/cosmwasm.wasm.v1.MsgStoreCode",
        })
    }

    /// Checks what needs no state.
    pub(crate) fn validate(&self) -> Result<()> {
        match self {
            Self::Generic(a) if a.msg.is_empty() => Err((&EMPTY_TYPE).into()),
            Self::Generic(_) => Ok(()),
            Self::Send(a) => send::validate(a),
            Self::Stake(a) => a.validate(),
            Self::Execution(a) => contract::validate(&a.grants),
            Self::Migration(a) => contract::validate(&a.grants),
            Self::StoreCode(a) => store_code::validate(&a.grants),
        }
    }

    /// Judges a message of its type.
    ///
    /// # Errors
    /// The authorization's own, such as `sdk/5` above a limit; `sdk/11` out of gas.
    pub(crate) fn accept(&self, cx: &Cx, msg: &AnyMsg) -> Result<Verdict> {
        let updated =
            |grants: Vec<ContractGrant>, pack: fn(Vec<ContractGrant>) -> Any| match grants.as_slice() {
                [] => Verdict::AcceptAndDelete,
                _ => Verdict::AcceptAndUpdate(pack(grants)),
            };
        match self {
            Self::Generic(_) => Ok(Verdict::Accept),
            Self::Send(a) => send::accept(cx, a, msg),
            Self::Stake(a) => a.accept(cx, msg),
            Self::Execution(a) => Ok(match contract::accept_execution(cx, &a.grants, msg)? {
                contract::Verdict::Refuse => Verdict::Refuse,
                contract::Verdict::Unchanged => Verdict::Accept,
                contract::Verdict::Changed(grants) => {
                    updated(grants, |grants| pack(&ContractExecutionAuthorization { grants }))
                }
            }),
            Self::Migration(a) => Ok(match contract::accept_migration(cx, &a.grants, msg)? {
                contract::Verdict::Refuse => Verdict::Refuse,
                contract::Verdict::Unchanged => Verdict::Accept,
                contract::Verdict::Changed(grants) => {
                    updated(grants, |grants| pack(&ContractMigrationAuthorization { grants }))
                }
            }),
            Self::StoreCode(a) => store_code::accept(cx, &a.grants, msg),
        }
    }
}

fn decode<M: Message + Default>(bytes: &[u8]) -> Result<M> {
    M::decode(bytes).map_err(|e| errors::TX_DECODE.wrap(e.to_string()))
}

fn pack<M: Message + Name>(message: &M) -> Any {
    Any {
        type_url: quern_proto::type_url::<M>(),
        value: message.encode_to_vec(),
    }
}

/// Coins that must be sorted, distinct and positive.
fn coins(wire: &[base::Coin]) -> Result<Coins> {
    let coins = wire.iter().map(|c| Coin::parse(&c.denom, &c.amount));
    coins.collect::<Result<Vec<_>>>().and_then(Coins::try_from_sorted)
}

fn to_wire(coins: &Coins) -> Vec<base::Coin> {
    let wire = coins.iter().map(|coin| base::Coin {
        denom: coin.denom.to_string(),
        amount: coin.amount.to_string(),
    });
    wire.collect()
}
