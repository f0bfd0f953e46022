//! Queries of `cosmos.staking.v1beta1.Query`.

use quern_context::answer;
use quern_proto::cosmos::staking::v1beta1 as wire;
use quern_types::{AccAddress, Error, Result, errors};

use super::{
    delegations::{is_delegation, position, positions_at, positions_of, response},
    params,
    redelegations::redelegations,
    unbonding::Clock,
    validators::{self, Look, require},
};
use crate::{
    NO_DELEGATION,
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
            found.ok_or_else(|| errors::KEY_NOT_FOUND.wrap(NO_DELEGATION.text))?;
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
    // whether both are there, before either is read
    if !delegator.is_empty() && validator.is_empty() {
        asked_operator(validator)?;
    }
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
