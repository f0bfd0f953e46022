//! `quernd comet`: the consensus side of the home.

use std::fs;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use quern_genesis::ConsensusKey;
use quern_types::consensus_bech32;
use serde_json::{Value, json};

use crate::comet::{Comet, locate};
use crate::exit::{At, Exit, Outcome};
use crate::home::Home;
use crate::init::validator_key;

/// Commands of `quernd comet`.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum CometCommand {
    /// Print this node's peer-to-peer id
    ShowNodeId,
    /// Print this node's consensus public key
    ShowValidator,
    /// Print this node's consensus address
    ShowAddress,
    /// Delete all chain data of this home, keeping keys and configuration
    UnsafeResetAll,
    /// Print the version of CometBFT that this node runs
    Version,
}

/// Runs one of them.
///
/// # Errors
/// With the exit code for what is missing or in use.
pub fn run(command: &CometCommand, home: &Home, comet_bin: Option<&PathBuf>) -> Outcome<Value> {
    let comet = || locate(comet_bin.map(PathBuf::as_path));
    let key = || {
        home.must_have(&home.validator_key())?;
        validator_key(&home.validator_key())
    };
    match command {
        CometCommand::ShowNodeId => {
            let id = comet()?.run_in(home, &["show-node-id"]);
            Ok(Value::String(id.at(Exit::BadFile, home.node_key().display())?))
        }
        CometCommand::ShowValidator => {
            let ConsensusKey::Ed25519 { value } = key()?;
            Ok(json!({ "@type": "/cosmos.crypto.ed25519.PubKey", "key": STANDARD.encode(value) }))
        }
        CometCommand::ShowAddress => Ok(Value::String(consensus_bech32(&key()?.address()))),
        CometCommand::UnsafeResetAll => reset(home, &comet()?),
        CometCommand::Version => Ok(Value::String(comet()?.version().to_string())),
    }
}

fn reset(home: &Home, comet: &Comet) -> Outcome<Value> {
    home.must_exist()?;
    let _locks = home.exclusive()?;
    comet.must_read(home)?;
    // The application first: interrupted here, CometBFT would replay its blocks into an empty state.
    let app = home.app_data();
    if app.exists() {
        fs::remove_dir_all(&app).at(Exit::Failure, app.display())?;
    }
    comet.run(home.root(), &["unsafe-reset-all", "--keep-addr-book"])?;
    Ok(json!({ "reset": home.data() }))
}
