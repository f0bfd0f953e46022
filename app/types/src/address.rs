//! Account addresses.

use std::fmt;

use bech32::{Bech32, Hrp};
use ripemd::Ripemd160;
use sha2::{Digest, Sha256};

use crate::{Error, Result, address_memo, bech32_text, errors};

/// Human-readable part of account addresses.
pub const BECH32_ACCOUNT: &str = "quern";
/// Human-readable part of validator operator addresses.
pub const BECH32_VALIDATOR: &str = "quernvaloper";
/// Human-readable part of consensus addresses.
pub const BECH32_CONSENSUS: &str = "quernvalcons";

/// Longest address that the SDK takes, in bytes.
const MAX_LEN: usize = 255;

/// Raw bytes of an account: 20 for keys and modules, 32 for contracts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccAddress(Vec<u8>);

impl AccAddress {
    /// Takes raw bytes.
    ///
    /// # Errors
    /// `sdk/9` for none or more than 255 bytes.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Result<Self> {
        let bytes = bytes.into();
        match bytes.len() {
            0 => Err(errors::UNKNOWN_ADDRESS.wrap("addresses cannot be empty")),
            1..=MAX_LEN => Ok(Self(bytes)),
            n => Err(errors::UNKNOWN_ADDRESS.wrap(format!("address max length is {MAX_LEN}, got {n}"))),
        }
    }

    /// Reads a Bech32 account address, all lower or all upper case.
    ///
    /// # Errors
    /// `sdk/7` with the cause: empty, bad checksum or another chain's prefix.
    pub fn from_bech32(text: &str) -> Result<Self> {
        Self::parse(text).map_err(|e| errors::INVALID_ADDRESS.wrap(e.to_string()))
    }

    /// As [`AccAddress::from_bech32`], with the unregistered errors of the SDK's `AccAddressFromBech32`.
    ///
    /// # Errors
    /// `undefined/1` with the cause, `sdk/9` for a text of no bytes.
    pub fn parse(text: &str) -> Result<Self> {
        let bytes = address_memo::bytes(text, || {
            Self::decode(text, BECH32_ACCOUNT).map(|address| address.0)
        })?;
        Ok(Self(bytes))
    }

    /// As [`AccAddress::from_bech32`], with the errors of the SDK's address codec (`StringToBytes`), which finds
    /// out signers.
    ///
    /// # Errors
    /// As [`AccAddress::parse`], `sdk/35` for another chain's prefix.
    pub fn from_signer(text: &str) -> Result<Self> {
        let bytes = address_memo::bytes(text, || {
            Self::by_codec(text, BECH32_ACCOUNT).map(|address| address.0)
        })?;
        Ok(Self(bytes))
    }

    /// The same of a validator operator address.
    ///
    /// # Errors
    /// As [`AccAddress::from_signer`].
    pub fn from_validator_signer(text: &str) -> Result<Self> {
        Self::by_codec(text, BECH32_VALIDATOR)
    }

    fn by_codec(text: &str, prefix: &str) -> Result<Self> {
        if text.trim().is_empty() {
            return Err(Error::unregistered("empty address string is not allowed"));
        }
        let (hrp, bytes) = bech32_text::decode(text).map_err(Error::unregistered)?;
        if hrp != prefix {
            return Err(errors::LOGIC.wrap(format!(
                "hrp does not match bech32 prefix: expected '{prefix}' got '{hrp}'"
            )));
        }
        Self::from_bytes(bytes)
    }

    /// Reads a Bech32 validator operator address of this chain.
    ///
    /// # Errors
    /// As [`AccAddress::from_bech32`].
    pub fn from_validator_bech32(text: &str) -> Result<Self> {
        Self::decode(text, BECH32_VALIDATOR).map_err(|e| errors::INVALID_ADDRESS.wrap(e.to_string()))
    }

    fn decode(text: &str, prefix: &str) -> Result<Self> {
        if text.trim().is_empty() {
            return Err(Error::unregistered("empty address string is not allowed"));
        }
        let (hrp, bytes) = bech32_text::decode(text).map_err(Error::unregistered)?;
        if hrp != prefix {
            return Err(Error::unregistered(format!(
                "invalid Bech32 prefix; expected {prefix}, got {hrp}"
            )));
        }
        Self::from_bytes(bytes)
    }

    /// Address of a compressed secp256k1 key: `RIPEMD160(SHA256(key))`.
    pub fn from_secp256k1(key: &[u8; 33]) -> Self {
        Self(Ripemd160::digest(Sha256::digest(key)).to_vec())
    }

    /// First 20 bytes of SHA-256: of an Ed25519 key, or of a multisig key in amino.
    pub fn from_sha256(bytes: &[u8]) -> Self {
        let mut digest = Sha256::digest(bytes).to_vec();
        digest.truncate(20);
        Self(digest)
    }

    /// Address of a key whose type is part of the hash: `SHA256(SHA256(type) || key)` (ADR-028).
    pub fn from_typed_key(type_name: &str, key: &[u8]) -> Self {
        let digest = Sha256::new()
            .chain_update(Sha256::digest(type_name))
            .chain_update(key);
        Self(digest.finalize().to_vec())
    }

    /// Raw bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Bytes behind their own length, as the SDK writes addresses into store keys.
    pub fn length_prefixed(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.0.len() + 1);
        out.push(u8::try_from(self.0.len()).unwrap_or(u8::MAX)); // the constructor admits at most 255
        out.extend_from_slice(&self.0);
        out
    }

    /// The same bytes as a validator operator address.
    pub fn to_validator_bech32(&self) -> String {
        encode(BECH32_VALIDATOR, &self.0)
    }
}

