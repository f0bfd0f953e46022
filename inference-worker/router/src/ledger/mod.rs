//! The router's money: which vouchers may be signed, and what they may have cost.
//!
//! Pure state without clock, disk or network. Every change is a [`Record`]; the caller makes them durable in
//! order. Vouchers do not wait for that: caps, nonces and budgets are marked ahead in blocks, the marks are durable
//! before anything is signed under them, what is given back is used again only once that is durable, and after a crash
//! whatever a mark allowed and no record tells of counts as done. So a crash costs at most what was reserved, and
//! never lets anything be signed twice.

mod apply;
mod budget;
mod choose;
#[cfg(test)]
mod crash_tests;
mod host;
pub(crate) mod record;
mod session;
#[cfg(test)]
mod tests;

pub(crate) use budget::KeyBook;
#[cfg(test)]
pub(crate) use choose::Grant;
pub(crate) use choose::{Ask, Denied};
pub(crate) use host::{HostBook, Open};
pub(crate) use record::{Place, Record, Request};
pub(crate) use session::Session;

use quern_protocol::Amount;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A block of a host's limit is at most this part of it.
const CAP_BLOCKS: u128 = 32;
/// A block of a key's budget is at most this part of it.
const KEY_BLOCKS: u128 = 256;
/// Requests like the one at hand that a block is made for.
const BLOCK_REQUESTS: u128 = 64;
/// Nonces that are marked at once.
const NONCE_BLOCK: u64 = 256;
/// Blocks after a voucher's lapse until it is given up.
const LAPSE_MARGIN: u64 = 2;

/// Sum that stops at the largest number: all amounts are parts of one supply, far below it.
pub(crate) fn plus(a: Amount, b: Amount) -> Amount {
    Amount(a.0.saturating_add(b.0))
}

/// What is marked at once beyond need: enough for many requests of this `step`, so that few of them wait for the disk,
/// and not more than `most`, so that a crash costs little.
fn block(step: Amount, most: Amount) -> Amount {
    Amount(step.0.saturating_mul(BLOCK_REQUESTS)).min(most)
}

/// All sessions, budgets and hosts that are not trusted any more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ledger {
    pub(crate) sessions: BTreeMap<u64, Session>,
    pub(crate) keys: BTreeMap<String, KeyBook>,
    /// Host and reason.
    pub(crate) barred: BTreeMap<String, String>,
    /// By key, what is kept for answers that are to begin. It ends with the process and is in no record, as nothing is signed
    /// for it.
    #[serde(skip)]
    kept: BTreeMap<String, Amount>,
    /// By key, what vouchers hold of it that are free once that is durable, and whose part is kept again already.
    #[serde(skip)]
    twice: BTreeMap<String, Amount>,
    /// Records that are not handed over yet.
    #[serde(skip)]
    out: Vec<Record>,
}

impl Ledger {
    /// Records since the last call, in order.
    pub(crate) fn take_records(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.out)
    }

    /// Keeps a record for the journal and changes the ledger by it: at once, or when [`Ledger::durable`] is told,
    /// if the record [waits](Record::waits).
    pub(crate) fn commit(&mut self, record: Record) {
        if let Record::Ended { place } = &record {
            self.ending(place);
        }
        if !record.waits() {
            self.apply(record.clone());
        }
        self.out.push(record);
    }

    /// Records are durable, in the order in which they were handed over.
    pub(crate) fn durable(&mut self, records: Vec<Record>) {
        let waiting = records.into_iter().filter(Record::waits);
        waiting.for_each(|record| self.apply(record));
    }

    /// A request that is open.
    #[cfg(test)]
    pub(crate) fn open(&self, place: &Place) -> Option<&Open> {
        self.sessions
            .get(&place.session)?
            .host(&place.host)?
            .open
            .get(&place.nonce)
    }

    /// Raises what is authorised for a request to `to`, at most its ceiling, and returns the cap to sign.
    pub(crate) fn raise(&mut self, place: &Place, to: Amount) -> Result<Amount, Denied> {
        let session = self.sessions.get(&place.session).ok_or(Denied::Gone)?;
        let book = session.host(&place.host).ok_or(Denied::Gone)?;
        let open = book
            .open
            .get(&place.nonce)
            .filter(|open| !open.ended && !open.ending)
            .ok_or(Denied::Gone)?;
        let to = to.min(open.request.ceiling).max(open.authorised);
        let more = to.saturating_sub(open.authorised);
        let cap = plus(book.cap(), more);
        if cap > book.limit {
            return Err(Denied::Room);
        }
        if cap > book.marked {
            let mark = book.mark_for(cap, more).ok_or(Denied::Room)?;
            return Err(Denied::Marks(vec![Record::Cap {
                session: place.session,
                host: place.host.clone(),
                cap: mark,
            }]));
        }
        if !more.is_zero() {
            let place = place.clone();
            self.commit(Record::Raised {
                place,
                authorised: to,
            });
        }
        Ok(cap)
    }

    /// Marks that should be made before they are needed.
    pub(crate) fn marks_ahead(
        &self,
        place: &Place,
        request: &Request,
        authorised: Amount,
        budget: Amount,
    ) -> Vec<Record> {
        let mut marks = Vec::new();
        let session = place.session;
        if let Some(found) = self.sessions.get(&session) {
            if found.reserved.saturating_sub(found.next) < NONCE_BLOCK / 2 {
                let below = found.next.saturating_add(NONCE_BLOCK);
                marks.push(Record::Nonces { session, below });
            }
            let book = found.host(&place.host);
            if let Some(cap) = book.and_then(|book| book.mark_ahead(authorised)) {
                let host = place.host.clone();
                marks.push(Record::Cap { session, host, cap });
            }
        }
        let book = self.keys.get(&request.key);
        if let Some(up_to) = book.and_then(|book| book.mark_ahead(request.ceiling, budget)) {
            let key = request.key.clone();
            marks.push(Record::Key { key, up_to });
        }
        marks
    }

    /// Height up to which a request that is open may still be committed by its host; none if it is not open.
    pub(crate) fn open_until(&self, place: &Place) -> Option<u64> {
        let session = self.sessions.get(&place.session)?;
        let open = session.host(&place.host)?.open.get(&place.nonce)?;
        let last = open.request.height.saturating_add(session.lapse_blocks);
        Some(last.saturating_add(LAPSE_MARGIN))
    }

    /// Requests whose answer is over, that have no receipt, and that no host can commit any more at `height`.
    pub(crate) fn lapse(&mut self, height: u64) -> Vec<Place> {
        let lapsed: Vec<Place> = self
            .unresolved()
            .filter(|(place, _)| self.open_until(place).is_some_and(|last| height > last))
            .map(|(place, _)| place)
            .collect();
        for place in &lapsed {
            self.commit(Record::Lapsed { place: place.clone() });
        }
        lapsed
    }

    /// Requests whose answer is over and that have no receipt.
    pub(crate) fn unresolved(&self) -> impl Iterator<Item = (Place, &Open)> {
        self.sessions.iter().flat_map(|(session, found)| {
            found.hosts.iter().flat_map(|book| {
                let ended = book.open.iter().filter(|(_, open)| open.ended);
                ended.map(|(nonce, open)| {
                    let (session, nonce, host) = (*session, *nonce, book.host.clone());
                    (Place { session, nonce, host }, open)
                })
            })
        })
    }
}
