//! Records of commits: what is known of a version besides its state.

use crate::commitment::STORES;
use crate::commitment::hash::{EMPTY, Hash};
use crate::commitment::simple;
use crate::{Key, StoreError, Value};

/// The root of one store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreRoot {
    /// Name of the store.
    pub name: &'static str,
    /// Root hash of its tree.
    pub root: [u8; 32],
}

/// A committed version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitInfo {
    /// Block height.
    pub version: u64,
    /// Root over the stores' roots.
    pub app_hash: [u8; 32],
    /// One per store, sorted by name.
    pub stores: Vec<StoreRoot>,
}

impl CommitInfo {
    pub(crate) fn new(version: u64, stores: Vec<StoreRoot>) -> Self {
        let mut info = Self {
            version,
            app_hash: EMPTY,
            stores,
        };
        info.app_hash = simple::root(&info.named_roots());
        info
    }

    /// The root of the store called `name`, that of an empty tree if the version has no such store.
    pub(crate) fn root_of(&self, name: &str) -> Hash {
        self.stores
            .iter()
            .find(|store| store.name == name)
            .map_or(EMPTY, |store| store.root)
    }

    /// What the simple Merkle tree commits to.
    pub(crate) fn named_roots(&self) -> Vec<(&'static str, Hash)> {
        self.stores.iter().map(|store| (store.name, store.root)).collect()
    }

    /// Each store's id and root. The app hash follows from them.
    pub(crate) fn encode(&self) -> Value {
        let mut row = Value::new();
        for StoreRoot { name, root } in &self.stores {
            if let Some(spec) = STORES.iter().find(|spec| spec.name == *name) {
                row.push(spec.id);
                row.extend(root);
            }
        }
        row
    }

    pub(crate) fn decode(version: u64, row: &[u8]) -> Result<Self, StoreError> {
        let parse = |record: &[u8]| {
            let (id, root) = record.split_first()?;
            let spec = STORES.iter().find(|spec| spec.id == *id)?;
            Some(StoreRoot {
                name: spec.name,
                root: root.try_into().ok()?,
            })
        };
        let stores: Option<Vec<_>> = row.chunks(33).map(parse).collect();
        let stores = stores
            .ok_or_else(|| StoreError::Corrupt(format!("the record of commit {version} is malformed")))?;
        Ok(Self::new(version, stores))
    }
}

/// The groups that a version wrote, each with its length, for going back by one version.
pub(crate) fn encode_journal<'a>(groups: impl Iterator<Item = &'a Key>) -> Value {
    let mut journal = Value::new();
    for group in groups {
        // Keys are below 4 GiB: the database takes no longer ones.
        journal.extend(u32::try_from(group.len()).unwrap_or(u32::MAX).to_be_bytes());
        journal.extend(group);
    }
    journal
}

pub(crate) fn decode_journal(mut journal: &[u8]) -> Result<Vec<Key>, StoreError> {
    let corrupt = || StoreError::Corrupt("the journal of the latest version is malformed".into());
    let mut groups = Vec::new();
    while !journal.is_empty() {
        let (length, rest) = journal.split_first_chunk().ok_or_else(corrupt)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| corrupt())?;
        let (group, rest) = rest.split_at_checked(length).ok_or_else(corrupt)?;
        groups.push(group.to_vec());
        journal = rest;
    }
    Ok(groups)
}
