//! Queries of `cosmos.gov.v1.Query`; the older version's answers follow from them.

use quern_context::{Cx, answer, paginate};
use quern_proto::cosmos::gov::v1::{self as wire, ProposalStatus};
use quern_types::{AccAddress, Error, Result, errors};

use crate::{
    Electorate, MODULE, count, deposit, error::KEY_NOT_FOUND, keys, params, proposal, query_legacy, submit,
    vote,
};

/// Answers a query of this module; `None` for another's path.
pub fn query(cx: &Cx, electorate: &dyn Electorate, path: &str, request: &[u8]) -> Option<Result<Vec<u8>>> {
    if let Some(method) = path.strip_prefix("/cosmos.gov.v1beta1.Query/") {
        return query_legacy::answer_method(cx, electorate, method, request);
    }
    Some(match path.strip_prefix("/cosmos.gov.v1.Query/")? {
        "Constitution" => answer(request, |_: wire::QueryConstitutionRequest| {
            let bytes = cx.kv(MODULE).get(keys::CONSTITUTION)?.unwrap_or_default();
            Ok(wire::QueryConstitutionResponse {
                constitution: String::from_utf8(bytes).map_err(Error::halt)?,
            })
        }),
        "Proposal" => answer(request, |r: wire::QueryProposalRequest| {
            let proposal = Some(one(cx, r.proposal_id)?);
            Ok(wire::QueryProposalResponse { proposal })
        }),
        "Proposals" => answer(request, |r| proposals(cx, &r)),
        "Vote" => answer(request, |r| of_voter(cx, &r)),
        "Votes" => answer(request, |r| votes(cx, &r)),
        "Params" => answer(request, |r| parameters(cx, &r)),
        "Deposit" => answer(request, |r| of_depositor(cx, &r)),
        "Deposits" => answer(request, |r| deposits(cx, &r)),
        "TallyResult" => answer(request, |r| tally(cx, electorate, &r)),
        _ => return None,
    })
}

fn check_id(id: u64) -> Result<()> {
    match id {
        0 => Err(errors::INVALID_REQUEST.wrap("proposal id can not be 0")),
        _ => Ok(()),
    }
}

pub(crate) fn one(cx: &Cx, id: u64) -> Result<wire::Proposal> {
    check_id(id)?;
    proposal::find(cx, id)?.ok_or_else(|| errors::KEY_NOT_FOUND.wrap(format!("proposal {id} doesn't exist")))
}

pub(crate) fn proposals(cx: &Cx, r: &wire::QueryProposalsRequest) -> Result<wire::QueryProposalsResponse> {
    let address = |text: &str| match text {
        "" => Ok(None),
        _ => AccAddress::from_bech32(text).map(Some),
    };
    let (voter, depositor) = (address(&r.voter)?, address(&r.depositor)?);
    let status = Some(r.proposal_status).filter(|s| (1..=5).contains(s));
    let state = cx.kv(MODULE);
    let kv = state.under(keys::PROPOSALS);
    let (proposals, page) = paginate(&kv, r.pagination.as_ref(), |_, value| {
        let found = proposal::decode(value)?;
        if status.is_some_and(|status| status != found.status) {
            return Ok(None);
        }
        for key in [
            voter.as_ref().map(|voter| keys::vote(found.id, voter)),
            depositor
                .as_ref()
                .map(|depositor| keys::deposit(found.id, depositor)),
        ]
        .into_iter()
        .flatten()
        {
            if !state.has(&key)? {
                return Ok(None);
            }
        }
        Ok(Some(found))
    })?;
    Ok(wire::QueryProposalsResponse {
        proposals,
        pagination: Some(page),
    })
}

pub(crate) fn of_voter(cx: &Cx, r: &wire::QueryVoteRequest) -> Result<wire::QueryVoteResponse> {
    check_id(r.proposal_id)?;
    if r.voter.is_empty() {
        return Err(errors::INVALID_REQUEST.wrap("empty voter address"));
    }
    let found = vote::find(cx, r.proposal_id, &AccAddress::from_bech32(&r.voter)?)?;
    let found = found.ok_or_else(|| {
        // InvalidArgument, as in the SDK
        errors::INVALID_REQUEST.wrap(format!(
            "voter: {} not found for proposal: {}",
            r.voter, r.proposal_id
        ))
    })?;
    Ok(wire::QueryVoteResponse { vote: Some(found) })
}

