//! What a block's end does for proposals whose period has ended.

use std::sync::Arc;

use quern_context::{Cx, Router};
use quern_proto::cosmos::gov::v1::{Proposal, ProposalStatus};
use quern_types::{Error, Result};

use crate::{
    Electorate, PAYOUTS_PER_BLOCK, QUESTIONS_PER_BLOCK, convert, count, event, execute, keys, params, payout,
    proposal,
};

/// Proposals of each kind, inactive and active, that one block's end looks at.
pub const PROPOSALS_PER_BLOCK: usize = 100;
/// Proposals that one block's end decides at most: each may use [`EXECUTION_GAS`](crate::EXECUTION_GAS).
pub const DECIDED_PER_BLOCK: usize = 4;
/// Bytes of an error that a proposal keeps.
const MAX_REASON: usize = 4096;

/// Drops proposals without enough deposits, counts votes and executes what has passed, within bounds; what is
/// left is the next block's.
///
/// # Errors
/// Only a halt.
pub fn end_block(cx: &Cx, router: &Arc<dyn Router>, electorate: &dyn Electorate) -> Result<()> {
    let mut payouts = PAYOUTS_PER_BLOCK;
    payout::pay_out(cx, &mut payouts)?;
    let now = cx.block.time;
    for id in proposal::ended(cx, keys::INACTIVE, now, PROPOSALS_PER_BLOCK)? {
        drop_inactive(cx, &known(cx, id)?, &mut payouts)?;
    }
    let mut questions = QUESTIONS_PER_BLOCK;
    let due = proposal::ended(cx, keys::ACTIVE, now, PROPOSALS_PER_BLOCK)?;
    let mut decided = 0;
    for (i, id) in due.into_iter().enumerate() {
        if questions == 0 || decided == DECIDED_PER_BLOCK {
            break;
        }
        // a proposal that governance itself made may have been cancelled by one that passed just now
        let Some(proposal) =
            proposal::find(cx, id)?.filter(|p| proposal::is(p, ProposalStatus::VotingPeriod))
        else {
            continue;
        };
        match count::step(cx, electorate, id, &mut questions, i == 0)? {
            None => break,
            Some(done) => decide(cx, router, proposal, &done, &mut payouts)?,
        }
        decided = decided.saturating_add(1);
    }
    Ok(())
}

fn known(cx: &Cx, id: u64) -> Result<Proposal> {
    proposal::find(cx, id)?.ok_or_else(|| Error::halt(format!("proposal {id} of a queue is not there")))
}

fn drop_inactive(cx: &Cx, proposal: &Proposal, payouts: &mut u32) -> Result<()> {
    proposal::delete(cx, proposal)?;
    let burn = params::get(cx)?.burn_proposal_deposit_prevote;
    payout::begin(cx, proposal.id, burn)?;
    payout::pay_out(cx, payouts)?;
    cx.emit(event::dropped(proposal.id));
    tracing::info!(
        proposal = proposal.id,
        "proposal did not meet minimum deposit; deleted"
    );
    Ok(())
}

fn decide(
    cx: &Cx,
    router: &Arc<dyn Router>,
    mut proposal: Proposal,
    done: &count::Done,
    payouts: &mut u32,
) -> Result<()> {
    let params = params::get(cx)?;
    let rules = params::rules(&params)?;
    let verdict = done.sums.verdict(done.total, &rules, proposal.expedited);
    proposal::dequeue(cx, &proposal)?;
    // an expedited proposal that fails keeps its deposits for the regular vote
    if verdict.passes || !proposal.expedited {
        payout::begin(cx, proposal.id, verdict.burn)?;
        payout::pay_out(cx, payouts)?;
    }
    let (result, log) = if verdict.passes {
        carry_out(cx, router, &mut proposal)?
    } else if proposal.expedited {
        proposal.expedited = false;
        let start = convert::stored_time(proposal.voting_start_time.as_ref())?;
        let end = convert::after(start, params.voting_period.as_ref())?;
        proposal.voting_end_time = Some(quern_proto::time::to_wire(end)?);
        proposal::enqueue(cx, &proposal)?;
        let log = "expedited proposal converted to regular".to_owned();
        ("expedited_proposal_rejected", log)
    } else {
        proposal.status = ProposalStatus::Rejected.into();
        "proposal did not get enough votes to pass".clone_into(&mut proposal.failed_reason);
        ("proposal_rejected", "rejected".to_owned())
    };
    proposal.final_tally_result = Some(done.sums.to_wire());
    proposal::set(cx, &proposal)?;
    tracing::info!(proposal = proposal.id, result, log, "proposal tallied");
    cx.emit(event::decided(proposal.id, result, &log));
    Ok(())
}

/// Executes a proposal that passed and says what came of it.
fn carry_out(cx: &Cx, router: &Arc<dyn Router>, proposal: &mut Proposal) -> Result<(&'static str, String)> {
    // its own messages find it closed: nobody would pay back what they deposit on it or count their votes
    proposal.status = ProposalStatus::Passed.into();
    proposal::set(cx, proposal)?;
    match execute::messages(cx, router, &proposal.messages)? {
        None => Ok(("proposal_passed", "passed".to_owned())),
        Some(failure) => {
            let reason = cut(failure.error.to_string());
            let ty = proposal.messages.get(failure.at).map(|m| m.type_url.as_str());
            let log = format!(
                "passed, but msg {} ({}) failed on execution: {reason}",
                failure.at,
                ty.unwrap_or_default()
            );
            proposal.status = ProposalStatus::Failed.into();
            proposal.failed_reason = reason;
            Ok(("proposal_failed", log))
        }
    }
}

/// Contracts add to an error what they like; the state keeps a bounded part of it.
fn cut(mut text: String) -> String {
    if text.len() > MAX_REASON {
        let end = (0..=MAX_REASON).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or(0));
        text.push_str("...");
    }
    text
}
