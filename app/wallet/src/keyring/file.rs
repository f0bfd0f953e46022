//! The content of one key file.

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::crypt::{self, Kdf, Locked, Sealed};
use crate::{Failure, Result, SigningKey, public_key::PublicKey};

/// Version of the file format.
const VERSION: u32 = 1;

/// One key on disk: public parts in clear, the secret encrypted. Keys of others and keys of several signers have
/// no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFile {
    /// Format version, 1.
    pub version: u32,
    /// Account address.
    pub address: String,
    /// Compressed secp256k1 public key, hexadecimal; none for a key of several signers.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub public_key: String,
    /// The signers of a key of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multisig: Option<Members>,
    /// Key derivation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kdf: Option<Kdf>,
    /// Encrypted secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Sealed>,
}

/// Several keys, of which some must sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Members {
    /// How many must sign.
    pub threshold: u32,
    /// Compressed secp256k1 public keys, hexadecimal, in the order of their signatures.
    pub public_keys: Vec<String>,
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
            multisig: None,
            kdf: Some(kdf),
            secret: Some(secret),
        })
    }

    /// A key without its secret: somebody else's, or one of several signers.
    pub(crate) fn without_secret(key: &PublicKey) -> Self {
        let (public_key, multisig) = match key {
            PublicKey::Single(key) => (hex::encode(key), None),
            PublicKey::Multi { threshold, keys } => (
                String::new(),
                Some(Members {
                    threshold: *threshold,
                    public_keys: keys.iter().map(hex::encode).collect(),
                }),
            ),
        };
        Self {
            version: VERSION,
            address: key.address().to_string(),
            public_key,
            multisig,
            kdf: None,
            secret: None,
        }
    }

    /// Decrypts the key.
    ///
    /// # Errors
    /// Wrong password, a file whose content was changed, or a key without a secret.
    pub(crate) fn open(&self, password: &str) -> Result<Secret> {
        let (Some(kdf), Some(sealed)) = (&self.kdf, &self.secret) else {
            return Err(Failure::Key(
                "only its public key is here; sign on the machine that has its secret".into(),
            ));
        };
        let bound = bound_to(self.version, &self.address, &self.public_key);
        let plain = crypt::open(kdf, password, sealed, &bound).map_err(|e| match e {
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
        if file.kdf.is_some() != file.secret.is_some() || (file.secret.is_some() && file.multisig.is_some()) {
            return Err(Failure::Key(
                "the secret and its key derivation belong together".into(),
            ));
        }
        if file.public()?.address().to_string() != file.address {
            return Err(Failure::Key(
                "the address does not belong to the public key".into(),
            ));
        }
        Ok(file)
    }

    /// The public key.
    ///
    /// # Errors
    /// A malformed one.
    pub(crate) fn public(&self) -> Result<PublicKey> {
        let bytes = |text: &String| -> Option<[u8; 33]> { hex::decode(text).ok()?.try_into().ok() };
        let malformed = || Failure::Key("the public key is malformed".into());
        let Some(members) = &self.multisig else {
            return bytes(&self.public_key)
                .map(PublicKey::Single)
                .ok_or_else(malformed);
        };
        let keys = members.public_keys.iter().map(bytes).collect::<Option<Vec<_>>>();
        let keys = keys
            .filter(|_| self.public_key.is_empty())
            .ok_or_else(malformed)?;
        PublicKey::multi(members.threshold, keys).map_err(|e| Failure::Key(e.to_string()))
    }

    /// Whether the secret is here.
    pub(crate) fn has_secret(&self) -> bool {
        self.secret.is_some()
    }
}

/// The public parts that the ciphertext vouches for.
fn bound_to(version: u32, address: &str, public_key: &str) -> Vec<u8> {
    format!("quern-keyring/{version}/{address}/{public_key}").into_bytes()
}
