//! Accounts of `app_state.auth` whose coins are partly locked.

use quern_types::Coins;
use serde::{Deserialize, Serialize};

use crate::{BaseAccount, text};

/// `cosmos.vesting.v1beta1.BaseVestingAccount`. Times are Unix seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaseVestingAccount {
    /// Address and number.
    pub base_account: BaseAccount,
    /// Coins that were locked at first.
    #[serde(with = "text::coins")]
    pub original_vesting: Coins,
    /// Delegated coins that are not locked.
    #[serde(with = "text::coins")]
    pub delegated_free: Coins,
    /// Delegated coins that are locked.
    #[serde(with = "text::coins")]
    pub delegated_vesting: Coins,
    /// When all is free.
    #[serde(with = "text::int")]
    pub end_time: i64,
}

/// `cosmos.vesting.v1beta1.ContinuousVestingAccount`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContinuousVestingAccount {
    /// What is locked.
    pub base_vesting_account: BaseVestingAccount,
    /// When coins begin to become free.
    #[serde(with = "text::int")]
    pub start_time: i64,
}

/// `cosmos.vesting.v1beta1.DelayedVestingAccount` and `PermanentLockedAccount`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedAccount {
    /// What is locked.
    pub base_vesting_account: BaseVestingAccount,
}

/// `cosmos.vesting.v1beta1.PeriodicVestingAccount`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeriodicVestingAccount {
    /// What is locked.
    pub base_vesting_account: BaseVestingAccount,
    /// When the first period begins.
    #[serde(with = "text::int")]
    pub start_time: i64,
    /// In order of time.
    pub vesting_periods: Vec<VestingPeriod>,
}

/// `cosmos.vesting.v1beta1.Period`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VestingPeriod {
    /// Seconds.
    #[serde(with = "text::int")]
    pub length: i64,
    /// What becomes free at its end.
    #[serde(with = "text::coins")]
    pub amount: Coins,
}
