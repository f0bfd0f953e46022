//! What the application says to a system contract at a block's borders, and what it hears back.

use quern_protocol::Bytes;
use serde::{Deserialize, Serialize};

/// Calls from the application. A contract handles those that the hook table names for it and refuses the
/// others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum SudoMsg {
    /// A validator broke consensus: CometBFT's evidence. To `bonding`.
    Misbehavior(Misbehavior),
    /// The block's transactions are done. To `settlement` and to `bonding`.
    EndBlock {},
    /// An epoch ends; 0 is genesis. To the source of validators: `poc-weights`, or `bonding` where a chain has
    /// none.
    EndEpoch {
        /// Number of the epoch.
        #[serde(with = "text")]
        epoch: u64,
        /// The set in force, by consensus key; empty at genesis.
        #[serde(default)]
        validators: Vec<ValidatorPresence>,
    },
}

/// A validator in force, and how often it signed since the epoch began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidatorPresence {
    /// Ed25519 consensus key.
    pub pubkey: Bytes<32>,
    /// Voting power.
    #[serde(with = "text")]
    pub power: u64,
    /// Blocks whose commit has its signature.
    #[serde(with = "text")]
    pub signed: u64,
    /// Blocks whose commit could have it and does not.
    #[serde(with = "text")]
    pub missed: u64,
}

/// CometBFT's evidence against a validator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Misbehavior {
    /// Consensus address: 40 upper-case hexadecimal digits.
    pub consensus_address: String,
    /// Height of the offence.
    #[serde(with = "text")]
    pub height: u64,
    /// Time of the offence, nanoseconds since 1970.
    #[serde(with = "text")]
    pub time_nanos: u64,
    /// Power at the offence.
    #[serde(with = "text")]
    pub power: u64,
}

/// Answer data of `bonding` to [`SudoMsg::EndBlock`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Removals {
    /// Consensus keys that must leave the validator set at once.
    pub removed: Vec<Bytes<32>>,
}

/// Answer data of the source of validators to [`SudoMsg::EndEpoch`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProposedSet {
    /// The whole set that the next epoch moves towards. The application bounds the step.
    pub validators: Vec<ProposedValidator>,
    /// Consensus keys that must leave at once, without a step.
    #[serde(default)]
    pub removed: Vec<Bytes<32>>,
}

/// One validator of a proposed set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProposedValidator {
    /// Ed25519 consensus key.
    pub pubkey: Bytes<32>,
    /// Voting power; the powers of a set sum to about 10^6.
    #[serde(with = "text")]
    pub power: u64,
    /// Anchor of its beacon onion.
    pub anchor: Option<Bytes<32>>,
}

/// Numbers as strings, as the Cosmos SDK writes 64-bit numbers.
mod text {
    use serde::{de::Error, Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map_err(|_| D::Error::custom(format!("{text:?} is not a number")))
    }
}
