//! Which keys were used, and their answers: bounded for each holder of an API key, so that nobody's use of keys costs
//! another anything.

use super::answer::{Answer, Reader};
use crate::paid::tickets::Ticket;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bytes of answers that are kept over all holders; each has an equal part.
const BYTES: usize = 256 << 20;
/// Keys that are remembered over all holders.
const MARKS: usize = 1 << 20;
/// Claims in a window for each key that is remembered.
const CLAIMS: usize = 4;
/// What an answer takes beside its bytes.
const OVERHEAD: usize = 2 << 10;

/// SHA-256 of a key, or of a request.
pub(super) type Digest = [u8; 32];

/// Where a key stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) holder: String,
    pub(super) key: Digest,
    pub(super) id: u64,
}

/// Why a key's answer cannot be given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gone {
    /// The router began again since.
    Restart,
    /// It was too long to be kept, or had to make room.
    Room,
    /// It never came, and a host was paid for it.
    Charged,
}

/// What becomes of a request with a key.
#[derive(Debug)]
pub(super) enum Claim {
    /// Nobody used the key: the request goes its way, and its answer into this one.
    First(Slot, Arc<Answer>, Reader),
    /// The answer to the same request.
    Again(Reader),
    /// The key came with another request.
    Other,
    /// It came with this one, whose answer is not here.
    Gone(Gone),
    /// It came with this one, which failed, while hosts that got it may be paid for it.
    Held(Slot, Arc<Ticket>),
    /// The holder used as many keys as are remembered; seconds until one is forgotten.
    Full(u64),
}

#[derive(Debug)]
enum State {
    Here(Arc<Answer>),
    Held(Arc<Ticket>),
    Gone(Gone),
}

#[derive(Debug)]
struct Mark {
    /// Of the claim.
    id: u64,
    /// Its place by age.
    serial: u64,
    request: Digest,
    since: Instant,
    /// What its answer was granted.
    bytes: usize,
    state: State,
}

/// One holder's keys.
#[derive(Debug, Default)]
struct Shelf {
    marks: HashMap<Digest, Mark>,
    /// By age.
    order: BTreeMap<u64, Digest>,
    /// Those whose answer is here.
    here: BTreeSet<u64>,
    next: u64,
    bytes: usize,
    /// Claims since when, also those that came to nothing: each is written to disk.
    claims: usize,
    counted_from: Option<Instant>,
}

/// Every holder's keys.
#[derive(Debug)]
pub(super) struct Shelves {
    window: Duration,
    /// Of each holder.
    most_bytes: usize,
    most_marks: usize,
    shelves: Mutex<BTreeMap<String, Shelf>>,
}

impl Shelf {
    fn add(&mut self, key: Digest, request: Digest, since: Instant, state: State) -> u64 {
        let serial = self.next;
        self.next = self.next.wrapping_add(1);
        self.order.insert(serial, key);
        if matches!(state, State::Here(_)) {
            self.here.insert(serial);
        }
        let mark = Mark {
            id: serial,
            serial,
            request,
            since,
            bytes: 0,
            state,
        };
        self.marks.insert(key, mark);
        serial
    }

    fn remove(&mut self, key: &Digest) {
        if let Some(mark) = self.marks.remove(key) {
            self.order.remove(&mark.serial);
            self.here.remove(&mark.serial);
            self.bytes = self.bytes.saturating_sub(mark.bytes);
        }
    }

    /// Forgets keys whose window is over, unless their answer still is in somebody's hands.
    fn expire(&mut self, window: Duration, now: Instant) {
        while let Some((serial, key)) = self.order.first_key_value().map(|(serial, key)| (*serial, *key)) {
            let Some(mark) = self.marks.get_mut(&key) else {
                self.order.remove(&serial);
                continue;
            };
            if now.saturating_duration_since(mark.since) < window {
                break;
            }
            if matches!(&mark.state, State::Here(answer) if !answer.is_idle()) {
                let later = self.next;
                self.next = self.next.wrapping_add(1);
                (mark.since, mark.serial) = (now, later);
                self.order.remove(&serial);
                self.here.remove(&serial);
                self.order.insert(later, key);
                self.here.insert(later);
            } else {
                self.remove(&key);
            }
        }
    }

