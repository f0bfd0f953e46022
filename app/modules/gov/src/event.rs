//! Events of governance.

use quern_proto::cosmos::gov::v1::WeightedVoteOption;
use quern_types::{AccAddress, Coins, Event};

use crate::options;

pub(crate) const SUBMIT: &str = "submit_proposal";
pub(crate) const DEPOSIT: &str = "proposal_deposit";

pub(crate) fn submitted(id: u64, proposer: &AccAddress, types: &str) -> Event {
    Event::new(SUBMIT)
        .with("proposal_id", id)
        .with("proposal_proposer", proposer)
        .with("proposal_messages", types)
}

/// The voting period began with a submission or a deposit.
pub(crate) fn voting_began(event: &str, id: u64) -> Event {
    Event::new(event).with("voting_period_start", id)
}

pub(crate) fn deposited(id: u64, depositor: &AccAddress, amount: &Coins) -> Event {
    Event::new(DEPOSIT)
        .with("depositor", depositor)
        .with("amount", amount)
        .with("proposal_id", id)
}

pub(crate) fn voted(id: u64, voter: &AccAddress, vote: &[WeightedVoteOption]) -> Event {
    Event::new("proposal_vote")
        .with("voter", voter)
        .with("option", options::show(vote))
        .with("proposal_id", id)
}

pub(crate) fn cancelled(id: u64, sender: &AccAddress) -> Event {
    Event::new("cancel_proposal")
        .with("sender", sender)
        .with("proposal_id", id)
}

pub(crate) fn dropped(id: u64) -> Event {
    Event::new("inactive_proposal")
        .with("proposal_id", id)
        .with("proposal_result", "proposal_dropped")
}

pub(crate) fn decided(id: u64, result: &str, log: &str) -> Event {
    Event::new("active_proposal")
        .with("proposal_id", id)
        .with("proposal_result", result)
        .with("proposal_log", log)
}

/// Our own: what governance did not hold any more could not be paid back.
pub(crate) fn unpaid(id: u64, depositor: &AccAddress, amount: &Coins) -> Event {
    Event::new("proposal_deposit_unpaid")
        .with("proposal_id", id)
        .with("depositor", depositor)
        .with("amount", amount)
}
