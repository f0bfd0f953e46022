//! What the messages of x/staking do: each calls `bonding` as its signer, after what the delegation earned is paid.

use quern_interface::{
    bonding::{ExecuteMsg, Position, QueryMsg},
    registry::HostStatus,
};
use quern_proto::cosmos::staking::v1beta1 as wire;
use quern_protocol::Amount;
use quern_system::BONDING;
use quern_types::{AccAddress, BASE_DENOM, Error, Event, Result, errors};

use super::unbonding;
use crate::{
    address::{account, amount, coin, operator},
    completion,
    contracts::{Contracts, number},
    distribution::pay_before_change,
    error, failure, number as dec,
    pace::{Pace, wire as wire_time},
};

/// `MsgDelegate`.
pub(crate) fn delegate(to: Contracts<'_>, m: &wire::MsgDelegate) -> Result<wire::MsgDelegateResponse> {
    let host = operator(&m.validator_address, "validator")?;
    let delegator = account(&m.delegator_address, "delegator")?;
    let amount = amount(m.amount.as_ref(), "invalid delegation amount")?;
    pay_before_change(to, &host, &delegator)?;
    bond(to, &host, &delegator, amount)?;
    to.cx.emit(
        Event::new("delegate")
            .with("validator", &m.validator_address)
            .with("delegator", &m.delegator_address)
            .with("amount", format!("{amount}{BASE_DENOM}"))
            .with("new_shares", dec::printed(amount)),
    );
    Ok(wire::MsgDelegateResponse {})
}

/// Bonds coins of a delegator.
pub(crate) fn bond(
    to: Contracts<'_>,
    host: &AccAddress,
    delegator: &AccAddress,
    amount: Amount,
) -> Result<()> {
    let msg = ExecuteMsg::Bond {
        host: host.to_string(),
    };
    match to.call(BONDING, delegator, &msg, amount) {
        Ok(_) => Ok(()),
        Err(error) if failure::was(&error, "host_inactive") => Err(if to.host(host)?.is_some() {
            error
        } else {
            (&error::NO_VALIDATOR).into()
        }),
        Err(error) => Err(error),
    }
}

/// `MsgUndelegate`.
pub(crate) fn undelegate(to: Contracts<'_>, m: &wire::MsgUndelegate) -> Result<wire::MsgUndelegateResponse> {
    let host = operator(&m.validator_address, "validator")?;
    let delegator = account(&m.delegator_address, "delegator")?;
    let amount = amount(m.amount.as_ref(), "invalid shares amount")?;
    let msg = ExecuteMsg::Unbond {
        host: host.to_string(),
        amount,
    };
    let completion_time = leave(to, &msg, &host, &delegator)?;
    to.cx.emit(
        Event::new("unbond")
            .with("validator", &m.validator_address)
            .with("delegator", &m.delegator_address)
            .with("amount", format!("{amount}{BASE_DENOM}"))
            .with("completion_time", seconds(completion_time)),
    );
    Ok(wire::MsgUndelegateResponse {
        completion_time: Some(wire_time(completion_time)),
        amount: Some(coin(amount)),
    })
}

/// `MsgBeginRedelegate`.
pub(crate) fn begin_redelegate(
    to: Contracts<'_>,
    m: &wire::MsgBeginRedelegate,
) -> Result<wire::MsgBeginRedelegateResponse> {
    let from = operator(&m.validator_src_address, "source validator")?;
    let target = operator(&m.validator_dst_address, "destination validator")?;
    let delegator = account(&m.delegator_address, "delegator")?;
    let amount = amount(m.amount.as_ref(), "invalid shares amount")?;
    if from == target {
        return Err((&error::SELF_REDELEGATION).into());
    }
    if to
        .host(&target)?
        .is_none_or(|host| host.status != HostStatus::Active)
    {
        return Err((&error::BAD_DESTINATION).into());
    }
    let msg = ExecuteMsg::Move {
        from: from.to_string(),
        to: target.to_string(),
        amount,
    };
    let completion_time = leave(to, &msg, &from, &delegator)?;
    to.cx.emit(
        Event::new("redelegate")
            .with("source_validator", &m.validator_src_address)
            .with("destination_validator", &m.validator_dst_address)
            .with("amount", format!("{amount}{BASE_DENOM}"))
            .with("completion_time", seconds(completion_time)),
    );
    Ok(wire::MsgBeginRedelegateResponse {
        completion_time: Some(wire_time(completion_time)),
    })
}

/// Lets coins leave a host, notes that they are paid out by themselves, and says when that is.
fn leave(
    to: Contracts<'_>,
    msg: &ExecuteMsg,
    host: &AccAddress,
    delegator: &AccAddress,
) -> Result<quern_types::Timestamp> {
    pay_before_change(to, host, delegator)?;
    let said = match to.call(BONDING, delegator, msg, Amount::ZERO) {
        Err(error) if failure::was(&error, "insufficient_position") => {
            return Err(too_much(to, host, delegator)?);
        }
        other => other?,
    };
    let matures_at = number(&said, "matures_at")?;
    completion::add(to.cx, matures_at, delegator, host)?;
    Ok(Pace::at(to.cx)?.time_of(matures_at))
}

/// Why there is not as much to take.
fn too_much(to: Contracts<'_>, host: &AccAddress, delegator: &AccAddress) -> Result<Error> {
    let position = QueryMsg::Position {
        host: host.to_string(),
        funder: delegator.to_string(),
    };
    let position: Option<Position> = to.bonding(&position)?;
    Ok(if position.is_some_and(|position| !position.active.is_zero()) {
        errors::INVALID_REQUEST.wrap("invalid shares amount")
    } else if to.host(host)?.is_some() {
        (&error::NO_DELEGATION).into()
    } else {
        (&error::NO_VALIDATOR).into()
    })
}

/// `MsgCancelUnbondingDelegation`. The entry is named by the height that queries give it.
pub(crate) fn cancel_unbonding(
    to: Contracts<'_>,
    m: &wire::MsgCancelUnbondingDelegation,
) -> Result<wire::MsgCancelUnbondingDelegationResponse> {
    let host = operator(&m.validator_address, "validator")?;
    let delegator = account(&m.delegator_address, "delegator")?;
    if m.creation_height <= 0 {
        return Err(errors::INVALID_REQUEST.wrap("invalid height"));
    }
    let amount = amount(m.amount.as_ref(), "invalid amount")?;
    let bucket = unbonding::bucket_of(to, &host, &delegator, m.creation_height)?;
    let msg = ExecuteMsg::CancelUnbond {
        host: host.to_string(),
        bucket,
        amount,
    };
    pay_before_change(to, &host, &delegator)?;
    to.call(BONDING, &delegator, &msg, Amount::ZERO)
        .map_err(|error| {
            if failure::was(&error, "insufficient_position") {
                errors::INVALID_REQUEST.wrap("amount is greater than the unbonding delegation entry balance")
            } else {
                error
            }
        })?;
    to.cx.emit(
        Event::new("cancel_unbonding_delegation")
            .with("amount", format!("{amount}{BASE_DENOM}"))
            .with("validator", &m.validator_address)
            .with("delegator", &m.delegator_address)
            .with("creation_height", m.creation_height),
    );
    Ok(wire::MsgCancelUnbondingDelegationResponse {})
}

/// Times in events have no fraction of a second.
fn seconds(time: quern_types::Timestamp) -> String {
    quern_types::Timestamp { nanos: 0, ..time }.to_string()
}
