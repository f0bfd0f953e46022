//! Settlement's arithmetic: how one session's escrow is split, claimed, moved and divided.
//!
//! Pure, so that the contract, the executable model and the clients compute the same. Hosts are seats,
//! numbered in the order of the committee. Between opening and close the limits and the router's share add
//! up to the escrow exactly, and no claim exceeds its limit.

mod claim;
mod divide;
mod moves;
mod split;

pub use divide::Division;
pub use split::{split, Split};

use crate::Amount;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Basis points in one.
const BPS: u128 = 10_000;

/// Most hosts of a committee.
pub const MAX_SEATS: usize = 8;
/// Most rebalances that one session takes.
pub const MAX_REBALANCES: u32 = 32;

/// One host's part of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// Most that the host may be paid: its share of the draw, less what it gave, plus what it received.
    pub limit: Amount,
    /// Captures proven so far; at most the limit.
    pub claimed: Amount,
    /// Receipts behind them.
    pub receipts: u64,
}

impl Seat {
    /// What can still be claimed or moved.
    pub const fn free(&self) -> Amount {
        self.limit.saturating_sub(self.claimed)
    }
}

/// What one host has released to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Gives.
    pub from: usize,
    /// Receives.
    pub to: usize,
    /// Moved so far by this pair's releases.
    pub cumulative: Amount,
}

/// A rebalance that waits for the giving host's proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Gives.
    pub from: usize,
    /// Receives.
    pub to: usize,
    /// At most.
    pub amount: Amount,
    /// First height at which it can be executed.
    pub due_at: u64,
}

/// One session's money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Escrow.
    pub escrow: Amount,
    /// Kept aside for the router: its fee if every limit is claimed.
    pub router_share: Amount,
    /// Router's fee in basis points of what is paid for.
    pub fee_bps: u32,
    /// Burned out of every pay, in basis points.
    pub burn_bps: u32,
    /// Hosts in the order of the committee.
    pub seats: Vec<Seat>,
    /// Releases that were presented, one entry a pair.
    pub released: Vec<Moved>,
    /// Rebalances under way, at most one a giving host.
    pub pending: Vec<Pending>,
    /// Rebalances asked for so far.
    pub rebalances: u32,
}

impl Ledger {
    /// The ledger of a session whose committee has these weights. See [`split()`].
    pub fn open(escrow: Amount, fee_bps: u32, burn_bps: u32, weights: &[u64]) -> Result<Self, LedgerError> {
        let Split { limits, router_share } =
            split(escrow, fee_bps, weights).ok_or(LedgerError::NothingToSplit)?;
        let seats = limits.into_iter().map(|limit| Seat {
            limit,
            ..Seat::default()
        });
        Ok(Self {
            escrow,
            router_share,
            fee_bps,
            burn_bps,
            seats: seats.collect(),
            released: Vec::new(),
            pending: Vec::new(),
            rebalances: 0,
        })
    }

    /// Whether limits and share add up to the escrow and no claim exceeds its limit. Always true; tests and
    /// the model ask.
    pub fn holds(&self) -> bool {
        let limits = self.seats.iter().map(|seat| seat.limit);
        Amount::sum(limits.chain([self.router_share])) == Some(self.escrow)
            && self.seats.iter().all(|seat| seat.claimed <= seat.limit)
    }

    fn seat(&self, seat: usize) -> Result<&Seat, LedgerError> {
        self.seats.get(seat).ok_or(LedgerError::UnknownSeat)
    }

    fn seat_mut(&mut self, seat: usize) -> Result<&mut Seat, LedgerError> {
        self.seats.get_mut(seat).ok_or(LedgerError::UnknownSeat)
    }
}

/// Why a step is refused; the ledger is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerError {
    /// No weight, too many seats, a fee above the whole, or an escrow that a unit does not reach.
    NothingToSplit,
    /// No such seat.
    UnknownSeat,
    /// Giver and receiver are one host, or the amount is zero.
    NothingAsked,
    /// The claim proves no more than is already proven.
    NothingGained,
    /// Everything that the release allows was moved, or nothing is left to move.
    NothingToMove,
    /// A rebalance of this host waits already.
    AlreadyPending,
    /// The session took its most rebalances.
    TooManyRebalances,
    /// No rebalance of this host waits.
    NotPending,
    /// The host may still prove its captures.
    NotDue,
    /// A sum does not fit.
    Overflow,
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NothingToSplit => "the escrow cannot be split",
            Self::UnknownSeat => "no such seat in the committee",
            Self::NothingAsked => "nothing would move",
            Self::NothingGained => "no more than is already proven",
            Self::NothingToMove => "nothing is left to move",
            Self::AlreadyPending => "a rebalance of this host waits already",
            Self::TooManyRebalances => "the session took its most rebalances",
            Self::NotPending => "no rebalance of this host waits",
            Self::NotDue => "the host may still prove its captures",
            Self::Overflow => "a sum does not fit",
        })
    }
}

impl std::error::Error for LedgerError {}
