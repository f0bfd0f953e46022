//! Used keys on disk, so that a restart does not make a request run twice. No prompt and no answer is written: hashes
//! only, and those encrypted.

use super::shelf::Digest;
use anyhow::Context;
use quern_journal::{Journal, Options};
use quern_protocol::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::Mutex;

/// How long a request waits for its key to be on disk before it is refused.
const PATIENCE: Duration = Duration::from_secs(3);

/// A key was used, or is free again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    holder: String,
    key: Bytes<32>,
    request: Bytes<32>,
    /// Unix time in seconds.
    at: u64,
    free: bool,
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
    turn: Mutex<Turn>,
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
    pub(super) fn open(folder: &Path, window: Duration) -> anyhow::Result<(Self, Vec<Used>)> {
        let (mut used, mut boundary, now) = (HashMap::new(), 0, now());
        let opened = Journal::open(folder, Options::default(), |record| {
            boundary = record.number.saturating_add(1);
            match serde_json::from_slice::<Record>(&record.payload) {
                Ok(record) if record.free => drop(used.remove(&(record.holder, record.key.0))),
                Ok(record) => {
                    // A clock that was set back makes nothing younger than now.
                    let ago = Duration::from_secs(now.saturating_sub(record.at));
                    let (holder, key, request) = (record.holder, record.key.0, record.request.0);
                    used.insert((holder, key), (request, ago));
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
        let used =
            used.into_iter()
                .filter(|(_, (_, ago))| *ago < window)
                .map(|((holder, key), (request, ago))| Used {
                    holder,
                    key,
                    request,
                    ago,
                });
        let since = Instant::now();
        let marks = Self {
            journal: opened.journal,
            window,
            turn: Mutex::new(Turn { since, boundary }),
        };
        Ok((marks, used.collect()))
    }

    /// Writes that a key was used, or that it is free, and waits until that is durable. False if it is not.
    pub(super) async fn write(&self, holder: &str, key: Digest, request: Digest, free: bool) -> bool {
        let record = Record {
            holder: holder.to_owned(),
            key: Bytes(key),
            request: Bytes(request),
            at: now(),
            free,
        };
        let Ok(payload) = serde_json::to_vec(&record) else {
            return false;
        };
        let written = tokio::time::timeout(PATIENCE, self.journal.append(payload)).await;
        if let Ok(Err(error)) = &written {
            tracing::error!(%error, "an idempotency key cannot be written");
        }
        self.turn().await;
        matches!(written, Ok(Ok(_)))
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

    #[tokio::test]
    async fn used_keys_outlive_the_process_and_free_ones_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let (marks, used) = Marks::open(folder.path(), WINDOW).unwrap();
        assert!(used.is_empty());
        assert!(marks.write("ann", [1; 32], [7; 32], false).await);
        assert!(marks.write("ann", [2; 32], [8; 32], false).await);
        assert!(marks.write("ann", [2; 32], [8; 32], true).await);
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
    async fn the_journal_holds_the_keys_of_two_windows_at_most() {
        let folder = tempfile::tempdir().unwrap();
        let window = Duration::from_millis(1);
        let (marks, _) = Marks::open(folder.path(), window).unwrap();
        for key in 0..50 {
            assert!(marks.write("ann", [key; 32], [0; 32], false).await);
            tokio::time::sleep(2 * window).await;
        }
        assert!(marks.journal.first() > 40, "{}", marks.journal.first());
    }
}
