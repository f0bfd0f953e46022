//! A contract `rewards` that vests what a test says.
#![allow(dead_code, reason = "each test file uses its part")]

use cosmwasm_std::{
    to_json_binary, BankMsg, Binary, Coin, Deps, DepsMut, Empty, Env, MessageInfo, Response, StdError,
    StdResult,
};
use cw_multi_test::{Contract, ContractWrapper};
use cw_storage_plus::{Item, Map};
use quern_interface::rewards::{QueryMsg, Vested};
use quern_protocol::Amount;
use serde::{Deserialize, Serialize};

/// What tests and bonding say to it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Msg {
    Vest {
        host: String,
        amount: Amount,
    },
    Epoch {
        epoch: u64,
        broken: bool,
    },
    Pay {
        host: String,
        to: Option<String>,
        amount: Amount,
    },
}

const EPOCH: Item<(u64, bool)> = Item::new("epoch");
const VESTED: Map<&str, Amount> = Map::new("vested");
const PAID: Map<&str, Amount> = Map::new("paid");

fn instantiate(deps: DepsMut, _: Env, _: MessageInfo, _: Empty) -> StdResult<Response> {
    EPOCH.save(deps.storage, &(1, false))?;
    Ok(Response::new())
}

fn execute(deps: DepsMut, _: Env, _: MessageInfo, msg: Msg) -> StdResult<Response> {
    match msg {
        Msg::Epoch { epoch, broken } => EPOCH.save(deps.storage, &(epoch, broken))?,
        Msg::Vest { host, amount } => {
            let before = VESTED.may_load(deps.storage, &host)?.unwrap_or_default();
            VESTED.save(deps.storage, &host, &Amount(before.0 + amount.0))?;
        }
        Msg::Pay { host, to, amount } => {
            let paid = PAID.may_load(deps.storage, &host)?.unwrap_or_default();
            let vested = VESTED.may_load(deps.storage, &host)?.unwrap_or_default();
            if paid.0 + amount.0 > vested.0 {
                return Err(StdError::msg("more than has vested"));
            }
            PAID.save(deps.storage, &host, &Amount(paid.0 + amount.0))?;
            let send = BankMsg::Send {
                to_address: to.unwrap_or(host),
                amount: vec![Coin::new(amount.0, super::DENOM)],
            };
            return Ok(Response::new().add_message(send));
        }
    }
    Ok(Response::new())
}

fn query(deps: Deps, _: Env, msg: QueryMsg) -> StdResult<Binary> {
    let (epoch, broken) = EPOCH.load(deps.storage)?;
    match msg {
        QueryMsg::Vested { host } if !broken => {
            let vested = VESTED.may_load(deps.storage, &host)?.unwrap_or_default();
            to_json_binary(&Vested { epoch, vested })
        }
        other => Err(StdError::msg(format!("{other:?}"))),
    }
}

pub fn contract() -> Box<dyn Contract<Empty>> {
    Box::new(ContractWrapper::new_with_empty(execute, instantiate, query))
}
