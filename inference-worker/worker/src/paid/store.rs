//! The book with the journal under it.

use crate::paid::book::Book;
use crate::paid::record::Record;
use anyhow::Context;
use quern_journal::{Journal, JournalError, Options, salvage, set_aside};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is remembered, durably.
#[derive(Debug)]
pub(crate) struct Store {
    journal: Journal,
    book: Arc<Mutex<Book>>,
    /// Whether the last append found the disk full.
    full: AtomicBool,
}

impl Store {
    /// Opens the journal. One that is damaged is set aside; what can be read of it goes into a new one.
    pub(crate) fn open(folder: &Path) -> anyhow::Result<Self> {
        let mut records = Vec::new();
        let opened = Journal::open(folder, Options::default(), |record| records.push(record));
        let journal = match opened {
            Ok(opened) => {
                if let Some(torn) = opened.torn {
                    tracing::warn!(
                        record = torn.record,
                        bytes = torn.bytes,
                        "cut off a record that a crash left half-written; it was never acknowledged"
                    );
                }
                opened.journal
            }
            Err(error @ JournalError::Damaged { .. }) => {
                tracing::error!(%error, "the journal is damaged");
                let left = salvage(folder).context("nothing of the damaged journal can be read")?;
                let aside = set_aside(folder)?;
                tracing::error!(
                    lost = ?left.lost,
                    read = left.records.len(),
                    folder = %aside.display(),
                    "set the damaged journal aside and go on with what can be read of it"
                );
                let journal = Journal::open(folder, Options::default(), |_| {})?.journal;
                records.clear();
                for mut record in left.records {
                    record.number = journal.append_blocking(record.payload.clone())?;
                    records.push(record);
                }
                journal
            }
            Err(error) => return Err(error.into()),
        };
        let mut book = Book::default();
        for record in records {
            let read = serde_json::from_slice(&record.payload)
                .with_context(|| format!("record {} of the journal is of another version", record.number))?;
            book.apply(record.number, read);
        }
        Ok(Self {
            journal,
            book: Arc::new(Mutex::new(book)),
            full: AtomicBool::new(false),
        })
    }

    /// The book.
    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The book, to keep.
    pub(crate) fn shared_book(&self) -> Arc<Mutex<Book>> {
        self.book.clone()
    }

    /// Whether the disk was full when last tried.
    pub(crate) fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// Makes a record durable, then takes it into the book.
    pub(crate) async fn append(&self, record: Record) -> Result<u64, JournalError> {
        let bytes = serde_json::to_vec(&record).map_err(|_| JournalError::TooLarge(0))?;
        let number = self.journal.append(bytes).await;
        self.full
            .store(matches!(number, Err(JournalError::Full(_))), Ordering::Relaxed);
        let number = number?;
        self.book().apply(number, record);
        Ok(number)
    }

    /// Reads a durable record again.
    pub(crate) fn read(&self, number: u64) -> Result<Record, JournalError> {
        let bytes = self.journal.read(number)?;
        serde_json::from_slice(&bytes).map_err(|_| JournalError::NoRecord(number))
    }

    /// Deletes what no session needs any more.
    pub(crate) async fn discard(&self, next: u64) -> Result<(), JournalError> {
        let needed = self.book().first_needed().unwrap_or(next);
        self.journal.discard_before(needed).await.map(drop)
    }
}
