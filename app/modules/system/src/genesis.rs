//! Genesis import and export.

use quern_context::Cx;
use quern_genesis::{HookGas, SystemAddress, SystemGenesis};
use quern_types::Result;

use crate::{Params, params, params::set_params, state};

/// Writes parameters, epoch and the addresses that an exported genesis carries. Contracts that are still
/// to be made are [`crate::install()`]'s.
///
/// # Errors
/// A halt.
pub fn init_genesis(cx: &Cx, genesis: &SystemGenesis) -> Result<()> {
    let gas = &genesis.hook_gas;
    set_params(
        cx,
        &Params {
            epoch_blocks: genesis.epoch_blocks,
            max_validators: genesis.max_validators,
            end_block_gas: gas.end_block,
            end_epoch_gas: gas.end_epoch,
            misbehavior_gas: gas.misbehavior,
        },
    )?;
    state::set_epoch(cx, genesis.epoch)?;
    for known in &genesis.addresses {
        state::set_address(cx, &known.name, &known.address)?;
    }
    Ok(())
}

/// Reads them back. `None` on a chain without system contracts.
///
/// # Errors
/// A halt.
pub fn export_genesis(cx: &Cx) -> Result<Option<SystemGenesis>> {
    let params = params(cx)?;
    if params == Params::default() {
        return Ok(None);
    }
    let address = |(name, address)| SystemAddress { name, address };
    Ok(Some(SystemGenesis {
        epoch_blocks: params.epoch_blocks,
        max_validators: params.max_validators,
        hook_gas: HookGas {
            end_block: params.end_block_gas,
            end_epoch: params.end_epoch_gas,
            misbehavior: params.misbehavior_gas,
        },
        contracts: Vec::new(),
        gen_txs: Vec::new(),
        epoch: state::epoch(cx)?,
        addresses: state::contracts(cx)?.into_iter().map(address).collect(),
        validators: Vec::new(),
    }))
}
