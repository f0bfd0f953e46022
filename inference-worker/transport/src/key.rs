//! Transport keys and their encodings.

use quern_keyfile::{KeyFileError, Secret};
use ring::signature::{Ed25519KeyPair, KeyPair};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// What precedes the key in an ed25519 SubjectPublicKeyInfo (RFC 8410, section 4).
const SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
/// What precedes the secret in an ed25519 PKCS #8 document, version 1 (RFC 8410, section 7).
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// An ed25519 key pair that names one end of a connection.
#[derive(Clone)]
pub struct TransportKey {
    secret: Secret,
    public: [u8; 32],
}

impl fmt::Debug for TransportKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TransportKey({})", hex::encode(self.public))
    }
}

impl TransportKey {
    /// Reads the key in a file, or makes one if there is no such file.
    ///
    /// # Errors
    /// When the file is damaged, open to others or cannot be made.
    pub fn load_or_create(path: &Path) -> Result<Self, KeyFileError> {
        Ok(Self::from_secret(quern_keyfile::load_or_create(path)?))
    }

    /// The key pair of a 32-byte secret (the seed of RFC 8032).
    pub fn from_secret(secret: Secret) -> Self {
        // A seed of 32 bytes is the only demand, so this cannot fail.
        let public = Ed25519KeyPair::from_seed_unchecked(secret.as_slice())
            .ok()
            .and_then(|pair| pair.public_key().as_ref().try_into().ok())
            .unwrap_or_default();
        Self { secret, public }
    }

    /// The public key, as the registry holds it.
    pub fn public(&self) -> [u8; 32] {
        self.public
    }

    /// Signs a message, which must begin with or be a hash of a tag that TLS never signs.
    ///
    /// None cannot come of a key pair that was made from a secret.
    pub fn sign(&self, message: &[u8]) -> Option<[u8; 64]> {
        let pair = Ed25519KeyPair::from_seed_unchecked(self.secret.as_slice()).ok()?;
        pair.sign(message).as_ref().try_into().ok()
    }

    /// The key as rustls takes it: the SubjectPublicKeyInfo in the place of a certificate.
    pub(crate) fn certified(&self) -> Result<Arc<CertifiedKey>, rustls::Error> {
        let pkcs8 = [&PKCS8_PREFIX[..], self.secret.as_slice()].concat();
        let signer = rustls::crypto::ring::sign::any_eddsa_type(&PrivatePkcs8KeyDer::from(pkcs8))?;
        let spki = CertificateDer::from(spki(&self.public));
        Ok(Arc::new(CertifiedKey::new(vec![spki], signer)))
    }
}

/// The SubjectPublicKeyInfo of a key.
fn spki(public: &[u8; 32]) -> Vec<u8> {
    [&SPKI_PREFIX[..], public].concat()
}

/// The key in an ed25519 SubjectPublicKeyInfo.
pub(crate) fn public_of(spki: &[u8]) -> Option<[u8; 32]> {
    spki.strip_prefix(&SPKI_PREFIX)?.try_into().ok()
}
