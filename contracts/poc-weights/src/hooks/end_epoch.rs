//! An epoch ends: readings become weights, weights the next set.

use std::collections::{BTreeMap, BTreeSet};

use cosmwasm_std::{to_json_binary, Addr, DepsMut, Env, Event, Response, Storage};
use quern_interface::poc_weights::{EpochInfo, SprintInfo};
use quern_interface::registry::HostStatus;
use quern_interface::sudo::{ProposedSet, ProposedValidator, ValidatorPresence};
use quern_weights::{covered, present, total, weighed, Mode, Outcome, Params, Powers};

use super::{genesis, hosts, hosts::Host, score};
use crate::chain::Chain;
use crate::error::{ContractError, Result};
use crate::query::models_at;
use crate::state::{
    Epoch, Model, Seat, Weight, CAPACITY, EPOCH, LAST_SPRINT, OUTCOME, PARAMS, SEATS, SPRINTS, WEIGHTS,
};

/// Weights of an epoch, and what they are made of.
#[derive(Default)]
struct Tally {
    weights: BTreeMap<String, Weight>,
    capacity: BTreeMap<String, u64>,
    current: Powers<String>,
    convicts: BTreeSet<String>,
    proven: Powers<String>,
}

/// Proposes the set of the next epoch; data is the [`ProposedSet`]. Event
/// `weights{epoch, mode, missed, hosts, total_power}`.
pub fn end_epoch(
    mut deps: DepsMut,
    env: Env,
    number: u64,
    validators: &[ValidatorPresence],
) -> Result<Response> {
    let params = PARAMS.load(deps.storage)?.weights;
    let epoch = EPOCH.load(deps.storage)?;
    let height = env.block.height;
    let chain = Chain::load(deps.as_ref())?;
    let (known, tally) = if number == 0 {
        let (known, proven) = genesis::gather(&chain, &params)?;
        let tally = Tally {
            proven,
            ..Tally::default()
        };
        (known, tally)
    } else {
        let sprints = hosts::sprints(deps.storage, &epoch, height)?;
        let next = LAST_SPRINT.load(deps.storage)?.saturating_add(1);
        let models = models_at(deps.storage, next)?;
        let known = hosts::gather(&chain, &models, &sprints, validators)?;
        let tally = tally(&known, &models, &sprints, &params);
        (known, tally)
    };
    let missed = OUTCOME
        .may_load(deps.storage)?
        .map_or(0, |outcome| outcome.missed);
    let outcome = quern_weights::end_epoch(
        &quern_weights::Epoch {
            current: &tally.current,
            convicts: &tally.convicts,
            proven: &tally.proven,
            missed,
        },
        &params,
    )?;
    let set = propose(&known, &outcome.goal);
    let removed = tally
        .convicts
        .iter()
        .filter(|name| !outcome.goal.contains_key(*name));
    let removed = removed
        .filter_map(|name| known.get(name)?.validator.as_ref())
        .map(|validator| validator.pubkey)
        .collect();
    let info = EpochInfo {
        epoch: number,
        height,
        mode: outcome.mode,
        missed: outcome.missed,
        total_power: u64::try_from(total(&outcome.goal)).map_err(|_| ContractError::Overflow)?,
    };
    let event = Event::new("weights")
        .add_attribute("epoch", number.to_string())
        .add_attribute("mode", mode_name(info.mode))
        .add_attribute("missed", info.missed.to_string())
        .add_attribute("hosts", tally.weights.len().to_string())
        .add_attribute("total_power", info.total_power.to_string());
    save_weights(&mut deps, &tally, &outcome, &info)?;
    save_seats(deps.storage, &known, &tally, &set)?;
    begin(deps.storage, number, height, epoch.first)?;
    let validators = set.into_iter().map(|(_, validator)| validator).collect();
    let proposed = ProposedSet { validators, removed };
    Ok(Response::new()
        .set_data(to_json_binary(&proposed)?)
        .add_event(event))
}

const fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Proven => "proven",
        Mode::CarriedOver => "carried_over",
        Mode::EqualPower => "equal_power",
    }
}

