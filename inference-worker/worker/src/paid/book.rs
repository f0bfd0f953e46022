//! What was promised, earned and committed, session by session. Plain state: no clock, no chain, no disk.

use crate::audit::Kept;
use crate::paid::record::{PlannedBatch, Record};
use quern_inference_api::paid::{SignedReceipt, SignedVoucher};
use quern_interface::settlement::SessionInfo;
use quern_protocol::{Amount, Voucher};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Closed sessions whose receipts can still be asked for.
const CLOSED: usize = 256;
/// Void nonces that are kept of a session. A router skips at most some hundred in a crash.
pub(crate) const VOIDS: usize = 4096;

/// A request under way.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    /// The voucher with the highest cap for this request.
    pub(crate) signed: SignedVoucher,
    /// What it costs so far, the next token included.
    pub(crate) cost: Amount,
}

/// A receipt and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) signed: SignedReceipt,
    /// Sequence of the batch that holds it on chain.
    pub(crate) batch: Option<u64>,
    /// Its voucher's time was over before it was committed.
    pub(crate) lapsed: bool,
    /// Number of its record in the journal, where its payload is.
    pub(crate) record: u64,
}

/// What the chain holds of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Committed {
    pub(crate) cumulative: Amount,
    pub(crate) receipts: u64,
    /// Sequence of the last batch with this session, 0 if there is none.
    pub(crate) batch: u64,
}

/// One session at this host.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    /// The voucher with the highest cap.
    pub(crate) best: Option<SignedVoucher>,
    /// Captures of all receipts, committed or not.
    pub(crate) captured: Amount,
    /// Requests under way, by nonce.
    pub(crate) running: BTreeMap<u64, Running>,
    /// Receipts by nonce.
    pub(crate) receipts: BTreeMap<u64, Entry>,
    /// Nonces that the router skipped.
    pub(crate) void: BTreeSet<u64>,
    /// Given away to each host by signed releases.
    pub(crate) given: BTreeMap<String, Amount>,
    /// Of that, what the chain's limit may still include, because nobody presented it yet.
    pub(crate) outstanding: Amount,
    /// What the chain holds.
    pub(crate) committed: Committed,
}

impl Account {
    /// The highest cap.
    pub(crate) fn cap(&self) -> Amount {
        self.best.as_ref().map_or(Amount::ZERO, |best| best.voucher.cap)
    }

    /// Gives part of the limit away; `cumulative` is everything that `to` ever got.
    pub(crate) fn give(&mut self, to: &str, cumulative: Amount) {
        let given = self.given.entry(to.to_owned()).or_default();
        let more = cumulative.saturating_sub(*given);
        *given = cumulative.max(*given);
        self.outstanding = self.outstanding.checked_add(more).unwrap_or(Amount(u128::MAX));
    }

    /// The chain's limit fell: releases were presented.
    pub(crate) fn limit_fell(&mut self, by: Amount) {
        self.outstanding = self.outstanding.saturating_sub(by);
    }

    /// Costs so far of the requests under way, but for one.
    fn costs_besides(&self, nonce: u64) -> Amount {
        let others = self.running.iter().filter(|(other, _)| **other != nonce);
        Amount::sum(others.map(|(_, running)| running.cost)).unwrap_or(Amount(u128::MAX))
    }

    /// The most that the session may come to cost with what is under way.
    pub(crate) fn exposure(&self) -> Amount {
        let open = self
            .running
            .values()
            .map(|running| running.signed.voucher.ceiling);
        Amount::sum(open.chain([self.captured])).unwrap_or(Amount(u128::MAX))
    }

    /// Whether a nonce can no longer be served.
    pub(crate) fn is_used(&self, nonce: u64) -> bool {
        self.running.contains_key(&nonce) || self.receipts.contains_key(&nonce) || self.void.contains(&nonce)
    }

    /// The highest cap that the chain takes of a session that was drawn and ends at these heights. A voucher of a later
    /// height, which a payer can sign just after it closed the session, would make every claim fail.
    pub(crate) fn claimable(&self, drawn_at: u64, closes_at: u64) -> Option<SignedVoucher> {
        let counts = |voucher: &Voucher| (drawn_at..=closes_at).contains(&voucher.height);
        if let Some(best) = self.best.as_ref().filter(|best| counts(&best.voucher)) {
            return Some(best.clone());
        }
        let ended = self.receipts.values().map(|entry| {
            let receipt = &entry.signed.receipt;
            (&receipt.voucher, receipt.voucher_signature)
        });
        let running = self
            .running
            .values()
            .map(|running| (&running.signed.voucher, running.signed.signature));
        let all = ended.chain(running).filter(|(voucher, _)| counts(voucher));
        let (voucher, signature) = all.max_by_key(|(voucher, _)| voucher.cap)?;
        Some(SignedVoucher {
            voucher: voucher.clone(),
            signature,
        })
    }

    fn note(&mut self, signed: &SignedVoucher) {
        if self.best.is_none() || signed.voucher.cap > self.cap() {
            self.best = Some(signed.clone());
        }
    }

