//! Used keys on disk, so that a restart does not make a request run twice. No prompt and no answer is written: hashes
//! only, and those encrypted.

use super::shelf::Digest;
use anyhow::Context;
use quern_journal::{Journal, Options};
use quern_protocol::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

/// How long a request waits for its key to be on disk before it is refused.
const PATIENCE: Duration = Duration::from_secs(3);
/// Pause between two tries to write that a key is free.
const RETRY: Duration = Duration::from_secs(2);
/// Keys that are being freed at once; beyond them new ones are refused.
const FREEING: usize = 4_096;

/// A key was used, or is free again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    holder: String,
    key: Bytes<32>,
    request: Bytes<32>,
    /// Unix time in seconds.
    at: u64,
    free: bool,
    /// Of the use: what frees it frees no later one.
    #[serde(default)]
    id: u64,
}

/// One use of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Use {
    pub(super) holder: String,
    pub(super) key: Digest,
    pub(super) request: Digest,
    /// Other than those of all other uses of the key by this process.
    pub(super) id: u64,
}

impl Use {
    fn record(&self, free: bool) -> Option<Vec<u8>> {
        let record = Record {
            holder: self.holder.clone(),
            key: Bytes(self.key),
            request: Bytes(self.request),
            at: now(),
            free,
            id: self.id,
        };
        serde_json::to_vec(&record).ok()
    }
}

/// A key that was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Used {
    pub(super) holder: String,
    pub(super) key: Digest,
    pub(super) request: Digest,
    pub(super) ago: Duration,
}

/// The journal of used keys.
#[derive(Debug)]
pub(super) struct Marks {
    journal: Journal,
    window: Duration,
    patience: Duration,
    turn: Mutex<Turn>,
    freeing: Arc<Semaphore>,
}

/// All records before `boundary` are older than `since`.
#[derive(Debug)]
struct Turn {
    since: Instant,
    boundary: u64,
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |age| age.as_secs())
}

impl Marks {
    /// Opens the journal, and tells which keys were used within the window.
    pub(super) fn open(folder: &Path, window: Duration) -> anyhow::Result<(Arc<Self>, Vec<Used>)> {
        Self::open_with(folder, window, PATIENCE)
    }

    fn open_with(
        folder: &Path,
        window: Duration,
        patience: Duration,
    ) -> anyhow::Result<(Arc<Self>, Vec<Used>)> {
        let (mut used, mut boundary, now) = (HashMap::new(), 0, now());
        let opened = Journal::open(folder, Options::default(), |record| {
            boundary = record.number.saturating_add(1);
            match serde_json::from_slice::<Record>(&record.payload) {
                Ok(record) if record.free => {
                    let (holder, id) = ((record.holder, record.key.0), record.id);
                    if used.get(&holder).is_some_and(|(_, _, of)| *of == id) {
                        used.remove(&holder);
                    }
                }
                Ok(record) => {
                    // A clock that was set back makes nothing younger than now.
                    let ago = Duration::from_secs(now.saturating_sub(record.at));
                    let (holder, key, request) = (record.holder, record.key.0, record.request.0);
                    used.insert((holder, key), (request, ago, record.id));
                }
                Err(error) => {
                    tracing::warn!(record = record.number, %error, "an idempotency key cannot be read");
                }
            }
        })
        .with_context(|| {
            let folder = folder.display();
            format!(
                "cannot open the idempotency keys in {folder}; restore them from a copy, or delete the folder: requests \
                 whose keys it holds may then run again"
            )
        })?;
        let used = used.into_iter().filter(|(_, (_, ago, _))| *ago < window).map(
            |((holder, key), (request, ago, _))| Used {
                holder,
                key,
                request,
                ago,
            },
        );
        let since = Instant::now();
        let marks = Self {
            journal: opened.journal,
            window,
            patience,
            turn: Mutex::new(Turn { since, boundary }),
            freeing: Arc::new(Semaphore::new(FREEING)),
        };
        Ok((Arc::new(marks), used.collect()))
    }

