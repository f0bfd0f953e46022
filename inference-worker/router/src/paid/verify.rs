//! Whether a receipt says what it may say.

use crate::ledger::Place;
use crate::ledger::record::Request;
use quern_chain_client::verify;
use quern_inference_api::paid::SignedReceipt;
use quern_protocol::{
    Amount, Coefficients, Hash, PublicKey, Receipt, client_seed, cost, salt_commitment, seed_commitment,
    voucher_seed,
};

/// A voucher that this router never made. Of what is wrong with a receipt, these five can be proven on chain.
pub(crate) const NEVER_SIGNED: &str = "its voucher was never signed";
/// Another model.
pub(crate) const OTHER_MODEL: &str = "its model hash is not the model's";
/// Another seed.
pub(crate) const OTHER_SEED: &str = "it commits to another seed than the one that follows from the voucher";
/// Another price.
pub(crate) const OTHER_PRICE: &str = "its price is not the chain's";
/// More taken than it costs.
pub(crate) const OVERCHARGED: &str = "its capture is above the cost of its usage";

/// What a receipt is measured by.
pub(crate) struct Expected<'a> {
    pub(crate) chain_id: &'a str,
    pub(crate) place: &'a Place,
    pub(crate) request: &'a Request,
    pub(crate) session_key: &'a PublicKey,
    /// Keys of the host that count: the current one, and the one at the voucher's height.
    pub(crate) warm_keys: &'a [PublicKey],
    pub(crate) model_hash: Hash,
    /// What tokens cost in the session.
    pub(crate) coefficients: Coefficients,
    /// Most tokens of prompt and output.
    pub(crate) context: u32,
    /// Beacon of the voucher's height; without it the seed stays unchecked.
    pub(crate) beacon: Option<Hash>,
    /// Prompt and completion tokens that the answer reported.
    pub(crate) usage: Option<(u32, u32)>,
}

/// The seed that the sampler must use (the spec's `sampler.md`, section "Seed").
pub(crate) fn seed(chain_id: &str, place: &Place, request: &Request, beacon: &Hash) -> Hash {
    match request.client_seed {
        Some(seed) => client_seed(chain_id, place.session, &request.content, seed),
        None => {
            let Request {
                request_hash, salt, ..
            } = request;
            voucher_seed(
                chain_id,
                place.session,
                place.nonce,
                request_hash,
                &salt.0,
                beacon,
            )
        }
    }
}

/// The capture of a good receipt, or the first thing that is wrong. The output's hash is over token ids, which the
/// router never sees: that check is left to audits.
pub(crate) fn check(signed: &SignedReceipt, expected: &Expected<'_>) -> Result<Amount, &'static str> {
    let Expected {
        chain_id,
        place,
        request,
        ..
    } = expected;
    let receipt = &signed.receipt;
    let digest = receipt.digest(chain_id);
    let by_host = |key: &PublicKey| verify(&key.0, &digest.0, &signed.signature.0);
    if !expected.warm_keys.iter().any(by_host) {
        return Err("it is not signed by the host's warm key");
    }
    let voucher = &receipt.voucher;
    let salt = salt_commitment(chain_id, place.session, place.nonce, &request.salt.0);
    if (voucher.session, voucher.nonce, &voucher.host) != (place.session, place.nonce, &place.host) {
        return Err("it is for another request");
    }
    if (voucher.height, voucher.ceiling, voucher.salt_commitment) != (request.height, request.ceiling, salt) {
        return Err("its voucher is not the one that was sent");
    }
    let signature = &receipt.voucher_signature.0;
    if !verify(&expected.session_key.0, &voucher.digest(chain_id).0, signature) {
        return Err(NEVER_SIGNED);
    }
    if receipt.request_hash != request.request_hash {
        return Err("its request hash is not the request's");
    }
    if receipt.model_hash != expected.model_hash {
        return Err(OTHER_MODEL);
    }
    if receipt.client_seed != request.client_seed {
        return Err("its seed is not the client's");
    }
    if let Some(beacon) = &expected.beacon {
        let seed = seed(chain_id, place, request, beacon);
        if receipt.seed_commitment != seed_commitment(chain_id, &seed.0) {
            return Err(OTHER_SEED);
        }
    }
    usage(receipt, expected)?;
    if receipt.price != request.price {
        return Err(OTHER_PRICE);
    }
    // Taking less is the host's own affair.
    let cost = cost(receipt.price, &expected.coefficients, &receipt.usage);
    match cost.map(|cost| cost.min(request.ceiling)) {
        Some(due) if receipt.capture <= due => Ok(receipt.capture),
        _ => Err(OVERCHARGED),
    }
}

fn usage(receipt: &Receipt, expected: &Expected<'_>) -> Result<(), &'static str> {
    let usage = &receipt.usage;
    if usage.completion > expected.request.output {
        return Err("it counts more output than was asked for");
    }
    if usage.prompt.saturating_add(usage.completion) > expected.context {
        return Err("it counts more tokens than the context holds");
    }
    if expected
        .usage
        .is_some_and(|reported| reported != (usage.prompt, usage.completion))
    {
        return Err("its usage is not what the answer reported");
    }
    Ok(())
}
