//! What contracts are told of staking: the answers of the staking pages, in the words of contracts.

use quern_context::{Cx, Router};
use quern_staking::{Stake, ValidatorRates, View, decimal};
use quern_types::{AccAddress, BASE_DENOM, Result};
use quern_wasm::{
    Staking,
    json::{DecCoin, Delegation, DelegatorReward, FullDelegation, TotalRewards, Validator, WireCoin},
};

/// The chain's own contracts of bonds and rewards, through the staking module.
pub(crate) struct Stakes;

impl Staking for Stakes {
    fn bonded_validators(&self, cx: &Cx, router: &dyn Router) -> Result<Vec<Validator>> {
        let bonded = View::new(cx, router).bonded()?;
        Ok(bonded.into_iter().map(validator).collect())
    }

    fn validator(&self, cx: &Cx, router: &dyn Router, address: &AccAddress) -> Result<Option<Validator>> {
        Ok(View::new(cx, router).validator(address)?.map(validator))
    }

    fn delegations(&self, cx: &Cx, router: &dyn Router, delegator: &AccAddress) -> Result<Vec<Delegation>> {
        let held = View::new(cx, router).delegations(delegator)?;
        let delegation = |held: Stake| Delegation {
            delegator: delegator.to_string(),
            validator: held.validator,
            amount: coin(held.amount),
        };
        Ok(held.into_iter().map(delegation).collect())
    }

    fn delegation(
        &self,
        cx: &Cx,
        router: &dyn Router,
        delegator: &AccAddress,
        validator: &AccAddress,
    ) -> Result<Option<FullDelegation>> {
        let found = View::new(cx, router).delegation(delegator, validator)?;
        Ok(found.map(|(amount, earned)| FullDelegation {
            delegator: delegator.to_string(),
            validator: validator.to_validator_bech32(),
            amount: coin(amount),
            accumulated_rewards: (earned > 0).then(|| coin(earned)).into_iter().collect(),
            // what comes from another host is no part of a delegation before it may go on
            can_redelegate: coin(amount),
        }))
    }

    fn withdraw_address(&self, cx: &Cx, delegator: &AccAddress) -> Result<AccAddress> {
        quern_staking::withdraw_address(cx, delegator)
    }

    fn rewards(
        &self,
        cx: &Cx,
        router: &dyn Router,
        delegator: &AccAddress,
        validator: &AccAddress,
    ) -> Result<Vec<DecCoin>> {
        Ok(rewards(View::new(cx, router).rewards(delegator, validator)?))
    }

    fn total_rewards(&self, cx: &Cx, router: &dyn Router, delegator: &AccAddress) -> Result<TotalRewards> {
        let (each, sum) = View::new(cx, router).total_rewards(delegator)?;
        let reward = |of: Stake| DelegatorReward {
            reward: rewards(of.amount),
            validator_address: of.validator,
        };
        Ok(TotalRewards {
            rewards: each.into_iter().map(reward).collect(),
            total: rewards(sum),
        })
    }
}

fn validator(rates: ValidatorRates) -> Validator {
    Validator {
        address: rates.address,
        commission: rates.rate,
        max_commission: rates.max_rate,
        max_change_rate: rates.max_change_rate,
    }
}

fn coin(amount: u128) -> WireCoin {
    WireCoin {
        denom: BASE_DENOM.into(),
        amount: amount.to_string(),
    }
}

/// None at zero, as the SDK lists them.
fn rewards(amount: u128) -> Vec<DecCoin> {
    let coin = || DecCoin {
        amount: decimal(amount),
        denom: BASE_DENOM.into(),
    };
    (amount > 0).then(coin).into_iter().collect()
}
