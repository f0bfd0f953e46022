//! Proven faults: conviction, slash, restitution.

use cosmwasm_std::{to_json_binary, Addr, DepsMut, Env, MessageInfo, Response, Storage, WasmMsg};
use quern_interface::settlement::{Fault, FaultRecord};
use quern_interface::BPS;
use quern_protocol::Amount;
use serde::Serialize;

use super::reply;
use crate::chain::Chain;
use crate::error::{ContractError, Result};
use crate::state::{CLAIMS, FAULTS, LAST_FAULT, PARAMS, POTS};
use crate::{faults, funds, restitution};

/// Checks the proof, then: the generation of (host, model) rises in the registry, bond is slashed once, the
/// host's unsettled claims of that generation are void. Once per host, model and generation. Attributes:
/// `action`, `host`, `model`, `generation`, `kind`, `number`, `void_claims`.
pub fn prove_fault(
    deps: DepsMut,
    env: Env,
    info: MessageInfo,
    host: String,
    fault: &Fault,
) -> Result<Response> {
    let host = deps.api.addr_validate(&host)?;
    let chain = Chain::load(deps.as_ref())?;
    let case = faults::Case::load(&chain, &env, &host, fault)?;
    faults::check(&case, fault)?;
    let verdict = Verdict {
        host: host.clone(),
        model: case.session.model.clone(),
        generation: case.generation,
        kind: faults::kind(fault),
        slash: true,
    };
    let answer = execute(deps, &env, &info.sender, verdict)?;
    Ok(answer.add_attribute("action", "prove_fault"))
}

/// What this contract orders of others: of `registry::ExecuteMsg` and `bonding::ExecuteMsg` only what it sends, for less
/// code.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Order {
    /// To the registry.
    Convict { host: String, model: String },
    /// To the bonding contract.
    Slash {
        host: String,
        offence: String,
        fraction_bps: u32,
        restitution: Amount,
    },
}

/// What was found, however it was found.
pub struct Verdict {
    /// Host.
    pub host: Addr,
    /// Model.
    pub model: String,
    /// Generation.
    pub generation: u32,
    /// Kind for the record.
    pub kind: &'static str,
    /// Whether bond is cut.
    pub slash: bool,
}

/// Carries a verdict out. Attributes: `host`, `model`, `generation`, `kind`, `number`, `void_claims`.
pub fn execute(deps: DepsMut, env: &Env, prover: &Addr, verdict: Verdict) -> Result<Response> {
    let chain = Chain::load(deps.as_ref())?;
    let Verdict {
        host,
        model,
        generation,
        kind,
        slash: cuts,
    } = verdict;
    let now = chain.generations(&model, vec![host.to_string()])?;
    let standing = (&host, model.as_str(), generation);
    if POTS.has(deps.storage, standing) || now.first().is_none_or(|now| *now > generation) {
        return Err(ContractError::Convicted(host.to_string()));
    }

    let params = PARAMS.load(deps.storage)?;
    let claims = CLAIMS.may_load(deps.storage, standing)?.unwrap_or_default();
    let wanted = claims
        .mul_div_floor(u128::from(params.restitution_bps), BPS)
        .ok_or(ContractError::Overflow)?;
    let before = deps.querier.query_balance(&env.contract.address, &params.denom)?;
    let slash = restitution::Slash {
        host: host.clone(),
        model: model.clone(),
        generation,
        before: funds::amount(&before)?,
    };
    let config = chain.config;
    restitution::open(deps.storage, standing, claims)?;
    let number = record(deps.storage, env, prover, &slash, kind)?;
    let convict = Order::Convict {
        host: host.to_string(),
        model: model.clone(),
    };
    let cut = Order::Slash {
        host: host.to_string(),
        offence: format!("{model}/{generation}"),
        fraction_bps: params.fault_slash_bps,
        restitution: wanted,
    };
    let call = |contract: Addr, msg| WasmMsg::Execute {
        contract_addr: contract.into_string(),
        msg,
        funds: vec![],
    };
    let mut response = Response::new().add_message(call(config.registry, to_json_binary(&convict)?));
    if cuts {
        let cut = call(config.bonding, to_json_binary(&cut)?);
        response = response.add_submessage(reply::slash(cut, &slash)?);
    }
    Ok(response
        .add_attribute("host", host)
        .add_attribute("model", model)
        .add_attribute("generation", generation.to_string())
        .add_attribute("kind", kind)
        .add_attribute("number", number.to_string())
        .add_attribute("void_claims", claims.to_string()))
}

fn record(
    storage: &mut dyn Storage,
    env: &Env,
    prover: &Addr,
    slash: &restitution::Slash,
    kind: &str,
) -> Result<u64> {
    let number = LAST_FAULT
        .load(storage)?
        .checked_add(1)
        .ok_or(ContractError::Overflow)?;
    LAST_FAULT.save(storage, &number)?;
    let record = FaultRecord {
        number,
        host: slash.host.to_string(),
        model: slash.model.clone(),
        generation: slash.generation,
        kind: kind.to_owned(),
        prover: prover.to_string(),
        height: env.block.height,
    };
    FAULTS.save(storage, number, &record)?;
    Ok(number)
}

#[cfg(test)]
mod tests {
    use quern_interface::{bonding, registry};

    use super::*;

    #[test]
    fn others_are_told_in_their_own_words() {
        let (host, model, offence) = ("h".to_owned(), "m".to_owned(), "m/0".to_owned());
        let theirs = registry::ExecuteMsg::Convict {
            host: host.clone(),
            model: model.clone(),
        };
        let ours = Order::Convict {
            host: host.clone(),
            model,
        };
        assert_eq!(to_json_binary(&ours).unwrap(), to_json_binary(&theirs).unwrap());
        let theirs = bonding::ExecuteMsg::Slash {
            host: host.clone(),
            offence: offence.clone(),
            fraction_bps: 7,
            restitution: Amount(9),
        };
        let ours = Order::Slash {
            host,
            offence,
            fraction_bps: 7,
            restitution: Amount(9),
        };
        assert_eq!(to_json_binary(&ours).unwrap(), to_json_binary(&theirs).unwrap());
    }
}
