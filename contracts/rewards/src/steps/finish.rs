//! Divides the epoch's emission.

use cosmwasm_std::{attr, DepsMut};
use quern_protocol::Amount;

use super::Done;
use crate::activation::utilisation;
use crate::division::{divide as divided, Pot};
use crate::error::{ContractError, Result};
use crate::funds;
use crate::state::{Work, ACTIVATION, BACKING, CONFIG, EPOCHS, PARAMS, POTS, TOTALS, UTILISATION};

/// Everything is read: moves the share of fees, divides, pays the community pool and opens the hosts' pot.
// All steps inlined into one function would have more locals than a chain takes.
#[inline(never)]
pub fn divide(deps: &mut DepsMut, work: &Work, done: &mut Done) -> Result<()> {
    let params = PARAMS.load(deps.storage)?;
    let mut backing = BACKING.may_load(deps.storage)?.unwrap_or_default();
    let used = utilisation(&work.demand, &mut backing).ok_or(ContractError::Overflow)?;
    BACKING.save(deps.storage, &backing)?;
    UTILISATION.save(deps.storage, &used)?;
    let activation = ACTIVATION.load(deps.storage)?.next(used, &params);
    ACTIVATION.save(deps.storage, &activation)?;

    let mut totals = TOTALS.load(deps.storage)?;
    let emission = std::mem::take(&mut totals.undivided);
    let division =
        divided(emission, activation.lambda, &work.sums, &params).ok_or(ContractError::Overflow)?;
    funds::add(&mut totals.to_community, division.community)?;
    funds::add(&mut totals.to_hosts, division.by_weight)?;
    funds::add(&mut totals.to_hosts, division.by_fees)?;
    TOTALS.save(deps.storage, &totals)?;
    if work.sums.hosts > 0 {
        POTS.save(deps.storage, work.epoch, &Pot::new(&division, work.sums))?;
    }

    let pool = CONFIG.load(deps.storage)?.community_pool;
    done.messages
        .extend(funds::send(pool.as_str(), division.community, &params.denom));
    let mut info = EPOCHS.may_load(deps.storage, work.epoch)?.unwrap_or_default();
    info.emission = emission;
    info.community = division.community;
    info.by_weight = division.by_weight;
    info.by_fees = division.by_fees;
    info.lambda = activation.lambda;
    info.utilisation_bps = used;
    info.weight = work.sums.weight;
    info.burned = work.sums.burned;
    info.hosts = work.sums.hosts;
    info.divided = true;
    EPOCHS.save(deps.storage, work.epoch, &info)?;
    let told = [
        ("emission", emission),
        ("community", division.community),
        ("by_weight", division.by_weight),
        ("by_fees", division.by_fees),
        ("lambda", Amount(activation.lambda.into())),
        ("utilisation_bps", Amount(used.into())),
    ];
    done.attributes.push(attr("divided", work.epoch.to_string()));
    done.attributes
        .extend(told.map(|(name, value)| attr(name, value.to_string())));
    Ok(())
}
