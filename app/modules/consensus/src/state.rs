//! The parameters in the state, in CometBFT's encoding. The only key is `KEY`.

use prost::Message;
use quern_context::Cx;
use quern_types::{Error, Result};

use crate::{ConsensusParams, MODULE};

const KEY: &[u8] = b"Consensus";

/// Current parameters; CometBFT's zero values before genesis.
///
/// # Errors
/// A halt, or `sdk/11` out of gas.
pub fn get(cx: &Cx) -> Result<ConsensusParams> {
    let Some(bytes) = cx.kv(MODULE).get(KEY)? else {
        return Ok(ConsensusParams::default());
    };
    ConsensusParams::decode(bytes.as_slice())
        .map_err(|e| Error::halt(format!("corrupt consensus parameters in state: {e}")))
}

/// Replaces the parameters.
///
/// # Errors
/// As [`get`].
pub fn set(cx: &Cx, params: &ConsensusParams) -> Result<()> {
    cx.kv(MODULE).set(KEY, params.encode_to_vec())
}

/// Most gas of a block; `None` without a limit.
pub fn max_gas(params: &ConsensusParams) -> Option<u64> {
    params
        .block
        .as_ref()
        .and_then(|block| u64::try_from(block.max_gas).ok())
        .filter(|gas| *gas > 0)
}

/// Most bytes of a block; `None` without a limit of its own.
pub fn max_bytes(params: &ConsensusParams) -> Option<u64> {
    params
        .block
        .as_ref()
        .and_then(|block| u64::try_from(block.max_bytes).ok())
        .filter(|bytes| *bytes > 0)
}
