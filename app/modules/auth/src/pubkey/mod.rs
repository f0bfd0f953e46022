//! Public keys of accounts.

mod multisig;
mod verify;

use prost::Message;
use quern_proto::{
    Any,
    cosmos::crypto::{ed25519, multisig as multisig_wire, secp256k1, secp256r1},
};
use quern_types::{AccAddress, Result, errors};

pub use multisig::Multisig;

const SECP256K1_URL: &str = "/cosmos.crypto.secp256k1.PubKey";
const SECP256R1_URL: &str = "/cosmos.crypto.secp256r1.PubKey";
const ED25519_URL: &str = "/cosmos.crypto.ed25519.PubKey";
const MULTISIG_URL: &str = "/cosmos.crypto.multisig.LegacyAminoPubKey";

/// Deepest nesting of multisig keys. Decoding of transactions refuses deeper ones earlier.
const MAX_DEPTH: usize = 16;

/// A public key that may sign transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PubKey {
    /// Compressed secp256k1 point.
    Secp256k1([u8; 33]),
    /// Compressed P-256 point.
    Secp256r1([u8; 33]),
    /// Ed25519 point.
    Ed25519([u8; 32]),
    /// Several keys, of which some must sign.
    Multisig(Multisig),
}

impl PubKey {
    /// Types that an `Any` of a key may have.
    pub const TYPE_URLS: &[&str] = &[ED25519_URL, MULTISIG_URL, SECP256K1_URL, SECP256R1_URL];

    /// A key on P-256.
    ///
    /// # Errors
    /// `sdk/8` for bytes that are no compressed point of the curve.
    pub fn secp256r1(key: [u8; 33]) -> Result<Self> {
        if !verify::is_p256_point(&key) {
            return Err(errors::INVALID_PUB_KEY.wrap("invalid secp256r1 point"));
        }
        Ok(Self::Secp256r1(key))
    }

    /// Reads the wire's key.
    ///
    /// # Errors
    /// `sdk/8` for another key type or a malformed key.
    pub fn from_any(any: &Any) -> Result<Self> {
        Self::from_any_at(any, 0)
    }

    fn from_any_at(any: &Any, depth: usize) -> Result<Self> {
        let malformed = |e: prost::DecodeError| errors::INVALID_PUB_KEY.wrap(e.to_string());
        let bytes = any.value.as_slice();
        match any.type_url.as_str() {
            SECP256K1_URL => {
                sized(secp256k1::PubKey::decode(bytes).map_err(malformed)?.key).map(Self::Secp256k1)
            }
            SECP256R1_URL => {
                Self::secp256r1(sized(secp256r1::PubKey::decode(bytes).map_err(malformed)?.key)?)
            }
            ED25519_URL => sized(ed25519::PubKey::decode(bytes).map_err(malformed)?.key).map(Self::Ed25519),
            MULTISIG_URL if depth < MAX_DEPTH => {
                let wire = multisig_wire::LegacyAminoPubKey::decode(bytes).map_err(malformed)?;
                let depth = depth.saturating_add(1);
                let keys = wire.public_keys.iter().map(|any| Self::from_any_at(any, depth));
                Multisig::new(wire.threshold, keys.collect::<Result<_>>()?).map(Self::Multisig)
            }
            other => Err(errors::INVALID_PUB_KEY.wrap(format!("unsupported key type {other}"))),
        }
    }

    /// A key that stands in for one of the wrong length, where nothing is verified: as much gas is charged for it.
    /// None where the SDK reads the key's length, too.
    pub fn of_any_length(any: &Any) -> Option<Self> {
        let bytes = any.value.as_slice();
        match any.type_url.as_str() {
            SECP256K1_URL => secp256k1::PubKey::decode(bytes)
                .ok()
                .map(|_| Self::Secp256k1([2; 33])),
            ED25519_URL => ed25519::PubKey::decode(bytes)
                .ok()
                .map(|_| Self::Ed25519([0; 32])),
            _ => None,
        }
    }

