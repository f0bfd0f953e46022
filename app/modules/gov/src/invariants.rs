//! What holds of the proposals at every height.

use std::collections::BTreeSet;

use quern_context::Cx;
use quern_types::{Error, Result};

use crate::{MODULE, keys, proposal};

/// The invariant of the queues: each proposal is in the one that its status says, at the end of its period, and nothing
/// else is; deposits and votes are on proposals that are there, or whose deposits are on their way.
///
/// # Errors
/// What is broken.
pub fn check_queues(cx: &Cx) -> Result<()> {
    let kv = cx.kv_unmetered(MODULE);
    let mut queued = BTreeSet::new();
    for queue in [keys::ACTIVE, keys::INACTIVE] {
        for entry in kv.prefix(queue) {
            queued.insert(entry?.0);
        }
    }
    let next = proposal::next_id(cx)?;
    let mut known = BTreeSet::new();
    for entry in kv.prefix(keys::PROPOSALS) {
        let found = proposal::decode(&entry?.1)?;
        known.insert(found.id);
        if found.id >= next {
            return Err(Error::halt(format!(
                "proposal {} is beyond the next, {next}",
                found.id
            )));
        }
        if let Some(place) = proposal::queue_key(&found)?
            && !queued.remove(&place)
        {
            return Err(Error::halt(format!(
                "proposal {} is not in the queue of its period",
                found.id
            )));
        }
    }
    if let Some(id) = queued.first().and_then(|place| keys::last_number(place)) {
        return Err(Error::halt(format!(
            "proposal {id} is in the queue of a period that it is not in"
        )));
    }
    for entry in kv.prefix(keys::PAYOUTS) {
        known.extend(keys::last_number(&entry?.0));
    }
    for (what, prefix) in [("deposit", keys::DEPOSITS), ("vote", keys::VOTES)] {
        for entry in kv.under(prefix).prefix(&[]) {
            let (key, _) = entry?;
            let id = key.first_chunk::<8>().map(|id| u64::from_be_bytes(*id));
            if id.is_none_or(|id| !known.contains(&id)) {
                return Err(Error::halt(format!("a {what} is on no proposal: {id:?}")));
            }
        }
    }
    Ok(())
}
