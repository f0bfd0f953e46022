//! API keys, of which only SHA-256 hashes are kept.

use crate::rates::{Limit, Rates};
use anyhow::{Context, bail};
use quern_protocol::Amount;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;

/// Budget of a key whose line names none: 1000 QRN.
pub(crate) const BUDGET: Amount = Amount(1_000_000_000_000);

/// Whose key it is, and what it may spend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) name: String,
    /// In nqrn, for good.
    pub(crate) budget: Amount,
    /// Name of the account whose sessions pay; the first one if none.
    pub(crate) payer: Option<String>,
}

/// Who may use the router.
#[derive(Clone, Debug)]
pub(crate) enum Keys {
    /// Anyone.
    Open(Holder),
    /// Holders of a key, by hash of the key.
    Listed(BTreeMap<[u8; 32], Holder>),
}

impl Keys {
    /// Keys that let anyone in.
    pub(crate) fn open() -> Self {
        Self::Open(Holder {
            name: "anyone".into(),
            budget: BUDGET,
            payer: None,
        })
    }

    /// Every holder.
    pub(crate) fn holders(&self) -> Vec<&Holder> {
        match self {
            Self::Open(holder) => vec![holder],
            Self::Listed(keys) => keys.values().collect(),
        }
    }

    /// Reads a keys file: one `sha256-in-hex name [budget=NQRN] [payer=NAME] [rpm=REQUESTS] [tpm=TOKENS]` a line; empty
    /// lines and those that begin with # are skipped. Keys of one name share its budget, which must be the same on each line.
    pub(crate) fn load(path: &Path) -> anyhow::Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("in {}", path.display()))
    }

    /// The rates that the lines of a keys file name; of several lines for one holder the lowest counts.
    pub(crate) fn rates(path: &Path) -> anyhow::Result<Rates> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse_rates(&text)
    }

    fn parse_rates(text: &str) -> anyhow::Result<Rates> {
        let mut limits: BTreeMap<String, Limit> = BTreeMap::new();
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
            let Some((_, rest)) = line.split_once(' ') else {
                continue;
            };
            for word in rest.split_whitespace() {
                if let Some(limit) = Limit::parse(word)? {
                    let known = limits.entry(Holder::parse(rest)?.name).or_default();
                    *known = known.and(limit);
                }
            }
        }
        Ok(Rates::new(limits))
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
            let holder = Holder::parse(name).with_context(|| format!("line {number}"))?;
            let other = keys.values().find(|known: &&Holder| known.name == holder.name);
            if other.is_some_and(|other| *other != holder) {
                bail!(
                    "line {number} gives {} another budget or payer than a line before",
                    holder.name
                );
            }
            keys.insert(bytes, holder);
        }
        if keys.is_empty() {
            bail!("no keys; make one with 'quern-router new-key NAME'");
        }
        Ok(Self::Listed(keys))
    }

    /// The holder of the key in an `Authorization` header, if it is a good one. The lookup goes by hash, so its
    /// timing says nothing about other keys.
    pub(crate) fn holder(&self, authorization: Option<&str>) -> Option<&Holder> {
        match self {
            Self::Open(holder) => Some(holder),
            Self::Listed(keys) => {
                let (scheme, key) = authorization?.split_once(' ')?;
                if !scheme.eq_ignore_ascii_case("bearer") {
                    return None;
                }
                let hash: [u8; 32] = Sha256::digest(key.trim().as_bytes()).into();
                keys.get(&hash)
            }
        }
    }
}

impl Holder {
    /// Reads what follows the hash.
    fn parse(text: &str) -> anyhow::Result<Self> {
        let (mut words, mut budget, mut payer) = (Vec::new(), BUDGET, None);
        for word in text.split_whitespace() {
            if let Some(amount) = word.strip_prefix("budget=") {
                budget = amount
                    .parse()
                    .with_context(|| format!("{amount:?} is not an amount of nqrn"))?;
            } else if let Some(name) = word.strip_prefix("payer=") {
                payer = Some(name.to_owned());
            } else if Limit::parse(word)?.is_none() {
                // Limits are read by themselves: see `rates`.
                words.push(word);
            }
        }
        if words.is_empty() {
            bail!("the holder's name is missing");
        }
        Ok(Self {
            name: words.join(" "),
            budget,
            payer,
        })
    }
}

/// Makes words for holders that tell nothing of them, and are others after every start.
#[derive(Clone, Debug)]
pub(crate) struct Parting([u8; 32]);

impl Parting {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|e| anyhow::anyhow!("no randomness from the system: {e}"))?;
        Ok(Self(secret))
    }

    /// The word by which hosts keep a holder's cached prompts apart from those of others.
    pub(crate) fn of(&self, holder: &Holder) -> String {
        let hash = Sha256::new().chain_update(self.0).chain_update(&holder.name);
        hex::encode(hash.finalize())
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
        let holder = keys.holder(Some(&format!("Bearer {key}"))).unwrap();
        assert_eq!((holder.name.as_str(), holder.budget), ("ann", BUDGET));
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
    fn holders_are_parted_by_words_that_do_not_name_them() {
        let holder = |name: &str| Holder::parse(name).unwrap();
        let (parting, later) = (Parting::new().unwrap(), Parting::new().unwrap());
        let ann = parting.of(&holder("ann"));
        assert_eq!(ann, parting.of(&holder("ann budget=5")));
        assert_ne!(ann, parting.of(&holder("bob")));
        assert_ne!(ann, later.of(&holder("ann")));
    }

    #[test]
    fn a_file_without_keys_or_with_a_broken_line_is_refused() {
        for text in ["", "# only\n", "zz ann", "00ff ann", "justonefield"] {
            assert!(Keys::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_line_may_name_a_budget_and_a_payer_and_a_name_has_one_budget() {
        let (hash, other) = ("11".repeat(32), "22".repeat(32));
        let keys = Keys::parse(&format!("{hash} Ann B budget=500 payer=acme")).unwrap();
        let holder = keys.holders()[0];
        assert_eq!((holder.name.as_str(), holder.budget.0), ("Ann B", 500));
        assert_eq!(holder.payer.as_deref(), Some("acme"));
        let keys = Keys::parse(&format!("{hash} Ann B rpm=60")).unwrap();
        assert_eq!(keys.holders()[0].name, "Ann B");
        assert!(Keys::parse_rates(&format!("{hash} Ann B rpm=60")).is_ok());
        for rate in ["rpm=0", "rpm=x", "rpm=-1", "tpm=0", "tpm=much"] {
            assert!(Keys::parse(&format!("{hash} ann {rate}")).is_err(), "{rate}");
        }
        assert!(Keys::parse(&format!("{hash} budget=5")).is_err());
        assert!(Keys::parse(&format!("{hash} ann budget=x")).is_err());
        assert!(Keys::parse(&format!("{hash} ann budget=5\n{other} ann budget=6")).is_err());
        assert!(Keys::parse(&format!("{hash} ann budget=5\n{other} ann budget=5")).is_ok());
    }
}
