//! The one thread that writes: appends that wait together share one fsync.

use crate::cipher::{Cipher, Tag};
use crate::error::JournalError;
use crate::index::{Entry, Index};
use crate::segment::{self, HEADER, Header};
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot::Sender;

/// Bytes that one group of appends may gather.
const GROUP: usize = 4 << 20;

/// What the thread is asked.
pub(crate) enum Command {
    Append {
        payload: Vec<u8>,
        reply: Sender<Result<u64, JournalError>>,
    },
    Discard {
        number: u64,
        reply: Sender<Result<u64, JournalError>>,
    },
    Rotate {
        reply: Sender<Result<u64, JournalError>>,
    },
}

/// The segment being written.
struct Active {
    path: PathBuf,
    file: File,
    header: Header,
    /// Bytes that are durable; what lies beyond after a failure is cut off before anything is written again.
    size: u64,
    dirty: bool,
}

/// The writing side of a journal.
pub(crate) struct Writer {
    folder: PathBuf,
    segment_bytes: u64,
    cipher: Cipher,
    index: Arc<Mutex<Index>>,
    next: u64,
    before: Tag,
    active: Option<Active>,
}

impl Writer {
    pub(crate) fn new(
        folder: PathBuf,
        segment_bytes: u64,
        cipher: Cipher,
        index: Arc<Mutex<Index>>,
        next: u64,
        before: Tag,
    ) -> Self {
        Self {
            folder,
            segment_bytes,
            cipher,
            index,
            next,
            before,
            active: None,
        }
    }

