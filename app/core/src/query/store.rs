//! Raw reads of a named store, with ICS-23 proofs: `/store/<name>/key`.

use prost::Message;
use quern_store::{ProveError, SnapshotError};
use quern_types::{Error, Result, errors};
use tendermint_proto::v0_38::crypto::{ProofOp, ProofOps};

use super::Found;
use crate::app::Shared;

/// Proof operation over a Jellyfish Merkle store; never labelled as IAVL, whose proofs differ.
const OP_STORE: &str = "ics23:jmt";
/// Proof operation over the multistore, as in the SDK.
const OP_MULTISTORE: &str = "ics23:simple";

/// Splits `/store/<name>/<operation>`, with or without the first slash.
pub(super) fn parse(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix('/')
        .unwrap_or(path)
        .strip_prefix("store/")?
        .split_once('/')
}

pub(super) fn read(
    shared: &Shared,
    store: &str,
    operation: &str,
    key: &[u8],
    height: u64,
    prove: bool,
) -> Result<Found> {
    if operation != "key" {
        return Err(errors::UNKNOWN_REQUEST.wrap(format!("unexpected query path: {operation}")));
    }
    if key.is_empty() {
        return Err(errors::TX_DECODE.wrap("query cannot be zero length"));
    }
    if prove && height <= 1 {
        return Err(errors::INVALID_REQUEST
            .wrap("cannot query with proof when height <= 1; please provide a valid height"));
    }
    if !prove {
        // a proof cannot be had of everything that can be read, such as an empty value
        let spec = quern_store::STORES
            .iter()
            .find(|spec| spec.name == store)
            .ok_or_else(|| errors::UNKNOWN_REQUEST.wrap(format!("no store is named {store}")))?;
        let state_key = [spec.prefix, key].concat();
        let value = shared.snapshot(height)?.get(&state_key).map_err(Error::halt)?;
        return Ok(Found {
            key: key.to_vec(),
            value: value.unwrap_or_default(),
            proof_ops: None,
        });
    }
    let (value, proof) = shared
        .store
        .prove(store, key, height)
        .map_err(|error| match error {
            ProveError::Version(SnapshotError::Store(cause)) => Error::halt(cause),
            ProveError::Version(SnapshotError::Future { .. }) => {
                errors::INVALID_HEIGHT.wrap(error.to_string())
            }
            ProveError::UnknownStore(_) => errors::UNKNOWN_REQUEST.wrap(error.to_string()),
            other => errors::INVALID_REQUEST.wrap(other.to_string()),
        })?;
    let proof_ops = Some(ProofOps {
        ops: vec![
            ProofOp {
                r#type: OP_STORE.into(),
                key: key.to_vec(),
                data: proof.key.encode_to_vec(),
            },
            ProofOp {
                r#type: OP_MULTISTORE.into(),
                key: store.as_bytes().to_vec(),
                data: proof.store.encode_to_vec(),
            },
        ],
    });
    Ok(Found {
        key: key.to_vec(),
        value: value.unwrap_or_default(),
        proof_ops,
    })
}