/// Readings, verdicts, presence and cover of everybody.
fn tally(known: &BTreeMap<String, Host>, models: &[Model], sprints: &[SprintInfo], params: &Params) -> Tally {
    let mut tally = Tally::default();
    for (name, host) in known {
        let Some(standing) = &host.standing else {
            continue;
        };
        let mut weight = Weight::default();
        for record in &host.account.models {
            let model = models.iter().find(|model| model.terms.model == record.model);
            let (Some(model), Some(generation)) = (model, host.generation(&record.model)) else {
                continue;
            };
            let samples = score::samples(record, generation, sprints, standing);
            let (proven, verified) = score::worth(record, &samples);
            let coefficient = model.terms.coefficient;
            weight.proven = weight.proven.saturating_add(weighed(proven, coefficient));
            weight.verified = weight.verified.saturating_add(weighed(verified, coefficient));
            if standing.status == HostStatus::Active {
                let capacity = tally.capacity.entry(record.model.clone()).or_default();
                *capacity = capacity.saturating_add(verified);
            }
        }
        let validator = host
            .validator
            .as_ref()
            .filter(|validator| validator.pubkey == standing.consensus_key);
        weight.present = match validator {
            Some(validator) if validator.signed.saturating_add(validator.missed) > 0 => {
                let blocks = validator.signed.saturating_add(validator.missed);
                present(weight.verified, validator.signed, blocks)
            }
            _ => weight.verified,
        };
        weight.covered = covered(weight.present, host.bond, params.bond_per_weight);
        if let Some(validator) = validator {
            tally.current.insert(name.clone(), validator.power);
        }
        if host.is_convicted() || standing.status == HostStatus::Tombstoned {
            tally.convicts.insert(name.clone());
        }
        if weight.proven > 0 && standing.status == HostStatus::Active {
            tally.proven.insert(name.clone(), weight.covered);
            tally.weights.insert(name.clone(), weight);
        }
    }
    tally
}

/// What the set moves towards, with the keys of its hosts. The application makes the step.
fn propose(known: &BTreeMap<String, Host>, goal: &Powers<String>) -> Vec<(Seat, ProposedValidator)> {
    let seat = |(name, power): (&String, &u64)| {
        let standing = known.get(name)?.standing.as_ref()?;
        let seat = Seat {
            host: name.clone(),
            pubkey: standing.consensus_key,
        };
        let validator = ProposedValidator {
            pubkey: standing.consensus_key,
            power: *power,
            anchor: standing.beacon_anchor,
        };
        Some((seat, validator))
    };
    goal.iter().filter_map(seat).collect()
}

fn save_weights(
    deps: &mut DepsMut,
    tally: &Tally,
    outcome: &Outcome<String>,
    info: &EpochInfo,
) -> Result<()> {
    for (name, weight) in &tally.weights {
        let power = outcome.goal.get(name).copied().unwrap_or(0);
        let weight = Weight { power, ..*weight };
        let host = Addr::unchecked(name);
        WEIGHTS.save(deps.storage, (info.epoch, &host), &weight)?;
    }
    CAPACITY.clear(deps.storage);
    for (model, capacity) in &tally.capacity {
        CAPACITY.save(deps.storage, model, capacity)?;
    }
    Ok(OUTCOME.save(deps.storage, info)?)
}

/// Notes whose keys the proposed ones are, and those of validators that fade.
fn save_seats(
    storage: &mut dyn Storage,
    known: &BTreeMap<String, Host>,
    tally: &Tally,
    set: &[(Seat, ProposedValidator)],
) -> Result<()> {
    let mut seats: BTreeMap<String, Seat> = BTreeMap::new();
    for name in tally
        .current
        .keys()
        .filter(|name| !tally.convicts.contains(*name))
    {
        if let Some(validator) = known.get(name).and_then(|host| host.validator.as_ref()) {
            let (host, pubkey) = (name.clone(), validator.pubkey);
            seats.insert(name.clone(), Seat { host, pubkey });
        }
    }
    for (seat, _) in set {
        seats.insert(seat.host.clone(), seat.clone());
    }
    Ok(SEATS.save(storage, &seats.into_values().collect())?)
}

/// The next epoch begins. A sprint that still runs counts in it.
fn begin(storage: &mut dyn Storage, number: u64, height: u64, first: u64) -> Result<()> {
    let number = number.checked_add(1).ok_or(ContractError::Overflow)?;
    let last = LAST_SPRINT.load(storage)?;
    let mut next = Epoch {
        number,
        start: height,
        first: last.saturating_add(1).max(first),
        windows: 0,
    };
    if let Some(mut sprint) = SPRINTS.may_load(storage, last)? {
        if sprint.deadline > height {
            sprint.epoch = number;
            SPRINTS.save(storage, last, &sprint)?;
            next.first = last;
        }
    }
    Ok(EPOCH.save(storage, &next)?)
}