    /// Serves until every sender is gone.
    pub(crate) fn run(mut self, inbox: &Receiver<Command>) {
        let mut waiting = None;
        while let Some(command) = waiting.take().or_else(|| inbox.recv().ok()) {
            match command {
                Command::Discard { number, reply } => drop(reply.send(self.discard(number))),
                Command::Rotate { reply } => drop(reply.send(self.rotate())),
                Command::Append { payload, reply } => {
                    let mut size = payload.len();
                    let (mut payloads, mut replies) = (vec![payload], vec![reply]);
                    while size < GROUP {
                        match inbox.try_recv() {
                            Ok(Command::Append { payload, reply }) => {
                                size += payload.len();
                                payloads.push(payload);
                                replies.push(reply);
                            }
                            Ok(other) => {
                                waiting = Some(other);
                                break;
                            }
                            Err(_) => break,
                        }
                    }
                    let result = self.append(&payloads);
                    for (offset, reply) in replies.into_iter().enumerate() {
                        let number = result.clone().map(|first| first + offset as u64);
                        // Nobody may wait any more; the record is durable all the same.
                        let _ = reply.send(number);
                    }
                }
            }
        }
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes payloads durable, all or none; returns the number of the first.
    fn append(&mut self, payloads: &[Vec<u8>]) -> Result<u64, JournalError> {
        let (cipher, next, mut before) = (self.cipher.clone(), self.next, self.before);
        let active = self.active()?;
        let io = |path: &Path, error| JournalError::io(path, error);
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for (number, payload) in (next..).zip(payloads) {
            before =
                segment::write_record(&cipher, active.header, number, &before, next, payload, &mut bytes)
                    .map_err(|e| io(&active.path, e))?;
            ends.push(active.size + bytes.len() as u64);
        }
        active.dirty = true;
        let written = active
            .file
            .write_all_at(&bytes, active.size)
            .and_then(|()| active.file.sync_data());
        if let Err(error) = written {
            // Tried again before the next append if it fails now.
            let _ = active.clean();
            return Err(io(&active.path, error));
        }
        active.dirty = false;
        active.size += bytes.len() as u64;
        let first = active.header.first;
        self.before = before;
        self.next = next + payloads.len() as u64;
        if let Some(entry) = self.index().segments.get_mut(&first) {
            entry.ends.extend(ends);
        }
        Ok(next)
    }

    /// The segment to write to, clean and with room.
    fn active(&mut self) -> Result<&mut Active, JournalError> {
        let current = match self.active.take() {
            Some(active) => Some(active),
            None => self.last()?,
        };
        let kept = match current {
            Some(mut active) => {
                if active.dirty
                    && let Err(error) = active.clean()
                {
                    let path = active.path.clone();
                    self.active = Some(active);
                    return Err(JournalError::io(&path, error));
                }
                Some(active).filter(|a| a.size < self.segment_bytes || a.header.first == self.next)
            }
            None => None,
        };
        let active = match kept {
            Some(active) => active,
            None => self.create()?,
        };
        Ok(self.active.insert(active))
    }

    /// The last segment of the index, opened.
    fn last(&self) -> Result<Option<Active>, JournalError> {
        let Some(entry) = self.index().segments.values().next_back().cloned() else {
            return Ok(None);
        };
        let file = OpenOptions::new()
            .write(true)
            .open(&entry.path)
            .map_err(|e| JournalError::io(&entry.path, e))?;
        Ok(Some(Active {
            size: entry.size(),
            path: entry.path,
            file,
            header: entry.header,
            dirty: false,
        }))
    }

    /// Begins a segment; records follow only once its header and its name are durable.
    fn create(&mut self) -> Result<Active, JournalError> {
        let header = Header {
            first: self.next,
            before: self.before,
        };
        let path = segment::path(&self.folder, header.first);
        let make = || -> std::io::Result<File> {
            // A file of that name is what an attempt before this one left.
            let file = File::create(&path)?;
            file.write_all_at(&header.encode(&self.cipher)?, 0)?;
            file.sync_all()?;
            File::open(&self.folder)?.sync_all()?;
            Ok(file)
        };
        let file = make().map_err(|e| {
            let _ = std::fs::remove_file(&path);
            JournalError::io(&path, e)
        })?;
        let entry = Entry {
            path: path.clone(),
            header,
            ends: VecDeque::new(),
        };
        self.index().segments.insert(header.first, entry);
        Ok(Active {
            path,
            file,
            header,
            size: HEADER as u64,
            dirty: false,
        })
    }

    /// Begins a segment unless the last one is empty.
    fn rotate(&mut self) -> Result<u64, JournalError> {
        let last = self.index().segments.values().next_back().cloned();
        if last.is_some_and(|last| !last.ends.is_empty()) {
            self.active = None;
            self.active = Some(self.create()?);
        }
        Ok(self.next)
    }

    fn discard(&mut self, number: u64) -> Result<u64, JournalError> {
        // The last segment says where the journal goes on, so one that may go needs a successor first.
        let last = self.index().segments.values().next_back().cloned();
        if let Some(last) = last.filter(|last| !last.ends.is_empty() && last.next() <= number) {
            self.active = None;
            let fresh = self.create()?;
            debug_assert_eq!(fresh.header.first, last.next());
            self.active = Some(fresh);
        }
        let gone: Vec<Entry> = {
            let index = self.index();
            let last = index.segments.keys().next_back().copied();
            let old = index.segments.values();
            old.filter(|entry| entry.next() <= number && Some(entry.header.first) != last)
                .cloned()
                .collect()
        };
        for entry in gone {
            std::fs::remove_file(&entry.path).map_err(|e| JournalError::io(&entry.path, e))?;
            self.index().segments.remove(&entry.header.first);
        }
        let sync = File::open(&self.folder).and_then(|folder| folder.sync_all());
        sync.map_err(|e| JournalError::io(&self.folder, e))?;
        Ok(self.index().first())
    }
}

impl Active {
    /// Takes back what a failed write left, durably: it must not be found as records later. After a failed fsync
    /// nothing is known of the bytes, so they are written anew.
    fn clean(&mut self) -> std::io::Result<()> {
        self.file.set_len(self.size)?;
        self.file.sync_all()?;
        self.dirty = false;
        Ok(())
    }
}
