//! The whole document.

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    AuthGenesis, AuthzGenesis, BankGenesis, BeaconGenesis, ConsensusParams, EmissionGenesis, FeegrantGenesis,
    GovGenesis, Result, StakingGenesis, SystemGenesis, UpgradeGenesis, Validator, WasmGenesis,
    error::{invalid, no_duplicates},
    text,
};

/// Most characters of a chain id that CometBFT admits.
const MAX_CHAIN_ID: usize = 50;
/// Largest total voting power that CometBFT admits.
const MAX_TOTAL_POWER: i64 = i64::MAX / 8;

/// A genesis document as CometBFT reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// RFC 3339; the first block is not made before it.
    pub genesis_time: String,
    /// Identifier that every signature covers.
    pub chain_id: String,
    /// Height of the first block.
    #[serde(with = "text::int")]
    pub initial_height: u64,
    /// Rules that consensus itself enforces.
    pub consensus_params: ConsensusParams,
    /// Validators of the first block.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub validators: Vec<Validator>,
    /// Empty: the application computes it.
    #[serde(default)]
    pub app_hash: String,
    /// State of the modules.
    pub app_state: AppState,
}

/// State of the modules at genesis.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppState {
    /// Accounts.
    pub auth: AuthGenesis,
    /// Who may act for others.
    #[serde(default)]
    pub authz: AuthzGenesis,
    /// Coins.
    pub bank: BankGenesis,
    /// Randomness.
    #[serde(default)]
    pub beacon: BeaconGenesis,
    /// New coins; absent for a chain that mints none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emission: Option<EmissionGenesis>,
    /// Who pays the fees of others.
    #[serde(default)]
    pub feegrant: FeegrantGenesis,
    /// Proposals, deposits and votes.
    #[serde(default)]
    pub gov: GovGenesis,
    /// What the staking facade keeps beside the contracts.
    #[serde(default, skip_serializing_if = "StakingGenesis::is_empty")]
    pub staking: StakingGenesis,
    /// The chain's own contracts.
    #[serde(default, skip_serializing_if = "SystemGenesis::is_empty")]
    pub system: SystemGenesis,
    /// Software upgrades.
    #[serde(default, skip_serializing_if = "UpgradeGenesis::is_empty")]
    pub upgrade: UpgradeGenesis,
    /// Contracts.
    pub wasm: WasmGenesis,
}

impl AppState {
    /// Reads and checks the bytes that CometBFT hands over in `InitChain`.
    ///
    /// # Errors
    /// Any broken rule, with its place.
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        let state: Self = serde_json::from_slice(bytes)?;
        state.validate()?;
        Ok(state)
    }

    /// Checks every module's state.
    ///
    /// # Errors
    /// The first broken rule, with its place.
    pub fn validate(&self) -> Result<()> {
        self.auth.validate()?;
        self.bank.validate()?;
        self.beacon.validate()?;
        if let Some(emission) = &self.emission {
            emission.validate()?;
        }
        self.feegrant.validate()?;
        self.gov.validate()?;
        self.upgrade.validate()?;
        self.wasm.validate()?;
        self.system.validate(&self.wasm)
    }
}

/// Checks the id of a chain.
///
/// # Errors
/// If no chain may have it.
pub fn check_chain_id(id: &str) -> Result<()> {
    let printable = id
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if id.is_empty() || id.len() > MAX_CHAIN_ID || !printable {
        return Err(invalid(
            "chain_id",
            "must be 1 to 50 letters, digits, hyphens, dots or underscores",
        ));
    }
    Ok(())
}

impl Document {
    /// A document with default parameters and without accounts or validators.
    pub fn new(chain_id: impl Into<String>, genesis_time: impl Into<String>) -> Self {
        Self {
            genesis_time: genesis_time.into(),
            chain_id: chain_id.into(),
            initial_height: 1,
            consensus_params: ConsensusParams::default(),
            validators: Vec::new(),
            app_hash: String::new(),
            app_state: AppState::default(),
        }
    }

    /// Reads and checks a document.
    ///
    /// # Errors
    /// Any broken rule, with its place.
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        let document: Self = serde_json::from_slice(bytes)?;
        document.validate()?;
        Ok(document)
    }

    /// The document as indented JSON with a final newline.
    ///
    /// # Errors
    /// None in practice: every field has a JSON form.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Checks the frame and every module's state.
    ///
    /// # Errors
    /// The first broken rule, with its place.
    pub fn validate(&self) -> Result<()> {
        check_chain_id(&self.chain_id)?;
        OffsetDateTime::parse(&self.genesis_time, &Rfc3339)
            .map_err(|e| invalid("genesis_time", format!("{:?}: {e}", self.genesis_time)))?;
        if i64::try_from(self.initial_height).unwrap_or(0) < 1 {
            return Err(invalid("initial_height", "must be at least 1"));
        }
        if !self.app_hash.is_empty() {
            return Err(invalid("app_hash", "must be empty: the application computes it"));
        }
        self.consensus_params.validate()?;
        no_duplicates("validators", self.validators.iter().map(|v| v.address))?;
        let mut total = 0_i64;
        for (i, validator) in self.validators.iter().enumerate() {
            validator.validate(&format!("validators[{i}]"))?;
            total = total
                .checked_add(validator.power)
                .filter(|t| *t <= MAX_TOTAL_POWER)
                .ok_or_else(|| invalid(format!("validators[{i}].power"), "total power is too large"))?;
        }
        self.app_state.validate()
    }
}
