//! Batches.

use cosmwasm_std::{Addr, DepsMut, Env, MessageInfo, Response, Storage};
use quern_interface::settlement::ModelAmount;
use quern_protocol::{Amount, Node};

use crate::chain::Chain;
use crate::demand;
use crate::error::{ContractError, Result};
use crate::state::{Batch, Kept, BATCHES, HORIZON, KEPT};

/// Most old batches that one commit removes: more than it adds, so they never pile up.
const MAX_PRUNED: u32 = 2;
/// A batch's amount stays below this, far above all coins: so that audits can lay many end to end.
const MAX_SUM: u128 = 1 << 80;

/// What a host commits.
pub struct Given {
    /// Its number.
    pub sequence: u64,
    /// Root and total.
    pub root: Node,
    /// Leaves.
    pub sessions: u32,
    /// The total by model.
    pub models: Vec<ModelAmount>,
}

/// Commits a batch. Attributes: `action`, `host`, `sequence`, `sessions`, `amount`, `demand` (what of it counts
/// as demand).
pub fn commit(deps: DepsMut, env: Env, info: MessageInfo, given: Given) -> Result<Response> {
    let Given {
        sequence,
        root,
        sessions,
        models,
    } = given;
    let height = env.block.height;
    let host = warm_host(&Chain::load(deps.as_ref())?, &info.sender, height)?;
    if sessions == 0 {
        return Err(ContractError::BadBatch("a batch without sessions"));
    }
    if root.sum.0 >= MAX_SUM {
        return Err(ContractError::BadBatch("an amount of 2^80 or more"));
    }
    demand::check(&models, root.sum)?;
    let mut kept = KEPT
        .may_load(deps.storage, &host)?
        .unwrap_or(Kept { oldest: 1, last: 0 });
    let expected = kept.last.checked_add(1).ok_or(ContractError::Overflow)?;
    if sequence != expected {
        return Err(ContractError::WrongSequence(expected));
    }
    let last = BATCHES.may_load(deps.storage, (&host, kept.last))?;
    if last.as_ref().is_some_and(|last| last.height >= height) {
        return Err(ContractError::BadBatch("one batch a block"));
    }
    let counted = demand::weigh(&Chain::load(deps.as_ref())?, &host, &models, height)?;
    demand::count(deps.storage, &host, &counted, height)?;
    let demand = Amount::sum(counted.iter().map(|(_, more)| more.amount)).unwrap_or_default();
    let before = last.map_or(Amount::ZERO, |last| last.committed);
    let batch = Batch {
        height,
        root,
        sessions,
        committed: before.checked_add(root.sum).ok_or(ContractError::Overflow)?,
    };
    BATCHES.save(deps.storage, (&host, sequence), &batch)?;
    kept.last = sequence;
    prune(deps.storage, &host, &mut kept, height)?;
    KEPT.save(deps.storage, &host, &kept)?;
    Ok(Response::new()
        .add_attribute("action", "commit_batch")
        .add_attribute("host", host)
        .add_attribute("sequence", sequence.to_string())
        .add_attribute("sessions", sessions.to_string())
        .add_attribute("amount", root.sum.to_string())
        .add_attribute("demand", demand.to_string()))
}

/// The host whose warm key counts now.
fn warm_host(chain: &Chain, sender: &Addr, height: u64) -> Result<Addr> {
    let owner = chain.host_by_warm_key(sender);
    let host = Addr::unchecked(owner.map_err(|_| ContractError::NotWarmKey)?.host);
    let key = chain.warm_key_at(&host, height)?;
    if key.address != sender.as_str() {
        return Err(ContractError::NotWarmKey);
    }
    Ok(host)
}

/// Removes batches that no open session can need: those older than the longest session and its appeal. The
/// last one before that stays, as audits begin where it ended.
fn prune(storage: &mut dyn Storage, host: &Addr, kept: &mut Kept, height: u64) -> Result<()> {
    let horizon = HORIZON.load(storage)?;
    for _ in 0..MAX_PRUNED {
        // the last one stays: its height says when the next may come
        let old = BATCHES
            .may_load(storage, (host, kept.oldest.saturating_add(1)))?
            .filter(|batch| batch.height.saturating_add(horizon) < height);
        if old.is_none() || kept.oldest >= kept.last {
            break;
        }
        BATCHES.remove(storage, (host, kept.oldest));
        kept.oldest = kept.oldest.saturating_add(1);
    }
    Ok(())
}