    /// Lets go of the oldest answer that nobody reads; its key stays.
    fn make_room(&mut self) -> bool {
        let found = self.here.iter().find_map(|serial| {
            let key = self.order.get(serial)?;
            let mark = self.marks.get(key)?;
            let idle = matches!(&mark.state, State::Here(answer) if answer.is_idle());
            idle.then_some((*serial, *key))
        });
        let Some((serial, key)) = found else { return false };
        self.turn(&key, serial, State::Gone(Gone::Room));
        true
    }

    /// Lets go of an answer, if it is here; its key stays.
    fn turn(&mut self, key: &Digest, serial: u64, state: State) {
        self.here.remove(&serial);
        if let Some(mark) = self.marks.get_mut(key) {
            self.bytes = self.bytes.saturating_sub(mark.bytes);
            mark.bytes = 0;
            mark.state = state;
        }
    }

    fn grant(&mut self, key: &Digest, id: u64, bytes: usize, most: usize) -> bool {
        // Of what failed nothing is kept.
        let kept = |mark: &Mark| mark.id == id && matches!(mark.state, State::Here(_));
        if !self.marks.get(key).is_some_and(kept) {
            return false;
        }
        while self.bytes.saturating_add(bytes) > most {
            if !self.make_room() {
                return false;
            }
        }
        match self.marks.get_mut(key) {
            Some(mark) => {
                mark.bytes = mark.bytes.saturating_add(bytes);
                self.bytes = self.bytes.saturating_add(bytes);
                true
            }
            None => false,
        }
    }
}

