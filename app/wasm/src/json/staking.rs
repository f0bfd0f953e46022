//! Answers to queries of staking and rewards, their fields in the order of wasmvm's.

use serde::Serialize;

use super::WireCoin;

/// A validator. Rates are decimals of 18 places.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Validator {
    /// Operator address.
    pub address: String,
    /// Commission.
    pub commission: String,
    /// Highest commission.
    pub max_commission: String,
    /// Most by which it rises at a time.
    pub max_change_rate: String,
}

/// A delegation.
#[derive(Debug, Serialize)]
pub struct Delegation {
    /// Bech32.
    pub delegator: String,
    /// Operator address.
    pub validator: String,
    /// Its coins.
    pub amount: WireCoin,
}

/// A delegation and what follows from it.
#[derive(Debug, Serialize)]
pub struct FullDelegation {
    /// Bech32.
    pub delegator: String,
    /// Operator address.
    pub validator: String,
    /// Its coins.
    pub amount: WireCoin,
    /// What it earned and was not paid yet.
    pub accumulated_rewards: Vec<WireCoin>,
    /// What of it may be moved to another validator.
    pub can_redelegate: WireCoin,
}

/// A decimal amount of 18 places.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DecCoin {
    /// Amount.
    pub amount: String,
    /// Denomination.
    pub denom: String,
}

/// What one delegation earned.
#[derive(Debug, Serialize)]
pub struct DelegatorReward {
    /// None, or one.
    pub reward: Vec<DecCoin>,
    /// Operator address.
    pub validator_address: String,
}

/// What all delegations of an address earned.
#[derive(Debug, Default, Serialize)]
pub struct TotalRewards {
    /// By validator.
    pub rewards: Vec<DelegatorReward>,
    /// Their sum.
    pub total: Vec<DecCoin>,
}

/// Several validators.
#[derive(Debug, Serialize)]
pub(crate) struct AllValidators {
    pub validators: Vec<Validator>,
}

/// One validator; `null` if there is none.
#[derive(Debug, Serialize)]
pub(crate) struct OneValidator {
    pub validator: Option<Validator>,
}

/// Several delegations.
#[derive(Debug, Serialize)]
pub(crate) struct AllDelegations {
    pub delegations: Vec<Delegation>,
}

/// One delegation; left out if there is none.
#[derive(Debug, Serialize)]
pub(crate) struct OneDelegation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delegation: Option<FullDelegation>,
}

/// Rewards of one delegation.
#[derive(Debug, Serialize)]
pub(crate) struct Rewards {
    pub rewards: Vec<DecCoin>,
}

/// Operator addresses.
#[derive(Debug, Serialize)]
pub(crate) struct Validators {
    pub validators: Vec<String>,
}

/// An address for rewards.
#[derive(Debug, Serialize)]
pub(crate) struct WithdrawAddress {
    pub withdraw_address: String,
}
