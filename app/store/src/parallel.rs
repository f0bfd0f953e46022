//! Ordered parallel map over scoped threads: the result does not depend on timing.

use crate::StoreError;
use std::thread;

/// Below this much work a thread costs more than it saves.
const WORTHWHILE: usize = 128;

/// Threads at most, so that other work of the node keeps a core.
const THREADS: usize = 4;

/// `items` mapped in order. `work` is how many units of work they hold in all.
pub(crate) fn map<T: Sync, R: Send>(
    items: &[T],
    work: usize,
    f: impl Fn(&T) -> R + Sync,
) -> Result<Vec<R>, StoreError> {
    let threads = thread::available_parallelism()
        .map_or(1, usize::from)
        .min(THREADS);
    if threads < 2 || work < WORTHWHILE || items.len() < 2 {
        return Ok(items.iter().map(f).collect());
    }
    let run = |chunk: &[T]| chunk.iter().map(&f).collect::<Vec<R>>();
    thread::scope(|scope| {
        let chunks = items.chunks(items.len().div_ceil(threads));
        let mut running = Vec::with_capacity(threads);
        for chunk in chunks {
            let spawned = thread::Builder::new().spawn_scoped(scope, || run(chunk));
            running.push(spawned.map_err(|error| StoreError::Io {
                action: "start a thread",
                reason: error.to_string(),
            })?);
        }
        let mut results = Vec::with_capacity(items.len());
        for thread in running {
            let result = thread.join();
            results.extend(result.map_err(|_| StoreError::Corrupt("a hashing thread panicked".into()))?);
        }
        Ok(results)
    })
}
