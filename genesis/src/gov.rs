//! `app_state.gov`: proposals, deposits and votes.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Result, error::no_duplicates, text};

/// `cosmos.gov.v1.GenesisState` without its deprecated fields, and what a block's end left undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GovGenesis {
    /// Id of the next proposal, from 1.
    #[serde(with = "text::int")]
    pub starting_proposal_id: u64,
    /// `cosmos.gov.v1.Deposit`s, as protobuf prints them; the module checks them.
    #[serde(default)]
    pub deposits: Vec<Value>,
    /// `cosmos.gov.v1.Vote`s.
    #[serde(default)]
    pub votes: Vec<Value>,
    /// `cosmos.gov.v1.Proposal`s.
    #[serde(default)]
    pub proposals: Vec<Value>,
    /// `cosmos.gov.v1.Params`; null for the defaults.
    #[serde(default)]
    pub params: Option<Value>,
    /// What the chain is for.
    #[serde(default)]
    pub constitution: String,
    /// Counts of votes that go on in the next block.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counts: Vec<GovCount>,
    /// Proposals whose deposits are still to be paid out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub payouts: Vec<GovPayout>,
}

/// A count of votes under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GovCount {
    /// Proposal.
    #[serde(with = "text::int")]
    pub proposal_id: u64,
    /// The module's own record, in base64.
    pub state: String,
}

/// Deposits on their way out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GovPayout {
    /// Proposal.
    #[serde(with = "text::int")]
    pub proposal_id: u64,
    /// Whether they burn.
    pub burn: bool,
}

impl Default for GovGenesis {
    fn default() -> Self {
        Self {
            starting_proposal_id: 1,
            deposits: Vec::new(),
            votes: Vec::new(),
            proposals: Vec::new(),
            params: None,
            constitution: String::new(),
            counts: Vec::new(),
            payouts: Vec::new(),
        }
    }
}

impl GovGenesis {
    /// Checks what the types alone do not.
    ///
    /// # Errors
    /// Two counts of one proposal.
    pub fn validate(&self) -> Result<()> {
        no_duplicates("app_state.gov.counts", self.counts.iter().map(|c| c.proposal_id))
    }
}
