//! One session: its committee and its nonces.

use super::host::HostBook;
use super::record::Committee;
use quern_protocol::{Amount, Coefficients, Hash, Price, rank};
use serde::{Deserialize, Serialize};

/// A session that this router opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) payer: String,
    pub(crate) model: String,
    /// None until the committee is drawn.
    pub(crate) beacon: Option<Hash>,
    pub(crate) drawn_at: u64,
    pub(crate) closes_at: u64,
    pub(crate) max_price: Price,
    pub(crate) model_hash: Hash,
    pub(crate) coefficients: Coefficients,
    pub(crate) lapse_blocks: u64,
    /// In the order of the draw.
    pub(crate) hosts: Vec<HostBook>,
    /// The next request's, from 1.
    pub(crate) next: u64,
    /// Nonces below may be used.
    pub(crate) reserved: u64,
    /// Nonces that a crash skipped: first and the one after the last.
    pub(crate) voids: Vec<(u64, u64)>,
    pub(crate) closing: bool,
    /// Released by one host to another, all together.
    #[serde(default)]
    pub(crate) released: Vec<(String, String, Amount)>,
}

impl Session {
    pub(crate) fn new(payer: String, model: String) -> Self {
        Self {
            payer,
            model,
            beacon: None,
            drawn_at: 0,
            closes_at: 0,
            max_price: Price::default(),
            model_hash: Hash::new([0; 32]),
            coefficients: Coefficients {
                input: 0,
                cached: 0,
                output: 0,
            },
            lapse_blocks: 0,
            hosts: Vec::new(),
            next: 1,
            reserved: 1,
            voids: Vec::new(),
            closing: false,
            released: Vec::new(),
        }
    }

    /// What one host has released to another so far.
    pub(crate) fn given(&self, from: &str, to: &str) -> Amount {
        let mut pairs = self.released.iter();
        let found = pairs.find(|(giver, taker, _)| giver == from && taker == to);
        found.map_or(Amount::ZERO, |(_, _, cumulative)| *cumulative)
    }

    pub(crate) fn release(&mut self, from: String, to: String, cumulative: Amount) {
        let more = cumulative.max(self.given(&from, &to));
        self.released
            .retain(|(giver, taker, _)| *giver != from || *taker != to);
        self.released.push((from, to, more));
    }

    pub(crate) fn draw(&mut self, committee: Committee) {
        self.beacon = Some(committee.beacon);
        self.drawn_at = committee.drawn_at;
        self.closes_at = committee.closes_at;
        self.max_price = committee.max_price;
        self.model_hash = committee.model_hash;
        self.coefficients = committee.coefficients;
        self.lapse_blocks = committee.lapse_blocks;
        let host = |m: super::record::Member| HostBook::new(m.host, m.weight, m.limit);
        self.hosts = committee.members.into_iter().map(host).collect();
    }

    /// Whether a voucher of this height counts, and its receipt can still be committed in time.
    pub(crate) fn serves(&self, height: u64, margin: u64) -> bool {
        let in_time = self.drawn_at <= height && height.saturating_add(margin) < self.closes_at;
        self.beacon.is_some() && !self.closing && in_time
    }

    /// The committee in the order in which it is asked for a nonce.
    pub(crate) fn order(&self, chain_id: &str, id: u64, nonce: u64) -> Vec<usize> {
        let weights: Vec<u64> = self.hosts.iter().map(|host| host.weight).collect();
        match &self.beacon {
            Some(beacon) => rank(chain_id, id, nonce, beacon, &weights),
            None => Vec::new(),
        }
    }

    pub(crate) fn host(&self, host: &str) -> Option<&HostBook> {
        self.hosts.iter().find(|book| book.host == host)
    }

    pub(crate) fn host_mut(&mut self, host: &str) -> Option<&mut HostBook> {
        self.hosts.iter_mut().find(|book| book.host == host)
    }

    /// Whether every request is accounted for.
    pub(crate) fn is_idle(&self) -> bool {
        self.hosts.iter().all(|host| host.open.is_empty())
    }

    /// Room and limits over all hosts that are still asked.
    pub(crate) fn room(&self) -> (Amount, Amount) {
        let add = |(room, limit): (Amount, Amount), host: &HostBook| {
            (super::plus(room, host.room()), super::plus(limit, host.limit))
        };
        self.hosts.iter().fold((Amount::ZERO, Amount::ZERO), add)
    }

    /// After a restart: nonces that may have been used are never used again.
    pub(crate) fn recover(&mut self) {
        self.hosts.iter_mut().for_each(HostBook::recover);
        if self.next < self.reserved {
            self.voids.push((self.next, self.reserved));
            self.next = self.reserved;
        }
    }
}
