//! Drawn answers of proof of compute.

use cosmwasm_std::{DepsMut, Env, Response};
use quern_audit::{prefix, proof_draw_seed, Range};
use quern_interface::audits::{LeafSource, Phase};
use quern_interface::poc_weights::CommittedProof;
use quern_protocol::Amount;

use super::{in_time, note, round};
use crate::chain::Chain;
use crate::error::{ContractError, Result};
use crate::state::{Leaf, PROOF_CASES};
use crate::table::Table;

/// Takes the answer that the pending offset of a sprint's proofs asks for and assigns its auditor. An answer
/// whose number is not its place, or whose lengths no request of the model has, is none: it stays withheld.
/// Attributes: as of [`super::reveal()`].
pub fn reveal(
    deps: DepsMut,
    env: Env,
    number: u64,
    host: String,
    shown: &CommittedProof,
) -> Result<Response> {
    let (mut round, params) = round(&deps, number, &[Phase::Reveal])?;
    in_time(&round, &env, params.reveal_blocks)?;
    let beacon = round.beacon.ok_or(ContractError::WrongPhase(round.phase))?;
    let chain_id = env.block.chain_id.as_str();
    let host = deps.api.addr_validate(&host)?;
    let (sprint, model, answer) = (shown.sprint, shown.model.as_str(), &shown.leaf);
    let key = (&host, sprint, model);
    let not_drawn = || ContractError::NotDrawn(host.to_string());
    let mut case = PROOF_CASES.find(deps.storage, key)?.ok_or_else(not_drawn)?;
    if shown.proof.count != case.count || shown.proof.index != answer.index {
        return Err(ContractError::BadProof("its place is not its number"));
    }
    let chain = Chain::load(deps.as_ref())?;
    let fits = chain
        .shapes(model, sprint)?
        .iter()
        .any(|shape| (shape.prompt, shape.output) == (answer.prompt, answer.output));
    if !fits {
        return Err(ContractError::BadProof("no request has such lengths"));
    }
    let node = answer.node(
        chain_id,
        host.as_str(),
        model,
        sprint,
        &chain.coefficients(model)?,
    );
    let node = node.ok_or(ContractError::Overflow)?;
    let (root, start) = prefix(&shown.proof, node).ok_or(ContractError::BadProof("no proof"))?;
    if root != case.root {
        return Err(ContractError::BadProof("not in the committed root"));
    }
    let range = Range::new(start, node.sum).ok_or(ContractError::Overflow)?;
    let drawn = case.sampling.reveal(range)?;
    PROOF_CASES.write(deps.storage, key, &case)?;
    let leaf = Leaf {
        id: answer.digest(chain_id, host.as_str(), model, sprint),
        host: host.clone(),
        model: model.to_owned(),
        generation: case.generation,
        source: LeafSource::Proof {
            sprint,
            index: answer.index,
        },
        tokens: u64::from(answer.prompt).saturating_add(answer.output.into()),
        positions: answer.output,
        // lengths are the network's, and so is their number
        paid: answer.output.into(),
        greedy: false,
        host_profile: None,
        stake: Amount::ZERO,
        auditor: None,
        assignment: 0,
        vote: None,
        scores: Vec::new(),
        stage: None,
        verdict: None,
        check: None,
        measured: None,
    };
    let seed = proof_draw_seed(chain_id, host.as_str(), (sprint, model), number, &beacon);
    note::leaf(deps, &mut round, leaf, (&seed, drawn.index))
}
