//! The auditor's side of an answer.

use crate::audit::{Examined, Replay};
use crate::generate::{Job, Shape};
use crate::paid::Paid;
use crate::proof::record::Terms;
use quern_chain_client::ChainError;
use quern_engine::sampler::SamplingParams;
use quern_engine::seed::Seed;
use quern_inference_api::audit::ProofPayload;
use quern_interface::poc_weights::{ProofModel, QueryMsg, SprintInfo};
use quern_protocol::{Coefficients, Hash, proof_output_hash};

/// What another host's answers in a sprint follow from; none if the chain has dropped the sprint, or has no proof of
/// compute. Coefficients are left empty: an auditor weighs nothing.
///
/// # Errors
/// When the chain does not answer.
pub(crate) async fn terms(
    paid: &Paid,
    host: &str,
    (sprint, model): (u64, &str),
) -> Result<Option<Terms>, ChainError> {
    let Some(contract) = &paid.config.contracts.poc_weights else {
        return Ok(None);
    };
    let chain = &paid.follow.chain;
    let found: Option<SprintInfo> = chain.smart(contract, &QueryMsg::SprintBy { sprint }).await?.value;
    let Some(sprint) = found else { return Ok(None) };
    let question = QueryMsg::ModelsAt {
        sprint: sprint.sprint,
    };
    let models: Vec<ProofModel> = chain.smart(contract, &question).await?.value;
    let model = models.into_iter().find(|found| found.model == model);
    Ok(model.map(|model| Terms {
        chain_id: paid.config.chain_id.clone(),
        host: host.to_owned(),
        sprint,
        model,
        coefficients: Coefficients {
            input: 0,
            cached: 0,
            output: 0,
        },
    }))
}

/// Whether a payload is the leaf's: the output has the hash that the leaf names. If not, the host withholds it.
pub(crate) fn is_of_leaf(terms: &Terms, leaf: &Hash, payload: &ProofPayload) -> bool {
    let Terms { chain_id, host, .. } = terms;
    let digest = payload
        .leaf
        .digest(chain_id, host, &terms.model.model, terms.sprint.sprint);
    digest == *leaf && proof_output_hash(chain_id, &payload.output) == payload.leaf.output_hash
}

/// Checks a payload that [`is_of_leaf`]: what to re-execute, or what to conclude at once.
pub(crate) fn check(terms: &Terms, payload: &ProofPayload) -> Result<Replay, Examined> {
    let leaf = &payload.leaf;
    let Some(task) = terms.task(leaf.index) else {
        return Err(Examined::Unable(
            "the chain's shapes of requests are of no use".into(),
        ));
    };
    let contradiction = |why: &str| Err(Examined::Contradiction(why.to_owned()));
    if leaf.prompt as usize != task.prompt.len() {
        return contradiction("the answer counts another number of tokens than the request's prompt has");
    }
    if leaf.output != task.output {
        return contradiction("the answer counts another number of tokens than the request asks for");
    }
    if payload.output.len() != task.output as usize {
        return contradiction("the output has another number of tokens than the answer counts");
    }
    Ok(Replay {
        job: job(task.prompt, task.output, &task.seed),
        output: payload.output.clone(),
    })
}

/// A request: temperature 1, everything else off.
pub(crate) fn job(prompt: Vec<u32>, output: u32, seed: &Hash) -> Job {
    Job {
        prompt,
        max_tokens: output,
        params: SamplingParams::default(),
        stop: Vec::new(),
        seed: Seed(seed.0),
        meter: None,
        shape: Shape::default(),
    }
}
