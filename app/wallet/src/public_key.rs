//! Public keys of accounts, as the keyring and transactions have them: one key, or several of which some must
//! sign.

use k256::ecdsa::{Signature, VerifyingKey, signature::Verifier};
use prost::Message;
use quern_proto::{
    Any,
    cosmos::crypto::{multisig::LegacyAminoPubKey, secp256k1::PubKey},
    type_url,
};
use quern_types::AccAddress;

use crate::{Failure, Result, failure::usage, json};

/// Amino's prefix of a secp256k1 key with the key's length.
const SECP256K1: [u8; 5] = [0xeb, 0x5a, 0xe9, 0x87, 33];
/// Amino's prefix of a threshold key with the tag of its threshold.
const THRESHOLD: [u8; 5] = [0x22, 0xc1, 0xf7, 0xe2, 0x08];
/// Most keys of a multisig account: the chain's limit of signatures in a transaction is 7, and 16 leaves room.
const MAX_KEYS: usize = 16;

/// A compressed secp256k1 key, or several with a threshold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PublicKey {
    /// One key.
    Single([u8; 33]),
    /// Several, in the order that signatures have.
    Multi {
        /// How many must sign.
        threshold: u32,
        /// The keys.
        keys: Vec<[u8; 33]>,
    },
}

impl PublicKey {
    /// One key.
    pub(crate) fn single(key: &[u8]) -> Result<Self> {
        VerifyingKey::from_sec1_bytes(key)
            .ok()
            .and_then(|_| key.try_into().ok())
            .map(Self::Single)
            .ok_or_else(|| Failure::Usage("this is no compressed secp256k1 public key".into()))
    }

    /// Several keys.
    pub(crate) fn multi(threshold: u32, keys: Vec<[u8; 33]>) -> Result<Self> {
        let enough = usize::try_from(threshold).is_ok_and(|k| (1..=keys.len()).contains(&k));
        if !enough || keys.len() > MAX_KEYS {
            return Err(Failure::Usage(format!(
                "a threshold of {threshold} for {} keys: between 1 and all of at most {MAX_KEYS} keys must sign",
                keys.len()
            )));
        }
        let twice = |(i, key)| keys.iter().take(i).any(|other| other == key);
        if keys.iter().enumerate().any(twice) {
            return Err(Failure::Usage("a key is given twice".into()));
        }
        Ok(Self::Multi { threshold, keys })
    }

    /// Reads the wire's form.
    pub(crate) fn from_any(any: &Any) -> Result<Self> {
        if any.type_url == type_url::<PubKey>() {
            return Self::single(&PubKey::decode(any.value.as_slice()).map_err(usage)?.key);
        }
        if any.type_url != type_url::<LegacyAminoPubKey>() {
            return Err(Failure::Usage(format!(
                "{}: a secp256k1 key or several of them are expected",
                any.type_url
            )));
        }
        let wire = LegacyAminoPubKey::decode(any.value.as_slice()).map_err(usage)?;
        let keys = wire.public_keys.iter().map(|any| match Self::from_any(any)? {
            Self::Single(key) => Ok(key),
            Self::Multi { .. } => Err(Failure::Usage(
                "a multisig key within a multisig key is not supported".into(),
            )),
        });
        Self::multi(wire.threshold, keys.collect::<Result<_>>()?)
    }

    /// Reads the JSON that `keys show -p` prints.
    pub(crate) fn from_json(text: &str) -> Result<Self> {
        Self::from_any(&json::parse::<Any>(text)?)
    }

    /// The wire's form.
    pub(crate) fn to_any(&self) -> Any {
        let one = |key: &[u8; 33]| Any {
            type_url: type_url::<PubKey>(),
            value: PubKey { key: key.to_vec() }.encode_to_vec(),
        };
        match self {
            Self::Single(key) => one(key),
            Self::Multi { threshold, keys } => Any {
                type_url: type_url::<LegacyAminoPubKey>(),
                value: LegacyAminoPubKey {
                    threshold: *threshold,
                    public_keys: keys.iter().map(one).collect(),
                }
                .encode_to_vec(),
            },
        }
    }

    /// Account that the key controls: of several keys the hash of their amino form.
    pub(crate) fn address(&self) -> AccAddress {
        let (threshold, keys) = match self {
            Self::Single(key) => return AccAddress::from_secp256k1(key),
            Self::Multi { threshold, keys } => (threshold, keys),
        };
        let mut amino = THRESHOLD.to_vec();
        prost::encoding::encode_varint(u64::from(*threshold), &mut amino);
        for key in keys {
            amino.extend([0x12, 38]); // 5 bytes of prefix and 33 of the key
            amino.extend(SECP256K1);
            amino.extend(key);
        }
        AccAddress::from_sha256(&amino)
    }

    /// Whether `signature` is this one key's over `message`, with low `s` as the chain asks for.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let Self::Single(key) = self else {
            return false;
        };
        match (
            VerifyingKey::from_sec1_bytes(key),
            Signature::from_slice(signature),
        ) {
            (Ok(key), Ok(signature)) => {
                signature.normalize_s().is_none() && key.verify(message, &signature).is_ok()
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SigningKey;

    fn keys() -> Vec<[u8; 33]> {
        let key = |byte| SigningKey::from_bytes(&[byte; 32]).unwrap().public_key();
        [1, 2, 3].map(key).to_vec()
    }

    #[test]
    fn a_key_survives_wire_and_json_and_bad_thresholds_are_refused() {
        for key in [PublicKey::Single(keys()[0]), PublicKey::multi(2, keys()).unwrap()] {
            assert_eq!(PublicKey::from_any(&key.to_any()).unwrap(), key);
            assert_eq!(
                PublicKey::from_json(&json::print(&key.to_any()).unwrap()).unwrap(),
                key
            );
        }
        assert!(PublicKey::multi(0, keys()).is_err());
        assert!(PublicKey::multi(4, keys()).is_err());
        assert!(PublicKey::multi(1, vec![keys()[0], keys()[0]]).is_err());
        assert!(PublicKey::single(&[9; 33]).is_err());
    }
}
