//! How a command fails, and with which exit code.

/// Result of a command.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// A failed command. The text says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Something on this machine: a file, a terminal.
    #[error("{0}")]
    Local(String),
    /// An argument that cannot be used.
    #[error("{0}")]
    Usage(String),
    /// The node refused the transaction, or executed it and it failed.
    #[error("transaction {hash} failed with {codespace}/{code}: {log}")]
    Refused {
        /// Upper-case hexadecimal hash.
        hash: String,
        /// For example `sdk`.
        codespace: String,
        /// Non-zero code.
        code: u32,
        /// Reason.
        log: String,
    },
    /// The node cannot be reached or answers nonsense.
    #[error("cannot reach a node at {url}: {reason}. Start one, or give another with --node")]
    Unreachable {
        /// Address tried.
        url: String,
        /// Why it failed.
        reason: String,
    },
    /// A key is missing, damaged or locked.
    #[error("{0}")]
    Key(String),
    /// The chain answered a query with an error.
    #[error("query failed with {codespace}/{code}: {log}")]
    Query {
        /// For example `sdk`.
        codespace: String,
        /// Non-zero code.
        code: u32,
        /// Reason.
        log: String,
    },
    /// The user said no.
    #[error("cancelled: nothing was sent or changed")]
    Declined,
    /// The transaction was accepted and is in no block yet.
    #[error("transaction {hash} is in no block after {seconds} s; look for it with `quernd query tx {hash}`")]
    Pending {
        /// Upper-case hexadecimal hash.
        hash: String,
        /// How long was waited.
        seconds: u64,
    },
    /// A receipt's checks do not all hold.
    #[error("these checks failed: {0}")]
    Disproved(String),
}

impl Failure {
    /// Exit code for scripts: 1 local, 2 usage, 3 transaction refused or failed, 4 node unreachable, 5 key,
    /// 6 query refused, 7 declined, 8 not yet in a block, 9 a receipt that does not hold. The node's own commands go on from 10.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Local(_) => 1,
            Self::Usage(_) => 2,
            Self::Unreachable { .. } => 4,
            Self::Refused { .. } => 3,
            Self::Key(_) => 5,
            Self::Query { .. } => 6,
            Self::Declined => 7,
            Self::Pending { .. } => 8,
            Self::Disproved(_) => 9,
        }
    }
}

/// A bad argument, from any error's text.
pub(crate) fn usage(e: impl std::fmt::Display) -> Failure {
    Failure::Usage(e.to_string())
}

/// A failing file or terminal.
pub(crate) fn local(what: impl std::fmt::Display) -> impl FnOnce(std::io::Error) -> Failure {
    move |e| Failure::Local(format!("{what}: {e}"))
}
