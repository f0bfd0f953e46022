//! What is asked of the registry and told to it.

use cosmwasm_std::{to_json_binary, Addr, CosmosMsg, Deps, WasmMsg};
use quern_interface::registry::{ConsensusIdentity, ExecuteMsg, HostInfo, QueryMsg};
use quern_protocol::Amount;

use crate::error::{ContractError, Result};
use crate::state::CONFIG;

/// Identities of those of the hosts that serve.
pub fn identities(deps: Deps, hosts: Vec<String>) -> Result<Vec<ConsensusIdentity>> {
    let registry = CONFIG.load(deps.storage)?.registry;
    let question = QueryMsg::ConsensusIdentities { hosts };
    Ok(deps.querier.query_wasm_smart(registry, &question)?)
}

/// The identity of a host if it serves.
pub fn identity(deps: Deps, host: &Addr) -> Result<Option<ConsensusIdentity>> {
    Ok(identities(deps, vec![host.to_string()])?.into_iter().next())
}

/// Refuses a host that does not serve.
pub fn expect_active(deps: Deps, host: &Addr) -> Result<()> {
    match identity(deps, host)? {
        Some(_) => Ok(()),
        None => Err(ContractError::HostInactive(host.to_string())),
    }
}

/// Whoever has a consensus address.
pub fn by_consensus_address(deps: Deps, consensus_address: String) -> Result<HostInfo> {
    let registry = CONFIG.load(deps.storage)?.registry;
    let question = QueryMsg::HostByConsensusAddress { consensus_address };
    Ok(deps.querier.query_wasm_smart(registry, &question)?)
}

fn tell(deps: Deps, msg: &ExecuteMsg) -> Result<CosmosMsg> {
    let call = WasmMsg::Execute {
        contract_addr: CONFIG.load(deps.storage)?.registry.into(),
        msg: to_json_binary(msg)?,
        funds: vec![],
    };
    Ok(call.into())
}

/// Tells what of a host's active bond counts now.
pub fn set_bond(deps: Deps, host: &Addr, bond: Amount) -> Result<CosmosMsg> {
    let host = host.to_string();
    tell(deps, &ExecuteMsg::SetBond { host, bond })
}

/// Tells that a host is out for good.
pub fn tombstone(deps: Deps, host: &Addr) -> Result<CosmosMsg> {
    let host = host.to_string();
    tell(deps, &ExecuteMsg::Tombstone { host })
}
