//! What the application says.

use cosmwasm_std::{to_json_binary, Addr, Deps, DepsMut, Env, Order, Response};
use quern_interface::bonding::Params;
use quern_interface::sudo::{Misbehavior, ProposedSet, ProposedValidator, Removals};
use quern_protocol::Amount;

use crate::error::{ContractError, Result};
use crate::power::powers;
use crate::slashing::{self, Slash};
use crate::state::{BY_BOND, PARAMS, REMOVALS};
use crate::{hosts, registry};

/// A validator signed two blocks: slashed, out for good, out of the set at this block's end. Further
/// evidence against it changes nothing. Attributes: `action`, `host`, `slashed`.
pub fn misbehavior(mut deps: DepsMut, env: Env, evidence: Misbehavior) -> Result<Response> {
    let params = PARAMS.load(deps.storage)?;
    let info = registry::by_consensus_address(deps.as_ref(), evidence.consensus_address.clone())?;
    let host = deps.api.addr_validate(&info.host)?;
    let height = env.block.height;
    let response = Response::new()
        .add_attribute("action", "misbehavior")
        .add_attribute("host", &host);
    if hosts::load(deps.storage, &host, height)?.tombstoned {
        return Ok(response.add_attribute("slashed", "0"));
    }
    let offence = format!("double_sign/{}/{}", evidence.height, evidence.consensus_address);
    let order = Slash {
        host: &host,
        offence: &offence,
        fraction_bps: params.double_sign_bps,
        restitution: None,
    };
    let (record, messages) = slashing::slash(&mut deps, &params, &order, height)?;
    let mut bond = hosts::load(deps.storage, &host, height)?;
    bond.tombstoned = true;
    hosts::save(deps.storage, &host, &mut bond)?;
    let mut removals = REMOVALS.may_load(deps.storage)?.unwrap_or_default();
    if !removals.contains(&info.consensus_key) {
        removals.push(info.consensus_key);
        REMOVALS.save(deps.storage, &removals)?;
    }
    Ok(response
        // First, so that the change of bond finds no offers to recompute.
        .add_message(registry::tombstone(deps.as_ref(), &host)?)
        .add_messages(messages)
        .add_attribute("slashed", record.slashed.to_string()))
}

/// The block's transactions are done: hands over the removals of this block.
pub fn end_block(deps: DepsMut) -> Result<Response> {
    let removed = REMOVALS.may_load(deps.storage)?.unwrap_or_default();
    if !removed.is_empty() {
        REMOVALS.remove(deps.storage);
    }
    Ok(Response::new().set_data(to_json_binary(&Removals { removed })?))
}

/// An epoch ends: proposes the whole set of the next.
pub fn end_epoch(deps: DepsMut) -> Result<Response> {
    let params = PARAMS.load(deps.storage)?;
    let set = propose(deps.as_ref(), &params)?;
    Ok(Response::new()
        .set_data(to_json_binary(&set)?)
        .add_attribute("action", "end_epoch")
        .add_attribute("proposed", set.validators.len().to_string()))
}

/// The hosts with the highest bonds that serve. Reads at most twice as many as it proposes, so that hosts
/// that stopped and left their bond do not empty the set.
fn propose(deps: Deps, params: &Params) -> Result<ProposedSet> {
    let most = params.max_validators as usize;
    let mut bonds: Vec<(Addr, Amount)> = vec![];
    for key in BY_BOND
        .keys(deps.storage, None, None, Order::Ascending)
        .take(most.saturating_mul(2))
    {
        let (rank, host) = key?;
        let counted = hosts::amount_at(rank);
        if counted < params.min_validator_bond {
            break;
        }
        bonds.push((host, counted));
    }
    let names = bonds.iter().map(|(host, _)| host.to_string()).collect();
    let identities = registry::identities(deps, names)?;
    // The answer keeps the order and leaves some out.
    let mut bonds = bonds.into_iter();
    let mut chosen = vec![];
    for identity in identities.into_iter().take(most) {
        let bond = bonds.find(|(host, _)| host.as_str() == identity.host);
        let Some((_, counted)) = bond else { break };
        chosen.push((identity, counted));
    }
    let weights: Vec<Amount> = chosen.iter().map(|(_, counted)| *counted).collect();
    let powers = powers(&weights, params.max_power_bps).ok_or(ContractError::Overflow)?;
    let validators = chosen
        .into_iter()
        .zip(powers)
        .map(|((identity, _), power)| ProposedValidator {
            pubkey: identity.consensus_key,
            power,
            anchor: identity.beacon_anchor,
        });
    Ok(ProposedSet {
        validators: validators.collect(),
        removed: Vec::new(),
    })
}
