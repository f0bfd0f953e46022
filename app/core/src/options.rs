//! How to open the application.

use std::path::PathBuf;

use quern_store::{Pruning, StoreError};

use crate::GasPrices;

/// Settings of this node. None of them may change what a block does.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folder of the state and of contract code.
    pub data_dir: PathBuf,
    /// What this node asks for before it admits a transaction.
    pub min_gas_prices: GasPrices,
    /// Which versions of the state to keep.
    pub pruning: Pruning,
    /// Most gas that one query may use; `None` without a limit.
    pub query_gas_limit: Option<u64>,
    /// Whether to check every page of the database on opening.
    pub verify: bool,
}

impl Options {
    /// Defaults: nothing asked, 100,000 versions kept, 50 million gas a query.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            min_gas_prices: GasPrices::default(),
            pruning: Pruning::KeepRecent(100_000),
            query_gas_limit: Some(50_000_000),
            verify: false,
        }
    }
}

/// Why the application cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database.
    #[error("cannot open the state: {0}")]
    Store(#[from] StoreError),
    /// The contract host.
    #[error(transparent)]
    Wasm(#[from] quern_wasm::OpenError),
    /// What the state says of itself.
    #[error("the state is corrupt: {0}; restore a backup, or reset and sync again")]
    Corrupt(String),
}
