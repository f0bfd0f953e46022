//! What contracts are told of staking: what the queries tell wallets, in whole lists. The gas of who asks bounds
//! the work.

use quern_context::{Cx, Router};
use quern_interface::bonding::{Backing, FunderRewards, Params, Position, QueryMsg};
use quern_protocol::Amount;
use quern_types::{AccAddress, Result};

use crate::{
    NO_DELEGATION, NO_VALIDATOR, commission,
    contracts::Contracts,
    distribution, number as dec,
    staking::{self, is_delegation, valoper},
};

/// A validator and its rates, decimals of 18 places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorRates {
    /// Operator address.
    pub address: String,
    /// Commission.
    pub rate: String,
    /// Highest commission.
    pub max_rate: String,
    /// Most by which commission rises at a time.
    pub max_change_rate: String,
}

/// Coins behind a validator, or what they earned and were not paid yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stake {
    /// Operator address.
    pub validator: String,
    /// In base units.
    pub amount: u128,
}

/// An amount as decimals are printed.
pub fn decimal(amount: u128) -> String {
    dec::printed(Amount(amount))
}

/// Where a delegator's rewards go.
///
/// # Errors
/// `sdk/11` out of gas, or a halt.
pub fn withdraw_address(cx: &Cx, delegator: &AccAddress) -> Result<AccAddress> {
    distribution::withdraw_addr(cx, delegator)
}

/// The chain's bonds as of one state. Each answer fails with a halt, with `sdk/11` out of gas, or as the contracts
/// that it asks.
#[derive(Clone, Copy)]
pub struct View<'a>(Contracts<'a>);

impl<'a> View<'a> {
    /// As of the state of `cx`, whose gas it uses.
    pub fn new(cx: &'a Cx, router: &'a dyn Router) -> Self {
        Self(Contracts { cx, router })
    }

    /// The validators that vote, by falling power.
    ///
    /// # Errors
    /// See [`View`].
    pub fn bonded(&self) -> Result<Vec<ValidatorRates>> {
        let powers = quern_validators::current(self.0.cx)?;
        self.rates(&staking::voters(self.0, &powers)?)
    }

    /// A validator, voting or not; `None` for an address that never registered.
    ///
    /// # Errors
    /// See [`View`].
    pub fn validator(&self, validator: &AccAddress) -> Result<Option<ValidatorRates>> {
        let host = self.0.host(validator)?;
        let name = host.map(|host| host.host);
        Ok(self.rates(name.as_slice())?.pop())
    }

    fn rates(&self, hosts: &[String]) -> Result<Vec<ValidatorRates>> {
        if hosts.is_empty() {
            return Ok(Vec::new());
        }
        let params: Option<Params> = self.0.bonding(&QueryMsg::Params {})?;
        let of = |backing: Backing| {
            let rates = commission::rates(backing.rate_bps, params.as_ref());
            ValidatorRates {
                address: valoper(&backing.host),
                rate: dec::text(&rates.rate),
                max_rate: dec::text(&rates.max_rate),
                max_change_rate: dec::text(&rates.max_change_rate),
            }
        };
        Ok(staking::backings(self.0, hosts)?.into_iter().map(of).collect())
    }

    /// All delegations of an address.
    ///
    /// # Errors
    /// See [`View`].
    pub fn delegations(&self, delegator: &AccAddress) -> Result<Vec<Stake>> {
        let held = staking::delegations_of(self.0, delegator, usize::MAX)?;
        let stake = |position: &Position| Stake {
            validator: valoper(&position.host),
            amount: position.active.0,
        };
        Ok(held.iter().map(stake).collect())
    }

    /// The coins of one delegation, and what they earned; `None` if there is none.
    ///
    /// # Errors
    /// See [`View`].
    pub fn delegation(&self, delegator: &AccAddress, validator: &AccAddress) -> Result<Option<(u128, u128)>> {
        let found = staking::position(self.0, validator, delegator)?;
        let Some(position) = found.filter(is_delegation) else {
            return Ok(None);
        };
        let owed = distribution::owed(self.0, delegator, validator)?;
        Ok(Some((position.active.0, owed.0)))
    }

    /// What a delegation earned.
    ///
    /// # Errors
    /// `staking/3` for an unknown validator, `staking/19` without a delegation; see [`View`].
    pub fn rewards(&self, delegator: &AccAddress, validator: &AccAddress) -> Result<u128> {
        if self.0.host(validator)?.is_none() {
            return Err((&NO_VALIDATOR).into());
        }
        let earned = distribution::earned(self.0, delegator, validator)?;
        Ok(earned.ok_or(&NO_DELEGATION)?.0)
    }

    /// What each delegation earned, and the sum.
    ///
    /// # Errors
    /// See [`View`].
    pub fn total_rewards(&self, delegator: &AccAddress) -> Result<(Vec<Stake>, u128)> {
        let (found, sum) = distribution::rewards_of(self.0, delegator, usize::MAX)?;
        let earned = |rewards: &FunderRewards| Stake {
            validator: valoper(&rewards.host),
            amount: rewards.amount.0,
        };
        Ok((found.iter().map(earned).collect(), sum.0))
    }
}
