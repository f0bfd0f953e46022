//! `quernd beacon`: the anchors of this validator.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use quern_beacon::{DEFAULT_LAYERS, MIN_LAYERS};
use serde_json::{Value, json};

use crate::exit::{Exit, Failure, Outcome};
use crate::home::{Home, ONION_LOCK};
use crate::onion::Onions;

/// Commands of `quernd beacon`.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum BeaconCommand {
    /// Print the anchor of the newest onion, which the host's registration announces
    Anchor,
    /// Grow a new onion beside the old ones and print its anchor; a running node needs no restart
    New {
        /// Blocks that it can reveal for
        #[arg(long, default_value_t = DEFAULT_LAYERS, value_parser = clap::value_parser!(u32).range(i64::from(MIN_LAYERS)..))]
        layers: u32,
    },
}

/// Runs one of them.
///
/// # Errors
/// [`Exit::BadFile`] if the onions' file is damaged or, for `anchor`, missing.
pub fn run(command: &BeaconCommand, home: &Home) -> Outcome<Value> {
    home.must_exist()?;
    let path = home.beacon_onion();
    match command {
        BeaconCommand::Anchor => {
            let anchor = Onions::load(&path)?.anchor().ok_or_else(|| {
                let text = format!("{} holds no onion: run `quernd beacon new`", path.display());
                Failure::new(Exit::BadFile, text)
            })?;
            Ok(Value::String(STANDARD.encode(anchor)))
        }
        BeaconCommand::New { layers } => {
            let _lock = home.lock(ONION_LOCK, Duration::from_secs(10))?;
            let mut onions = Onions::load(&path)?;
            let anchor = onions.grow(*layers)?;
            onions.save(&path)?;
            Ok(json!({ "anchor": STANDARD.encode(anchor), "layers": layers, "file": path }))
        }
    }
}
