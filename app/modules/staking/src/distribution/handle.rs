//! What the messages of x/distribution do.

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
    let msg = ExecuteMsg::WithdrawRewards {
        host: host.to_string(),
        to: Some(withdraw_address::get(to.cx, &delegator)?.to_string()),
    };
    let amount = match to.call(BONDING, &delegator, &msg, Amount::ZERO) {
        Ok(said) => number(&said, "amount")?,
        Err(error) if failure::name(&error) == Some("nothing_earned") => {
            check_position(to, &host, &delegator)?;
            Amount::ZERO
        }
        Err(error) => return Err(error),
    };
    to.cx.emit(
        Event::new("withdraw_rewards")
            .with("amount", format!("{amount}{BASE_DENOM}"))
            .with("validator", &m.validator_address)
            .with("delegator", &m.delegator_address),
    );
    Ok(wire::MsgWithdrawDelegatorRewardResponse {
        amount: vec![coin(amount)],
    })
}

/// Whether there is a position that could have earned.
fn check_position(to: Contracts<'_>, host: &AccAddress, delegator: &AccAddress) -> Result<()> {
    if to.host(host)?.is_none() {
        return Err((&error::NO_VALIDATOR).into());
    }
    match crate::staking::position(to, host, delegator)? {
        Some(_) => Ok(()),
        None => Err((&error::EMPTY_DELEGATION).into()),
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
