//! Faults of receipts.

use quern_interface::settlement::{CommittedReceipt, SignedReceipt};
use quern_protocol::{
    client_seed, cost, request_hash, salt_commitment, seed_commitment, voucher_seed, Bytes, Hash,
};

use super::{included, Case};
use crate::error::{ContractError, Result};

/// The voucher is no authority for the capture.
pub(super) fn bad_voucher(case: &Case, committed: &CommittedReceipt) -> Result<bool> {
    let batch = included::receipt(case, committed)?;
    let receipt = &committed.receipt;
    let voucher = &receipt.voucher;
    let digest = voucher.digest(case.chain_id);
    let key = &case.session.session_key;
    Ok(voucher.session != case.id
        || voucher.host != case.host.as_str()
        || voucher.nonce == 0
        || voucher.height > batch.height
        || receipt.capture > voucher.ceiling
        || receipt.capture > voucher.cap
        || !case.chain.signed(&digest, &receipt.voucher_signature, key))
}

/// Committed too late, or under a voucher of before or after the session.
pub(super) fn lapsed(case: &Case, committed: &CommittedReceipt) -> Result<bool> {
    let batch = included::receipt(case, committed)?;
    let height = committed.receipt.voucher.height;
    let session = &case.session;
    Ok(batch.height > height.saturating_add(session.lapse_blocks)
        || height < session.drawn_at
        || height > session.closes_at)
}

/// Not the chain's price, above the session's maximum, or more taken than it costs.
pub(super) fn bad_price(case: &Case, committed: &CommittedReceipt) -> Result<bool> {
    included::receipt(case, committed)?;
    let receipt = &committed.receipt;
    let session = &case.session;
    if receipt.price > session.max_price {
        return Ok(true);
    }
    let most = cost(receipt.price, &session.coefficients, &receipt.usage);
    if most.is_none_or(|most| receipt.capture > most) {
        return Ok(true);
    }
    let price = case.chain.price_at(&session.model, receipt.voucher.height)?;
    Ok(receipt.price != price)
}

/// Another model's hash.
pub(super) fn bad_model(case: &Case, committed: &CommittedReceipt) -> Result<bool> {
    included::receipt(case, committed)?;
    Ok(committed.receipt.model_hash != case.session.model_hash)
}

/// Another seed than the one that follows.
pub(super) fn bad_seed(
    case: &Case,
    committed: &CommittedReceipt,
    salt: &Bytes<16>,
    content: Option<&Hash>,
) -> Result<bool> {
    included::receipt(case, committed)?;
    let receipt = &committed.receipt;
    let (voucher, salt) = (&receipt.voucher, salt.as_bytes());
    if salt_commitment(case.chain_id, voucher.session, voucher.nonce, salt) != voucher.salt_commitment {
        return Err(ContractError::NoFault("the salt is not the voucher's"));
    }
    let seed = match (receipt.client_seed, content) {
        (None, _) => {
            let beacon = case.chain.beacon(voucher.height)?;
            voucher_seed(
                case.chain_id,
                voucher.session,
                voucher.nonce,
                &receipt.request_hash,
                salt,
                &beacon,
            )
        }
        (Some(number), Some(content)) => {
            if request_hash(case.chain_id, salt, content) != receipt.request_hash {
                return Err(ContractError::NoFault("the content is not the request's"));
            }
            client_seed(case.chain_id, voucher.session, content, number)
        }
        (Some(_), None) => return Err(ContractError::NoFault("a client's seed needs the content")),
    };
    Ok(receipt.seed_commitment != seed_commitment(case.chain_id, seed.as_bytes()))
}

/// One request committed at two places.
pub(super) fn duplicate(case: &Case, first: &CommittedReceipt, second: &CommittedReceipt) -> Result<bool> {
    included::receipt(case, first)?;
    included::receipt(case, second)?;
    let place = |c: &CommittedReceipt| (c.batch, c.leaf_proof.index, c.receipt_proof.index);
    Ok(first.receipt.voucher.nonce == second.receipt.voucher.nonce && place(first) != place(second))
}

/// Another receipt was signed for the request.
pub(super) fn contradiction(
    case: &Case,
    signed: &SignedReceipt,
    key_height: u64,
    committed: &CommittedReceipt,
) -> Result<bool> {
    included::receipt(case, committed)?;
    let (said, done) = (&signed.receipt.voucher, &committed.receipt.voucher);
    if (said.session, &said.host, said.nonce) != (case.id, &done.host, done.nonce) {
        return Ok(false);
    }
    if key_height < said.height || key_height > case.height {
        return Err(ContractError::NoFault(
            "key_height is not between the voucher's height and now",
        ));
    }
    let key = case.chain.warm_key_at(case.host, key_height)?.key;
    let digest = signed.receipt.digest(case.chain_id);
    if !case.chain.signed(&digest, &signed.signature, &key) {
        return Err(ContractError::BadSignature(
            "the receipt is not by the host's warm key of key_height",
        ));
    }
    Ok(digest != committed.receipt.digest(case.chain_id))
}
