//! Where a leaf lies in the amount of its tree.

use crate::{AuditError, Range};
use quern_protocol::{Amount, Node, Proof, Receipt, SessionLeaf};

/// The root that follows from a proof and the sum of all leaves left of this one; none if the proof is
/// malformed or sums do not fit.
///
/// Every sibling's sum is inside the hash of its parent, and so is the side on which it stands: once the
/// root matches, the sum to the left is as fixed as the leaf itself.
pub fn prefix(proof: &Proof, leaf: Node) -> Option<(Node, Amount)> {
    let root = proof.root(leaf)?;
    let mut before = Amount::ZERO;
    let (mut position, mut last) = (proof.index, proof.count.checked_sub(1)?);
    for sibling in &proof.siblings {
        // a right edge without sibling rises unhashed
        while position % 2 == 0 && position == last && last > 0 {
            position >>= 1;
            last >>= 1;
        }
        if position % 2 == 1 {
            before = before.checked_add(sibling.sum)?;
        }
        position >>= 1;
        last >>= 1;
    }
    Some((root, before))
}

/// A receipt shown to be in a batch.
#[derive(Clone, Copy, Debug)]
pub struct Reveal<'a> {
    /// Receipt.
    pub receipt: &'a Receipt,
    /// That it is in its session's part.
    pub receipt_proof: &'a Proof,
    /// Leaf of the session.
    pub leaf: &'a SessionLeaf,
    /// That it is in the batch.
    pub leaf_proof: &'a Proof,
}

impl Reveal<'_> {
    /// The part of the batch's amount that this receipt covers. For one root no two receipts share an
    /// offset, unless hashes collide.
    ///
    /// # Errors
    /// [`AuditError::NotInRoot`] if a proof does not lead to the root, [`AuditError::Mismatch`] if receipt,
    /// leaf and host do not belong together, [`AuditError::Overflow`].
    pub fn locate(&self, chain_id: &str, host: &str, root: &Node) -> Result<Range, AuditError> {
        let voucher = &self.receipt.voucher;
        if voucher.host != host {
            return Err(AuditError::Mismatch("the receipt names another host"));
        }
        if voucher.session != self.leaf.session {
            return Err(AuditError::Mismatch(
                "the receipt names another session than its leaf",
            ));
        }
        if !(self.leaf.first_nonce..=self.leaf.last_nonce).contains(&voucher.nonce) {
            return Err(AuditError::Mismatch("the nonce is outside the leaf's range"));
        }
        if self.receipt_proof.count != self.leaf.count {
            return Err(AuditError::Mismatch(
                "the proof counts other receipts than the leaf",
            ));
        }
        let node = Node::leaf(&self.receipt.digest(chain_id), self.receipt.capture);
        let (subroot, in_session) = prefix(self.receipt_proof, node).ok_or(AuditError::NotInRoot)?;
        let (found, in_batch) =
            prefix(self.leaf_proof, self.leaf.node(chain_id, host)).ok_or(AuditError::NotInRoot)?;
        if subroot != self.leaf.subroot || found != *root {
            return Err(AuditError::NotInRoot);
        }
        let start = in_batch.checked_add(in_session).ok_or(AuditError::Overflow)?;
        Range::new(start, self.receipt.capture).ok_or(AuditError::Overflow)
    }
}
