//! The part of a block's header that outlives it: kept in the state, so that a restarted node
//! admits transactions exactly as one that never stopped.

use prost::Message;
use quern_context::{BlockFacts, Cx};
use quern_store::Snapshot;
use quern_types::{Error, Result, Timestamp};

/// Name of the application's own part of the state.
const MODULE: &str = "app";
const KEY: &[u8] = b"header";

/// Chain and last block.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Header {
    #[prost(string, tag = "1")]
    pub chain_id: String,
    /// Height of the block; of the one before the first in genesis.
    #[prost(uint64, tag = "2")]
    pub height: u64,
    #[prost(int64, tag = "3")]
    pub seconds: i64,
    #[prost(uint32, tag = "4")]
    pub nanos: u32,
    #[prost(bytes = "vec", tag = "5")]
    pub proposer: Vec<u8>,
}

impl Header {
    pub fn facts(&self) -> BlockFacts {
        BlockFacts {
            chain_id: self.chain_id.clone(),
            height: self.height,
            time: Timestamp {
                seconds: self.seconds,
                nanos: self.nanos,
            },
            proposer: self.proposer.clone(),
        }
    }

    /// Writes the header into the state that its block leaves.
    pub fn write(&self, cx: &Cx) -> Result<()> {
        cx.kv_unmetered(MODULE).set(KEY, self.encode_to_vec())
    }
}

/// The last committed block's header, if there is one.
pub(crate) fn read(snapshot: &Snapshot) -> Result<Option<Header>> {
    let key = [MODULE.as_bytes(), b"/", KEY].concat();
    let Some(bytes) = snapshot.get(&key).map_err(Error::halt)? else {
        return Ok(None);
    };
    Header::decode(bytes.as_slice()).map(Some).map_err(Error::halt)
}