impl Shelves {
    pub(super) fn new(window: Duration, holders: usize) -> Self {
        Self {
            window,
            most_bytes: BYTES / holders.max(8),
            most_marks: MARKS / holders.max(16),
            shelves: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Shelf>> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A key that was used `ago`, before a restart.
    pub(super) fn remember(&self, holder: String, key: Digest, request: Digest, ago: Duration, now: Instant) {
        let since = now.checked_sub(ago).unwrap_or(now);
        let mut shelves = self.lock();
        let shelf = shelves.entry(holder).or_default();
        shelf.add(key, request, since, State::Gone(Gone::Restart));
    }

    /// `weight` is what the request itself takes while it runs, see [`Shelves::shrink`].
    pub(super) fn claim(
        &self,
        holder: &str,
        (key, request): (Digest, Digest),
        weight: usize,
        now: Instant,
    ) -> Claim {
        let mut shelves = self.lock();
        let shelf = shelves.entry(holder.to_owned()).or_default();
        shelf.expire(self.window, now);
        if let Some(mark) = shelf.marks.get(&key) {
            return match &mark.state {
                _ if mark.request != request => Claim::Other,
                State::Here(answer) => answer.reader().map_or(Claim::Gone(Gone::Room), Claim::Again),
                State::Gone(why) => Claim::Gone(*why),
                State::Held(ticket) => {
                    let (holder, id) = (holder.to_owned(), mark.id);
                    Claim::Held(Slot { holder, key, id }, ticket.clone())
                }
            };
        }
        let answer = Answer::new();
        let reader = answer.reader();
        let (true, Some(reader)) = (shelf.marks.len() < self.most_marks, reader) else {
            return Claim::Full(self.until_next(shelf, now));
        };
        let counted_from = *shelf.counted_from.get_or_insert(now);
        let counted = now.saturating_duration_since(counted_from);
        if counted >= self.window {
            (shelf.claims, shelf.counted_from) = (0, Some(now));
        } else if shelf.claims >= self.most_marks.saturating_mul(CLAIMS) {
            return Claim::Full((self.window - counted).as_secs().max(1));
        }
        shelf.claims = shelf.claims.saturating_add(1);
        let id = shelf.add(key, request, now, State::Here(answer.clone()));
        if !shelf.grant(&key, id, OVERHEAD.saturating_add(weight), self.most_bytes) {
            shelf.remove(&key);
            return Claim::Full(1);
        }
        let holder = holder.to_owned();
        Claim::First(Slot { holder, key, id }, answer, reader)
    }

    fn until_next(&self, shelf: &Shelf, now: Instant) -> u64 {
        let oldest = shelf.order.values().next().and_then(|key| shelf.marks.get(key));
        let age = oldest.map_or(Duration::ZERO, |mark| now.saturating_duration_since(mark.since));
        self.window.saturating_sub(age).as_secs().max(1)
    }

    fn with<T>(&self, slot: &Slot, change: impl FnOnce(&mut Shelf) -> T) -> Option<T> {
        let mut shelves = self.lock();
        let shelf = shelves.get_mut(&slot.holder)?;
        Some(change(shelf))
    }

    /// Room for more of an answer. False if there is none, however much is let go.
    pub(super) fn grant(&self, slot: &Slot, bytes: usize) -> bool {
        let granted = self.with(slot, |shelf| {
            shelf.grant(&slot.key, slot.id, bytes, self.most_bytes)
        });
        granted.unwrap_or(false)
    }

    /// Gives back room.
    pub(super) fn shrink(&self, slot: &Slot, bytes: usize) {
        self.with(slot, |shelf| {
            let mark = shelf.marks.get_mut(&slot.key).filter(|mark| mark.id == slot.id);
            if let Some(mark) = mark {
                let bytes = bytes.min(mark.bytes);
                mark.bytes -= bytes;
                shelf.bytes = shelf.bytes.saturating_sub(bytes);
            }
        });
    }

    /// The request failed, and hosts may be paid for it: it is not run again before that is known.
    pub(super) fn hold(&self, slot: &Slot, ticket: Arc<Ticket>) {
        self.turn(slot, State::Held(ticket));
    }

    /// A host was paid for a request that failed.
    pub(super) fn charge(&self, slot: &Slot) {
        self.turn(slot, State::Gone(Gone::Charged));
    }

    fn turn(&self, slot: &Slot, state: State) {
        self.with(slot, |shelf| {
            let mark = shelf.marks.get(&slot.key).filter(|mark| mark.id == slot.id);
            if let Some(serial) = mark.map(|mark| mark.serial) {
                shelf.turn(&slot.key, serial, state);
            }
        });
    }

    /// The request came to nothing, so its key is as good as never used.
    pub(super) fn release(&self, slot: &Slot) {
        self.with(slot, |shelf| {
            if shelf.marks.get(&slot.key).is_some_and(|mark| mark.id == slot.id) {
                shelf.remove(&slot.key);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::answer::End;
    use super::*;

    const WINDOW: Duration = Duration::from_secs(60);

    fn shelves(most_bytes: usize, most_marks: usize) -> Shelves {
        Shelves {
            window: WINDOW,
            most_bytes,
            most_marks,
            shelves: Mutex::default(),
        }
    }

    fn first(claim: Claim) -> (Slot, Arc<Answer>, Reader) {
        match claim {
            Claim::First(slot, answer, reader) => (slot, answer, reader),
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn a_key_stands_for_one_request_of_one_holder_until_its_window_is_over() {
        let (shelves, now) = (shelves(1 << 20, 10), Instant::now());
        let (slot, answer, reader) = first(shelves.claim("ann", ([1; 32], [1; 32]), 0, now));
        assert!(matches!(
            shelves.claim("ann", ([1; 32], [1; 32]), 0, now),
            Claim::Again(_)
        ));
        assert!(matches!(
            shelves.claim("ann", ([1; 32], [2; 32]), 0, now),
            Claim::Other
        ));
        drop(first(shelves.claim("bob", ([1; 32], [2; 32]), 0, now)));
        // While it is in somebody's hands it does not expire.
        assert!(matches!(
            shelves.claim("ann", ([1; 32], [1; 32]), 0, now + 2 * WINDOW),
            Claim::Again(_)
        ));
        drop(reader);
        answer.end(End::Whole);
        assert!(matches!(
            shelves.claim("ann", ([1; 32], [1; 32]), 0, now + 5 * WINDOW / 2),
            Claim::Again(_)
        ));
        let later = now + 5 * WINDOW;
        let (again, ..) = first(shelves.claim("ann", ([1; 32], [1; 32]), 0, later));
        assert_ne!(again, slot);
        shelves.release(&again);
        drop(first(shelves.claim("ann", ([1; 32], [2; 32]), 0, later)));
    }

    #[test]
    fn answers_make_room_for_newer_ones_and_their_keys_stay_used() {
        let (shelves, now) = (shelves(10 * OVERHEAD, 100), Instant::now());
        let (slot, answer, reader) = first(shelves.claim("ann", ([1; 32], [1; 32]), 0, now));
        assert!(shelves.grant(&slot, 6 * OVERHEAD));
        let (other, _answer, _reader) = first(shelves.claim("ann", ([2; 32], [2; 32]), 0, now));
        // Nothing is taken from who still reads.
        assert!(!shelves.grant(&other, 5 * OVERHEAD));
        drop(reader);
        answer.end(End::Whole);
        assert!(shelves.grant(&other, 5 * OVERHEAD));
        assert!(matches!(
            shelves.claim("ann", ([1; 32], [1; 32]), 0, now),
            Claim::Gone(Gone::Room)
        ));
        assert!(matches!(
            shelves.claim("ann", ([1; 32], [3; 32]), 0, now),
            Claim::Other
        ));
        // Another holder's room is another's.
        let (bob, ..) = first(shelves.claim("bob", ([1; 32], [1; 32]), 0, now));
        assert!(shelves.grant(&bob, 9 * OVERHEAD) && !shelves.grant(&bob, 1));
        let held = || shelves.lock()["ann"].bytes;
        assert_eq!(held(), 6 * OVERHEAD);
        // A request that runs takes room, too.
        let weighs = |key: u8, weight| shelves.claim("ann", ([key; 32], [key; 32]), weight, now);
        assert!(matches!(weighs(8, 4 * OVERHEAD), Claim::Full(1)));
        let (slot, ..) = first(weighs(8, 3 * OVERHEAD));
        assert_eq!(held(), 10 * OVERHEAD);
        shelves.shrink(&slot, 3 * OVERHEAD);
        assert_eq!(held(), 7 * OVERHEAD);
    }

    #[test]
    fn keys_are_never_forgotten_to_make_room() {
        let (shelves, now) = (shelves(1 << 20, 3), Instant::now());
        for key in 0..3 {
            let (_, answer, reader) = first(shelves.claim("ann", ([key; 32], [key; 32]), 0, now));
            drop(reader);
            answer.end(End::Whole);
        }
        let at = now + Duration::from_secs(20);
        assert!(matches!(
            shelves.claim("ann", ([9; 32], [9; 32]), 0, at),
            Claim::Full(40)
        ));
        assert!(matches!(
            shelves.claim("ann", ([0; 32], [0; 32]), 0, at),
            Claim::Again(_)
        ));
        drop(first(shelves.claim("bob", ([9; 32], [9; 32]), 0, at)));
        drop(first(shelves.claim("ann", ([9; 32], [9; 32]), 0, now + WINDOW)));
    }

    #[test]
    fn keys_that_are_freed_again_and_again_fill_no_disk() {
        let (shelves, now) = (shelves(1 << 20, 3), Instant::now());
        let claim = |at| shelves.claim("ann", ([1; 32], [1; 32]), 0, at);
        for _ in 0..3 * CLAIMS {
            let (slot, ..) = first(claim(now));
            shelves.release(&slot);
        }
        assert!(matches!(claim(now + WINDOW / 2), Claim::Full(30)));
        drop(first(claim(now + WINDOW)));
    }

    #[test]
    fn a_request_that_failed_keeps_its_key_and_no_room_while_it_is_held() {
        let (shelves, now) = (shelves(10 * OVERHEAD, 3), Instant::now());
        let claim = |request| shelves.claim("ann", ([1; 32], [request; 32]), OVERHEAD, now);
        let (slot, answer, reader) = first(claim(1));
        shelves.hold(&slot, Arc::default());
        assert_eq!(shelves.lock()["ann"].bytes, 0);
        assert!(!shelves.grant(&slot, 1));
        shelves.shrink(&slot, OVERHEAD);
        drop(reader);
        answer.end(End::Whole);
        assert!(matches!(claim(1), Claim::Held(held, _) if held == slot));
        assert!(matches!(claim(2), Claim::Other));
        shelves.charge(&slot);
        assert!(matches!(claim(1), Claim::Gone(Gone::Charged)));
        shelves.release(&slot);
        drop(first(claim(2)));
    }

    #[test]
    fn what_was_used_before_a_restart_is_refused_for_the_rest_of_its_window() {
        let (shelves, now) = (shelves(1 << 20, 3), Instant::now() + WINDOW);
        shelves.remember("ann".into(), [1; 32], [1; 32], WINDOW / 2, now);
        let gone = Claim::Gone(Gone::Restart);
        let claim = shelves.claim("ann", ([1; 32], [1; 32]), 0, now);
        assert_eq!(format!("{claim:?}"), format!("{gone:?}"));
        drop(first(shelves.claim("ann", ([1; 32], [1; 32]), 0, now + WINDOW)));
    }
}
