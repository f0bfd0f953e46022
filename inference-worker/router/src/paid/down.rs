//! Hosts that do not answer, by model: what is wrong with one model of a host keeps no request from its others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a host that did not answer is asked last.
const DOWN: Duration = Duration::from_secs(5);
/// A failure that says something about now.
const RECENT: Duration = Duration::from_secs(30);

/// A host that does not answer.
#[derive(Clone, Copy, Debug)]
struct Down {
    /// First failure since the last sign of life.
    since: Instant,
    /// Last one.
    last: Instant,
}

#[derive(Debug, Default)]
struct State {
    /// By host and model, since the last answer to such a request.
    failed: BTreeMap<(String, String), Down>,
    /// Hosts that answer no question at all, and when that was seen last.
    silent: BTreeMap<String, Instant>,
}

/// Hosts that failed requests.
#[derive(Debug, Default)]
pub(crate) struct Downs(Mutex<State>);

impl Downs {
    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A request to a model of a host failed.
    pub(crate) fn failed(&self, host: &str, model: &str) {
        let now = Instant::now();
        let down = Down {
            since: now,
            last: now,
        };
        let at = (host.to_owned(), model.to_owned());
        self.with(|state| state.failed.entry(at).or_insert(down).last = now);
    }

    /// A host answered a request to a model.
    pub(super) fn answered(&self, host: &str, model: &str) {
        self.with(|state| state.failed.remove(&(host.to_owned(), model.to_owned())));
        self.saw_life(host);
    }

    /// A host answers something, if not requests: it is not dead.
    pub(super) fn saw_life(&self, host: &str) {
        self.with(|state| {
            state.silent.remove(host);
            state.of(host, |down| down.since = Instant::now());
        });
    }

    /// A host answers nothing at all.
    pub(super) fn silent(&self, host: &str) {
        self.with(|state| {
            state.silent.insert(host.to_owned(), Instant::now());
            state.of(host, |down| down.last = Instant::now());
        });
    }

    /// Whether a request to a model of a host failed a moment ago, or whatever it was asked for.
    pub(crate) fn is(&self, host: &str, model: &str) -> bool {
        let at = (host.to_owned(), model.to_owned());
        self.with(|state| {
            let failed = state.failed.get(&at).map(|down| down.last);
            let seen = failed.max(state.silent.get(host).copied());
            seen.is_some_and(|seen| seen.elapsed() < DOWN)
        })
    }

    /// Hosts that failed and have answered no such request since.
    pub(super) fn hosts(&self) -> BTreeSet<String> {
        self.with(|state| state.failed.keys().map(|(host, _)| host.clone()).collect())
    }

    /// Forgets all other hosts.
    pub(super) fn keep(&self, hosts: &BTreeSet<String>) {
        self.with(|state| {
            state.failed.retain(|(host, _), _| hosts.contains(host));
            state.silent.retain(|host, _| hosts.contains(host));
        });
    }

    /// Hosts that failed a request, whatever it was for, and gave no sign of life for so long since.
    pub(crate) fn dead(&self, after: Duration) -> BTreeSet<String> {
        self.with(|state| {
            let failed = state.failed.iter();
            let dead =
                failed.filter(|(_, down)| down.since.elapsed() >= after && down.last.elapsed() < RECENT);
            dead.map(|((host, _), _)| host.clone()).collect()
        })
    }
}

impl State {
    fn of(&mut self, host: &str, change: impl Fn(&mut Down)) {
        let own = self.failed.iter_mut().filter(|((of, _), _)| of == host);
        own.for_each(|(_, down)| change(down));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_fails_with_one_model_is_asked_for_its_others_as_before() {
        let downs = Downs::default();
        downs.failed("mill", "broken");
        assert!(downs.is("mill", "broken") && !downs.is("mill", "well") && !downs.is("other", "broken"));
        // and answers to one do not hide that the other fails
        downs.answered("mill", "well");
        assert!(downs.is("mill", "broken"));
        downs.answered("mill", "broken");
        assert!(!downs.is("mill", "broken") && downs.hosts().is_empty());
    }

    #[test]
    fn a_host_is_dead_once_it_answers_nothing_for_a_while_whatever_it_was_asked_for() {
        let (downs, while_) = (Downs::default(), Duration::from_millis(60));
        downs.failed("mill", "a");
        downs.failed("mill", "b");
        downs.failed("well", "a");
        std::thread::sleep(while_);
        downs.silent("mill");
        downs.saw_life("well");
        assert_eq!(downs.dead(while_), BTreeSet::from(["mill".to_owned()]));
        assert_eq!(downs.hosts().len(), 2);
        assert!(downs.is("mill", "c") && !downs.is("well", "c"));
        // of those in no session any more nothing is remembered
        downs.keep(&BTreeSet::from(["mill".to_owned()]));
        assert_eq!(downs.hosts(), BTreeSet::from(["mill".to_owned()]));
        // an answer to one model shows that it lives
        downs.answered("mill", "a");
        assert!(downs.dead(while_).is_empty() && downs.is("mill", "b") && !downs.is("mill", "c"));
    }
}
