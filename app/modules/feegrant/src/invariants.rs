//! What holds of the allowances at every height.

use std::collections::BTreeSet;

use quern_context::Cx;
use quern_types::{Error, Result};

use crate::{MODULE, keys, state, wire};

/// The invariant of the queue: it holds each allowance that ends, at its end, and nothing else.
///
/// # Errors
/// What is broken.
pub fn check_queue(cx: &Cx) -> Result<()> {
    let kv = cx.kv_unmetered(MODULE);
    let places = kv.under(keys::QUEUE).prefix(&[]);
    let mut queued = places
        .map(|entry| Ok(entry?.0))
        .collect::<Result<BTreeSet<_>>>()?;
    for entry in kv.under(keys::ALLOWANCES).prefix(&[]) {
        let (pair, grant) = entry?;
        let grant = state::decode(&grant)?;
        let allowance = wire::read(&grant.allowance.unwrap_or_default())?;
        if let Some(end) = allowance.expiration()
            && !queued.remove(&[&end.sort_key()[..], &pair].concat())
        {
            return Err(Error::halt(format!(
                "the allowance of {} for {} ends and is not queued for it",
                grant.granter, grant.grantee
            )));
        }
    }
    match queued.len() {
        0 => Ok(()),
        more => Err(Error::halt(format!("{more} allowances are queued and not there"))),
    }
}
