//! `app_state.authz` and `app_state.feegrant`: who may act for others, and who pays their fees.

use quern_types::AccAddress;
use serde::{Deserialize, Serialize};

use crate::{Result, error::no_duplicates, text};

/// `cosmos.authz.v1beta1.GenesisState`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthzGenesis {
    /// Grants in force.
    pub authorization: Vec<GrantAuthorization>,
}

/// `cosmos.authz.v1beta1.GrantAuthorization`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantAuthorization {
    /// For whom others act.
    #[serde(with = "text::address")]
    pub granter: AccAddress,
    /// Who acts.
    #[serde(with = "text::address")]
    pub grantee: AccAddress,
    /// What is allowed, as `google.protobuf.Any` prints; the module checks it.
    pub authorization: serde_json::Value,
    /// Until when, in RFC 3339; absent for ever.
    #[serde(default)]
    pub expiration: Option<String>,
}

/// `cosmos.feegrant.v1beta1.GenesisState`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeegrantGenesis {
    /// Allowances in force, one per pair.
    pub allowances: Vec<FeeGrant>,
}

/// `cosmos.feegrant.v1beta1.Grant`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeeGrant {
    /// Who pays.
    #[serde(with = "text::address")]
    pub granter: AccAddress,
    /// Whose fees.
    #[serde(with = "text::address")]
    pub grantee: AccAddress,
    /// How much, as `google.protobuf.Any` prints; the module checks it.
    pub allowance: serde_json::Value,
}

impl AuthzGenesis {
    /// Whether nobody has granted anything.
    pub fn is_empty(&self) -> bool {
        self.authorization.is_empty()
    }
}

impl FeegrantGenesis {
    /// Whether nobody pays for others.
    pub fn is_empty(&self) -> bool {
        self.allowances.is_empty()
    }

    /// Checks what the types alone do not.
    ///
    /// # Errors
    /// Two allowances of one pair.
    pub fn validate(&self) -> Result<()> {
        let pairs = self.allowances.iter().map(|a| (&a.granter, &a.grantee));
        no_duplicates("app_state.feegrant.allowances", pairs)
    }
}
