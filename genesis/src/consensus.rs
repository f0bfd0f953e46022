//! CometBFT's consensus parameters, as its genesis JSON writes them.

use serde::{Deserialize, Serialize};

use crate::{Result, error::invalid, text};

/// Most bytes of a block that CometBFT admits (100 MiB).
const MAX_BLOCK_BYTES: i64 = 104_857_600;
/// Bytes of a block that evidence must leave: commit, header and the beacon's transaction need them.
const MIN_ROOM: i64 = 65_536;

/// `tendermint.types.ConsensusParams`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsensusParams {
    /// Size of a block.
    pub block: BlockParams,
    /// How long misbehaviour can be proven.
    pub evidence: EvidenceParams,
    /// Keys of validators.
    pub validator: ValidatorParams,
    /// Version of the application protocol.
    pub version: VersionParams,
    /// Features of ABCI.
    pub abci: AbciParams,
}

/// Size of a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockParams {
    /// Bytes, header and evidence included.
    #[serde(with = "text::int")]
    pub max_bytes: i64,
    /// Gas wanted by all transactions together; -1 for no limit.
    #[serde(with = "text::int")]
    pub max_gas: i64,
}

/// How long misbehaviour can be proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceParams {
    /// Age in blocks.
    #[serde(with = "text::int")]
    pub max_age_num_blocks: i64,
    /// Age in nanoseconds.
    #[serde(with = "text::int")]
    pub max_age_duration: i64,
    /// Bytes of evidence in one block.
    #[serde(with = "text::int")]
    pub max_bytes: i64,
}

/// Keys of validators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidatorParams {
    /// Key types admitted.
    pub pub_key_types: Vec<String>,
}

/// Version of the application protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionParams {
    /// Version.
    #[serde(with = "text::int")]
    pub app: u64,
}

/// Features of ABCI.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AbciParams {
    /// First height with vote extensions; 0 for never.
    #[serde(with = "text::int")]
    pub vote_extensions_enable_height: i64,
}

impl Default for BlockParams {
    /// 4 MiB, four transactions of the mempool's largest size, and some seconds of contract gas.
    fn default() -> Self {
        Self {
            max_bytes: 4_194_304,
            max_gas: 40_000_000,
        }
    }
}

impl Default for EvidenceParams {
    /// CometBFT's defaults: 100,000 blocks and 48 hours.
    fn default() -> Self {
        Self {
            max_age_num_blocks: 100_000,
            max_age_duration: 172_800_000_000_000,
            max_bytes: 1_048_576,
        }
    }
}

impl Default for ValidatorParams {
    fn default() -> Self {
        Self {
            pub_key_types: vec!["ed25519".into()],
        }
    }
}

impl ConsensusParams {
    /// CometBFT's own rules (`types/params.go` of 0.38) and those of `quern-consensus`, so that a bad value
    /// fails here with its name.
    pub(crate) fn validate(&self) -> Result<()> {
        let at = "consensus_params";
        let room = match self.block.max_bytes {
            -1 => MAX_BLOCK_BYTES,
            bytes => bytes,
        };
        let rules = [
            (
                self.block.max_bytes == -1 || (1..=MAX_BLOCK_BYTES).contains(&self.block.max_bytes),
                "block.max_bytes",
            ),
            (self.block.max_gas >= -1, "block.max_gas"),
            (
                self.evidence.max_age_num_blocks > 0,
                "evidence.max_age_num_blocks",
            ),
            (self.evidence.max_age_duration > 0, "evidence.max_age_duration"),
            (
                (0..=room.saturating_sub(MIN_ROOM)).contains(&self.evidence.max_bytes),
                "evidence.max_bytes",
            ),
            (
                self.abci.vote_extensions_enable_height >= 0,
                "abci.vote_extensions_enable_height",
            ),
            (
                self.validator.pub_key_types == ["ed25519"],
                "validator.pub_key_types",
            ),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, field)) => Err(invalid(format!("{at}.{field}"), "out of range")),
            None => Ok(()),
        }
    }
}
