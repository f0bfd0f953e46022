//! What hosts say they served, by model: the demand that prices follow.
//!
//! Nobody can check at the commit how a batch divides among models, so a host's word counts only as far as
//! payers' coins stand behind it, each coin for one host: over time, per host and model,
//!
//! - `counted <= paid claims of closed sessions + cover in open ones`, where cover is the limit that the draw gave, and
//!   moves with it only as far as the giver has not counted it, so that all that ever counts is at most all escrows;
//! - `counted <= 2 * paid claims + free_demand`, so that coins that come back can hold no price up: who wants more to
//!   count must have paid, and burned its share of, half as much.
//!
//! What is beyond that is committed like the rest but counts for nothing.

use cosmwasm_std::{Addr, Storage};
use quern_interface::settlement::{Demand, ModelAmount, MAX_BATCH_MODELS};
use quern_protocol::ledger::Seat;
use quern_protocol::{Amount, Price};

use crate::chain::Chain;
use crate::error::{ContractError, Result};
use crate::funds;
use crate::state::{Cover, Member, OfLate, Session, COVERS, DEMAND, HOST_DEMAND, OF_LATE, PARAMS, REFUSED};

/// Refusals count up to what was served of late, divided by this.
const REFUSED_PART: u128 = 4;
/// Blocks of a span: what was served in this one and the one before is of late. Two periods of pricing on the standard
/// profile.
const SPAN: u64 = 20;

/// Refuses a division of a batch that breaks a rule: it names each model once, in order, and adds up.
pub fn check(models: &[ModelAmount], sum: Amount) -> Result<()> {
    if models.len() > MAX_BATCH_MODELS {
        return Err(ContractError::BadBatch("more than 16 models"));
    }
    if models.iter().any(|one| one.amount.is_zero()) {
        return Err(ContractError::BadBatch("a model with nothing"));
    }
    let ids = models.iter().map(|one| &one.model);
    if ids.clone().zip(ids.skip(1)).any(|(left, right)| left >= right) {
        return Err(ContractError::BadBatch("models that do not rise"));
    }
    if Amount::sum(models.iter().map(|one| one.amount)) != Some(sum) {
        return Err(ContractError::BadBatch(
            "models that do not add up to the root's sum",
        ));
    }
    Ok(())
}

/// What of each amount counts, with the model's price, so that the store can be written afterwards.
pub fn weigh<'a>(
    chain: &Chain,
    host: &Addr,
    models: &'a [ModelAmount],
    height: u64,
) -> Result<Vec<(&'a str, Demand)>> {
    let mut counted = Vec::with_capacity(models.len());
    for one in models {
        let model = one.model.as_str();
        let amount = one.amount.min(room(chain.deps.storage, host, model)?);
        if !amount.is_zero() {
            // a price that cannot be had must not cost a host its batch
            let price = chain.price_at(model, height).ok();
            let weighted = price.and_then(|price| amount.mul_div_floor(Price::UNIT, price.atomics()));
            if let Some(weighted) = weighted {
                counted.push((model, Demand { amount, weighted }));
            }
        }
    }
    Ok(counted)
}

/// What a host's further batches may still count for a model.
pub fn room(storage: &dyn Storage, host: &Addr, model: &str) -> Result<Amount> {
    let claimed = COVERS
        .may_load(storage, (host, model))?
        .unwrap_or_default()
        .claimed;
    let free = PARAMS.load(storage)?.free_demand;
    let trusted = Amount::sum([claimed, claimed, free]).unwrap_or(Amount(u128::MAX));
    uncounted(storage, host, model, trusted)
}

/// What of a host's cover, at most `most`, it has not counted.
fn uncounted(storage: &dyn Storage, host: &Addr, model: &str, most: Amount) -> Result<Amount> {
    let cover = COVERS.may_load(storage, (host, model))?.unwrap_or_default();
    let counted = HOST_DEMAND.may_load(storage, (host, model))?.unwrap_or_default();
    let covered = cover.limits.checked_add(cover.claimed);
    let covered = covered.ok_or(ContractError::Overflow)?.min(most);
    Ok(covered.saturating_sub(counted.amount))
}

/// Counts what [`weigh`] found.
pub fn count(storage: &mut dyn Storage, host: &Addr, counted: &[(&str, Demand)], height: u64) -> Result<()> {
    for (model, more) in counted {
        let mut all = DEMAND.may_load(storage, model)?.unwrap_or_default();
        of_late(storage, model, all.amount, height)?;
        add(&mut all, more)?;
        DEMAND.save(storage, model, &all)?;
        let mut own = HOST_DEMAND.may_load(storage, (host, model))?.unwrap_or_default();
        add(&mut own, more)?;
        HOST_DEMAND.save(storage, (host, model), &own)?;
    }
    Ok(())
}

/// The spans of now; `served` is all that was served so far. To be asked before anything is added.
fn of_late(storage: &mut dyn Storage, model: &str, served: Amount, height: u64) -> Result<OfLate> {
    let span = height / SPAN;
    let mut late = OF_LATE.may_load(storage, model)?.unwrap_or_default();
    if span > late.span {
        let follows = span.saturating_sub(late.span) == 1;
        late = OfLate {
            span,
            served,
            served_before: if follows { late.served } else { served },
            refused: Amount::ZERO,
            refused_before: if follows { late.refused } else { Amount::ZERO },
        };
        OF_LATE.save(storage, model, &late)?;
    }
    Ok(late)
}

