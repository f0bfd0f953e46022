//! `quernd export`: the state as the genesis of a new chain.

use std::time::Duration;

use quern_core::{App, Options};
use serde_json::Value;

use crate::exit::{At, Exit, Failure, Outcome};
use crate::home::{APP_LOCK, Home};

/// Arguments of `quernd export`.
#[derive(Clone, Debug, clap::Args)]
pub struct ExportArgs {
    /// Height to export; 0 is the latest
    #[arg(long, default_value_t = 0)]
    pub height: u64,
    /// Begin the new chain at height 1. Only for a state without contracts: those count in heights of this chain
    #[arg(long)]
    pub for_zero_height: bool,
}

/// The home's genesis document with the state of a stopped node, its consensus parameters and its time.
///
/// # Errors
/// If the node runs, or does not keep the height.
pub fn export(args: &ExportArgs, home: &Home) -> Outcome<Value> {
    home.must_exist()?;
    let _app = home.lock(APP_LOCK, Duration::ZERO)?;
    let mut document =
        quern_genesis::cli::load(&home.genesis()).at(Exit::BadFile, home.genesis().display())?;
    let app = App::open(Options::new(home.app_data())).at(Exit::BadFile, home.app_data().display())?;
    app.export_document(args.height, &mut document)
        .at(Exit::Failure, "export")?;
    if args.for_zero_height {
        if !document.app_state.wasm.contracts.is_empty() {
            return Err(Failure::new(
                Exit::Usage,
                "the state has contracts, which count in heights of this chain: export without --for-zero-height, \
                 and the new chain begins at the next height, as CometBFT allows",
            ));
        }
        document.initial_height = 1;
    }
    serde_json::to_value(document).at(Exit::Failure, "export")
}
