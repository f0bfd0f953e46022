//! What can be checked of a receipt without asking anyone's word. Pure.

use k256::ecdsa::{Signature as Ecdsa, VerifyingKey, signature::hazmat::PrehashVerifier};
use quern_interface::settlement::{BatchInfo, CommittedReceipt, SignedReceipt};
use quern_protocol::{Coefficients, Hash, Node, Price, PublicKey, Receipt, Signature, cost};

/// What a check found: nothing, or what is wrong.
pub type Check = Result<(), String>;

/// Whether `key` signed `digest`: secp256k1, r and s, with the lower s.
pub fn is_signed_by(key: &PublicKey, digest: &Hash, signature: &Signature) -> bool {
    let key = VerifyingKey::from_sec1_bytes(key.as_ref());
    let signature = Ecdsa::from_slice(signature.as_ref());
    match (key, signature) {
        (Ok(key), Ok(signature)) => {
            signature.normalize_s().is_none() && key.verify_prehash(digest.as_ref(), &signature).is_ok()
        }
        _ => false,
    }
}

/// The voucher inside a receipt is signed by the session's key.
///
/// # Errors
/// If it is not.
pub fn voucher_signature(chain_id: &str, receipt: &Receipt, session_key: &PublicKey) -> Check {
    let digest = receipt.voucher.digest(chain_id);
    match is_signed_by(session_key, &digest, &receipt.voucher_signature) {
        true => Ok(()),
        false => Err("the voucher is not signed by the session's key".into()),
    }
}

/// A receipt is signed by a host's warm key.
///
/// # Errors
/// If it is not.
pub fn receipt_signature(chain_id: &str, signed: &SignedReceipt, warm_key: &PublicKey) -> Check {
    match is_signed_by(warm_key, &signed.receipt.digest(chain_id), &signed.signature) {
        true => Ok(()),
        false => Err("the receipt is not signed by the host's warm key".into()),
    }
}

/// A receipt does not contradict itself: tokens, and a capture within what its voucher authorises.
///
/// # Errors
/// Names the contradiction.
pub fn terms(receipt: &Receipt) -> Check {
    let (usage, voucher) = (receipt.usage, &receipt.voucher);
    if usage.cached > usage.prompt {
        return Err(format!(
            "{} cached of {} prompt tokens",
            usage.cached, usage.prompt
        ));
    }
    for (most, name) in [(voucher.ceiling, "ceiling"), (voucher.cap, "cap")] {
        if receipt.capture > most {
            return Err(format!(
                "the capture {} is above the voucher's {name} {most}",
                receipt.capture
            ));
        }
    }
    Ok(())
}

/// The price is the chain's, within what the payer accepts, and the capture is at most the usage's cost.
///
/// # Errors
/// Names what differs.
pub fn price(receipt: &Receipt, chain: Price, most: Price, coefficients: &Coefficients) -> Check {
    if receipt.price != chain {
        return Err(format!("the receipt says {}, the chain {chain}", receipt.price));
    }
    if chain > most {
        return Err(format!("{chain} is above the session's maximum of {most}"));
    }
    match cost(chain, coefficients, &receipt.usage) {
        Some(due) if receipt.capture <= due => Ok(()),
        Some(due) => Err(format!(
            "the capture is {}, but the usage costs {due}",
            receipt.capture
        )),
        None => Err("the usage has no cost".into()),
    }
}

/// The root that follows from a receipt's two proofs.
///
/// # Errors
/// If the parts do not fit each other.
pub fn batch_root(chain_id: &str, committed: &CommittedReceipt) -> Result<Node, String> {
    let CommittedReceipt { receipt, leaf, .. } = committed;
    let voucher = &receipt.voucher;
    if leaf.session != voucher.session {
        return Err(format!(
            "the leaf is of session {}, not {}",
            leaf.session, voucher.session
        ));
    }
    if !(leaf.first_nonce..=leaf.last_nonce).contains(&voucher.nonce) {
        return Err(format!("nonce {} is outside the leaf's range", voucher.nonce));
    }
    if leaf.cumulative < leaf.subroot.sum {
        return Err("the leaf's batch is larger than everything so far".into());
    }
    let own = Node::leaf(&receipt.digest(chain_id), receipt.capture);
    if committed.receipt_proof.count != leaf.count || committed.receipt_proof.root(own) != Some(leaf.subroot)
    {
        return Err("the receipt is not in the session's part of the batch".into());
    }
    let node = leaf.node(chain_id, &voucher.host);
    committed
        .leaf_proof
        .root(node)
        .ok_or_else(|| "the proof of the session's leaf is malformed".into())
}

