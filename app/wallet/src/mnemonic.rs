//! From BIP-39 words to a secp256k1 key.

use bip32::{DerivationPath, XPrv};
use bip39::Mnemonic;
use k256::ecdsa::{Signature, signature::Signer};
use quern_types::AccAddress;
use rand::{RngCore, rngs::OsRng};
use zeroize::Zeroizing;

use crate::{Failure, Result, failure::usage};

/// Path of the first key: SLIP-44 coin type 118, so that Ledger's Cosmos app works unchanged.
pub const DEFAULT_PATH: &str = "m/44'/118'/0'/0/0";

/// A new phrase of 24 words, from the system's randomness.
///
/// # Errors
/// If the system gives no randomness.
pub fn new_mnemonic() -> Result<Zeroizing<String>> {
    let mut entropy = Zeroizing::new([0_u8; 32]);
    OsRng
        .try_fill_bytes(&mut *entropy)
        .map_err(|e| Failure::Local(format!("no randomness: {e}")))?;
    let words = Mnemonic::from_entropy(&*entropy).map_err(usage)?;
    Ok(Zeroizing::new(words.to_string()))
}

/// A key that signs.
pub struct SigningKey(k256::ecdsa::SigningKey);

impl SigningKey {
    /// Derives a key from 12 to 24 English words, without a BIP-39 passphrase.
    ///
    /// # Errors
    /// Words outside the list, a wrong checksum, a malformed path.
    pub fn from_mnemonic(words: &str, path: &str) -> Result<Self> {
        let words = Zeroizing::new(words.split_whitespace().collect::<Vec<_>>().join(" "));
        let mnemonic = Mnemonic::parse_normalized(&words).map_err(|e| {
            Failure::Usage(format!(
                "this is no BIP-39 phrase: {e}. Check each word and their order"
            ))
        })?;
        let path: DerivationPath = path
            .parse()
            .map_err(|e| Failure::Usage(format!("derivation path {path:?}: {e}")))?;
        let seed = Zeroizing::new(mnemonic.to_seed_normalized(""));
        let key = XPrv::derive_from_path(seed.as_slice(), &path).map_err(usage)?;
        Ok(Self(key.private_key().clone()))
    }

    /// Takes a raw 32-byte scalar.
    ///
    /// # Errors
    /// For another length, zero, or a value beyond the curve's order.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        k256::ecdsa::SigningKey::from_slice(bytes)
            .map(Self)
            .map_err(|_| Failure::Usage("this is no secp256k1 private key: 32 bytes are needed".into()))
    }

    /// The raw scalar.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.to_bytes().to_vec())
    }

    /// Compressed public key.
    pub fn public_key(&self) -> [u8; 33] {
        let point = self.0.verifying_key().to_encoded_point(true);
        let mut key = [0; 33];
        key.iter_mut()
            .zip(point.as_bytes())
            .for_each(|(to, from)| *to = *from);
        key
    }

    /// Account address of the public key.
    pub fn address(&self) -> AccAddress {
        AccAddress::from_secp256k1(&self.public_key())
    }

    /// Signs the SHA-256 of `message`: 64 bytes `r || s` with low `s`, deterministic (RFC 6979).
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: Signature = self.0.sign(message);
        signature.normalize_s().unwrap_or(signature).to_bytes().to_vec()
    }
}

/// The path of an account and index under the chain's coin type.
pub(crate) fn path_of(account: u32, index: u32) -> String {
    format!("m/44'/118'/{account}'/0/{index}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// BIP-39's first test phrase; its cosmos address is in the tests of many wallets.
    const ABANDON: &str =
        "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";

    fn cosmos_bytes(text: &str) -> Vec<u8> {
        let checked = bech32_bytes(text);
        assert_eq!(checked.len(), 20);
        checked
    }

    fn bech32_bytes(text: &str) -> Vec<u8> {
        let account: cosmrs::AccountId = text.parse().unwrap();
        account.to_bytes()
    }

    #[test]
    fn known_phrases_give_the_addresses_that_cosmos_wallets_show() {
        // CosmJS's DirectSecp256k1HdWallet gives these for the prefix "cosmos".
        for (words, path, cosmos) in [
            (
                ABANDON,
                DEFAULT_PATH,
                "cosmos19rl4cm2hmr8afy4kldpxz3fka4jguq0auqdal4",
            ),
            (
                "special sign fit simple patrol salute grocery chicken wheat radar tonight ceiling",
                DEFAULT_PATH,
                "cosmos1jhg0e7s6gn44tfc5k37kr04sznyhedtc9rzys5",
            ),
        ] {
            let key = SigningKey::from_mnemonic(words, path).unwrap();
            assert_eq!(key.address().as_bytes(), cosmos_bytes(cosmos), "{words}");
            assert!(key.address().to_string().starts_with("quern1"));
        }
    }

    #[test]
    fn accounts_and_indices_give_different_keys_and_blanks_do_not_matter() {
        let first = SigningKey::from_mnemonic(ABANDON, &path_of(0, 0))
            .unwrap()
            .address();
        assert_eq!(
            SigningKey::from_mnemonic(&format!("  {}\n", ABANDON.replace(' ', "  ")), DEFAULT_PATH)
                .unwrap()
                .address(),
            first
        );
        assert_ne!(
            SigningKey::from_mnemonic(ABANDON, &path_of(0, 1))
                .unwrap()
                .address(),
            first
        );
        assert_ne!(
            SigningKey::from_mnemonic(ABANDON, &path_of(1, 0))
                .unwrap()
                .address(),
            first
        );
    }

    #[test]
    fn a_new_phrase_has_24_words_and_a_wrong_word_or_checksum_is_refused() {
        let words = new_mnemonic().unwrap();
        assert_eq!(words.split(' ').count(), 24);
        SigningKey::from_mnemonic(&words, DEFAULT_PATH).unwrap();
        for bad in [
            ABANDON.replace("about", "abandon"),
            ABANDON.replace("about", "zzz"),
            String::new(),
        ] {
            assert!(SigningKey::from_mnemonic(&bad, DEFAULT_PATH).is_err(), "{bad}");
        }
        assert!(SigningKey::from_mnemonic(ABANDON, "44/118").is_err());
    }
}
