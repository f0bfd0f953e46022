//! `quernd rollback`: back by one block, to run the last one again.

use std::path::PathBuf;

use quern_store::{Config, MultiStore, Pruning};
use serde_json::{Value, json};

use crate::comet::locate;
use crate::exit::{At, Exit, Outcome};
use crate::home::Home;

/// Takes the last block back in CometBFT's state and in the application's. The block itself stays
/// in the block store and is executed again at the next start.
///
/// # Errors
/// If the node runs, or either side has no block to take back.
pub fn rollback(home: &Home, comet_bin: Option<&PathBuf>) -> Outcome<Value> {
    home.must_exist()?;
    let _locks = home.exclusive()?;
    let comet = locate(comet_bin.map(PathBuf::as_path))?;
    let path = home.app_data().join("state");
    let config = Config {
        path: path.clone(),
        pruning: Pruning::Nothing,
        verify: false,
    };
    let store = MultiStore::open(config).at(Exit::BadFile, path.display())?;
    // Interrupted between the two, the application is one block ahead of CometBFT's state with the
    // block still stored: the handshake mends that from the stored results.
    comet.run_in(home, &["rollback"])?;
    let info = store
        .rollback_one()
        .at(Exit::Failure, "the application's state")?;
    Ok(json!({ "height": info.version, "app_hash": hex::encode_upper(info.app_hash) }))
}
