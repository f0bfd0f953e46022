//! Making receipts.

use crate::paid::record::{Payload, Record};
use crate::scheduler::End;
use quern_chain_client::SigningKey;
use quern_inference_api::paid::{SignedReceipt, SignedVoucher};
use quern_protocol::{
    Amount, Bytes, Hash, Price, Receipt, Usage, client_seed, content_hash, output_hash, request_hash,
    seed_commitment, voucher_seed,
};

/// What of a request goes into its receipt, known before the first token.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) chain_id: String,
    pub(crate) salt: [u8; 16],
    pub(crate) path: String,
    pub(crate) body: String,
    pub(crate) request_hash: Hash,
    pub(crate) model_hash: Hash,
    pub(crate) client_seed: Option<i64>,
    /// The sampler's seed.
    pub(crate) seed: Hash,
    /// Temperature in millionths.
    pub(crate) temperature: u32,
    pub(crate) price: Price,
    pub(crate) prompt: Vec<u32>,
}

/// A request's hash and the seed of its noise. `beacon` is that of the voucher's height.
pub(crate) fn hash_and_seed(
    chain_id: &str,
    (session, nonce): (u64, u64),
    salt: &[u8; 16],
    (path, body): (&str, &[u8]),
    client: Option<i64>,
    beacon: &Hash,
) -> (Hash, Hash) {
    let content = content_hash(chain_id, path, body);
    let request = request_hash(chain_id, salt, &content);
    let seed = match client {
        Some(seed) => client_seed(chain_id, session, &content, seed),
        None => voucher_seed(chain_id, session, nonce, &request, salt, beacon),
    };
    (request, seed)
}

/// Times of a request in milliseconds since it came.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    pub(crate) first_token_ms: u32,
    pub(crate) duration_ms: u32,
}

/// Signs what was done; the record is what the journal keeps.
pub(crate) fn make(
    facts: Facts,
    voucher: SignedVoucher,
    end: &End,
    capture: Amount,
    times: Times,
    key: &SigningKey,
) -> (SignedReceipt, Record) {
    let receipt = Receipt {
        voucher: voucher.voucher,
        voucher_signature: voucher.signature,
        request_hash: facts.request_hash,
        output_hash: output_hash(&facts.chain_id, &facts.salt, &end.tokens),
        model_hash: facts.model_hash,
        client_seed: facts.client_seed,
        seed_commitment: seed_commitment(&facts.chain_id, &facts.seed.0),
        temperature: facts.temperature,
        usage: Usage {
            prompt: end.prompt,
            cached: 0,
            completion: end.tokens.len() as u32,
        },
        finish: end.finish,
        price: facts.price,
        first_token_ms: times.first_token_ms,
        duration_ms: times.duration_ms,
        capture,
    };
    let digest = receipt.digest(&facts.chain_id);
    let signature = Bytes(key.sign(&digest.0));
    let signed = SignedReceipt { receipt, signature };
    let payload = Payload {
        salt: Bytes(facts.salt),
        path: facts.path,
        body: facts.body,
        prompt: facts.prompt,
        output: end.tokens.clone(),
    };
    let record = Record::Receipt {
        signed: Box::new(signed.clone()),
        payload: Box::new(payload),
    };
    (signed, record)
}
