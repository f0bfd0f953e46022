//! Password-based encryption: Argon2id, then XChaCha20-Poly1305.

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use rand::{RngCore, rngs::OsRng};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Most memory that a file may ask for, in KiB: a hostile file must not exhaust the machine.
const MAX_MEMORY_KIB: u32 = 1_048_576;
/// Most passes that a file may ask for.
const MAX_ITERATIONS: u32 = 64;
/// Most lanes that a file may ask for.
const MAX_LANES: u32 = 16;

/// How the key is derived from the password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kdf {
    /// Always `argon2id`.
    pub algorithm: String,
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes.
    pub lanes: u32,
    /// Random salt, hexadecimal.
    #[serde(with = "hex")]
    pub salt: Vec<u8>,
}

/// An encrypted secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    /// Always `xchacha20poly1305`.
    pub algorithm: String,
    /// Random nonce, hexadecimal.
    #[serde(with = "hex")]
    pub nonce: Vec<u8>,
    /// Ciphertext with its tag, hexadecimal.
    #[serde(with = "hex")]
    pub ciphertext: Vec<u8>,
}

/// Why a secret stays locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Locked {
    /// Wrong password, or the file was changed.
    Password,
    /// Parameters out of bounds or unknown algorithms.
    Parameters,
}

impl Kdf {
    /// 64 MiB, three passes: RFC 9106's second recommended option with a single lane.
    pub(crate) fn fresh() -> Option<Self> {
        let mut salt = vec![0; 16];
        OsRng.try_fill_bytes(&mut salt).ok()?;
        Some(Self {
            algorithm: "argon2id".into(),
            memory_kib: 65_536,
            iterations: 3,
            lanes: 1,
            salt,
        })
    }

    fn key(&self, password: &str) -> Result<Zeroizing<[u8; 32]>, Locked> {
        let bounded = self.algorithm == "argon2id"
            && self.memory_kib <= MAX_MEMORY_KIB
            && self.iterations <= MAX_ITERATIONS
            && self.lanes <= MAX_LANES;
        let params = Params::new(self.memory_kib, self.iterations, self.lanes, Some(32))
            .ok()
            .filter(|_| bounded)
            .ok_or(Locked::Parameters)?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(password.as_bytes(), &self.salt, &mut *key)
            .map_err(|_| Locked::Parameters)?;
        Ok(key)
    }
}

/// Encrypts `secret`; `bound` is authenticated with it and must be given again to open.
pub(crate) fn seal(kdf: &Kdf, password: &str, secret: &[u8], bound: &[u8]) -> Option<Sealed> {
    let key = kdf.key(password).ok()?;
    let mut nonce = vec![0; 24];
    OsRng.try_fill_bytes(&mut nonce).ok()?;
    let cipher = XChaCha20Poly1305::new((&*key).into());
    let ciphertext = cipher
        .encrypt(
            XNonce::from_slice(&nonce),
            Payload {
                msg: secret,
                aad: bound,
            },
        )
        .ok()?;
    Some(Sealed {
        algorithm: "xchacha20poly1305".into(),
        nonce,
        ciphertext,
    })
}

/// Decrypts what [`seal`] made.
pub(crate) fn open(
    kdf: &Kdf,
    password: &str,
    sealed: &Sealed,
    bound: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Locked> {
    if sealed.algorithm != "xchacha20poly1305" || sealed.nonce.len() != 24 {
        return Err(Locked::Parameters);
    }
    let key = kdf.key(password)?;
    let cipher = XChaCha20Poly1305::new((&*key).into());
    cipher
        .decrypt(
            XNonce::from_slice(&sealed.nonce),
            Payload {
                msg: &sealed.ciphertext,
                aad: bound,
            },
        )
        .map(Zeroizing::new)
        .map_err(|_| Locked::Password)
}