pub(crate) fn votes(cx: &Cx, r: &wire::QueryVotesRequest) -> Result<wire::QueryVotesResponse> {
    check_id(r.proposal_id)?;
    let kv = cx.kv(MODULE).under(&keys::votes(r.proposal_id));
    let (votes, page) = paginate(&kv, r.pagination.as_ref(), |_, value| {
        vote::decode(value).map(Some)
    })?;
    Ok(wire::QueryVotesResponse {
        votes,
        pagination: Some(page),
    })
}

#[allow(deprecated)] // explorers still ask for the parts
pub(crate) fn parameters(cx: &Cx, r: &wire::QueryParamsRequest) -> Result<wire::QueryParamsResponse> {
    let params = params::get(cx)?;
    let mut response = wire::QueryParamsResponse::default();
    match r.params_type.as_str() {
        "deposit" => {
            response.deposit_params = Some(wire::DepositParams {
                min_deposit: params.min_deposit.clone(),
                max_deposit_period: params.max_deposit_period,
            });
        }
        "voting" => {
            response.voting_params = Some(wire::VotingParams {
                voting_period: params.voting_period,
            });
        }
        "tallying" => {
            response.tally_params = Some(wire::TallyParams {
                quorum: params.quorum.clone(),
                threshold: params.threshold.clone(),
                veto_threshold: params.veto_threshold.clone(),
            });
        }
        "" => {}
        other => {
            return Err(errors::INVALID_REQUEST.wrap(format!("unknown params type: {other:.100}")));
        }
    }
    response.params = Some(params);
    Ok(response)
}

pub(crate) fn of_depositor(cx: &Cx, r: &wire::QueryDepositRequest) -> Result<wire::QueryDepositResponse> {
    check_id(r.proposal_id)?;
    if r.depositor.is_empty() {
        return Err(errors::INVALID_REQUEST.wrap("empty depositor address"));
    }
    let found = deposit::find(cx, r.proposal_id, &AccAddress::from_bech32(&r.depositor)?)?;
    let found = found.ok_or_else(|| {
        errors::KEY_NOT_FOUND.wrap(format!(
            "{KEY_NOT_FOUND}: key '(\"{}\", \"{}\")' of type github.com/cosmos/gogoproto/cosmos.gov.v1.Deposit",
            r.proposal_id, r.depositor
        ))
    })?;
    Ok(wire::QueryDepositResponse { deposit: Some(found) })
}

pub(crate) fn deposits(cx: &Cx, r: &wire::QueryDepositsRequest) -> Result<wire::QueryDepositsResponse> {
    check_id(r.proposal_id)?;
    let kv = cx.kv(MODULE).under(&keys::deposits(r.proposal_id));
    let (deposits, page) = paginate(&kv, r.pagination.as_ref(), |_, value| {
        deposit::decode(value).map(Some)
    })?;
    Ok(wire::QueryDepositsResponse {
        deposits,
        pagination: Some(page),
    })
}

/// The final result, or what a count would find now: within the gas of a query.
pub(crate) fn tally(
    cx: &Cx,
    electorate: &dyn Electorate,
    r: &wire::QueryTallyResultRequest,
) -> Result<wire::QueryTallyResultResponse> {
    let found = one(cx, r.proposal_id)?;
    let tally = if proposal::is(&found, ProposalStatus::DepositPeriod) {
        Some(submit::empty_tally())
    } else if proposal::is(&found, ProposalStatus::VotingPeriod) {
        let mut unlimited = u32::MAX;
        let done = count::step(&cx.fork(), electorate, found.id, &mut unlimited, true)?;
        done.map(|done| done.sums.to_wire())
    } else {
        found.final_tally_result
    };
    Ok(wire::QueryTallyResultResponse { tally })
}