/// A receipt is in a batch that the chain knows.
///
/// # Errors
/// If it is not.
pub fn inclusion(chain_id: &str, committed: &CommittedReceipt, batch: &BatchInfo) -> Check {
    if batch_root(chain_id, committed)? != batch.root || committed.leaf_proof.count != batch.sessions {
        return Err(format!(
            "the proof does not lead to the root of batch {} on the chain",
            batch.sequence
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::sample::{CHAIN, Sample, sign};
    use quern_protocol::Amount;

    use super::*;

    #[test]
    fn an_honest_receipt_passes_every_check() {
        let s = Sample::new();
        voucher_signature(CHAIN, &s.signed.receipt, &s.session_key).unwrap();
        receipt_signature(CHAIN, &s.signed, &s.warm_key).unwrap();
        terms(&s.signed.receipt).unwrap();
        inclusion(CHAIN, &s.committed, &s.batch).unwrap();
        price(
            &s.signed.receipt,
            s.signed.receipt.price,
            s.signed.receipt.price,
            &s.coefficients,
        )
        .unwrap();
    }

    #[test]
    fn another_key_chain_or_text_breaks_a_signature() {
        let mut s = Sample::new();
        assert!(voucher_signature(CHAIN, &s.signed.receipt, &s.warm_key).is_err());
        assert!(voucher_signature("other-1", &s.signed.receipt, &s.session_key).is_err());
        assert!(receipt_signature(CHAIN, &s.signed, &s.session_key).is_err());
        s.signed.receipt.voucher.cap = Amount(u128::MAX);
        assert!(voucher_signature(CHAIN, &s.signed.receipt, &s.session_key).is_err());
        assert!(receipt_signature(CHAIN, &s.signed, &s.warm_key).is_err());
    }

    #[test]
    fn a_signature_has_one_spelling() {
        let s = Sample::new();
        let digest = s.signed.receipt.digest(CHAIN);
        let low = Ecdsa::from_slice(s.signed.signature.as_ref()).unwrap();
        let high = Ecdsa::from_scalars(*low.r(), -*low.s()).unwrap();
        let bytes: [u8; 64] = high.to_bytes().into();
        assert!(!is_signed_by(&s.warm_key, &digest, &Signature::new(bytes)));
        assert!(!is_signed_by(&s.warm_key, &digest, &Signature::new([0; 64])));
        assert!(!is_signed_by(
            &PublicKey::new([9; 33]),
            &digest,
            &s.signed.signature
        ));
    }

    #[test]
    fn a_capture_beyond_the_voucher_is_named() {
        let mut s = Sample::new();
        s.signed.receipt.capture = Amount(s.signed.receipt.voucher.ceiling.0 + 1);
        assert!(terms(&s.signed.receipt).unwrap_err().contains("ceiling"));
        s.signed.receipt.usage.cached = s.signed.receipt.usage.prompt + 1;
        assert!(terms(&s.signed.receipt).is_err());
    }

    #[test]
    fn a_wrong_price_or_a_padded_bill_is_named() {
        let s = Sample::new();
        let receipt = &s.signed.receipt;
        let (own, floor) = (receipt.price, Price::FLOOR);
        assert!(
            price(receipt, floor, own, &s.coefficients)
                .unwrap_err()
                .contains("the chain 1")
        );
        assert!(
            price(receipt, own, floor, &s.coefficients)
                .unwrap_err()
                .contains("maximum")
        );
        let mut padded = receipt.clone();
        padded.capture = Amount(padded.capture.0 + 1);
        assert!(
            price(&padded, own, own, &s.coefficients)
                .unwrap_err()
                .contains("costs")
        );
    }

    #[test]
    fn a_receipt_that_was_changed_or_moved_is_in_no_batch() {
        let s = Sample::new();
        let breaks: [fn(&mut CommittedReceipt); 6] = [
            |c| c.receipt.capture = Amount(1),
            |c| c.receipt.usage.completion += 1,
            |c| c.leaf.session += 1,
            |c| c.leaf.cumulative = Amount(c.leaf.cumulative.0 + 1),
            |c| c.leaf.last_nonce = 0,
            |c| {
                c.receipt_proof.siblings.pop();
            },
        ];
        for (i, change) in breaks.into_iter().enumerate() {
            let mut committed = s.committed.clone();
            change(&mut committed);
            assert!(inclusion(CHAIN, &committed, &s.batch).is_err(), "change {i}");
        }
        let mut batch = s.batch.clone();
        batch.root.sum = Amount(batch.root.sum.0 + 1);
        assert!(inclusion(CHAIN, &s.committed, &batch).is_err());
        let mut batch = s.batch.clone();
        batch.sessions += 1;
        assert!(inclusion(CHAIN, &s.committed, &batch).is_err());
    }

    #[test]
    fn a_host_cannot_use_another_hosts_batch() {
        let s = Sample::new();
        let mut committed = s.committed.clone();
        committed.receipt.voucher.host = "quern1other".into();
        committed.receipt.voucher_signature =
            sign(&s.session_secret, &committed.receipt.voucher.digest(CHAIN));
        assert!(inclusion(CHAIN, &committed, &s.batch).is_err());
    }
}
