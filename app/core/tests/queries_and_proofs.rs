//! What clients read over ABCI: values, error texts, heights, proofs.

use crate::support;

use ics23::{CommitmentProof, HostFunctionsManager};
use prost::Message;
use quern_proto::cosmos::{
    auth::v1beta1::{QueryAccountRequest, QueryAccountResponse},
    bank::v1beta1::{QueryBalanceRequest, QueryBalanceResponse},
    base::node::v1beta1::{StatusRequest, StatusResponse},
};
use quern_testkit::{Chain, Genesis, User, bank_send};
use support::open;

fn chain(dir: &std::path::Path, alice: &User) -> Chain<quern_core::App> {
    let mut chain = Chain::start(open(dir), Genesis::new().fund(alice, "1000nqrn"));
    chain.empty_blocks(2);
    chain
}

#[test]
fn an_unknown_account_reads_as_not_found_in_the_words_that_cosmjs_matches() {
    let dir = tempfile::tempdir().unwrap();
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let chain = chain(dir.path(), &alice);
    let request = QueryAccountRequest {
        address: bob.address().to_string(),
    }
    .encode_to_vec();
    let answer = chain.query_raw("/cosmos.auth.v1beta1.Query/Account", request, 0, false);
    assert_eq!(
        (answer.code, answer.codespace.as_str(), answer.height),
        (22, "sdk", 2)
    );
    assert_eq!(
        answer.log,
        format!(
            "rpc error: code = NotFound desc = account {} not found: key not found",
            bob.address()
        )
    );
    let request = QueryAccountRequest {
        address: alice.address().to_string(),
    };
    let found: QueryAccountResponse = chain
        .query("/cosmos.auth.v1beta1.Query/Account", &request)
        .unwrap();
    assert_eq!(
        found.account.unwrap().type_url,
        "/cosmos.auth.v1beta1.BaseAccount"
    );
}

#[test]
fn unknown_paths_broken_requests_and_future_heights_have_their_codes() {
    let dir = tempfile::tempdir().unwrap();
    let chain = chain(dir.path(), &User::new("alice"));
    let code = |path: &str, data: &[u8], height| {
        let answer = chain.query_raw(path, data.to_vec(), height, false);
        assert!(answer.height > 0, "clients refuse height 0");
        answer.code
    };
    assert_eq!(code("/no/such", &[], 0), 6);
    assert_eq!(code("/cosmos.bank.v1beta1.Query/NoSuch", &[], 0), 6);
    assert_eq!(code("", &[], 0), 6);
    assert_eq!(code("/cosmos.bank.v1beta1.Query/Balance", &[0xff], 0), 18);
    assert_eq!(code("/cosmos.bank.v1beta1.Query/Balance", &[], 0), 18);
    assert_eq!(code("/cosmos.bank.v1beta1.Query/TotalSupply", &[], 99), 26);
    assert_eq!(code("/store/main/key", &[], 0), 2);
    assert_eq!(code("/store/none/key", b"x", 0), 6);
    assert_eq!(code("/cosmos.tx.v1beta1.Service/BroadcastTx", &[], 0), 18);
}

#[test]
fn a_peer_that_cometbft_asks_about_is_let_in() {
    let dir = tempfile::tempdir().unwrap();
    let chain = chain(dir.path(), &User::new("alice"));
    for path in [
        "/p2p/filter/addr/127.0.0.1:26656",
        "/p2p/filter/id/0123456789abcdef0123456789abcdef01234567",
    ] {
        assert_eq!(chain.query_raw(path, Vec::new(), 0, false).code, 0, "{path}");
    }
    assert_eq!(chain.query_raw("/p2p/ban/id/00", Vec::new(), 0, false).code, 6);
}

#[test]
fn a_past_height_answers_with_its_own_state() {
    let dir = tempfile::tempdir().unwrap();
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let mut chain = chain(dir.path(), &alice);
    let tx = chain
        .tx(&alice)
        .message(bank_send(&alice, &bob, "5nqrn"))
        .sign(&alice);
    chain.block([tx]);
    let at = |height| {
        let request = QueryBalanceRequest {
            address: bob.address().to_string(),
            denom: "nqrn".into(),
        };
        let raw = chain.query_raw(
            "/cosmos.bank.v1beta1.Query/Balance",
            request.encode_to_vec(),
            height,
            false,
        );
        let answer = QueryBalanceResponse::decode(raw.value.as_ref()).unwrap();
        answer.balance.unwrap().amount
    };
    assert_eq!((at(2).as_str(), at(3).as_str(), at(0).as_str()), ("0", "5", "5"));
}

