//! How to open the application.

use std::{fmt, path::PathBuf, sync::Arc};

use quern_beacon::Hash;
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
    /// This validator's reveals for the beacon.
    pub reveals: Reveals,
    /// Whether a proposal that lacks the reveal which its proposer owes is refused. Only operators of most
    /// of the voting power who agree to go on after all onions were lost turn it off.
    pub demand_reveals: bool,
}

/// Finds the preimage of an anchor, if this node holds the onion that the anchor belongs to.
#[derive(Clone)]
pub struct Reveals(Arc<Find>);

type Find = dyn Fn(&Hash) -> Option<Hash> + Send + Sync;

impl Reveals {
    /// Reveals from a function, which must be quick: a proposal waits for it.
    pub fn new(find: impl Fn(&Hash) -> Option<Hash> + Send + Sync + 'static) -> Self {
        Self(Arc::new(find))
    }

    /// The preimage of an anchor.
    pub(crate) fn find(&self, anchor: &Hash) -> Option<Hash> {
        (self.0)(anchor).filter(|preimage| quern_beacon::hash::around(preimage) == *anchor)
    }
}

impl Default for Reveals {
    fn default() -> Self {
        Self::new(|_| None)
    }
}

impl fmt::Debug for Reveals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reveals")
    }
}

impl Options {
    /// Defaults: nothing asked, 100,000 versions kept, 50 million gas a query, no onion.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            min_gas_prices: GasPrices::default(),
            pruning: Pruning::KeepRecent(100_000),
            query_gas_limit: Some(50_000_000),
            verify: false,
            reveals: Reveals::default(),
            demand_reveals: true,
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
