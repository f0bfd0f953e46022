//! `app_state.staking`: what the staking facade keeps beside the contracts.

use quern_types::AccAddress;
use serde::{Deserialize, Serialize};

use crate::text;

/// State of the staking facade.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StakingGenesis {
    /// What is to be paid out by itself.
    pub completions: Vec<Completion>,
    /// Where rewards go that do not go to the delegator.
    pub withdraw_addresses: Vec<WithdrawAddress>,
    /// What validators say of themselves beside their hosts' records.
    pub descriptions: Vec<HostDescription>,
    /// First evidence against each validator, as `google.protobuf.Any` prints.
    pub evidence: Vec<serde_json::Value>,
}

impl StakingGenesis {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Coins on their way out of a host that are paid out by themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Completion {
    /// Height at which they are due.
    #[serde(with = "text::int")]
    pub height: u64,
    /// To whom.
    #[serde(with = "text::address")]
    pub delegator: AccAddress,
    /// Out of this host.
    #[serde(with = "text::address")]
    pub host: AccAddress,
}

/// Where a delegator's rewards go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithdrawAddress {
    /// Delegator.
    #[serde(with = "text::address")]
    pub delegator: AccAddress,
    /// Recipient.
    #[serde(with = "text::address")]
    pub withdraw_address: AccAddress,
}

/// What a validator says of itself that its host's record has no room for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostDescription {
    /// Host.
    #[serde(with = "text::address")]
    pub host: AccAddress,
    /// Proof of who it is, such as a fingerprint.
    pub identity: String,
    /// Whom to tell of a weakness.
    pub security_contact: String,
    /// Anything else.
    pub details: String,
}
