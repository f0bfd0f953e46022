//! The handle that callers hold.

use crate::cipher::Cipher;
use crate::error::JournalError;
use crate::index::Index;
use crate::recover::{Torn, recover};
use crate::segment;
use crate::writer::{Command, Writer};
use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// Name of the key file in a journal's folder.
pub(crate) const KEY: &str = "key";
const LOCK: &str = "lock";

/// Sizes.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes after which a new segment begins; whole segments are what [`Journal::discard_before`] deletes.
    pub segment_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        let segment_bytes = 8 << 20;
        Self { segment_bytes }
    }
}

/// A record as it was appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number: 0 for a journal's first, one more for each that follows.
    pub number: u64,
    /// What the caller wrote.
    pub payload: Vec<u8>,
}

/// A journal and what was found in it.
#[derive(Debug)]
pub struct Opened {
    /// The journal.
    pub journal: Journal,
    /// What a crash left half-written, if it did.
    pub torn: Option<Torn>,
}

/// An open journal. Dropping it ends the writing thread after what was handed to it.
#[derive(Debug)]
pub struct Journal {
    commands: Option<Sender<Command>>,
    index: Arc<Mutex<Index>>,
    cipher: Cipher,
    thread: Option<JoinHandle<()>>,
    _lock: File,
}

impl std::fmt::Debug for Cipher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cipher")
    }
}

impl Journal {
    /// Opens the journal in a folder, or begins one, and gives every record to `each` in order.
    ///
    /// # Errors
    /// When another process has it, the key is missing or damaged, acknowledged records are damaged, or the system
    /// fails.
    pub fn open(
        folder: &Path,
        options: Options,
        mut each: impl FnMut(Record),
    ) -> Result<Opened, JournalError> {
        let io = |error| JournalError::io(folder, error);
        std::fs::create_dir_all(folder).map_err(io)?;
        let lock = File::create(folder.join(LOCK)).map_err(io)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => JournalError::Locked(folder.to_owned()),
            TryLockError::Error(error) => io(error),
        })?;
        let key_path = folder.join(KEY);
        if !key_path.exists() && !segment::list(folder).map_err(io)?.is_empty() {
            return Err(JournalError::KeyMissing(key_path));
        }
        let key = quern_keyfile::load_or_create(&key_path).map_err(|e| JournalError::Key(Arc::new(e)))?;
        let cipher = Cipher::new(&key);
        let found = recover(folder, &cipher, &mut |number, payload| {
            each(Record { number, payload });
        })?;
        let index = Arc::new(Mutex::new(found.index));
        let (commands, inbox) = channel();
        let writer = Writer::new(
            folder.to_owned(),
            options.segment_bytes,
            cipher.clone(),
            index.clone(),
            found.next,
            found.before,
        );
        let thread = std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || writer.run(&inbox))
            .map_err(io)?;
        let journal = Self {
            commands: Some(commands),
            index,
            cipher,
            thread: Some(thread),
            _lock: lock,
        };
        Ok(Opened {
            journal,
            torn: found.torn,
        })
    }

    fn send(&self, command: Command) -> Result<(), JournalError> {
        let commands = self.commands.as_ref().ok_or(JournalError::Closed)?;
        commands.send(command).map_err(|_| JournalError::Closed)
    }

    fn begin(&self, payload: Vec<u8>) -> Result<oneshot::Receiver<Result<u64, JournalError>>, JournalError> {
        if payload.len() > segment::MAX_PAYLOAD {
            return Err(JournalError::TooLarge(payload.len()));
        }
        let (reply, answer) = oneshot::channel();
        self.send(Command::Append { payload, reply })?;
        Ok(answer)
    }

    /// Appends a record; its number comes once it is durable. The record is written even if the future is dropped.
    ///
    /// # Errors
    /// When the record was not made durable; its number goes to the next. (Only a crash within the same moment can
    /// leave such a record behind.)
    pub async fn append(&self, payload: Vec<u8>) -> Result<u64, JournalError> {
        self.begin(payload)?.await.map_err(|_| JournalError::Closed)?
    }

    /// Appends records, which share fsyncs; their numbers come once all are durable. They are not one unit: a crash may
    /// leave the first of them.
    ///
    /// # Errors
    /// As [`Journal::append`]; some may be durable all the same.
    pub async fn append_all(&self, payloads: Vec<Vec<u8>>) -> Result<Vec<u64>, JournalError> {
        let begun = payloads.into_iter().map(|payload| self.begin(payload));
        let begun = begun.collect::<Result<Vec<_>, _>>()?;
        let mut numbers = Vec::with_capacity(begun.len());
        for answer in begun {
            numbers.push(answer.await.map_err(|_| JournalError::Closed)??);
        }
        Ok(numbers)
    }

    /// [`Journal::append`] for a thread that may wait.
    ///
    /// # Errors
    /// As there.
    pub fn append_blocking(&self, payload: Vec<u8>) -> Result<u64, JournalError> {
        self.begin(payload)?
            .blocking_recv()
            .map_err(|_| JournalError::Closed)?
    }

    /// Reads a durable record again.
    ///
    /// # Errors
    /// When there is no such record, or it can no longer be read.
    pub fn read(&self, number: u64) -> Result<Vec<u8>, JournalError> {
        let index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        index.read(&self.cipher, number)
    }

    /// Number of the first record that is kept.
    pub fn first(&self) -> u64 {
        self.index.lock().unwrap_or_else(PoisonError::into_inner).first()
    }

    /// Begins a new segment, so that what is appended from now on does not share one with what lies before. Returns the
    /// number of the next record.
    ///
    /// # Errors
    /// When its file cannot be made.
    pub async fn rotate(&self) -> Result<u64, JournalError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Rotate { reply })?;
        answer.await.map_err(|_| JournalError::Closed)?
    }

    /// The first number behind the segment that holds record `number`: all before it go together.
    pub fn segment_end(&self, number: u64) -> u64 {
        let index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        let holding = index.segments.range(..=number).next_back();
        holding.map_or(number, |(_, segment)| segment.next())
    }

    /// Deletes the segments that hold only records below `number`; the caller has decided that nobody needs them.
    /// Records that lie in one segment with later ones stay. Returns the first number that is kept.
    ///
    /// # Errors
    /// When a file cannot be deleted.
    pub async fn discard_before(&self, number: u64) -> Result<u64, JournalError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Discard { number, reply })?;
        answer.await.map_err(|_| JournalError::Closed)?
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
