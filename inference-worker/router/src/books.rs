//! The ledger with its journal: records go to disk in order, many with one fsync, and nobody waits for it but who
//! needs a new mark.

use crate::ledger::{Denied, Ledger, Record};
use anyhow::{Context, bail};
use quern_journal::{Journal, Options};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// How long a request waits for a mark before it is refused.
const MARK_PATIENCE: Duration = Duration::from_secs(3);
/// Pause after a write that failed, as on a full disk.
const RETRY: Duration = Duration::from_millis(500);

/// Bytes of records after which everything is written as one record, and those before it are deleted.
const COMPACT: usize = 32 << 20;

/// Records on their way to disk.
struct Batch {
    records: Vec<Record>,
    done: Option<oneshot::Sender<()>>,
}

/// The ledger, shared.
#[derive(Debug)]
pub(crate) struct Books {
    ledger: Mutex<Ledger>,
    writer: mpsc::UnboundedSender<Batch>,
}

impl Books {
    /// Reads the journal, takes account of a crash, and starts the writing task.
    pub(crate) async fn open(folder: &Path) -> anyhow::Result<(Arc<Self>, JoinHandle<()>)> {
        Self::open_with(folder, COMPACT).await
    }

    async fn open_with(folder: &Path, compact: usize) -> anyhow::Result<(Arc<Self>, JoinHandle<()>)> {
        let mut ledger = Ledger::default();
        let mut unreadable = None;
        let opened = Journal::open(
            folder,
            Options::default(),
            |record| match serde_json::from_slice::<Vec<Record>>(&record.payload) {
                Ok(records) => records.into_iter().for_each(|record| ledger.apply(record)),
                Err(error) => unreadable = Some((record.number, error)),
            },
        )
        .with_context(|| format!("cannot open the ledger in {}", folder.display()))?;
        if let Some((number, error)) = unreadable {
            bail!(
                "record {number} of the ledger in {} is of another version: {error}",
                folder.display()
            );
        }
        ledger.commit(Record::Recovered);
        ledger.take_records();
        let journal = opened.journal;
        let snapshot = vec![Record::Snapshot(Box::new(ledger.clone()))];
        let number = journal.append(serde_json::to_vec(&snapshot)?).await?;
        journal.discard_before(number).await?;
        let (writer, inbox) = mpsc::unbounded_channel();
        let books = Arc::new(Self {
            ledger: Mutex::new(ledger),
            writer,
        });
        let task = tokio::spawn(write_all(Arc::downgrade(&books), journal, inbox, compact));
        Ok((books, task))
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the ledger or changes it. Records leave in the order of the changes.
    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut Ledger) -> T) -> T {
        let mut ledger = self.lock();
        let result = change(&mut ledger);
        let records = ledger.take_records();
        if !records.is_empty() {
            // Gone only when the process ends.
            let _ = self.writer.send(Batch { records, done: None });
        }
        result
    }

    pub(crate) fn commit(&self, record: Record) {
        self.with(|ledger| ledger.commit(record));
    }

    /// Writes records without waiting.
    pub(crate) fn write_soon(&self, records: Vec<Record>) {
        if !records.is_empty() {
            self.with(|ledger| records.into_iter().for_each(|record| ledger.commit(record)));
        }
    }

    /// Writes records and waits until they are durable and in force. False when the disk does not take them.
    pub(crate) async fn write(&self, records: Vec<Record>) -> bool {
        let (done, durable) = oneshot::channel();
        {
            let mut ledger = self.lock();
            records.into_iter().for_each(|record| ledger.commit(record));
            let records = ledger.take_records();
            let done = Some(done);
            let _ = self.writer.send(Batch { records, done });
        }
        matches!(tokio::time::timeout(MARK_PATIENCE, durable).await, Ok(Ok(())))
    }

    /// Tries a change, makes the marks that it lacks, and tries again.
    pub(crate) async fn try_with<T>(
        &self,
        mut change: impl FnMut(&mut Ledger) -> Result<T, Denied>,
    ) -> Result<T, Denied> {
        // Others may use up a mark before its maker does.
        for _ in 0..16 {
            match self.with(&mut change) {
                Err(Denied::Marks(marks)) => {
                    if !self.write(marks.clone()).await {
                        return Err(Denied::Marks(marks));
                    }
                }
                other => return other,
            }
        }
        Err(Denied::Room)
    }
}

