//! Parameters that governance sets by the SDK's messages. Each is one of a contract's own, or fixed.

use std::fmt::Display;

use quern_interface::{bonding, rewards};
use quern_proto::cosmos::{
    distribution::v1beta1 as distribution, mint::v1beta1 as mint, slashing::v1beta1 as slashing,
    staking::v1beta1 as staking,
};
use quern_protocol::Amount;
use quern_system::{BONDING, REWARDS};
use quern_types::{Denom, Error, Result, errors, module_address};
use serde::Serialize;

use crate::{
    contracts::Contracts, distribution as earnings, number as dec, pace::Pace, slashing as votes,
    staking as room,
};

/// `MsgUpdateParams` of x/staking: the delay and the most validators of `bonding`.
pub(crate) fn staking(
    to: Contracts<'_>,
    m: &staking::MsgUpdateParams,
) -> Result<staking::MsgUpdateParamsResponse> {
    quern_auth::require_authority(&m.authority)?;
    let wanted = m.params.clone().unwrap_or_default();
    let delay = check_staking(&wanted)?;
    let (mut params, before) = bonding(to)?;
    let shown = room::params(to)?;
    fixed("max_entries", &wanted.max_entries, &shown.max_entries)?;
    fixed(
        "historical_entries",
        &wanted.historical_entries,
        &shown.historical_entries,
    )?;
    fixed("bond_denom", &wanted.bond_denom, &shown.bond_denom)?;
    fixed(
        "min_commission_rate",
        &wanted.min_commission_rate,
        &shown.min_commission_rate,
    )?;
    let most = quern_system::params(to.cx)?.max_validators;
    if wanted.max_validators > most {
        return Err(errors::NOT_SUPPORTED.wrap(format!("max_validators is at most {most} on this chain")));
    }
    if wanted.max_validators != shown.max_validators {
        params.max_validators = wanted.max_validators;
    }
    let pace = Pace::at(to.cx)?;
    // What leaves waits for its bucket's end, so less than a bucket is no other delay; and the pace by which blocks are
    // told as times is not what it was when the proposal was written.
    let moved = delay.abs_diff(pace.nanos_of(params.unbonding_blocks));
    if moved >= pace.nanos_of(params.bucket_blocks) {
        params.unbonding_blocks = pace
            .blocks_in(delay)
            .ok_or_else(|| errors::INVALID_REQUEST.wrap("unbonding time is too long"))?;
    }
    set(to, BONDING, &before, &params, bonding::ExecuteMsg::UpdateParams)?;
    Ok(staking::MsgUpdateParamsResponse {})
}

/// The SDK's own checks, in its order and words. Returns the delay in nanoseconds.
fn check_staking(wanted: &staking::Params) -> Result<u128> {
    let delay = wanted.unbonding_time.unwrap_or_default();
    let delay = i128::from(delay.seconds)
        .saturating_mul(1_000_000_000)
        .saturating_add(delay.nanos.into());
    let positive = u128::try_from(delay).ok().filter(|delay| *delay > 0);
    let delay =
        positive.ok_or_else(|| Error::unregistered(format!("unbonding time must be positive: {delay}")))?;
    for (name, value) in [
        ("max validators", wanted.max_validators),
        ("max entries", wanted.max_entries),
    ] {
        if value == 0 {
            return Err(Error::unregistered(format!("{name} must be positive: 0")));
        }
    }
    if wanted.bond_denom.trim().is_empty() {
        return Err(Error::unregistered("bond denom cannot be blank"));
    }
    if wanted.bond_denom.parse::<Denom>().is_err() {
        return Err(Error::unregistered(format!(
            "invalid denom: {}",
            wanted.bond_denom
        )));
    }
    let rate = &wanted.min_commission_rate;
    check_fraction(rate, ["minimum commission rate", "cannot be greater than 100%"])?;
    Ok(delay)
}

/// `MsgUpdateParams` of x/slashing: what `bonding` takes of who signs two blocks.
pub(crate) fn slashing(
    to: Contracts<'_>,
    m: &slashing::MsgUpdateParams,
) -> Result<slashing::MsgUpdateParamsResponse> {
    quern_auth::require_authority(&m.authority)?;
    let wanted = m.params.clone().unwrap_or_default();
    if wanted.signed_blocks_window <= 0 {
        let text = format!(
            "signed blocks window must be positive: {}",
            wanted.signed_blocks_window
        );
        return Err(Error::unregistered(text));
    }
    let least = text(&wanted.min_signed_per_window);
    let double_sign = text(&wanted.slash_fraction_double_sign);
    let downtime = text(&wanted.slash_fraction_downtime);
    check_fraction(&least, ["min signed per window", "too large"])?;
    check_fraction(&double_sign, ["double sign slash fraction", "too large"])?;
    check_fraction(&downtime, ["downtime slash fraction", "too large"])?;
    let (mut params, before) = bonding(to)?;
    let shown = votes::params(to)?;
    fixed(
        "signed_blocks_window",
        &wanted.signed_blocks_window,
        &shown.signed_blocks_window,
    )?;
    fixed(
        "min_signed_per_window",
        &least,
        &text(&shown.min_signed_per_window),
    )?;
    let jail = |params: &slashing::Params| {
        let duration = params.downtime_jail_duration.unwrap_or_default();
        format!("{}.{:09}s", duration.seconds, duration.nanos)
    };
    fixed("downtime_jail_duration", &jail(&wanted), &jail(&shown))?;
    fixed(
        "slash_fraction_downtime",
        &downtime,
        &text(&shown.slash_fraction_downtime),
    )?;
    params.double_sign_bps = points("slash_fraction_double_sign", &double_sign)?;
    set(to, BONDING, &before, &params, bonding::ExecuteMsg::UpdateParams)?;
    Ok(slashing::MsgUpdateParamsResponse {})
}

