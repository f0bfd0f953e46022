//! What holds of the grants at every height.

use std::collections::BTreeSet;

use quern_context::Cx;
use quern_types::{Error, Result};

use crate::{MODULE, keys, state};

/// The invariant of the queue: it holds each grant that ends, at its end, and nothing else.
///
/// # Errors
/// What is broken.
pub fn check_queue(cx: &Cx) -> Result<()> {
    let kv = cx.kv_unmetered(MODULE);
    let mut queued = BTreeSet::new();
    for entry in kv.under(keys::QUEUE).prefix(&[]) {
        let (place, item) = entry?;
        for ty in state::decode_item(&item)?.msg_type_urls {
            if !queued.insert((place.clone(), ty.clone())) {
                return Err(Error::halt(format!("a grant of {ty} is queued twice")));
            }
        }
    }
    for entry in kv.under(keys::GRANTS).prefix(&[]) {
        let (key, grant) = entry?;
        let Some(end) = state::expiration(&state::decode(&grant)?)? else {
            continue;
        };
        let corrupt = || Error::halt("corrupt key of a grant in state");
        let (_, rest) = keys::take_address(&key).ok_or_else(corrupt)?;
        let (_, ty) = keys::take_address(rest).ok_or_else(corrupt)?;
        let pair = key.strip_suffix(ty).unwrap_or_default();
        let ty = String::from_utf8_lossy(ty).into_owned();
        if !queued.remove(&([&end.sort_key()[..], pair].concat(), ty.clone())) {
            return Err(Error::halt(format!(
                "a grant of {ty} that ends is not queued for it"
            )));
        }
    }
    match queued.first() {
        None => Ok(()),
        Some((_, ty)) => Err(Error::halt(format!("a grant of {ty} is queued and not there"))),
    }
}
