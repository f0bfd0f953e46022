//! Stack for calls deep within calls.

use quern_types::{Error, Result};

/// Levels that run on the caller's own stack. Nearly all transactions stay within them.
const SHALLOW: u32 = 8;
/// Stack for the levels beyond, up to the deepest that is allowed. Only what is touched uses memory.
const DEEP_STACK_BYTES: usize = 64 << 20;

/// Runs `work` at call depth `depth`, on a stack of its own once the calls get deep, so that a
/// recursive contract ends at the limit of depth and not at the end of the native stack.
///
/// # Errors
/// Those of `work`; a halt if the thread cannot be started.
pub(crate) fn with_room<T: Send>(depth: u32, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    if depth != SHALLOW {
        return work();
    }
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("deep-contract-call".into())
            .stack_size(DEEP_STACK_BYTES)
            .spawn_scoped(scope, work)
            .map_err(|e| Error::halt(format!("cannot start a thread for a deep contract call: {e}")))?;
        match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
