//! One process.

use crate::{Entry, EvidenceError, Params, Wealth};
use serde::{Deserialize, Serialize};

/// Bets `2^-k` of the stakes: k from 2 to 9.
const BETS: [u32; STAKES] = [2, 3, 4, 5, 6, 7, 8, 9];

/// Bets that run beside each other.
pub const STAKES: usize = 8;

/// Whether a process goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Below the threshold.
    Running,
    /// The threshold was reached: the host is convicted and nothing enters any more.
    Convicted,
}

/// An e-process with funded restarts.
///
/// Bounds: before an entry the wealth is below [`crate::MAX_THRESHOLD`] x 10^12 = 10^22 units; a factor's
/// numerator is at most 4,096 (10^12 + 511 x 10^6) < 4.2 x 10^15; the product stays below 2^128 = 3.4 x 10^38
/// for every stake, and so does the sum of stakes, as no factor exceeds 250,001.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// Not staked: pays for later restarts.
    cash: Wealth,
    /// Stakes, one per bet.
    stakes: [Wealth; STAKES],
    /// Entries so far.
    entries: u64,
    /// Restarts funded so far.
    restarts: u64,
    /// Status.
    status: Status,
}

impl Default for Process {
    fn default() -> Self {
        Self::new()
    }
}

impl Process {
    /// A process with wealth 1 and no history.
    pub const fn new() -> Self {
        Self {
            cash: Wealth::ONE,
            stakes: [Wealth(0); STAKES],
            entries: 0,
            restarts: 0,
            status: Status::Running,
        }
    }

    /// The protocol's M.
    pub fn wealth(&self) -> Wealth {
        let staked = self.stakes.iter().fold(0_u128, |sum, r| sum.saturating_add(r.0));
        Wealth(self.cash.0.saturating_add(staked))
    }

    /// Entries so far.
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// Status.
    pub const fn status(&self) -> Status {
        self.status
    }

    /// Whether unbonding and settlement of the host freeze, and audits become denser.
    pub fn is_high(&self, params: &Params) -> bool {
        self.wealth().reaches(params.freeze_at)
    }

    /// Takes one entry. After a conviction nothing changes. Work: 8 multiplications and divisions.
    ///
    /// # Errors
    /// [`EvidenceError::CorruptState`] if the state was not made by this function under valid parameters;
    /// the state is then unchanged.
    pub fn enter(&mut self, entry: &Entry, params: &Params) -> Result<Status, EvidenceError> {
        if self.status == Status::Convicted {
            return Ok(Status::Convicted);
        }
        let mut next = self.clone();
        next.step(entry, params).ok_or(EvidenceError::CorruptState)?;
        *self = next;
        Ok(self.status)
    }

    /// Takes the entries of a round in their order.
    ///
    /// # Errors
    /// As [`Process::enter`].
    pub fn enter_all(&mut self, entries: &[Entry], params: &Params) -> Result<Status, EvidenceError> {
        for entry in entries {
            self.enter(entry, params)?;
        }
        Ok(self.status)
    }

    fn step(&mut self, entry: &Entry, params: &Params) -> Option<()> {
        if self.entries.checked_rem(params.restart_every.into())? == 0 {
            self.restart()?;
        }
        for (stake, k) in self.stakes.iter_mut().zip(BETS) {
            let (numerator, denominator) = entry.factor(k);
            // the floor keeps the supermartingale: the product is never above its real value
            stake.0 = stake.0.checked_mul(numerator)?.checked_div(denominator)?;
        }
        self.entries = self.entries.checked_add(1)?;
        let sum = self
            .stakes
            .iter()
            .try_fold(self.cash.0, |sum, r| sum.checked_add(r.0))?;
        if Wealth(sum).reaches(params.threshold()) {
            self.status = Status::Convicted;
        }
        Some(())
    }

    /// Injection j moves `w = 1 / (j (j + 1))` from cash, an eighth to each stake. All of them together move
    /// less than 1, so cash lasts for ever; what rounding leaves stays cash.
    fn restart(&mut self) -> Option<()> {
        let j = u128::from(self.restarts.checked_add(1)?);
        let share =
            Wealth::SCALE.checked_div(j.checked_mul(j.checked_add(1)?)?.checked_mul(STAKES as u128)?)?;
        self.cash.0 = self.cash.0.checked_sub(share.checked_mul(STAKES as u128)?)?;
        for stake in &mut self.stakes {
            stake.0 = stake.0.checked_add(share)?;
        }
        self.restarts = self.restarts.checked_add(1)?;
        Some(())
    }
}
