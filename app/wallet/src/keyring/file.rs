//! The content of one key file.

use quern_types::AccAddress;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::crypt::{self, Kdf, Locked, Sealed};
use crate::{Failure, Result, SigningKey};

/// Version of the file format.
const VERSION: u32 = 1;

/// One key on disk: public parts in clear, the secret encrypted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFile {
    /// Format version, 1.
    pub version: u32,
    /// Account address.
    pub address: String,
    /// Compressed secp256k1 public key, hexadecimal.
    pub public_key: String,
    /// Key derivation.
    pub kdf: Kdf,
    /// Encrypted secret.
    pub secret: Sealed,
}

/// What the encryption hides.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secret {
    /// Private scalar, hexadecimal.
    pub private_key: String,
    /// Words that it came from, if any.
    pub mnemonic: Option<String>,
    /// Path that it came from, if any.
    pub path: Option<String>,
}

impl Secret {
    /// The key inside.
    pub(crate) fn key(&self) -> Result<SigningKey> {
        let bytes = hex::decode(&self.private_key)
            .map(Zeroizing::new)
            .map_err(crate::failure::usage)?;
        SigningKey::from_bytes(&bytes)
    }
}

impl KeyFile {
    /// Encrypts a key.
    ///
    /// # Errors
    /// If the system gives no randomness or memory.
    pub(crate) fn seal(secret: &Secret, password: &str) -> Result<Self> {
        let key = secret.key()?;
        let (address, public_key) = (key.address().to_string(), hex::encode(key.public_key()));
        let plain = serde_json::to_vec(secret)
            .map(Zeroizing::new)
            .map_err(crate::failure::usage)?;
        let sealed = Kdf::fresh().and_then(|kdf| {
            let bound = bound_to(VERSION, &address, &public_key);
            let secret = crypt::seal(&kdf, password, &plain, &bound)?;
            Some((kdf, secret))
        });
        let (kdf, secret) =
            sealed.ok_or_else(|| Failure::Key("no randomness or memory to encrypt the key".into()))?;
        Ok(Self {
            version: VERSION,
            address,
            public_key,
            kdf,
            secret,
        })
    }

    /// Decrypts the key.
    ///
    /// # Errors
    /// Wrong password, or a file whose content was changed.
    pub(crate) fn open(&self, password: &str) -> Result<Secret> {
        let bound = bound_to(self.version, &self.address, &self.public_key);
        let plain = crypt::open(&self.kdf, password, &self.secret, &bound).map_err(|e| match e {
            Locked::Password => Failure::Key("invalid account password, or a damaged key file".into()),
            Locked::Parameters => Failure::Key("unknown or excessive encryption parameters".into()),
        })?;
        let secret: Secret = serde_json::from_slice(&plain)
            .map_err(|_| Failure::Key("the decrypted key is malformed".into()))?;
        if secret.key()?.address().to_string() != self.address {
            return Err(Failure::Key("the key does not belong to its address".into()));
        }
        Ok(secret)
    }

    /// Reads and checks the public parts.
    ///
    /// # Errors
    /// Not JSON of this version, or an address that is not the public key's.
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        let file: Self =
            serde_json::from_slice(bytes).map_err(|e| Failure::Key(format!("this is no key file: {e}")))?;
        if file.version != VERSION {
            return Err(Failure::Key(format!(
                "key file version {} is not known here",
                file.version
            )));
        }
        if file
            .public_key_bytes()
            .map(|k| AccAddress::from_secp256k1(&k).to_string())
            != Some(file.address.clone())
        {
            return Err(Failure::Key(
                "the address does not belong to the public key".into(),
            ));
        }
        Ok(file)
    }

    /// The public key's 33 bytes.
    pub(crate) fn public_key_bytes(&self) -> Option<[u8; 33]> {
        hex::decode(&self.public_key).ok()?.try_into().ok()
    }
}

/// The public parts that the ciphertext vouches for.
fn bound_to(version: u32, address: &str, public_key: &str) -> Vec<u8> {
    format!("quern-keyring/{version}/{address}/{public_key}").into_bytes()
}