#[test]
fn a_node_s_status_has_the_hashes_of_the_last_block_s_header() {
    let dir = tempfile::tempdir().unwrap();
    let alice = User::new("alice");
    let mut chain = chain(dir.path(), &alice);
    let status = |chain: &Chain<quern_core::App>| -> StatusResponse {
        let path = "/cosmos.base.node.v1beta1.Service/Status";
        chain.query(path, &StatusRequest {}).unwrap()
    };
    let found = chain.app.last_app_hash();
    chain.block_with(|block| block.next_validators_hash = vec![7; 32].into());
    let now = status(&chain);
    assert_eq!((now.height, &now.app_hash), (3, &found));
    assert_eq!(now.validator_hash, [7; 32]);
    drop(chain);
    let mut chain = Chain::resume(open(dir.path()));
    let again = status(&chain);
    assert_eq!((again.height, &again.app_hash), (3, &found));
    assert!(
        again.validator_hash.is_empty(),
        "nobody has told it what consensus knows"
    );
    chain.block_with(|block| block.next_validators_hash = vec![8; 32].into());
    assert_eq!(status(&chain).validator_hash, [8; 32]);
}

#[test]
fn a_balance_is_proven_in_two_levels_against_the_app_hash() {
    let dir = tempfile::tempdir().unwrap();
    let alice = User::new("alice");
    let mut chain = chain(dir.path(), &alice);
    let app_hash = chain.block([]).app_hash.to_vec();
    let key = [
        b"bank/\x02".as_slice(),
        &alice.address().length_prefixed(),
        b"nqrn",
    ]
    .concat();
    let answer = chain.query_raw("/store/main/key", key.clone(), 3, true);
    assert_eq!(
        (answer.code, answer.value.as_ref()),
        (0, b"1000".as_slice()),
        "{}",
        answer.log
    );
    let ops = answer.proof_ops.unwrap().ops;
    assert_eq!(
        [ops[0].r#type.as_str(), ops[1].r#type.as_str()],
        ["ics23:jmt", "ics23:simple"]
    );
    let proof = CommitmentProof::decode(ops[0].data.as_slice()).unwrap();
    let multi = CommitmentProof::decode(ops[1].data.as_slice()).unwrap();
    let root = ics23::calculate_existence_root::<HostFunctionsManager>(match proof.proof.as_ref().unwrap() {
        ics23::commitment_proof::Proof::Exist(exist) => exist,
        other => panic!("{other:?}"),
    })
    .unwrap();
    assert!(ics23::verify_membership::<HostFunctionsManager>(
        &proof,
        &quern_store::jellyfish_spec(),
        &root,
        &key,
        b"1000"
    ));
    assert!(ics23::verify_membership::<HostFunctionsManager>(
        &multi,
        &ics23::tendermint_spec(),
        &app_hash,
        b"main",
        &root
    ));
    // and what is not there is proven absent
    let none = chain.query_raw("/store/main/key", b"bank/none".to_vec(), 3, true);
    assert_eq!((none.code, none.value.len()), (0, 0));
    assert!(none.proof_ops.is_some());
}

#[test]
fn simulation_estimates_within_the_limit_that_then_suffices() {
    let dir = tempfile::tempdir().unwrap();
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let mut chain = chain(dir.path(), &alice);
    let unsigned = chain
        .tx(&alice)
        .message(bank_send(&alice, &bob, "5nqrn"))
        .fee("1nqrn")
        .gas(0);
    let mut raw = unsigned.sign_raw(&alice);
    raw.signatures = vec![Vec::new()]; // as CosmJS sends it
    let estimate = chain.simulate(&raw.encode_to_vec()).unwrap();
    let signed = chain
        .tx(&alice)
        .message(bank_send(&alice, &bob, "5nqrn"))
        .fee("1nqrn");
    let used = chain
        .block([signed.clone().gas(estimate.gas_used * 13 / 10).sign(&alice)])
        .tx_results[0]
        .clone();
    assert_eq!(used.code, 0, "{}", used.log);
    assert!(u64::try_from(used.gas_used).unwrap() <= estimate.gas_used * 13 / 10);
    // a transaction that would fail says so, with the gas that it used
    let broken = chain
        .tx(&alice)
        .message(bank_send(&alice, &bob, "5000nqrn"))
        .sign(&alice);
    let error = chain.simulate(&broken).unwrap_err();
    let text = format!("{error:?}");
    assert!(text.contains("insufficient funds with gas used: '"), "{text}");
}

#[test]
fn an_export_starts_a_chain_with_the_same_balances() {
    let (d1, d2) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let app = open(d1.path());
    let mut chain = Chain::start(app.clone(), Genesis::new().fund(&alice, "1000nqrn"));
    chain.empty_blocks(1);
    let tx = chain
        .tx(&alice)
        .message(bank_send(&alice, &bob, "5nqrn"))
        .fee("7nqrn")
        .sign(&alice);
    chain.block([tx]);
    let exported = app.export(0).unwrap();
    let second = open(d2.path());
    let mut chain = Chain::start(
        second.clone(),
        Genesis::new()
            .first_height(app.last_height() + 1)
            .state(|state| *state = exported.clone()),
    );
    chain.empty_blocks(1);
    assert_eq!(
        (chain.balance(&alice, "nqrn"), chain.balance(&bob, "nqrn")),
        (988, 5)
    );
    assert_eq!(chain.account(&alice).unwrap().sequence, 1);
    let mut again = second.export(0).unwrap();
    assert_ne!(again.beacon, exported.beacon, "each block has a value of its own");
    again.beacon = exported.beacon.clone();
    assert_eq!(again, exported);
    second.check_invariants(0).unwrap();
}
