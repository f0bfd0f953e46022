//! A host: what it keeps, what it signs, when it stops.

use std::collections::BTreeMap;

use crate::chain::Chain;
use crate::message::{Message, Release, Tx, Voucher};
use crate::sign::{Key, Signed, Signer};
use crate::{cost, HostId, BATCH, FRESH, LAPSE, SLICE};

/// A request in the journal.
#[derive(Clone, Debug)]
pub struct Request {
    voucher: Voucher,
    /// Tokens that the journal knows of.
    durable: u64,
    /// What it takes, once finished.
    pub capture: Option<u128>,
    /// Batch that holds its receipt.
    batch: Option<u64>,
    /// Dropped: its time to be committed ran out.
    pub lapsed: bool,
}

/// What survives a crash.
#[derive(Debug, Default)]
pub struct Journal {
    /// The voucher with the highest cap.
    pub best: Option<Signed<Voucher>>,
    /// Requests by nonce.
    pub requests: BTreeMap<u64, Request>,
    /// Releases signed, by receiver.
    released: BTreeMap<HostId, u128>,
    /// The batch under way: sequence, cumulative, time-out.
    outbox: Option<(u64, u128, u64)>,
    /// Captures in committed batches.
    committed: u128,
}

/// A host.
#[derive(Debug)]
pub struct Host {
    id: HostId,
    key: Key,
    /// Durable.
    pub journal: Journal,
    /// Tokens produced of each open request: lost in a crash.
    open: BTreeMap<u64, u64>,
    /// Height of the last batch.
    last_batch: u64,
    /// Whether it produces one slice ahead of its authority.
    pub optimistic: bool,
    /// Follows the protocol.
    pub honest: bool,
    /// Down now.
    pub down: bool,
    /// Never comes back.
    pub gone: bool,
    /// Blocks that passed without it.
    pub missed_blocks: u64,
    /// Times that it fell down.
    pub crashes: u64,
    /// Tokens produced, ever: what only the model knows.
    pub served: u64,
}

impl Host {
    /// A host.
    pub(crate) fn new(id: HostId, honest: bool, optimistic: bool) -> Self {
        Self {
            id,
            key: Key::new(Signer::Host(id)),
            journal: Journal::default(),
            open: BTreeMap::new(),
            last_batch: 0,
            optimistic,
            honest,
            down: false,
            gone: false,
            missed_blocks: 0,
            crashes: 0,
            served: 0,
        }
    }

    /// Whether it acts.
    pub const fn up(&self) -> bool {
        !self.down && !self.gone
    }

    /// Captures of finished requests that count.
    pub fn captured(&self) -> u128 {
        let counting = self.journal.requests.values().filter(|r| !r.lapsed);
        counting.filter_map(|r| r.capture).sum()
    }

    fn cap(&self) -> u128 {
        self.journal.best.as_ref().map_or(0, |v| v.body().cap)
    }

    /// What the chain grants it, less what it gave away or may lose before it could prove it.
    fn available(&self, chain: &Chain) -> u128 {
        let Some(seat) = chain.ledger.seats.get(self.id) else {
            return 0;
        };
        let signed = self.journal.released.iter().map(|(to, cumulative)| {
            let moved = chain.ledger.moved(self.id, *to).0;
            cumulative.saturating_sub(moved)
        });
        let waiting = chain.ledger.pending.iter().filter(|p| p.from == self.id);
        let leaving = signed.sum::<u128>() + waiting.map(|p| p.amount.0).sum::<u128>();
        seat.limit.0.saturating_sub(leaving)
    }

    /// What it may take in all now. An optimistic host goes a slice ahead of its cap, which the next voucher
    /// should raise; none goes ahead of its limit, which nothing has to.
    fn budget(&self, chain: &Chain) -> u128 {
        let ahead = if self.optimistic { cost(SLICE) } else { 0 };
        (self.cap() + ahead).min(self.available(chain))
    }

    /// What it takes if every open request ended now.
    fn exposed(&self) -> u128 {
        self.captured() + self.open.values().map(|tokens| cost(*tokens)).sum::<u128>()
    }

