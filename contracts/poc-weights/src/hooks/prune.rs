//! What is no longer kept goes, a little in each block.

use cosmwasm_std::{Addr, Order, StdResult, Storage};
use cw_storage_plus::Bound;
use quern_interface::poc_weights::Params;

use crate::error::Result;
use crate::state::{Epoch, MODELS, OUTCOME, PROOFS, SPRINTS, WEIGHTS};

/// Most entries of a kind that one block removes.
const PRUNED: usize = 32;

/// Removes the oldest sprint that is no longer kept with its proofs, and weights of earlier epochs.
pub fn prune(storage: &mut dyn Storage, height: u64, params: &Params, epoch: &Epoch) -> Result<()> {
    weights(storage)?;
    let oldest = SPRINTS.range(storage, None, None, Order::Ascending).next();
    let Some((number, sprint)) = oldest.transpose()? else {
        return Ok(());
    };
    let kept = sprint.deadline.saturating_add(params.kept_blocks) >= height;
    if kept || number >= epoch.first {
        return Ok(());
    }
    let proofs = PROOFS
        .sub_prefix(number)
        .keys(storage, None, None, Order::Ascending)
        .take(PRUNED)
        .collect::<StdResult<Vec<(Addr, String)>>>()?;
    for (host, model) in &proofs {
        PROOFS.remove(storage, (number, host, model));
    }
    if proofs.len() < PRUNED {
        SPRINTS.remove(storage, number);
        models(storage, number.saturating_add(1))?;
    }
    Ok(())
}

/// Models of sprints before `oldest` that later ones replaced by then.
fn models(storage: &mut dyn Storage, oldest: u64) -> Result<()> {
    let until = Some(Bound::inclusive(oldest));
    let versions = MODELS
        .keys(storage, None, until, Order::Ascending)
        .take(PRUNED)
        .collect::<StdResult<Vec<u64>>>()?;
    if let Some((_, replaced)) = versions.split_last() {
        for version in replaced {
            MODELS.remove(storage, *version);
        }
    }
    Ok(())
}

fn weights(storage: &mut dyn Storage) -> Result<()> {
    let Some(outcome) = OUTCOME.may_load(storage)? else {
        return Ok(());
    };
    let old = WEIGHTS
        .keys(storage, None, None, Order::Ascending)
        .take(PRUNED)
        .collect::<StdResult<Vec<(u64, Addr)>>>()?;
    for (epoch, host) in old.iter().filter(|(epoch, _)| *epoch < outcome.epoch) {
        WEIGHTS.remove(storage, (*epoch, host));
    }
    Ok(())
}