    /// Begins a request; what it costs is reserved as it goes.
    pub(crate) fn begin(&mut self, signed: SignedVoucher) {
        self.note(&signed);
        let nonce = signed.voucher.nonce;
        let cost = Amount::ZERO;
        self.running.insert(nonce, Running { signed, cost });
    }

    /// Takes a nonce as skipped; false if there are too many. One that was served stays so.
    pub(crate) fn skip(&mut self, nonce: u64) -> bool {
        self.is_used(nonce) || self.void.len() < VOIDS && self.void.insert(nonce)
    }

    /// Takes the same voucher with a higher cap.
    pub(crate) fn extend(&mut self, signed: SignedVoucher) -> Result<(), ExtendError> {
        let running = self.running.get_mut(&signed.voucher.nonce);
        let running = running.ok_or(ExtendError::NotRunning)?;
        if !signed.voucher.extends(&running.signed.voucher) {
            return Err(ExtendError::NoExtension);
        }
        running.signed = signed.clone();
        self.note(&signed);
        Ok(())
    }

    /// Raises what a request costs so far, if ceiling and caps allow it. The request's own cap counts beside the
    /// session's: its receipt will show that voucher alone.
    pub(crate) fn reserve(&mut self, nonce: u64, cost: Amount) -> Reserve {
        let (cap, others) = (self.cap(), self.costs_besides(nonce));
        let captured = self.captured;
        let Some(running) = self.running.get_mut(&nonce) else {
            return Reserve::Never;
        };
        let Voucher {
            ceiling, cap: own, ..
        } = running.signed.voucher;
        if cost > ceiling {
            return Reserve::Never;
        }
        let total = captured.checked_add(others).and_then(|sum| sum.checked_add(cost));
        if cost <= own && total.is_some_and(|total| total <= cap) {
            running.cost = cost;
            return Reserve::Done;
        }
        Reserve::NotYet
    }

    /// Ends a request whose receipt is durable.
    pub(crate) fn finish(&mut self, signed: SignedReceipt, record: u64) {
        let voucher = SignedVoucher {
            voucher: signed.receipt.voucher.clone(),
            signature: signed.receipt.voucher_signature,
        };
        self.note(&voucher);
        self.running.remove(&voucher.voucher.nonce);
        // The sum stays within the highest cap, so it fits.
        let captured = self.captured.checked_add(signed.receipt.capture);
        self.captured = captured.unwrap_or(Amount(u128::MAX));
        let entry = Entry {
            signed,
            batch: None,
            lapsed: false,
            record,
        };
        self.receipts.insert(voucher.voucher.nonce, entry);
    }
}

/// Why a voucher extends nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExtendError {
    NotRunning,
    NoExtension,
}

/// Whether a cost could be reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reserve {
    Done,
    /// A higher cap is needed.
    NotYet,
    /// It is above the ceiling.
    Never,
}

/// All sessions and batches.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    pub(crate) accounts: BTreeMap<u64, Account>,
    /// Sessions whose money is divided, and the height at which that was seen: audits may still draw their receipts.
    pub(crate) ended: BTreeMap<u64, (Account, u64)>,
    /// Sessions that audits are over with, the last ones: who traces a receipt may still ask for its proof. Hashes and
    /// amounts only, and only until the worker ends.
    pub(crate) closed: VecDeque<(u64, Account)>,
    /// Batches that the chain holds, by sequence.
    pub(crate) batches: BTreeMap<u64, PlannedBatch>,
    /// The batch that may be on its way, and its record.
    pub(crate) planned: Option<(PlannedBatch, u64)>,
    /// Sequence of the last batch that is known to be on chain, and the record that says so.
    pub(crate) last: (u64, Option<u64>),
    /// Sessions drawn up to this height may be in batches that the journal lost.
    pub(crate) lost_until: u64,
    /// Of sessions drawn up to this height receipts may be lost.
    pub(crate) unknown_until: u64,
    /// What this host has said as an auditor in the round that is judged.
    pub(crate) audits: Kept,
}

impl Book {
    /// A session's account, made if need be.
    pub(crate) fn account(&mut self, session: u64) -> &mut Account {
        self.accounts.entry(session).or_default()
    }

    /// Whether the journal may have lost receipts of this session, so that it is not served: what it earned further could
    /// not be added to a batch of before, and a nonce that was served before would be signed for twice, which is a fault.
    pub(crate) fn is_lost(&self, session: &SessionInfo) -> bool {
        session.drawn_at <= self.unknown_until
    }

