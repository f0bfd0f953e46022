//! Allowances in the state, and what is done with them.

use prost::Message;
use quern_context::Cx;
use quern_proto::cosmos::feegrant::v1beta1::Grant;
use quern_store::Order;
use quern_types::{AccAddress, Coins, Error, Result, errors};

use crate::{
    MODULE,
    allowance::{Allowance, Drawn},
    event, keys, wire,
};

/// The allowance of a pair in its wire form.
pub(crate) fn find(cx: &Cx, granter: &AccAddress, grantee: &AccAddress) -> Result<Option<Grant>> {
    cx.kv(MODULE)
        .get(&keys::allowance(granter, grantee))?
        .map(|bytes| decode(&bytes))
        .transpose()
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Grant> {
    Grant::decode(bytes).map_err(|e| Error::halt(format!("corrupt allowance in state: {e}")))
}

fn get(cx: &Cx, granter: &AccAddress, grantee: &AccAddress) -> Result<Allowance> {
    let grant = find(cx, granter, grantee)?.ok_or_else(|| errors::NOT_FOUND.wrap("fee-grant not found"))?;
    wire::read(&grant.allowance.unwrap_or_default())
}

fn set(cx: &Cx, granter: &AccAddress, grantee: &AccAddress, allowance: &Allowance) -> Result<()> {
    let grant = Grant {
        granter: granter.to_string(),
        grantee: grantee.to_string(),
        allowance: Some(wire::write(allowance)?),
    };
    cx.kv(MODULE)
        .set(&keys::allowance(granter, grantee), grant.encode_to_vec())
}

/// Grants an allowance; the grantee gets an account if it has none.
///
/// # Errors
/// `sdk/18` if there is one already or it has ended, `sdk/4` for a blocked grantee.
pub(crate) fn grant(
    cx: &Cx,
    granter: &AccAddress,
    grantee: &AccAddress,
    allowance: &Allowance,
) -> Result<()> {
    if find(cx, granter, grantee)?.is_some() {
        return Err(errors::INVALID_REQUEST.wrap("fee allowance already exists"));
    }
    if !quern_auth::has(cx, grantee)? {
        if quern_bank::is_blocked(grantee) {
            return Err(errors::UNAUTHORIZED.wrap(format!("{grantee} is not allowed to receive funds")));
        }
        quern_auth::create(cx, grantee)?;
    }
    if let Some(end) = allowance.expiration() {
        if end < cx.block.time {
            return Err(errors::INVALID_REQUEST.wrap("expiration is before current block time"));
        }
        cx.kv(MODULE).set(&keys::queued(end, granter, grantee), [])?;
    }
    set(cx, granter, grantee, allowance)?;
    cx.emit(event::of_pair(event::SET, granter, grantee));
    Ok(())
}

/// Takes an allowance back. Unlike the SDK, which looks for it under the wrong key, this also takes it out of
/// the queue, so that a later allowance of the same pair does not end with the earlier one.
///
/// # Errors
/// `sdk/38` if there is none.
pub(crate) fn revoke(cx: &Cx, granter: &AccAddress, grantee: &AccAddress) -> Result<()> {
    let allowance = get(cx, granter, grantee)?;
    let kv = cx.kv(MODULE);
    kv.delete(&keys::allowance(granter, grantee))?;
    if let Some(end) = allowance.expiration() {
        kv.delete(&keys::queued(end, granter, grantee))?;
    }
    cx.emit(event::of_pair(event::REVOKE, granter, grantee));
    Ok(())
}

/// Draws a fee from what `granter` allows `grantee`, for a transaction with messages of these types.
///
/// # Errors
/// `sdk/38` without an allowance, `feegrant/2` too little, `feegrant/3` ended, `feegrant/7` another message.
pub fn use_granted_fees(
    cx: &Cx,
    granter: &AccAddress,
    grantee: &AccAddress,
    fee: &Coins,
    types: &[&str],
) -> Result<()> {
    let mut allowance = get(cx, granter, grantee)?;
    // An allowance that has ended stays until the queue comes to it: a refused transaction writes nothing.
    match allowance.draw(cx, fee, types)? {
        Drawn::UsedUp => {
            revoke(cx, granter, grantee)?;
            cx.emit(event::of_pair(event::USE, granter, grantee));
        }
        Drawn::Left => {
            cx.emit(event::of_pair(event::USE, granter, grantee));
            set(cx, granter, grantee, &allowance)?;
            cx.emit(event::of_pair(event::UPDATE, granter, grantee));
        }
    }
    Ok(())
}

/// Removes at most `limit` allowances that have ended.
///
/// # Errors
/// `sdk/11` out of gas, or a halt.
pub fn prune(cx: &Cx, limit: usize) -> Result<()> {
    let kv = cx.kv(MODULE);
    let end = keys::queue_until(cx.block.time);
    let ended = kv
        .range(Some(keys::QUEUE), Some(&end), Order::Ascending)
        .take(limit)
        .collect::<Result<Vec<_>>>()?;
    for (key, _) in ended {
        kv.delete(&key)?;
        let pair = key
            .get(keys::QUEUE.len().saturating_add(keys::TIME_LEN)..)
            .ok_or_else(|| Error::halt("corrupt key in the queue of allowances"))?;
        kv.delete(&[keys::ALLOWANCES, pair].concat())?;
    }
    Ok(())
}
