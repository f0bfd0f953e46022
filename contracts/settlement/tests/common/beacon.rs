//! The beacon's query: a hash of the height, known up to the block under way and for 10,000 blocks.

use cosmwasm_std::{Api, Binary, BlockInfo, GrpcQuery, Querier, StdError, StdResult, Storage};
use cw_multi_test::Stargate;
use quern_protocol::{hash_fields, Hash};

pub struct Beacon;

pub fn beacon(height: u64) -> Hash {
    hash_fields(&[b"test beacon", &height.to_be_bytes()])
}

/// `{ uint64 height = 1; }`
fn height(request: &[u8]) -> Option<u64> {
    let [0x08, rest @ ..] = request else {
        return None;
    };
    let bits = rest.iter().enumerate();
    Some(bits.fold(0, |sum, (n, byte)| sum | u64::from(byte & 0x7f) << (7 * n)))
}

impl Stargate for Beacon {
    fn query_grpc(
        &self,
        _: &dyn Api,
        _: &dyn Storage,
        _: &dyn Querier,
        block: &BlockInfo,
        request: GrpcQuery,
    ) -> StdResult<Binary> {
        let height = height(&request.data).filter(|_| request.path == "/quern.beacon.v1.Query/Beacon");
        match height {
            Some(height) if height <= block.height && height + 10_000 > block.height => {
                Ok([&[0x0a, 32], beacon(height).as_ref()].concat().into())
            }
            _ => Err(StdError::msg("no such beacon")),
        }
    }
}
