//! The plan of the next upgrade.

use prost::Message;
use quern_context::Cx;
pub use quern_proto::cosmos::upgrade::v1beta1::Plan;
use quern_types::{Error, Result, errors};

use crate::{MODULE, keys};

/// Most bytes of a plan's name: it is part of keys, of a folder's name and of a log line.
const MAX_NAME: usize = 128;

/// The plan, if there is one.
///
/// # Errors
/// `sdk/11` out of gas, or a halt.
pub fn current(cx: &Cx) -> Result<Option<Plan>> {
    let bytes = cx.kv(MODULE).get(keys::PLAN)?;
    bytes
        .map(|bytes| Plan::decode(bytes.as_slice()).map_err(Error::halt))
        .transpose()
}

/// What a node says that needs a plan's binary; Cosmovisor and operators look for this line.
pub fn needed(plan: &Plan) -> String {
    format!(
        "UPGRADE \"{}\" NEEDED at height: {}: {}",
        plan.name, plan.height, plan.info
    )
}

/// Sets the plan in place of an earlier one.
///
/// # Errors
/// `sdk/18` for a plan of no height, of the past, of a name that was used or of an unusable one.
pub fn schedule(cx: &Cx, plan: &Plan) -> Result<()> {
    check(plan)?;
    if height(plan) < cx.block.height {
        return Err(errors::INVALID_REQUEST.wrap("upgrade cannot happen in the past"));
    }
    if done(cx, &plan.name)?.is_some() {
        return Err(errors::INVALID_REQUEST.wrap(format!(
            "upgrade with name {} has already been completed",
            plan.name
        )));
    }
    cx.kv(MODULE).set(keys::PLAN, plan.encode_to_vec())
}

#[allow(deprecated)]
fn check(plan: &Plan) -> Result<()> {
    let bad = |text: &'static str| Err(errors::INVALID_REQUEST.wrap(text));
    if plan.name.is_empty() {
        return bad("name cannot be empty");
    }
    // Cosmovisor makes a folder of it
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.+".contains(&b);
    if plan.name.len() > MAX_NAME || !plan.name.bytes().all(plain) || plan.name.starts_with('.') {
        return bad("name must be at most 128 letters, digits and -_.+ and not begin with a dot");
    }
    if plan.height <= 0 {
        return bad("height must be greater than 0");
    }
    if plan.time.as_ref().is_some_and(|t| !is_zero(t)) {
        return bad("time-based upgrades have been deprecated in the SDK");
    }
    if plan.upgraded_client_state.is_some() {
        return bad("upgrade logic for IBC has been moved to the IBC module");
    }
    Ok(())
}

/// Go writes its zero time where there is none.
fn is_zero(time: &prost_types::Timestamp) -> bool {
    time.nanos == 0 && (time.seconds == 0 || time.seconds == quern_proto::time::ZERO.seconds)
}

pub(crate) fn height(plan: &Plan) -> u64 {
    u64::try_from(plan.height).unwrap_or(0)
}

/// Removes the plan.
pub(crate) fn clear(cx: &Cx) -> Result<()> {
    cx.kv(MODULE).delete(keys::PLAN)
}

/// The height at which an upgrade was made.
pub(crate) fn done(cx: &Cx, name: &str) -> Result<Option<u64>> {
    let bytes = cx.kv(MODULE).get(&keys::done(name))?;
    bytes
        .map(|bytes| keys::number(&bytes).ok_or_else(|| Error::halt("corrupt height of an upgrade in state")))
        .transpose()
}

/// Name of the last upgrade that was made.
pub(crate) fn last(cx: &Cx) -> Result<Option<String>> {
    let bytes = cx.kv(MODULE).get(keys::LAST)?;
    bytes
        .map(|bytes| String::from_utf8(bytes).map_err(Error::halt))
        .transpose()
}

/// Notes that an upgrade was made at a height.
pub(crate) fn set_done(cx: &Cx, name: &str, height: u64) -> Result<()> {
    let kv = cx.kv(MODULE);
    kv.set(&keys::done(name), height.to_be_bytes())?;
    kv.set(keys::LAST, name.as_bytes())
}
