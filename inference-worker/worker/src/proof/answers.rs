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
    pub(crate) first: u64,
    /// Numbers from 0 on, without a gap.
    complete: Vec<Kept>,
    /// Beyond a gap.
    early: BTreeMap<u32, Kept>,
    /// The first number that was not handed out yet.
    next: u32,
}

impl Answers {
    pub(crate) fn new(terms: Terms, first: u64) -> Self {
        Self {
            terms,
            first,
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

    fn tree(&self, count: u32) -> Option<SumTree> {
        let leaves = self.complete.get(..count as usize)?;
        let leaves: Vec<ProofLeaf> = leaves.iter().map(|kept| kept.leaf.clone()).collect();
        let Terms {
            chain_id,
            host,
            sprint,
            model,
            coefficients,
        } = &self.terms;
        proof_tree(chain_id, host, &model.model, sprint.sprint, coefficients, &leaves)
    }

    /// The root over the first `count` answers.
    pub(crate) fn root(&self, count: u32) -> Option<Node> {
        self.tree(count)?.root()
    }

    /// The answer at an offset of the sum of the first `count`, proven; none outside, or if the root over them is
    /// another one than was committed.
    pub(crate) fn prove(&self, root: &Node, count: u32, offset: Amount) -> Option<CommittedProof> {
        let tree = self.tree(count)?;
        if tree.root()? != *root {
            return None;
        }
        let (mut end, mut found) = (Amount::ZERO, None);
        for kept in &self.complete {
            end = end.checked_add(kept.leaf.work(&self.terms.coefficients)?)?;
            if end > offset {
                found = Some(&kept.leaf);
                break;
            }
        }
        let leaf = found.filter(|leaf| leaf.index < count)?;
        Some(CommittedProof {
            sprint: self.terms.sprint.sprint,
            model: self.terms.model.model.clone(),
            leaf: leaf.clone(),
            proof: tree.prove(leaf.index)?,
        })
    }
}
