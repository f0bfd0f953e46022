//! Answers.

use cosmwasm_std::{to_json_binary, Addr, Binary, Deps, Order, StdResult, Storage};
use cw_storage_plus::Bound;
use quern_interface::poc_weights::{ProofInfo, ProofModel, QueryMsg, SprintInfo, WeightInfo};
use quern_interface::{DEFAULT_PAGE, MAX_PAGE};
use quern_protocol::Amount;
use quern_weights::READING_BLOCKS;

use crate::error::Result;
use crate::state::{
    Committed, Model, Weight, CAPACITY, LAST_SPRINT, MODELS, OUTCOME, PARAMS, PROOFS, SPRINTS, WEIGHTS,
};

/// Most proofs of one listing.
const MAX_PROOFS: usize = 64;
/// Most sprints that one listing looks at.
const MAX_SPRINTS: usize = 256;

/// Answers a question.
pub fn answer(deps: Deps, question: QueryMsg) -> Result<Binary> {
    let storage = deps.storage;
    let address = |name: String| deps.api.addr_validate(&name);
    let json = match question {
        QueryMsg::Params {} => to_json_binary(&PARAMS.load(storage)?),
        QueryMsg::Models {} => {
            let next = LAST_SPRINT.load(storage)?.saturating_add(1);
            to_json_binary(&terms(models_at(storage, next)?))
        }
        QueryMsg::ModelsAt { sprint } => to_json_binary(&terms(models_at(storage, sprint)?)),
        QueryMsg::Sprint {} => to_json_binary(&SPRINTS.may_load(storage, LAST_SPRINT.load(storage)?)?),
        QueryMsg::SprintBy { sprint } => to_json_binary(&SPRINTS.may_load(storage, sprint)?),
        QueryMsg::Proof { sprint, host, model } => {
            to_json_binary(&proof(storage, sprint, &address(host)?, &model)?)
        }
        QueryMsg::HostProofs { host, from, to } => {
            to_json_binary(&host_proofs(storage, &address(host)?, from, to)?)
        }
        QueryMsg::Weights { start_after, limit } => {
            let after = start_after.map(address).transpose()?;
            to_json_binary(&weights(storage, after.as_ref(), limit)?)
        }
        QueryMsg::Weight { host } => to_json_binary(&weight(storage, &address(host)?)?),
        QueryMsg::Epoch {} => to_json_binary(&OUTCOME.load(storage)?),
        QueryMsg::Capacity { model } => {
            let capacity = CAPACITY.may_load(storage, &model)?.unwrap_or(0);
            to_json_binary(&Amount(u128::from(capacity / READING_BLOCKS)))
        }
    };
    Ok(json?)
}

/// Models that are proven in a sprint.
pub fn models_at(storage: &dyn Storage, sprint: u64) -> Result<Vec<Model>> {
    let until = Some(Bound::inclusive(sprint));
    let found = MODELS.range(storage, None, until, Order::Descending).next();
    Ok(found.transpose()?.map(|(_, models)| models).unwrap_or_default())
}

fn terms(models: Vec<Model>) -> Vec<ProofModel> {
    models.into_iter().map(|model| model.terms).collect()
}

fn describe(sprint: &SprintInfo, host: &Addr, model: &str, committed: Committed) -> ProofInfo {
    ProofInfo {
        sprint: sprint.clone(),
        host: host.to_string(),
        model: model.to_owned(),
        generation: committed.generation,
        root: committed.root,
        count: committed.count,
        committed_at: committed.committed_at,
        judged: committed.judged,
    }
}

fn proof(storage: &dyn Storage, sprint: u64, host: &Addr, model: &str) -> Result<Option<ProofInfo>> {
    let committed = PROOFS.may_load(storage, (sprint, host, model))?;
    let sprint = SPRINTS.may_load(storage, sprint)?;
    let found = sprint.zip(committed);
    Ok(found.map(|(sprint, committed)| describe(&sprint, host, model, committed)))
}

fn host_proofs(storage: &dyn Storage, host: &Addr, from: u64, to: u64) -> Result<Vec<ProofInfo>> {
    let mut sprints = Vec::new();
    // deadlines rise with numbers
    for entry in SPRINTS
        .range(storage, None, None, Order::Descending)
        .take(MAX_SPRINTS)
    {
        let (_, sprint) = entry?;
        if sprint.deadline < from {
            break;
        }
        if sprint.deadline < to {
            sprints.push(sprint);
        }
    }
    let mut found = Vec::new();
    for sprint in sprints.iter().rev() {
        let proofs = PROOFS
            .prefix((sprint.sprint, host))
            .range(storage, None, None, Order::Ascending);
        for entry in proofs.take(MAX_PROOFS.saturating_sub(found.len())) {
            let (model, committed) = entry?;
            found.push(describe(sprint, host, &model, committed));
        }
    }
    Ok(found)
}

fn listed(host: Addr, weight: Weight) -> WeightInfo {
    WeightInfo {
        host: host.into(),
        proven: weight.proven,
        verified: weight.verified,
        present: weight.present,
        covered: weight.covered,
        power: weight.power,
    }
}

fn weights(storage: &dyn Storage, after: Option<&Addr>, limit: Option<u32>) -> Result<Vec<WeightInfo>> {
    let Some(outcome) = OUTCOME.may_load(storage)? else {
        return Ok(Vec::new());
    };
    let limit = limit.unwrap_or(DEFAULT_PAGE).min(MAX_PAGE) as usize;
    let found = WEIGHTS
        .prefix(outcome.epoch)
        .range(storage, after.map(Bound::exclusive), None, Order::Ascending)
        .take(limit)
        .map(|entry| entry.map(|(host, weight)| listed(host, weight)));
    Ok(found.collect::<StdResult<_>>()?)
}

fn weight(storage: &dyn Storage, host: &Addr) -> Result<Option<WeightInfo>> {
    let Some(outcome) = OUTCOME.may_load(storage)? else {
        return Ok(None);
    };
    let found = WEIGHTS.may_load(storage, (outcome.epoch, host))?;
    Ok(found.map(|weight| listed(host.clone(), weight)))
}
