//! Who signs.

use std::path::Path;

use quern_proto::cosmos::{
    crypto::multisig::v1beta1::CompactBitArray,
    tx::v1beta1::{
        ModeInfo, SignerInfo,
        mode_info::{Multi, Single, Sum},
    },
};
use quern_types::AccAddress;

use super::{TxFlags, flags::Mode};
use crate::{
    Failure, KeyFile, Keyring, PasswordFlags, Result, SigningKey, failure::usage, public_key::PublicKey,
};

/// The account of `--from`, with its key if the keyring has it.
pub(crate) struct Signer {
    /// Account.
    pub address: AccAddress,
    key: Option<(String, KeyFile)>,
    ring: Keyring,
}

impl TxFlags {
    /// The keyring.
    pub(crate) fn keyring(&self, home: &Path) -> Keyring {
        match &self.keyring_dir {
            Some(folder) => Keyring::in_folder(folder),
            None => Keyring::of_home(home),
        }
    }

    /// Resolves `--from`. With --generate-only an address suffices.
    pub(crate) fn signer(&self, home: &Path) -> Result<Signer> {
        let from = self.from.as_deref().ok_or_else(|| {
            Failure::Usage("who signs? Give --from with a name from `quernd keys list`".into())
        })?;
        let ring = self.keyring(home);
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

/// Which of `count` keys have signed.
pub(crate) fn bits(count: usize, signed: impl Iterator<Item = usize>) -> CompactBitArray {
    let mut elems = vec![0_u8; count.div_ceil(8)];
    for i in signed {
        if let Some(byte) = elems.get_mut(i / 8) {
            *byte |= 0x80 >> (i % 8);
        }
    }
    CompactBitArray {
        extra_bits_stored: u32::try_from(count % 8).unwrap_or_default(),
        elems,
    }
}

/// The mode of one key's signature.
pub(crate) fn single(mode: Mode) -> ModeInfo {
    ModeInfo {
        sum: Some(Sum::Single(Single {
            mode: mode.wire().into(),
        })),
    }
}

impl Signer {
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

    /// The public key, if the keyring has it.
    pub(crate) fn public(&self) -> Option<PublicKey> {
        self.key.as_ref().and_then(|(_, file)| file.public().ok())
    }

    /// How the transaction names the signer. Of several keys it says that none has signed yet, which is what an
    /// estimate of gas needs.
    pub(crate) fn info(&self, mode: Mode, sequence: u64) -> SignerInfo {
        let key = self.public();
        let mode_info = match &key {
            Some(PublicKey::Multi { keys, .. }) => ModeInfo {
                sum: Some(Sum::Multi(Multi {
                    bitarray: Some(bits(keys.len(), std::iter::empty())),
                    mode_infos: Vec::new(),
                })),
            },
            _ => single(mode),
        };
        SignerInfo {
            public_key: key.map(|key| key.to_any()),
            mode_info: Some(mode_info),
            sequence,
        }
    }

    /// Unlocks the key.
    pub(crate) fn unlock(&self, flags: &TxFlags) -> Result<SigningKey> {
        self.unlock_with(&flags.password)
    }

    /// Unlocks the key with a password from these flags.
    pub(crate) fn unlock_with(&self, password: &PasswordFlags) -> Result<SigningKey> {
        let (name, file) = self
            .key
            .as_ref()
            .ok_or_else(|| Failure::Key(format!("{}: the keyring has no such key", self.address)))?;
        if file.multisig.is_some() {
            return Err(Failure::Key(format!(
                "{name} is a multisig account: make the transaction with --generate-only, let its members use \
                 `quernd tx sign --multisig {name}` and join their signatures with `quernd tx multisign`"
            )));
        }
        if !file.has_secret() {
            return Err(Failure::Key(format!(
                "{name}: only its public key is here; sign on the machine that has its secret"
            )));
        }
        let password = password.existing(name)?;
        self.ring.unlock(name, &password)?.key()
    }
}

#[cfg(test)]
mod tests {
    use cosmrs::tx::{BodyBuilder, Fee, SignerInfo as TheirSigner};
    use prost::Message;
    use quern_proto::cosmos::tx::v1beta1::{AuthInfo, TxBody, TxRaw};

    use super::*;
    use crate::{
        DEFAULT_PATH,
        tx::sign_doc::{Facts, sign_bytes},
    };

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
            signer_infos: vec![signer.info(Mode::Direct, 3)],
            fee: Some(super::super::factory::fee(&"5nqrn".parse().unwrap(), 7)),
            ..Default::default()
        };
        let facts = Facts {
            chain_id: "quern-1",
            account_number: 4,
            sequence: 3,
            key: None,
        };
        let signature = key.sign(&sign_bytes(Mode::Direct, facts, &body, &auth).unwrap());
        let raw = TxRaw {
            body_bytes: body.encode_to_vec(),
            auth_info_bytes: auth.encode_to_vec(),
            signatures: vec![signature],
        };
        assert_eq!(raw.encode_to_vec(), expected);
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