/// A refused request is demand, all of a model's together up to a fourth of what was served of late: in this span and the
/// one before, less the refusals that counted in them.
pub fn refused(
    storage: &mut dyn Storage,
    model: &str,
    ceiling: Amount,
    price: Price,
    height: u64,
) -> Result<()> {
    let served = DEMAND.may_load(storage, model)?.unwrap_or_default().amount;
    let mut late = of_late(storage, model, served, height)?;
    let most = Amount(served.saturating_sub(late.served_before).0 / REFUSED_PART);
    let amount = most
        .saturating_sub(late.refused)
        .saturating_sub(late.refused_before)
        .min(ceiling);
    funds::add(&mut late.refused, amount)?;
    OF_LATE.save(storage, model, &late)?;
    let mut sum = REFUSED.may_load(storage, model)?.unwrap_or_default();
    let weighted = amount.mul_div_floor(Price::UNIT, price.atomics());
    let weighted = weighted.ok_or(ContractError::Overflow)?;
    add(&mut sum, &Demand { amount, weighted })?;
    Ok(REFUSED.save(storage, model, &sum)?)
}

/// What was served and refused.
pub fn all(storage: &dyn Storage, model: &str) -> Result<Demand> {
    let mut all = DEMAND.may_load(storage, model)?.unwrap_or_default();
    add(&mut all, &REFUSED.may_load(storage, model)?.unwrap_or_default())?;
    Ok(all)
}

fn add(sum: &mut Demand, more: &Demand) -> Result<()> {
    funds::add(&mut sum.amount, more.amount)?;
    funds::add(&mut sum.weighted, more.weighted)
}

/// A limit is there.
pub fn open(storage: &mut dyn Storage, host: &Addr, model: &str, limit: Amount) -> Result<()> {
    change(storage, host, model, |cover| funds::add(&mut cover.limits, limit))
}

/// A limit moved from one seat to another: its cover goes along as far as the giver has not counted it.
pub fn shift(
    storage: &mut dyn Storage,
    session: &mut Session,
    from: usize,
    to: usize,
    amount: Amount,
) -> Result<()> {
    let model = session.model.as_str();
    let Some(giver) = session.committee.get_mut(from) else {
        return Ok(());
    };
    let given = amount.min(giver.cover);
    let moved = given.min(uncounted(storage, &giver.host, model, Amount(u128::MAX))?);
    funds::take(&mut giver.cover, given)?;
    change(storage, &giver.host, model, |cover| {
        cover.limits = cover.limits.saturating_sub(given);
        Ok(())
    })?;
    let Some(receiver) = session.committee.get_mut(to) else {
        return Ok(());
    };
    funds::add(&mut receiver.cover, moved)?;
    change(storage, &receiver.host, model, |cover| {
        funds::add(&mut cover.limits, moved)
    })
}

/// A session is paid: of its cover only what was proven and paid for remains. These sums hold nobody up: they
/// saturate.
pub fn close(storage: &mut dyn Storage, member: &Member, model: &str, seat: &Seat, void: bool) -> Result<()> {
    change(storage, &member.host, model, |cover| {
        cover.limits = cover.limits.saturating_sub(member.cover);
        if void {
            return Ok(());
        }
        funds::add(&mut cover.claimed, seat.claimed.min(member.cover))
    })
}

fn change(
    storage: &mut dyn Storage,
    host: &Addr,
    model: &str,
    what: impl FnOnce(&mut Cover) -> Result<()>,
) -> Result<()> {
    let mut cover = COVERS.may_load(storage, (host, model))?.unwrap_or_default();
    what(&mut cover)?;
    Ok(COVERS.save(storage, (host, model), &cover)?)
}

#[cfg(test)]
mod tests {
    use cosmwasm_std::testing::{MockApi, MockStorage};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn refusals_never_count_more_than_a_fourth_of_what_was_served_of_late_and_no_sum_falls(
            steps in prop::collection::vec((any::<bool>(), 0_u128..1 << 90, 1_u128..1_000, 0_u64..30), 1..60),
        ) {
            let (mut storage, host) = (MockStorage::new(), MockApi::default().addr_make("host"));
            let (mut before, mut height) = (Demand::default(), 1_000);
            let mut ended: Vec<(u64, u128, u128)> = vec![];
            for (serves, amount, price, blocks) in steps {
                height += blocks;
                let (amount, price) = (Amount(amount), Price::from_atomics(price * Price::UNIT));
                if serves {
                    let weighted = amount.mul_div_floor(Price::UNIT, price.atomics()).unwrap();
                    count(&mut storage, &host, &[("m", Demand { amount, weighted })], height).unwrap();
                } else {
                    refused(&mut storage, "m", amount, price, height).unwrap();
                }
                let served = DEMAND.may_load(&storage, "m").unwrap().unwrap_or_default();
                let after = all(&storage, "m").unwrap();
                let refused = after.amount.0 - served.amount.0;
                prop_assert!(refused <= served.amount.0 / 4);
                // in any two spans in a row, of those and the one before them
                let before_span = |back| {
                    let last = ended.iter().rev().find(|(span, ..)| span + back <= height / SPAN);
                    last.copied().unwrap_or_default()
                };
                let (refused_of_late, served_of_late) =
                    (refused - before_span(2).2, served.amount.0 - before_span(3).1);
                prop_assert!(refused_of_late <= served_of_late / 4 + 1);
                ended.push((height / SPAN, served.amount.0, refused));
                prop_assert!(after.amount >= before.amount && after.weighted >= before.weighted);
                before = after;
            }
        }
    }
}
