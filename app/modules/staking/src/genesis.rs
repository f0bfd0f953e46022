//! Genesis import and export.

use prost_types::Any;
use quern_context::Cx;
use quern_genesis::{Completion, HostDescription, StakingGenesis, WithdrawAddress};
use quern_proto::cosmos::staking::v1beta1::Description;
use quern_types::{Result, errors};

use crate::{MODULE, completion, distribution, evidence, keys, staking::description};

/// Writes what an exported genesis carries.
///
/// # Errors
/// `sdk/18` for evidence that is none or a description that is too long, or a halt.
pub fn init_genesis(cx: &Cx, genesis: &StakingGenesis) -> Result<()> {
    let kv = cx.kv_unmetered(MODULE);
    for due in &genesis.completions {
        kv.set(&keys::completion(due.height, &due.delegator, &due.host), vec![1])?;
    }
    for entry in &genesis.withdraw_addresses {
        distribution::set_withdraw_addr(cx, &entry.delegator, &entry.withdraw_address)?;
    }
    for entry in &genesis.descriptions {
        let said = Description {
            identity: entry.identity.clone(),
            security_contact: entry.security_contact.clone(),
            details: entry.details.clone(),
            ..Default::default()
        };
        description::set(cx, &entry.host, &said)?;
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
        descriptions: description::all(cx)?
            .into_iter()
            .map(|(host, said)| HostDescription {
                host,
                identity: said.identity,
                security_contact: said.security_contact,
                details: said.details,
            })
            .collect(),
        evidence: evidence::all(cx)?.iter().map(json).collect::<Result<_>>()?,
    })
}
