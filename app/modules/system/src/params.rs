//! Parameters: the length of an epoch and the gas of each call.

use prost::Message;
use quern_context::Cx;
use quern_types::{Error, Result};

use crate::{MODULE, keys};

/// Parameters of the calls at a block's borders.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Params {
    /// Blocks per epoch; 0 where there are no epochs.
    #[prost(uint64, tag = "1")]
    pub epoch_blocks: u64,
    /// Most validators.
    #[prost(uint32, tag = "2")]
    pub max_validators: u32,
    /// Gas of one contract's `end_block`.
    #[prost(uint64, tag = "3")]
    pub end_block_gas: u64,
    /// Gas of `end_epoch`.
    #[prost(uint64, tag = "4")]
    pub end_epoch_gas: u64,
    /// Gas of one `misbehavior`.
    #[prost(uint64, tag = "5")]
    pub misbehavior_gas: u64,
}

/// Current parameters; zeros on a chain without system contracts.
///
/// # Errors
/// `sdk/11` out of gas, or a halt.
pub fn params(cx: &Cx) -> Result<Params> {
    let Some(bytes) = cx.kv(MODULE).get(keys::PARAMS)? else {
        return Ok(Params::default());
    };
    Params::decode(bytes.as_slice())
        .map_err(|e| Error::halt(format!("corrupt system parameters in state: {e}")))
}

pub(crate) fn set_params(cx: &Cx, params: &Params) -> Result<()> {
    cx.kv(MODULE).set(keys::PARAMS, params.encode_to_vec())
}
