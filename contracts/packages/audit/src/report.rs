//! What an auditor commits to before anyone reveals a score.
//!
//! One root per round covers a finding per leaf; each finding covers the margins of all its positions. The
//! sums of the trees mean something: a round's sum is the number of verified positions, a finding's the sum
//! of its clipped gaps.

use crate::votes::code;
use crate::{AuditError, Bucket, Vote};
use quern_evidence::Score;
use quern_protocol::{Amount, Bytes, Fields, Hash, Node, Proof, SumTree};
use serde::{Deserialize, Serialize};

/// Most leaves of one report.
pub const MAX_FINDINGS: usize = 4_096;
/// Most positions of one leaf.
pub const MAX_POSITIONS: usize = 1 << 20;

/// How far the written token lies above the best other one at a position, in millionths of a logit, noise
/// and temperature included as in the verifier's gap; negative if another token should have been drawn.
/// Unlike the gap, which is 0 for every honest host, nobody can guess it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Margin(pub i32);

impl Margin {
    /// At every position of an answer that contradicts its receipt or its request: no token of it counts.
    pub const CONTRADICTION: Self = Self(i32::MIN);

    /// The gap, clipped at `clip` millionths of a logit.
    pub fn gap(self, clip: u32) -> u32 {
        if self.0 < 0 {
            self.0.unsigned_abs().min(clip)
        } else {
            0
        }
    }

    /// Whether it agrees with another's to within `tolerance` millionths of a logit. Both are first brought
    /// within `bound` of zero, as nobody has to measure far margins well.
    pub fn agrees(self, other: Self, tolerance: u32, bound: u32) -> bool {
        let bound = i64::from(bound);
        let near = |margin: Self| i64::from(margin.0).clamp(-bound, bound);
        near(self).abs_diff(near(other)) <= u64::from(tolerance)
    }
}

/// Node of one position.
pub(crate) fn margin_node(
    chain_id: &str,
    auditor: &str,
    leaf: &Hash,
    salt: &Bytes<16>,
    position: u32,
    margin: Margin,
    clip: u32,
) -> Node {
    let digest = Fields::new("quern.audit-margin/1", chain_id)
        .bytes(auditor.as_bytes())
        .bytes(leaf.as_ref())
        .bytes(salt.as_ref())
        .u64(position.into())
        .bytes(&margin.0.to_be_bytes())
        .finish();
    Node::leaf(&digest, Amount(margin.gap(clip).into()))
}

/// The margins of one leaf, for the auditor who makes proofs. The salt stays secret until a position is
/// opened, so that the root tells nothing.
#[derive(Clone, Debug)]
pub struct MarginTree(SumTree);

impl MarginTree {
    /// A tree over the margins of all positions of `leaf`; none without positions or with more than
    /// [`MAX_POSITIONS`].
    pub fn new(
        chain_id: &str,
        auditor: &str,
        leaf: &Hash,
        salt: &Bytes<16>,
        margins: &[Margin],
        clip: u32,
    ) -> Option<Self> {
        if margins.len() > MAX_POSITIONS {
            return None;
        }
        let node = |(i, margin): (u32, &Margin)| margin_node(chain_id, auditor, leaf, salt, i, *margin, clip);
        SumTree::new((0..).zip(margins).map(node).collect()).map(Self)
    }

    /// Root; its sum is that of the clipped gaps.
    pub fn root(&self) -> Option<Node> {
        self.0.root()
    }

    /// Proof of a position.
    pub fn prove(&self, position: u32) -> Option<Proof> {
        self.0.prove(position)
    }
}

/// An auditor's word on one leaf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// The receipt's digest.
    pub leaf: Hash,
    /// Verdict, the same as in the packed votes.
    pub vote: Vote,
    /// Positions verified; 0 if the payload could not be fetched.
    pub positions: u32,
    /// Positions whose gap is above the clip.
    pub clipped: u32,
    /// Root over the margins; zero bytes and zero without positions.
    pub margins: Node,
}

impl Finding {
    /// Hash of the finding.
    pub fn digest(&self, chain_id: &str, auditor: &str, round: u64) -> Hash {
        Fields::new("quern.audit-finding/1", chain_id)
            .bytes(auditor.as_bytes())
            .u64(round)
            .bytes(self.leaf.as_ref())
            .u64(code(self.vote).into())
            .u64(self.positions.into())
            .u64(self.clipped.into())
            .bytes(self.margins.hash.as_ref())
            .u128(self.margins.sum.0)
            .finish()
    }

    /// Whether this covers all `positions` of its leaf and its vote is the one that follows from it.
    ///
    /// A payload that could not be fetched, and a leaf that was not judged, have no positions and no margins. Who finds that an answer
    /// contradicts its receipt or its request writes [`Margin::CONTRADICTION`] at every position, which fails
    /// in every bucket. Without a bucket (a short leaf, a pair that was never calibrated) nothing else fails.
    pub fn follows(&self, bucket: Option<&Bucket>, positions: u32) -> bool {
        if matches!(self.vote, Vote::Unfetchable | Vote::Abstain) {
            return self.positions == 0 && self.clipped == 0;
        }
        let contradicts = self.clipped == positions && positions > 0;
        let score = match bucket {
            Some(bucket) => bucket.score(self),
            None if contradicts => Score::FAILED,
            None => Score::CLEAN,
        };
        self.positions == positions && self.vote == Vote::Score(score)
    }

    /// As a leaf of the round's tree: its amount is the number of positions.
    pub fn node(&self, chain_id: &str, auditor: &str, round: u64) -> Node {
        Node::leaf(
            &self.digest(chain_id, auditor, round),
            Amount(self.positions.into()),
        )
    }
}

/// A round's report, for the auditor who makes proofs: findings in the order of the assignment.
#[derive(Clone, Debug)]
pub struct Report {
    findings: Vec<Finding>,
    tree: SumTree,
}

impl Report {
    /// A report over findings.
    ///
    /// # Errors
    /// [`AuditError::TooMany`], and [`AuditError::Params`] for none.
    pub fn new(
        chain_id: &str,
        auditor: &str,
        round: u64,
        findings: Vec<Finding>,
    ) -> Result<Self, AuditError> {
        if findings.len() > MAX_FINDINGS {
            return Err(AuditError::TooMany("findings"));
        }
        let nodes = findings
            .iter()
            .map(|finding| finding.node(chain_id, auditor, round))
            .collect();
        let tree = SumTree::new(nodes).ok_or(AuditError::Params("a report needs a finding"))?;
        Ok(Self { findings, tree })
    }

    /// What is committed; the sum is the number of verified positions.
    pub fn root(&self) -> Option<Node> {
        self.tree.root()
    }

    /// The votes, for [`crate::pack`].
    pub fn votes(&self) -> Vec<Vote> {
        self.findings.iter().map(|finding| finding.vote).collect()
    }

    /// The finding that covers a drawn offset, its proof, and the position inside it.
    pub fn at(&self, offset: Amount) -> Option<(&Finding, Proof, u32)> {
        let mut rest = offset;
        for (index, finding) in (0..).zip(&self.findings) {
            let positions = Amount(finding.positions.into());
            if rest < positions {
                return Some((finding, self.tree.prove(index)?, u32::try_from(rest.0).ok()?));
            }
            rest = rest.checked_sub(positions)?;
        }
        None
    }
}
