//! Grants in the state.

use prost::Message;
use quern_context::Cx;
use quern_proto::{
    Any,
    cosmos::authz::v1beta1::{Grant, GrantQueueItem},
    time,
};
use quern_store::Order;
use quern_types::{AccAddress, Error, Result, Timestamp};

use crate::{INVALID_EXPIRATION_TIME, MODULE, NO_AUTHORIZATION_FOUND, NO_GRANT_KEY_FOUND, event, keys};

/// Gas of each look at an entry of the queue.
const GAS_PER_ENTRY: u64 = 20;

/// A grant of one type of message.
pub(crate) fn find(cx: &Cx, granter: &AccAddress, grantee: &AccAddress, ty: &str) -> Result<Option<Grant>> {
    cx.kv(MODULE)
        .get(&keys::grant(granter, grantee, ty))?
        .map(|bytes| decode(&bytes))
        .transpose()
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Grant> {
    Grant::decode(bytes).map_err(|e| Error::halt(format!("corrupt grant in state: {e}")))
}

/// When a grant ends, if ever.
pub(crate) fn expiration(grant: &Grant) -> Result<Option<Timestamp>> {
    let end = grant.expiration.as_ref().map(time::from_wire).transpose();
    end.map_err(|e| Error::halt(format!("corrupt grant in state: {e}")))
}

/// Writes a grant in place of an earlier one of the same type.
///
/// # Errors
/// `authz/3` for one that has ended.
pub(crate) fn save(
    cx: &Cx,
    granter: &AccAddress,
    grantee: &AccAddress,
    ty: &str,
    authorization: Any,
    end: Option<Timestamp>,
) -> Result<()> {
    let now = cx.block.time;
    if let Some(end) = end.filter(|end| *end <= now) {
        let seconds = |time: Timestamp| Timestamp { nanos: 0, ..time };
        return Err(INVALID_EXPIRATION_TIME.wrap(format!(
            "expiration must be after the current block time ({}), got {}",
            seconds(now),
            seconds(end)
        )));
    }
    let old = find(cx, granter, grantee, ty)?;
    let old_end = old.as_ref().map(expiration).transpose()?.flatten();
    if old_end != end {
        if let Some(old_end) = old_end {
            unqueue(cx, granter, grantee, ty, old_end)?;
        }
        if let Some(end) = end {
            let key = keys::queued(end, granter, grantee);
            let mut item = queue_item(cx, &key)?.unwrap_or_default();
            item.msg_type_urls.push(ty.to_owned());
            cx.kv(MODULE).set(&key, item.encode_to_vec())?;
        }
    }
    let grant = Grant {
        authorization: Some(authorization),
        expiration: end.map(time::to_wire).transpose()?,
    };
    cx.kv(MODULE)
        .set(&keys::grant(granter, grantee, ty), grant.encode_to_vec())?;
    cx.emit(event::grant(granter, grantee, ty));
    Ok(())
}

/// Replaces what a grant allows, not its end.
pub(crate) fn update(cx: &Cx, granter: &AccAddress, grantee: &AccAddress, ty: &str, new: Any) -> Result<()> {
    let mut grant = find(cx, granter, grantee, ty)?.ok_or_else(|| Error::from(&NO_AUTHORIZATION_FOUND))?;
    grant.authorization = Some(new);
    cx.kv(MODULE)
        .set(&keys::grant(granter, grantee, ty), grant.encode_to_vec())
}

/// Removes a grant.
///
/// # Errors
/// `authz/2` if there is none.
pub(crate) fn delete(cx: &Cx, granter: &AccAddress, grantee: &AccAddress, ty: &str) -> Result<()> {
    let key = keys::grant(granter, grantee, ty);
    let grant = find(cx, granter, grantee, ty)?.ok_or_else(|| {
        let shown = String::from_utf8_lossy(&key);
        NO_AUTHORIZATION_FOUND.wrap(format!("failed to delete grant with key {shown}"))
    })?;
    if let Some(end) = expiration(&grant)? {
        unqueue(cx, granter, grantee, ty, end)?;
    }
    cx.kv(MODULE).delete(&key)?;
    cx.emit(event::revoke(granter, grantee, ty));
    Ok(())
}

fn queue_item(cx: &Cx, key: &[u8]) -> Result<Option<GrantQueueItem>> {
    let bytes = cx.kv(MODULE).get(key)?;
    bytes.map(|bytes| decode_item(&bytes)).transpose()
}

pub(crate) fn decode_item(bytes: &[u8]) -> Result<GrantQueueItem> {
    GrantQueueItem::decode(bytes).map_err(|e| Error::halt(format!("corrupt queue of grants in state: {e}")))
}

fn unqueue(cx: &Cx, granter: &AccAddress, grantee: &AccAddress, ty: &str, end: Timestamp) -> Result<()> {
    let key = keys::queued(end, granter, grantee);
    let mut item = queue_item(cx, &key)?.ok_or_else(|| {
        NO_GRANT_KEY_FOUND.wrap("can't remove grant from the expire queue, grant key not found")
    })?;
    let mut at = None;
    for (i, url) in item.msg_type_urls.iter().enumerate() {
        cx.gas.consume(GAS_PER_ENTRY, "grant queue")?;
        if url == ty {
            at = Some(i);
            break;
        }
    }
    if let Some(at) = at {
        item.msg_type_urls.swap_remove(at);
        // the SDK keeps an empty entry; nothing reads it
        if item.msg_type_urls.is_empty() {
            cx.kv(MODULE).delete(&key)?;
        } else {
            cx.kv(MODULE).set(&key, item.encode_to_vec())?;
        }
    }
    Ok(())
}

/// Removes grants that have ended: at most `limit` entries of the queue.
///
/// # Errors
/// A halt.
pub fn prune(cx: &Cx, limit: usize) -> Result<()> {
    let kv = cx.kv(MODULE);
    let end = keys::queue_until(cx.block.time);
    let ended = kv
        .range(Some(keys::QUEUE), Some(&end), Order::Ascending)
        .take(limit)
        .collect::<Result<Vec<_>>>()?;
    for (key, value) in ended {
        kv.delete(&key)?;
        let pair = key
            .get(keys::QUEUE.len().saturating_add(keys::TIME_LEN)..)
            .ok_or_else(|| Error::halt("corrupt key in the queue of grants"))?;
        for ty in decode_item(&value)?.msg_type_urls {
            kv.delete(&[keys::GRANTS, pair, ty.as_bytes()].concat())?;
        }
    }
    Ok(())
}
