//! Places in the queue.
//!
//! Whoever sends most cannot keep others out: when all places are taken, a request of somebody who has fewer gets the
//! place of the newest unpaid one of whoever has most. A paid request that was taken in keeps its place. The choices of
//! one request come in together or not at all.

use super::Ticket;
use super::share::Tenant;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Requests that wait for a slot, and how many may.
#[derive(Debug)]
pub(super) struct Queue {
    depth: usize,
    places: Mutex<Places>,
}

#[derive(Clone, Debug, Default)]
struct Places {
    /// Places that each tenant has; never 0.
    taken: BTreeMap<Tenant, usize>,
    /// Requests that still wait although their place was given to another; never 0.
    lost: BTreeMap<Tenant, usize>,
}

/// Counts one less. False if there was none.
fn take_one(counts: &mut BTreeMap<Tenant, usize>, tenant: Tenant) -> bool {
    let Some(count) = counts.get_mut(&tenant) else {
        return false;
    };
    *count -= 1;
    if *count == 0 {
        counts.remove(&tenant);
    }
    true
}

impl Places {
    /// Takes a place. False if there is none.
    fn enter(&mut self, tenant: Tenant, depth: usize) -> bool {
        if self.taken.values().sum::<usize>() >= depth {
            let own = self.taken.get(&tenant).copied().unwrap_or(0);
            let unpaid = self.taken.iter().filter(|(other, _)| other.is_unpaid());
            let most = unpaid.max_by_key(|(_, count)| **count);
            // With one more it would have no more than the other then has.
            let Some((most, _)) = most.filter(|(_, count)| **count > own + 1) else {
                return false;
            };
            let most = *most;
            take_one(&mut self.taken, most);
            *self.lost.entry(most).or_default() += 1;
        }
        *self.taken.entry(tenant).or_default() += 1;
        true
    }
}

impl Queue {
    pub(super) fn new(depth: usize) -> Self {
        let depth = depth.max(1);
        Self {
            depth,
            places: Mutex::default(),
        }
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes so many places, or none. False if there are not enough. Who wants more than there are gets them when nobody
    /// else waits.
    pub(super) fn enter(&self, tenant: Tenant, count: usize) -> bool {
        let mut places = self.places();
        let mut then = places.clone();
        let entered = (0..count.min(self.depth)).all(|_| then.enter(tenant, self.depth));
        if entered {
            if let Some(beyond) = count.checked_sub(self.depth) {
                *then.taken.entry(tenant).or_default() += beyond;
            }
            *places = then;
        }
        entered
    }

    /// A request waits no longer.
    pub(super) fn leave(&self, tenant: Tenant) {
        let places = &mut *self.places();
        // The place that was given away is made up for, so that no other of its tenant has to go.
        if !take_one(&mut places.lost, tenant) {
            take_one(&mut places.taken, tenant);
        }
    }

    /// Takes out the requests that lost their places, the newest of their tenants.
    pub(super) fn evict(&self, waiting: &mut VecDeque<Ticket>) -> Vec<Ticket> {
        let places = &mut *self.places();
        let mut evicted = Vec::new();
        for tenant in places.lost.keys().copied().collect::<Vec<_>>() {
            while let Some(index) = waiting.iter().rposition(|ticket| ticket.tenant() == tenant) {
                if !take_one(&mut places.lost, tenant) {
                    break;
                }
                evicted.extend(waiting.remove(index));
            }
        }
        evicted
    }
}
