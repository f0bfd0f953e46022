//! Who signs.

use std::path::Path;

use prost::Message;
use quern_proto::{
    Any,
    cosmos::{
        crypto::secp256k1::PubKey,
        tx::{
            signing::v1beta1::SignMode,
            v1beta1::{
                AuthInfo, ModeInfo, SignDoc, SignerInfo, TxBody, TxRaw,
                mode_info::{Single, Sum},
            },
        },
    },
    type_url,
};
use quern_types::AccAddress;

use super::TxFlags;
use crate::{Failure, KeyFile, Keyring, PasswordFlags, Result, SigningKey, failure::usage};

/// The account of `--from`, with its key if the keyring has it.
pub(crate) struct Signer {
    /// Account.
    pub address: AccAddress,
    key: Option<(String, KeyFile)>,
    ring: Keyring,
}

impl TxFlags {
    /// Resolves `--from`. With --generate-only an address suffices.
    pub(crate) fn signer(&self, home: &Path) -> Result<Signer> {
        let from = self.from.as_deref().ok_or_else(|| {
            Failure::Usage("who signs? Give --from with a name from `quernd keys list`".into())
        })?;
        let ring = match &self.keyring_dir {
            Some(folder) => Keyring::in_folder(folder),
            None => Keyring::of_home(home),
        };
        let address = AccAddress::from_bech32(from);
        let (address, key) = match (ring.find(from), address) {
            (Ok((name, file)), _) => (
                AccAddress::from_bech32(&file.address).map_err(usage)?,
                Some((name, file)),
            ),
            (Err(_), Ok(address)) if self.generate_only => (address, None),
            (Err(e), _) => return Err(e),
        };
        Ok(Signer { address, key, ring })
    }
}

impl Signer {
    /// How the transaction names the signer, for SIGN_MODE_DIRECT.
    pub(crate) fn info(&self, sequence: u64) -> SignerInfo {
        let key = self.key.as_ref().and_then(|(_, file)| file.public_key_bytes());
        SignerInfo {
            public_key: key.map(|key| Any {
                type_url: type_url::<PubKey>(),
                value: PubKey { key: key.to_vec() }.encode_to_vec(),
            }),
            mode_info: Some(ModeInfo {
                sum: Some(Sum::Single(Single {
                    mode: SignMode::Direct.into(),
                })),
            }),
            sequence,
        }
    }

    /// A key of a keyring, by its name or address.
    pub(crate) fn in_keyring(ring: Keyring, name: &str) -> Result<Self> {
        let (name, file) = ring.find(name)?;
        let address = AccAddress::from_bech32(&file.address).map_err(usage)?;
        Ok(Self {
            address,
            key: Some((name, file)),
            ring,
        })
    }

    /// Unlocks the key.
    pub(crate) fn unlock(&self, flags: &TxFlags) -> Result<SigningKey> {
        self.unlock_with(&flags.password)
    }

    /// Unlocks the key with a password from these flags.
    pub(crate) fn unlock_with(&self, password: &PasswordFlags) -> Result<SigningKey> {
        let (name, _) = self
            .key
            .as_ref()
            .ok_or_else(|| Failure::Key(format!("{}: the keyring has no such key", self.address)))?;
        let password = password.existing(name)?;
        self.ring.unlock(name, &password)?.key()
    }
}

/// Signs over the chain, the account and the exact bytes that are sent.
pub(crate) fn sign(
    key: &SigningKey,
    chain_id: &str,
    account_number: u64,
    body: &TxBody,
    auth_info: &AuthInfo,
) -> TxRaw {
    let doc = SignDoc {
        body_bytes: body.encode_to_vec(),
        auth_info_bytes: auth_info.encode_to_vec(),
        chain_id: chain_id.to_owned(),
        account_number,
    };
    let signature = key.sign(&doc.encode_to_vec());
    TxRaw {
        body_bytes: doc.body_bytes,
        auth_info_bytes: doc.auth_info_bytes,
        signatures: vec![signature],
    }
}

#[cfg(test)]
mod tests {
    use cosmrs::tx::{BodyBuilder, Fee, SignerInfo as TheirSigner};

    use super::*;
    use crate::DEFAULT_PATH;

    #[test]
    fn the_signed_bytes_are_the_ones_of_cosmrs() {
        let words =
            "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
        let key = SigningKey::from_mnemonic(words, DEFAULT_PATH).unwrap();
        let theirs = cosmrs::crypto::secp256k1::SigningKey::from_slice(&key.to_bytes()).unwrap();

        let body = BodyBuilder::new().memo("m").timeout_height(9u32).finish();
        let amount = cosmrs::Coin {
            denom: "nqrn".parse().unwrap(),
            amount: 5,
        };
        let auth = TheirSigner::single_direct(Some(theirs.public_key()), 3)
            .auth_info(Fee::from_amount_and_gas(amount, 7u64));
        let doc = cosmrs::tx::SignDoc::new(&body, &auth, &"quern-1".parse().unwrap(), 4).unwrap();
        let expected = doc.sign(&theirs).unwrap().to_bytes().unwrap();

        let file = KeyFile {
            public_key: hex::encode(key.public_key()),
            ..any_file(&key)
        };
        let signer = Signer {
            address: key.address(),
            key: Some(("k".into(), file)),
            ring: Keyring::in_folder(Path::new("/")),
        };
        let body = TxBody {
            memo: "m".into(),
            timeout_height: 9,
            ..Default::default()
        };
        let auth = AuthInfo {
            signer_infos: vec![signer.info(3)],
            fee: Some(super::super::factory::fee(&"5nqrn".parse().unwrap(), 7)),
            ..Default::default()
        };
        assert_eq!(sign(&key, "quern-1", 4, &body, &auth).encode_to_vec(), expected);
    }

    fn any_file(key: &SigningKey) -> KeyFile {
        let secret = crate::keyring::Secret {
            private_key: hex::encode(key.to_bytes()),
            mnemonic: None,
            path: None,
        };
        KeyFile::seal(&secret, "password").unwrap()
    }
}
