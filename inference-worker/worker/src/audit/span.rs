//! Which receipt covers an offset in everything that this host ever committed. Pure.

use crate::paid::batch::{self, Committer};
use crate::paid::book::Book;
use quern_interface::settlement::{BatchPlace, CommittedReceipt};
use quern_protocol::Amount;

/// A receipt with its proofs, and the offset at which the next one begins.
#[derive(Clone, Debug)]
pub(crate) struct Covering {
    pub(crate) receipt: CommittedReceipt,
    pub(crate) end: Amount,
}

/// The receipt that covers `offset`. `last` is the place of a batch at or after it: sums are counted back from there.
/// None if the journal does not hold the batch or its receipts any more.
pub(crate) fn covering(
    book: &Book,
    committer: Committer<'_>,
    last: &BatchPlace,
    offset: Amount,
) -> Option<Covering> {
    let (mut sequence, mut end) = (last.batch.sequence, last.committed);
    if offset >= end {
        return None;
    }
    let (planned, start) = loop {
        let planned = book.batches.get(&sequence)?;
        let sum = Amount::sum(planned.leaves.iter().map(|leaf| leaf.subroot.sum))?;
        let start = end.checked_sub(sum)?;
        if offset >= start {
            break (planned, start);
        }
        end = start;
        sequence = sequence.checked_sub(1)?;
    };
    let mut at = start;
    for (leaf, nonces) in planned.leaves.iter().zip(&planned.nonces) {
        let account = book.find(leaf.session)?;
        for nonce in nonces {
            let capture = account.receipts.get(nonce)?.signed.receipt.capture;
            let end = at.checked_add(capture)?;
            if offset < end {
                let receipt = batch::prove_receipt(book, committer, leaf.session, *nonce)?;
                return Some(Covering { receipt, end });
            }
            at = end;
        }
    }
    None
}
