//! `app_state.upgrade`: the plan of a software upgrade, and those that were made.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Result, error::no_duplicates, text};

/// What the chain knows of upgrades. (The SDK's genesis leaves all of it out.)
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpgradeGenesis {
    /// `cosmos.upgrade.v1beta1.Plan` as protobuf prints it; the module checks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Value>,
    /// Upgrades that were made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub applied: Vec<AppliedUpgrade>,
}

/// An upgrade that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppliedUpgrade {
    /// Name.
    pub name: String,
    /// Height of the first block after it.
    #[serde(with = "text::int")]
    pub height: u64,
}

impl UpgradeGenesis {
    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.plan.is_none() && self.applied.is_empty()
    }

    /// Checks what the types alone do not.
    ///
    /// # Errors
    /// Two upgrades of one name.
    pub fn validate(&self) -> Result<()> {
        no_duplicates("app_state.upgrade.applied", self.applied.iter().map(|a| &a.name))
    }
}
