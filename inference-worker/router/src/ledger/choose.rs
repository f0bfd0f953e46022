//! Which session, nonce and host a request gets.

use super::record::{Place, Record, Request};
use super::{KeyBook, Ledger, NONCE_BLOCK, Session, plus};
use quern_protocol::{Amount, Coefficients, Price};

/// A request that looks for a host.
pub(crate) struct Ask<'a> {
    pub(crate) chain_id: &'a str,
    /// Account whose sessions pay.
    pub(crate) payer: &'a str,
    pub(crate) model: &'a str,
    /// What the ceiling was computed with.
    pub(crate) coefficients: &'a Coefficients,
    /// Budget of the key.
    pub(crate) budget: Amount,
    /// What of it is kept for this request; it is kept no longer once the request is open.
    pub(crate) kept: Amount,
    /// What the first voucher authorises.
    pub(crate) authorised: Amount,
    /// Blocks that a session must have left.
    pub(crate) margin: u64,
    /// Session and nonce of an earlier attempt.
    pub(crate) again: Option<(u64, u64)>,
    /// Hosts that are not asked (again).
    pub(crate) skip: &'a dyn Fn(&str) -> bool,
}

/// A voucher that may be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) place: Place,
    pub(crate) cap: Amount,
    /// Hosts earlier in rank without room.
    pub(crate) passed: Vec<String>,
}

/// Why no voucher may be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// These, and all before them, must be durable and applied first; then it is to be tried again.
    Marks(Vec<Record>),
    /// The key's budget does not cover the ceiling.
    Quota { left: Amount },
    /// The payer has no session that serves the model now.
    NoSession,
    /// The price is above every session's highest.
    Price { highest: Price },
    /// No host has room.
    Room,
    /// None is left to ask.
    NoHost,
    /// The request is over.
    Gone,
}

impl Ledger {
    /// Chooses by the public rule and opens the request in the ledger.
    pub(crate) fn grant(&mut self, ask: &Ask<'_>, request: &Request) -> Result<Grant, Denied> {
        let key = self.keys.get(&request.key).cloned().unwrap_or_default();
        let left = self.left(&request.key, ask.budget, ask.kept);
        if left < request.ceiling {
            return Err(Denied::Quota { left });
        }
        // What is given back is used again only once that is durable.
        if ask.budget < plus(key.exposure(), request.ceiling) {
            return Err(Denied::Marks(Vec::new()));
        }
        let authorised = ask.authorised.min(request.ceiling);
        let ids = self.candidates(ask, request.height, request.price)?;
        let mut denied = Denied::NoHost;
        for id in ids {
            let (nonce, index, passed) = match self.place(ask, id, request.ceiling) {
                Ok(found) => found,
                Err(Denied::Room) => {
                    denied = Denied::Room;
                    continue;
                }
                Err(_) => continue,
            };
            let marks = self.marks_needed(ask, id, nonce, index, &key, request);
            if !marks.is_empty() {
                return Err(Denied::Marks(marks));
            }
            let Some(host) = self.sessions.get(&id).and_then(|s| s.hosts.get(index)) else {
                continue;
            };
            let (host, cap) = (host.host.clone(), plus(host.cap(), authorised));
            let place = Place {
                session: id,
                nonce,
                host,
            };
            self.give_back(&request.key, ask.kept);
            self.commit(Record::Open {
                place: place.clone(),
                authorised,
                request: request.clone(),
            });
            return Ok(Grant { place, cap, passed });
        }
        Err(denied)
    }

    /// Sessions to try, the oldest first.
    fn candidates(&self, ask: &Ask<'_>, height: u64, price: Price) -> Result<Vec<u64>, Denied> {
        if let Some((id, _)) = ask.again {
            return Ok(vec![id]);
        }
        let serves = |session: &Session| {
            let right = session.payer == ask.payer && session.model == ask.model;
            right && session.coefficients == *ask.coefficients && session.serves(height, ask.margin)
        };
        let serving: Vec<_> = self.sessions.iter().filter(|(_, s)| serves(s)).collect();
        let highest = serving.iter().map(|(_, session)| session.max_price).max();
        match highest {
            None => Err(Denied::NoSession),
            Some(highest) if highest < price => Err(Denied::Price { highest }),
            Some(_) => {
                let affordable = serving.into_iter().filter(|(_, s)| s.max_price >= price);
                Ok(affordable.map(|(id, _)| *id).collect())
            }
        }
    }

    /// Nonce, host and those passed over in one session.
    fn place(&self, ask: &Ask<'_>, id: u64, ceiling: Amount) -> Result<(u64, usize, Vec<String>), Denied> {
        let session = self.sessions.get(&id).ok_or(Denied::Gone)?;
        let nonce = ask.again.map_or(session.next, |(_, nonce)| nonce);
        let mut passed = Vec::new();
        for index in session.order(ask.chain_id, id, nonce) {
            let book = session.hosts.get(index).ok_or(Denied::Gone)?;
            if self.barred.contains_key(&book.host)
                || book.open.contains_key(&nonce)
                || (ask.skip)(&book.host)
            {
                continue;
            }
            if book.room() >= ceiling {
                return Ok((nonce, index, passed));
            }
            passed.push(book.host.clone());
        }
        Err(match passed.is_empty() {
            true => Denied::NoHost,
            false => Denied::Room,
        })
    }

    fn marks_needed(
        &self,
        ask: &Ask<'_>,
        id: u64,
        nonce: u64,
        index: usize,
        key: &KeyBook,
        request: &Request,
    ) -> Vec<Record> {
        let mut marks = Vec::new();
        let Some(session) = self.sessions.get(&id) else {
            return marks;
        };
        if nonce >= session.reserved {
            let below = nonce.saturating_add(NONCE_BLOCK);
            marks.push(Record::Nonces { session: id, below });
        }
        if let Some(book) = session.hosts.get(index) {
            let authorised = ask.authorised.min(request.ceiling);
            let cap = plus(book.cap(), authorised);
            if let Some(mark) = book.mark_for(cap, authorised).filter(|_| cap > book.marked) {
                let host = book.host.clone();
                marks.push(Record::Cap {
                    session: id,
                    host,
                    cap: mark,
                });
            }
        }
        let exposure = plus(key.exposure(), request.ceiling);
        if exposure > key.marked {
            let up_to = KeyBook::mark_for(exposure, request.ceiling, ask.budget);
            let key = request.key.clone();
            marks.push(Record::Key { key, up_to });
        }
        marks
    }
}
