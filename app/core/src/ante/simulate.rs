//! Gas estimation: charges for signatures that the client leaves out.

use quern_auth::Params;
use quern_context::Cx;
use quern_types::Result;

use crate::tx::Tx;

/// Bytes of one secp256k1 key with its signature in amino, plus the SDK's allowance of six
/// (`ConsumeTxSizeGasDecorator`): key 40, signature 66.
const SIGNATURE_BYTES: u64 = 40 + 66 + 6;

pub(super) fn missing_signatures(cx: &Cx, params: &Params, tx: &Tx) -> Result<()> {
    let present = tx
        .entries()
        .map(|entry| !entry.bytes.is_empty())
        .collect::<Vec<_>>();
    for index in 0..tx.signers.len() {
        if present.get(index) != Some(&true) {
            cx.gas.consume(
                params.tx_size_cost_per_byte.saturating_mul(SIGNATURE_BYTES),
                "txSize",
            )?;
        }
    }
    Ok(())
}
