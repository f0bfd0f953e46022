//! Batches to draw from.
#![allow(dead_code, reason = "each test file uses a part")]

use quern_audit::{BatchContents, CommittedBatch, Span};
use quern_protocol::{
    Amount, Bytes, FinishReason, Hash, Node, Price, Receipt, SessionLeaf, SumTree, Usage, Voucher,
};

pub const CHAIN: &str = "quern-test-1";
pub const HOST: &str = "quern1host";

pub fn receipt(session: u64, nonce: u64, capture: u128) -> Receipt {
    Receipt {
        voucher: Voucher {
            session,
            host: HOST.to_owned(),
            nonce,
            height: 100,
            ceiling: Amount(capture),
            cap: Amount(1_000_000),
            salt_commitment: Hash::new([3; 32]),
        },
        voucher_signature: Bytes::new([4; 64]),
        request_hash: Hash::new([5; 32]),
        output_hash: Hash::new([6; 32]),
        model_hash: Hash::new([7; 32]),
        client_seed: None,
        seed_commitment: Hash::new([8; 32]),
        temperature: 1_000_000,
        usage: Usage {
            prompt: 10,
            cached: 0,
            completion: 20,
        },
        finish: FinishReason::Stop,
        price: Price::FLOOR,
        first_token_ms: 12,
        duration_ms: 345,
        capture: Amount(capture),
    }
}

/// A session's leaf over captures, with nonces from `first`.
pub fn session(id: u64, first: u64, captures: &[u128]) -> (SessionLeaf, Vec<Receipt>) {
    let receipts: Vec<Receipt> = (first..)
        .zip(captures)
        .map(|(nonce, amount)| receipt(id, nonce, *amount))
        .collect();
    let nodes = receipts
        .iter()
        .map(|r| Node::leaf(&r.digest(CHAIN), r.capture))
        .collect();
    let tree = SumTree::new(nodes).unwrap();
    let leaf = SessionLeaf {
        session: id,
        cumulative: tree.root().unwrap().sum,
        receipts: captures.len() as u64,
        previous: 0,
        first_nonce: first,
        last_nonce: first + captures.len() as u64 - 1,
        subroot: tree.root().unwrap(),
        count: tree.count(),
    };
    (leaf, receipts)
}

/// Batches of sessions of captures: what the host has and what the chain knows.
pub fn batches(shape: &[Vec<Vec<u128>>]) -> (Vec<BatchContents>, Span) {
    let mut first = 1;
    let contents: Vec<BatchContents> = shape
        .iter()
        .map(|sessions| {
            let leaves = (1..)
                .zip(sessions)
                .map(|(id, captures)| {
                    let made = session(id, first, captures);
                    first += captures.len() as u64;
                    made
                })
                .collect();
            BatchContents::new(CHAIN, HOST, leaves).unwrap()
        })
        .collect();
    let committed: Vec<CommittedBatch> = (10..)
        .zip(&contents)
        .map(|(sequence, batch)| CommittedBatch {
            sequence,
            root: batch.root().unwrap(),
        })
        .collect();
    let span = Span::new(&committed).unwrap();
    (contents, span)
}
