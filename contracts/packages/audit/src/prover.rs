//! A host's side: finding the leaf that covers an offset and proving it.

use crate::Reveal;
use quern_protocol::{Amount, Batch, Node, Proof, Receipt, SessionLeaf, SumTree};

/// A batch with its receipts.
#[derive(Clone, Debug)]
pub struct BatchContents {
    batch: Batch,
    parts: Vec<(SumTree, Vec<Receipt>)>,
}

/// A receipt with the proofs that a [`Reveal`] needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedReveal {
    /// Receipt.
    pub receipt: Receipt,
    /// That it is in its session's part.
    pub receipt_proof: Proof,
    /// Leaf of the session.
    pub leaf: SessionLeaf,
    /// That it is in the batch.
    pub leaf_proof: Proof,
}

impl OwnedReveal {
    /// For checking.
    pub const fn view(&self) -> Reveal<'_> {
        Reveal {
            receipt: &self.receipt,
            receipt_proof: &self.receipt_proof,
            leaf: &self.leaf,
            leaf_proof: &self.leaf_proof,
        }
    }
}

impl BatchContents {
    /// Session leaves by rising session, each with its receipts by rising nonce. None unless every leaf's
    /// subroot and count are those of its receipts.
    pub fn new(chain_id: &str, host: &str, sessions: Vec<(SessionLeaf, Vec<Receipt>)>) -> Option<Self> {
        let mut leaves = Vec::with_capacity(sessions.len());
        let mut parts = Vec::with_capacity(sessions.len());
        for (leaf, receipts) in sessions {
            let node = |receipt: &Receipt| Node::leaf(&receipt.digest(chain_id), receipt.capture);
            let tree = SumTree::new(receipts.iter().map(node).collect())?;
            if tree.root()? != leaf.subroot || tree.count() != leaf.count {
                return None;
            }
            leaves.push(leaf);
            parts.push((tree, receipts));
        }
        Some(Self {
            batch: Batch::new(chain_id, host, leaves)?,
            parts,
        })
    }

    /// The root to commit.
    pub fn root(&self) -> Option<Node> {
        self.batch.root()
    }

    /// The receipt that covers an offset of the batch; none past its total.
    pub fn at(&self, offset: Amount) -> Option<OwnedReveal> {
        let mut rest = offset;
        for (session, (tree, receipts)) in self.batch.sessions().iter().zip(&self.parts) {
            if rest >= session.subroot.sum {
                rest = rest.checked_sub(session.subroot.sum)?;
                continue;
            }
            for (index, receipt) in (0..).zip(receipts) {
                if rest < receipt.capture {
                    let (leaf, leaf_proof) = self.batch.prove(session.session)?;
                    return Some(OwnedReveal {
                        receipt: receipt.clone(),
                        receipt_proof: tree.prove(index)?,
                        leaf: leaf.clone(),
                        leaf_proof,
                    });
                }
                rest = rest.checked_sub(receipt.capture)?;
            }
        }
        None
    }
}
