//! From receipts that wait to a batch. Pure.

use crate::paid::book::Book;
use crate::paid::record::PlannedBatch;
use quern_interface::settlement::{CommittedReceipt, ModelAmount, SessionInfo};
use quern_protocol::{Amount, Batch, Node, Proof, SessionLeaf, SumTree};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Blocks that a commit may take: receipts closer to the end of their time are left out, as a receipt that is committed
/// too late is a fault.
pub(crate) const COMMIT_BLOCKS: u64 = 3;

/// Who commits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Committer<'a> {
    pub(crate) chain_id: &'a str,
    pub(crate) host: &'a str,
}

/// Last height at which a voucher's receipt may be committed; 0 if the voucher is not of the session's life, which payer
/// or router may have ended after it was accepted: its receipt would be a fault.
pub(crate) fn last_commit(info: &SessionInfo, voucher_height: u64) -> u64 {
    if !(info.drawn_at..=info.closes_at).contains(&voucher_height) {
        return 0;
    }
    voucher_height
        .saturating_add(info.lapse_blocks)
        .min(info.commits_until)
}

/// Plans the next batch over everything that waits and has time; none if nothing does. Receipts whose time is over
/// are marked so, and their ids returned.
pub(crate) fn plan(
    book: &mut Book,
    committer: Committer<'_>,
    sequence: u64,
    height: u64,
    session: impl Fn(u64) -> Option<Arc<SessionInfo>>,
) -> (Option<PlannedBatch>, Vec<(u64, u64)>) {
    let mut planned = PlannedBatch {
        sequence,
        not_after: u64::MAX,
        leaves: Vec::new(),
        nonces: Vec::new(),
    };
    let (mut lapsed, lost_until) = (Vec::new(), book.lost_until);
    for (id, account) in &mut book.accounts {
        // What is not known of the session now will be next time.
        let Some(info) = session(*id).filter(|info| info.drawn_at > lost_until) else {
            continue;
        };
        let (mut nonces, mut nodes) = (Vec::new(), Vec::new());
        for (nonce, entry) in &mut account.receipts {
            if entry.batch.is_some() || entry.lapsed {
                continue;
            }
            let receipt = &entry.signed.receipt;
            let last = last_commit(&info, receipt.voucher.height);
            if last <= height {
                entry.lapsed = true;
                lapsed.push((*id, *nonce));
            } else if last >= height.saturating_add(COMMIT_BLOCKS) {
                planned.not_after = planned.not_after.min(last);
                nonces.push(*nonce);
                nodes.push(Node::leaf(&receipt.digest(committer.chain_id), receipt.capture));
            }
        }
        let count = nodes.len() as u32;
        let root = SumTree::new(nodes).and_then(|tree| tree.root());
        let (Some(subroot), Some(first), Some(last)) = (root, nonces.first(), nonces.last()) else {
            continue;
        };
        let Some(cumulative) = account.committed.cumulative.checked_add(subroot.sum) else {
            continue;
        };
        planned.leaves.push(SessionLeaf {
            session: *id,
            cumulative,
            receipts: account.committed.receipts + u64::from(count),
            previous: account.committed.batch,
            first_nonce: *first,
            last_nonce: *last,
            subroot,
            count,
        });
        planned.nonces.push(nonces);
    }
    ((!planned.leaves.is_empty()).then_some(planned), lapsed)
}

/// What a batch adds for each model, by rising id; `model` tells that of a session. The amounts add up to the root's sum.
pub(crate) fn by_model(batch: &PlannedBatch, model: impl Fn(&SessionLeaf) -> String) -> Vec<ModelAmount> {
    let mut sums: BTreeMap<String, Amount> = BTreeMap::new();
    for leaf in batch.leaves.iter().filter(|leaf| !leaf.subroot.sum.is_zero()) {
        let sum = sums.entry(model(leaf)).or_insert(Amount::ZERO);
        *sum = sum.checked_add(leaf.subroot.sum).unwrap_or(Amount(u128::MAX));
    }
    let sums = sums.into_iter();
    sums.map(|(model, amount)| ModelAmount { model, amount })
        .collect()
}

/// The earliest height at which something that [`plan`] would take, or give up, must be committed; none if nothing waits.
/// What it leaves out calls for no batch: it would call for one at every block.
pub(crate) fn most_urgent(
    book: &Book,
    height: u64,
    session: impl Fn(u64) -> Option<Arc<SessionInfo>>,
) -> Option<u64> {
    let waiting = book.accounts.iter().flat_map(|(id, account)| {
        let info = session(*id).filter(|info| info.drawn_at > book.lost_until);
        let entries = account
            .receipts
            .values()
            .filter(|e| e.batch.is_none() && !e.lapsed);
        entries
            .filter_map(move |entry| Some(last_commit(info.as_ref()?, entry.signed.receipt.voucher.height)))
            .filter(move |last| {
                !(height.saturating_add(1)..height.saturating_add(COMMIT_BLOCKS)).contains(last)
            })
    });
    waiting.min()
}

/// The tree over a batch's sessions.
pub(crate) fn tree(batch: &PlannedBatch, committer: Committer<'_>) -> Option<Batch> {
    Batch::new(committer.chain_id, committer.host, batch.leaves.clone())
}

/// A session's leaf in a batch, with its proof.
pub(crate) fn prove_leaf(
    batch: &PlannedBatch,
    committer: Committer<'_>,
    session: u64,
) -> Option<(SessionLeaf, Proof)> {
    let tree = tree(batch, committer)?;
    tree.prove(session).map(|(leaf, proof)| (leaf.clone(), proof))
}

/// A receipt proven into the batch that holds it; none if it is in none.
pub(crate) fn prove_receipt(
    book: &Book,
    committer: Committer<'_>,
    session: u64,
    nonce: u64,
) -> Option<CommittedReceipt> {
    let account = book.find(session)?;
    let entry = account.receipts.get(&nonce)?;
    let sequence = entry.batch?;
    let batch = book.batches.get(&sequence)?;
    let (leaf, leaf_proof) = prove_leaf(batch, committer, session)?;
    let place = batch.leaves.iter().position(|leaf| leaf.session == session)?;
    let nonces = batch.nonces.get(place)?;
    let node = |nonce: &u64| {
        let receipt = &account.receipts.get(nonce)?.signed.receipt;
        Some(Node::leaf(&receipt.digest(committer.chain_id), receipt.capture))
    };
    let nodes = nonces.iter().map(node).collect::<Option<Vec<_>>>()?;
    let index = nonces.binary_search(&nonce).ok()?;
    let receipt_proof = SumTree::new(nodes)?.prove(u32::try_from(index).ok()?)?;
    Some(CommittedReceipt {
        receipt: entry.signed.receipt.clone(),
        receipt_proof,
        leaf,
        leaf_proof,
        batch: sequence,
    })
}