/// Writes until every sender is gone.
async fn write_all(
    books: std::sync::Weak<Books>,
    journal: Journal,
    mut inbox: mpsc::UnboundedReceiver<Batch>,
    compact: usize,
) {
    let mut written = 0;
    while let Some(first) = inbox.recv().await {
        let mut batches = vec![first];
        while let Ok(more) = inbox.try_recv() {
            batches.push(more);
        }
        let Some(books) = books.upgrade() else { return };
        let compacting = written > compact;
        let snapshot = compacting.then(|| {
            // Nobody changes the ledger now, so with all that was sent it is exactly this.
            let ledger = books.lock();
            while let Ok(more) = inbox.try_recv() {
                batches.push(more);
            }
            Record::Snapshot(Box::new(ledger.clone()))
        });
        let (mut records, mut waiting) = (Vec::new(), Vec::new());
        for batch in batches {
            records.extend(batch.records);
            waiting.extend(batch.done);
        }
        if let Some(snapshot) = snapshot {
            // What is in force already is in the snapshot.
            records.retain(Record::waits);
            records.insert(0, snapshot);
        }
        if !records.is_empty() {
            let Ok(payload) = serde_json::to_vec(&records) else {
                tracing::error!("a record of the ledger cannot be written; the router must be restarted");
                return;
            };
            let number = loop {
                match journal.append(payload.clone()).await {
                    Ok(number) => break number,
                    Err(error) => {
                        tracing::error!(%error, "the ledger cannot be written; requests that need it wait");
                        tokio::time::sleep(RETRY).await;
                    }
                }
            };
            written = if compacting { 0 } else { written + payload.len() };
            if compacting && let Err(error) = journal.discard_before(number).await {
                tracing::warn!(%error, "old records of the ledger could not be deleted");
            }
        }
        books.lock().durable(records);
        for done in waiting {
            let _ = done.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quern_protocol::Amount;

    #[tokio::test]
    async fn a_mark_is_in_force_once_written_and_is_found_again_after_a_crash() {
        let folder = tempfile::tempdir().unwrap();
        let mark = Record::Key {
            key: "ann".into(),
            up_to: Amount(50),
        };
        let (books, task) = Books::open(folder.path()).await.unwrap();
        assert!(books.write(vec![mark]).await);
        assert_eq!(books.with(|ledger| ledger.keys["ann"].marked), Amount(50));
        drop(books);
        task.await.unwrap();
        let (books, task) = Books::open(folder.path()).await.unwrap();
        // Nothing tells what was done under the mark, so all of it counts.
        assert_eq!(books.with(|ledger| ledger.keys["ann"].spent), Amount(50));
        drop(books);
        task.await.unwrap();
    }

    #[tokio::test]
    async fn compacting_in_the_middle_of_everything_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (books, task) = Books::open_with(folder.path(), 500).await.unwrap();
        let key = |number: u64| Record::Key {
            key: format!("key{}", number % 5),
            up_to: Amount(u128::from(number)),
        };
        for session in 1..200 {
            books.commit(Record::Opened {
                session,
                payer: "p".into(),
                model: "m".into(),
            });
            books.commit(key(session));
            books.commit(Record::Closing { session: session / 2 });
            if session % 7 == 0 {
                assert!(books.write(vec![Record::Closed { session: session / 3 }]).await);
            }
        }
        assert!(books.write(vec![Record::Clean]).await);
        let before = books.with(|ledger| ledger.clone());
        drop(books);
        task.await.unwrap();
        let (books, task) = Books::open(folder.path()).await.unwrap();
        books.with(|ledger| assert_eq!(ledger.sessions, before.sessions));
        drop(books);
        task.await.unwrap();
    }
}
