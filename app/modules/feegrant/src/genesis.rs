//! Genesis import and export.

use quern_context::Cx;
use quern_genesis::{FeeGrant, FeegrantGenesis};
use quern_proto::json;
use quern_types::{AccAddress, Error, Result, errors};

use crate::{MODULE, keys, state, wire};

/// Grants the allowances of genesis.
///
/// # Errors
/// Those of granting, and `sdk/18` for what is no allowance.
pub fn init_genesis(cx: &Cx, genesis: &FeegrantGenesis) -> Result<()> {
    for entry in &genesis.allowances {
        let any = json::to_any(&entry.allowance).map_err(|e| errors::INVALID_REQUEST.wrap(e))?;
        wire::check_type(&any)?;
        let allowance = wire::read(&any)?;
        allowance.validate()?;
        state::grant(cx, &entry.granter, &entry.grantee, &allowance)?;
    }
    Ok(())
}

/// Reads all allowances out of the state, by grantee and granter. One that has ended is left out: no genesis
/// takes it.
///
/// # Errors
/// A halt.
pub fn export_genesis(cx: &Cx) -> Result<FeegrantGenesis> {
    let mut allowances = Vec::new();
    for entry in cx.kv_unmetered(MODULE).prefix(keys::ALLOWANCES) {
        let grant = state::decode(&entry?.1)?;
        let any = grant.allowance.unwrap_or_default();
        if wire::read(&any)?
            .expiration()
            .is_some_and(|end| end < cx.block.time)
        {
            continue;
        }
        allowances.push(FeeGrant {
            granter: AccAddress::from_bech32(&grant.granter).map_err(Error::halt)?,
            grantee: AccAddress::from_bech32(&grant.grantee).map_err(Error::halt)?,
            allowance: json::from_any(&any).map_err(Error::halt)?,
        });
    }
    Ok(FeegrantGenesis { allowances })
}
