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

/// A proposal of this node's own: it has run each of these transactions, in this order and on the same state.
#[derive(PartialEq)]
pub(crate) struct Prepared {
    height: i64,
    time: Option<WireTime>,
    proposer: Bytes,
    txs: Vec<Bytes>,
}

impl Shared {
    /// This node's reveal for the beacon, then the transactions that still pass, in order, within the
    /// block's bytes and gas.
    pub fn prepare_proposal(&self, request: &pb::RequestPrepareProposal) -> Result<Vec<Bytes>> {
        let (cx, max_gas) = self.proposal_cx(request.height, request.time, &request.proposer_address)?;
        let executor = self.executor(max_gas);
        let room = u64::try_from(request.max_tx_bytes).unwrap_or(0);
        let (mut bytes, mut gas) = (0u64, 0u64);
        let mut kept = Vec::new();
        // without room for it (no sane parameters leave so little) CometBFT would stop at a longer answer
        if let Some(reveal) = self.reveal(&cx)?.filter(|reveal| size_in_block(reveal) <= room) {
            bytes = size_in_block(&reveal);
            kept.push(reveal);
        }
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
        *self.prepared.lock() = Some(Prepared {
            height: request.height,
            time: request.time,
            proposer: request.proposer_address.clone(),
            txs: kept.clone(),
        });
        Ok(kept)
    }

    /// Whether this node has made this very proposal. It takes the memory: a proposal is looked at once a round.
    fn is_own(&self, request: &pb::RequestProcessProposal) -> bool {
        let prepared = self.prepared.lock().take();
        prepared.is_some_and(|own| {
            own.height == request.height
                && own.time == request.time
                && own.proposer == request.proposer_address
                && own.txs == request.txs
        })
    }

    /// The transaction that this block owes to the beacon.
    fn reveal(&self, cx: &Cx) -> Result<Option<Bytes>> {
        let Some(anchor) = quern_beacon::usable_anchor(cx, &cx.block.proposer)? else {
            return Ok(None);
        };
        let reveal = self.options.reveals.find(&anchor);
        if reveal.is_none() {
            tracing::error!(
                height = cx.block.height,
                anchor = %hex::encode(anchor),
                "this validator's beacon onion is missing or used up: the block that it proposes now will be \
                 refused, as will all others until a new anchor is usable; restore the onion's file, or run \
                 `quernd beacon new` and announce its anchor"
            );
        }
        Ok(reveal.map(|preimage| quern_beacon::tx::encode(&preimage).into()))
    }

    /// The transactions after the reveal that the proposer owes to the beacon; `None` if it is not there.
    fn after_reveal<'a>(&self, cx: &Cx, txs: &'a [Bytes]) -> Result<Option<&'a [Bytes]>> {
        let Some(anchor) = quern_beacon::usable_anchor(cx, &cx.block.proposer)? else {
            return Ok(Some(txs));
        };
        let first = txs.split_first().and_then(|(first, rest)| {
            let preimage = quern_beacon::tx::decode(first)?;
            (quern_beacon::hash::around(&preimage) == anchor).then_some(rest)
        });
        Ok(first.or((!self.options.demand_reveals).then_some(txs)))
    }

    /// Whether the beacon gets what the proposer owes it, and every other transaction decodes and passes,
    /// within the block's gas. A pure function of the committed state and the request, so that all honest
    /// validators agree.
    pub fn process_proposal(&self, request: &pb::RequestProcessProposal) -> Result<bool> {
        let (cx, max_gas) = self.proposal_cx(request.height, request.time, &request.proposer_address)?;
        let executor = self.executor(max_gas);
        let Some(txs) = self.after_reveal(&cx, &request.txs)? else {
            tracing::warn!(
                height = request.height,
                proposer = %hex::encode_upper(&request.proposer_address),
                "rejecting a proposal without the reveal that its proposer owes to the beacon"
            );
            return Ok(false);
        };
        if self.is_own(request) {
            return Ok(true);
        }
        let mut gas = 0u64;
        for tx in txs {
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
