//! The file that `--chain` names.

use anyhow::{Context, bail};
use quern_chain_client::{Fees, SigningKey};
use quern_protocol::Bytes;
use quern_transport::TransportKey;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Where the chain is and who the host is. Relative paths begin at the file's folder.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChainConfig {
    /// Chain id.
    pub(crate) chain_id: String,
    /// RPC addresses of nodes, asked in turn.
    pub(crate) nodes: Vec<String>,
    /// Address of the operator, which is the host's id. Its key is not needed here.
    pub(crate) host: String,
    /// System contracts.
    pub(crate) contracts: Contracts,
    /// Files of warm keys; the one that the registry names signs.
    pub(crate) warm_keys: Vec<PathBuf>,
    /// File of the transport key.
    pub(crate) transport_key: PathBuf,
    /// Folder of the journal.
    pub(crate) journal: PathBuf,
    /// Price of a thousand units of gas, in nqrn.
    #[serde(default)]
    pub(crate) nqrn_per_thousand_gas: u32,
    /// Milliseconds between two looks at the chain's height.
    #[serde(default = "poll_ms")]
    pub(crate) poll_ms: u64,
}

/// Addresses of system contracts.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Contracts {
    /// Hosts and models.
    pub(crate) registry: String,
    /// Sessions and batches.
    pub(crate) settlement: String,
    /// Who answers `price_at`; settlement is asked if none is named.
    pub(crate) pricing: Option<String>,
    /// Who draws leaves and auditors; without it the worker neither audits nor is audited.
    pub(crate) audits: Option<String>,
    /// Who makes weights of proofs of compute; without it the worker proves nothing.
    #[serde(alias = "poc-weights")]
    pub(crate) poc_weights: Option<String>,
}

fn poll_ms() -> u64 {
    250
}

impl ChainConfig {
    /// Reads the file.
    pub(crate) fn load(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut config: Self = serde_json::from_slice(&text)
            .with_context(|| format!("{} is not a worker's chain configuration", path.display()))?;
        if config.warm_keys.is_empty() {
            bail!("{}: name at least one file in warm_keys", path.display());
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        for file in &mut config.warm_keys {
            *file = folder.join(&*file);
        }
        config.transport_key = folder.join(&config.transport_key);
        config.journal = folder.join(&config.journal);
        Ok(config)
    }

    /// What transactions pay.
    pub(crate) fn fees(&self) -> Fees {
        Fees {
            denom: "nqrn".into(),
            per_thousand_gas: self.nqrn_per_thousand_gas.into(),
        }
    }

    /// Folder of the journal of proofs, beside the other.
    pub(crate) fn proof_journal(&self) -> PathBuf {
        let mut name = self.journal.file_name().unwrap_or_default().to_owned();
        name.push("-proofs");
        self.journal.with_file_name(name)
    }
}

/// Make a host's keys, or read those that exist, and print their public parts as JSON.
#[derive(Debug, clap::Args)]
pub struct Keys {
    /// File of the warm key.
    #[arg(long, value_name = "FILE")]
    warm_key: PathBuf,
    /// File of the transport key.
    #[arg(long, value_name = "FILE")]
    transport_key: PathBuf,
}

impl Keys {
    /// Prints what a registration needs, keys in base64 as contract messages have them.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn run(self) -> anyhow::Result<()> {
        let warm = SigningKey::load_or_create(&self.warm_key)?;
        let transport = TransportKey::load_or_create(&self.transport_key)?;
        let keys = serde_json::json!({
            "warm_key": Bytes(warm.public()),
            "warm_address": warm.address()?,
            "transport_key": Bytes(transport.public()),
        });
        println!("{keys}");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"chain_id": "quern-1", "nodes": ["http://127.0.0.1:26657"], "host": "quern1h",
        "contracts": {"registry": "quern1r", "settlement": "quern1s", "bonding": "quern1b"},
        "warm_keys": ["warm.key"], "transport_key": "/keys/transport", "journal": "journal"}"#;

    #[test]
    fn paths_begin_at_the_files_folder_and_unknown_fields_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chain.json");
        std::fs::write(&path, GOOD).unwrap();
        let config = ChainConfig::load(&path).unwrap();
        assert_eq!(config.warm_keys, [folder.path().join("warm.key")]);
        assert_eq!(config.transport_key, Path::new("/keys/transport"));
        for bad in [
            GOOD.replace("chain_id", "chain"),
            GOOD.replace(r#"["warm.key"]"#, "[]"),
            "{".into(),
        ] {
            std::fs::write(&path, bad).unwrap();
            let error = format!("{:#}", ChainConfig::load(&path).unwrap_err());
            assert!(error.contains("chain.json"), "{error}");
        }
    }
}