/// Address of a module account: `SHA256(name)[..20]`.
pub fn module_address(name: &str) -> AccAddress {
    let mut digest = Sha256::digest(name).to_vec();
    digest.truncate(20);
    AccAddress(digest)
}

/// Address of the `instance`-th contract of the chain, made from code `code_id`:
/// `SHA256(SHA256("module") || "wasm" || 0 || code_id || instance)` (wasmd's classic address, ADR-028).
pub fn contract_address(code_id: u64, instance: u64) -> AccAddress {
    let id = [code_id.to_be_bytes(), instance.to_be_bytes()].concat();
    module_sub_address("wasm", &id)
}

/// An address that a module derives from `id` (ADR-028, `address.Module`).
pub fn module_sub_address(module: &str, id: &[u8]) -> AccAddress {
    let digest = Sha256::new()
        .chain_update(Sha256::digest("module"))
        .chain_update(module)
        .chain_update([0])
        .chain_update(id)
        .finalize();
    AccAddress(digest.to_vec())
}

/// Raw bytes of a consensus address.
///
/// # Errors
/// As [`AccAddress::from_bech32`].
pub fn consensus_from_bech32(text: &str) -> Result<Vec<u8>> {
    AccAddress::decode(text, BECH32_CONSENSUS)
        .map(|address| address.0)
        .map_err(|e| errors::INVALID_ADDRESS.wrap(e.to_string()))
}

/// Bech32 form of a consensus address (the first 20 bytes of SHA-256 of an Ed25519 key).
pub fn consensus_bech32(address: &[u8]) -> String {
    encode(BECH32_CONSENSUS, address)
}

fn encode(prefix: &str, bytes: &[u8]) -> String {
    // The prefixes are constants and the length is bounded by the constructor, so neither step fails;
    // an empty text is the harmless answer if that ever changes.
    Hrp::parse(prefix)
        .ok()
        .and_then(|hrp| encode_unbounded(hrp, bytes))
        .unwrap_or_default()
}

/// BIP-173 caps a string at 90 characters; Cosmos does not (a 255-byte address is 427 long).
fn encode_unbounded(hrp: Hrp, bytes: &[u8]) -> Option<String> {
    use bech32::primitives::iter::{ByteIterExt, Fe32IterExt};
    Some(
        bytes
            .iter()
            .copied()
            .bytes_to_fes()
            .with_checksum::<Bech32>(&hrp)
            .chars()
            .collect(),
    )
}

impl fmt::Display for AccAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&address_memo::text(&self.0, || encode(BECH32_ACCOUNT, &self.0)))
    }
}

impl fmt::Debug for AccAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bech32_round_trips_for_keys_contracts_and_the_longest_address() {
        for n in [20, 32, 255] {
            let a = AccAddress::from_bytes(vec![7; n]).unwrap();
            if n < 255 {
                assert_eq!(AccAddress::from_bech32(&a.to_string()).unwrap(), a);
            } else {
                assert!(a.to_string().starts_with("quern1"));
            }
        }
    }

    #[test]
    fn mixed_case_other_prefix_and_broken_checksum_are_refused() {
        let a = module_address("fee_collector").to_string();
        let mixed = a.replacen("quern1", "Quern1", 1);
        let flipped = format!("{}q", &a[..a.len() - 1]);
        for bad in [
            mixed.as_str(),
            "cosmos17xpfvakm2amg962yls6f84z3kell8c5lserqta",
            "",
            "quern1",
        ] {
            assert!(AccAddress::from_bech32(bad).is_err(), "{bad}");
        }
        assert!(flipped == a || AccAddress::from_bech32(&flipped).is_err());
        assert_eq!(AccAddress::from_bech32(&a.to_uppercase()).unwrap().to_string(), a);
    }

    #[test]
    fn each_way_to_read_an_address_fails_with_the_code_and_text_of_the_sdk() {
        let own = module_address("gov").to_string();
        let other = "cosmos17xpfvakm2amg962yls6f84z3kell8c5lserqta";
        let shown = |result: Result<AccAddress>| format!("{:?}", result.unwrap_err());
        assert_eq!(
            shown(AccAddress::parse("")),
            "undefined/1 empty address string is not allowed"
        );
        assert_eq!(
            shown(AccAddress::parse(other)),
            "undefined/1 invalid Bech32 prefix; expected quern, got cosmos"
        );
        assert_eq!(
            shown(AccAddress::from_signer(other)),
            "sdk/35 hrp does not match bech32 prefix: expected 'quern' got 'cosmos': internal logic error"
        );
        assert_eq!(
            shown(AccAddress::from_bech32(other)),
            "sdk/7 invalid Bech32 prefix; expected quern, got cosmos: invalid address"
        );
        assert_eq!(
            shown(AccAddress::from_bech32("quern1notanaddress")),
            "sdk/7 decoding bech32 failed: invalid character not part of charset: 111: invalid address"
        );
        assert!(AccAddress::from_signer(&own).is_ok() && AccAddress::parse(&own).is_ok());
    }

    #[test]
    fn module_address_matches_the_sdk() {
        // fee_collector of every SDK chain: f1829676db577682e944fc3493d451b67ff3e29f
        let bytes = module_address("fee_collector");
        assert_eq!(bytes.as_bytes()[..4], [0xf1, 0x82, 0x96, 0x76]);
    }
}
