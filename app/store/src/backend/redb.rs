//! redb: a copy-on-write B-tree in one file. See docs/adr/0007-state-database.md.

use super::{Backend, Batch, Bounds, ReadView};
use crate::{Key, Order, StoreError, Value};
use redb::backends::InMemoryBackend;
use redb::{Builder, Database, ReadOnlyTable, ReadableDatabase, TableDefinition, TableError};
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

pub use redb::StorageBackend;

/// One table: rows are told apart by their first byte (see [`crate::keys`]).
const ROWS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("rows");

/// How much of the file redb may hold in memory, in bytes.
const CACHE_BYTES: usize = 128 << 20;

/// A redb database.
pub struct RedbBackend {
    /// `None` only while it is being dropped.
    database: Option<Database>,
}

impl RedbBackend {
    /// Opens or creates the file at `path`. With `verify`, every page is checked against its checksum,
    /// which reads the whole file; after a crash that happens anyway.
    pub fn open(path: &Path, verify: bool) -> Result<Self, StoreError> {
        Self::guarded("open its file", || {
            let mut builder = Builder::new();
            builder
                .set_cache_size(CACHE_BYTES)
                .set_check_integrity_on_open(verify);
            Self::start(builder.create(path))
        })
    }

    /// Opens or creates a database on any storage: a file, memory, or one that injects faults.
    pub fn on_storage(storage: impl StorageBackend) -> Result<Self, StoreError> {
        Self::guarded("open its storage", || {
            Self::start(
                Builder::new()
                    .set_cache_size(CACHE_BYTES)
                    .create_with_backend(storage),
            )
        })
    }

    /// Moves the content of a closed file to its front and cuts the rest off.
    pub fn compact(path: &Path) -> Result<(), StoreError> {
        Self::guarded("compact its file", || {
            let mut database =
                Database::open(path).map_err(|error| failure("open its file", error.into()))?;
            // Each call frees what the one before could not reach.
            while database
                .compact()
                .map_err(|error| failure("compact its file", error.into()))?
            {}
            Ok(())
        })
    }

    /// A database that lives as long as the process.
    pub fn in_memory() -> Result<Self, StoreError> {
        Self::on_storage(InMemoryBackend::new())
    }

    fn start(opened: Result<Database, redb::DatabaseError>) -> Result<Self, StoreError> {
        let database = opened.map_err(|error| failure("open its file", error.into()))?;
        Ok(Self {
            database: Some(database),
        })
    }

    fn database(&self) -> Result<&Database, StoreError> {
        self.database.as_ref().ok_or(StoreError::Io {
            action: "use its file",
            reason: "it is closed".into(),
        })
    }

    /// redb may panic on a page whose content it could not have written. To the node that is a
    /// corrupt database like any other.
    fn guarded<T>(
        action: &'static str,
        run: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        catch_unwind(AssertUnwindSafe(run))
            .unwrap_or_else(|_| Err(StoreError::Corrupt(format!("redb could not {action}"))))
    }
}

impl Drop for RedbBackend {
    /// Closing writes, so it may meet a corrupt page as well. The next opening finds out.
    fn drop(&mut self) {
        let database = self.database.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(database)));
    }
}

impl Backend for RedbBackend {
    fn view(&self) -> Result<Arc<dyn ReadView>, StoreError> {
        Self::guarded("begin reading", || {
            let failed = |error| failure("begin reading", error);
            let transaction = self
                .database()?
                .begin_read()
                .map_err(|error| failed(error.into()))?;
            match transaction.open_table(ROWS) {
                Ok(table) => Ok(Arc::new(RedbView { table: Some(table) }) as Arc<dyn ReadView>),
                // Nothing was ever written.
                Err(TableError::TableDoesNotExist(_)) => Ok(Arc::new(RedbView { table: None }) as _),
                Err(error) => Err(failed(error.into())),
            }
        })
    }

