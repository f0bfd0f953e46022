//! Why a genesis document is refused.

/// Result of reading, checking or writing a genesis document.
pub type Result<T, E = GenesisError> = std::result::Result<T, E>;

/// Why a genesis document is refused.
#[derive(Debug, thiserror::Error)]
pub enum GenesisError {
    /// The text is no JSON of the expected shape. The cause names line and column.
    #[error("genesis cannot be read: {0}")]
    Parse(#[from] serde_json::Error),
    /// The shape is right and the content is not.
    #[error("genesis {at}: {reason}")]
    Invalid {
        /// Path of the offending field, for example `app_state.bank.balances[3]`.
        at: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file's content is refused.
    #[error("{path}: {source}")]
    Content {
        /// The file.
        path: String,
        /// Why.
        source: Box<GenesisError>,
    },
    /// A command was given something that it cannot use; the file is unchanged.
    #[error("{0}")]
    Usage(String),
}

/// A refusal of the field at `at`.
pub(crate) fn invalid(at: impl Into<String>, reason: impl Into<String>) -> GenesisError {
    GenesisError::Invalid {
        at: at.into(),
        reason: reason.into(),
    }
}

/// Refuses the first item whose key an earlier item already had.
pub(crate) fn no_duplicates<K: Ord>(at: &str, keys: impl IntoIterator<Item = K>) -> Result<()> {
    let mut seen = std::collections::BTreeSet::new();
    for (i, key) in keys.into_iter().enumerate() {
        if !seen.insert(key) {
            return Err(invalid(format!("{at}[{i}]"), "appears twice"));
        }
    }
    Ok(())
}
