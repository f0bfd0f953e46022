//! Gas for signatures, and their verification.

use quern_auth::{Account, Params, PubKey};
use quern_context::{Cx, Mode};
use quern_types::{Error, Result, errors};

use super::{Verified, signer_account, verification_cost};
use crate::tx::{Signature, Tx};

pub(super) fn charge(cx: &Cx, params: &Params, tx: &Tx) -> Result<()> {
    for (_, signer) in tx.entries().zip(&tx.signers) {
        let account = signer_account(cx, signer)?;
        let cost = verification_cost(params, account.pub_key.as_ref());
        cx.gas.consume(cost, "ante verify: secp256k1")?;
    }
    Ok(())
}

pub(super) fn verify(cx: &Cx, tx: &Tx, verified: &Verified) -> Result<()> {
    if tx.body.unordered {
        return Err(errors::NOT_SUPPORTED.wrap("unordered transactions are not enabled"));
    }
    let entries = tx.entries().count();
    if entries != tx.signers.len() {
        return Err(errors::UNAUTHORIZED.wrap(format!(
            "invalid number of signer;  expected: {}, got {entries}",
            tx.signers.len()
        )));
    }
    let simulate = cx.mode == Mode::Simulate;
    for (entry, signer) in tx.entries().zip(&tx.signers) {
        let account = signer_account(cx, signer)?;
        let key = match account.pub_key {
            Some(key) => key,
            None if simulate => continue,
            None => return Err(errors::INVALID_PUB_KEY.wrap("pubkey on account is not set")),
        };
        if entry.sequence != account.sequence {
            return Err(errors::WRONG_SEQUENCE.wrap(format!(
                "account sequence mismatch, expected {}, got {}",
                account.sequence, entry.sequence
            )));
        }
        // a transaction that passed once is not verified again on recheck; nothing it signs has changed
        if !simulate && cx.mode != Mode::Recheck {
            verify_one(cx, tx, &entry, &account, &key, verified)?;
        }
    }
    Ok(())
}

fn verify_one(
    cx: &Cx,
    tx: &Tx,
    entry: &Signature<'_>,
    account: &Account,
    key: &PubKey,
    verified: &Verified,
) -> Result<()> {
    let number = if cx.block.height == 0 { 0 } else { account.number };
    let failed = |cause: &str| -> Error {
        errors::UNAUTHORIZED.wrap(format!(
            "signature verification failed; please verify account number ({number}) and chain-id ({}): ({cause})",
            cx.block.chain_id
        ))
    };
    if !entry.is_direct() {
        return Err(failed("this chain verifies SIGN_MODE_DIRECT only"));
    }
    let sign_bytes = tx.direct_sign_bytes(&cx.block.chain_id, number);
    if verified.check(&sign_bytes, entry.bytes, key) {
        Ok(())
    } else {
        Err(failed("unable to verify single signer signature"))
    }
}