    /// Takes a voucher: a new request or a further slice.
    pub fn authority(&mut self, voucher: Signed<Voucher>, chain: &Chain) -> bool {
        let body = *voucher.body();
        let valid = voucher.signer() == Signer::Session && body.host == self.id;
        if !valid || body.height > chain.height || body.height > chain.closes_at {
            return false;
        }
        if let Some(request) = self.journal.requests.get(&body.nonce) {
            let same = Voucher {
                cap: body.cap,
                ..request.voucher
            };
            if same != body || request.capture.is_some() {
                return false;
            }
        } else {
            // a void voucher asks for nothing
            let fresh = body.height + FRESH >= chain.height && body.ceiling > 0;
            let room = body.cap.min(self.available(chain)) > self.exposed();
            if !fresh || !room {
                return false;
            }
            let request = Request {
                voucher: body,
                durable: 0,
                capture: None,
                batch: None,
                lapsed: false,
            };
            self.journal.requests.insert(body.nonce, request);
            self.open.insert(body.nonce, 0);
        }
        self.note_progress(body.nonce);
        if body.cap > self.cap() {
            self.journal.best = Some(voucher);
        }
        true
    }

    /// Writes a request's progress into the journal: at every slice.
    fn note_progress(&mut self, nonce: u64) {
        let tokens = self.open.get(&nonce).copied().unwrap_or(0);
        if let Some(request) = self.journal.requests.get_mut(&nonce) {
            request.durable = tokens;
        }
    }

    /// Produces up to `tokens` of the `which`-th open request, as far as its authority reaches.
    pub fn serve(&mut self, which: usize, tokens: u64, chain: &Chain) -> Option<Message> {
        let count = self.open.len();
        let nonce = *self.open.keys().nth(which.checked_rem(count)?)?;
        let ceiling = self.journal.requests.get(&nonce)?.voucher.ceiling;
        let budget = self.budget(chain);
        let (exposed, produced) = (self.exposed(), self.open.get_mut(&nonce)?);
        let durable = self.journal.requests.get(&nonce)?.durable;
        let mut made = 0;
        while made < tokens
            && exposed + cost(made + 1) <= budget
            && cost(*produced + 1) <= ceiling
            && *produced < durable + SLICE
        {
            *produced += 1;
            made += 1;
        }
        self.served += made;
        let upto = *produced;
        if upto == durable + SLICE {
            self.note_progress(nonce);
        }
        Some(Message::Tokens {
            host: self.id,
            nonce,
            upto,
        })
    }

    /// Ends the `which`-th open request and writes its receipt.
    pub fn finish(&mut self, which: usize, chain: &Chain) -> Option<Message> {
        let nonce = *self.open.keys().nth(which.checked_rem(self.open.len())?)?;
        let tokens = self.open.remove(&nonce)?;
        self.receipt(nonce, tokens, chain)
    }

    fn receipt(&mut self, nonce: u64, tokens: u64, chain: &Chain) -> Option<Message> {
        // What was served ahead of an authority that never came is the host's loss. What was served under a
        // limit that is leaving can still be proven in time, so the limit of now counts.
        let limit = chain.ledger.seats.get(self.id)?.limit.0;
        let room = self.cap().min(limit).saturating_sub(self.captured());
        let capture = cost(tokens).min(room);
        let request = self.journal.requests.get_mut(&nonce)?;
        request.capture = Some(capture);
        Some(Message::Receipt {
            host: self.id,
            nonce,
            capture,
        })
    }

    /// Signs a release of what no voucher can claim.
    pub fn release(&mut self, to: HostId, amount: u128, chain: &Chain) -> Option<Signed<Release>> {
        let spare = self
            .available(chain)
            .saturating_sub(self.cap().max(self.exposed()));
        if to == self.id || amount == 0 || amount > spare {
            return None;
        }
        let moved = chain.ledger.moved(self.id, to).0;
        let signed = self.journal.released.entry(to).or_insert(0);
        *signed = (*signed).max(moved) + amount;
        let cumulative = *signed;
        Some(self.key.sign(Release {
            from: self.id,
            to,
            cumulative,
        }))
    }

