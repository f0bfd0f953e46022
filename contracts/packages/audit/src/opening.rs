//! Opening drawn positions of a report: whoever did not compute is found out.

use crate::draw::below;
use crate::report::margin_node;
use crate::{prefix, AuditError, Finding, Margin};
use quern_protocol::{Amount, Bytes, Fields, Hash, Node, Proof};
use serde::{Deserialize, Serialize};

/// Seed of the positions that an auditor must open. `beacon` is later than its commitment.
pub fn opening_seed(chain_id: &str, auditor: &str, round: u64, beacon: &Hash) -> Hash {
    Fields::new("quern.audit-opening/1", chain_id)
        .bytes(auditor.as_bytes())
        .u64(round)
        .bytes(beacon.as_ref())
        .finish()
}

/// The `index`-th position to open out of all that a root counts; none if it counts none.
pub fn opening_offset(seed: &Hash, index: u64, root: &Node) -> Option<Amount> {
    below(seed, index, root.sum)
}

/// Whether an auditor's report is checked by a panel: with probability one in `every`, never for 0. `beacon` is
/// later than its commitment.
pub fn checked(chain_id: &str, auditor: &str, round: u64, beacon: &Hash, every: u32) -> bool {
    let seed = Fields::new("quern.audit-check/1", chain_id)
        .bytes(auditor.as_bytes())
        .u64(round)
        .bytes(beacon.as_ref())
        .finish();
    below(&seed, 0, Amount(every.into())) == Some(Amount::ZERO)
}

/// One position of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// Finding.
    pub finding: Finding,
    /// That it is in the report; its index is that of the leaf in the assignment.
    pub finding_proof: Proof,
    /// Salt of the leaf's margins.
    pub salt: Bytes<16>,
    /// Margin at the drawn position.
    pub margin: Margin,
    /// That it is in the finding.
    pub margin_proof: Proof,
}

impl Opening {
    /// Checks that this opens the drawn `offset` of the committed `root` over `count` findings, and returns
    /// the position inside the leaf. Comparing margin and vote with a re-execution is the caller's.
    ///
    /// # Errors
    /// [`AuditError::NotInRoot`], [`AuditError::NotDrawn`] for another position, [`AuditError::Mismatch`].
    #[allow(clippy::too_many_arguments, reason = "each is one fact of the round")]
    pub fn verify(
        &self,
        chain_id: &str,
        auditor: &str,
        round: u64,
        clip: u32,
        root: &Node,
        count: u32,
        offset: Amount,
    ) -> Result<u32, AuditError> {
        let finding = &self.finding;
        if self.finding_proof.count != count {
            return Err(AuditError::Mismatch(
                "the proof counts other findings than the report",
            ));
        }
        if self.margin_proof.count != finding.positions {
            return Err(AuditError::Mismatch(
                "the proof counts other positions than the finding",
            ));
        }
        let node = finding.node(chain_id, auditor, round);
        let (found, start) = prefix(&self.finding_proof, node).ok_or(AuditError::NotInRoot)?;
        if found != *root {
            return Err(AuditError::NotInRoot);
        }
        let position = offset.checked_sub(start).ok_or(AuditError::NotDrawn)?;
        let position = u32::try_from(position.0).map_err(|_| AuditError::NotDrawn)?;
        if self.margin_proof.index != position {
            return Err(AuditError::NotDrawn);
        }
        let node = margin_node(
            chain_id,
            auditor,
            &finding.leaf,
            &self.salt,
            position,
            self.margin,
            clip,
        );
        if self.margin_proof.root(node) != Some(finding.margins) {
            return Err(AuditError::NotInRoot);
        }
        Ok(position)
    }
}
