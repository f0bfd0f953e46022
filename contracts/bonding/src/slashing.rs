//! Slashes, for judges and for consensus.

use cosmwasm_std::{Addr, CosmosMsg, DepsMut, Empty};
use quern_interface::bonding::{Params, SlashRecord};
use quern_protocol::Amount;

use crate::error::{ContractError, Result};
use crate::math::apportion;
use crate::state::{Tranches, BUCKETS, OFFENCES, REMOVALS, SLASHES, SLASHES_OF, SLASH_COUNT};
use crate::{funds, hosts, income, registry};

/// Longest text of an offence in bytes.
const MAX_OFFENCE: usize = 200;

/// What to slash, for what.
pub struct Slash<'a> {
    /// Host.
    pub host: &'a Addr,
    /// Identity of the offence.
    pub offence: &'a str,
    /// Fraction in basis points.
    pub fraction_bps: u32,
    /// Who receives up to how much of it.
    pub restitution: Option<(&'a Addr, Amount)>,
}

/// Slashes once per offence: the operator's coins first, then the others', active and unbonding ones in
/// proportion. Returns the record and the messages that move coins and tell the registry.
pub fn slash(
    deps: &mut DepsMut,
    params: &Params,
    slash: &Slash,
    height: u64,
) -> Result<(SlashRecord, Vec<CosmosMsg>)> {
    let Slash { host, offence, .. } = *slash;
    if offence.is_empty() || offence.len() > MAX_OFFENCE {
        return Err(ContractError::BadSlash("the offence must have 1 to 200 bytes"));
    }
    if !(1..=quern_interface::BPS).contains(&u128::from(slash.fraction_bps)) {
        return Err(ContractError::BadSlash(
            "the fraction must be 1 to 10000 basis points",
        ));
    }
    if OFFENCES.has(deps.storage, (host, offence)) {
        return Err(ContractError::OffenceKnown(offence.to_owned()));
    }
    let before = hosts::load(deps.storage, host, height)?.counted;
    let Loss { slashed, counted } = take(deps, host, slash.fraction_bps, height)?;
    let restitution = slash
        .restitution
        .map_or(Amount::ZERO, |(_, most)| most.min(slashed));
    let number = SLASH_COUNT
        .load(deps.storage)?
        .checked_add(1)
        .ok_or(ContractError::Overflow)?;
    let record = SlashRecord {
        number,
        host: host.to_string(),
        offence: offence.to_owned(),
        height,
        fraction_bps: slash.fraction_bps,
        slashed,
        restitution,
        burned: slashed.saturating_sub(restitution),
    };
    SLASH_COUNT.save(deps.storage, &number)?;
    SLASHES.save(deps.storage, number, &record)?;
    SLASHES_OF.save(deps.storage, (host, number), &Empty {})?;
    OFFENCES.save(deps.storage, (host, offence), &number)?;
    hosts::update_totals(deps.storage, |totals| {
        totals.restitution = totals.restitution.checked_add(record.restitution)?;
        totals.burned = totals.burned.checked_add(record.burned)?;
        Some(())
    })?;
    let mut messages = vec![];
    if let Some((to, _)) = slash.restitution {
        messages.extend(funds::send(to.as_str(), record.restitution, &params.denom));
    }
    messages.extend(funds::burn(record.burned, &params.denom));
    if before != counted {
        messages.push(registry::set_bond(deps.as_ref(), host, counted)?);
    }
    if before >= params.min_validator_bond && counted < params.min_validator_bond {
        remove_validator(deps, host)?;
    }
    Ok((record, messages))
}

/// A validator without the bond that it needs leaves at this block's end, not at the epoch's.
fn remove_validator(deps: &mut DepsMut, host: &Addr) -> Result<()> {
    if let Some(identity) = registry::identity(deps.as_ref(), host)? {
        let mut removals = REMOVALS.may_load(deps.storage)?.unwrap_or_default();
        removals.push(identity.consensus_key);
        REMOVALS.save(deps.storage, &removals)?;
    }
    Ok(())
}

struct Loss {
    slashed: Amount,
    counted: Amount,
}

/// Cuts the pools: at most 33 pairs, however many own them.
fn take(deps: &mut DepsMut, host: &Addr, fraction_bps: u32, height: u64) -> Result<Loss> {
    income::advance(deps, host)?;
    let mut record = hosts::load(deps.storage, host, height)?;
    let mut all = vec![record.active];
    for end in &record.buckets {
        all.push(BUCKETS.may_load(deps.storage, (host, *end))?.unwrap_or_default());
    }
    let of_operator: Vec<Amount> = all.iter().map(|tranches| tranches.operator.coins).collect();
    let of_funders: Vec<Amount> = all.iter().map(|tranches| tranches.funders.coins).collect();
    let (slashed, losses) = losses(&of_operator, &of_funders, fraction_bps).ok_or(ContractError::Overflow)?;
    let mut active_loss = Amount::ZERO;
    for (place, (tranches, (operator, funders))) in all.iter_mut().zip(losses).enumerate() {
        let lost = tranches
            .operator
            .cut(operator)
            .checked_add(tranches.funders.cut(funders));
        if place == 0 {
            active_loss = lost.ok_or(ContractError::Overflow)?;
        }
    }
    let mut cut = all.into_iter();
    let generation = record.active.funders.generation;
    record.active = cut.next().unwrap_or(Tranches::default());
    if record.active.funders.generation != generation {
        income::end(deps.storage, host, generation)?;
    }
    for (end, tranches) in record.buckets.iter().zip(cut) {
        BUCKETS.save(deps.storage, (host, *end), &tranches)?;
    }
    hosts::update_totals(deps.storage, |totals| {
        totals.active = totals.active.checked_sub(active_loss)?;
        totals.unbonding = totals.unbonding.checked_sub(slashed.checked_sub(active_loss)?)?;
        Some(())
    })?;
    let counted = hosts::save(deps.storage, host, &mut record)?;
    Ok(Loss { slashed, counted })
}

/// What every pool loses: operator's and others', in the order given.
type Losses = Vec<(Amount, Amount)>;

fn losses(of_operator: &[Amount], of_funders: &[Amount], fraction_bps: u32) -> Option<(Amount, Losses)> {
    let operator = Amount::sum(of_operator.iter().copied())?;
    let total = operator.checked_add(Amount::sum(of_funders.iter().copied())?)?;
    let loss = total.mul_div_floor(u128::from(fraction_bps), quern_interface::BPS)?;
    let first = loss.min(operator);
    let parts = apportion(first, of_operator)?
        .into_iter()
        .zip(apportion(loss.checked_sub(first)?, of_funders)?);
    Some((loss, parts.collect()))
}
