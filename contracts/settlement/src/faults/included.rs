//! What a host committed.

use cosmwasm_std::Addr;
use quern_interface::settlement::{CommittedLeaf, CommittedReceipt};
use quern_protocol::{Node, Proof, SessionLeaf};

use super::Case;
use crate::error::{ContractError, Result};
use crate::state::Batch;

/// That a leaf is in a batch.
///
/// # Errors
/// `not_included`.
pub fn holds(chain_id: &str, host: &Addr, batch: &Batch, leaf: &SessionLeaf, proof: &Proof) -> Result<()> {
    let node = leaf.node(chain_id, host.as_str());
    leads_to(node, proof, batch.sessions, &batch.root)
}

fn leads_to(node: Node, proof: &Proof, count: u32, root: &Node) -> Result<()> {
    if proof.count == count && proof.root(node).as_ref() == Some(root) {
        Ok(())
    } else {
        Err(ContractError::NotIncluded)
    }
}

/// That a leaf is in a batch of the accused; answers the batch.
pub(super) fn leaf(case: &Case, committed: &CommittedLeaf) -> Result<Batch> {
    let batch = case.batch(committed.batch)?;
    holds(
        case.chain_id,
        case.host,
        &batch,
        &committed.leaf,
        &committed.proof,
    )?;
    Ok(batch)
}

/// That a receipt is in a batch of the accused, under a leaf of the case's session; answers the batch.
pub(super) fn receipt(case: &Case, committed: &CommittedReceipt) -> Result<Batch> {
    let leaf = &committed.leaf;
    if leaf.session != case.id {
        return Err(ContractError::NoFault("the leaf is of another session"));
    }
    let batch = case.batch(committed.batch)?;
    holds(case.chain_id, case.host, &batch, leaf, &committed.leaf_proof)?;
    let receipt = &committed.receipt;
    let node = Node::leaf(&receipt.digest(case.chain_id), receipt.capture);
    leads_to(node, &committed.receipt_proof, leaf.count, &leaf.subroot)?;
    Ok(batch)
}
