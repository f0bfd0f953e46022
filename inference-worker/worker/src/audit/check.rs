//! What a payload says of its receipt. Pure but for the tokenizer.

use crate::audit::kept::Examined;
use crate::generate::Job;
use crate::http::{Service, prepare};
use crate::paid::receipts::hash_and_seed;
use quern_engine::seed::Seed;
use quern_inference_api::audit::ReceiptPayload;
use quern_inference_api::paid::temperature_millionths;
use quern_inference_api::{Endpoint, Request};
use quern_interface::settlement::SessionInfo;
use quern_protocol::{
    FinishReason, Hash, Receipt, Usage, content_hash, cost, output_hash, request_hash, salt_commitment,
    seed_commitment,
};
use quern_verifier::finish_agrees;

/// Code of the error for what does not fit the context.
const TOO_LONG: &str = "context_length_exceeded";

/// What is known of a leaf beside its payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known<'a> {
    pub(crate) chain_id: &'a str,
    pub(crate) session: &'a SessionInfo,
    /// Beacon of the voucher's height.
    pub(crate) beacon: &'a Hash,
    /// This worker's model that the session is for, and its hash; else why it cannot judge.
    pub(crate) own: Result<(&'a Service, &'a Hash), &'a str>,
}

/// What is to be re-executed.
#[derive(Clone, Debug)]
pub(crate) struct Replay {
    pub(crate) job: Job,
    pub(crate) output: Vec<u32>,
}

/// Whether the payload is the receipt's: everything that the receipt hashes. If not, the host withholds it.
pub(crate) fn is_of_leaf(chain_id: &str, leaf: &Hash, payload: &ReceiptPayload) -> bool {
    let (receipt, salt) = (&payload.receipt, &payload.salt.0);
    let content = content_hash(chain_id, &payload.path, payload.body.as_bytes());
    receipt.digest(chain_id) == *leaf
        && request_hash(chain_id, salt, &content) == receipt.request_hash
        && output_hash(chain_id, salt, &payload.output) == receipt.output_hash
}

/// Checks a payload that [`is_of_leaf`]: what to re-execute, or what to conclude at once.
pub(crate) fn check(known: Known<'_>, payload: &ReceiptPayload) -> Result<Replay, Examined> {
    let receipt = &payload.receipt;
    signed_words(known, receipt, payload).map_err(contradiction)?;
    let (service, model_hash) = known.own.map_err(|why| Examined::Unable(why.to_owned()))?;
    if known.session.model_hash != *model_hash {
        let why = format!("this worker serves {:?} of another kind", known.session.model);
        return Err(Examined::Unable(why));
    }
    let (endpoint, request) = asked(payload).map_err(contradiction)?;
    if request.model != known.session.model {
        return Err(contradiction("the request is for another model"));
    }
    if request.seed != receipt.client_seed {
        return Err(contradiction("the receipt names another seed than the request"));
    }
    if temperature_millionths(request.temperature) != receipt.temperature {
        return Err(contradiction(
            "the receipt names another temperature than the request",
        ));
    }
    let voucher = &receipt.voucher;
    let (_, seed) = hash_and_seed(
        known.chain_id,
        (voucher.session, voucher.nonce),
        &payload.salt.0,
        (endpoint.path(), payload.body.as_bytes()),
        request.seed,
        known.beacon,
    );
    if seed_commitment(known.chain_id, &seed.0) != receipt.seed_commitment {
        return Err(contradiction("the noise is of another seed"));
    }
    let mut job = match prepare(service, &request) {
        Ok(job) => job,
        Err(error) if error.code == Some(TOO_LONG) => return Err(Examined::Unable(error.message)),
        Err(error) => return Err(contradiction(&error.message)),
    };
    job.seed = Seed(seed.0);
    if receipt.usage.prompt as usize != job.prompt.len() {
        return Err(contradiction("the prompt has another number of tokens"));
    }
    // What the ceiling paid for, and what was asked for if anything was: a host's context may be cut.
    let wanted = match request.max_tokens {
        Some(_) => job.max_tokens,
        None => u32::MAX,
    };
    job.max_tokens = affordable(receipt, known.session, wanted);
    let ended = ending(
        service,
        &job,
        receipt,
        &payload.output,
        request.max_tokens.is_some(),
    );
    match ended {
        Ok(true) => {}
        Ok(false) => {
            return Err(contradiction(
                "the output did not end for the reason that the receipt gives",
            ));
        }
        Err(why) => return Err(Examined::Unable(why)),
    }
    Ok(Replay {
        job,
        output: payload.output.clone(),
    })
}

/// What needs neither tokenizer nor model.
fn signed_words(known: Known<'_>, receipt: &Receipt, payload: &ReceiptPayload) -> Result<(), &'static str> {
    let voucher = &receipt.voucher;
    let salt = salt_commitment(known.chain_id, voucher.session, voucher.nonce, &payload.salt.0);
    if salt != voucher.salt_commitment {
        return Err("the salt is not the voucher's");
    }
    if receipt.model_hash != known.session.model_hash {
        return Err("the receipt names another model than the session");
    }
    if receipt.usage.completion as usize != payload.output.len() {
        return Err("the output has another number of tokens");
    }
    if receipt.usage.cached > receipt.usage.prompt {
        return Err("more of the prompt was cached than it has tokens");
    }
    Ok(())
}

/// The request, read as a host reads it.
fn asked(payload: &ReceiptPayload) -> Result<(Endpoint, Request), &'static str> {
    let endpoint = Endpoint::of_path(&payload.path).ok_or("no host answers this path")?;
    let request = Request::parse(endpoint, payload.body.as_bytes());
    let request = request.map_err(|_| "no host answers this request")?;
    Ok((endpoint, request))
}

/// Most output tokens that the voucher's ceiling pays for, up to `wanted`.
fn affordable(receipt: &Receipt, session: &SessionInfo, wanted: u32) -> u32 {
    let pays = |completion: u32| {
        let usage = Usage {
            completion,
            cached: 0,
            ..receipt.usage
        };
        cost(receipt.price, &session.coefficients, &usage).is_some_and(|cost| cost <= receipt.voucher.ceiling)
    };
    let (mut low, mut high) = (1, wanted.max(1));
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if pays(middle) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}

/// Whether the output ended for the receipt's reason.
fn ending(
    service: &Service,
    job: &Job,
    receipt: &Receipt,
    output: &[u32],
    named: bool,
) -> Result<bool, String> {
    // Where the request named no number, the room in the host's context ended the output, which it alone knows.
    let most = match receipt.finish {
        FinishReason::Length if !named => job.max_tokens.min(output.len() as u32),
        _ => job.max_tokens,
    };
    let tokenizer = &service.text.tokenizer;
    finish_agrees(tokenizer, output, job.output_text(most), receipt.finish).map_err(|error| error.to_string())
}

fn contradiction(why: &str) -> Examined {
    Examined::Contradiction(why.to_owned())
}
