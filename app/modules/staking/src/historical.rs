//! `HistoricalInfo`: a past block's header and the validators that voted on it, from the state of then. The
//! header has what the application knows of it, without hashes.

use prost::Message;
use quern_context::{Cx, Router};
use quern_proto::cosmos::staking::v1beta1 as wire;
use quern_types::{Error, Result, errors};
use tendermint_proto::{google::protobuf::Timestamp, v0_38::types::Header};

use crate::{HISTORICAL_ENTRIES, contracts::Contracts, staking};

/// A question for a height.
#[derive(Clone, Copy, Debug)]
pub struct HistoricalRequest(i64);

impl HistoricalRequest {
    /// Path of the method.
    pub const PATH: &'static str = "/cosmos.staking.v1beta1.Query/HistoricalInfo";

    /// Reads a request.
    ///
    /// # Errors
    /// `sdk/18` for bytes that are none, and for a negative height.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let request = wire::QueryHistoricalInfoRequest::decode(bytes);
        let height = request
            .map_err(|e| errors::INVALID_REQUEST.wrap(e.to_string()))?
            .height;
        if height < 0 {
            return Err(errors::INVALID_REQUEST.wrap("height cannot be negative"));
        }
        Ok(Self(height))
    }

    /// The height, if the chain answers for it at `latest`.
    ///
    /// # Errors
    /// `sdk/22` if it does not.
    pub fn height(self, latest: u64) -> Result<u64> {
        let height = u64::try_from(self.0).unwrap_or(0);
        let age = latest
            .checked_sub(height)
            .filter(|age| *age < HISTORICAL_ENTRIES.into());
        age.filter(|_| height > 0)
            .map(|_| height)
            .ok_or_else(|| self.none())
    }

    /// There is no answer.
    pub fn none(self) -> Error {
        errors::KEY_NOT_FOUND.wrap(format!("historical info for height {} not found", self.0))
    }
}

/// The answer, from the state that the block left and the one that it found.
///
/// # Errors
/// `sdk/11` out of gas, or a halt.
pub fn historical_info(left: &Cx, found: &Cx, router: &dyn Router) -> Result<Vec<u8>> {
    let (block, to) = (&left.block, Contracts { cx: found, router });
    let header = Header {
        chain_id: block.chain_id.clone(),
        height: i64::try_from(block.height).unwrap_or(i64::MAX),
        time: Some(Timestamp {
            seconds: block.time.seconds,
            nanos: i32::try_from(block.time.nanos).unwrap_or(0),
        }),
        proposer_address: block.proposer.clone(),
        ..Header::default()
    };
    let hist = Some(wire::HistoricalInfo {
        header: Some(header),
        valset: staking::bonded_validators(to)?,
    });
    Ok(wire::QueryHistoricalInfoResponse { hist }.encode_to_vec())
}
