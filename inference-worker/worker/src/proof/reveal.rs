//! Drawn answers, for the chain and for auditors.

use crate::paid::Paid;
use crate::proof::store::Proofs;
use quern_chain_client::ChainError;
use quern_inference_api::audit::ProofPayload;
use quern_interface::audits::ExecuteMsg;
use quern_interface::poc_weights::{ProofInfo, QueryMsg};
use quern_journal::JournalError;
use quern_protocol::Amount;
use std::sync::Arc;

/// The message that reveals the answer at an offset of what this host committed in a sprint; none if it is not here.
///
/// # Errors
/// When the chain does not say what was committed.
pub(crate) async fn reveal(
    paid: &Paid,
    round: u64,
    (sprint, model): (u64, &str),
    offset: Amount,
) -> Result<Option<ExecuteMsg>, ChainError> {
    let (Some(proofs), Some(contract)) = (any(paid, model), &paid.config.contracts.poc_weights) else {
        return Ok(None);
    };
    let host = paid.config.host.clone();
    let question = QueryMsg::Proof {
        sprint,
        host: host.clone(),
        model: model.to_owned(),
    };
    let on_chain: Option<ProofInfo> = paid.follow.chain.smart(contract, &question).await?.value;
    let proof = on_chain.and_then(|on_chain| proofs.prove(&on_chain, offset));
    if proof.is_some() {
        proofs.metrics.proofs.reveals.inc();
    }
    Ok(proof.map(|proof| ExecuteMsg::RevealProof {
        round,
        host,
        proof: Box::new(proof),
    }))
}

/// What an auditor of an answer gets; none if it is not here.
///
/// # Errors
/// When the journal cannot be read.
pub(crate) fn payload(
    paid: &Paid,
    (sprint, model): (u64, &str),
    index: u32,
) -> Result<Option<ProofPayload>, JournalError> {
    match any(paid, model) {
        Some(proofs) => proofs.payload(sprint, model, index),
        None => Ok(None),
    }
}

/// The model's proofs. Those of a model that is served no more can still be drawn, and lie beside the others.
fn any<'a>(paid: &'a Paid, model: &str) -> Option<&'a Arc<Proofs>> {
    paid.proofs.get(model).or_else(|| paid.proofs.values().next())
}
