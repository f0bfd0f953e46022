//! `quernd export`: the state as the genesis of a new chain.

use std::path::PathBuf;
use std::time::Duration;

use quern_core::{App, Options};
use quern_genesis::check_chain_id;
use serde_json::Value;

use crate::config::edit;
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
    /// Id of the new chain; that of this one if left out, where what was signed for this chain stays valid
    #[arg(long)]
    pub chain_id: Option<String>,
    /// File for the document, instead of standard output
    #[arg(long, value_name = "FILE")]
    pub output_document: Option<PathBuf>,
}

/// Which height was asked for, and which is the last.
pub(super) fn at_height(height: u64, app: &App) -> String {
    match height {
        0 => "the latest state".to_owned(),
        height => format!("height {height}, where the last is {}", app.last_height()),
    }
}

/// Fails with what to do when a node has made its database and no block.
pub(super) fn must_have_block(app: &App) -> Outcome {
    if app.last_height() > 0 {
        return Ok(());
    }
    let text = "the node has no block yet: run `quernd start` first";
    Err(Failure::new(Exit::BadFile, text))
}

/// The home's genesis document with the state of a stopped node, its consensus parameters and its time; nothing if a file
/// was named for it.
///
/// # Errors
/// If the node runs, or does not keep the height; for an id that no chain may have.
pub fn export(args: &ExportArgs, home: &Home) -> Outcome<Option<Value>> {
    if let Some(id) = &args.chain_id {
        check_chain_id(id).at(Exit::Usage, "--chain-id")?;
    }
    home.must_have_state()?;
    let _app = home.lock(APP_LOCK, Duration::ZERO)?;
    let mut document = quern_genesis::cli::load(&home.genesis()).at(Exit::BadFile, "genesis")?;
    let app = App::open(Options::new(home.app_data())).at(Exit::BadFile, home.app_data().display())?;
    must_have_block(&app)?;
    app.export_document(args.height, &mut document)
        .at(Exit::Failure, at_height(args.height, &app))?;
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
    if let Some(id) = &args.chain_id {
        document.chain_id.clone_from(id);
    }
    let document = serde_json::to_value(document).at(Exit::Failure, "export")?;
    let Some(file) = &args.output_document else {
        return Ok(Some(document));
    };
    // the same bytes as on standard output: their checksum is compared
    let text = format!("{document:#}\n");
    let file = std::path::absolute(file).at(Exit::Usage, "--output-document")?;
    edit::write(&file, text.as_bytes(), 0o644)?;
    Ok(None)
}
