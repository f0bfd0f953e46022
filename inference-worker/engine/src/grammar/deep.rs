//! Work that may recurse deeply. What decides whether a constraint is taken is bounded before; a stack of known size,
//! the same in every process, keeps what is left from ending the process.

use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Bytes of stack; only what is used of it is ever backed by memory.
const STACK: usize = 64 << 20;
/// How many such threads there are at most; the others wait.
const AT_ONCE: usize = 2;

static RUNNING: Mutex<usize> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();

/// A place among those that run, until dropped.
struct Place;

impl Place {
    fn wait() -> Self {
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let running = ENDED.wait_while(running, |running| *running >= AT_ONCE);
        *running.unwrap_or_else(PoisonError::into_inner) += 1;
        Self
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        ENDED.notify_one();
    }
}

/// Runs work on a thread of its own; none if it panicked. Blocks.
pub(super) fn run<T: Send>(work: impl Fn() -> T + Sync) -> Option<T> {
    let _place = Place::wait();
    thread::scope(|scope| {
        loop {
            let builder = thread::Builder::new().name("grammar".into()).stack_size(STACK);
            match builder.spawn_scoped(scope, &work) {
                Ok(thread) => return thread.join().ok(),
                // A want of threads passes, and must not decide what is taken: host and auditor have to agree.
                Err(_) => thread::sleep(Duration::from_millis(50)),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn few_run_at_once_all_come_to_their_turn_and_a_panic_frees_its_place() {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let work = || {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(5));
            now.fetch_sub(1, Ordering::SeqCst);
            7
        };
        assert_eq!(run(|| -> u8 { std::panic::panic_any("for the test") }), None);
        thread::scope(|scope| {
            let all: Vec<_> = (0..12).map(|_| scope.spawn(|| run(work))).collect();
            assert!(all.into_iter().all(|one| one.join().unwrap() == Some(7)));
        });
        assert!(most.into_inner() <= AT_ONCE);
    }
}
