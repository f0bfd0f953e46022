//! `app_state.beacon`: recent values of the beacon and the validators' places in their onions.

use serde::{Deserialize, Serialize};

use crate::{
    Result,
    error::{invalid, no_duplicates},
    text,
};

/// State of the beacon. Empty for a new chain whose validators announce their anchors elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeaconGenesis {
    /// Parameters.
    #[serde(default)]
    pub params: BeaconParams,
    /// Last epoch that has ended.
    #[serde(default, with = "text::int")]
    pub epoch: u64,
    /// Values of the last blocks before the first, oldest first, without gaps.
    #[serde(default)]
    pub values: Vec<BeaconValue>,
    /// Places in the onions.
    #[serde(default)]
    pub validators: Vec<BeaconValidator>,
}

/// Parameters of the beacon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeaconParams {
    /// How many blocks' values stay readable.
    #[serde(with = "text::int")]
    pub keep_recent: u64,
}

impl Default for BeaconParams {
    fn default() -> Self {
        Self { keep_recent: 100_000 }
    }
}

/// The value of one block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeaconValue {
    /// Height of the block.
    #[serde(with = "text::int")]
    pub height: u64,
    /// Its value.
    #[serde(with = "text::base64")]
    pub beacon: [u8; 32],
}

/// A validator's place in its onion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeaconValidator {
    /// Consensus address.
    #[serde(with = "text::hex_upper")]
    pub address: [u8; 20],
    /// Announced anchor whose onion is being peeled.
    #[serde(default, with = "text::optional_base64")]
    pub anchor: Option<[u8; 32]>,
    /// Layer whose preimage is revealed next: the anchor, until something is revealed.
    #[serde(default, with = "text::optional_base64")]
    pub current: Option<[u8; 32]>,
    /// Announcement that is not in force yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<PendingAnchor>,
    /// Reveals so far.
    #[serde(default, with = "text::int")]
    pub reveals: u64,
}

/// An announcement that is not in force yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PendingAnchor {
    /// The next anchor; none if the validator withdraws its anchor.
    #[serde(default, with = "text::optional_base64")]
    pub anchor: Option<[u8; 32]>,
    /// In force once this epoch has ended.
    #[serde(with = "text::int")]
    pub epoch: u64,
}

impl BeaconValidator {
    /// A validator that has revealed nothing yet and may begin with the first block.
    pub fn new(address: [u8; 20], anchor: [u8; 32]) -> Self {
        Self {
            address,
            anchor: Some(anchor),
            current: Some(anchor),
            pending: None,
            reveals: 0,
        }
    }
}

impl BeaconGenesis {
    pub(crate) fn validate(&self) -> Result<()> {
        if self.params.keep_recent == 0 {
            return Err(invalid(
                "app_state.beacon.params.keep_recent",
                "must be at least 1: each value builds on the one before",
            ));
        }
        let kept = u64::try_from(self.values.len()).unwrap_or(u64::MAX);
        if kept > self.params.keep_recent {
            return Err(invalid("app_state.beacon.values", "more than params.keep_recent"));
        }
        for (i, pair) in self.values.windows(2).enumerate() {
            if let [before, after] = pair
                && before.height.checked_add(1) != Some(after.height)
            {
                let at = format!("app_state.beacon.values[{i}]");
                return Err(invalid(at, "must be followed by the next height"));
            }
        }
        no_duplicates(
            "app_state.beacon.validators",
            self.validators.iter().map(|v| v.address),
        )?;
        for (i, validator) in self.validators.iter().enumerate() {
            if validator.anchor.is_some() != validator.current.is_some() {
                let at = format!("app_state.beacon.validators[{i}].current");
                return Err(invalid(at, "must be given together with anchor, and only then"));
            }
        }
        Ok(())
    }
}
