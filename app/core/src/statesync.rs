//! State sync: snapshots that this node offers, and one that it takes in.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use quern_context::{Cx, Mode};
use quern_store::statesync::{
    CHUNK_BYTES, Codes, Description, Folder, Received, Receiver, SyncError, create,
};
use quern_store::{Branch, Snapshot, StoreError};
use quern_types::{Error, Result};
use quern_wasm::Wasm;
use tendermint_proto::v0_38::abci as pb;

use crate::app::{CheckState, Shared};
use crate::block::header;

/// Most snapshots that are offered, the highest ones.
const OFFERED: usize = 10;

/// The snapshots of this node.
#[derive(Clone, Debug)]
pub struct Snapshots {
    /// Folder of the snapshots.
    pub dir: PathBuf,
    /// Heights from one snapshot to the next; 0 makes none.
    pub interval: u64,
    /// Snapshots that are kept; 0 keeps all.
    pub keep_recent: u32,
}

/// What the node does about snapshots.
pub(crate) struct StateSync {
    offered: Option<(Snapshots, Folder)>,
    stopping: Arc<AtomicBool>,
    maker: Mutex<Option<JoinHandle<()>>>,
    taking: Mutex<Option<Taking>>,
}

/// A snapshot on its way in.
struct Taking {
    receiver: Receiver,
    needed: Needed,
}

/// Codes that the restored state names and that did not come yet.
struct Needed {
    wasm: Wasm,
    hashes: Option<BTreeSet<[u8; 32]>>,
}

impl Needed {
    fn of(&mut self, state: &Snapshot) -> Result<&mut BTreeSet<[u8; 32]>, SyncError> {
        let hashes = match self.hashes.take() {
            Some(hashes) => hashes,
            None => code_hashes(&self.wasm, state).map_err(malformed)?,
        };
        Ok(self.hashes.insert(hashes))
    }
}

impl Codes for Needed {
    fn take(&mut self, state: &Snapshot, hash: [u8; 32], code: Vec<u8>) -> Result<(), SyncError> {
        if !self.of(state)?.remove(&hash) {
            return Err(SyncError::Malformed("a code that the state does not name"));
        }
        let stored = self.wasm.restore_code(&code);
        stored.map_err(|error| match error.is_halt() {
            true => SyncError::Io(error.to_string()),
            false => SyncError::Malformed("a code that the contract host refuses"),
        })
    }
}

/// State that has the chain's app hash was written by the chain: what cannot be read of it is a disk's fault.
fn malformed(error: Error) -> SyncError {
    SyncError::Io(error.to_string())
}

/// The hashes of the codes that a state names.
fn code_hashes(wasm: &Wasm, state: &Snapshot) -> Result<BTreeSet<[u8; 32]>> {
    let cx = Cx::new(Branch::new(state.clone()), Arc::default(), Mode::Query);
    wasm.code_hashes(&cx)
}

/// Writes the snapshot of `state` into `folder`.
///
/// # Errors
/// As [`create`].
pub(crate) fn make(
    folder: &Folder,
    state: &Snapshot,
    wasm: &Wasm,
    stop: impl Fn() -> bool,
) -> Result<Description, SyncError> {
    let hashes = code_hashes(wasm, state).map_err(malformed)?;
    let codes = hashes.iter().map(|hash| wasm.load_code(hash).map_err(malformed));
    create(folder, state, codes, stop)
}

impl StateSync {
    pub fn open(snapshots: Option<Snapshots>) -> Result<Self, SyncError> {
        let offered = snapshots.map(|settings| Folder::open(&settings.dir).map(|folder| (settings, folder)));
        Ok(Self {
            offered: offered.transpose()?,
            stopping: Arc::default(),
            maker: Mutex::new(None),
            taking: Mutex::new(None),
        })
    }

    /// After a commit: makes a snapshot beside consensus if one is due and none is being made.
    pub fn committed(&self, state: Snapshot, wasm: &Wasm) {
        let Some((settings, folder)) = &self.offered else {
            return;
        };
        let height = state.version();
        if settings.interval == 0 || !height.is_multiple_of(settings.interval) {
            return;
        }
        let mut maker = self.maker.lock();
        if maker.as_ref().is_some_and(|maker| !maker.is_finished()) {
            tracing::warn!(height, "no snapshot: the one before is still being made");
            return;
        }
        let (folder, wasm, keep) = (folder.clone(), wasm.clone(), settings.keep_recent);
        let stopping = self.stopping.clone();
        let work = move || {
            let made = make(&folder, &state, &wasm, || stopping.load(Ordering::Relaxed));
            drop(state); // the database may use its space again
            match made.and_then(|made| folder.keep_recent(keep).map(|()| made)) {
                Ok(made) => tracing::info!(height, chunks = made.chunks.len(), "made a snapshot"),
                Err(error) => tracing::error!(height, %error, "cannot make a snapshot"),
            }
        };
        match std::thread::Builder::new().name("snapshot".into()).spawn(work) {
            Ok(handle) => *maker = Some(handle),
            Err(error) => tracing::error!(height, %error, "cannot make a snapshot"),
        }
    }

