//! Gas estimation: charges for signatures that the client leaves out.

use quern_auth::{Params, PubKey};
use quern_context::Cx;
use quern_types::Result;

use super::pubkey::SIMULATION_KEY;
use crate::tx::{Entry, Tx};

/// Bytes of a 64-byte signature in amino, plus the SDK's allowance of six (`ConsumeTxSizeGasDecorator`).
const SIGNATURE_BYTES: usize = 66 + 6;

pub(super) fn missing_signatures(cx: &Cx, params: &Params, tx: &Tx, entries: &[Entry]) -> Result<()> {
    for (index, signer) in tx.signers.iter().enumerate() {
        if entries
            .get(index)
            .is_some_and(|entry| !entry.data.is_incomplete())
        {
            continue;
        }
        let key = quern_auth::get(cx, signer)?.and_then(|account| account.pub_key);
        let key = key.unwrap_or(SIMULATION_KEY);
        let len = key.amino_len();
        // the key stands behind a tag and its length
        let length_bytes = prost::encoding::encoded_len_varint(u64::try_from(len).unwrap_or(u64::MAX));
        let bytes = len
            .saturating_add(length_bytes)
            .saturating_add(1)
            .saturating_add(SIGNATURE_BYTES);
        let mut cost = u64::try_from(bytes).unwrap_or(u64::MAX);
        if matches!(key, PubKey::Multisig(_)) {
            cost = cost.saturating_mul(params.tx_sig_limit); // as many signers as there may be
        }
        cx.gas
            .consume(params.tx_size_cost_per_byte.saturating_mul(cost), "txSize")?;
    }
    Ok(())
}
