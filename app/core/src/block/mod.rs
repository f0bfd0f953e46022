//! Blocks: genesis, proposals, execution and commit, as the consensus connection drives them.

mod commit;
mod finalize;
mod gen_txs;
mod genesis;
pub(crate) mod header;
mod proposal;
mod result;

use quern_store::{Branch, ChangeSet, MultiStore, Pending};
use quern_types::{Error, Result};

use header::Header;

pub(crate) use proposal::Prepared;
pub(crate) use result::{check_result, exec_result, to_abci_event};

/// Where the chain stands, as the consensus connection sees it.
pub(crate) struct Chain {
    /// The last committed block.
    committed: Option<Header>,
    /// What genesis wrote, until the first block commits it.
    genesis: Option<Genesis>,
    /// The block that was finalized and not committed.
    pending: Option<PendingBlock>,
}

struct Genesis {
    header: Header,
    changes: ChangeSet,
}

struct PendingBlock {
    header: Header,
    /// Hash of the next block's validators, from its header.
    next_validators: Vec<u8>,
    pending: Pending,
}

impl Chain {
    pub fn new(committed: Option<Header>) -> Self {
        Self {
            committed,
            genesis: None,
            pending: None,
        }
    }

    /// The chain goes on from a state that was restored.
    pub fn restored(&mut self, header: Header) {
        *self = Self::new(Some(header));
    }

    /// The header that the next block builds on.
    fn parent(&self) -> Result<&Header> {
        self.committed
            .as_ref()
            .or_else(|| self.genesis.as_ref().map(|g| &g.header))
            .ok_or_else(|| Error::halt("a block came before genesis"))
    }

    /// A branch on the committed state, with genesis on it before the first block.
    fn branch(&self, store: &MultiStore) -> Branch {
        let branch = Branch::new(store.snapshot());
        if let (None, Some(genesis)) = (&self.committed, &self.genesis) {
            for (key, value) in &genesis.changes {
                match value {
                    Some(value) => branch.set(key, value.clone()),
                    None => branch.delete(key),
                }
            }
        }
        branch
    }
}
