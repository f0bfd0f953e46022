//! The document as CometBFT hands it to the application.

use tendermint_proto::{
    google::protobuf::{Duration, Timestamp},
    v0_38::{
        abci::{RequestInitChain, ValidatorUpdate},
        crypto::{PublicKey, public_key::Sum},
        types::{AbciParams, BlockParams, ConsensusParams, EvidenceParams, ValidatorParams, VersionParams},
    },
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{ConsensusKey, Document, Result, Validator, error::invalid};

const NANOS: i64 = 1_000_000_000;

/// The request that CometBFT makes of a genesis document.
///
/// # Errors
/// A number that does not fit, or a malformed time.
pub fn init_chain(document: &Document) -> Result<RequestInitChain> {
    let time = OffsetDateTime::parse(&document.genesis_time, &Rfc3339)
        .map_err(|e| invalid("genesis_time", e.to_string()))?;
    let initial_height =
        i64::try_from(document.initial_height).map_err(|e| invalid("initial_height", e.to_string()))?;
    Ok(RequestInitChain {
        time: Some(Timestamp {
            seconds: time.unix_timestamp(),
            nanos: i32::try_from(time.nanosecond()).unwrap_or(0),
        }),
        chain_id: document.chain_id.clone(),
        consensus_params: Some(params(&document.consensus_params)),
        validators: document.validators.iter().map(update).collect(),
        app_state_bytes: serde_json::to_vec(&document.app_state)?.into(),
        initial_height,
    })
}

fn params(p: &crate::ConsensusParams) -> ConsensusParams {
    let age = p.evidence.max_age_duration;
    ConsensusParams {
        block: Some(BlockParams {
            max_bytes: p.block.max_bytes,
            max_gas: p.block.max_gas,
        }),
        evidence: Some(EvidenceParams {
            max_age_num_blocks: p.evidence.max_age_num_blocks,
            max_age_duration: Some(Duration {
                seconds: age.div_euclid(NANOS),
                nanos: i32::try_from(age.rem_euclid(NANOS)).unwrap_or(0),
            }),
            max_bytes: p.evidence.max_bytes,
        }),
        validator: Some(ValidatorParams {
            pub_key_types: p.validator.pub_key_types.clone(),
        }),
        version: Some(VersionParams { app: p.version.app }),
        abci: Some(AbciParams {
            vote_extensions_enable_height: p.abci.vote_extensions_enable_height,
        }),
    }
}

fn update(validator: &Validator) -> ValidatorUpdate {
    let ConsensusKey::Ed25519 { value } = &validator.pub_key;
    ValidatorUpdate {
        pub_key: Some(PublicKey {
            sum: Some(Sum::Ed25519(value.to_vec())),
        }),
        power: validator.power,
    }
}
