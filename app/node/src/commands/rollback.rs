//! `quernd rollback`: back by some blocks, to run them again.

use std::path::PathBuf;

use quern_store::{Config, MultiStore, Pruning, statesync::Folder};
use serde_json::{Value, json};

use crate::comet::locate;
use crate::exit::{At, Exit, Failure, Outcome};
use crate::home::Home;

/// Arguments of `quernd rollback`.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct RollbackArgs {
    /// Blocks to take back in the application's state, as far as past states are kept
    #[arg(long, default_value_t = 1)]
    pub blocks: u64,
    /// Remove the blocks too, so that peers send them again. A validator must not: its key has signed them
    /// and refuses to sign at these heights again
    #[arg(long)]
    pub hard: bool,
}

/// Takes the last blocks back. The application goes back by all of them; CometBFT's state by one, and its
/// stored blocks are executed again at the next start, unless they are to be removed.
///
/// # Errors
/// If the node runs, or either side has too few blocks to take back.
pub fn rollback(args: RollbackArgs, home: &Home, comet_bin: Option<&PathBuf>) -> Outcome<Value> {
    home.must_have_state()?;
    let _locks = home.exclusive()?;
    let comet = locate(comet_bin.map(PathBuf::as_path))?;
    comet.must_read(home)?;
    let path = home.state();
    let config = Config {
        path: path.clone(),
        pruning: Pruning::Nothing,
        verify: false,
    };
    let store = MultiStore::open(config).at(Exit::BadFile, path.display())?;
    let latest = store.latest().map_or(0, |info| info.version);
    let target = latest
        .checked_sub(args.blocks)
        .filter(|target| *target >= store.oldest().max(1));
    let Some(target) = target.filter(|_| args.blocks > 0) else {
        let text = format!(
            "cannot go back by {} blocks from height {latest}: states are kept from height {} on. Nothing was changed",
            args.blocks,
            store.oldest()
        );
        return Err(Failure::new(Exit::Usage, text));
    };
    // What went wrong with the blocks is in their snapshots too, and new ones may differ.
    Folder::open(home.snapshots())
        .and_then(|folder| folder.delete_above(target))
        .at(Exit::Failure, home.snapshots().display())?;
    // The application first: interrupted here, it lags, and CometBFT replays its stored blocks.
    let info = store
        .rollback_to(target)
        .at(Exit::Failure, "the application's state")?;
    drop(store);
    if args.hard {
        for _ in 0..args.blocks {
            comet.run_in(home, &["rollback", "--hard"])?;
        }
    } else {
        comet.run_in(home, &["rollback"])?;
    }
    Ok(json!({ "height": info.version, "app_hash": hex::encode_upper(info.app_hash) }))
}
