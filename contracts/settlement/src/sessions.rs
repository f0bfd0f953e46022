//! Loading sessions and asking where they stand.

use cosmwasm_std::{Addr, Empty, Order, Storage};
use cw_storage_plus::{Bound, Map};
use quern_interface::settlement::SessionStatus;
use quern_protocol::ledger::Ledger;
use quern_protocol::Amount;

use crate::error::{ContractError, Result};
use crate::state::{
    Member, Phase, Session, BATCHES, ENDED, HORIZON, KEPT, LAST_SESSION, LEDGERS, PAYER_SESSIONS, SESSIONS,
};

impl Session {
    /// Last height at which a batch may be committed that counts.
    pub const fn commits_until(&self) -> u64 {
        self.closes_at.saturating_add(self.lapse_blocks)
    }

    /// First height at which it may be paid.
    pub const fn payable_at(&self) -> u64 {
        self.commits_until().saturating_add(self.appeal_blocks)
    }

    /// Status at a height.
    pub const fn status(&self, height: u64) -> SessionStatus {
        match self.phase {
            Phase::Pending => SessionStatus::Pending,
            Phase::Drawn if height <= self.closes_at => SessionStatus::Open,
            Phase::Drawn => SessionStatus::Closing,
            Phase::Closed => SessionStatus::Closed,
            Phase::Void => SessionStatus::Void,
        }
    }

    /// A host's seat and membership.
    pub fn seat(&self, host: &Addr) -> Result<(usize, &Member)> {
        let mut seats = self.committee.iter().enumerate();
        seats
            .find(|(_, member)| member.host == host)
            .ok_or_else(|| ContractError::NotInCommittee(host.to_string()))
    }

    /// Whether someone may close and rebalance.
    pub fn governs(&self, who: &Addr) -> bool {
        self.payer == who || self.agent.as_ref() == Some(who) || self.router.as_ref() == Some(who)
    }
}

const fn name(status: SessionStatus) -> &'static str {
    match status {
        SessionStatus::Pending => "pending",
        SessionStatus::Open => "open",
        SessionStatus::Closing => "closing",
        SessionStatus::Closed => "closed",
        SessionStatus::Void => "void",
    }
}

/// Sum of all roots that a host committed.
pub fn committed(storage: &dyn Storage, host: &Addr) -> Result<Amount> {
    let last = KEPT.may_load(storage, host)?.unwrap_or_default().last;
    let last = BATCHES.may_load(storage, (host, last))?;
    Ok(last.map_or(Amount::ZERO, |last| last.committed))
}

/// A session.
pub fn load(storage: &dyn Storage, id: u64) -> Result<Session> {
    match SESSIONS.may_load(storage, id)? {
        Some(session) => Ok(session),
        None if (1..=LAST_SESSION.load(storage)?).contains(&id) => Err(ContractError::SessionForgotten(id)),
        None => Err(ContractError::UnknownSession(id)),
    }
}

/// Notes that a session ended: it stays as long as a batch may be needed that holds its receipts.
pub fn end(storage: &mut dyn Storage, id: u64, height: u64) -> Result<()> {
    let until = height.saturating_add(HORIZON.load(storage)?);
    Ok(ENDED.save(storage, (until, id), &Empty {})?)
}

/// Removes what nothing can need any more, at most so many.
pub fn forget(storage: &mut dyn Storage, height: u64, most: usize) -> Result<()> {
    for (until, id) in due(storage, ENDED, height, most)? {
        ENDED.remove(storage, (until, id));
        if let Some(session) = SESSIONS.may_load(storage, id)? {
            PAYER_SESSIONS.remove(storage, (&session.payer, id));
        }
        SESSIONS.remove(storage, id);
        LEDGERS.remove(storage, id);
    }
    Ok(())
}

/// Entries of a queue up to a height, oldest first.
pub fn due(
    storage: &dyn Storage,
    queue: Map<(u64, u64), Empty>,
    height: u64,
    most: usize,
) -> Result<Vec<(u64, u64)>> {
    let until = Some(Bound::inclusive((height, u64::MAX)));
    let due = queue.keys(storage, None, until, Order::Ascending).take(most);
    Ok(due.collect::<Result<_, _>>()?)
}

/// A session that has a committee and is not paid, with its money.
pub fn drawn(storage: &dyn Storage, id: u64, height: u64) -> Result<(Session, Ledger)> {
    let session = load(storage, id)?;
    if session.phase != Phase::Drawn {
        return Err(ContractError::WrongPhase(name(session.status(height))));
    }
    let ledger = LEDGERS.load(storage, id)?;
    Ok((session, ledger))
}

/// The same, while vouchers are valid.
pub fn open(storage: &dyn Storage, id: u64, height: u64) -> Result<(Session, Ledger)> {
    let (session, ledger) = drawn(storage, id, height)?;
    if session.status(height) != SessionStatus::Open {
        return Err(ContractError::WrongPhase(name(session.status(height))));
    }
    Ok((session, ledger))
}