    /// Waits for a snapshot that is being made.
    pub fn wait(&self) {
        let maker = self.maker.lock().take();
        let _ = maker.map(JoinHandle::join);
    }

    /// Blocks below the latest that peers need beside the oldest snapshot that is kept; 0 for none.
    pub fn window(&self) -> u64 {
        self.offered.as_ref().map_or(0, |(settings, _)| {
            settings.interval.saturating_mul(settings.keep_recent.into())
        })
    }

    pub fn list(&self) -> Vec<pb::Snapshot> {
        let Some((_, folder)) = &self.offered else {
            return Vec::new();
        };
        let found = folder.list().unwrap_or_else(|error| {
            tracing::error!(%error, "cannot list the snapshots");
            Vec::new()
        });
        let offered = found.into_iter().take(OFFERED).map(|found| pb::Snapshot {
            height: found.height,
            format: found.format,
            chunks: u32::try_from(found.chunks.len()).unwrap_or(u32::MAX),
            hash: found.hash().to_vec().into(),
            metadata: found.metadata().into(),
        });
        offered.collect()
    }

    pub fn load(&self, request: &pb::RequestLoadSnapshotChunk) -> Vec<u8> {
        let Some((_, folder)) = &self.offered else {
            return Vec::new();
        };
        let found = folder.chunk(request.height, request.format, request.chunk);
        found.unwrap_or_else(|error| {
            tracing::debug!(%error, "a peer asked for a chunk");
            Vec::new() // CometBFT tells the peer that it is missing
        })
    }
}

impl Drop for StateSync {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.wait();
    }
}

impl Shared {
    /// A peer's snapshot. `app_hash` comes from CometBFT's light client.
    pub fn offer_snapshot(&self, request: &pb::RequestOfferSnapshot) -> pb::ResponseOfferSnapshot {
        use pb::response_offer_snapshot::Result as Answer;
        let mut taking = self.sync.taking.lock();
        *taking = None; // CometBFT offers another only when it is done with the one before
        let result = match self.begin(request) {
            Ok(begun) => {
                *taking = Some(begun);
                Answer::Accept
            }
            Err(SyncError::Format(_)) => Answer::RejectFormat,
            Err(SyncError::Description) => Answer::RejectSender,
            Err(error @ SyncError::NoRoom { .. }) => {
                tracing::warn!(%error, "refusing a snapshot");
                Answer::Reject
            }
            Err(error) => {
                tracing::error!(%error, "cannot take in a snapshot");
                Answer::Abort
            }
        };
        pb::ResponseOfferSnapshot {
            result: result.into(),
        }
    }

    fn begin(&self, request: &pb::RequestOfferSnapshot) -> Result<Taking, SyncError> {
        let offered = request.snapshot.as_ref().ok_or(SyncError::Description)?;
        let description = Description::read(
            offered.height,
            offered.format,
            offered.chunks,
            &offered.hash,
            &offered.metadata,
        )?;
        let count = u64::try_from(description.chunks.len()).unwrap_or(u64::MAX);
        let bytes = count.saturating_mul(u64::try_from(CHUNK_BYTES).unwrap_or(u64::MAX));
        if let Some(room) = self.options.restore_room.filter(|room| bytes > *room) {
            return Err(SyncError::NoRoom { bytes, room });
        }
        let app_hash = <[u8; 32]>::try_from(request.app_hash.as_ref()).map_err(|_| SyncError::Description)?;
        tracing::info!(
            height = description.height,
            chunks = description.chunks.len(),
            "taking in a snapshot"
        );
        Ok(Taking {
            receiver: Receiver::begin(&self.store, description, app_hash)?,
            needed: Needed {
                wasm: self.wasm.clone(),
                hashes: None,
            },
        })
    }

