//! Genesis import and export.

use quern_context::Cx;
use quern_genesis::{AppliedUpgrade, UpgradeGenesis};
use quern_proto::json;
use quern_types::{Error, Result, errors};

use crate::{MODULE, Plan, keys, plan};

/// Writes a plan and the upgrades that the chain before has made.
///
/// # Errors
/// `sdk/18` for a plan that cannot be.
pub fn init_genesis(cx: &Cx, genesis: &UpgradeGenesis) -> Result<()> {
    for applied in &genesis.applied {
        // which binary made them does not bind the chain that begins here
        cx.kv(MODULE)
            .set(&keys::done(&applied.name), applied.height.to_be_bytes())?;
    }
    if let Some(json) = &genesis.plan {
        let plan = json::to_message::<Plan>(json).map_err(|e| errors::INVALID_REQUEST.wrap(e))?;
        plan::schedule(cx, &plan)?;
    }
    Ok(())
}

/// Reads them back.
///
/// # Errors
/// A halt.
pub fn export_genesis(cx: &Cx) -> Result<UpgradeGenesis> {
    let mut genesis = UpgradeGenesis::default();
    if let Some(plan) = plan::current(cx)? {
        genesis.plan = Some(json::from_message(&plan).map_err(Error::halt)?);
    }
    for entry in cx.kv_unmetered(MODULE).under(keys::DONE).prefix(&[]) {
        let (name, height) = entry?;
        genesis.applied.push(AppliedUpgrade {
            name: String::from_utf8(name).map_err(Error::halt)?,
            height: keys::number(&height).ok_or_else(|| Error::halt("corrupt height of an upgrade"))?,
        });
    }
    Ok(genesis)
}