    /// Writes that a key is used, and waits until that is durable. False if it is not; what may come to be written all
    /// the same is taken back.
    pub(super) async fn take(self: &Arc<Self>, one: &Use) -> bool {
        let Ok(permit) = self.freeing.clone().try_acquire_owned() else {
            tracing::error!("so many idempotency keys wait for the disk that new ones are refused");
            return false;
        };
        let Some(payload) = one.record(false) else {
            return false;
        };
        let written = tokio::time::timeout(self.patience, self.journal.append(payload)).await;
        match written {
            Ok(Ok(_)) => {
                self.turn().await;
                true
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "an idempotency key cannot be written");
                false
            }
            // It is on its way, and what frees it comes after it.
            Err(_) => {
                tracing::error!("an idempotency key was not written in time");
                tokio::spawn(self.clone().freed(one.clone(), Some(permit)));
                false
            }
        }
    }

    /// Writes that a use came to nothing. Waits a moment for that to be durable; it is seen to in any case.
    pub(super) async fn free(self: &Arc<Self>, one: &Use) {
        let freed = tokio::spawn(self.clone().freed(one.clone(), None));
        let _ = tokio::time::timeout(self.patience, freed).await;
        self.turn().await;
    }

    /// Tries until it is written, or nobody remembers the key any more.
    async fn freed(self: Arc<Self>, one: Use, _permit: Option<OwnedSemaphorePermit>) {
        let began = Instant::now();
        while let Some(payload) = one.record(true) {
            match self.journal.append(payload).await {
                Ok(_) => return,
                Err(error) if began.elapsed() >= self.window => {
                    return tracing::error!(%error, "that an idempotency key is free was never written");
                }
                Err(error) => tracing::warn!(%error, "that an idempotency key is free cannot be written yet"),
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Once a window deletes what is older than one.
    async fn turn(&self) {
        let Ok(mut turn) = self.turn.try_lock() else {
            return;
        };
        if turn.since.elapsed() < self.window {
            return;
        }
        turn.since = Instant::now();
        let kept = async {
            let next = self.journal.rotate().await?;
            self.journal.discard_before(turn.boundary).await?;
            Ok::<_, quern_journal::JournalError>(next)
        };
        match kept.await {
            Ok(next) => turn.boundary = next,
            Err(error) => tracing::warn!(%error, "old idempotency keys could not be deleted"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(600);

    fn one(key: u8, id: u64) -> Use {
        Use {
            holder: "ann".into(),
            key: [key; 32],
            request: [7; 32],
            id,
        }
    }

    /// Once nothing holds the journal.
    async fn reopened(folder: &Path, marks: Arc<Marks>) -> (Arc<Marks>, Vec<u8>) {
        while Arc::strong_count(&marks) > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drop(marks);
        let (marks, used) = Marks::open(folder, WINDOW).unwrap();
        (marks, used.iter().map(|used| used.key[0]).collect())
    }

    #[tokio::test]
    async fn used_keys_outlive_the_process_and_free_ones_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let (marks, used) = Marks::open(folder.path(), WINDOW).unwrap();
        assert!(used.is_empty());
        assert!(marks.take(&one(1, 1)).await && marks.take(&one(2, 2)).await);
        marks.free(&one(2, 2)).await;
        drop(marks);
        let (marks, used) = Marks::open(folder.path(), WINDOW).unwrap();
        let [one] = &used[..] else {
            unreachable!("{used:?}")
        };
        assert_eq!(
            (one.holder.as_str(), one.key, one.request),
            ("ann", [1; 32], [7; 32])
        );
        drop(marks);
        assert!(Marks::open(folder.path(), Duration::ZERO).unwrap().1.is_empty());
    }

    #[tokio::test]
    async fn a_mark_that_came_too_late_for_its_request_does_not_stay() {
        let folder = tempfile::tempdir().unwrap();
        let (marks, _) = Marks::open_with(folder.path(), WINDOW, Duration::ZERO).unwrap();
        // A disk may be faster than the timer's tick, but not where it has much to write first.
        let mut taken = Vec::new();
        for key in 0..20 {
            if marks.take(&one(key, key.into())).await {
                taken.push(key);
            }
        }
        let last = one(20, 20);
        let (written, late) = tokio::join!(marks.journal.append(vec![0; 32 << 20]), marks.take(&last));
        assert!(written.is_ok() && !late);
        let (marks, mut used) = reopened(folder.path(), marks).await;
        used.sort_unstable();
        assert_eq!(used, taken, "what was refused was written, and freed");
        let written = marks.journal.append(Vec::new()).await.unwrap();
        assert_eq!(written, 43 - taken.len() as u64);
    }

    #[tokio::test]
    async fn what_frees_a_use_late_frees_no_later_one() {
        let folder = tempfile::tempdir().unwrap();
        let (marks, _) = Marks::open(folder.path(), WINDOW).unwrap();
        assert!(marks.take(&one(1, 1)).await && marks.take(&one(1, 2)).await);
        marks.free(&one(1, 1)).await;
        let (marks, used) = reopened(folder.path(), marks).await;
        assert_eq!(used, [1]);
        marks.free(&one(1, 2)).await;
        assert_eq!(reopened(folder.path(), marks).await.1, [0; 0]);
    }

    #[tokio::test]
    async fn the_journal_holds_the_keys_of_two_windows_at_most() {
        let folder = tempfile::tempdir().unwrap();
        let window = Duration::from_millis(1);
        let (marks, _) = Marks::open(folder.path(), window).unwrap();
        for key in 0..50 {
            assert!(marks.take(&one(key, key.into())).await);
            tokio::time::sleep(2 * window).await;
        }
        assert!(marks.journal.first() > 40, "{}", marks.journal.first());
    }
}