    /// A chunk of the snapshot that was accepted.
    ///
    /// # Errors
    /// A halt if the restored state cannot be put to use.
    pub fn apply_snapshot_chunk(
        &self,
        request: &pb::RequestApplySnapshotChunk,
    ) -> Result<pb::ResponseApplySnapshotChunk> {
        use pb::response_apply_snapshot_chunk::Result as Answer;
        let mut place = self.sync.taking.lock();
        let answer = |result: Answer| pb::ResponseApplySnapshotChunk {
            result: result.into(),
            ..Default::default()
        };
        let Some(taking) = place
            .as_mut()
            .filter(|taking| taking.receiver.next() == request.index)
        else {
            tracing::error!(chunk = request.index, "a chunk came that is not the next one");
            *place = None;
            return Ok(answer(Answer::Abort));
        };
        match taking.chunk(&request.chunk) {
            Ok(Received::More) => {
                // What transactions are admitted against holds a view, too, whose pages cannot be used again.
                *self.check.lock() = CheckState::at(self.store.snapshot(), &Arc::default())?;
                Ok(answer(Answer::Accept))
            }
            Ok(Received::Last) => {
                let taking = place.take();
                taking
                    .map(|taking| taking.receiver.finish())
                    .transpose()
                    .map_err(Error::halt)?;
                self.adopt()?;
                Ok(answer(Answer::Accept))
            }
            Err(error @ SyncError::Chunk(index)) => {
                tracing::warn!(%error, sender = request.sender, "asking other peers");
                Ok(pb::ResponseApplySnapshotChunk {
                    result: Answer::Retry.into(),
                    refetch_chunks: vec![index],
                    reject_senders: Some(request.sender.clone())
                        .filter(|sender| !sender.is_empty())
                        .into_iter()
                        .collect(),
                })
            }
            Err(error @ (SyncError::Malformed(_) | SyncError::AppHash { .. })) => {
                tracing::warn!(%error, "refusing the snapshot");
                *place = None;
                Ok(answer(Answer::RejectSnapshot))
            }
            Err(error) => {
                tracing::error!(%error, "cannot take in the snapshot");
                *place = None;
                Ok(answer(Answer::Abort))
            }
        }
    }

    /// See [`crate::App::restore`].
    pub fn restore(&self, height: u64, format: u32, folder: &Folder) -> Result<(), SyncError> {
        let description = folder.find(height, format)?;
        let chunks = u32::try_from(description.chunks.len()).unwrap_or(u32::MAX);
        let mut taking = Taking {
            receiver: Receiver::trusting(&self.store, description)?,
            needed: Needed {
                wasm: self.wasm.clone(),
                hashes: None,
            },
        };
        for index in 0..chunks {
            taking.chunk(&folder.chunk(height, format, index)?)?;
        }
        taking.receiver.finish()?;
        self.adopt().map_err(malformed)
    }

    /// Goes on from a state that was restored.
    pub fn adopt(&self) -> Result<()> {
        let snapshot = self.store.snapshot();
        let header = header::read(&snapshot)?.ok_or_else(|| Error::halt("the snapshot has no header"))?;
        let facts = Arc::new(header.facts());
        let cx = Cx::new(Branch::new(snapshot.clone()), facts.clone(), Mode::Query);
        self.wasm.recover_pins(&cx)?;
        *self.check.lock() = CheckState::at(snapshot, &facts)?;
        self.chain.lock().restored(header);
        Ok(())
    }
}

impl Taking {
    fn chunk(&mut self, bytes: &[u8]) -> Result<Received, SyncError> {
        let received = self.receiver.chunk(bytes, &mut self.needed)?;
        if matches!(received, Received::Last) {
            let state = self.receiver.state();
            let state = state.ok_or(SyncError::Malformed("it has no state"))?;
            if !self.needed.of(state)?.is_empty() {
                return Err(SyncError::Malformed("codes of the state are missing"));
            }
            // Nothing else binds the height that an archive names to its entries.
            let height = header::read(state)
                .map_err(malformed)?
                .map(|header| header.height);
            if height != Some(self.receiver.description().height) {
                return Err(SyncError::Malformed("its state is of another height"));
            }
        }
        Ok(received)
    }
}

impl From<SyncError> for crate::OpenError {
    fn from(error: SyncError) -> Self {
        match error {
            SyncError::Store(error) => Self::Store(error),
            other => Self::Store(StoreError::Io {
                action: "open its snapshots",
                reason: other.to_string(),
            }),
        }
    }
}
