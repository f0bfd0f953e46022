//! Where in a transaction's tree of contract calls code runs.

use std::{collections::BTreeSet, sync::Arc};

use parking_lot::Mutex;

/// Facts of the enclosing contract calls, carried by the context so that they survive a detour
/// through other modules. Written by the contract host alone.
#[derive(Clone, Debug, Default)]
pub struct CallFrame {
    /// Contract responses being handled around this point.
    pub depth: u32,
    /// Smart queries being answered around this point.
    pub query_depth: u32,
    /// Whether messages run under governance's leave to instantiate any code.
    pub may_instantiate: bool,
    /// Checksums of the codes that this transaction has loaded; absent outside transactions.
    pub loaded: Option<Arc<Mutex<BTreeSet<[u8; 32]>>>>,
}

impl CallFrame {
    /// The frame at the start of a transaction.
    pub fn of_transaction() -> Self {
        Self {
            loaded: Some(Arc::default()),
            ..Self::default()
        }
    }
}
