//! `quernd prune`: forgets past states of a stopped node and gives their space back.

use std::time::Duration;

use quern_store::{Config, MultiStore, Pruning};
use serde_json::{Value, json};

use crate::config::app::{self, AppConfig};
use crate::exit::{At, Exit, Failure, Outcome};
use crate::home::{APP_LOCK, Home};

/// Arguments of `quernd prune`.
#[derive(Clone, Debug, clap::Args)]
pub struct PruneArgs {
    /// Which states to keep; app.toml decides if it is left out
    #[arg(value_enum)]
    pub method: Option<app::Pruning>,
    /// States to keep with `custom`
    #[arg(long)]
    pub pruning_keep_recent: Option<u64>,
    /// Whether to shrink the file afterwards, which rewrites it
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    pub compact: bool,
}

/// Removes what the method does not keep.
///
/// # Errors
/// If the node runs, or the method keeps too little.
pub fn prune(args: &PruneArgs, home: &Home) -> Outcome<Value> {
    home.must_have_state()?;
    let mut config = AppConfig::load(&home.app_toml())?;
    if let Some(method) = args.method {
        config.pruning = method;
    }
    if let Some(keep) = args.pruning_keep_recent {
        config.pruning_keep_recent = keep;
    }
    if config.pruning == app::Pruning::Custom && config.pruning_keep_recent < 2 {
        let text = "`custom` needs --pruning-keep-recent of at least 2";
        return Err(Failure::new(Exit::Usage, text));
    }
    let _app = home.lock(APP_LOCK, Duration::ZERO)?;
    let path = home.state();
    let Some(keep) = config.keep_recent() else {
        return Ok(json!({ "removed": 0, "kept": "all states" }));
    };
    let open = Config {
        path: path.clone(),
        pruning: Pruning::Nothing,
        verify: false,
    };
    let store = MultiStore::open(open).at(Exit::BadFile, path.display())?;
    let removed = store.prune(keep).at(Exit::Failure, path.display())?;
    let mut said = json!({
        "removed": removed,
        "oldest": store.oldest(),
        "latest": store.latest().map_or(0, |info| info.version),
    });
    drop(store);
    if args.compact {
        let (before, after) = MultiStore::compact(&path).at(Exit::Failure, path.display())?;
        said["bytes_before"] = before.into();
        said["bytes_after"] = after.into();
    }
    Ok(said)
}
