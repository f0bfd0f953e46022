//! The latest version and what can be read through it.

use crate::backend::ReadView;
use crate::commit::CommitInfo;
use crate::commitment::upper::Upper;
use crate::commitment::{STORES, StoreSpec};
use crate::history::StateAt;
use crate::keys::{self, Meta};
use crate::{Key, Snapshot, SnapshotError, StoreError, Value};
use std::sync::Arc;

/// The latest version.
#[derive(Clone)]
pub(crate) struct Head {
    pub rows: Arc<dyn ReadView>,
    pub info: Option<CommitInfo>,
    pub first: u64,
    pub oldest: u64,
    /// In the order of [`STORES`].
    pub upper: Arc<Vec<Upper>>,
}

impl Head {
    /// The latest version of the database. `upper` is at hand after a commit, and is read otherwise.
    pub fn read(rows: Arc<dyn ReadView>, upper: Option<Vec<Upper>>) -> Result<Self, StoreError> {
        let number = |field| Ok(read_number(rows.as_ref(), field)?.unwrap_or(0));
        let (latest, first, oldest) = (number(Meta::Latest)?, number(Meta::First)?, number(Meta::Oldest)?);
        let info = match latest {
            0 => None,
            _ => Some(read_commit(rows.as_ref(), latest)?.ok_or_else(|| {
                StoreError::Corrupt(format!("the record of the latest commit, {latest}, is missing"))
            })?),
        };
        let upper = match upper {
            Some(upper) => upper,
            None => {
                let load = |spec: &StoreSpec| Upper::load(rows.as_ref(), spec.id, latest);
                STORES.iter().map(load).collect::<Result<_, _>>()?
            }
        };
        Ok(Self {
            rows,
            info,
            first,
            oldest,
            upper: Arc::new(upper),
        })
    }

    pub fn state(&self) -> StateAt {
        StateAt {
            rows: self.rows.clone(),
            version: self.info.as_ref().map_or(0, |info| info.version),
        }
    }

    pub fn snapshot(&self) -> Snapshot {
        let state = self.state();
        Snapshot::new(state.version, Arc::new(state))
    }

    /// The record of `version`, if it can be read.
    pub fn commit(&self, version: u64) -> Result<CommitInfo, SnapshotError> {
        let latest = self.info.as_ref().map_or(0, |info| info.version);
        if version > latest {
            return Err(SnapshotError::Future { version, latest });
        }
        if version < self.first {
            return Err(SnapshotError::NotFound(version));
        }
        if version < self.oldest {
            return Err(SnapshotError::Pruned {
                version,
                oldest: self.oldest,
            });
        }
        read_commit(self.rows.as_ref(), version)?.ok_or(SnapshotError::NotFound(version))
    }
}

pub(crate) fn number(field: Meta, value: u64) -> (Key, Option<Value>) {
    (keys::meta(field), Some(value.to_be_bytes().to_vec()))
}

pub(crate) fn read_number(rows: &dyn ReadView, field: Meta) -> Result<Option<u64>, StoreError> {
    let Some(row) = rows.get(&keys::meta(field))? else {
        return Ok(None);
    };
    let bytes =
        <[u8; 8]>::try_from(row).map_err(|_| StoreError::Corrupt("a meta row is malformed".into()))?;
    Ok(Some(u64::from_be_bytes(bytes)))
}

fn read_commit(rows: &dyn ReadView, version: u64) -> Result<Option<CommitInfo>, StoreError> {
    let row = rows.get(&keys::commit(version))?;
    row.map(|row| CommitInfo::decode(version, &row)).transpose()
}
