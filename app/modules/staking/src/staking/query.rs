//! Queries of `cosmos.staking.v1beta1.Query`.

use quern_context::answer;
use quern_proto::cosmos::staking::v1beta1 as wire;
use quern_types::{AccAddress, Error, Result, errors};

use super::{
    delegations::{is_delegation, position, positions_at, positions_of, response},
    params,
    unbonding::Clock,
    validators::{self, Look, require},
};
use crate::{
    address::{asked_account, asked_operator},
    contracts::Contracts,
};

/// Answers a query of this service but for `HistoricalInfo`, which needs the past.
pub(crate) fn query(to: Contracts<'_>, method: &str, request: &[u8]) -> Option<Result<Vec<u8>>> {
    Some(match method {
        "Validators" => answer(request, |r| list(to, &r)),
        "Validator" => answer(request, |r: wire::QueryValidatorRequest| {
            let host = require(to, &asked_operator(&r.validator_addr)?)?;
            let validator = Some(Look::now(to)?.validator(&host)?);
            Ok(wire::QueryValidatorResponse { validator })
        }),
        "ValidatorDelegations" => answer(request, |r: wire::QueryValidatorDelegationsRequest| {
            let host = asked_operator(&r.validator_addr)?;
            let page = r.pagination.as_ref();
            let (delegation_responses, pagination) =
                positions_at(to, &host, page, is_delegation, |p| Ok(response(&p)))?;
            Ok(wire::QueryValidatorDelegationsResponse {
                delegation_responses,
                pagination: Some(pagination),
            })
        }),
        "ValidatorUnbondingDelegations" => answer(request, |r| unbonding_at(to, &r)),
        "Delegation" => answer(request, |r: wire::QueryDelegationRequest| {
            let (delegator, host) = pair(&r.delegator_addr, &r.validator_addr)?;
            let found = position(to, &host, &delegator)?.filter(is_delegation);
            let found = found.ok_or_else(|| missing("delegation", &delegator, &host))?;
            Ok(wire::QueryDelegationResponse {
                delegation_response: Some(response(&found)),
            })
        }),
        "UnbondingDelegation" => answer(request, |r: wire::QueryUnbondingDelegationRequest| {
            let (delegator, host) = pair(&r.delegator_addr, &r.validator_addr)?;
            let found = position(to, &host, &delegator)?.zip(Clock::now(to)?);
            let unbond = found.and_then(|(position, clock)| clock.unbonding(&position));
            let unbond = unbond.ok_or_else(|| missing("unbonding delegation", &delegator, &host))?;
            Ok(wire::QueryUnbondingDelegationResponse { unbond: Some(unbond) })
        }),
        "DelegatorDelegations" => answer(request, |r: wire::QueryDelegatorDelegationsRequest| {
            let delegator = asked_account(&r.delegator_addr)?;
            let page = r.pagination.as_ref();
            let (delegation_responses, pagination) =
                positions_of(to, &delegator, page, is_delegation, |p| Ok(response(&p)))?;
            Ok(wire::QueryDelegatorDelegationsResponse {
                delegation_responses,
                pagination: Some(pagination),
            })
        }),
        "DelegatorUnbondingDelegations" => answer(request, |r| unbonding_of(to, &r)),
        "Redelegations" => answer(request, |r| redelegations(to, &r)),
        "DelegatorValidators" => answer(request, |r: wire::QueryDelegatorValidatorsRequest| {
            let delegator = asked_account(&r.delegator_addr)?;
            let look = Look::now(to)?;
            let page = r.pagination.as_ref();
            let (validators, pagination) = positions_of(to, &delegator, page, is_delegation, |p| {
                look.validator(&require(to, &AccAddress::from_bech32(&p.host)?)?)
            })?;
            Ok(wire::QueryDelegatorValidatorsResponse {
                validators,
                pagination: Some(pagination),
            })
        }),
        "DelegatorValidator" => answer(request, |r: wire::QueryDelegatorValidatorRequest| {
            let (delegator, host) = pair(&r.delegator_addr, &r.validator_addr)?;
            let found = position(to, &host, &delegator)?.filter(is_delegation);
            found.ok_or_else(|| missing("delegation", &delegator, &host))?;
            let validator = Some(Look::now(to)?.validator(&require(to, &host)?)?);
            Ok(wire::QueryDelegatorValidatorResponse { validator })
        }),
        "Pool" => answer(request, |_: wire::QueryPoolRequest| {
            let pool = Some(params::pool(to)?);
            Ok(wire::QueryPoolResponse { pool })
        }),
        "Params" => answer(request, |_: wire::QueryParamsRequest| {
            let params = Some(params(to)?);
            Ok(wire::QueryParamsResponse { params })
        }),
        _ => return None,
    })
}

