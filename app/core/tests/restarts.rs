//! What a crash may and may not cost.

use crate::support;

use quern_testkit::{Chain, Genesis, User, bank_send};
use support::open;
use tendermint_abci::Application;

fn genesis(alice: &User) -> Genesis {
    Genesis::new().fund(alice, "1000000nqrn")
}

#[test]
fn a_block_that_was_finalized_but_not_committed_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let app = open(dir.path());
    let mut chain = Chain::start(app.clone(), genesis(&alice));
    chain.empty_blocks(3);
    let tx = chain
        .tx(&alice)
        .message(bank_send(&alice, &bob, "5nqrn"))
        .sign(&alice);
    let before = app.last_app_hash();
    let lost = chain.finalize([tx.clone()]);
    assert_ne!(lost.app_hash.to_vec(), before);
    drop(chain);
    drop(app);

    let app = open(dir.path());
    assert_eq!((app.last_height(), app.last_app_hash()), (3, before));
    let mut chain = Chain::resume(app);
    assert_eq!(chain.balance(&bob, "nqrn"), 0);
    // CometBFT replays the block: the same hash, as an uninterrupted twin has it
    let again = chain.block([tx]);
    assert_eq!(again.app_hash, lost.app_hash);
    assert_eq!(again.tx_results, lost.tx_results);
    assert_eq!(chain.balance(&bob, "nqrn"), 5);
}

#[test]
fn a_block_may_be_finalized_twice_before_its_commit() {
    let dir = tempfile::tempdir().unwrap();
    let alice = User::new("alice");
    let mut chain = Chain::start(open(dir.path()), genesis(&alice));
    let first = chain.finalize([]);
    let second = chain.finalize([]);
    assert_eq!(first.app_hash, second.app_hash);
    chain.commit(&second);
    chain.empty_blocks(1);
}

#[test]
fn genesis_is_asked_for_again_if_the_first_block_was_not_committed() {
    let dir = tempfile::tempdir().unwrap();
    let alice = User::new("alice");
    let chain = Chain::start(open(dir.path()), genesis(&alice));
    // what the first block's header says of the state before it, as in the SDK: the hash of nothing
    let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(hex::encode(&chain.app_hash), nothing);
    let lost = chain.finalize([]);
    drop(chain);
    let app = open(dir.path());
    assert_eq!(app.last_height(), 0);
    let mut chain = Chain::start(app, genesis(&alice));
    assert_eq!(chain.block([]).app_hash, lost.app_hash);
}

#[test]
fn a_restarted_node_admits_what_one_that_never_stopped_admits() {
    let dir = tempfile::tempdir().unwrap();
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let mut chain = Chain::start(open(dir.path()), genesis(&alice));
    chain.empty_blocks(5);
    let expired = chain
        .tx(&alice)
        .message(bank_send(&alice, &bob, "5nqrn"))
        .body(|body| body.timeout_height = 4)
        .sign(&alice);
    let good = chain
        .tx(&alice)
        .message(bank_send(&alice, &bob, "5nqrn"))
        .sign(&alice);
    let verdicts = |chain: &Chain<quern_core::App>| (chain.check(&expired), chain.check(&good).code);
    let before = verdicts(&chain);
    assert_eq!((before.0.code, before.1), (30, 0));
    drop(chain);
    assert_eq!(verdicts(&Chain::resume(open(dir.path()))), before);
}

#[test]
fn a_corrupt_genesis_stops_the_node_and_commits_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let app = open(dir.path());
    app.init_chain(tendermint_proto::v0_38::abci::RequestInitChain {
        chain_id: "quern-test-1".into(),
        initial_height: 1,
        app_state_bytes: br#"{"auth":{},"surprise":1}"#.to_vec().into(),
        ..Default::default()
    });
    let cause = app.halted().unwrap();
    assert!(cause.contains("app_state"), "{cause}");
    assert_eq!(app.last_height(), 0);
}
