//! Records in the store as compact bytes: as JSON they would take twice the room, and their code most of this
//! contract's.

use cosmwasm_std::{StdError, StdResult, Storage};
use cw_storage_plus::{Item, Map, PrimaryKey};
use serde::{de::DeserializeOwned, Serialize};

/// A map of records.
pub trait Table<K, T> {
    /// The record of a key, if there is one.
    ///
    /// # Errors
    /// If it cannot be read.
    fn find(&self, storage: &dyn Storage, key: K) -> StdResult<Option<T>>;

    /// The record of a key.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    fn read(&self, storage: &dyn Storage, key: K) -> StdResult<T>;

    /// Keeps a record.
    ///
    /// # Errors
    /// If it cannot be written.
    fn write(&self, storage: &mut dyn Storage, key: K, record: &T) -> StdResult<()>;
}

/// One record.
pub trait Cell<T> {
    /// The record.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    fn read(&self, storage: &dyn Storage) -> StdResult<T>;

    /// Keeps the record.
    ///
    /// # Errors
    /// If it cannot be written.
    fn write(&self, storage: &mut dyn Storage, record: &T) -> StdResult<()>;
}

impl<'a, K: PrimaryKey<'a>, T: Serialize + DeserializeOwned> Table<K, T> for Map<K, T> {
    fn find(&self, storage: &dyn Storage, key: K) -> StdResult<Option<T>> {
        open(storage.get(&self.key(key)))
    }

    fn read(&self, storage: &dyn Storage, key: K) -> StdResult<T> {
        self.find(storage, key)?.ok_or_else(none)
    }

    fn write(&self, storage: &mut dyn Storage, key: K, record: &T) -> StdResult<()> {
        storage.set(&self.key(key), &pack(record)?);
        Ok(())
    }
}

impl<T: Serialize + DeserializeOwned> Cell<T> for Item<T> {
    fn read(&self, storage: &dyn Storage) -> StdResult<T> {
        open(storage.get(self.as_slice()))?.ok_or_else(none)
    }

    fn write(&self, storage: &mut dyn Storage, record: &T) -> StdResult<()> {
        storage.set(self.as_slice(), &pack(record)?);
        Ok(())
    }
}

#[inline(never)]
fn pack<T: Serialize>(record: &T) -> StdResult<Vec<u8>> {
    postcard::to_allocvec(record).map_err(|_| StdError::msg("a record cannot be written"))
}

#[inline(never)]
fn open<T: DeserializeOwned>(bytes: Option<Vec<u8>>) -> StdResult<Option<T>> {
    let Some(bytes) = bytes else {
        return Ok(None);
    };
    match postcard::from_bytes(&bytes) {
        Ok(record) => Ok(Some(record)),
        Err(_) => Err(StdError::msg("a record cannot be read")),
    }
}

#[inline(never)]
fn none() -> StdError {
    StdError::msg("no such record")
}
