//! Threads that share the tasks of one operation.
//!
//! An operation never waits for a thread that has not begun to help: on a busy machine it would wait for the system's
//! scheduler. A task that panics ends its operation, on whichever thread it ran.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};

/// How often a thread looks for the next operation before it sleeps: operations of one step follow each other closely.
const LOOKS: u32 = 2000;

static HELPERS: RwLock<Option<Arc<Helpers>>> = RwLock::new(None);

/// How many threads one operation may use, the caller's among them; 1 until this is called. Results do not depend
/// on it.
pub fn set_threads(threads: usize) {
    let helpers = (threads > 1).then(|| Helpers::start(threads - 1));
    let before = {
        let mut place = HELPERS.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *place, helpers)
    };
    if let Some(before) = before {
        before.end();
    }
}

/// Runs `task` for each of `0 .. tasks`, in no order.
///
/// # Panics
/// When a task does: what it was to write is not written.
pub(crate) fn each(tasks: usize, task: impl Fn(usize) + Sync) {
    let helpers = HELPERS.read().unwrap_or_else(PoisonError::into_inner).clone();
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= tasks {
                return;
            }
            task(index);
        }
    };
    match helpers.filter(|_| tasks > 1) {
        None => work(),
        Some(helpers) => helpers.share(&work),
    }
}

type Work<'a> = dyn Fn() + Sync + 'a;

/// An operation that helpers may join.
#[derive(Clone, Copy)]
struct Open(*const Work<'static>);
// SAFETY: what it points to is `Sync`, and outlives all who use it: see `Helpers::share`.
#[expect(unsafe_code, reason = "operations borrow from their caller")]
unsafe impl Send for Open {}

#[derive(Default)]
struct State {
    open: Option<Open>,
    /// Helpers that are at it.
    inside: usize,
    /// What a helper panicked with.
    panic: Option<Box<dyn Any + Send>>,
    over: bool,
}

#[derive(Default)]
struct Helpers {
    state: Mutex<State>,
    /// Counts operations, and the end.
    news: AtomicU64,
    wake: Condvar,
    left: Condvar,
}

impl Helpers {
    fn start(count: usize) -> Arc<Self> {
        let helpers = Arc::new(Self::default());
        for index in 0..count {
            let helpers = helpers.clone();
            let builder = std::thread::Builder::new().name(format!("kernel-{index}"));
            // With fewer threads than asked for it is slower, and no more than that.
            let _ = builder.spawn(move || helpers.run());
        }
        helpers
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        let mut state = self.state();
        state.over = true;
        self.news.fetch_add(1, Ordering::Release);
        drop(state);
        self.wake.notify_all();
    }

    /// Runs `work` on this thread and on every helper that joins before it is done here.
    fn share(&self, work: &Work<'_>) {
        /// Closes the operation and waits for the helpers that joined, however `work` ends.
        struct Close<'a>(&'a Helpers);
        impl Drop for Close<'_> {
            fn drop(&mut self) {
                let mut state = self.0.state();
                state.open = None;
                while state.inside > 0 {
                    state = self.0.left.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
        // SAFETY: helpers take the pointer from `open` and count themselves inside under one lock; `Close` empties
        // `open` and waits until none is inside before `work` goes out of scope.
        #[expect(unsafe_code, reason = "operations borrow from their caller")]
        let open = Open(unsafe { std::mem::transmute::<*const Work<'_>, *const Work<'static>>(work) });
        let mut state = self.state();
        if state.open.is_some() {
            // Another engine's operation is under way.
            drop(state);
            return work();
        }
        state.open = Some(open);
        self.news.fetch_add(1, Ordering::Release);
        state.panic = None;
        drop(state);
        let close = Close(self);
        self.wake.notify_all();
        work();
        drop(close);
        let panic = self.state().panic.take();
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }

    fn run(&self) {
        let mut seen = 0;
        loop {
            let mut looks = 0;
            while self.news.load(Ordering::Acquire) == seen && looks < LOOKS {
                looks += 1;
                std::hint::spin_loop();
            }
            let mut state = self.state();
            while self.news.load(Ordering::Acquire) == seen {
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            seen = self.news.load(Ordering::Acquire);
            if state.over {
                return;
            }
            let Some(Open(work)) = state.open else { continue };
            state.inside += 1;
            drop(state);
            // The thread lives on; whoever shares the work is told.
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                // SAFETY: `share` waits for those inside.
                #[expect(unsafe_code, reason = "operations borrow from their caller")]
                unsafe {
                    (*work)();
                }
            }));
            let mut state = self.state();
            state.panic = state.panic.take().or(outcome.err());
            state.inside -= 1;
            if state.inside == 0 {
                self.left.notify_all();
            }
        }
    }
}

/// A slice that several threads write, each at places of its own.
#[derive(Clone, Copy)]
pub(crate) struct Place(pub(crate) *mut f32);

impl Place {
    /// Writes a number.
    ///
    /// # Safety
    /// The slice has this place, and no other thread writes it.
    #[inline(always)]
    #[expect(unsafe_code, reason = "tasks write different parts of one slice")]
    pub(crate) unsafe fn put(&self, place: usize, number: f32) {
        // SAFETY: the caller's promise.
        unsafe { *self.0.add(place) = number };
    }
}

// SAFETY: only written through, at places that no two threads share.
#[expect(unsafe_code, reason = "tasks write different parts of one slice")]
unsafe impl Send for Place {}
// SAFETY: as above.
#[expect(unsafe_code, reason = "tasks write different parts of one slice")]
unsafe impl Sync for Place {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_runs_once_however_many_threads_there_are() {
        for threads in [1, 2, 5, 3] {
            set_threads(threads);
            for tasks in [0, 1, 2, 7, 100, 1000] {
                let ran: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                each(tasks, |index| {
                    ran[index].fetch_add(1, Ordering::Relaxed);
                });
                assert!(ran.iter().all(|count| count.load(Ordering::Relaxed) == 1));
            }
        }
        set_threads(1);
    }

    #[test]
    fn a_task_that_panics_on_another_thread_ends_its_operation_and_the_next_one_runs() {
        // Helpers of its own: other tests change those of the process.
        let helpers = Helpers::start(1);
        let caller = std::thread::current().id();
        for round in 0..3 {
            let helped = Mutex::new(0);
            let work = || {
                if std::thread::current().id() != caller {
                    *helped.lock().unwrap() += 1;
                    if round != 1 {
                        std::panic::panic_any("for the test");
                    }
                    return;
                }
                // Until the helper is at it.
                while *helped.lock().unwrap() == 0 {
                    std::thread::yield_now();
                }
            };
            let outcome = catch_unwind(AssertUnwindSafe(|| helpers.share(&work)));
            let panic = outcome
                .err()
                .and_then(|panic| panic.downcast_ref::<&str>().copied());
            assert_eq!(panic, (round != 1).then_some("for the test"), "round {round}");
        }
        helpers.end();
    }
}
