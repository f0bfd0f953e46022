//! `quernd export`: the state as the genesis of a new chain.

use std::time::Duration;

use quern_core::{App, Options};
use serde_json::Value;

use crate::exit::{At, Exit, Outcome};
use crate::home::{APP_LOCK, Home};

/// Arguments of `quernd export`.
#[derive(Clone, Debug, clap::Args)]
pub struct ExportArgs {
    /// Height to export; 0 is the latest
    #[arg(long, default_value_t = 0)]
    pub height: u64,
}

/// The home's genesis document with its `app_state` replaced by the state of a stopped node.
///
/// # Errors
/// If the node runs, or does not keep the height.
pub fn export(args: &ExportArgs, home: &Home) -> Outcome<Value> {
    home.must_exist()?;
    let _app = home.lock(APP_LOCK, Duration::ZERO)?;
    let mut document =
        quern_genesis::cli::load(&home.genesis()).at(Exit::BadFile, home.genesis().display())?;
    let app = App::open(Options::new(home.app_data())).at(Exit::BadFile, home.app_data().display())?;
    document.app_state = app.export(args.height).at(Exit::Failure, "export")?;
    let height = if args.height == 0 {
        app.last_height()
    } else {
        args.height
    };
    document.initial_height = height.saturating_add(1);
    serde_json::to_value(document).at(Exit::Failure, "export")
}
