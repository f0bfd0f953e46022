//! Proposals: the same admission pipeline, on a branch that is thrown away.

use std::sync::Arc;

use prost::bytes::Bytes;
use prost::encoding::encoded_len_varint;
use quern_context::{BlockFacts, Cx, Mode};
use quern_types::{Result, Timestamp};
use tendermint_proto::{google::protobuf::Timestamp as WireTime, v0_38::abci as pb};

use crate::{
    app::Shared,
    execute::{Depth, Outcome},
};

impl Shared {
    /// Keeps the transactions that still pass, in order, within the block's bytes and gas.
    pub fn prepare_proposal(&self, request: &pb::RequestPrepareProposal) -> Result<Vec<Bytes>> {
        let (cx, max_gas) = self.proposal_cx(request.height, request.time, &request.proposer_address)?;
        let executor = self.executor(max_gas);
        let room = u64::try_from(request.max_tx_bytes).unwrap_or(0);
        let (mut bytes, mut gas) = (0u64, 0u64);
        let mut kept = Vec::new();
        for tx in &request.txs {
            let grown = bytes.saturating_add(size_in_block(tx));
            if grown > room {
                continue;
            }
            // a fork, so that what does not fit leaves no trace in what follows
            let trial = cx.fork();
            let outcome = executor.run(&trial, tx, Depth::Ante)?;
            let wanted = gas.saturating_add(outcome.gas_wanted);
            if outcome.error.is_none() && max_gas.is_none_or(|max| wanted <= max) {
                trial.merge();
                (bytes, gas) = (grown, wanted);
                kept.push(tx.clone());
            }
        }
        Ok(kept)
    }

    /// Whether every transaction decodes and passes, within the block's gas. A pure function of the
    /// committed state and the request, so that all honest validators agree.
    pub fn process_proposal(&self, request: &pb::RequestProcessProposal) -> Result<bool> {
        let (cx, max_gas) = self.proposal_cx(request.height, request.time, &request.proposer_address)?;
        let executor = self.executor(max_gas);
        let mut gas = 0u64;
        for tx in &request.txs {
            let Outcome {
                error, gas_wanted, ..
            } = executor.run(&cx, tx, Depth::Ante)?;
            if let Some(error) = error {
                tracing::warn!(height = request.height, %error, "rejecting a proposal");
                return Ok(false);
            }
            gas = gas.saturating_add(gas_wanted);
            if max_gas.is_some_and(|max| gas > max) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn proposal_cx(
        &self,
        height: i64,
        time: Option<WireTime>,
        proposer: &Bytes,
    ) -> Result<(Cx, Option<u64>)> {
        let chain = self.chain.lock();
        let time = time.unwrap_or_default();
        let facts = BlockFacts {
            chain_id: chain.parent()?.chain_id.clone(),
            height: u64::try_from(height).unwrap_or(0),
            time: Timestamp {
                seconds: time.seconds,
                nanos: u32::try_from(time.nanos).unwrap_or(0),
            },
            proposer: proposer.to_vec(),
        };
        let cx = Cx::new(chain.branch(&self.store), Arc::new(facts), Mode::Proposal);
        let max_gas = quern_consensus::max_gas(&quern_consensus::get(&cx)?);
        Ok((cx, max_gas))
    }
}

/// Bytes of a transaction inside the block's protobuf: tag, length, content.
fn size_in_block(tx: &Bytes) -> u64 {
    let len = u64::try_from(tx.len()).unwrap_or(u64::MAX);
    let prefix = u64::try_from(encoded_len_varint(len)).unwrap_or(u64::MAX);
    len.saturating_add(prefix).saturating_add(1)
}