/// `MsgUpdateParams` of x/distribution: the tax of `rewards`.
#[allow(deprecated, reason = "the wire still has them")]
pub(crate) fn distribution(
    to: Contracts<'_>,
    m: &distribution::MsgUpdateParams,
) -> Result<distribution::MsgUpdateParamsResponse> {
    quern_auth::require_authority(&m.authority)?;
    let wanted = m.params.clone().unwrap_or_default();
    let none = |rate: &str| ["", "0"].contains(&rate);
    if !none(&wanted.base_proposer_reward) || !none(&wanted.bonus_proposer_reward) {
        return Err(errors::INVALID_REQUEST
            .wrap("cannot update base or bonus proposer reward because these are deprecated fields"));
    }
    match wanted.community_tax.as_str() {
        "" => return Err(Error::unregistered("community tax must be not nil")),
        tax if tax.starts_with('-') => {
            let text = dec::text(tax.trim_start_matches('-'));
            return Err(Error::unregistered(format!(
                "community tax must be positive: -{text}"
            )));
        }
        tax => check_fraction(tax, ["community tax", "too large"])?,
    }
    let before: Option<rewards::Params> = to.ask(REWARDS, &rewards::QueryMsg::Params {})?;
    let before = before.ok_or_else(without)?;
    let shown = earnings::params(to)?;
    fixed(
        "withdraw_addr_enabled",
        &wanted.withdraw_addr_enabled,
        &shown.withdraw_addr_enabled,
    )?;
    let mut params = before.clone();
    params.tax_bps = points("community_tax", &wanted.community_tax)?;
    set(to, REWARDS, &before, &params, rewards::ExecuteMsg::UpdateParams)?;
    Ok(distribution::MsgUpdateParamsResponse {})
}

/// `MsgUpdateParams` of x/mint: nobody changes what genesis set.
pub(crate) fn mint(_: Contracts<'_>, m: &mint::MsgUpdateParams) -> Result<mint::MsgUpdateParamsResponse> {
    quern_auth::require_authority(&m.authority)?;
    Err(errors::NOT_SUPPORTED.wrap("genesis sets the emission for ever"))
}

/// The parameters of `bonding`, to change and to compare with.
fn bonding(to: Contracts<'_>) -> Result<(bonding::Params, bonding::Params)> {
    let found: Option<bonding::Params> = to.bonding(&bonding::QueryMsg::Params {})?;
    let found = found.ok_or_else(without)?;
    Ok((found.clone(), found))
}

fn without() -> Error {
    errors::NOT_SUPPORTED.wrap("this chain has no contract with these parameters")
}

/// Gives a contract new parameters in the name of governance; those that it has it need not be told.
fn set<P: PartialEq + Clone, M: Serialize>(
    to: Contracts<'_>,
    contract: &str,
    before: &P,
    params: &P,
    message: impl FnOnce(P) -> M,
) -> Result<()> {
    if before == params {
        return Ok(());
    }
    let governance = module_address("gov");
    to.call(contract, &governance, &message(params.clone()), Amount::ZERO)?;
    Ok(())
}

/// Refuses another value of what no contract has a parameter for.
fn fixed<T: PartialEq + Display>(name: &str, wanted: &T, held: &T) -> Result<()> {
    if wanted == held {
        return Ok(());
    }
    Err(errors::NOT_SUPPORTED.wrap(format!("{name} is {held} on this chain, not {wanted}")))
}

/// The SDK's checks of a fraction: what it is called, and what is said of more than one.
fn check_fraction(wire: &str, [name, huge]: [&str; 2]) -> Result<()> {
    let why = if wire.is_empty() {
        "cannot be nil: <nil>".to_owned()
    } else if let Some(digits) = wire.strip_prefix('-') {
        format!("cannot be negative: -{}", dec::text(digits))
    } else if dec::exceeds_one(wire) {
        format!("{huge}: {}", dec::text(wire))
    } else {
        return Ok(());
    };
    Err(Error::unregistered(format!("{name} {why}")))
}

/// A fraction in basis points, than which no contract keeps a finer one.
fn points(name: &str, wire: &str) -> Result<u32> {
    let unkept =
        || errors::NOT_SUPPORTED.wrap(format!("{name} is kept in basis points: {}", dec::text(wire)));
    dec::points(wire).ok_or_else(unkept)
}

/// A decimal that the wire carries as bytes.
fn text(wire: &[u8]) -> String {
    String::from_utf8_lossy(wire).into_owned()
}
