//! Queries of `cosmos.distribution.v1beta1.Query`.

use quern_context::answer;
use quern_interface::{
    bonding::{FunderRewards, HostIncome, QueryMsg, SlashRecord},
    rewards,
};
use quern_proto::cosmos::{base::v1beta1::DecCoin, distribution::v1beta1 as wire};
use quern_protocol::Amount;
use quern_system::REWARDS;
use quern_types::{AccAddress, BASE_DENOM, Error, Result, errors, module_address};

use super::withdraw_address;
use crate::{
    NO_DELEGATION, NO_VALIDATOR,
    address::{asked_account, asked_operator},
    contracts::Contracts,
    listing::{self, Source, entries},
    number as dec,
    staking::{delegations_of, fetch_of, is_delegation, position, valoper},
};

/// Positions of one delegator that answers without pages list.
const MAX_POSITIONS: usize = 300;

/// Answers a query of this service.
pub(crate) fn query(to: Contracts<'_>, method: &str, request: &[u8]) -> Option<Result<Vec<u8>>> {
    Some(match method {
        "Params" => answer(request, |_: wire::QueryParamsRequest| {
            let params = Some(params(to)?);
            Ok(wire::QueryParamsResponse { params })
        }),
        "ValidatorDistributionInfo" => answer(request, |r: wire::QueryValidatorDistributionInfoRequest| {
            let host = validator(&r.validator_address)?;
            let income = income(to, &host)?;
            Ok(wire::QueryValidatorDistributionInfoResponse {
                operator_address: host.to_string(),
                self_bond_rewards: coins(income.own),
                commission: coins(income.commission),
            })
        }),
        "ValidatorOutstandingRewards" => {
            answer(request, |r: wire::QueryValidatorOutstandingRewardsRequest| {
                let income = income(to, &validator(&r.validator_address)?)?;
                let all =
                    Amount::sum([income.commission, income.own, income.funders]).ok_or_else(too_large)?;
                let rewards = Some(wire::ValidatorOutstandingRewards { rewards: coins(all) });
                Ok(wire::QueryValidatorOutstandingRewardsResponse { rewards })
            })
        }
        "ValidatorCommission" => answer(request, |r: wire::QueryValidatorCommissionRequest| {
            let commission = coins(income(to, &validator(&r.validator_address)?)?.commission);
            Ok(wire::QueryValidatorCommissionResponse {
                commission: Some(wire::ValidatorAccumulatedCommission { commission }),
            })
        }),
        "ValidatorSlashes" => answer(request, |r| slashes(to, &r)),
        "DelegationRewards" => answer(request, |r: wire::QueryDelegationRewardsRequest| {
            named("delegator", &r.delegator_address)?;
            let host = validator(&r.validator_address)?;
            known(to, &host)?;
            let delegator = delegator(&r.delegator_address)?;
            let earned = earned(to, &delegator, &host)?.ok_or(&NO_DELEGATION)?;
            Ok(wire::QueryDelegationRewardsResponse {
                rewards: coins(earned),
            })
        }),
        "DelegationTotalRewards" => answer(request, |r: wire::QueryDelegationTotalRewardsRequest| {
            total(to, &delegator(&r.delegator_address)?)
        }),
        "DelegatorValidators" => answer(request, |r: wire::QueryDelegatorValidatorsRequest| {
            let delegator = delegator(&r.delegator_address)?;
            let held = delegations_of(to, &delegator, MAX_POSITIONS)?;
            let validators = held.iter().map(|p| valoper(&p.host)).collect();
            Ok(wire::QueryDelegatorValidatorsResponse { validators })
        }),
        "DelegatorWithdrawAddress" => answer(request, |r: wire::QueryDelegatorWithdrawAddressRequest| {
            let delegator = delegator(&r.delegator_address)?;
            Ok(wire::QueryDelegatorWithdrawAddressResponse {
                withdraw_address: withdraw_address::get(to.cx, &delegator)?.to_string(),
            })
        }),
        "CommunityPool" => answer(request, |_: wire::QueryCommunityPoolRequest| {
            let held = quern_bank::all_balances(to.cx, &module_address("distribution"))?;
            let coin = |coin: &quern_types::Coin| DecCoin {
                denom: coin.denom.to_string(),
                amount: dec::whole(Amount(coin.amount)),
            };
            Ok(wire::QueryCommunityPoolResponse {
                pool: held.iter().map(coin).collect(),
            })
        }),
        _ => return None,
    })
}

/// A delegator that is asked about.
fn delegator(text: &str) -> Result<AccAddress> {
    named("delegator", text)?;
    asked_account(text)
}

/// The host of a validator that is asked about.
fn validator(text: &str) -> Result<AccAddress> {
    named("validator", text)?;
    asked_operator(text)
}

/// Whether a request names an address at all, in this module's own words.
fn named(what: &str, text: &str) -> Result<()> {
    if text.is_empty() {
        return Err(errors::INVALID_REQUEST.wrap(format!("empty {what} address")));
    }
    Ok(())
}

/// Whether a host is registered.
fn known(to: Contracts<'_>, host: &AccAddress) -> Result<()> {
    to.host(host)?.ok_or(&NO_VALIDATOR)?;
    Ok(())
}

fn too_large() -> Error {
    errors::LOGIC.wrap("a sum does not fit")
}

/// An amount of the chain's coin; none at zero, as the SDK lists it.
fn coins(amount: Amount) -> Vec<DecCoin> {
    let coin = || DecCoin {
        denom: BASE_DENOM.into(),
        amount: dec::whole(amount),
    };
    (!amount.is_zero()).then(coin).into_iter().collect()
}

