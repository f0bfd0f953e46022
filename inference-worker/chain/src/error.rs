//! What can go wrong.

/// Why the chain gave no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ChainError {
    /// No node was named, or a name is no URL.
    #[error("{0:?} is not a node's RPC address; write http://HOST:PORT")]
    Address(String),
    /// No node answers.
    #[error("no node answers: {0}")]
    Unreachable(String),
    /// A node of another chain.
    #[error("the node at {url} serves chain {found:?}, not {expected:?}; check the chain id and the address")]
    WrongChain {
        /// The node.
        url: String,
        /// The chain it serves.
        found: String,
        /// The chain that was asked for.
        expected: String,
    },
    /// The application refused a query.
    #[error("{path}: {log} ({codespace} {code})")]
    Query {
        /// What was asked.
        path: String,
        /// Who refused.
        codespace: String,
        /// Why, as a number.
        code: u32,
        /// Why, in words.
        log: String,
    },
    /// An answer that cannot be read.
    #[error("the answer to {0} cannot be read: {1}")]
    Answer(String, String),
    /// A transaction could not be put together.
    #[error("the transaction cannot be built: {0}")]
    Build(String),
}

impl ChainError {
    /// Whether the node answered and said no, so that asking again now is of no use.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Query { .. })
    }
}
