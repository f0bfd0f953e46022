//! Queries of `quern.validators.v1.Query`.

use prost::Message;
use quern_context::{Cx, answer};
use quern_types::{Result, consensus_bech32, errors};

use crate::{MODULE, consensus_address, current, keys, state::Validator};

/// `message QueryValidatorRequest { bytes consensus_address = 1; }`
#[derive(Clone, PartialEq, Message)]
struct ValidatorRequest {
    #[prost(bytes = "vec", tag = "1")]
    consensus_address: Vec<u8>,
}

/// `message ValidatorInfo { string consensus_address = 1; bytes pub_key = 2; uint64 power = 3; }`
#[derive(Clone, PartialEq, Message)]
struct Info {
    #[prost(string, tag = "1")]
    consensus_address: String,
    #[prost(bytes = "vec", tag = "2")]
    pub_key: Vec<u8>,
    #[prost(uint64, tag = "3")]
    power: u64,
}

/// `message QueryValidatorsResponse { repeated ValidatorInfo validators = 1; }`
#[derive(Clone, PartialEq, Message)]
struct ValidatorsResponse {
    #[prost(message, repeated, tag = "1")]
    validators: Vec<Info>,
}

fn info(key: [u8; 32], power: u64) -> Info {
    Info {
        consensus_address: consensus_bech32(&consensus_address(&key)),
        pub_key: key.to_vec(),
        power,
    }
}

/// Answers a query of this module; `None` for another's path.
pub fn query(cx: &Cx, path: &str, request: &[u8]) -> Option<Result<Vec<u8>>> {
    match path.strip_prefix("/quern.validators.v1.Query/")? {
        "Validators" => Some(validators(cx)),
        "Validator" => Some(answer(request, |r| validator(cx, r))),
        _ => None,
    }
}

fn validators(cx: &Cx) -> Result<Vec<u8>> {
    let powers = current(cx)?;
    let validators = powers.into_iter().map(|(key, power)| info(key, power)).collect();
    Ok(ValidatorsResponse { validators }.encode_to_vec())
}

fn validator(cx: &Cx, request: ValidatorRequest) -> Result<Info> {
    let address = <[u8; 20]>::try_from(request.consensus_address)
        .map_err(|_| errors::INVALID_REQUEST.wrap("a consensus address has 20 bytes"))?;
    let found = cx.kv(MODULE).get(&keys::validator(&address))?.ok_or_else(|| {
        errors::KEY_NOT_FOUND.wrap(format!("validator {} not found", consensus_bech32(&address)))
    })?;
    let (key, power) = Validator::read(&found)?;
    Ok(info(key, power))
}
