//! What the application says.

use cosmwasm_std::{DepsMut, Env, Response, Storage};
use quern_interface::rewards::{EpochInfo, Phase};
use quern_protocol::Amount;

use crate::activation::Demand;
use crate::chain::Chain;
use crate::error::{ContractError, Result};
use crate::state::{SeenModel, Work, EPOCHS, KEPT_EPOCHS, SEEN_MODELS, TOTALS, WORK};
use crate::{funds, steps};

/// An epoch ends: whatever this contract holds beyond what it owes is the epoch's emission. Begins to divide
/// it; an earlier epoch that is not divided by now is not divided any more, and its coins join this one's.
/// Attributes: `action`, `epoch`, `received`, and those of the steps.
pub fn end_epoch(mut deps: DepsMut, env: Env, epoch: u64) -> Result<Response> {
    let chain = Chain::load(deps.as_ref())?;
    let (balance, weighed) = (chain.balance(&env)?, chain.weighed_epoch()? == epoch);
    let received = receive(deps.storage, balance)?;
    let work = Work {
        epoch,
        phase: Phase::Slashes,
        weighed,
        cursor: None,
        sums: Default::default(),
        demand: demand(&mut deps)?,
    };
    WORK.save(deps.storage, &work)?;
    let info = EpochInfo {
        epoch,
        height: env.block.height,
        ..EpochInfo::default()
    };
    EPOCHS.save(deps.storage, epoch, &info)?;
    if let Some(old) = epoch.checked_sub(KEPT_EPOCHS) {
        EPOCHS.remove(deps.storage, old);
    }
    let response = respond(deps)?;
    Ok(response
        .add_attribute("action", "end_epoch")
        .add_attribute("epoch", epoch.to_string())
        .add_attribute("received", received.to_string()))
}

/// The block's transactions are done: goes on with the division. Attributes: those of the steps.
pub fn end_block(deps: DepsMut) -> Result<Response> {
    respond(deps)
}

fn respond(deps: DepsMut) -> Result<Response> {
    let done = steps::run(deps)?;
    Ok(Response::new()
        .add_messages(done.messages)
        .add_attributes(done.attributes))
}

/// Takes into the books what came in.
fn receive(storage: &mut dyn Storage, balance: Amount) -> Result<Amount> {
    let mut totals = TOTALS.load(storage)?;
    let held = totals
        .undivided
        .checked_add(totals.to_hosts)
        .and_then(|sum| sum.checked_sub(totals.claimed))
        .and_then(|sum| sum.checked_sub(totals.clawed_back))
        .ok_or(ContractError::Overflow)?;
    let received = balance.saturating_sub(held);
    funds::add(&mut totals.received, received)?;
    funds::add(&mut totals.undivided, received)?;
    TOTALS.save(storage, &totals)?;
    Ok(received)
}

/// What was asked for and could be had of the proven models since the last epoch's end, each model's work
/// counted by its coefficient. A model is counted from the end of the epoch on in which it was first seen.
fn demand(deps: &mut DepsMut) -> Result<Demand> {
    let mut sum = Demand::default();
    let first = !WORK.exists(deps.storage);
    let models = Chain::load(deps.as_ref())?.models()?;
    for model in models {
        let chain = Chain::load(deps.as_ref())?;
        let answers = chain.price(&model.model).zip(chain.demand(&model.model));
        let Some((price, demand)) = answers else { continue };
        let key = model.model.as_str();
        let before = SEEN_MODELS.may_load(deps.storage, key)?;
        let now = SeenModel {
            judged: price.judged,
            offered: price.offered,
            committed: demand.amount,
        };
        SEEN_MODELS.save(deps.storage, key, &now)?;
        // what a model did before it was proven was no part of this epoch; at the first epoch's end there was nothing
        let before = match before {
            Some(before) => before,
            None if first => SeenModel::default(),
            None => continue,
        };
        let work = |now: Amount, before: Amount| {
            let tokens = now.saturating_sub(before);
            tokens
                .mul_div_floor(model.coefficient.into(), 1)
                .ok_or(ContractError::Overflow)
        };
        funds::add(&mut sum.asked, work(now.judged, before.judged)?)?;
        funds::add(&mut sum.offered, work(now.offered, before.offered)?)?;
        funds::add(&mut sum.committed, now.committed.saturating_sub(before.committed))?;
    }
    Ok(sum)
}
