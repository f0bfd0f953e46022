//! Claims: what proves a session's committed captures to the chain, and when that is due.

use crate::paid::batch;
use crate::paid::book::{Account, Book};
use crate::paid::record::PlannedBatch;
use crate::paid::service::Paid;
use quern_chain_client::{Call, Fees};
use quern_interface::settlement::{ExecuteMsg, SessionInfo, SessionStatus};
use quern_protocol::Amount;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Claims that go into one transaction.
const TOGETHER: usize = 8;
/// Gas that a claim pays for at most: alone it used 92,000 on a network of two hosts, and some 70,000 beside its batch, which
/// uses 130,000; a half is added to what a simulation finds.
const GAS: u128 = 150_000;
/// An open session is claimed once that brings so many times its fee.
const FEES: u128 = 20;

/// What each session's last claim was worth that the chain took or refused: the same again would change nothing.
pub(crate) type Tried = BTreeMap<u64, Amount>;

/// A claim that is due.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) session: u64,
    /// What the host has claimed of the session once it is taken.
    pub(crate) worth: Amount,
    pub(crate) call: Call,
}

/// The least that a claim of an open session brings, in nqrn. So fees take at most a twentieth of what is claimed, and what
/// a session's batches hold and a lost journal makes unclaimable is less than this.
pub(crate) fn least_gain(fees: &Fees) -> Amount {
    let fee = GAS.saturating_mul(fees.per_thousand_gas).div_ceil(1000);
    Amount(fee.saturating_mul(FEES).max(1))
}

/// A session of which something can be claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Candidate {
    session: u64,
    worth: Amount,
    gain: Amount,
    /// Whether it takes no more requests: what is not claimed soon is lost.
    ends: bool,
    /// Whether the chain refused the same before.
    refused: bool,
}

/// Those that are due, the most urgent first: none that the chain refused holds up another one.
fn chosen(mut candidates: Vec<Candidate>, least: Amount) -> Vec<Candidate> {
    candidates.retain(|one| {
        let urgent = one.ends && !one.gain.is_zero();
        urgent || one.gain >= least && !one.refused
    });
    candidates.sort_by_key(|one| (one.refused, !one.ends, Reverse(one.gain), one.session));
    candidates
}

/// The claims that go next: with a batch that is about to be sent those of its sessions, else those of all that the chain
/// holds.
pub(crate) fn due(paid: &Paid, tried: &Tried, sending: Option<&PlannedBatch>) -> Vec<Claim> {
    let height = paid.follow.height();
    let book = paid.store.book();
    let book: &Book = &book;
    let last_batch = |account: &Account| sending.or_else(|| book.batches.get(&account.committed.batch));
    let candidate = |info: Arc<SessionInfo>| {
        let account = book.accounts.get(&info.id)?;
        let leaves = &last_batch(account)?.leaves;
        let leaf = leaves.iter().find(|leaf| leaf.session == info.id)?;
        let view = paid.view(&info);
        let member = view.member()?;
        let voucher = account.claimable(info.drawn_at, info.closes_at)?;
        let worth = voucher.voucher.cap.min(leaf.cumulative).min(member.limit);
        Some(Candidate {
            session: info.id,
            worth,
            gain: worth.saturating_sub(member.claimed),
            ends: info.status != SessionStatus::Open || height > info.closes_at,
            refused: tried.get(&info.id).is_some_and(|tried| worth <= *tried),
        })
    };
    let sessions = paid.sessions.all().into_iter();
    let candidates = sessions
        .filter(|info| height < info.payable_at)
        .filter_map(candidate)
        // One that is refused would take the batch with it.
        .filter(|one| sending.is_none() || !one.refused)
        .collect();
    let claim = |one: Candidate| {
        let account = book.accounts.get(&one.session)?;
        let (batch, info) = (last_batch(account)?, paid.sessions.known(one.session)?);
        let best = account.claimable(info.drawn_at, info.closes_at)?;
        let (leaf, proof) = batch::prove_leaf(batch, paid.committer(), one.session)?;
        let message = ExecuteMsg::Settle {
            host: paid.config.host.clone(),
            voucher: best.voucher,
            signature: best.signature,
            leaf,
            batch: batch.sequence,
            proof,
        };
        Some(Claim {
            session: one.session,
            worth: one.worth,
            call: Call::new(&paid.config.contracts.settlement, &message).ok()?,
        })
    };
    let chosen = chosen(candidates, least_gain(&paid.config.fees()));
    chosen.into_iter().filter_map(claim).take(TOGETHER).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(session: u64, gain: u128, ends: bool, refused: bool) -> Candidate {
        Candidate {
            session,
            worth: Amount(1_000_000),
            gain: Amount(gain),
            ends,
            refused,
        }
    }

    fn sessions(candidates: &[Candidate], least: u128) -> Vec<u64> {
        let chosen = chosen(candidates.to_vec(), Amount(least));
        chosen.into_iter().map(|one| one.session).collect()
    }

    #[test]
    fn an_open_session_is_claimed_when_that_brings_twenty_times_its_fee_and_without_fees_always() {
        let fees = |per_thousand_gas| Fees {
            denom: "nqrn".into(),
            per_thousand_gas,
        };
        assert_eq!(least_gain(&fees(0)), Amount(1));
        // The bound of docs/spec/failures.md and docs/host/README.md.
        assert_eq!(least_gain(&fees(10)), Amount(30_000));
        let open = [
            candidate(1, 29_999, false, false),
            candidate(2, 30_000, false, false),
        ];
        assert_eq!(sessions(&open, 30_000), [2]);
        assert_eq!(sessions(&open, 1), [2, 1]);
        assert_eq!(sessions(&[candidate(1, 0, false, false)], 1), [0; 0]);
    }

    #[test]
    fn what_ends_comes_first_and_what_the_chain_refused_last_and_only_where_time_runs_out() {
        let all = [
            candidate(1, 500, false, false),
            candidate(2, 900, false, false),
            candidate(3, 7, true, true),
            candidate(4, 5, true, false),
            candidate(5, 5_000, false, true),
            candidate(6, 0, true, false),
        ];
        assert_eq!(sessions(&all, 100), [4, 2, 1, 3]);
    }
}
