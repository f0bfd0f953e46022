//! CometBFT's rules for its parameters (`types/params.go` of 0.38), and one of our own. A set that breaks
//! them would stop the chain.

use quern_types::{Result, errors};

use crate::ConsensusParams;

const MAX_BLOCK_BYTES: i64 = 104_857_600;
/// Bytes of a block that evidence must leave, our own rule: a commit of some hundred validators, the header
/// and the beacon's transaction need them.
const MIN_ROOM: i64 = 65_536;
const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// Checks a complete set of parameters.
///
/// # Errors
/// `sdk/18` with CometBFT's text.
pub fn validate(params: &ConsensusParams) -> Result<()> {
    let refuse = |text: String| Err(errors::INVALID_REQUEST.wrap(text));
    let Some(block) = &params.block else {
        return refuse("block params are missing".into());
    };
    if block.max_bytes == 0 || block.max_bytes < -1 {
        return refuse(format!(
            "block.MaxBytes must be -1 or greater than 0. Got {}",
            block.max_bytes
        ));
    }
    if block.max_bytes > MAX_BLOCK_BYTES {
        return refuse(format!(
            "block.MaxBytes is too big. {} > {MAX_BLOCK_BYTES}",
            block.max_bytes
        ));
    }
    if block.max_gas < -1 {
        return refuse(format!(
            "block.MaxGas must be greater or equal to -1. Got {}",
            block.max_gas
        ));
    }
    let Some(evidence) = &params.evidence else {
        return refuse("evidence params are missing".into());
    };
    if evidence.max_age_num_blocks <= 0 {
        return refuse(format!(
            "evidence.MaxAgeNumBlocks must be greater than 0. Got {}",
            evidence.max_age_num_blocks
        ));
    }
    let age = evidence.max_age_duration.as_ref();
    if age.is_none_or(|d| d.seconds < 0 || d.nanos < 0 || (d.seconds == 0 && d.nanos == 0)) {
        return refuse("evidence.MaxAgeDuration must be grater than 0 if provided".into());
    }
    // CometBFT could not read the result of a block that sets what Go's durations do not hold
    let nanos = age
        .filter(|d| i64::from(d.nanos) < NANOS_PER_SECOND)
        .and_then(|d| {
            let whole = d.seconds.checked_mul(NANOS_PER_SECOND)?;
            whole.checked_add(d.nanos.into())
        });
    if nanos.is_none() {
        return refuse("evidence.MaxAgeDuration is out of range".into());
    }
    let room = if block.max_bytes == -1 {
        MAX_BLOCK_BYTES
    } else {
        block.max_bytes
    };
    if evidence.max_bytes < 0 || evidence.max_bytes > room {
        return refuse(format!(
            "evidence.MaxBytes is greater than upper bound, {} > {room}",
            evidence.max_bytes
        ));
    }
    if room.saturating_sub(evidence.max_bytes) < MIN_ROOM {
        return refuse(format!(
            "evidence.MaxBytes {} leaves less than {MIN_ROOM} bytes of block.MaxBytes {room}, and a block without room \
             for the beacon's transaction cannot be proposed",
            evidence.max_bytes
        ));
    }
    match params.validator.as_ref().map(|v| v.pub_key_types.as_slice()) {
        None | Some([]) => refuse("len(Validator.PubKeyTypes) must be greater than 0".into()),
        Some(types) if types.iter().any(|t| t != "ed25519") => {
            refuse(format!("unknown pubkey type among {types:?}"))
        }
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use tendermint_proto::{
        google::protobuf::Duration,
        v0_38::types::{BlockParams, EvidenceParams, ValidatorParams},
    };

    use super::*;

    fn good() -> ConsensusParams {
        ConsensusParams {
            block: Some(BlockParams {
                max_bytes: 1_000_000,
                max_gas: -1,
            }),
            evidence: Some(EvidenceParams {
                max_age_num_blocks: 100,
                max_age_duration: Some(Duration {
                    seconds: 10,
                    nanos: 0,
                }),
                max_bytes: 1000,
            }),
            validator: Some(ValidatorParams {
                pub_key_types: vec!["ed25519".into()],
            }),
            ..Default::default()
        }
    }

    #[test]
    fn what_cometbft_would_refuse_is_refused_first() {
        assert!(validate(&good()).is_ok());
        let broken: [fn(&mut ConsensusParams); 11] = [
            |p| p.block = None,
            |p| {
                p.block = Some(BlockParams {
                    max_bytes: 0,
                    max_gas: -1,
                })
            },
            |p| {
                p.block = Some(BlockParams {
                    max_bytes: MAX_BLOCK_BYTES + 1,
                    max_gas: -1,
                })
            },
            |p| {
                p.block = Some(BlockParams {
                    max_bytes: 1000,
                    max_gas: -2,
                })
            },
            |p| p.evidence = None,
            |p| p.evidence = Some(EvidenceParams::default()),
            |p| {
                p.evidence.as_mut().unwrap().max_age_duration = Some(Duration {
                    seconds: i64::MAX,
                    nanos: 0,
                });
            },
            |p| {
                p.evidence.as_mut().unwrap().max_age_duration = Some(Duration {
                    seconds: 10,
                    nanos: 1_000_000_000,
                });
            },
            |p| {
                // all of the block but too little for the beacon
                p.evidence = p.evidence.take().map(|mut evidence| {
                    evidence.max_bytes = 1_000_000 - MIN_ROOM + 1;
                    evidence
                })
            },
            |p| {
                p.block = Some(BlockParams {
                    max_bytes: 999,
                    max_gas: -1,
                })
            },
            |p| {
                p.validator = Some(ValidatorParams {
                    pub_key_types: vec!["secp256k1".into()],
                })
            },
        ];
        for (i, break_it) in broken.iter().enumerate() {
            let mut params = good();
            break_it(&mut params);
            assert!(validate(&params).is_err(), "case {i}");
        }
    }
}
