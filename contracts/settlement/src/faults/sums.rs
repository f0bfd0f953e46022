//! Faults of leaves.

use quern_interface::settlement::CommittedLeaf;
use quern_protocol::SessionLeaf;

use super::{included, Case};
use crate::error::{ContractError, Result};

/// A leaf that cannot be right whatever came before.
fn contradicts_itself(leaf: &SessionLeaf, batch: u64) -> bool {
    let count = u64::from(leaf.count);
    let room = leaf.last_nonce.saturating_sub(leaf.first_nonce);
    leaf.previous >= batch
        || count == 0
        || leaf.first_nonce == 0
        || leaf.first_nonce > leaf.last_nonce
        || count.saturating_sub(1) > room
        || leaf.cumulative < leaf.subroot.sum
        || leaf.receipts < count
        || (leaf.previous == 0 && (leaf.cumulative != leaf.subroot.sum || leaf.receipts != count))
}

/// Whether a leaf does not go on from an earlier one of its session.
fn breaks_off(later: &SessionLeaf, earlier: &CommittedLeaf) -> bool {
    let before = &earlier.leaf;
    let cumulative = before.cumulative.checked_add(later.subroot.sum);
    let receipts = before.receipts.checked_add(later.count.into());
    let (Some(cumulative), Some(receipts)) = (cumulative, receipts) else {
        return true;
    };
    match earlier.batch.cmp(&later.previous) {
        // it left one out
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => later.cumulative != cumulative || later.receipts != receipts,
        // others lie between, and they only add
        std::cmp::Ordering::Less => later.cumulative < cumulative || later.receipts < receipts,
    }
}

/// The leaf contradicts itself or an earlier one.
pub(super) fn bad_sum(case: &Case, later: &CommittedLeaf, earlier: Option<&CommittedLeaf>) -> Result<bool> {
    included::leaf(case, later)?;
    if contradicts_itself(&later.leaf, later.batch) {
        return Ok(true);
    }
    let Some(earlier) = earlier else {
        return Ok(false);
    };
    included::leaf(case, earlier)?;
    if earlier.leaf.session != later.leaf.session || earlier.batch >= later.batch {
        return Err(ContractError::NoFault(
            "the earlier leaf is not of the same session in an earlier batch",
        ));
    }
    Ok(breaks_off(&later.leaf, earlier))
}

/// The named predecessor does not exist: neighbours in its batch leave no room for it.
pub(super) fn bad_previous(case: &Case, later: &CommittedLeaf, neighbours: &[CommittedLeaf]) -> Result<bool> {
    included::leaf(case, later)?;
    let (session, previous) = (later.leaf.session, later.leaf.previous);
    if previous == 0 {
        return Ok(false);
    }
    for neighbour in neighbours.iter().take(2) {
        included::leaf(case, neighbour)?;
        if neighbour.batch != previous {
            return Err(ContractError::NoFault("a neighbour is not of the named batch"));
        }
    }
    Ok(match neighbours {
        [only] if only.leaf.session > session => only.proof.index == 0,
        [only] => only.leaf.session < session && Some(only.proof.index) == only.proof.count.checked_sub(1),
        [left, right] => {
            left.leaf.session < session
                && session < right.leaf.session
                && left.proof.index.checked_add(1) == Some(right.proof.index)
        }
        _ => false,
    })
}

/// Leaves of one batch that do not rise, among them two of one session.
pub(super) fn bad_order(case: &Case, left: &CommittedLeaf, right: &CommittedLeaf) -> Result<bool> {
    included::leaf(case, left)?;
    included::leaf(case, right)?;
    if left.batch != right.batch || left.proof.index >= right.proof.index {
        return Err(ContractError::NoFault(
            "the leaves are not left and right in one batch",
        ));
    }
    Ok(left.leaf.session >= right.leaf.session)
}
