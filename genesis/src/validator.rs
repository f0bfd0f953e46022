//! Validators of the first block.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Result, error::invalid, text};

/// A validator in CometBFT's genesis JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validator {
    /// First 20 bytes of the key's SHA-256.
    #[serde(with = "text::hex_upper")]
    pub address: [u8; 20],
    /// Key that signs votes.
    pub pub_key: ConsensusKey,
    /// Voting power.
    #[serde(with = "text::int")]
    pub power: i64,
    /// Name for people.
    #[serde(default)]
    pub name: String,
}

/// A consensus key in CometBFT's JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
pub enum ConsensusKey {
    /// Ed25519, the only type that this chain admits.
    #[serde(rename = "tendermint/PubKeyEd25519")]
    Ed25519 {
        /// 32 bytes.
        #[serde(with = "text::base64")]
        value: [u8; 32],
    },
}

impl ConsensusKey {
    /// First 20 bytes of the key's SHA-256.
    pub fn address(&self) -> [u8; 20] {
        let Self::Ed25519 { value } = self;
        let mut address = [0; 20];
        address
            .iter_mut()
            .zip(Sha256::digest(value))
            .for_each(|(to, from)| *to = from);
        address
    }
}

impl Validator {
    /// A validator with its address derived from its key.
    pub fn new(pub_key: ConsensusKey, power: i64, name: impl Into<String>) -> Self {
        Self {
            address: pub_key.address(),
            pub_key,
            power,
            name: name.into(),
        }
    }

    pub(crate) fn validate(&self, at: &str) -> Result<()> {
        if self.power <= 0 {
            return Err(invalid(format!("{at}.power"), "must be positive"));
        }
        if self.address != self.pub_key.address() {
            return Err(invalid(format!("{at}.address"), "does not belong to pub_key"));
        }
        Ok(())
    }
}