    /// Takes in a record of the journal.
    pub(crate) fn apply(&mut self, number: u64, record: Record) {
        match record {
            Record::Receipt { signed, .. } => {
                let session = signed.receipt.voucher.session;
                self.account(session).finish(*signed, number);
            }
            Record::Carried { signed, batch, .. } => self.carried(number, *signed, batch),
            // One that the chain holds already was told again.
            Record::Batch(batch) if batch.sequence <= self.last.0 => {}
            Record::Batch(batch) => self.planned = Some((batch, number)),
            Record::Held(batch) => drop(self.batches.insert(batch.sequence, batch)),
            Record::Committed { sequence } => {
                self.confirm(sequence);
                self.last = (sequence.max(self.last.0), Some(number));
            }
            Record::Lost {
                sequence,
                height,
                seen,
            } => {
                self.last = (sequence.max(self.last.0), Some(number));
                self.lost_until = height.max(self.lost_until);
                self.unknown_until = seen.max(height).max(self.unknown_until);
            }
            Record::Release(signed) => {
                let release = signed.release;
                self.kept(release.session).give(&release.to, release.cumulative);
            }
            Record::Standing {
                session,
                committed,
                given,
            } => {
                let account = self.kept(session);
                if committed.batch >= account.committed.batch {
                    account.committed = committed;
                }
                for (to, cumulative) in given {
                    account.give(&to, cumulative);
                }
            }
            Record::Closed { session, height } => self.close(session, height),
            Record::AuditReport(report) => self.audits.keep_report(*report),
            Record::AuditBallot(ballot) => self.audits.keep_ballot(*ballot),
        }
    }

    /// The account of a session that may be over.
    fn kept(&mut self, session: u64) -> &mut Account {
        match self.ended.get_mut(&session) {
            Some((account, _)) => account,
            None => self.accounts.entry(session).or_default(),
        }
    }

    /// Takes in a receipt that was written again further on in the journal. Where the first record of it was read, too, only
    /// its place changes.
    fn carried(&mut self, number: u64, signed: SignedReceipt, batch: Option<u64>) {
        let (session, nonce) = (signed.receipt.voucher.session, signed.receipt.voucher.nonce);
        // It may be in a batch that was confirmed after it was written again.
        let holds = |planned: &&PlannedBatch| {
            let mut leaves = planned.leaves.iter().zip(&planned.nonces);
            leaves.any(|(leaf, nonces)| leaf.session == session && nonces.binary_search(&nonce).is_ok())
        };
        let found = || self.batches.values().find(holds).map(|planned| planned.sequence);
        let batch = batch.or_else(found);
        let account = self.kept(session);
        match account.receipts.get_mut(&nonce) {
            Some(entry) => entry.record = number,
            None => account.finish(signed, number),
        }
        if let Some(entry) = account.receipts.get_mut(&nonce) {
            entry.batch = entry.batch.or(batch);
        }
    }

    /// The chain holds the planned batch.
    pub(crate) fn confirm(&mut self, sequence: u64) {
        let Some((batch, _)) = self.planned.take_if(|(batch, _)| batch.sequence == sequence) else {
            return;
        };
        for (leaf, nonces) in batch.leaves.iter().zip(&batch.nonces) {
            let Some(account) = self.accounts.get_mut(&leaf.session) else {
                continue;
            };
            account.committed = Committed {
                cumulative: leaf.cumulative,
                receipts: leaf.receipts,
                batch: sequence,
            };
            for nonce in nonces {
                if let Some(entry) = account.receipts.get_mut(nonce) {
                    entry.batch = Some(sequence);
                }
            }
        }
        self.batches.insert(sequence, batch);
    }

    /// A session whose money is divided, as was seen at a height.
    pub(crate) fn close(&mut self, session: u64, height: u64) {
        if let Some(account) = self.accounts.remove(&session) {
            // Told again, it changes nothing.
            self.ended.entry(session).or_insert((account, height));
        }
    }

    /// A session that audits are over with: its payloads are not needed any more.
    pub(crate) fn forget(&mut self, session: u64) {
        if let Some((account, _)) = self.ended.remove(&session) {
            self.closed.push_back((session, account));
            if self.closed.len() > CLOSED {
                self.closed.pop_front();
            }
        }
        let needed = |batch: &PlannedBatch| batch.leaves.iter().any(|leaf| self.find(leaf.session).is_some());
        let kept: BTreeSet<u64> = self
            .batches
            .values()
            .filter(|b| needed(b))
            .map(|b| b.sequence)
            .collect();
        self.batches.retain(|sequence, _| kept.contains(sequence));
    }

    /// A session's account, or an empty one: what is asked of a session, by whomever, makes none.
    pub(crate) fn peek(&self, session: u64) -> Cow<'_, Account> {
        self.find(session).map_or_else(Cow::default, Cow::Borrowed)
    }

    /// A session's account, open or closed.
    pub(crate) fn find(&self, session: u64) -> Option<&Account> {
        let ended = || self.ended.get(&session).map(|(account, _)| account);
        let closed = || {
            self.closed
                .iter()
                .find(|(id, _)| *id == session)
                .map(|(_, account)| account)
        };
        self.accounts.get(&session).or_else(ended).or_else(closed)
    }

    /// Accounts whose payloads are needed.
    pub(crate) fn needed(&self) -> impl Iterator<Item = (u64, &Account)> {
        let ended = self
            .ended
            .iter()
            .map(|(session, (account, _))| (*session, account));
        let open = self.accounts.iter().map(|(session, account)| (*session, account));
        open.chain(ended)
    }
}
