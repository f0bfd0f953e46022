//! Genesis import and export.

use prost_types::Any;
use quern_context::Cx;
use quern_genesis::{Completion, StakingGenesis, WithdrawAddress};
use quern_types::{Result, errors};

use crate::{MODULE, completion, distribution, evidence, keys};

/// Writes what an exported genesis carries.
///
/// # Errors
/// `sdk/18` for evidence that is none, or a halt.
pub fn init_genesis(cx: &Cx, genesis: &StakingGenesis) -> Result<()> {
    let kv = cx.kv_unmetered(MODULE);
    for due in &genesis.completions {
        kv.set(&keys::completion(due.height, &due.delegator, &due.host), vec![1])?;
    }
    for entry in &genesis.withdraw_addresses {
        distribution::set_withdraw_addr(cx, &entry.delegator, &entry.withdraw_address)?;
    }
    genesis.evidence.iter().try_for_each(|json| {
        let any = quern_proto::json::to_any(json).map_err(|e| errors::INVALID_REQUEST.wrap(e))?;
        evidence::import(cx, &any)
    })
}

/// Reads it back.
///
/// # Errors
/// A halt.
pub fn export_genesis(cx: &Cx) -> Result<StakingGenesis> {
    let completion = |entry: Result<(Vec<u8>, Vec<u8>)>| {
        let (height, delegator, host) = completion::read(&entry?.0)?;
        Ok(Completion {
            height,
            delegator,
            host,
        })
    };
    let json = |any: &Any| quern_proto::json::from_any(any).map_err(quern_types::Error::halt);
    let addresses = distribution::withdraw_addresses(cx)?;
    Ok(StakingGenesis {
        completions: cx
            .kv(MODULE)
            .prefix(keys::COMPLETIONS)
            .map(completion)
            .collect::<Result<_>>()?,
        withdraw_addresses: addresses
            .into_iter()
            .map(|(delegator, withdraw_address)| WithdrawAddress {
                delegator,
                withdraw_address,
            })
            .collect(),
        evidence: evidence::all(cx)?.iter().map(json).collect::<Result<_>>()?,
    })
}
