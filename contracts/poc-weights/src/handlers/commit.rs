//! Commits of answers.

use cosmwasm_std::{DepsMut, Env, MessageInfo, Response};
use quern_protocol::{Node, MAX_PROOFS};

use super::take_record;
use crate::chain::Chain;
use crate::error::{ContractError, Result};
use crate::query::models_at;
use crate::state::{Committed, Model, ACCOUNTS, EPOCH, LAST_SPRINT, PROOFS, SPRINTS};

/// Most models in a host's record; those that are no longer proven make room.
const MAX_RECORDS: usize = 16;

/// Commits the answers of a sprint, in place of an earlier commit. Attributes: `action`, `host`, `sprint`,
/// `model`, `count`, `work`.
pub fn commit(
    deps: DepsMut,
    env: Env,
    info: MessageInfo,
    sprint: u64,
    model: String,
    (root, count): (Node, u32),
) -> Result<Response> {
    let height = env.block.height;
    let not_running = || ContractError::NotRunning(sprint);
    if sprint != LAST_SPRINT.load(deps.storage)? {
        return Err(not_running());
    }
    let running = SPRINTS.may_load(deps.storage, sprint)?.ok_or_else(not_running)?;
    if height <= running.start || height > running.deadline {
        return Err(not_running());
    }
    let models = models_at(deps.storage, sprint)?;
    let found = models.iter().find(|known| known.terms.model == model);
    let terms = found.ok_or_else(|| ContractError::UnknownModel(model.clone()))?;
    let work = check(terms, &root, count)?;

    let sender = Chain::load(deps.as_ref())?.sender(&info.sender)?;
    let generation = sender.generation(&model);
    let generation = generation.ok_or_else(|| ContractError::NotMember(sender.host.clone()))?;
    let host = deps.api.addr_validate(&sender.host)?;
    let key = (sprint, &host, model.as_str());
    let earlier = PROOFS.may_load(deps.storage, key)?;
    if earlier.is_some_and(|earlier| earlier.committed_at >= height) {
        return Err(ContractError::OnceABlock);
    }
    let committed = Committed {
        generation,
        root,
        count,
        committed_at: height,
        judged: None,
    };
    PROOFS.save(deps.storage, key, &committed)?;

    let first = EPOCH.load(deps.storage)?.first;
    let mut account = ACCOUNTS.may_load(deps.storage, &host)?.unwrap_or_default();
    if account.models.len() >= MAX_RECORDS {
        account
            .models
            .retain(|record| models.iter().any(|known| known.terms.model == record.model));
    }
    let mut record = take_record(&mut account, &model);
    if record.generation != generation {
        record.work.clear();
        record.generation = generation;
    }
    record.work.retain(|(of, _)| *of >= first && *of != sprint);
    record.work.push((sprint, work));
    account.models.push(record);
    ACCOUNTS.save(deps.storage, &host, &account)?;
    Ok(Response::new()
        .add_attribute("action", "commit_proof")
        .add_attribute("host", host)
        .add_attribute("sprint", sprint.to_string())
        .add_attribute("model", model)
        .add_attribute("count", count.to_string())
        .add_attribute("work", work.to_string()))
}

/// The root's work, if so many answers can have it.
fn check(model: &Model, root: &Node, count: u32) -> Result<u64> {
    if count == 0 || count > MAX_PROOFS {
        return Err(ContractError::BadProof("1 to 2^20 answers"));
    }
    let times = |work: u128| work.checked_mul(count.into()).ok_or(ContractError::Overflow);
    if root.sum.0 < times(model.least.0)? || root.sum.0 > times(model.most.0)? {
        return Err(ContractError::BadProof(
            "so many answers cannot have this much work",
        ));
    }
    u64::try_from(root.sum.0).map_err(|_| ContractError::Overflow)
}
