//! Queries of `quern.system.v1.Query`.

use prost::Message;
use quern_context::Cx;
use quern_types::Result;

use crate::{Params, contracts, epoch, params};

/// `message SystemContract { string name = 1; string address = 2; }`
#[derive(Clone, PartialEq, Message)]
struct Contract {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    address: String,
}

/// `message QueryContractsResponse { repeated SystemContract contracts = 1; }`
#[derive(Clone, PartialEq, Message)]
struct ContractsResponse {
    #[prost(message, repeated, tag = "1")]
    contracts: Vec<Contract>,
}

/// `message QueryEpochResponse { uint64 epoch = 1; Params params = 2; }`
#[derive(Clone, PartialEq, Message)]
struct EpochResponse {
    #[prost(uint64, tag = "1")]
    epoch: u64,
    #[prost(message, optional, tag = "2")]
    params: Option<Params>,
}

/// Answers a query of this module; `None` for another's path.
pub fn query(cx: &Cx, path: &str, _request: &[u8]) -> Option<Result<Vec<u8>>> {
    match path.strip_prefix("/quern.system.v1.Query/")? {
        "Contracts" => Some(list(cx)),
        "Epoch" => Some(current_epoch(cx)),
        _ => None,
    }
}

fn list(cx: &Cx) -> Result<Vec<u8>> {
    let entry = |(name, address): (String, quern_types::AccAddress)| Contract {
        name,
        address: address.to_string(),
    };
    let contracts = contracts(cx)?.into_iter().map(entry).collect();
    Ok(ContractsResponse { contracts }.encode_to_vec())
}

fn current_epoch(cx: &Cx) -> Result<Vec<u8>> {
    let (epoch, params) = (epoch(cx)?, Some(params(cx)?));
    Ok(EpochResponse { epoch, params }.encode_to_vec())
}
