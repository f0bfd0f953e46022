//! What the messages of x/staking do: each calls `bonding` as its signer, after what the delegation earned is paid.

use quern_interface::{bonding::ExecuteMsg, registry::HostStatus};
use quern_proto::cosmos::staking::v1beta1 as wire;
use quern_protocol::Amount;
use quern_system::BONDING;
use quern_types::{AccAddress, BASE_DENOM, Coin, Denom, Error, Event, Result, errors};

use super::{
    delegations::{is_delegation, position},
    unbonding,
};
use crate::{
    address::{account, coin as wire_coin, operator, positive, staked},
    completion,
    contracts::{Contracts, number},
    distribution::pay_before_change,
    error, failure,
    jail::is_jailed,
    number as dec,
    pace::{Pace, wire as wire_time},
};

/// `MsgDelegate`.
pub(crate) fn delegate(to: Contracts<'_>, m: &wire::MsgDelegate) -> Result<wire::MsgDelegateResponse> {
    let host = operator(&m.validator_address, "validator")?;
    let delegator = account(&m.delegator_address, "delegator")?;
    let coin = positive(m.amount.as_ref(), "invalid delegation amount")?;
    // The SDK looks for the validator before it looks at the coin.
    let amount = match staked(&coin) {
        Err(_) if to.host(&host)?.is_none() => return Err((&error::NO_VALIDATOR).into()),
        other => other?,
    };
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
        // too few coins are found before the contract finds that there is no host
        Err(error) if failure::was(&error, "host_inactive") || error.is(&errors::INSUFFICIENT_FUNDS) => {
            Err(if to.host(host)?.is_none() {
                (&error::NO_VALIDATOR).into()
            } else if error.is(&errors::INSUFFICIENT_FUNDS) {
                let held = quern_bank::balance(to.cx, delegator, &Denom::base())?;
                errors::INSUFFICIENT_FUNDS.wrap(format!(
                    "failed to delegate; {held}{BASE_DENOM} is smaller than {amount}{BASE_DENOM}"
                ))
            } else {
                error
            })
        }
        Err(error) => Err(error),
    }
}

/// `MsgUndelegate`.
pub(crate) fn undelegate(to: Contracts<'_>, m: &wire::MsgUndelegate) -> Result<wire::MsgUndelegateResponse> {
    let host = operator(&m.validator_address, "validator")?;
    let delegator = account(&m.delegator_address, "delegator")?;
    let coin = positive(m.amount.as_ref(), "invalid shares amount")?;
    let amount = match staked(&coin) {
        Err(error) => return Err(held(to, &host, &delegator, Amount(coin.amount))?.unwrap_or(error)),
        Ok(amount) => amount,
    };
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
        amount: Some(wire_coin(amount)),
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
    let coin = positive(m.amount.as_ref(), "invalid shares amount")?;
    // The SDK looks at what is held before it looks at the coin and where that should go.
    if let Err(error) = movable(to, &coin, &from, &target) {
        if error.is_halt() || error.is(&errors::OUT_OF_GAS) {
            return Err(error);
        }
        return Err(held(to, &from, &delegator, Amount(coin.amount))?.unwrap_or(error));
    }
    let amount = Amount(coin.amount);
    let msg = ExecuteMsg::Move {
        from: from.to_string(),
        to: target.to_string(),
        amount,
    };
    let completion_time = leave(to, &msg, &from, &delegator)?;
    // As in the SDK, where a delegation changes here too. What moves lands later.
    pay_before_change(to, &target, &delegator)?;
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

/// Whether a coin is staked, and its destination another host that serves.
fn movable(to: Contracts<'_>, coin: &Coin, from: &AccAddress, target: &AccAddress) -> Result<()> {
    staked(coin)?;
    if from == target {
        return Err((&error::SELF_REDELEGATION).into());
    }
    if to
        .host(target)?
        .is_none_or(|host| host.status != HostStatus::Active)
    {
        return Err((&error::BAD_DESTINATION).into());
    }
    Ok(())
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

/// Why there is not as much to take; `None` where there is.
fn held(
    to: Contracts<'_>,
    host: &AccAddress,
    delegator: &AccAddress,
    amount: Amount,
) -> Result<Option<Error>> {
    let held = position(to, host, delegator)?.map(|position| position.active);
    if held.is_some_and(|held| held >= amount && !held.is_zero()) {
        return Ok(None);
    }
    too_much(to, host, delegator).map(Some)
}

/// Why there is not as much to take.
fn too_much(to: Contracts<'_>, host: &AccAddress, delegator: &AccAddress) -> Result<Error> {
    let position = position(to, host, delegator)?;
    Ok(if position.is_some_and(|position| is_delegation(&position)) {
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
    let coin = positive(m.amount.as_ref(), "invalid amount")?;
    if m.creation_height <= 0 {
        return Err(errors::INVALID_REQUEST.wrap("invalid height"));
    }
    let amount = staked(&coin)?;
    if to.host(&host)?.is_some_and(|host| is_jailed(&host)) {
        return Err((&error::JAILED).into());
    }
    let entry = unbonding::entry_of(to, &host, &delegator, m.creation_height)?;
    let more =
        || errors::INVALID_REQUEST.wrap("amount is greater than the unbonding delegation entry balance");
    if unbonding::paid(&entry) < amount {
        return Err(more());
    }
    // Its last block is over: it is paid with this one.
    if entry.matures_at <= to.cx.block.height {
        return Err(errors::INVALID_REQUEST.wrap("unbonding delegation is already processed"));
    }
    let msg = ExecuteMsg::CancelUnbond {
        host: host.to_string(),
        bucket: entry.bucket,
        amount,
    };
    pay_before_change(to, &host, &delegator)?;
    to.call(BONDING, &delegator, &msg, Amount::ZERO)
        .map_err(|error| match failure::was(&error, "insufficient_position") {
            true => more(),
            false => error,
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