    fn write(&self, batch: Batch) -> Result<(), StoreError> {
        Self::guarded("write a batch", || {
            // The default durability of a commit is an fsync before it returns.
            let transaction = self
                .database()?
                .begin_write()
                .map_err(|error| failure("begin writing", error.into()))?;
            {
                let mut table = transaction
                    .open_table(ROWS)
                    .map_err(|error| failure("open its table", error.into()))?;
                for (key, row) in &batch {
                    match row {
                        Some(value) => table.insert(key.as_slice(), value.as_slice()).map(drop),
                        None => table.remove(key.as_slice()).map(drop),
                    }
                    .map_err(|error| failure("write a row", error.into()))?;
                }
            }
            transaction
                .commit()
                .map_err(|error| failure("commit a batch", error.into()))
        })
    }
}

/// A read transaction, which the table keeps open.
struct RedbView {
    table: Option<ReadOnlyTable<&'static [u8], &'static [u8]>>,
}

impl RedbView {
    /// Feeds rows to `visit` in `order`, at most `limit` of them.
    fn visit(
        &self,
        bounds: &Bounds,
        order: Order,
        limit: usize,
        mut visit: impl FnMut(&[u8], &[u8]),
    ) -> Result<(), StoreError> {
        let Some(table) = &self.table else { return Ok(()) };
        if bounds.is_empty() {
            return Ok(());
        }
        RedbBackend::guarded("read a range", || {
            let failed = |error: redb::StorageError| failure("read a range", error.into());
            let start = Bound::Included(bounds.start.as_slice());
            let end = bounds.end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
            let mut rows = table.range::<&[u8]>((start, end)).map_err(failed)?;
            for _ in 0..limit {
                let row = match order {
                    Order::Ascending => rows.next(),
                    Order::Descending => rows.next_back(),
                };
                let Some(row) = row else { break };
                let (key, value) = row.map_err(failed)?;
                visit(key.value(), value.value());
            }
            Ok(())
        })
    }
}

impl ReadView for RedbView {
    fn get(&self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        let Some(table) = &self.table else { return Ok(None) };
        RedbBackend::guarded("read a row", || {
            let row = table
                .get(key)
                .map_err(|error| failure("read a row", error.into()))?;
            Ok(row.map(|row| row.value().to_vec()))
        })
    }

    fn scan(&self, bounds: &Bounds, order: Order, limit: usize) -> Result<Vec<(Key, Value)>, StoreError> {
        let mut rows = Vec::new();
        self.visit(bounds, order, limit, |key, value| {
            rows.push((key.to_vec(), value.to_vec()))
        })?;
        Ok(rows)
    }

    fn first(&self, bounds: &Bounds) -> Result<Option<Value>, StoreError> {
        let mut first = None;
        self.visit(bounds, Order::Ascending, 1, |_, value| {
            first = Some(value.to_vec())
        })?;
        Ok(first)
    }

    fn scan_keys(&self, bounds: &Bounds, limit: usize) -> Result<Vec<(Key, usize)>, StoreError> {
        let mut rows = Vec::new();
        self.visit(bounds, Order::Ascending, limit, |key, value| {
            rows.push((key.to_vec(), value.len()))
        })?;
        Ok(rows)
    }
}

/// Sorts redb's errors into what an operator can do about them.
fn failure(action: &'static str, error: redb::Error) -> StoreError {
    match error {
        redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => StoreError::InUse,
        redb::Error::Corrupted(reason) => StoreError::Corrupt(reason),
        redb::Error::UpgradeRequired(found) => StoreError::Corrupt(format!(
            "its file has redb's format {found}, which this program does not read"
        )),
        // redb reports a file that is no database of its own as invalid or short data.
        redb::Error::Io(io)
            if matches!(
                io.kind(),
                std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof
            ) =>
        {
            StoreError::Corrupt(io.to_string())
        }
        other => StoreError::Io {
            action,
            reason: other.to_string(),
        },
    }
}
