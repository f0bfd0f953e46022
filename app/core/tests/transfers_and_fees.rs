//! What a sender, a recipient and an exchange see of bank transfers.

use crate::support;

use quern_testkit::{Chain, Genesis, User, bank_send};
use support::{attribute_list, open};

#[test]
fn a_transfer_moves_coins_charges_the_fee_and_emits_the_sdks_events_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let mut chain = Chain::start(open(dir.path()), Genesis::new().fund(&alice, "1000000nqrn"));
    chain.empty_blocks(1);
    let tx = chain
        .tx(&alice)
        .message(bank_send(&alice, &bob, "5nqrn"))
        .fee("100nqrn")
        .sign(&alice);
    let block = chain.block([tx]);
    let result = &block.tx_results[0];
    assert_eq!((result.code, result.log.as_str()), (0, ""), "{}", result.log);
    assert_eq!(chain.balance(&bob, "nqrn"), 5);
    assert_eq!(chain.balance(&alice, "nqrn"), 1_000_000 - 105);
    let kinds: Vec<&str> = result.events.iter().map(|e| e.r#type.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "coin_spent",
            "coin_received",
            "transfer",
            "message",
            "tx",
            "tx",
            "tx", // ante
            "message",
            "coin_spent",
            "coin_received",
            "transfer",
            "message", // message
        ]
    );
    assert_eq!(
        attribute_list(&result.events[4]),
        ["fee=100nqrn".to_owned(), format!("fee_payer={}", alice.address())]
    );
    assert_eq!(
        attribute_list(&result.events[5]),
        [format!("acc_seq={}/0", alice.address())]
    );
    assert_eq!(
        attribute_list(&result.events[7]),
        [
            "action=/cosmos.bank.v1beta1.MsgSend".to_owned(),
            format!("sender={}", alice.address()),
            "module=bank".to_owned(),
            "msg_index=0".to_owned(),
        ]
    );
    assert_eq!(
        attribute_list(&result.events[10]),
        [
            format!("recipient={}", bob.address()),
            format!("sender={}", alice.address()),
            "amount=5nqrn".to_owned(),
            "msg_index=0".to_owned(),
        ]
    );
    assert!(
        result
            .events
            .iter()
            .flat_map(|e| &e.attributes)
            .all(|a| a.index && !a.key.is_empty())
    );
}

#[test]
fn a_failed_transfer_still_pays_and_still_counts() {
    let dir = tempfile::tempdir().unwrap();
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let mut chain = Chain::start(open(dir.path()), Genesis::new().fund(&alice, "1000nqrn"));
    chain.empty_blocks(1);
    let tx = chain
        .tx(&alice)
        .message(bank_send(&alice, &bob, "5000nqrn"))
        .fee("100nqrn")
        .sign(&alice);
    let block = chain.block([tx.clone()]);
    let result = &block.tx_results[0];
    assert_eq!((result.codespace.as_str(), result.code), ("sdk", 5));
    assert_eq!(
        result.log,
        "failed to execute message; message index: 0: spendable balance 900nqrn is smaller than 5000nqrn: \
         insufficient funds"
    );
    assert_eq!(chain.balance(&alice, "nqrn"), 900);
    assert_eq!(chain.account(&alice).unwrap().sequence, 1);
    assert!(chain.account(&bob).is_none());
    // the same bytes again are a replay
    let replay = chain.block([tx]);
    assert_eq!(replay.tx_results[0].code, 32);
    assert_eq!(chain.balance(&alice, "nqrn"), 900);
}

#[test]
fn a_transfer_to_oneself_creates_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let alice = User::new("alice");
    let app = open(dir.path());
    let mut chain = Chain::start(app.clone(), Genesis::new().fund(&alice, "1000nqrn"));
    chain.empty_blocks(1);
    let tx = chain
        .tx(&alice)
        .message(bank_send(&alice, &alice, "700nqrn"))
        .fee("0nqrn")
        .sign(&alice);
    let tx = if chain.check(&tx).code == 0 {
        tx
    } else {
        chain
            .tx(&alice)
            .message(bank_send(&alice, &alice, "700nqrn"))
            .sign(&alice)
    };
    assert_eq!(chain.block([tx]).tx_results[0].code, 0);
    assert_eq!(chain.balance(&alice, "nqrn"), 1000);
    app.check_invariants(0).unwrap();
}

#[test]
fn coins_cannot_be_sent_to_a_module_account() {
    let dir = tempfile::tempdir().unwrap();
    let alice = User::new("alice");
    let mut chain = Chain::start(open(dir.path()), Genesis::new().fund(&alice, "1000nqrn"));
    chain.empty_blocks(1);
    let collector = quern_types::module_address("fee_collector").to_string();
    let msg = quern_proto::cosmos::bank::v1beta1::MsgSend {
        from_address: alice.address().to_string(),
        to_address: collector.clone(),
        amount: quern_testkit::coins("5nqrn"),
    };
    let tx = chain.tx(&alice).message(quern_testkit::any(&msg)).sign(&alice);
    let block = chain.block([tx]);
    assert_eq!(block.tx_results[0].code, 4);
    assert_eq!(
        block.tx_results[0].log,
        format!(
            "failed to execute message; message index: 0: {collector} is not allowed to receive funds: unauthorized"
        )
    );
}

#[test]
fn many_random_transfers_keep_the_supply_and_two_nodes_agree() {
    let (d1, d2) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let users: Vec<User> = (0..6).map(|i| User::new(&format!("user{i}"))).collect();
    let genesis = || {
        users
            .iter()
            .fold(Genesis::new(), |g, user| g.fund(user, "100000nqrn,500uother"))
    };
    let (a, b) = (open(d1.path()), open(d2.path()));
    let (mut first, mut second) = (
        Chain::start(a.clone(), genesis()),
        Chain::start(b.clone(), genesis()),
    );
    first.empty_blocks(1);
    second.empty_blocks(1);
    let mut x = 7u64;
    let mut next = |n: u64| {
        x = x
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (x >> 33) % n
    };
    for _ in 0..20 {
        let mut txs = Vec::new();
        for (i, from) in users.iter().enumerate() {
            let to = &users[usize::try_from(next(6)).unwrap()];
            let amount = format!("{}nqrn", 1 + next(60_000));
            let fee = format!("{}nqrn", 1 + next(50));
            if i % 3 != 2 {
                txs.push(
                    first
                        .tx(from)
                        .message(bank_send(from, to, &amount))
                        .fee(&fee)
                        .sign(from),
                );
            }
        }
        let one = first.block(txs.clone());
        let two = second.block(txs);
        assert_eq!(one.app_hash, two.app_hash);
        assert_eq!(one.tx_results, two.tx_results);
        a.check_invariants(0).unwrap();
    }
}
