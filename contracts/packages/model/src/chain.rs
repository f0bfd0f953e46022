//! The chain: the contract's rules around the contract's arithmetic.

use std::collections::BTreeMap;

use quern_protocol::ledger::{Division, Ledger};
use quern_protocol::Amount;

use crate::message::{Release, Tx, Voucher};
use crate::sign::{Signed, Signer};
use crate::{HostId, APPEAL, LAPSE};

/// A committed batch.
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    /// Height.
    pub height: u64,
    /// Captures of all batches up to this.
    pub cumulative: u128,
}

/// What the chain did, for the independent accounting.
#[derive(Clone, Copy, Debug)]
pub enum Done {
    /// A claim was proven with these.
    Claimed {
        /// Host.
        host: HostId,
        /// Voucher's cap.
        cap: u128,
        /// Batch's cumulative.
        cumulative: u128,
    },
    /// A release was presented.
    Released(Release),
    /// A rebalance was executed.
    Rebalanced {
        /// Gives.
        from: HostId,
        /// Receives.
        to: HostId,
        /// At most.
        amount: u128,
    },
}

/// One session on chain, open from height 1 on.
#[derive(Debug)]
pub struct Chain {
    /// Height of the block under way.
    pub height: u64,
    /// Last height of a voucher.
    pub closes_at: u64,
    /// Money.
    pub ledger: Ledger,
    /// Batches by host and sequence.
    pub batches: BTreeMap<(HostId, u64), Batch>,
    /// What happened.
    pub log: Vec<Done>,
    /// How it ended.
    pub division: Option<Division>,
}

impl Chain {
    /// A chain with one open session.
    pub const fn new(ledger: Ledger, closes_at: u64) -> Self {
        Self {
            height: 1,
            closes_at,
            ledger,
            batches: BTreeMap::new(),
            log: Vec::new(),
            division: None,
        }
    }

    /// First height at which the session is paid.
    pub const fn payable_at(&self) -> u64 {
        self.closes_at + LAPSE + APPEAL
    }

    /// A host's last sequence, 0 before the first.
    pub fn last_sequence(&self, host: HostId) -> u64 {
        let all = self.batches.range((host, 0)..=(host, u64::MAX));
        all.last().map_or(0, |((_, sequence), _)| *sequence)
    }

    /// Takes a transaction; answers whether it did something.
    pub fn apply(&mut self, tx: Tx) -> bool {
        if self.division.is_some() {
            return false;
        }
        match tx {
            Tx::Commit {
                host,
                sequence,
                cumulative,
                until,
            } => self.commit(host, sequence, cumulative, until),
            Tx::Settle {
                host,
                voucher,
                sequence,
            } => self.settle(host, &voucher, sequence),
            Tx::Present(release) => self.present(&release),
            Tx::Rebalance { from, to, amount } => {
                let due = self.height + LAPSE;
                self.height <= self.closes_at && self.ledger.rebalance(from, to, Amount(amount), due).is_ok()
            }
            Tx::Execute { from } => self.execute(from),
            Tx::CloseSession => {
                let open = self.height <= self.closes_at;
                self.closes_at = self.closes_at.min(self.height);
                open
            }
            Tx::Close => self.close(),
        }
    }

    fn commit(&mut self, host: HostId, sequence: u64, cumulative: u128, until: u64) -> bool {
        let last = self.last_sequence(host);
        let same_block = self.batches.get(&(host, last)).map(|b| b.height) == Some(self.height);
        if sequence != last + 1 || same_block || self.height > until {
            return false;
        }
        let height = self.height;
        self.batches
            .insert((host, sequence), Batch { height, cumulative });
        true
    }

    fn settle(&mut self, host: HostId, voucher: &Signed<Voucher>, sequence: u64) -> bool {
        let body = *voucher.body();
        let Some(batch) = self.batches.get(&(host, sequence)).copied() else {
            return false;
        };
        let counts = voucher.signer() == Signer::Session
            && body.host == host
            && body.height <= self.closes_at
            && body.height <= self.height
            && batch.height <= self.closes_at + LAPSE
            && self.height < self.payable_at();
        if !counts {
            return false;
        }
        let (cap, cumulative) = (Amount(body.cap), Amount(batch.cumulative));
        let claimed = self.ledger.claim(host, cap, cumulative, sequence).is_ok();
        if claimed {
            self.log.push(Done::Claimed {
                host,
                cap: body.cap,
                cumulative: batch.cumulative,
            });
        }
        claimed
    }

    fn present(&mut self, release: &Signed<Release>) -> bool {
        let body = *release.body();
        let valid = release.signer() == Signer::Host(body.from);
        let moved = valid
            && self
                .ledger
                .release(body.from, body.to, Amount(body.cumulative))
                .is_ok();
        if moved {
            self.log.push(Done::Released(body));
        }
        moved
    }

    fn execute(&mut self, from: HostId) -> bool {
        let Some(pending) = self.ledger.pending.iter().find(|p| p.from == from).cloned() else {
            return false;
        };
        let open = self.height <= self.closes_at;
        let done = open && self.ledger.execute_rebalance(from, self.height).is_ok();
        if done {
            self.log.push(Done::Rebalanced {
                from,
                to: pending.to,
                amount: pending.amount.0,
            });
        }
        done
    }

    fn close(&mut self) -> bool {
        if self.height >= self.payable_at() {
            self.division = self.ledger.divide(&[]).ok();
        }
        self.division.is_some()
    }
}
