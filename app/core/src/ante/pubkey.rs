//! Sets public keys on accounts that sign for the first time, and emits what clients index by.

use base64::{Engine, engine::general_purpose::STANDARD};
use quern_auth::PubKey;
use quern_context::{Cx, Mode};
use quern_types::{Event, Result, errors};

use crate::tx::{Entry, Tx};

/// A valid key that stands in for one not known yet while gas is estimated.
pub(super) const SIMULATION_KEY: PubKey = PubKey::Secp256k1([
    0x03, 0x5a, 0xd6, 0x81, 0x0a, 0x47, 0xf0, 0x73, 0x55, 0x3f, 0xf3, 0x0d, 0x2f, 0xcc, 0x7e, 0x0d, 0x3b,
    0x1c, 0x0b, 0x74, 0xb6, 0x1a, 0x1a, 0xaa, 0x25, 0x82, 0x34, 0x40, 0x37, 0x15, 0x1e, 0x14, 0x3a,
]);

/// Refuses more keys than signers, before any key is read.
pub(super) fn count(tx: &Tx) -> Result<()> {
    let (signers, keys) = (tx.signers.len(), tx.auth_info.signer_infos.len());
    if keys > signers {
        return Err(errors::UNAUTHORIZED.wrap(format!(
            "invalid number of signer;  expected: {signers}, got {keys}"
        )));
    }
    Ok(())
}

pub(super) fn set(cx: &Cx, tx: &Tx, keys: &[Option<PubKey>]) -> Result<()> {
    let simulate = cx.mode == Mode::Simulate;
    for (index, (key, signer)) in keys.iter().zip(&tx.signers).enumerate() {
        let key = match key {
            Some(key) => key.clone(),
            None if simulate => SIMULATION_KEY,
            None => continue, // known from an earlier transaction, else verification refuses
        };
        if !simulate && key.address() != *signer {
            return Err(errors::INVALID_PUB_KEY.wrap(format!(
                "pubKey does not match signer address {signer} with signer index: {index}"
            )));
        }
        let mut account = super::signer_account(cx, signer)?;
        if account.pub_key.is_none() {
            // Only a simulation comes here with one, as no key has its address.
            if account.module.is_some() {
                return Err(errors::INVALID_PUB_KEY.wrap("not supported for module accounts"));
            }
            account.pub_key = Some(key);
            quern_auth::set(cx, &account)?;
        }
    }
    Ok(())
}

/// Emits who signed and how, which clients search transactions by.
pub(super) fn emit(cx: &Cx, tx: &Tx, entries: &[Entry]) -> Result<()> {
    for (entry, signer) in entries.iter().zip(&tx.signers) {
        cx.emit(Event::new("tx").with("acc_seq", format!("{signer}/{}", entry.sequence)));
        for signature in entry.data.flatten()? {
            cx.emit(Event::new("tx").with("signature", STANDARD.encode(signature)));
        }
    }
    Ok(())
}
