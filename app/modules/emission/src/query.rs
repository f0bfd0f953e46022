//! Queries of `quern.emission.v1.Query`.

use prost::Message;
use quern_context::Cx;
use quern_protocol::Amount;
use quern_types::{Result, errors};

use crate::schedule;

/// `message QueryEmissionResponse { string denom = 1; string cap = 2; uint64 retained = 3; string minted = 4;
/// string next = 5; string genesis_supply = 6; string supply = 7; string burned = 8; }`: amounts are decimal
/// text in base units, `supply = genesis_supply + minted - burned`.
#[derive(Clone, PartialEq, Message)]
struct EmissionResponse {
    #[prost(string, tag = "1")]
    denom: String,
    #[prost(string, tag = "2")]
    cap: String,
    #[prost(uint64, tag = "3")]
    retained: u64,
    #[prost(string, tag = "4")]
    minted: String,
    #[prost(string, tag = "5")]
    next: String,
    #[prost(string, tag = "6")]
    genesis_supply: String,
    #[prost(string, tag = "7")]
    supply: String,
    #[prost(string, tag = "8")]
    burned: String,
}

/// Answers a query of this module; `None` for another's path. `sdk/22` on a chain that mints nothing.
pub fn query(cx: &Cx, path: &str, _request: &[u8]) -> Option<Result<Vec<u8>>> {
    (path == "/quern.emission.v1.Query/Emission").then(|| {
        let schedule =
            schedule(cx)?.ok_or_else(|| errors::KEY_NOT_FOUND.wrap("this chain mints no coins"))?;
        let supply = Amount(quern_bank::supply(cx, &schedule.denom)?);
        let (next, _) = schedule.step();
        let answer = EmissionResponse {
            burned: schedule.burned(supply).to_string(),
            denom: schedule.denom.to_string(),
            cap: schedule.cap.to_string(),
            retained: schedule.retained,
            minted: schedule.minted.to_string(),
            next: next.to_string(),
            genesis_supply: schedule.genesis_supply.to_string(),
            supply: supply.to_string(),
        };
        Ok(answer.encode_to_vec())
    })
}
