//! The application object and what its connections share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use quern_context::{BlockFacts, Cx, Mode};
use quern_store::statesync::{Description, Folder, SyncError};
use quern_store::{Branch, MultiStore, Snapshot};
use quern_types::{Error, Result};
use quern_wasm::Wasm;

use crate::{
    OpenError, Options,
    ante::{Ante, Verified},
    block::{Chain, Prepared, header},
    execute::Executor,
    router::AppRouter,
    stakes::Stakes,
    statesync::{self, StateSync},
    tx::Decoded,
};

/// The application. Clones share everything; each ABCI connection holds one.
#[derive(Clone)]
pub struct App {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub store: MultiStore,
    pub wasm: Wasm,
    pub router: Arc<AppRouter>,
    pub options: Options,
    pub verified: Verified,
    pub decoded: Decoded,
    /// The last proposal that this node made.
    pub prepared: Mutex<Option<Prepared>>,
    /// Held by the consensus connection while it works.
    pub chain: Mutex<Chain>,
    /// Held by the mempool connection, and by Commit while it replaces it.
    pub check: Mutex<CheckState>,
    /// What the last block's header says of the validators of the next; empty from the start of the node to its first block,
    /// as in the SDK: only consensus knows it.
    pub next_validators: Mutex<Vec<u8>>,
    /// Snapshots, made and taken in.
    pub sync: StateSync,
    /// Held by the query connection while it works.
    pub abci_query: Mutex<()>,
    halted: OnceLock<String>,
    /// Whether the operator planned the halt.
    pub planned: AtomicBool,
}

/// State that transactions are admitted against: the last committed block and what was admitted since.
#[derive(Clone)]
pub(crate) struct CheckState {
    pub branch: Branch,
    pub block: Arc<BlockFacts>,
    pub max_gas: Option<u64>,
}

impl App {
    /// Opens the state in `options.data_dir`, or starts an empty one.
    ///
    /// # Errors
    /// [`OpenError`], with what to do.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let store = MultiStore::open(quern_store::Config {
            path: options.data_dir.join("state"),
            pruning: options.pruning,
            verify: options.verify,
        })?;
        let wasm = Wasm::open(quern_wasm::Options::new(options.data_dir.join("wasm")))?;
        Self::assemble(store, wasm, options)
    }

    /// Puts an application together on an open state, for tests that bring their own storage.
    ///
    /// # Errors
    /// As [`App::open`].
    pub fn assemble(store: MultiStore, wasm: Wasm, options: Options) -> Result<Self, OpenError> {
        let corrupt = |e: Error| OpenError::Corrupt(e.to_string());
        let wasm = wasm.with_staking(Arc::new(Stakes));
        let snapshot = store.snapshot();
        let header = header::read(&snapshot).map_err(corrupt)?;
        let router = AppRouter::new(wasm.clone());
        let facts = header.as_ref().map(header::Header::facts).unwrap_or_default();
        let cx = Cx::new(Branch::new(snapshot.clone()), Arc::new(facts), Mode::Query);
        if header.is_some() {
            wasm.check_requirements(&cx)?;
            wasm.recover_pins(&cx).map_err(corrupt)?;
        }
        let sync = StateSync::open(options.snapshots.clone())?;
        let check = CheckState::at(snapshot, &cx.block).map_err(corrupt)?;
        Ok(Self {
            shared: Arc::new(Shared {
                store,
                wasm,
                router,
                options,
                verified: Verified::default(),
                decoded: Decoded::default(),
                prepared: Mutex::new(None),
                chain: Mutex::new(Chain::new(header)),
                check: Mutex::new(check),
                next_validators: Mutex::default(),
                sync,
                abci_query: Mutex::new(()),
                halted: OnceLock::new(),
                planned: AtomicBool::new(false),
            }),
        })
    }

    /// Height of the last committed block, 0 before the first.
    pub fn last_height(&self) -> u64 {
        self.shared.store.latest().map_or(0, |info| info.version)
    }

    /// App hash after the last committed block, empty before the first.
    pub fn last_app_hash(&self) -> Vec<u8> {
        self.shared
            .store
            .latest()
            .map_or_else(Vec::new, |info| info.app_hash.to_vec())
    }

    /// The committed state, for tools that compare nodes key by key.
    pub fn store(&self) -> &MultiStore {
        &self.shared.store
    }

    /// Why the node must stop, once it must. The answer to the running request is then void.
    pub fn halted(&self) -> Option<String> {
        self.shared.halted.get().cloned()
    }
}

impl App {
    /// Whether the halt is one that the operator planned, not a failure.
    pub fn halt_was_planned(&self) -> bool {
        self.shared.planned.load(Ordering::SeqCst)
    }

    /// Waits until a snapshot that is being made is there, or failed.
    pub fn wait_for_snapshot(&self) {
        self.shared.sync.wait();
    }

    /// Writes a state-sync snapshot of the state at `height` (0 is the latest) into `folder`.
    ///
    /// # Errors
    /// If the height is not kept, the snapshot is there already, or the disk fails.
    pub fn snapshot(&self, height: u64, folder: &Folder) -> Result<Description, SyncError> {
        let store = &self.shared.store;
        let version = if height == 0 { self.last_height() } else { height };
        let state = store
            .snapshot_at(version)
            .map_err(|error| SyncError::Io(error.to_string()))?;
        if version == 0 {
            return Err(SyncError::Io("there is no state yet".to_owned()));
        }
        statesync::make(folder, &state, &self.shared.wasm, || false)
    }

    /// Fills the empty state with a snapshot of one's own: its app hash is taken from the snapshot itself, and
    /// CometBFT checks it against its own blocks.
    ///
    /// # Errors
    /// If there is a state already, the snapshot is broken, or the disk fails.
    pub fn restore(&self, height: u64, format: u32, folder: &Folder) -> Result<(), SyncError> {
        self.shared.restore(height, format, folder)
    }
}

impl Shared {
    /// Records that the node must stop.
    pub fn halt(&self, cause: &Error) {
        tracing::error!(%cause, "halting");
        let _ = self.halted.set(cause.to_string()); // the first cause stands
    }

    /// Version of the application's rules in block headers: the consensus parameter, 0 before the first
    /// block, as the SDK answers.
    pub fn app_version(&self) -> u64 {
        let params = quern_consensus::get(&self.check.lock().cx(Mode::Query));
        let committed = self.store.latest().is_some();
        match params.ok().and_then(|params| params.version) {
            Some(version) if committed => version.app,
            _ => 0,
        }
    }

    pub fn executor(&self, max_gas: Option<u64>) -> Executor<'_> {
        Executor {
            ante: Ante {
                wasm: &self.wasm,
                min_gas_prices: &self.options.min_gas_prices,
                verified: &self.verified,
            },
            router: &self.router,
            decoded: &self.decoded,
            max_gas,
        }
    }
}

impl CheckState {
    /// A fresh state on `snapshot`, committed by `block`.
    pub fn at(snapshot: Snapshot, block: &Arc<BlockFacts>) -> Result<Self> {
        Self::on(Branch::new(snapshot), block)
    }

    pub fn on(branch: Branch, block: &Arc<BlockFacts>) -> Result<Self> {
        let cx = Cx::new(branch.clone(), block.clone(), Mode::Check);
        let max_gas = quern_consensus::max_gas(&quern_consensus::get(&cx)?);
        Ok(Self {
            branch,
            block: block.clone(),
            max_gas,
        })
    }

    pub fn cx(&self, mode: Mode) -> Cx {
        Cx::new(self.branch.clone(), self.block.clone(), mode)
    }
}
