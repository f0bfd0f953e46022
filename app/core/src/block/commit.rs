//! Commit: makes the finalized block durable and admits transactions against it.

use std::sync::Arc;

use quern_types::{Error, Result};
use tendermint_proto::v0_38::abci::ResponseCommit;

use crate::app::{CheckState, Shared};

impl Shared {
    pub fn commit(&self) -> Result<ResponseCommit> {
        let mut chain = self.chain.lock();
        let block = chain
            .pending
            .take()
            .ok_or_else(|| Error::halt("Commit came without FinalizeBlock"))?;
        // CometBFT holds the mempool connection still while it commits.
        let mut check = self.check.lock();
        self.store.commit(block.pending).map_err(Error::halt)?;
        *check = CheckState::at(self.store.snapshot(), &Arc::new(block.header.facts()))?;
        chain.committed = Some(block.header);
        chain.genesis = None;
        Ok(ResponseCommit { retain_height: 0 })
    }
}
