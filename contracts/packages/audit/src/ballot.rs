//! The word of a host on a panel: committed before anyone reveals one, and opened at a position that is drawn
//! after the commitment.

use crate::draw::below;
use crate::report::margin_node;
use crate::{AuditError, Finding, Margin};
use quern_protocol::{Amount, Bytes, Fields, Hash, Proof};
use serde::{Deserialize, Serialize};

/// A ballot as it is revealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ballot {
    /// What the host found, as in a report.
    pub finding: Finding,
    /// Secret until now: of the commitment and of the leaf's margins.
    pub salt: Bytes<16>,
    /// The margin at the drawn position; none of a finding without positions.
    pub opened: Option<OpenedMargin>,
}

/// A margin with its proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenedMargin {
    /// Margin.
    pub margin: Margin,
    /// That it is in the finding.
    pub proof: Proof,
}

/// Position that every ballot on a leaf opens, the same for all so that they can be compared; none of a leaf
/// without positions. `beacon` is later than the commitments.
pub fn ballot_position(
    chain_id: &str,
    leaf: &Hash,
    stage: u32,
    beacon: &Hash,
    positions: u32,
) -> Option<u32> {
    let seed = Fields::new("quern.audit-ballot-position/1", chain_id)
        .bytes(leaf.as_ref())
        .u64(stage.into())
        .bytes(beacon.as_ref())
        .finish();
    u32::try_from(below(&seed, 0, Amount(positions.into()))?.0).ok()
}

impl Ballot {
    /// What is committed. The auditor is inside, so nobody commits another's.
    pub fn commitment(
        chain_id: &str,
        auditor: &str,
        round: u64,
        stage: u32,
        finding: &Finding,
        salt: &Bytes<16>,
    ) -> Hash {
        Fields::new("quern.audit-ballot/1", chain_id)
            .u64(stage.into())
            .bytes(salt.as_ref())
            .bytes(finding.digest(chain_id, auditor, round).as_ref())
            .finish()
    }

    /// Checks that the margin is the one that the finding committed to at the drawn position; of a finding
    /// without positions none may be opened.
    ///
    /// # Errors
    /// [`AuditError::NotDrawn`] for another position, [`AuditError::NotInRoot`], [`AuditError::Mismatch`].
    pub fn verify(
        &self,
        chain_id: &str,
        auditor: &str,
        clip: u32,
        position: Option<u32>,
    ) -> Result<(), AuditError> {
        let finding = &self.finding;
        let (Some(opened), Some(position)) = (&self.opened, position) else {
            if self.opened.is_none() && finding.positions == 0 {
                return Ok(());
            }
            return Err(AuditError::Mismatch(
                "a finding with positions opens the drawn one",
            ));
        };
        if opened.proof.count != finding.positions {
            return Err(AuditError::Mismatch(
                "the proof counts other positions than the finding",
            ));
        }
        if opened.proof.index != position {
            return Err(AuditError::NotDrawn);
        }
        let node = margin_node(
            chain_id,
            auditor,
            &finding.leaf,
            &self.salt,
            position,
            opened.margin,
            clip,
        );
        if opened.proof.root(node) != Some(finding.margins) {
            return Err(AuditError::NotInRoot);
        }
        Ok(())
    }
}
