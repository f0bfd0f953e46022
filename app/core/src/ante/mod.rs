//! Who pays and who signed: the ante handler, in the order of SDK 0.53 with wasmd's additions.
//!
//! It runs on a branch of its own. What it writes (fee, public keys, sequences) stays even if a
//! message fails afterwards, so that failing costs.

mod fee;
mod limits;
mod pubkey;
mod signature;
mod simulate;
mod verified;

use quern_auth::{Account, Params};
use quern_context::{Cx, Mode};
use quern_types::{AccAddress, Result, errors};
use quern_wasm::Wasm;

use crate::{GasPrices, tx::Tx};

pub(crate) use verified::Verified;

/// What the handler needs besides state.
pub(crate) struct Ante<'a> {
    pub wasm: &'a Wasm,
    pub min_gas_prices: &'a GasPrices,
    pub verified: &'a Verified,
}

impl Ante<'_> {
    /// Runs every check and charges the fee. Returns the transaction's position among those of the
    /// block that came this far, for contracts.
    ///
    /// # Errors
    /// The SDK's code for each refusal; the caller then discards the branch.
    pub(crate) fn run(&self, cx: &Cx, tx: &Tx) -> Result<u32> {
        let index = self.wasm.ante_count_tx(cx)?;
        limits::extension_options(tx)?;
        if cx.mode != Mode::Recheck {
            limits::validate_basic(tx)?;
        }
        limits::timeout(cx, tx)?;
        let params = quern_auth::params(cx)?;
        limits::memo(&params, tx)?;
        limits::size(cx, &params, tx)?;
        if cx.mode == Mode::Simulate {
            simulate::missing_signatures(cx, &params, tx)?;
        }
        fee::deduct(cx, tx, self.min_gas_prices)?;
        pubkey::set(cx, tx)?;
        limits::signature_count(&params, tx)?;
        signature::charge(cx, &params, tx)?;
        signature::verify(cx, tx, self.verified)?;
        increment_sequences(cx, tx)?;
        Ok(index)
    }
}

/// The account of a signer.
fn signer_account(cx: &Cx, address: &AccAddress) -> Result<Account> {
    quern_auth::get(cx, address)?
        .ok_or_else(|| errors::UNKNOWN_ADDRESS.wrap(format!("account {address} does not exist")))
}

fn increment_sequences(cx: &Cx, tx: &Tx) -> Result<()> {
    for signer in &tx.signers {
        let mut account = signer_account(cx, signer)?;
        account.sequence = account
            .sequence
            .checked_add(1)
            .ok_or_else(|| errors::INVALID_SEQUENCE.wrap("sequence is exhausted"))?;
        quern_auth::set(cx, &account)?;
    }
    Ok(())
}

/// Gas of one signature verification by key type. `None` is a key that is not known yet, charged as
/// the dearer secp256k1.
fn verification_cost(params: &Params, key: Option<&quern_auth::PubKey>) -> u64 {
    match key {
        None | Some(quern_auth::PubKey::Secp256k1(_)) => params.sig_verify_cost_secp256k1,
    }
}
