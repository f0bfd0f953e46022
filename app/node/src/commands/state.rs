//! `quernd state`: every row of the state, to compare two nodes with.

use std::io::{BufWriter, Write, stdout};
use std::time::Duration;

use quern_store::{Config, MultiStore, Order, Pruning};

use crate::exit::{At, Exit, Outcome};
use crate::home::{APP_LOCK, Home};

/// Arguments of `quernd state`.
#[derive(Clone, Debug, clap::Args)]
pub struct StateArgs {
    /// State after this block; 0 is the latest
    #[arg(long, default_value_t = 0)]
    pub height: u64,
}

/// Prints the rows of a stopped node's state by rising key, one a line: key and value in hexadecimal.
///
/// # Errors
/// If the node runs, or does not keep the height.
pub fn state(args: &StateArgs, home: &Home) -> Outcome {
    home.must_exist()?;
    let _app = home.lock(APP_LOCK, Duration::ZERO)?;
    let path = home.app_data().join("state");
    let config = Config {
        path: path.clone(),
        pruning: Pruning::Nothing,
        verify: false,
    };
    let store = MultiStore::open(config).at(Exit::BadFile, path.display())?;
    let height = match (args.height, store.latest()) {
        (0, Some(latest)) => latest.version,
        (height, _) => height,
    };
    let snapshot = store.snapshot_at(height).at(Exit::Failure, "the state")?;
    let mut out = BufWriter::new(stdout().lock());
    for row in snapshot.range(None, None, Order::Ascending) {
        let (key, value) = row.at(Exit::Failure, "the state")?;
        // A reader that went away early got what it wanted.
        if writeln!(out, "{} {}", hex::encode(&key), hex::encode(&value)).is_err() {
            return Ok(());
        }
    }
    let _ = out.flush();
    Ok(())
}
