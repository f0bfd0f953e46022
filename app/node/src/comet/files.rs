//! CometBFT's own files, read before it starts: with a broken one it would end, be started again and end, and say why
//! in words of its own.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml_edit::DocumentMut;

use crate::config::comet::remote_signer;
use crate::exit::{At, Exit, Outcome};
use crate::home::Home;
use crate::init::validator_key;

/// A secret key in CometBFT's JSON.
#[derive(Deserialize)]
#[serde(try_from = "Tagged")]
struct Secret;

#[derive(Deserialize)]
struct Tagged {
    #[serde(rename = "type")]
    kind: String,
    value: String,
}

impl TryFrom<Tagged> for Secret {
    type Error = &'static str;

    fn try_from(tagged: Tagged) -> Result<Self, Self::Error> {
        let long = STANDARD
            .decode(&tagged.value)
            .is_ok_and(|bytes| bytes.len() == 64);
        match (tagged.kind.as_str(), long) {
            ("tendermint/PrivKeyEd25519", true) => Ok(Self),
            ("tendermint/PrivKeyEd25519", false) => Err("priv_key is not 64 bytes in base64"),
            _ => Err("priv_key is no tendermint/PrivKeyEd25519"),
        }
    }
}

#[derive(Deserialize)]
struct KeyFile {
    #[serde(rename = "priv_key")]
    _key: Secret,
}

/// What the consensus key signed last. CometBFT would take what is missing for nothing, and sign again.
#[derive(Deserialize)]
struct LastSigned {
    #[serde(rename = "height")]
    _height: Height,
    #[serde(rename = "round")]
    _round: i32,
    #[serde(rename = "step")]
    _step: i8,
}

/// A number in a text.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Height;

impl TryFrom<String> for Height {
    type Error = std::num::ParseIntError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse::<u64>().map(|_| Self)
    }
}

/// Refuses keys and a signing state that CometBFT could not read. A node key that is missing it makes itself, and with a
/// remote signer the consensus key is not here.
///
/// # Errors
/// [`Exit::BadFile`] with the file and what to do.
pub fn check(home: &Home, config: &DocumentMut) -> Outcome {
    let node_key = home.node_key();
    if node_key.exists() {
        let remedy = "is no node key: restore it from a backup, or remove it and the node takes another id";
        let _: KeyFile = read(&node_key, remedy)?;
    }
    if remote_signer(config) {
        return Ok(());
    }
    validator_key(&home.validator_key())?;
    let remedy = "is no consensus key file; restore it from a backup";
    let _: KeyFile = read(&home.validator_key(), remedy)?;
    let remedy = "does not say what this validator signed last. Nothing older may take its place, or it signs a height \
                  twice: see `Backup and recovery` in the operator's chapter";
    let _: LastSigned = read(&home.signing_state(), remedy)?;
    Ok(())
}

fn read<T: DeserializeOwned>(path: &Path, remedy: &str) -> Outcome<T> {
    let text = fs::read(path).at(Exit::BadFile, format!("{} {remedy}", path.display()))?;
    serde_json::from_slice(&text).at(Exit::BadFile, format!("{} {remedy}", path.display()))
}
