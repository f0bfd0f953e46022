//! How each record changes the ledger. A record about something unknown, or told again, changes nothing.

use super::record::{Place, Record};
use super::{HostBook, KeyBook, Ledger, Open, Session, plus};
use quern_protocol::Amount;

impl Ledger {
    /// Applies a record that is, or is about to be, durable.
    pub(crate) fn apply(&mut self, record: Record) {
        match record {
            Record::Snapshot(all) => *self = *all,
            Record::Opened {
                session,
                payer,
                model,
            } => {
                let fresh = || Session::new(payer, model);
                self.sessions.entry(session).or_insert_with(fresh);
            }
            Record::Drawn { session, committee } => {
                if let Some(session) = self.sessions.get_mut(&session).filter(|s| s.beacon.is_none()) {
                    session.draw(committee);
                }
            }
            Record::Limits { session, limits } => {
                for (host, limit) in limits {
                    if let Some(book) = self.book(session, &host) {
                        book.limit = limit;
                    }
                }
            }
            Record::Nonces { session, below } => {
                if let Some(session) = self.sessions.get_mut(&session) {
                    session.reserved = session.reserved.max(below);
                }
            }
            Record::Cap { session, host, cap } => {
                if let Some(book) = self.book(session, &host) {
                    book.marked = book.marked.max(cap);
                }
            }
            Record::Key { key, up_to } => {
                let book = self.keys.entry(key).or_default();
                book.marked = book.marked.max(up_to);
            }
            Record::Open {
                place,
                authorised,
                request,
            } => {
                let (held, key) = (request.ceiling, request.key.clone());
                let open = Open {
                    request,
                    authorised,
                    held,
                    ended: false,
                    ending: false,
                    kept_again: false,
                };
                if let Some(session) = self.sessions.get_mut(&place.session) {
                    session.next = session.next.max(place.nonce.saturating_add(1));
                    session.reserved = session.reserved.max(session.next);
                }
                if let Some(book) = self.book(place.session, &place.host) {
                    book.open.insert(place.nonce, open);
                    let key = self.keys.entry(key).or_default();
                    key.held = plus(key.held, held);
                }
            }
            Record::Raised { place, authorised } => self.raised(&place, authorised),
            Record::Settled { place, capture } => self.resolve(&place, |book, _| {
                book.captured = plus(book.captured, capture);
                book.receipts += 1;
                (capture, capture)
            }),
            Record::Freed { place } => self.resolve(&place, |_, _| (Amount::ZERO, Amount::ZERO)),
            Record::Lapsed { place } => self.resolve(&place, |_, open| (open.authorised, Amount::ZERO)),
            Record::Ended { place } => self.end(&place),
            Record::Barred { host, reason } => drop(self.barred.entry(host).or_insert(reason)),
            Record::Moved { session, host } => {
                if let Some(book) = self.book(session, &host) {
                    book.moved = true;
                }
            }
            Record::Released {
                session,
                from,
                to,
                cumulative,
            } => {
                if let Some(session) = self.sessions.get_mut(&session) {
                    session.release(from, to, cumulative);
                }
            }
            Record::Voided { session } => {
                if let Some(session) = self.sessions.get_mut(&session) {
                    session.voids.clear();
                }
            }
            Record::Closing { session } => {
                if let Some(session) = self.sessions.get_mut(&session) {
                    session.closing = true;
                }
            }
            Record::Closed { session } => self.close(session),
            Record::Recovered => {
                self.sessions.values_mut().for_each(Session::recover);
                self.keys.values_mut().for_each(KeyBook::recover);
            }
            Record::Clean => self.clean(),
        }
    }

    fn book(&mut self, session: u64, host: &str) -> Option<&mut HostBook> {
        self.sessions.get_mut(&session)?.host_mut(host)
    }

    pub(super) fn open_mut(&mut self, place: &Place) -> Option<&mut Open> {
        self.book(place.session, &place.host)?.open.get_mut(&place.nonce)
    }

    /// Takes a request out: what it adds to what the host and what the key have spent.
    fn resolve(&mut self, place: &Place, outcome: impl Fn(&mut HostBook, &Open) -> (Amount, Amount)) {
        let Some(book) = self.book(place.session, &place.host) else {
            return;
        };
        let Some(open) = book.open.remove(&place.nonce) else {
            return;
        };
        let (host, key) = outcome(book, &open);
        book.spent = plus(book.spent, host);
        let spent = key;
        let holder = self.release(open);
        holder.spent = plus(holder.spent, spent);
    }

    /// Takes what a request holds from its key.
    fn release(&mut self, open: Open) -> &mut KeyBook {
        if open.kept_again {
            self.once(&open.request.key, open.held);
        }
        let holder = self.keys.entry(open.request.key).or_default();
        holder.held = holder.held.saturating_sub(open.held);
        holder
    }

    /// From here on nothing is added to a request: a crash that kept its end and lost a raise would count the raise
    /// twice, as lost and as captured.
    pub(super) fn ending(&mut self, place: &Place) {
        if let Some(open) = self.open_mut(place) {
            open.ending = true;
        }
    }

    fn raised(&mut self, place: &Place, authorised: Amount) {
        let Some(open) = self.open_mut(place) else { return };
        open.authorised = open.authorised.max(authorised);
        // A journal from before raises were refused while an end was on its way to the disk.
        let more = open.authorised.saturating_sub(open.held);
        open.held = plus(open.held, more);
        let holder = open.request.key.clone();
        let holder = self.keys.entry(holder).or_default();
        holder.held = plus(holder.held, more);
    }

    fn end(&mut self, place: &Place) {
        let Some(open) = self.open_mut(place).filter(|open| !open.ended) else {
            return;
        };
        open.ended = true;
        let released = open.held.saturating_sub(open.authorised);
        open.held = open.authorised;
        let holder = open.request.key.clone();
        let holder = self.keys.entry(holder).or_default();
        holder.held = holder.held.saturating_sub(released);
    }

    /// Forgets a session that is paid; what is still open in it can cost nothing any more.
    fn close(&mut self, id: u64) {
        let Some(session) = self.sessions.remove(&id) else {
            return;
        };
        for open in session.hosts.into_iter().flat_map(|host| host.open.into_values()) {
            self.release(open);
        }
    }

    /// Takes marks back to what was used.
    fn clean(&mut self) {
        for session in self.sessions.values_mut() {
            session.reserved = session.next;
            for host in &mut session.hosts {
                host.marked = host.cap();
            }
        }
        for key in self.keys.values_mut() {
            key.marked = key.exposure();
        }
    }
}
