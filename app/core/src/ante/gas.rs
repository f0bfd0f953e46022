//! Gas for signatures, by type of key.

use quern_auth::{Params, PubKey};
use quern_context::{Cx, Mode};
use quern_types::{Registered, Result};

use super::{pubkey::SIMULATION_KEY, signer_account};
use crate::tx::{Entry, SigData, Tx, panicked};

/// What the SDK returns without registering it.
static NOT_MULTI: Registered = Registered::new(
    "undefined",
    1,
    "expected *signing.MultiSignatureData, got, *signing.SingleSignatureData",
);

pub(super) fn charge(cx: &Cx, params: &Params, tx: &Tx, entries: &[Entry]) -> Result<()> {
    for (entry, signer) in entries.iter().zip(&tx.signers) {
        let key = signer_account(cx, signer)?.pub_key;
        // while gas is estimated, a key that is not known yet costs as much as the dearest
        match key.or((cx.mode == Mode::Simulate).then_some(SIMULATION_KEY)) {
            Some(key) => charge_key(cx, params, &key, &entry.data)?,
            None => {
                return Err(quern_types::errors::INVALID_PUB_KEY.wrap("unrecognized public key type: <nil>"));
            }
        }
    }
    Ok(())
}

fn charge_key(cx: &Cx, params: &Params, key: &PubKey, data: &SigData) -> Result<()> {
    match key {
        PubKey::Ed25519(_) => cx
            .gas
            .consume(params.sig_verify_cost_ed25519, "ante verify: ed25519"),
        PubKey::Secp256k1(_) => cx
            .gas
            .consume(params.sig_verify_cost_secp256k1, "ante verify: secp256k1"),
        PubKey::Secp256r1(_) => cx
            .gas
            .consume(params.sig_verify_cost_secp256k1 / 2, "ante verify: secp256r1"),
        PubKey::Multisig(keys) => {
            let SigData::Multi { bits, parts } = data else {
                return Err((&NOT_MULTI).into());
            };
            let mut parts = parts.iter();
            for (i, _) in bits.iter().enumerate().filter(|(_, set)| **set) {
                let (Some(key), Some(part)) = (keys.keys().get(i), parts.next()) else {
                    return Err(panicked("index out of range"));
                };
                charge_key(cx, params, key, part)?;
            }
            Ok(())
        }
    }
}
