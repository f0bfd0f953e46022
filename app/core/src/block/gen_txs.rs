//! The transactions of genesis: whoever begins the chain registers and bonds before its first block.

use quern_context::Cx;
use quern_genesis::GenTx;
use quern_types::{Error, Result};

use crate::{app::Shared, execute::Depth, tx::Tx};

impl Shared {
    /// Delivers them in order, with account number 0 under the signatures as everywhere in genesis. The
    /// first that fails refuses the genesis.
    pub(super) fn deliver_gen_txs(&self, cx: &Cx, txs: &[GenTx]) -> Result<()> {
        let max_gas = quern_consensus::max_gas(&quern_consensus::get(cx)?);
        let executor = self.executor(max_gas);
        for (index, GenTx(bytes)) in txs.iter().enumerate() {
            let outcome = executor.run(cx, bytes, Depth::Messages)?;
            if let Some(error) = outcome.error {
                let name = name(bytes);
                return Err(Error::halt(format!("gen_txs[{index}]{name}: {error}")));
            }
        }
        Ok(())
    }
}

/// Whose transaction it is, as far as it can be read.
fn name(bytes: &[u8]) -> String {
    let tx = Tx::decode(bytes).ok();
    let memo = tx
        .as_ref()
        .map(|tx| tx.body.memo.clone())
        .filter(|memo| !memo.is_empty());
    let signer = tx.and_then(|tx| tx.signers.first().map(ToString::to_string));
    match (memo, signer) {
        (Some(memo), Some(signer)) => format!(" of {signer} ({memo:.80})"),
        (None, Some(signer)) => format!(" of {signer}"),
        _ => String::new(),
    }
}
