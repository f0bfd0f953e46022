//! Secp256k1 keys: the warm key that signs receipts and transactions, and session keys that sign vouchers.

use crate::error::ChainError;
use cosmrs::AccountId;
use cosmrs::crypto::secp256k1;
use k256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use k256::ecdsa::{Signature, VerifyingKey};
use quern_keyfile::{KeyFileError, Secret};
use std::path::Path;

/// Prefix of addresses.
const PREFIX: &str = "quern";

/// A secp256k1 key pair.
#[derive(Clone)]
pub struct SigningKey {
    secret: Secret,
    key: k256::ecdsa::SigningKey,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SigningKey")
            .field(&self.key.verifying_key())
            .finish()
    }
}

impl SigningKey {
    /// Reads a key from a file of 64 hex digits that only its owner can read.
    ///
    /// # Errors
    /// When there is no such file, or it holds no key.
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        Self::from_secret(quern_keyfile::load(path)?).ok_or_else(|| KeyFileError::Content(path.to_owned()))
    }

    /// Reads a key, or makes one if there is no such file.
    ///
    /// # Errors
    /// As [`SigningKey::load`], and when the file cannot be made.
    pub fn load_or_create(path: &Path) -> Result<Self, KeyFileError> {
        let secret = quern_keyfile::load_or_create(path)?;
        Self::from_secret(secret).ok_or_else(|| KeyFileError::Content(path.to_owned()))
    }

    /// The key pair of a secret; none for the numbers that are no key: 0 and those from the group's order on.
    pub fn from_secret(secret: Secret) -> Option<Self> {
        let key = k256::ecdsa::SigningKey::from_slice(secret.as_slice()).ok()?;
        Some(Self { secret, key })
    }

    /// The compressed public key.
    pub fn public(&self) -> [u8; 33] {
        let point = self.key.verifying_key().to_encoded_point(true);
        point.as_bytes().try_into().unwrap_or([0; 33])
    }

    /// Address of the account that the key signs for.
    ///
    /// # Errors
    /// Never for a key that was made.
    pub fn address(&self) -> Result<String, ChainError> {
        Ok(self.account()?.to_string())
    }

    pub(crate) fn account(&self) -> Result<AccountId, ChainError> {
        let account = self.transaction_key()?.public_key().account_id(PREFIX);
        account.map_err(|e| ChainError::Build(e.to_string()))
    }

    pub(crate) fn transaction_key(&self) -> Result<secp256k1::SigningKey, ChainError> {
        secp256k1::SigningKey::from_slice(self.secret.as_slice())
            .map_err(|e| ChainError::Build(e.to_string()))
    }

    /// Signs a digest: r and s, big-endian, with the lower s. Deterministic (RFC 6979).
    pub fn sign(&self, digest: &[u8; 32]) -> [u8; 64] {
        // Fails only for digests shorter than half a field.
        let signature: Result<Signature, _> = self.key.sign_prehash(digest);
        signature.map_or([0; 64], |signature| {
            signature.normalize_s().unwrap_or(signature).to_bytes().into()
        })
    }
}

/// Whether `signature` is the holder's of `public` over `digest`; one with the higher s is not.
pub fn verify(public: &[u8; 33], digest: &[u8; 32], signature: &[u8; 64]) -> bool {
    let Ok(key) = VerifyingKey::from_sec1_bytes(public) else {
        return false;
    };
    let Ok(signature) = Signature::from_slice(signature) else {
        return false;
    };
    signature.normalize_s().is_none() && key.verify_prehash(digest, &signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_lower_signature_of_the_right_key_and_digest_counts() {
        let key = SigningKey::from_secret([7; 32].into()).unwrap();
        let signature = key.sign(&[1; 32]);
        assert!(verify(&key.public(), &[1; 32], &signature));
        assert!(!verify(&key.public(), &[2; 32], &signature));
        let other = SigningKey::from_secret([8; 32].into()).unwrap();
        assert!(!verify(&other.public(), &[1; 32], &signature));
        // The same point mirrored verifies in plain ECDSA and would give one statement two signatures.
        let (r, s) = Signature::from_slice(&signature).unwrap().split_scalars();
        let high = Signature::from_scalars(r.to_bytes(), (-*s).to_bytes()).unwrap();
        assert!(!verify(&key.public(), &[1; 32], &high.to_bytes().into()));
        assert!(!verify(&[0; 33], &[1; 32], &signature) && !verify(&key.public(), &[1; 32], &[0; 64]));
    }

    #[test]
    fn an_address_is_the_one_wallets_show() {
        // Private key 1: its address is known from every Bitcoin text (hash160 751e76e8...).
        let mut secret = [0; 32];
        secret[31] = 1;
        let key = SigningKey::from_secret(secret.into()).unwrap();
        let account = key.account().unwrap();
        assert_eq!(account.to_bytes()[..4], [0x75, 0x1e, 0x76, 0xe8]);
        assert!(key.address().unwrap().starts_with("quern1"));
        assert!(SigningKey::from_secret([0; 32].into()).is_none());
        assert!(SigningKey::from_secret([0xff; 32].into()).is_none());
    }
}
