//! Somebody with a key.

use k256::ecdsa::{Signature, SigningKey, signature::Signer};
use quern_types::AccAddress;
use sha2::{Digest, Sha256};

/// A key derived from a name, so that every run has the same addresses.
#[derive(Clone)]
pub struct User {
    key: SigningKey,
}

impl User {
    /// The user of this name.
    pub fn new(name: &str) -> Self {
        let secret = Sha256::digest(format!("quern-testkit/{name}"));
        Self {
            key: SigningKey::from_slice(&secret).expect("a hash is a valid scalar"),
        }
    }

    /// Compressed public key.
    pub fn public_key(&self) -> [u8; 33] {
        let point = self.key.verifying_key().to_encoded_point(true);
        point
            .as_bytes()
            .try_into()
            .expect("compressed points have 33 bytes")
    }

    /// Account.
    pub fn address(&self) -> AccAddress {
        AccAddress::from_secp256k1(&self.public_key())
    }

    /// 64-byte signature over the SHA-256 of `message`, with low `s`.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: Signature = self.key.sign(message);
        signature.normalize_s().unwrap_or(signature).to_bytes().to_vec()
    }
}