fn pair(delegator: &str, validator: &str) -> Result<(AccAddress, AccAddress)> {
    Ok((asked_account(delegator)?, asked_operator(validator)?))
}

fn missing(what: &str, delegator: &AccAddress, host: &AccAddress) -> Error {
    errors::KEY_NOT_FOUND.wrap(format!(
        "{what} with delegator {delegator} not found for validator {}",
        host.to_validator_bech32()
    ))
}

fn list(to: Contracts<'_>, r: &wire::QueryValidatorsRequest) -> Result<wire::QueryValidatorsResponse> {
    let status = match r.status.as_str() {
        "" => None,
        text => match wire::BondStatus::from_str_name(text) {
            None | Some(wire::BondStatus::Unspecified) => {
                return Err(errors::INVALID_REQUEST.wrap(format!("invalid validator status {text}")));
            }
            status => status,
        },
    };
    let (validators, pagination) = validators::all(to, status, r.pagination.as_ref())?;
    Ok(wire::QueryValidatorsResponse {
        validators,
        pagination: Some(pagination),
    })
}

fn unbonding_at(
    to: Contracts<'_>,
    r: &wire::QueryValidatorUnbondingDelegationsRequest,
) -> Result<wire::QueryValidatorUnbondingDelegationsResponse> {
    let host = asked_operator(&r.validator_addr)?;
    let Some(clock) = Clock::now(to)? else {
        return Ok(Default::default());
    };
    let page = r.pagination.as_ref();
    let keep = |p: &_| clock.unbonding(p).is_some();
    let (unbonding, pagination) = positions_at(to, &host, page, keep, |p| Ok(clock.unbonding(&p)))?;
    Ok(wire::QueryValidatorUnbondingDelegationsResponse {
        unbonding_responses: unbonding.into_iter().flatten().collect(),
        pagination: Some(pagination),
    })
}

fn unbonding_of(
    to: Contracts<'_>,
    r: &wire::QueryDelegatorUnbondingDelegationsRequest,
) -> Result<wire::QueryDelegatorUnbondingDelegationsResponse> {
    let delegator = asked_account(&r.delegator_addr)?;
    let Some(clock) = Clock::now(to)? else {
        return Ok(Default::default());
    };
    let page = r.pagination.as_ref();
    let keep = |p: &_| clock.unbonding(p).is_some();
    let (unbonding, pagination) = positions_of(to, &delegator, page, keep, |p| Ok(clock.unbonding(&p)))?;
    Ok(wire::QueryDelegatorUnbondingDelegationsResponse {
        unbonding_responses: unbonding.into_iter().flatten().collect(),
        pagination: Some(pagination),
    })
}

/// Of a delegator, or of all who leave a host; from one host or to one where the request names them.
fn redelegations(
    to: Contracts<'_>,
    r: &wire::QueryRedelegationsRequest,
) -> Result<wire::QueryRedelegationsResponse> {
    let named = |text: &str| (!text.is_empty()).then(|| asked_operator(text)).transpose();
    let (source, target) = (named(&r.src_validator_addr)?, named(&r.dst_validator_addr)?);
    let target = target.map(|target| target.to_validator_bech32());
    let Some(clock) = Clock::now(to)? else {
        return Ok(Default::default());
    };
    let source_text = source.as_ref().map(ToString::to_string);
    let moving = |p: &_| {
        let mut moving = clock.moving(p);
        moving.retain(|entry| {
            let to = entry.redelegation.as_ref().map(|r| &r.validator_dst_address);
            target.is_none() || to == target.as_ref()
        });
        moving
    };
    let from = |p: &quern_interface::bonding::Position| source_text.as_ref().is_none_or(|s| *s == p.host);
    let keep = |p: &_| from(p) && !moving(p).is_empty();
    let page = r.pagination.as_ref();
    let build = |p| Ok(moving(&p));
    let (found, pagination) = match (&source, r.delegator_addr.is_empty()) {
        (Some(source), true) => positions_at(to, source, page, keep, build)?,
        _ => positions_of(to, &asked_account(&r.delegator_addr)?, page, keep, build)?,
    };
    let all_named = source.is_some() && target.is_some() && !r.delegator_addr.is_empty();
    if all_named && found.is_empty() {
        return Err(errors::KEY_NOT_FOUND.wrap(format!(
            "redelegation not found for delegator address {} from validator address {}",
            r.delegator_addr, r.src_validator_addr
        )));
    }
    Ok(wire::QueryRedelegationsResponse {
        redelegation_responses: found.into_iter().flatten().collect(),
        pagination: Some(pagination),
    })
}
