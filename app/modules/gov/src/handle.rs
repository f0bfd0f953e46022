//! What each message does.

use quern_context::Cx;
use quern_proto::cosmos::{
    base::v1beta1 as base,
    gov::v1::{MsgCancelProposal, MsgCancelProposalResponse, ProposalStatus, WeightedVoteOption},
};
use quern_types::{AccAddress, Result, errors};

use crate::{
    INVALID_PROPOSAL, INVALID_PROPOSER, VOTING_PERIOD_ENDED, convert, deposit, event, legacy, options,
    params, payout, proposal, vote,
};

fn address(text: &str, name: &str) -> Result<AccAddress> {
    AccAddress::from_signer(text)
        .map_err(|e| errors::INVALID_ADDRESS.wrap(format!("invalid {name} address: {e}")))
}

pub(crate) fn vote_for(cx: &Cx, id: u64, voter: &str, option: i32, metadata: String) -> Result<()> {
    let voter = address(voter, "voter")?;
    vote::add(cx, id, &voter, options::whole(option)?, metadata)
}

pub(crate) fn vote_divided(
    cx: &Cx,
    id: u64,
    voter: &str,
    divided: Vec<WeightedVoteOption>,
    metadata: String,
) -> Result<()> {
    let voter = address(voter, "voter")?;
    options::check(&divided)?;
    vote::add(cx, id, &voter, divided, metadata)
}

pub(crate) fn deposit(cx: &Cx, id: u64, depositor: &str, amount: &[base::Coin]) -> Result<()> {
    let depositor = address(depositor, "depositor")?;
    let amount = legacy::positive_coins(amount)?;
    if deposit::add(cx, id, &depositor, &amount)? {
        cx.emit(event::voting_began(event::DEPOSIT, id));
    }
    Ok(())
}

/// Takes a proposal back; a share of its deposits is the price.
pub(crate) fn cancel(cx: &Cx, msg: &MsgCancelProposal) -> Result<MsgCancelProposalResponse> {
    let proposer = address(&msg.proposer, "proposer")?;
    let id = msg.proposal_id;
    let found = proposal::get(cx, id)?;
    if found.proposer != proposer.to_string() {
        return Err(INVALID_PROPOSER.wrap(format!("invalid proposer {}", msg.proposer)));
    }
    let voting = proposal::is(&found, ProposalStatus::VotingPeriod);
    if !voting && !proposal::is(&found, ProposalStatus::DepositPeriod) {
        return Err(INVALID_PROPOSAL.wrap("proposal should be in the deposit or voting period"));
    }
    if voting && convert::stored_time(found.voting_end_time.as_ref())? < cx.block.time {
        return Err(
            VOTING_PERIOD_ENDED.wrap(format!("voting period is already ended for this proposal {id}"))
        );
    }
    let params = params::get(cx)?;
    let share = params::share(&params.proposal_cancel_ratio)?;
    payout::charge(cx, id, &params.proposal_cancel_dest, share)?;
    if voting {
        vote::delete_all(cx, id)?;
    }
    proposal::delete(cx, &found)?;
    cx.emit(event::cancelled(id, &proposer));
    Ok(MsgCancelProposalResponse {
        proposal_id: id,
        canceled_time: Some(quern_proto::time::to_wire(cx.block.time)?),
        canceled_height: cx.block.height,
    })
}
