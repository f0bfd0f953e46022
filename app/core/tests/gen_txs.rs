//! The transactions of genesis: executed like any other, refused with the genesis if one fails.

use crate::support;

use quern_testkit::{Chain, TxBuilder, User, bank_send};
use serde_json::json;
use support::{
    open,
    system::{execute, gen_tx, genesis, proposal, stored, system},
};

fn tx(user: &User) -> TxBuilder {
    let msg = execute(
        user,
        "registry",
        &json!({"set": {"key": "who", "value": "alice"}}),
    );
    TxBuilder::new(0, 0).message(msg).memo("host of alice")
}

fn start(tx: TxBuilder, signer: &User) -> Chain<quern_core::App> {
    let dir = tempfile::tempdir().unwrap();
    let alice = User::new("alice");
    let mut system = system(&[("end_epoch", &proposal(&[(1, 1)]))]);
    system.gen_txs = vec![gen_tx(tx.sign_raw(signer))];
    Chain::start(open(dir.path()), genesis(&alice, system))
}

#[test]
fn a_transaction_of_genesis_executes_and_counts() {
    let alice = User::new("alice");
    let mut chain = start(tx(&alice), &alice);
    assert_eq!(chain.app.halted(), None);
    chain.empty_blocks(1);
    assert_eq!(stored(&chain, "registry", "who").as_deref(), Some("alice"));
    let account = chain.account(&alice).unwrap();
    assert_eq!(account.sequence, 1);
    // the next one is an ordinary transaction of the chain
    let next = chain
        .tx(&alice)
        .message(bank_send(&alice, &User::new("bob"), "5nqrn"))
        .sign(&alice);
    assert_eq!(chain.block([next]).tx_results[0].code, 0);
}

#[test]
fn a_transaction_that_fails_refuses_the_genesis_and_is_named() {
    let alice = User::new("alice");
    let mut other_chain = tx(&alice);
    other_chain.chain_id = "another-1".into();
    let mut wrong_number = tx(&alice);
    wrong_number.account_number = 1;
    let failing = execute(&alice, "registry", &json!({"fail": {}}));
    for (tx, signer, expected) in [
        (
            tx(&alice),
            User::new("mallory"),
            "pubKey does not match signer address",
        ),
        (other_chain, alice.clone(), "signature verification failed"),
        (wrong_number, alice.clone(), "signature verification failed"),
        (tx(&alice).sequence(1), alice.clone(), "account sequence mismatch"),
        (tx(&alice).fee("2000000nqrn"), alice.clone(), "insufficient funds"),
        (
            TxBuilder::new(0, 0).message(failing).memo("host of alice"),
            alice.clone(),
            "probe failed as asked",
        ),
        (
            TxBuilder::new(0, 0).memo("host of alice"),
            alice.clone(),
            "at least one message",
        ),
    ] {
        let text = start(tx, &signer).app.halted().expect(expected);
        assert!(text.contains(expected) && text.contains("gen_txs[0]"), "{text}");
    }
}
