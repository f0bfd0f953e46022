//! What became of a request at the hosts that got it, for as long as somebody asks: a request with an idempotency key is
//! not run again while a host may still be paid for it.

use crate::ledger::Place;
use quern_protocol::Amount;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Places that are remembered before those that nobody asks about any more are cleared away.
const FEW: usize = 1_024;

/// How a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// No host was or can be paid for it.
    Free,
    /// A host may still be paid for it.
    Open,
    /// It was paid for.
    Charged,
}

/// What a host that got a request did with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    /// Nobody knows.
    None,
    /// It said that it would not serve it, without a signature.
    Denied,
    /// It was paid.
    Paid,
}

/// One request's hosts, without those that are known to get nothing.
#[derive(Debug, Default)]
pub(crate) struct Ticket(Mutex<BTreeMap<Place, Word>>);

impl Ticket {
    fn places(&self) -> MutexGuard<'_, BTreeMap<Place, Word>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn standing(&self) -> Standing {
        let places = self.places();
        if places.values().any(|word| *word == Word::Paid) {
            Standing::Charged
        } else if places.is_empty() {
            Standing::Free
        } else {
            Standing::Open
        }
    }

    /// Where it is open.
    fn open(&self) -> Vec<Place> {
        let places = self.places();
        let open = places.iter().filter(|(_, word)| **word != Word::Paid);
        open.map(|(place, _)| place.clone()).collect()
    }
}

tokio::task_local! {
    /// Of the request that the task runs, if somebody asks.
    static TICKET: Arc<Ticket>;
}

/// Runs a request, and has noted on the ticket which hosts get it.
pub(crate) async fn noting<T>(ticket: Arc<Ticket>, run: impl Future<Output = T>) -> T {
    TICKET.scope(ticket, run).await
}

/// The same, if there is one.
pub(super) async fn noting_if<T>(ticket: Option<Arc<Ticket>>, run: impl Future<Output = T>) -> T {
    match ticket {
        Some(ticket) => noting(ticket, run).await,
        None => run.await,
    }
}

/// The ticket of the request that the task runs, for what goes on in another task.
pub(super) fn current() -> Option<Arc<Ticket>> {
    TICKET.try_with(Arc::clone).ok()
}

/// The tickets that are out.
#[derive(Debug, Default)]
pub(crate) struct Tickets(Mutex<Index>);

#[derive(Debug, Default)]
struct Index {
    by_place: HashMap<Place, Weak<Ticket>>,
    /// Places at which to clear away.
    most: usize,
}

impl Tickets {
    fn index(&self) -> MutexGuard<'_, Index> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, place: &Place, change: impl FnOnce(&mut BTreeMap<Place, Word>)) {
        let ticket = self.index().by_place.get(place).and_then(Weak::upgrade);
        if let Some(ticket) = ticket {
            change(&mut ticket.places());
        }
    }

    /// A host is about to get the request that this task runs.
    pub(super) fn hand(&self, place: &Place) {
        let _ = TICKET.try_with(|ticket| {
            ticket.places().insert(place.clone(), Word::None);
            let mut index = self.index();
            if index.by_place.len() >= index.most {
                index.by_place.retain(|_, ticket| ticket.strong_count() > 0);
                index.most = FEW.max(2 * index.by_place.len());
            }
            index.by_place.insert(place.clone(), Arc::downgrade(ticket));
        });
    }

    /// Nothing was or will be paid to this host for it.
    pub(super) fn clear(&self, place: &Place) {
        self.change(place, |places| {
            places.retain(|other, word| other != place || *word == Word::Paid);
        });
    }

    /// This host says that it does not serve it, and does not sign that.
    pub(super) fn deny(&self, place: &Place) {
        self.change(place, |places| {
            if let Some(word) = places.get_mut(place).filter(|word| **word == Word::None) {
                *word = Word::Denied;
            }
        });
    }

    /// Whether another host must not get the request that this task runs, as this one may be serving it.
    pub(super) fn may_be_served(&self, place: &Place) -> bool {
        let served = |ticket: &Arc<Ticket>| {
            let word = ticket.places().get(place).copied();
            word.is_some_and(|word| word != Word::Denied)
        };
        TICKET.try_with(served).unwrap_or(false)
    }

    /// This host's receipt is in.
    pub(super) fn settle(&self, place: &Place, capture: Amount) {
        match capture.is_zero() {
            true => self.clear(place),
            false => self.change(place, |places| {
                places.insert(place.clone(), Word::Paid);
            }),
        }
    }

    /// How a request stands, once what is over without a word is cleared: `until` says for how many blocks a place is
    /// still open. With that number where it is open.
    pub(super) fn look(&self, ticket: &Ticket, until: impl Fn(&Place) -> Option<u64>) -> (Standing, u64) {
        let mut longest = 0;
        for place in ticket.open() {
            match until(&place) {
                Some(blocks) => longest = longest.max(blocks),
                None => self.clear(&place),
            }
        }
        (ticket.standing(), longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(nonce: u64) -> Place {
        let (session, host) = (1, "h".to_owned());
        Place { session, nonce, host }
    }

    #[tokio::test]
    async fn a_ticket_is_free_once_every_host_is_known_to_get_nothing_and_charged_once_one_was_paid() {
        let (tickets, ticket) = (Tickets::default(), Arc::<Ticket>::default());
        tickets.hand(&place(9));
        assert_eq!(ticket.standing(), Standing::Free, "of no concern");
        assert!(!tickets.may_be_served(&place(9)));
        let run = async {
            tickets.hand(&place(1));
            tickets.hand(&place(2));
            assert!(tickets.may_be_served(&place(1)) && !tickets.may_be_served(&place(3)));
            tickets.deny(&place(1));
            assert!(!tickets.may_be_served(&place(1)) && tickets.may_be_served(&place(2)));
        };
        noting(ticket.clone(), run).await;
        assert_eq!(ticket.standing(), Standing::Open);
        tickets.clear(&place(1));
        assert_eq!(tickets.look(&ticket, |_| Some(7)), (Standing::Open, 7));
        assert_eq!(tickets.look(&ticket, |_| None), (Standing::Free, 0));
        noting(ticket.clone(), async { tickets.hand(&place(3)) }).await;
        tickets.settle(&place(3), Amount::ZERO);
        assert_eq!(ticket.standing(), Standing::Free);
        noting(ticket.clone(), async { tickets.hand(&place(4)) }).await;
        tickets.settle(&place(4), Amount(1));
        tickets.deny(&place(4));
        tickets.clear(&place(4));
        assert_eq!(tickets.look(&ticket, |_| None), (Standing::Charged, 0));
    }

    #[tokio::test]
    async fn what_nobody_asks_about_is_not_remembered() {
        let tickets = Tickets::default();
        for nonce in 0..5 * FEW as u64 {
            noting(Arc::default(), async { tickets.hand(&place(nonce)) }).await;
        }
        assert!(tickets.index().by_place.len() <= FEW);
    }
}
