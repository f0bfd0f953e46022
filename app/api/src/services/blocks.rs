use quern_proto::cosmos::base::tendermint::v1beta1::{
    Block, GetBlockByHeightRequest, GetBlockByHeightResponse, GetLatestBlockResponse, Header,
};
use quern_types::consensus_bech32;
use tendermint::block::Height;
use tendermint_proto::v0_38::types as wire;
use tendermint_rpc::Client;
use tonic::Status;

use crate::services::{Answer, Node, decode, encode, rpc};

impl Node {
    pub(super) async fn latest_block(&self) -> Answer {
        let found = self.client.latest_block().await.map_err(rpc)?;
        let block = whole(found.block.into());
        encode(&GetLatestBlockResponse {
            block_id: Some(found.block_id.into()),
            sdk_block: Some(sdk_block(&block)),
            block: Some(block),
        })
    }

    pub(super) async fn block_by_height(&self, data: &[u8]) -> Answer {
        let request: GetBlockByHeightRequest = decode(data)?;
        let height = u64::try_from(request.height)
            .ok()
            .and_then(|height| Height::try_from(height).ok());
        let height = height.ok_or_else(|| {
            let asked = request.height;
            Status::invalid_argument(format!("height must be greater than 0, but got {asked}"))
        })?;
        let newest = self.newest_height().await?;
        if height > newest {
            return Err(Status::invalid_argument(
                "requested block height is bigger then the chain length",
            ));
        }
        let found = self.client.block(height).await.map_err(rpc)?;
        let block = whole(found.block.into());
        encode(&GetBlockByHeightResponse {
            block_id: Some(found.block_id.into()),
            sdk_block: Some(sdk_block(&block)),
            block: Some(block),
        })
    }
}

/// The block with its last commit, which of the first block is empty: the library that reads it from CometBFT drops it.
pub(super) fn whole(mut block: wire::Block) -> wire::Block {
    block.last_commit.get_or_insert_with(|| wire::Commit {
        block_id: Some(wire::BlockId {
            part_set_header: Some(wire::PartSetHeader::default()),
            ..wire::BlockId::default()
        }),
        ..wire::Commit::default()
    });
    block
}

/// The same block with the proposer as a Bech32 address.
fn sdk_block(block: &wire::Block) -> Block {
    let header = block.header.clone().map(|header| Header {
        version: header.version,
        chain_id: header.chain_id,
        height: header.height,
        time: header.time.map(|time| prost_types::Timestamp {
            seconds: time.seconds,
            nanos: time.nanos,
        }),
        last_block_id: header.last_block_id,
        last_commit_hash: header.last_commit_hash,
        data_hash: header.data_hash,
        validators_hash: header.validators_hash,
        next_validators_hash: header.next_validators_hash,
        consensus_hash: header.consensus_hash,
        app_hash: header.app_hash,
        last_results_hash: header.last_results_hash,
        evidence_hash: header.evidence_hash,
        proposer_address: consensus_bech32(&header.proposer_address),
    });
    Block {
        header,
        data: block.data.clone(),
        evidence: block.evidence.clone(),
        last_commit: block.last_commit.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_block_has_an_empty_commit() {
        let commit = whole(wire::Block::default()).last_commit.unwrap();
        assert_eq!((commit.height, commit.signatures.len()), (0, 0));
        assert!(commit.block_id.unwrap().part_set_header.is_some());
        let known = wire::Block {
            last_commit: Some(wire::Commit {
                height: 7,
                ..wire::Commit::default()
            }),
            ..wire::Block::default()
        };
        assert_eq!(whole(known.clone()), known);
    }
}
