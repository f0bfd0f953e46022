//! What can go wrong, by who has to act.

/// A failure of the storage itself (I/O, corruption, misuse by the node).
///
/// Never caused by a transaction. The node must halt: going on could fork it from the network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database could not read or write.
    #[error("state database failed to {action}: {reason}; check the disk and its free space, then restart")]
    Io {
        /// What was being done.
        action: &'static str,
        /// What the database said.
        reason: String,
    },
    /// What was read cannot have been written by this program.
    #[error(
        "state database is corrupt ({0}); restore the data directory from a backup, or remove it and sync again"
    )]
    Corrupt(String),
    /// Another process holds the database.
    #[error("state database is in use by another process; stop that node first")]
    InUse,
    /// The database was written by another version of this program.
    #[error(
        "state database has format {found}, this program reads format {supported}; run the program that wrote it, \
         or remove the data directory and sync again"
    )]
    Format {
        /// Format on disk; 0 if the file holds no state of this program.
        found: u32,
        /// The one format of this program.
        supported: u32,
    },
    /// A version was prepared or committed out of order.
    #[error("version {got} cannot follow version {latest}")]
    Order {
        /// Latest committed version, 0 if none.
        latest: u64,
        /// The version that was given.
        got: u64,
    },
    /// A block came while the state is being restored.
    #[error("the state is being restored from a snapshot; no block can be committed meanwhile")]
    Restoring,
    /// A state key was empty, which no proof could express.
    #[error("a state key is empty")]
    EmptyKey,
    /// There is no earlier version to go back to.
    #[error(
        "cannot roll back version {latest}: no earlier version is kept; sync again from genesis or a snapshot"
    )]
    NothingBefore {
        /// Latest committed version, 0 if none.
        latest: u64,
    },
}

/// Why a version cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Not committed yet.
    #[error("version {version} is in the future, latest is {latest}")]
    Future {
        /// The version that was asked for.
        version: u64,
        /// Latest committed version, 0 if none.
        latest: u64,
    },
    /// No longer kept.
    #[error("version {version} was pruned, oldest is {oldest}")]
    Pruned {
        /// The version that was asked for.
        version: u64,
        /// Oldest version that is kept.
        oldest: u64,
    },
    /// Before the chain's first version.
    #[error("version {0} was never committed")]
    NotFound(u64),
    /// The storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why there is no proof.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProveError {
    /// The version cannot be read.
    #[error(transparent)]
    Version(#[from] SnapshotError),
    /// No store has this name.
    #[error("no store is named {0}")]
    UnknownStore(String),
    /// Absence from an empty store has no ICS-23 proof.
    #[error("the store is empty at this version")]
    EmptyStore,
    /// ICS-23 has no proof for an empty key or an entry with an empty value.
    #[error("ICS-23 proves no empty key and no empty value")]
    Unprovable,
}

impl From<StoreError> for ProveError {
    fn from(error: StoreError) -> Self {
        Self::Version(SnapshotError::Store(error))
    }
}