    /// The wire's form.
    pub fn to_any(&self) -> Any {
        let (type_url, value) = match self {
            Self::Secp256k1(key) => (
                SECP256K1_URL,
                secp256k1::PubKey { key: key.to_vec() }.encode_to_vec(),
            ),
            Self::Secp256r1(key) => (
                SECP256R1_URL,
                secp256r1::PubKey { key: key.to_vec() }.encode_to_vec(),
            ),
            Self::Ed25519(key) => (ED25519_URL, ed25519::PubKey { key: key.to_vec() }.encode_to_vec()),
            Self::Multisig(keys) => (MULTISIG_URL, keys.to_wire().encode_to_vec()),
        };
        Any {
            type_url: type_url.to_owned(),
            value,
        }
    }

    /// Address that the key controls.
    pub fn address(&self) -> AccAddress {
        match self {
            Self::Secp256k1(key) => AccAddress::from_secp256k1(key),
            Self::Secp256r1(key) => AccAddress::from_typed_key("cosmos.crypto.secp256r1.PubKey", key),
            Self::Ed25519(key) => AccAddress::from_sha256(key),
            Self::Multisig(keys) => AccAddress::from_sha256(&keys.to_amino()),
        }
    }

    /// The key in amino's binary form, from which a multisig's address derives. P-256 has none.
    pub(crate) fn to_amino(&self) -> Option<Vec<u8>> {
        match self {
            Self::Secp256k1(key) => Some([&[0xeb, 0x5a, 0xe9, 0x87, 33], key.as_slice()].concat()),
            Self::Ed25519(key) => Some([&[0x16, 0x24, 0xde, 0x64, 32], key.as_slice()].concat()),
            Self::Multisig(keys) => Some(keys.to_amino()),
            Self::Secp256r1(_) => None,
        }
    }

    /// Bytes of the key in amino, for the estimate of a transaction's size.
    pub fn amino_len(&self) -> usize {
        self.to_amino().map_or(38, |bytes| bytes.len())
    }

    /// Keys that may sign for it: one, or those of a multisig.
    pub fn count(&self) -> usize {
        match self {
            Self::Multisig(keys) => keys.keys().iter().map(Self::count).fold(0, usize::saturating_add),
            _ => 1,
        }
    }

    /// Verifies a single key's signature over `message`; never true for a multisig key.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Secp256k1(key) => verify::secp256k1(key, message, signature),
            Self::Secp256r1(key) => verify::secp256r1(key, message, signature),
            Self::Ed25519(key) => verify::ed25519(key, message, signature),
            Self::Multisig(_) => false,
        }
    }
}

fn sized<const N: usize>(key: Vec<u8>) -> Result<[u8; N]> {
    let len = key.len();
    key.try_into()
        .map_err(|_| errors::INVALID_PUB_KEY.wrap(format!("invalid pubkey length: {len}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_other_types_or_lengths_are_refused() {
        let key = PubKey::Secp256k1([2; 33]);
        assert_eq!(PubKey::from_any(&key.to_any()).unwrap(), key);
        let other = Any {
            type_url: "/cosmos.bank.v1beta1.MsgSend".into(),
            ..key.to_any()
        };
        assert!(PubKey::from_any(&other).is_err());
        let short = Any {
            value: secp256k1::PubKey { key: vec![2; 32] }.encode_to_vec(),
            ..key.to_any()
        };
        assert!(PubKey::from_any(&short).is_err());
        let off_curve = PubKey::Secp256r1([5; 33]);
        assert!(PubKey::from_any(&off_curve.to_any()).is_err());
    }

    #[test]
    fn addresses_have_the_length_of_their_key_type() {
        assert_eq!(PubKey::Ed25519([1; 32]).address().as_bytes().len(), 20);
        assert_eq!(PubKey::Secp256r1([1; 33]).address().as_bytes().len(), 32);
    }
}
