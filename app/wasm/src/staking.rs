//! Validators and delegations, as the application tells contracts of them.

use quern_context::{Cx, Router};
use quern_types::{AccAddress, Result, errors::NO_VALIDATOR};

use crate::json::{DecCoin, Delegation, FullDelegation, TotalRewards, Validator};

/// What contracts ask of staking and of rewards. The answers follow from the state of `cx` alone and charge its gas
/// for all work; they may ask contracts by the router. Each fails with `sdk/11` out of gas, with a halt, or as what it
/// asks.
pub trait Staking: Send + Sync {
    /// The validators that vote, by falling power.
    ///
    /// # Errors
    /// See [`Staking`].
    fn bonded_validators(&self, cx: &Cx, router: &dyn Router) -> Result<Vec<Validator>>;

    /// A validator, voting or not, by the bytes of its operator address.
    ///
    /// # Errors
    /// See [`Staking`].
    fn validator(&self, cx: &Cx, router: &dyn Router, validator: &AccAddress) -> Result<Option<Validator>>;

    /// All delegations of an address.
    ///
    /// # Errors
    /// See [`Staking`].
    fn delegations(&self, cx: &Cx, router: &dyn Router, delegator: &AccAddress) -> Result<Vec<Delegation>>;

    /// One delegation and what it earned.
    ///
    /// # Errors
    /// See [`Staking`].
    fn delegation(
        &self,
        cx: &Cx,
        router: &dyn Router,
        delegator: &AccAddress,
        validator: &AccAddress,
    ) -> Result<Option<FullDelegation>>;

    /// Where an address wants its rewards.
    ///
    /// # Errors
    /// See [`Staking`].
    fn withdraw_address(&self, cx: &Cx, delegator: &AccAddress) -> Result<AccAddress>;

    /// What one delegation earned.
    ///
    /// # Errors
    /// `staking/3` for an unknown validator, `staking/19` without a delegation; see [`Staking`].
    fn rewards(
        &self,
        cx: &Cx,
        router: &dyn Router,
        delegator: &AccAddress,
        validator: &AccAddress,
    ) -> Result<Vec<DecCoin>>;

    /// What all delegations of an address earned.
    ///
    /// # Errors
    /// See [`Staking`].
    fn total_rewards(&self, cx: &Cx, router: &dyn Router, delegator: &AccAddress) -> Result<TotalRewards>;
}

/// A chain without validators.
pub(crate) struct NoStaking;

impl Staking for NoStaking {
    fn bonded_validators(&self, _: &Cx, _: &dyn Router) -> Result<Vec<Validator>> {
        Ok(Vec::new())
    }

    fn validator(&self, _: &Cx, _: &dyn Router, _: &AccAddress) -> Result<Option<Validator>> {
        Ok(None)
    }

    fn delegations(&self, _: &Cx, _: &dyn Router, _: &AccAddress) -> Result<Vec<Delegation>> {
        Ok(Vec::new())
    }

    fn delegation(
        &self,
        _: &Cx,
        _: &dyn Router,
        _: &AccAddress,
        _: &AccAddress,
    ) -> Result<Option<FullDelegation>> {
        Ok(None)
    }

    fn withdraw_address(&self, _: &Cx, delegator: &AccAddress) -> Result<AccAddress> {
        Ok(delegator.clone())
    }

    fn rewards(&self, _: &Cx, _: &dyn Router, _: &AccAddress, _: &AccAddress) -> Result<Vec<DecCoin>> {
        Err((&NO_VALIDATOR).into())
    }

    fn total_rewards(&self, _: &Cx, _: &dyn Router, _: &AccAddress) -> Result<TotalRewards> {
        Ok(TotalRewards::default())
    }
}
