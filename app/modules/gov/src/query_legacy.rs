//! Queries of `cosmos.gov.v1beta1.Query`, out of the newer version's answers.

use quern_context::{Cx, answer};
use quern_proto::cosmos::gov::{v1, v1beta1 as wire};
use quern_types::{Result, errors};

use crate::{Electorate, legacy, query};

/// Answers a method of the older service; `None` for one that it lacks.
pub(crate) fn answer_method(
    cx: &Cx,
    electorate: &dyn Electorate,
    method: &str,
    request: &[u8],
) -> Option<Result<Vec<u8>>> {
    Some(match method {
        "Proposal" => answer(request, |r: wire::QueryProposalRequest| {
            let proposal = Some(legacy::old_proposal(query::one(cx, r.proposal_id)?)?);
            Ok(wire::QueryProposalResponse { proposal })
        }),
        "Proposals" => answer(request, |r: wire::QueryProposalsRequest| {
            let new = v1::QueryProposalsRequest {
                proposal_status: r.proposal_status,
                voter: r.voter,
                depositor: r.depositor,
                pagination: r.pagination,
            };
            let found = query::proposals(cx, &new)?;
            let proposals = found.proposals.into_iter().map(legacy::old_proposal);
            Ok(wire::QueryProposalsResponse {
                proposals: proposals.collect::<Result<_>>()?,
                pagination: found.pagination,
            })
        }),
        "Vote" => answer(request, |r: wire::QueryVoteRequest| {
            let new = v1::QueryVoteRequest {
                proposal_id: r.proposal_id,
                voter: r.voter,
            };
            let found = query::of_voter(cx, &new)?.vote;
            Ok(wire::QueryVoteResponse {
                vote: found.map(legacy::old_vote).transpose()?,
            })
        }),
        "Votes" => answer(request, |r: wire::QueryVotesRequest| {
            let new = v1::QueryVotesRequest {
                proposal_id: r.proposal_id,
                pagination: r.pagination,
            };
            let found = query::votes(cx, &new)?;
            let votes = found.votes.into_iter().map(legacy::old_vote);
            Ok(wire::QueryVotesResponse {
                votes: votes.collect::<Result<_>>()?,
                pagination: found.pagination,
            })
        }),
        "Params" => answer(request, |r| params(cx, r)),
        "Deposit" => answer(request, |r: wire::QueryDepositRequest| {
            let new = v1::QueryDepositRequest {
                proposal_id: r.proposal_id,
                depositor: r.depositor,
            };
            let found = query::of_depositor(cx, &new)?.deposit;
            Ok(wire::QueryDepositResponse {
                deposit: found.map(legacy::old_deposit),
            })
        }),
        "Deposits" => answer(request, |r: wire::QueryDepositsRequest| {
            let new = v1::QueryDepositsRequest {
                proposal_id: r.proposal_id,
                pagination: r.pagination,
            };
            let found = query::deposits(cx, &new)?;
            Ok(wire::QueryDepositsResponse {
                deposits: found.deposits.into_iter().map(legacy::old_deposit).collect(),
                pagination: found.pagination,
            })
        }),
        "TallyResult" => answer(request, |r: wire::QueryTallyResultRequest| {
            let new = v1::QueryTallyResultRequest {
                proposal_id: r.proposal_id,
            };
            let found = query::tally(cx, electorate, &new)?.tally;
            Ok(wire::QueryTallyResultResponse {
                tally: found.map(legacy::old_tally),
            })
        }),
        _ => return None,
    })
}

/// One part of the parameters; the others are answered as nothing, as the SDK does.
#[allow(deprecated)]
fn params(cx: &Cx, r: wire::QueryParamsRequest) -> Result<wire::QueryParamsResponse> {
    let new = v1::QueryParamsRequest {
        params_type: r.params_type,
    };
    let found = query::parameters(cx, &new)?;
    let zero = || b"0".to_vec();
    let mut response = wire::QueryParamsResponse {
        voting_params: Some(wire::VotingParams {
            voting_period: Some(prost_types::Duration::default()),
        }),
        deposit_params: Some(wire::DepositParams {
            max_deposit_period: Some(prost_types::Duration::default()),
            ..Default::default()
        }),
        tally_params: Some(wire::TallyParams {
            quorum: zero(),
            threshold: zero(),
            veto_threshold: zero(),
        }),
    };
    if let Some(part) = found.voting_params {
        response.voting_params = Some(wire::VotingParams {
            voting_period: part.voting_period,
        });
    } else if let Some(part) = found.deposit_params {
        response.deposit_params = Some(wire::DepositParams {
            min_deposit: part.min_deposit,
            max_deposit_period: part.max_deposit_period,
        });
    } else if let Some(part) = found.tally_params {
        response.tally_params = Some(wire::TallyParams {
            quorum: legacy::old_share(&part.quorum)?,
            threshold: legacy::old_share(&part.threshold)?,
            veto_threshold: legacy::old_share(&part.veto_threshold)?,
        });
    } else {
        let text = format!("{} is not a valid parameter type", new.params_type);
        return Err(errors::INVALID_REQUEST.wrap(text));
    }
    Ok(response)
}
