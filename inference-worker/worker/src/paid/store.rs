//! The book with the journal under it.

use crate::paid::book::{Account, Book};
use crate::paid::record::{Record, Served};
use anyhow::Context;
use quern_journal::{Journal, JournalError, Options, salvage, set_aside};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::RwLock;

/// Receipts that are written again together.
const TOGETHER: usize = 128;

/// What is remembered, durably.
#[derive(Debug)]
pub(crate) struct Store {
    journal: Journal,
    book: Arc<Mutex<Book>>,
    /// Held from a record's way to the disk until it is in the book.
    appending: RwLock<()>,
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
            appending: RwLock::new(()),
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
        let _appends = self.appending.read().await;
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

    /// A request's receipt and payload; none if they are not kept here.
    ///
    /// # Errors
    /// When the disk does not give them.
    pub(crate) fn payload(&self, session: u64, nonce: u64) -> Result<Option<Served>, JournalError> {
        let find = || {
            let book = self.book();
            let receipts = &book.find(session)?.receipts;
            receipts.get(&nonce).map(|entry| entry.record)
        };
        let Some(mut number) = find() else { return Ok(None) };
        loop {
            match self.read(number) {
                Ok(record) => return Ok(record.into_receipt()),
                // It may have been written again meanwhile.
                Err(error) => match find() {
                    Some(newer) if newer > number => number = newer,
                    _ => return Err(error),
                },
            }
        }
    }

    async fn append_all(&self, records: Vec<Record>) -> Result<(), JournalError> {
        let bytes = records
            .iter()
            .map(serde_json::to_vec)
            .collect::<Result<Vec<_>, _>>();
        let bytes = bytes.map_err(|_| JournalError::TooLarge(0))?;
        let numbers = self.journal.append_all(bytes).await?;
        let mut book = self.book();
        for (number, record) in numbers.into_iter().zip(records) {
            book.apply(number, record);
        }
        Ok(())
    }

    /// Deletes the payloads of sessions that ended at a height which `is_over`; answers which. The journal deletes whole
    /// segments only, so whatever else lies among them and is still needed is written again first. A crash on the way
    /// leaves records twice, which changes nothing, and the next call goes on.
    ///
    /// # Errors
    /// When the disk does not take it: nothing is deleted then.
    pub(crate) async fn forget(&self, is_over: impl Fn(u64) -> bool) -> Result<Vec<u64>, JournalError> {
        let (over, last) = {
            let book = self.book();
            let over = book.ended.iter().filter(|(_, (_, height))| is_over(*height));
            let records = |account: &Account| account.receipts.values().map(|entry| entry.record).max();
            let last = over
                .clone()
                .filter_map(|(_, (account, _))| records(account))
                .max();
            (over.map(|(session, _)| *session).collect::<Vec<_>>(), last)
        };
        let Some(last) = last else {
            over.iter().for_each(|session| self.book().forget(*session));
            return Ok(over);
        };
        let from = {
            // Whatever has a number below is in the book then.
            let _nobody_appends = self.appending.write().await;
            self.journal.rotate().await?
        };
        let end = self.journal.segment_end(last);
        let needed: Vec<(u64, Option<u64>)> = {
            let book = self.book();
            let needed = book.needed().filter(|(session, _)| !over.contains(session));
            let entries = needed.flat_map(|(_, account)| account.receipts.values());
            let early = entries.filter(|entry| entry.record < end);
            early.map(|entry| (entry.record, entry.batch)).collect()
        };
        for some in needed.chunks(TOGETHER) {
            let records = some
                .iter()
                .filter_map(|(record, batch)| self.carried(*record, *batch));
            self.append_all(records.collect()).await?;
        }
        let rest = carried_beside(&self.book(), &over);
        self.append_all(rest).await?;
        let first = {
            let mut book = self.book();
            over.iter().for_each(|session| book.forget(*session));
            let entries = book.needed().flat_map(|(_, account)| account.receipts.values());
            entries.map(|entry| entry.record).min().unwrap_or(from)
        };
        self.journal.discard_before(first.min(from)).await?;
        Ok(over)
    }

    /// A receipt to write again. One that cannot be read stays where it is, and what lies beside it, too: its segment is
    /// kept.
    fn carried(&self, number: u64, batch: Option<u64>) -> Option<Record> {
        let read = self.read(number);
        let read = read.and_then(|record| record.into_receipt().ok_or(JournalError::NoRecord(number)));
        match read {
            Ok((signed, payload)) => Some(Record::Carried {
                signed,
                payload,
                batch,
            }),
            Err(error) => {
                tracing::error!(number, %error, "a receipt's record cannot be read: is the disk failing?");
                None
            }
        }
    }
}

/// Everything that is needed beside receipts, written again.
fn carried_beside(book: &Book, over: &[u64]) -> Vec<Record> {
    let mut records: Vec<Record> = book.batches.values().cloned().map(Record::Held).collect();
    for (session, account) in book.needed().filter(|(session, _)| !over.contains(session)) {
        records.push(Record::Standing {
            session,
            committed: account.committed,
            given: account.given.clone(),
        });
    }
    let ended = book.ended.iter().filter(|(session, _)| !over.contains(session));
    records.extend(ended.map(|(session, (_, height))| Record::Closed {
        session: *session,
        height: *height,
    }));
    let (sequence, told) = book.last;
    records.extend(told.map(|_| Record::Committed { sequence }));
    if book.lost_until > 0 {
        records.push(Record::Lost {
            sequence,
            height: book.lost_until,
            seen: book.unknown_until,
        });
    }
    let planned = book.planned.iter();
    records.extend(planned.map(|(batch, _)| Record::Batch(batch.clone())));
    records.extend(book.audits.records());
    records
}
