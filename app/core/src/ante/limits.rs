//! Checks of the transaction's frame.

use quern_auth::{Params, PubKey};
use quern_context::Cx;
use quern_proto::cosmos::tx::v1beta1::Fee;
use quern_types::{AccAddress, Result, Timestamp, errors};

use crate::tx::Tx;

/// Largest gas limit that a fee may name (`MaxGasWanted`).
const MAX_GAS_WANTED: u64 = (1 << 63) - 1;

pub(super) fn extension_options(tx: &Tx) -> Result<()> {
    if tx.body.extension_options.is_empty() {
        return Ok(());
    }
    Err((&errors::UNKNOWN_EXTENSION_OPTIONS).into())
}

/// A transaction without a fee has no gas limit either. The SDK panics at it.
pub(super) fn fee_given(tx: &Tx) -> Result<&Fee> {
    let fee = tx.auth_info.fee.as_ref();
    fee.ok_or_else(|| errors::INVALID_REQUEST.wrap("fee is missing"))
}

pub(super) fn validate_basic(tx: &Tx) -> Result<()> {
    let fee = fee_given(tx)?;
    if fee.gas_limit > MAX_GAS_WANTED {
        return Err(errors::INVALID_REQUEST.wrap(format!(
            "invalid gas supplied; {} > {MAX_GAS_WANTED}",
            fee.gas_limit
        )));
    }
    if fee.amount.iter().any(|coin| coin.amount.is_empty()) {
        return Err(errors::INSUFFICIENT_FEE.wrap("invalid fee provided: null"));
    }
    if fee.amount.iter().any(|coin| coin.amount.starts_with('-')) {
        let shown = super::fee::shown(&fee.amount);
        return Err(errors::INSUFFICIENT_FEE.wrap(format!("invalid fee provided: {shown}")));
    }
    if !fee.payer.is_empty() {
        AccAddress::parse(&fee.payer)
            .map_err(|e| errors::INVALID_ADDRESS.wrap(format!("Invalid fee payer address ({e})")))?;
    }
    if tx.signatures.is_empty() {
        return Err((&errors::NO_SIGNATURES).into());
    }
    tx.check_signers()?;
    if tx.signatures.len() != tx.signers.len() {
        return Err(errors::UNAUTHORIZED.wrap(format!(
            "wrong number of signers; expected {}, got {}",
            tx.signers.len(),
            tx.signatures.len()
        )));
    }
    Ok(())
}

pub(super) fn timeout(cx: &Cx, tx: &Tx) -> Result<()> {
    let (now, height) = (cx.block.height, tx.body.timeout_height);
    if height > 0 && now > height {
        return Err(errors::TX_TIMEOUT_HEIGHT.wrap(format!("block height: {now}, timeout height: {height}")));
    }
    let Some(at) = &tx.body.timeout_timestamp else {
        return Ok(());
    };
    let nanos = u32::try_from(at.nanos).ok().filter(|n| *n < 1_000_000_000);
    let nanos = nanos.ok_or_else(|| errors::INVALID_REQUEST.wrap("invalid timeout timestamp"))?;
    let deadline = Timestamp {
        seconds: at.seconds,
        nanos,
    };
    // The SDK takes Unix time zero as unset.
    if deadline != Timestamp::default() && cx.block.time > deadline {
        // as Go prints times
        let go = |time: Timestamp| time.to_string().replace('T', " ").replace('Z', " +0000 UTC");
        let (now, deadline) = (go(cx.block.time), go(deadline));
        return Err(errors::TX_TIMEOUT.wrap(format!("block time: {now}, timeout timestamp: {deadline}")));
    }
    Ok(())
}

pub(super) fn memo(params: &Params, tx: &Tx) -> Result<()> {
    let (len, max) = (as_u64(tx.body.memo.len()), params.max_memo_characters);
    if len > max {
        return Err(errors::MEMO_TOO_LARGE.wrap(format!(
            "maximum number of characters is {max} but received {len} characters"
        )));
    }
    Ok(())
}

pub(super) fn size(cx: &Cx, params: &Params, tx: &Tx) -> Result<()> {
    cx.gas.consume(
        params.tx_size_cost_per_byte.saturating_mul(as_u64(tx.size)),
        "txSize",
    )
}

/// Keys that the transaction names, those of a multisig each.
pub(super) fn signature_count(params: &Params, keys: &[Option<PubKey>]) -> Result<()> {
    let (mut count, limit) = (0u64, params.tx_sig_limit);
    for key in keys.iter().flatten() {
        count = count.saturating_add(as_u64(key.count()));
        if count > limit {
            return Err(errors::TOO_MANY_SIGNATURES.wrap(format!("signatures: {count}, limit: {limit}")));
        }
    }
    Ok(())
}

fn as_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
