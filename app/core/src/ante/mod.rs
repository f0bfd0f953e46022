//! Who pays and who signed: the ante handler, in the order of SDK 0.53 with wasmd's additions.
//!
//! It runs on a branch of its own. What it writes (fee, public keys, sequences) stays even if a
//! message fails afterwards, so that failing costs.

mod fee;
mod gas;
mod limits;
mod pubkey;
mod signature;
mod simulate;
mod verified;

use quern_auth::Account;
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
        limits::fee_given(tx)?;
        let index = self.wasm.ante_count_tx(cx)?;
        limits::extension_options(tx)?;
        if cx.mode != Mode::Recheck {
            limits::validate_basic(tx)?;
        }
        // whatever else is skipped, nothing goes on without signers
        tx.check_signers()?;
        limits::timeout(cx, tx)?;
        let params = quern_auth::params(cx)?;
        limits::memo(&params, tx)?;
        limits::size(cx, &params, tx)?;
        if cx.mode == Mode::Simulate {
            simulate::missing_signatures(cx, &params, tx, &tx.entries()?)?;
        }
        fee::deduct(cx, tx, self.min_gas_prices)?;
        pubkey::count(tx)?;
        let keys = tx.keys(cx.mode == Mode::Simulate)?;
        pubkey::set(cx, tx, &keys)?;
        let entries = tx.entries()?;
        entries.iter().try_for_each(|entry| entry.data.require())?;
        limits::signature_count(&params, &keys)?;
        gas::charge(cx, &params, tx, &entries)?;
        signature::verify(cx, tx, &entries, self.verified)?;
        // What anybody can write without a key has no place in events.
        pubkey::emit(cx, tx, &entries)?;
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
