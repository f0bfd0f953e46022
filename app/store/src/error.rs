//! Failures of the storage itself.

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
}
