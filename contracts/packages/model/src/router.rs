//! A router with the session key: its own, or lent by the payer.

use std::collections::{BTreeMap, BTreeSet};

use crate::chain::Chain;
use crate::message::Voucher;
use crate::sign::{Key, Signed, Signer};
use crate::{cost, HostId, SLICE};

/// An unfinished request.
#[derive(Clone, Copy, Debug)]
struct Open {
    host: HostId,
    height: u64,
    ceiling: u128,
    authorised: u128,
    delivered: u64,
}

/// Numbers that one write to the disk reserves.
pub const RESERVE: u64 = 4;

/// What survives a crash: written before a voucher leaves.
#[derive(Debug, Default)]
pub struct HighWater {
    /// Numbers up to this may have been signed: reserved [`RESERVE`] at a time, so that not every request
    /// waits for the disk.
    pub nonce: u64,
    /// Highest cap signed, by host.
    pub caps: BTreeMap<HostId, u128>,
}

/// A router.
#[derive(Debug)]
pub struct Router {
    key: Key,
    /// Durable.
    pub high_water: HighWater,
    /// Captures that receipts account for, by host; after a crash everything that was signed.
    accepted: BTreeMap<HostId, u128>,
    open: BTreeMap<u64, Open>,
    /// Last number used.
    last: u64,
    /// Numbers ever signed: what only the model knows.
    pub numbers: BTreeSet<u64>,
    /// Most that was authorised and not accounted for at once, by host: the payer's risk.
    pub peak: BTreeMap<HostId, u128>,
    /// Receipts accepted, by host, whatever a crash forgot: what only the model knows.
    pub receipts: BTreeMap<HostId, u128>,
    /// Cost of tokens that reached the user, by host: what only the model knows.
    pub delivered: BTreeMap<HostId, u128>,
    /// Follows the protocol.
    pub honest: bool,
    /// Never comes back.
    pub gone: bool,
    /// Times that it crashed.
    pub crashes: u64,
}

impl Router {
    /// A router.
    pub(crate) const fn new(honest: bool) -> Self {
        Self {
            key: Key::new(Signer::Session),
            high_water: HighWater {
                nonce: 0,
                caps: BTreeMap::new(),
            },
            accepted: BTreeMap::new(),
            open: BTreeMap::new(),
            last: 0,
            numbers: BTreeSet::new(),
            peak: BTreeMap::new(),
            receipts: BTreeMap::new(),
            delivered: BTreeMap::new(),
            honest,
            gone: false,
            crashes: 0,
        }
    }

    /// Authorised and not accounted for at a host.
    fn risk(&self, host: HostId) -> u128 {
        let open = self.open.values().filter(|open| open.host == host);
        open.map(|open| open.authorised).sum()
    }

    /// Signs for a host's accepted captures and open authorisations. The mark is durable first.
    fn sign(&mut self, nonce: u64, open: Open, chain: &Chain) -> Option<Signed<Voucher>> {
        let host = open.host;
        let others = self.open.iter().filter(|(n, o)| **n != nonce && o.host == host);
        let risk = others.map(|(_, o)| o.authorised).sum::<u128>() + open.authorised;
        let cap = self.accepted.get(&host).copied().unwrap_or(0) + risk;
        let leaving = chain.ledger.pending.iter().filter(|p| p.from == host);
        let leaving: u128 = leaving.map(|p| p.amount.0).sum();
        let limit = chain.ledger.seats.get(host)?.limit.0.saturating_sub(leaving);
        if cap > limit {
            return None;
        }
        let peak = self.peak.entry(host).or_insert(0);
        *peak = (*peak).max(risk);
        self.last = self.last.max(nonce);
        if self.last > self.high_water.nonce {
            self.high_water.nonce += RESERVE;
        }
        self.numbers.insert(nonce);
        let mark = self.high_water.caps.entry(host).or_insert(0);
        *mark = (*mark).max(cap);
        self.open.insert(nonce, open);
        Some(self.key.sign(Voucher {
            host,
            nonce,
            height: open.height,
            ceiling: open.ceiling,
            cap,
        }))
    }

    /// Starts a request: authority for its first slice.
    pub fn request(&mut self, host: HostId, tokens: u64, chain: &Chain) -> Option<Signed<Voucher>> {
        if chain.height > chain.closes_at {
            return None;
        }
        let ceiling = cost(tokens);
        let open = Open {
            host,
            height: chain.height,
            ceiling,
            authorised: ceiling.min(cost(SLICE)),
            delivered: 0,
        };
        self.sign(self.last + 1, open, chain)
    }

    /// Tokens arrived: authorises the next slice when the last one is half used.
    pub fn tokens(&mut self, host: HostId, nonce: u64, upto: u64, chain: &Chain) -> Option<Signed<Voucher>> {
        let open = self.open.get_mut(&nonce).filter(|open| open.host == host)?;
        let fresh = upto.saturating_sub(open.delivered);
        open.delivered += fresh;
        *self.delivered.entry(host).or_insert(0) += cost(fresh);
        let ahead = open.authorised.saturating_sub(cost(open.delivered));
        if ahead > cost(SLICE / 2) || open.authorised >= open.ceiling {
            return None;
        }
        let extended = Open {
            authorised: (open.authorised + cost(SLICE / 2)).min(open.ceiling),
            ..*open
        };
        self.sign(nonce, extended, chain)
    }

    /// A receipt arrived. One for more than what was delivered and authorised leaves the request open: its
    /// authority stays counted as risk.
    pub fn receipt(&mut self, host: HostId, nonce: u64, capture: u128) -> bool {
        let fits = self
            .open
            .get(&nonce)
            .is_some_and(|open| open.host == host && capture <= cost(open.delivered).min(open.authorised));
        if fits {
            self.open.remove(&nonce);
            *self.accepted.entry(host).or_insert(0) += capture;
            *self.receipts.entry(host).or_insert(0) += capture;
        }
        fits
    }

    /// Loses what is not durable and comes back. What was signed then counts as spent, and numbers go on above
    /// the mark. It cannot know which of the last reservation were used, so it signs each of them void: a
    /// voucher for nothing, which adds nothing to the cap that its host holds already.
    pub fn restart(&mut self, chain: &Chain) -> Vec<Signed<Voucher>> {
        self.crashes += 1;
        self.open.clear();
        self.accepted = self.high_water.caps.clone();
        self.last = self.high_water.nonce;
        let first = self.last.saturating_sub(RESERVE) + 1;
        let cap = self.high_water.caps.get(&0).copied().unwrap_or(0);
        let void = |nonce| Voucher {
            host: 0,
            nonce,
            height: chain.height,
            ceiling: 0,
            cap,
        };
        self.numbers.extend(first..=self.last);
        (first..=self.last)
            .map(|nonce| self.key.sign(void(nonce)))
            .collect()
    }

    /// How much is at risk in all now.
    pub fn at_risk(&self) -> u128 {
        (0..quern_protocol::ledger::MAX_SEATS)
            .map(|host| self.risk(host))
            .sum()
    }

    /// Signs anything: what a dishonest router does.
    pub fn sign_anything(&mut self, voucher: Voucher) -> Signed<Voucher> {
        let mark = self.high_water.caps.entry(voucher.host).or_insert(0);
        *mark = (*mark).max(voucher.cap);
        self.key.sign(voucher)
    }
}
