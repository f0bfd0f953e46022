//! A disk that loses power: unsynced writes are dropped, reordered and torn.

use super::rng;
use parking_lot::Mutex;
use quern_store::backend::StorageBackend;
use rand::{Rng, seq::SliceRandom};
use std::io::{Error, ErrorKind};
use std::sync::Arc;

#[derive(Clone, Debug)]
pub struct Disk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// What the program reads back.
    seen: Vec<u8>,
    /// What the last sync made durable.
    durable: Vec<u8>,
    /// Since then.
    unsynced: Vec<Op>,
    /// Operations so far, and at which one the power goes.
    operations: u64,
    cut_at: Option<u64>,
}

#[derive(Clone, Debug)]
enum Op {
    Write { offset: usize, data: Vec<u8> },
    SetLen(usize),
}

impl Disk {
    pub fn new(content: Vec<u8>) -> Self {
        let state = State {
            seen: content.clone(),
            durable: content,
            unsynced: Vec::new(),
            operations: 0,
            cut_at: None,
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Cuts the power `after` more operations.
    pub fn cut_after(&self, after: u64) {
        let mut state = self.0.lock();
        state.cut_at = Some(state.operations + after);
    }

    pub fn operations(&self) -> u64 {
        self.0.lock().operations
    }

    pub fn content(&self) -> Vec<u8> {
        self.0.lock().seen.clone()
    }

    /// What is on the platter after the cut: of the unsynced writes, any subset, in any order, each
    /// whole or in part.
    pub fn after_power_cut(&self, seed: u64) -> Vec<u8> {
        let state = self.0.lock();
        let mut rng = rng(seed);
        let mut image = state.durable.clone();
        let mut unsynced = state.unsynced.clone();
        // Some cuts keep the order, most of the writes, or both.
        if rng.gen_bool(0.7) {
            unsynced.shuffle(&mut rng);
        }
        let kept = *[0.1, 0.5, 0.9, 1.0].choose(&mut rng).unwrap();
        let torn = *[0.0, 0.1, 0.5].choose(&mut rng).unwrap();
        for mut op in unsynced {
            if !rng.gen_bool(kept) {
                continue;
            }
            if let Op::Write { offset, data } = &mut op
                && rng.gen_bool(torn)
                && !data.is_empty()
            {
                let at = rng.gen_range(0..data.len());
                if rng.gen_bool(0.5) {
                    data.truncate(at);
                } else {
                    data.drain(..at);
                    *offset += at;
                }
            }
            op.apply(&mut image);
        }
        image
    }
}

impl Op {
    fn apply(&self, image: &mut Vec<u8>) {
        match self {
            Op::Write { offset, data } => {
                if image.len() < offset + data.len() {
                    image.resize(offset + data.len(), 0);
                }
                image[*offset..offset + data.len()].copy_from_slice(data);
            }
            Op::SetLen(length) => image.resize(*length, 0),
        }
    }
}

impl State {
    fn power(&mut self) -> Result<(), Error> {
        self.operations += 1;
        match self.cut_at {
            Some(cut_at) if self.operations > cut_at => Err(Error::other("the power is cut")),
            _ => Ok(()),
        }
    }

    /// The operation that the cut meets is under way: it may reach the platter.
    fn change(&mut self, op: Op) -> Result<(), Error> {
        if self.cut_at.is_none_or(|cut_at| self.operations <= cut_at) {
            self.unsynced.push(op.clone());
        }
        self.power()?;
        op.apply(&mut self.seen);
        Ok(())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, Error> {
        Ok(self.0.lock().seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let state = self.0.lock();
        let offset = offset as usize;
        let bytes = state.seen.get(offset..offset + out.len());
        out.copy_from_slice(bytes.ok_or_else(|| Error::from(ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), Error> {
        self.0.lock().change(Op::SetLen(len as usize))
    }

    fn sync_data(&self) -> Result<(), Error> {
        let mut state = self.0.lock();
        state.power()?;
        for op in std::mem::take(&mut state.unsynced) {
            op.apply(&mut state.durable);
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        self.0.lock().change(Op::Write {
            offset: offset as usize,
            data: data.to_vec(),
        })
    }
}
