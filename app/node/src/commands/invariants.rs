//! `quernd invariants`: what must hold of the state at every height.

use std::time::Duration;

use quern_core::{App, Options};
use serde_json::{Value, json};

use super::export::{at_height, must_have_block};
use crate::exit::{At, Exit, Outcome};
use crate::home::{APP_LOCK, Home};

/// Arguments of `quernd invariants`.
#[derive(Clone, Debug, clap::Args)]
pub struct InvariantsArgs {
    /// Height to check; 0 is the latest
    #[arg(long, default_value_t = 0)]
    pub height: u64,
}

/// Checks the state of a stopped node, as x/crisis does in the Cosmos SDK: every module's books, and that those who
/// owe coins hold them.
///
/// # Errors
/// The invariant that is broken; or if the node runs, or does not keep the height.
pub fn invariants(args: &InvariantsArgs, home: &Home) -> Outcome<Value> {
    home.must_have_state()?;
    let _app = home.lock(APP_LOCK, Duration::ZERO)?;
    let app = App::open(Options::new(home.app_data())).at(Exit::BadFile, home.app_data().display())?;
    must_have_block(&app)?;
    let held = app
        .check_invariants(args.height)
        .at(Exit::Failure, at_height(args.height, &app))?;
    let height = if args.height == 0 {
        app.last_height()
    } else {
        args.height
    };
    Ok(json!({
        "height": height,
        "held": held,
    }))
}
