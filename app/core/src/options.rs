//! How to open the application.

use std::{collections::BTreeSet, fmt, path::PathBuf, sync::Arc};

use quern_beacon::Hash;
use quern_store::{Pruning, StoreError};

use crate::{GasPrices, Release, Snapshots};

/// Settings of this node. None of them but the release may change what a block does.
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
    /// Blocks that CometBFT is to keep, at least; 0 keeps all.
    pub min_retain_blocks: u64,
    /// Where to stop before executing a block.
    pub halt: Halt,
    /// Snapshots to make and to offer; `None` for neither.
    pub snapshots: Option<Snapshots>,
    /// Most bytes of a snapshot that is taken in; `None` without a limit.
    pub restore_room: Option<u64>,
    /// What this binary was built with: the same on all nodes, unlike the rest.
    pub release: Release,
    /// Names of upgrades that this binary is said to carry and that need no change of the state. A node that is
    /// told so of a binary that lacks the upgrade's rules leaves the chain.
    pub upgrades: BTreeSet<String>,
    /// Heights at which a plan is dropped instead of made, as operators of most of the voting power agreed.
    pub skip_upgrades: BTreeSet<u64>,
    /// File that says which upgrade this node waits for, as Cosmovisor reads it.
    pub upgrade_info: PathBuf,
    /// Whether to check every page of the database on opening.
    pub verify: bool,
    /// This validator's reveals for the beacon.
    pub reveals: Reveals,
    /// Whether a proposal that lacks the reveal which its proposer owes is refused. Only operators of most
    /// of the voting power who agree to go on after all onions were lost turn it off.
    pub demand_reveals: bool,
}

/// A stop that the operator planned. Zero stands for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Halt {
    /// The first block that is not executed.
    pub height: u64,
    /// Blocks of this Unix time in seconds, or later, are not executed.
    pub time: u64,
}

impl Halt {
    /// Why the block of this height and Unix time is not executed, if it is not.
    pub(crate) fn stops(self, height: u64, time: i64) -> Option<String> {
        let due = |limit: u64, at: u64| limit > 0 && at >= limit;
        let by_time = due(self.time, u64::try_from(time).unwrap_or(0));
        (due(self.height, height) || by_time).then(|| {
            format!(
                "halt per configuration before block {height}: halt-height {}, halt-time {}",
                self.height, self.time
            )
        })
    }
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
        let data_dir: PathBuf = data_dir.into();
        Self {
            upgrade_info: data_dir.join("upgrade-info.json"),
            data_dir,
            min_gas_prices: GasPrices::default(),
            pruning: Pruning::KeepRecent(100_000),
            min_retain_blocks: 0,
            halt: Halt::default(),
            snapshots: None,
            restore_room: None,
            release: Release::default(),
            upgrades: BTreeSet::new(),
            skip_upgrades: BTreeSet::new(),
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
