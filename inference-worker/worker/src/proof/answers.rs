//! One sprint's answers as they come. Pure.

use crate::proof::record::Terms;
use quern_interface::poc_weights::CommittedProof;
use quern_protocol::{Amount, MAX_PROOFS, Node, ProofLeaf, SumTree, proof_tree};
use std::collections::BTreeMap;

/// An answer that is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) leaf: ProofLeaf,
    /// Number of the record with its output.
    pub(crate) record: u64,
}

/// Answers of a sprint. Only those that are on disk count: what is committed can be revealed after any crash.
#[derive(Clone, Debug)]
pub(crate) struct Answers {
    pub(crate) terms: Terms,
    /// Record that began the sprint.
    pub(crate) record: u64,
    /// Numbers from 0 on, without a gap.
    complete: Vec<Kept>,
    /// Beyond a gap.
    early: BTreeMap<u32, Kept>,
    /// The first number that was not handed out yet.
    next: u32,
}

impl Answers {
    pub(crate) fn new(terms: Terms, record: u64) -> Self {
        Self {
            terms,
            record,
            complete: Vec::new(),
            early: BTreeMap::new(),
            next: 0,
        }
    }

    /// The next request's number, past those that were answered before a restart.
    pub(crate) fn hand_out(&mut self) -> Option<u32> {
        while self.next < MAX_PROOFS {
            let index = self.next;
            self.next += 1;
            if index >= self.count() && !self.early.contains_key(&index) {
                return Some(index);
            }
        }
        None
    }

    /// Hands all that is not answered out anew: those who had it are gone.
    pub(crate) fn restart(&mut self) {
        self.next = 0;
    }

    /// Takes an answer that is on disk.
    pub(crate) fn keep(&mut self, kept: Kept) {
        if kept.leaf.index >= self.count() {
            self.early.entry(kept.leaf.index).or_insert(kept);
        }
        while let Some(kept) = self.early.remove(&self.count()) {
            self.complete.push(kept);
        }
    }

    /// Answers from 0 on without a gap: what can be committed.
    pub(crate) fn count(&self) -> u32 {
        self.complete.len() as u32
    }

    /// An answer.
    pub(crate) fn get(&self, index: u32) -> Option<&Kept> {
        let complete = self.complete.get(index as usize);
        complete.or_else(|| self.early.get(&index))
    }

    /// The first `count` answers, to compute over without holding anybody up.
    pub(crate) fn first(&self, count: u32) -> Option<Prefix> {
        let leaves = self.complete.get(..count as usize)?;
        Some(Prefix {
            terms: self.terms.clone(),
            leaves: leaves.iter().map(|kept| kept.leaf.clone()).collect(),
        })
    }
}

/// Answers from 0 on: what is, or was, committed.
#[derive(Clone, Debug)]
pub(crate) struct Prefix {
    terms: Terms,
    leaves: Vec<ProofLeaf>,
}

impl Prefix {
    fn tree(&self) -> Option<SumTree> {
        let Terms {
            chain_id,
            host,
            sprint,
            model,
            coefficients,
        } = &self.terms;
        proof_tree(
            chain_id,
            host,
            &model.model,
            sprint.sprint,
            coefficients,
            &self.leaves,
        )
    }

    /// The root.
    pub(crate) fn root(&self) -> Option<Node> {
        self.tree()?.root()
    }

    /// The answer at an offset of the sum, proven; none outside, or if this is not what `root` was committed for.
    pub(crate) fn prove(&self, root: &Node, offset: Amount) -> Option<CommittedProof> {
        let tree = self.tree().filter(|tree| tree.root() == Some(*root))?;
        let (mut end, mut found) = (Amount::ZERO, None);
        for leaf in &self.leaves {
            end = end.checked_add(leaf.work(&self.terms.coefficients)?)?;
            if end > offset {
                found = Some(leaf);
                break;
            }
        }
        let leaf = found?;
        Some(CommittedProof {
            sprint: self.terms.sprint.sprint,
            model: self.terms.model.model.clone(),
            leaf: leaf.clone(),
            proof: tree.prove(leaf.index)?,
        })
    }
}
