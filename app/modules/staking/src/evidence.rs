//! x/evidence: double votes that CometBFT reported. The first against each validator is kept: it is out for
//! good then.

use prost::{Message, Name};
use prost_types::Any;
use quern_context::{Cx, answer, paginate};
use quern_proto::cosmos::evidence::v1beta1 as wire;
use quern_types::{Result, consensus_bech32, errors};
use sha2::{Digest, Sha256};

use crate::{MODULE, contracts::Contracts, keys, pace::wire as wire_time};

/// Notes evidence against a validator, unless there is some already.
///
/// # Errors
/// A halt.
pub fn record_evidence(
    cx: &Cx,
    address: &[u8; 20],
    height: i64,
    time: quern_types::Timestamp,
    power: i64,
) -> Result<()> {
    let (kv, key) = (cx.kv_unmetered(MODULE), keys::evidence(address));
    if kv.has(&key)? {
        return Ok(());
    }
    let evidence = wire::Equivocation {
        height,
        time: Some(wire_time(time)),
        power,
        consensus_address: consensus_bech32(address),
    };
    kv.set(&key, evidence.encode_to_vec())
}

/// All that is kept.
pub(crate) fn all(cx: &Cx) -> Result<Vec<Any>> {
    let entries = cx.kv(MODULE).prefix(keys::EVIDENCE);
    entries.map(|entry| Ok(any(&entry?.1))).collect()
}

/// Writes what [`all`] read.
pub(crate) fn import(cx: &Cx, any: &Any) -> Result<()> {
    let bad = || errors::INVALID_REQUEST.wrap("no evidence of a double vote");
    let evidence = wire::Equivocation::decode(any.value.as_slice()).map_err(|_| bad())?;
    let address = quern_types::consensus_from_bech32(&evidence.consensus_address)?;
    let address = <[u8; 20]>::try_from(address).map_err(|_| bad())?;
    cx.kv_unmetered(MODULE)
        .set(&keys::evidence(&address), any.value.clone())
}

fn any(bytes: &[u8]) -> Any {
    Any {
        type_url: format!("/{}", wire::Equivocation::full_name()),
        value: bytes.to_vec(),
    }
}

/// Answers a query of this service.
pub(crate) fn query(to: Contracts<'_>, method: &str, request: &[u8]) -> Option<Result<Vec<u8>>> {
    let kv = to.cx.kv(MODULE).under(keys::EVIDENCE);
    Some(match method {
        "AllEvidence" => answer(request, |r: wire::QueryAllEvidenceRequest| {
            let page = r.pagination.as_ref();
            let (evidence, pagination) = paginate(&kv, page, |_, value| Ok(Some(any(value))))?;
            Ok(wire::QueryAllEvidenceResponse {
                evidence,
                pagination: Some(pagination),
            })
        }),
        "Evidence" => answer(request, |r: wire::QueryEvidenceRequest| {
            let wanted =
                hex::decode(&r.hash).map_err(|_| errors::INVALID_REQUEST.wrap("invalid evidence hash"))?;
            if wanted.is_empty() {
                return Err(errors::INVALID_REQUEST.wrap("invalid request; hash is empty"));
            }
            for entry in kv.range(None, None, quern_store::Order::Ascending) {
                let (_, value) = entry?;
                if Sha256::digest(&value).as_slice() == wanted.as_slice() {
                    let evidence = Some(any(&value));
                    return Ok(wire::QueryEvidenceResponse { evidence });
                }
            }
            Err(errors::KEY_NOT_FOUND.wrap(format!("evidence {} not found", r.hash)))
        }),
        _ => return None,
    })
}
