//! Governance: proposals, deposits, votes and what follows from them (Cosmos SDK x/gov of 0.53).
//!
//! Owns proposals with their deposits and votes, and executes the messages of those that pass as the module
//! account `gov`, which is the authority over parameters and the admin of the chain's own contracts.
//! Who votes with how much is the [`Electorate`]'s to say. What a block does for proposals that end is bounded:
//! the counting of votes asks at most [`QUESTIONS_PER_BLOCK`] questions, goes on in the next block where it
//! stopped, and nobody votes on a proposal that is being counted. Invariant: the module account holds at least
//! the deposits.

mod convert;
mod count;
mod dec;
mod deposit;
mod electorate;
mod end_block;
mod error;
mod event;
mod execute;
mod genesis;
mod handle;
mod invariants;
mod keys;
mod legacy;
mod msg;
mod options;
mod params;
mod payout;
mod proposal;
mod query;
mod query_legacy;
mod submit;
mod tally;
mod vote;

pub use electorate::{Electorate, Electors, Host, Position};
pub use end_block::{DECIDED_PER_BLOCK, PROPOSALS_PER_BLOCK, end_block};
pub use error::{
    INACTIVE_PROPOSAL, INVALID_DEPOSIT_DENOM, INVALID_PROPOSAL, INVALID_PROPOSAL_CONTENT,
    INVALID_PROPOSAL_MSG, INVALID_PROPOSER, INVALID_SIGNER, INVALID_VOTE, METADATA_TOO_LONG,
    MIN_DEPOSIT_TOO_SMALL, NO_PROPOSAL_HANDLER, NO_PROPOSAL_MSGS, SUMMARY_TOO_LONG, VOTING_PERIOD_ENDED,
};
pub use execute::EXECUTION_GAS;
pub use genesis::{export_genesis, init_genesis};
pub use invariants::check_queues;
pub use legacy::CONTENT_TYPES;
pub use msg::Msg;
pub use payout::{PAYOUTS_PER_BLOCK, check_deposits};
pub use query::query;

/// Name of the module, of its account and of its part of the state.
pub const MODULE: &str = "gov";
/// Most questions to the electorate that one block asks, and what the first proposal of a block needs to begin.
pub const QUESTIONS_PER_BLOCK: u32 = 400;
/// Positions that one question asks for.
pub const POSITIONS_PER_QUESTION: u32 = 8;
