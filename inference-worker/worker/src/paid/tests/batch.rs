use super::{CHAIN, HOST, receipt, session, voucher};
use crate::paid::batch::{Committer, most_urgent, plan, prove_leaf, prove_receipt, tree};
use crate::paid::book::Book;
use crate::paid::record::PlannedBatch;
use quern_interface::settlement::SessionInfo;
use quern_protocol::{Amount, Node};
use std::sync::Arc;

const HERE: Committer<'_> = Committer {
    chain_id: CHAIN,
    host: HOST,
};

fn known(id: u64) -> Option<Arc<SessionInfo>> {
    (id == 3).then(|| Arc::new(session()))
}

fn serve(book: &mut Book, nonce: u64, capture: u128) {
    let total = book.account(3).captured.0 + capture;
    book.account(3)
        .finish(receipt(voucher(nonce, capture, total), capture), nonce);
}

fn committed(book: &mut Book, planned: PlannedBatch) {
    let sequence = planned.sequence;
    book.planned = Some((planned, 0));
    book.confirm(sequence);
    book.last = (sequence, None);
}

#[test]
fn batches_follow_each_other_and_every_receipt_is_proven_into_its_own() {
    let mut book = Book::default();
    for nonce in [2, 1, 4] {
        serve(&mut book, nonce, 10 * u128::from(nonce));
    }
    let (first, lapsed) = plan(&mut book, HERE, 1, 205, known);
    let first = first.unwrap();
    assert!(lapsed.is_empty());
    let leaf = &first.leaves[0];
    assert_eq!(
        (leaf.cumulative, leaf.receipts, leaf.previous),
        (Amount(70), 3, 0)
    );
    assert_eq!((leaf.first_nonce, leaf.last_nonce, leaf.count), (1, 4, 3));
    assert_eq!(first.not_after, 220);
    committed(&mut book, first.clone());
    assert_eq!(plan(&mut book, HERE, 2, 206, known).0, None);

    // A request that took longer than later ones comes with the next batch.
    serve(&mut book, 3, 5);
    let second = plan(&mut book, HERE, 2, 207, known).0.unwrap();
    let leaf = &second.leaves[0];
    assert_eq!(
        (leaf.cumulative, leaf.receipts, leaf.previous),
        (Amount(75), 4, 1)
    );
    assert_eq!(leaf.subroot.sum, Amount(5));
    committed(&mut book, second.clone());

    for (nonce, batch) in [(1, &first), (2, &first), (4, &first), (3, &second)] {
        let proven = prove_receipt(&book, HERE, 3, nonce).unwrap();
        assert_eq!(proven.batch, batch.sequence);
        let node = Node::leaf(&proven.receipt.digest(CHAIN), proven.receipt.capture);
        assert_eq!(proven.receipt_proof.root(node), Some(proven.leaf.subroot));
        let node = proven.leaf.node(CHAIN, HOST);
        assert_eq!(proven.leaf_proof.root(node), tree(batch, HERE).unwrap().root());
    }
    assert!(prove_receipt(&book, HERE, 3, 9).is_none());
    // Who follows the money to its end still gets the proof.
    book.close(3, 300);
    book.forget(3);
    assert!(prove_receipt(&book, HERE, 3, 1).is_some() && book.accounts.is_empty());
    let (leaf, proof) = prove_leaf(&second, HERE, 3).unwrap();
    assert_eq!(
        proof.root(leaf.node(CHAIN, HOST)),
        tree(&second, HERE).unwrap().root()
    );
}

#[test]
fn a_receipt_that_would_come_too_late_is_left_out_then_given_up_never_committed() {
    let mut book = Book::default();
    serve(&mut book, 1, 10);
    // Its voucher lapses at 220: a commit takes up to three blocks.
    assert!(plan(&mut book, HERE, 1, 217, known).0.is_some());
    let (planned, lapsed) = plan(&mut book, HERE, 1, 218, known);
    assert_eq!((planned, lapsed.len()), (None, 0));
    let (planned, lapsed) = plan(&mut book, HERE, 1, 220, known);
    assert_eq!((planned, lapsed), (None, vec![(3, 1)]));
    assert_eq!(plan(&mut book, HERE, 1, 221, known), (None, vec![]));
    assert_eq!(most_urgent(&book, 221, known), None);
    // It is not in the sum of the next one either.
    let mut fresh = voucher(2, 5, 15);
    fresh.voucher.height = 221;
    book.account(3).finish(receipt(fresh, 5), 1);
    let planned = plan(&mut book, HERE, 1, 222, known).0.unwrap();
    assert_eq!(
        (planned.leaves[0].cumulative, planned.leaves[0].receipts),
        (Amount(5), 1)
    );
}

#[test]
fn sessions_that_a_lost_journal_may_have_committed_are_left_alone() {
    let mut book = Book::default();
    serve(&mut book, 1, 10);
    book.lost_until = 100;
    assert_eq!(plan(&mut book, HERE, 8, 205, known).0, None);
    book.lost_until = 99;
    assert!(plan(&mut book, HERE, 8, 205, known).0.is_some());
}

#[test]
fn receipts_that_no_batch_can_hold_call_for_none() {
    let mut book = Book::default();
    serve(&mut book, 1, 10);
    assert_eq!(most_urgent(&book, 210, known), Some(220));
    // Too late for a commit: nothing is due until it is given up, once.
    assert_eq!(most_urgent(&book, 218, known), None);
    assert_eq!(most_urgent(&book, 220, known), Some(220));
    plan(&mut book, HERE, 1, 220, known);
    assert_eq!(most_urgent(&book, 220, known), None);
    // What a lost journal left of a session waits for ever, and may not make a batch due at every block.
    let mut book = Book::default();
    serve(&mut book, 1, 10);
    book.lost_until = 100;
    for height in [205, 218, 220, 5_000] {
        assert_eq!(most_urgent(&book, height, known), None);
        assert_eq!(plan(&mut book, HERE, 8, height, known), (None, vec![]));
    }
}

#[test]
fn a_session_of_which_nothing_is_known_yet_waits_and_loses_nothing() {
    let mut book = Book::default();
    serve(&mut book, 1, 10);
    assert_eq!(plan(&mut book, HERE, 1, 500, |_| None), (None, vec![]));
    assert!(plan(&mut book, HERE, 1, 205, known).0.is_some());
}

#[test]
fn a_receipt_under_a_voucher_of_after_the_close_is_given_up_never_committed() {
    // The payer closed at 199, which this host saw only after it had accepted a voucher for 200.
    let closed = |id: u64| {
        let info = SessionInfo {
            closes_at: 199,
            commits_until: 219,
            ..session()
        };
        (id == 3).then(|| Arc::new(info))
    };
    let mut book = Book::default();
    serve(&mut book, 1, 10);
    assert_eq!(plan(&mut book, HERE, 1, 205, closed), (None, vec![(3, 1)]));
}
