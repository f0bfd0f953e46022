//! Commit: makes the finalized block durable and admits transactions against it.

use std::sync::Arc;

use quern_consensus::ConsensusParams;
use quern_context::Mode;
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
        let state = self.store.snapshot();
        *check = CheckState::at(state.clone(), &Arc::new(block.header.facts()))?;
        let params = quern_consensus::get(&check.cx(Mode::Query))?;
        let retain_height = self.retain_height(block.header.height, &params);
        *self.next_validators.lock() = block.next_validators;
        self.sync.committed(state, &self.wasm);
        chain.committed = Some(block.header);
        chain.genesis = None;
        Ok(ResponseCommit { retain_height })
    }

    /// The oldest block that CometBFT must keep; 0 keeps all. Evidence, the snapshots that are offered and the
    /// operator's own wish are heard (the SDK's `GetBlockRetentionHeight`).
    fn retain_height(&self, height: u64, params: &ConsensusParams) -> i64 {
        if self.options.min_retain_blocks == 0 {
            return 0;
        }
        let evidence = params
            .evidence
            .as_ref()
            .map_or(0, |evidence| evidence.max_age_num_blocks);
        let windows = [
            u64::try_from(evidence).unwrap_or(0),
            self.sync.window(),
            self.options.min_retain_blocks,
        ];
        let longest = windows.into_iter().max().unwrap_or(0);
        i64::try_from(height.saturating_sub(longest)).unwrap_or(0)
    }
}
