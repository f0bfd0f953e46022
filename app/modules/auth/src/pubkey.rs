//! Public keys of accounts.

use prost::Message;
use quern_proto::{Any, cosmos::crypto::secp256k1 as wire};
use quern_types::{AccAddress, Result, errors};
use secp256k1::{Message as Digest, PublicKey, Secp256k1, VerifyOnly, ecdsa::Signature};
use sha2::Digest as _;

/// Type URL of the only key type that signs today.
pub(crate) const SECP256K1_URL: &str = "/cosmos.crypto.secp256k1.PubKey";

/// A public key that may sign transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PubKey {
    /// Compressed secp256k1 point.
    Secp256k1([u8; 33]),
}

impl PubKey {
    /// Reads the wire's key.
    ///
    /// # Errors
    /// `sdk/8` for another key type or a malformed key.
    pub fn from_any(any: &Any) -> Result<Self> {
        if any.type_url != SECP256K1_URL {
            return Err(errors::INVALID_PUB_KEY.wrap(format!("unsupported key type {}", any.type_url)));
        }
        let key = wire::PubKey::decode(any.value.as_slice())
            .map_err(|e| errors::INVALID_PUB_KEY.wrap(e.to_string()))?
            .key;
        let len = key.len();
        <[u8; 33]>::try_from(key)
            .map(Self::Secp256k1)
            .map_err(|_| errors::INVALID_PUB_KEY.wrap(format!("invalid pubkey length: {len}")))
    }

    /// The wire's form.
    pub fn to_any(&self) -> Any {
        match self {
            Self::Secp256k1(key) => Any {
                type_url: SECP256K1_URL.to_owned(),
                value: wire::PubKey { key: key.to_vec() }.encode_to_vec(),
            },
        }
    }

    /// Address that the key controls.
    pub fn address(&self) -> AccAddress {
        match self {
            Self::Secp256k1(key) => AccAddress::from_secp256k1(key),
        }
    }

    /// Verifies a 64-byte `r || s` signature over SHA-256 of `message`. High-S is refused.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        thread_local! {
            static CONTEXT: Secp256k1<VerifyOnly> = Secp256k1::verification_only();
        }
        let Self::Secp256k1(key) = self;
        let Ok(signature) = Signature::from_compact(signature) else {
            return false;
        };
        let Ok(key) = PublicKey::from_slice(key) else {
            return false;
        };
        let digest = Digest::from_digest(sha2::Sha256::digest(message).into());
        // libsecp256k1 itself refuses high-S, so a signature cannot be altered by a third party
        CONTEXT.with(|context| context.verify_ecdsa(&digest, &signature, &key).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use secp256k1::SecretKey;

    use super::*;

    fn signed(message: &[u8]) -> (PubKey, [u8; 64]) {
        let context = Secp256k1::new();
        let secret = SecretKey::from_slice(&[7; 32]).unwrap();
        let digest = Digest::from_digest(sha2::Sha256::digest(message).into());
        let signature = context.sign_ecdsa(&digest, &secret).serialize_compact();
        (
            PubKey::Secp256k1(secret.public_key(&context).serialize()),
            signature,
        )
    }

    #[test]
    fn a_signature_verifies_only_over_its_own_message() {
        let (key, signature) = signed(b"doc");
        assert!(key.verify(b"doc", &signature));
        assert!(!key.verify(b"other", &signature));
        assert!(!key.verify(b"doc", &signature[..63]));
        assert!(!key.verify(b"doc", &[0; 64]));
        assert!(!key.verify(b"doc", &[0xff; 64]));
    }

    #[test]
    fn the_high_s_twin_of_a_signature_is_refused() {
        // n of secp256k1; s' = n - s signs the same message in plain ECDSA.
        const N: [u8; 32] = [
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
            0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
        ];
        let (key, mut signature) = signed(b"doc");
        let mut borrow = 0i16;
        for i in (0..32).rev() {
            let mut d = i16::from(N[i]) - i16::from(signature[32 + i]) - borrow;
            borrow = i16::from(d < 0);
            if d < 0 {
                d += 256;
            }
            signature[32 + i] = u8::try_from(d).unwrap();
        }
        assert!(!key.verify(b"doc", &signature));
    }

    #[test]
    fn keys_of_other_types_or_lengths_are_refused() {
        let (key, _) = signed(b"");
        assert_eq!(PubKey::from_any(&key.to_any()).unwrap(), key);
        let other = Any {
            type_url: "/cosmos.crypto.ed25519.PubKey".into(),
            ..key.to_any()
        };
        assert!(PubKey::from_any(&other).is_err());
        let short = Any {
            value: wire::PubKey { key: vec![2; 32] }.encode_to_vec(),
            ..key.to_any()
        };
        assert!(PubKey::from_any(&short).is_err());
    }
}
