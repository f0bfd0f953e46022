//! API keys, of which only SHA-256 hashes are kept.

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;

/// Who may use the router.
#[derive(Clone, Debug)]
pub(crate) enum Keys {
    /// Anyone.
    Open,
    /// Holders of a key, by hash of the key; the value names the holder.
    Listed(BTreeMap<[u8; 32], String>),
}

impl Keys {
    /// Reads a keys file: one `sha256-in-hex name` a line; empty lines and those that begin with # are skipped.
    pub(crate) fn load(path: &Path) -> anyhow::Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("in {}", path.display()))
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let mut keys = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let number = index + 1;
            let Some((hash, name)) = line.split_once(' ') else {
                bail!("line {number} is not 'sha256-in-hex name'");
            };
            let mut bytes = [0; 32];
            hex::decode_to_slice(hash, &mut bytes)
                .with_context(|| format!("line {number} does not begin with a SHA-256 in hex"))?;
            keys.insert(bytes, name.trim().to_owned());
        }
        if keys.is_empty() {
            bail!("no keys; make one with 'quern-router new-key NAME'");
        }
        Ok(Self::Listed(keys))
    }

    /// The holder of the key in an `Authorization` header, if it is a good one. The lookup goes by hash, so its
    /// timing says nothing about other keys.
    pub(crate) fn holder(&self, authorization: Option<&str>) -> Option<&str> {
        match self {
            Self::Open => Some("anyone"),
            Self::Listed(keys) => {
                let (scheme, key) = authorization?.split_once(' ')?;
                if !scheme.eq_ignore_ascii_case("bearer") {
                    return None;
                }
                let hash: [u8; 32] = Sha256::digest(key.trim().as_bytes()).into();
                keys.get(&hash).map(String::as_str)
            }
        }
    }
}

/// A fresh key and its line for the keys file.
pub(crate) fn new_key(name: &str) -> anyhow::Result<(String, String)> {
    if name.is_empty() || name.chars().any(char::is_control) {
        bail!("the name must be printable and not empty");
    }
    let mut bytes = [0u8; 24];
    getrandom::fill(&mut bytes).map_err(|e| anyhow::anyhow!("no randomness from the system: {e}"))?;
    let key = format!("qk-{}", hex::encode(bytes));
    let line = format!("{} {name}", hex::encode(Sha256::digest(key.as_bytes())));
    Ok((key, line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_opens_its_own_line_and_no_other() {
        let (key, line) = new_key("ann").unwrap();
        let keys = Keys::parse(&format!("# keys\n\n{line}\n")).unwrap();
        assert_eq!(keys.holder(Some(&format!("Bearer {key}"))), Some("ann"));
        for wrong in [
            None,
            Some("Bearer "),
            Some("Bearer qk-00"),
            Some("Basic x"),
            Some(key.as_str()),
        ] {
            assert_eq!(keys.holder(wrong), None);
        }
    }

    #[test]
    fn a_file_without_keys_or_with_a_broken_line_is_refused() {
        for text in ["", "# only\n", "zz ann", "00ff ann", "justonefield"] {
            assert!(Keys::parse(text).is_err(), "{text}");
        }
    }
}