/// The tax on emission. Proposers of blocks earn nothing by it.
pub(crate) fn params(to: Contracts<'_>) -> Result<wire::Params> {
    let params: Option<rewards::Params> = to.ask(REWARDS, &rewards::QueryMsg::Params {})?;
    #[allow(deprecated, reason = "the wire still has them")]
    Ok(wire::Params {
        community_tax: dec::bps(params.map_or(0, |params| params.tax_bps)),
        base_proposer_reward: "0".into(),
        bonus_proposer_reward: "0".into(),
        withdraw_addr_enabled: true,
    })
}

/// What a host and its funders are owed.
fn income(to: Contracts<'_>, host: &AccAddress) -> Result<HostIncome> {
    known(to, host)?;
    let question = QueryMsg::Commission {
        host: host.to_string(),
    };
    to.bonding(&question)?
        .ok_or_else(|| errors::KEY_NOT_FOUND.wrap("this chain has no bonds"))
}

/// Slashes in these heights. What stands for a period is the slash's number, which counts those of all hosts.
fn slashes(
    to: Contracts<'_>,
    r: &wire::QueryValidatorSlashesRequest,
) -> Result<wire::QueryValidatorSlashesResponse> {
    named("validator", &r.validator_address)?;
    if r.ending_height < r.starting_height {
        return Err(errors::INVALID_REQUEST.wrap(format!(
            "starting height greater than ending height ({} > {})",
            r.starting_height, r.ending_height
        )));
    }
    let host = asked_operator(&r.validator_address);
    let host = host.map_err(|_| errors::INVALID_REQUEST.wrap("invalid validator address"))?;
    let fetch = |start_after: Option<String>, limit| {
        let bad = |_| errors::INVALID_REQUEST.wrap("invalid key");
        let question = QueryMsg::Slashes {
            host: Some(host.to_string()),
            start_after: start_after.map(|text| text.parse().map_err(bad)).transpose()?,
            limit: Some(limit),
        };
        Ok(to.bonding(&question)?.unwrap_or_default())
    };
    let name = |slash: &SlashRecord| slash.number.to_string();
    let keep = |slash: &SlashRecord| Ok((r.starting_height..=r.ending_height).contains(&slash.height));
    let build = |slash: SlashRecord| {
        Ok(wire::ValidatorSlashEvent {
            validator_period: slash.number,
            fraction: dec::bps(slash.fraction_bps),
        })
    };
    let (slashes, pagination) = listing::page(r.pagination.as_ref(), Source { fetch, name }, keep, build)?;
    Ok(wire::QueryValidatorSlashesResponse {
        slashes,
        pagination: Some(pagination),
    })
}

/// What a position earned and was not paid yet; `None` where there is no delegation.
pub(crate) fn earned(to: Contracts<'_>, delegator: &AccAddress, host: &AccAddress) -> Result<Option<Amount>> {
    let owed = owed(to, delegator, host)?;
    // what earned may be gone before it is paid
    let found = !owed.is_zero() || position(to, host, delegator)?.is_some_and(|held| is_delegation(&held));
    Ok(found.then_some(owed))
}

/// The same; zero where there is no position.
pub(crate) fn owed(to: Contracts<'_>, delegator: &AccAddress, host: &AccAddress) -> Result<Amount> {
    let question = QueryMsg::FunderRewards {
        host: host.to_string(),
        funder: delegator.to_string(),
    };
    let found: Option<FunderRewards> = to.bonding(&question)?;
    Ok(found.map(|found| found.amount).unwrap_or_default())
}

fn total(to: Contracts<'_>, delegator: &AccAddress) -> Result<wire::QueryDelegationTotalRewardsResponse> {
    let (found, sum) = rewards_of(to, delegator, MAX_POSITIONS)?;
    let reward = |rewards: FunderRewards| wire::DelegationDelegatorReward {
        validator_address: valoper(&rewards.host),
        reward: coins(rewards.amount),
    };
    Ok(wire::QueryDelegationTotalRewardsResponse {
        rewards: found.into_iter().map(reward).collect(),
        total: coins(sum),
    })
}

/// What the first `most` of a delegator's positions earned and were not paid yet, and the sum of it. As the SDK, without
/// those that coins only leave, unless something is owed to them still.
pub(crate) fn rewards_of(
    to: Contracts<'_>,
    delegator: &AccAddress,
    most: usize,
) -> Result<(Vec<FunderRewards>, Amount)> {
    let fetch = |start_after: Option<String>, limit| {
        let question = QueryMsg::RewardsOf {
            funder: delegator.to_string(),
            start_after: start_after.clone(),
            limit: Some(limit),
        };
        let found: Vec<FunderRewards> = to.bonding(&question)?.unwrap_or_default();
        let unpaid = |rewards: &FunderRewards| !rewards.amount.is_zero();
        let held = match found.iter().all(unpaid) {
            true => Vec::new(),
            false => fetch_of(to, delegator, start_after, limit)?,
        };
        let delegated = |host: &String| held.iter().any(|held| held.host == *host && is_delegation(held));
        let listed = |rewards: FunderRewards| {
            let kept = unpaid(&rewards) || delegated(&rewards.host);
            (rewards, kept)
        };
        Ok(found.into_iter().map(listed).collect::<Vec<_>>())
    };
    let name = |(rewards, _): &(FunderRewards, bool)| rewards.host.clone();
    let found = entries(fetch, &name, None)
        .take(most)
        .filter_map(|found| found.map(|(rewards, kept)| kept.then_some(rewards)).transpose());
    let found = found.collect::<Result<Vec<_>>>()?;
    let sum = Amount::sum(found.iter().map(|rewards| rewards.amount)).ok_or_else(too_large)?;
    Ok((found, sum))
}
