//! Genesis import and export.

use quern_context::Cx;
use quern_genesis::{AuthzGenesis, GrantAuthorization};
use quern_proto::{json, time};
use quern_types::{Error, Result, errors};

use crate::{MODULE, authorization, keys, state};

/// Writes the grants of genesis, less those that have ended.
///
/// # Errors
/// `sdk/18` for what is no authorization or no time.
pub fn init_genesis(cx: &Cx, genesis: &AuthzGenesis) -> Result<()> {
    let bad = |e: String| errors::INVALID_REQUEST.wrap(e);
    for entry in &genesis.authorization {
        let end = match &entry.expiration {
            None => None,
            Some(text) => {
                let wire: prost_types::Timestamp = text
                    .parse()
                    .map_err(|_| bad(format!("no RFC 3339 time: {text:.40}")))?;
                Some(time::from_wire(&wire)?)
            }
        };
        if end.is_some_and(|end| end <= cx.block.time) {
            continue;
        }
        let any = json::to_any(&entry.authorization).map_err(bad)?;
        authorization::check_type(&any)?;
        let read = authorization::read(&any)?;
        read.validate()?;
        let ty = read.msg_type_url()?.to_owned();
        state::save(cx, &entry.granter, &entry.grantee, &ty, any, end)?;
    }
    Ok(())
}

/// Reads all grants out of the state, by granter and grantee.
///
/// # Errors
/// A halt.
pub fn export_genesis(cx: &Cx) -> Result<AuthzGenesis> {
    let corrupt = || Error::halt("corrupt key of a grant in state");
    let mut all = Vec::new();
    for entry in cx.kv_unmetered(MODULE).under(keys::GRANTS).prefix(&[]) {
        let (key, value) = entry?;
        let (granter, rest) = keys::take_address(&key).ok_or_else(corrupt)?;
        let (grantee, _) = keys::take_address(rest).ok_or_else(corrupt)?;
        let grant = state::decode(&value)?;
        all.push(GrantAuthorization {
            granter,
            grantee,
            authorization: json::from_any(&grant.authorization.unwrap_or_default()).map_err(Error::halt)?,
            expiration: grant.expiration.map(|end| end.to_string()),
        });
    }
    Ok(AuthzGenesis { authorization: all })
}