    /// Signs any release: what a dishonest host does.
    pub fn sign_anything(&self, to: HostId, cumulative: u128) -> Signed<Release> {
        self.key.sign(Release {
            from: self.id,
            to,
            cumulative,
        })
    }

    /// Loses what is not in the journal.
    pub fn crash(&mut self) {
        self.down = true;
        self.crashes += 1;
        self.open.clear();
    }

    /// Comes back from the journal: open requests end with what it knows.
    pub fn recover(&mut self, chain: &Chain) -> Vec<Message> {
        self.down = false;
        let open: Vec<(u64, u64)> = self
            .journal
            .requests
            .iter()
            .filter(|(_, r)| r.capture.is_none())
            .map(|(nonce, r)| (*nonce, r.durable))
            .collect();
        open.into_iter()
            .filter_map(|(nonce, tokens)| self.receipt(nonce, tokens, chain))
            .collect()
    }

    /// What it does in every block without being asked: end what must be committed soon, commit, claim. As Δ
    /// exceeds the longest request and a batch, that also answers every rebalance in time.
    pub fn duties(&mut self, chain: &Chain) -> Vec<Message> {
        let mut out = Vec::new();
        let ending: Vec<u64> = self
            .open
            .keys()
            .copied()
            .filter(|nonce| {
                let voucher = self.journal.requests.get(nonce).map(|r| r.voucher.height);
                voucher.is_none_or(|height| height + LAPSE <= chain.height + BATCH + 1)
            })
            .collect();
        for nonce in ending {
            let tokens = self.open.remove(&nonce).unwrap_or(0);
            out.extend(self.receipt(nonce, tokens, chain));
        }
        self.look_at_outbox(chain);
        self.drop_lapsed(chain);
        let due = chain.height >= self.last_batch + BATCH || chain.height >= chain.closes_at;
        if due && self.journal.outbox.is_none() {
            self.make_batch(chain);
        }
        if let Some((sequence, cumulative, until)) = self.journal.outbox {
            out.push(Message::Tx(Tx::Commit {
                host: self.id,
                sequence,
                cumulative,
                until,
            }));
        }
        out.extend(self.claim(chain));
        out
    }

    fn look_at_outbox(&mut self, chain: &Chain) {
        let Some((sequence, cumulative, until)) = self.journal.outbox else {
            return;
        };
        if chain.last_sequence(self.id) >= sequence {
            self.journal.committed = cumulative;
            self.journal.outbox = None;
        } else if chain.height > until {
            // it can no longer be included, so its receipts may be given another batch
            let requests = self.journal.requests.values_mut();
            requests
                .filter(|r| r.batch == Some(sequence))
                .for_each(|r| r.batch = None);
            self.journal.outbox = None;
        }
    }

    fn drop_lapsed(&mut self, chain: &Chain) {
        for request in self.journal.requests.values_mut() {
            let late = request.voucher.height + LAPSE < chain.height;
            if late && request.capture.is_some() && request.batch.is_none() {
                request.lapsed = true;
            }
        }
    }

    fn make_batch(&mut self, chain: &Chain) {
        let sequence = chain.last_sequence(self.id) + 1;
        let (mut cumulative, mut until) = (self.journal.committed, u64::MAX);
        for request in self.journal.requests.values_mut() {
            if let (Some(capture), None, false) = (request.capture, request.batch, request.lapsed) {
                request.batch = Some(sequence);
                cumulative += capture;
                until = until.min(request.voucher.height + LAPSE);
            }
        }
        if until < u64::MAX {
            self.journal.outbox = Some((sequence, cumulative, until));
            self.last_batch = chain.height;
        }
    }

    fn claim(&self, chain: &Chain) -> Option<Message> {
        let sequence = chain.last_sequence(self.id);
        let committed = chain.batches.get(&(self.id, sequence))?.cumulative;
        let voucher = self.journal.best.clone()?;
        let seat = chain.ledger.seats.get(self.id)?;
        let payable = committed.min(voucher.body().cap).min(seat.limit.0);
        (payable > seat.claimed.0).then_some(Message::Tx(Tx::Settle {
            host: self.id,
            voucher,
            sequence,
        }))
    }
}
