//! What a validator's description says that its host's record has no room for.

use prost::Message;
use quern_context::Cx;
use quern_proto::cosmos::staking::v1beta1::Description;
use quern_types::{AccAddress, Error, Result, errors};

use crate::{MODULE, keys};

/// What a client leaves of a description as it is.
pub(super) const KEEP: &str = "[do-not-modify]";
/// Most bytes of each text, as in the SDK.
const MONIKER: usize = 70;
const IDENTITY: usize = 3_000;
const WEBSITE: usize = 140;
const SECURITY_CONTACT: usize = 140;
const DETAILS: usize = 280;

/// Identity, security contact and details of a host; empty where it never said any.
pub(crate) fn get(cx: &Cx, host: &AccAddress) -> Result<Description> {
    match cx.kv(MODULE).get(&keys::description(host))? {
        Some(bytes) => Description::decode(bytes.as_slice()).map_err(Error::halt),
        None => Ok(Description::default()),
    }
}

/// Whether every text is as short as the SDK asks.
///
/// # Errors
/// `sdk/18` for one that is too long.
pub(super) fn check(said: &Description) -> Result<()> {
    for (name, text, max) in [
        ("moniker", &said.moniker, MONIKER),
        ("identity", &said.identity, IDENTITY),
        ("website", &said.website, WEBSITE),
        ("security contact", &said.security_contact, SECURITY_CONTACT),
        ("details", &said.details, DETAILS),
    ] {
        within(name, text, max)?;
    }
    Ok(())
}

/// Keeps identity, security contact and details of what is given.
///
/// # Errors
/// `sdk/18` for a text that is too long.
pub(crate) fn set(cx: &Cx, host: &AccAddress, said: &Description) -> Result<()> {
    let kept = Description {
        identity: within("identity", &said.identity, IDENTITY)?,
        security_contact: within("security contact", &said.security_contact, SECURITY_CONTACT)?,
        details: within("details", &said.details, DETAILS)?,
        ..Default::default()
    };
    let (kv, key) = (cx.kv(MODULE), keys::description(host));
    if kept == Description::default() {
        return kv.delete(&key);
    }
    kv.set(&key, kept.encode_to_vec())
}

/// Changes them as `MsgEditValidator` does: what is not marked to stay is replaced, by nothing too.
///
/// # Errors
/// As [`set`].
pub(super) fn update(cx: &Cx, host: &AccAddress, said: &Description) -> Result<()> {
    check(said)?;
    let mut kept = get(cx, host)?;
    for (old, new) in [
        (&mut kept.identity, &said.identity),
        (&mut kept.security_contact, &said.security_contact),
        (&mut kept.details, &said.details),
    ] {
        if new != KEEP {
            old.clone_from(new);
        }
    }
    set(cx, host, &kept)
}

/// All, for an export.
pub(crate) fn all(cx: &Cx) -> Result<Vec<(AccAddress, Description)>> {
    let entry = |entry: Result<(Vec<u8>, Vec<u8>)>| {
        let (key, said) = entry?;
        let host = key.get(keys::DESCRIPTIONS.len() + 1..).unwrap_or_default();
        let said = Description::decode(said.as_slice()).map_err(Error::halt)?;
        Ok((AccAddress::from_bytes(host)?, said))
    };
    cx.kv(MODULE).prefix(keys::DESCRIPTIONS).map(entry).collect()
}

fn within(name: &str, text: &str, max: usize) -> Result<String> {
    if text.len() > max {
        let said = format!("invalid {name} length; got: {}, max: {max}", text.len());
        return Err(errors::INVALID_REQUEST.wrap(said));
    }
    Ok(text.to_owned())
}
