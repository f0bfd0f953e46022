//! What the messages of x/distribution do.

use quern_context::Gas;
use quern_interface::bonding::ExecuteMsg;
use quern_proto::cosmos::distribution::v1beta1 as wire;
use quern_protocol::Amount;
use quern_system::BONDING;
use quern_types::{AccAddress, BASE_DENOM, Event, Result, errors};

use super::withdraw_address;
use crate::{
    address::{account, coin, operator},
    contracts::{Contracts, number},
    error, failure,
};

/// What a payment takes more than finding that nothing was earned. It is charged then too: a wallet estimates before an
/// epoch's end what is delivered after it, and an estimate that holds is worth more than gas that is hardly paid for.
const PAYMENT: Gas = 100_000;

/// `MsgSetWithdrawAddress`. It is for rewards of coins; an operator's commission goes to the payout address of
/// its host's record.
pub(crate) fn set_withdraw_address(
    to: Contracts<'_>,
    m: &wire::MsgSetWithdrawAddress,
) -> Result<wire::MsgSetWithdrawAddressResponse> {
    let delegator = account(&m.delegator_address, "delegator")?;
    let address = account(&m.withdraw_address, "withdraw")?;
    if quern_bank::is_blocked(&address) {
        return Err(errors::UNAUTHORIZED.wrap(format!("{address} is not allowed to receive external funds")));
    }
    to.cx
        .emit(Event::new("set_withdraw_address").with("withdraw_address", &address));
    withdraw_address::set(to.cx, &delegator, &address)?;
    Ok(wire::MsgSetWithdrawAddressResponse {})
}

/// `MsgWithdrawDelegatorReward`. Of an operator, what its own coins earned. Nothing earned is paid as nothing, so
/// that a wallet that claims behind all hosts at once does not fail by one.
pub(crate) fn withdraw_reward(
    to: Contracts<'_>,
    m: &wire::MsgWithdrawDelegatorReward,
) -> Result<wire::MsgWithdrawDelegatorRewardResponse> {
    let host = operator(&m.validator_address, "validator")?;
    let delegator = account(&m.delegator_address, "delegator")?;
    let amount = match pay(to, &host, &delegator)? {
        Some(amount) => amount,
        None => {
            check_position(to, &host, &delegator)?;
            Amount::ZERO
        }
    };
    to.cx
        .emit(paid(amount, &m.validator_address, &m.delegator_address));
    Ok(wire::MsgWithdrawDelegatorRewardResponse {
        amount: vec![coin(amount)],
    })
}

/// Pays what a position earned, as the SDK does before a delegation changes. A contract that cannot pay holds back no
/// coins: what is owed stays owed then.
///
/// # Errors
/// `sdk/11` out of gas, or a halt.
pub(crate) fn pay_before_change(to: Contracts<'_>, host: &AccAddress, delegator: &AccAddress) -> Result<()> {
    if !crate::staking::position(to, host, delegator)?
        .is_some_and(|held| crate::staking::is_delegation(&held))
    {
        return Ok(());
    }
    let fork = to.cx.fork();
    match pay(Contracts { cx: &fork, ..to }, host, delegator) {
        Ok(amount) => {
            to.cx.events.extend(fork.merge());
            let validator = host.to_validator_bech32();
            let amount = amount.unwrap_or_default();
            to.cx.emit(paid(amount, &validator, &delegator.to_string()));
            Ok(())
        }
        Err(error) if error.is_halt() || error.is(&errors::OUT_OF_GAS) => Err(error),
        Err(_) => Ok(()),
    }
}

/// Pays what a position earned to where its owner wants it; `None` if that is nothing.
fn pay(to: Contracts<'_>, host: &AccAddress, delegator: &AccAddress) -> Result<Option<Amount>> {
    let msg = ExecuteMsg::WithdrawRewards {
        host: host.to_string(),
        to: Some(withdraw_address::get(to.cx, delegator)?.to_string()),
    };
    match to.call(BONDING, delegator, &msg, Amount::ZERO) {
        Ok(said) => number(&said, "amount").map(Some),
        Err(error) if failure::name(&error) == Some("nothing_earned") => {
            to.cx.gas.consume(PAYMENT, "payment of rewards")?;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn paid(amount: Amount, validator: &str, delegator: &str) -> Event {
    Event::new("withdraw_rewards")
        .with("amount", format!("{amount}{BASE_DENOM}"))
        .with("validator", validator)
        .with("delegator", delegator)
}

/// Whether there is a delegation that could have earned.
fn check_position(to: Contracts<'_>, host: &AccAddress, delegator: &AccAddress) -> Result<()> {
    if to.host(host)?.is_none() {
        return Err((&error::NO_VALIDATOR).into());
    }
    match crate::staking::position(to, host, delegator)? {
        Some(held) if crate::staking::is_delegation(&held) => Ok(()),
        _ => Err((&error::NO_DELEGATION).into()),
    }
}

/// `MsgWithdrawValidatorCommission`: to the payout address of the host's record.
pub(crate) fn withdraw_commission(
    to: Contracts<'_>,
    m: &wire::MsgWithdrawValidatorCommission,
) -> Result<wire::MsgWithdrawValidatorCommissionResponse> {
    let host = operator(&m.validator_address, "validator")?;
    let called = to.call(BONDING, &host, &ExecuteMsg::WithdrawCommission {}, Amount::ZERO);
    let said = called.map_err(|error| match failure::name(&error) {
        Some("nothing_earned") => (&error::NO_COMMISSION).into(),
        _ => error,
    })?;
    let amount = number(&said, "amount")?;
    to.cx
        .emit(Event::new("withdraw_commission").with("amount", format!("{amount}{BASE_DENOM}")));
    Ok(wire::MsgWithdrawValidatorCommissionResponse {
        amount: vec![coin(amount)],
    })
}
