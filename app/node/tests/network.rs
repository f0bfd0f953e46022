//! A network as its operators make it: hosts join by gentx, one more comes later with nothing but the
//! genesis document.

use crate::support;

use std::fs;

use quern_node::devnet::Devnet;
use serde_json::{Value, json};
use support::hosts::{CHAIN, PATIENCE, gentx, json_of, node, quernd, run, two_hosts};
use support::state::{assert_equal, state};

fn validators(node: &Devnet) -> usize {
    let client = tendermint_rpc::HttpClient::new(node.rpc().as_str()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let set = runtime.block_on(tendermint_rpc::Client::validators(
        &client,
        tendermint_rpc::client::CompatMode::V0_38 as u32,
        tendermint_rpc::Paging::All,
    ));
    set.unwrap().validators.len()
}

#[test]
fn two_hosts_begin_a_chain_by_gentx_and_a_third_node_joins_from_genesis_alone() {
    // beyond two epochs, with both needed for every block
    let (nodes, addresses) = two_hosts();
    let (mut nodes, peers) = run(nodes, 12);
    let height = nodes[0].height().unwrap();
    assert_eq!(validators(&nodes[0]), 2);
    let rate =
        |host: &str| json_of(nodes[0].home().root(), &["query", "commission", host])["rate_bps"].clone();
    assert_eq!(
        (rate(&addresses[0]), rate(&addresses[1])),
        (json!(1_000), json!(10_000))
    );

    let mut late = node("late");
    fs::copy(nodes[0].home().genesis(), late.home().genesis()).unwrap();
    late.dial(&peers).unwrap();
    late.launch().unwrap();
    let caught_up = late.wait_for_height(height + 5, PATIENCE).unwrap();
    nodes[0].wait_for_height(caught_up, PATIENCE).unwrap();

    nodes.push(late);
    for node in &mut nodes {
        assert!(node.stop().unwrap().success(), "{}", node.log_tail());
    }
    let folder = |node: &Devnet| node.home().app_data().join("state");
    let (reference, height) = state(&folder(&nodes[2]), Some(caught_up));
    for node in &nodes[..2] {
        assert_equal(&reference, &state(&folder(node), Some(height)).0);
    }
}

#[test]
fn a_gentx_that_the_chain_would_refuse_is_refused_when_it_is_collected() {
    let (nodes, addresses) = two_hosts();
    let first = nodes[0].home().root();
    let genesis = fs::read(nodes[0].home().genesis()).unwrap();
    let path = nodes[0]
        .home()
        .gentx()
        .join(format!("gentx-{}.json", addresses[1]));
    let good = fs::read_to_string(&path).unwrap();
    let again = nodes[0].home().gentx().join("gentx-again.json");

    let refused = |what: &str| {
        let error = quernd(first, &["genesis", "collect"]).unwrap_err();
        assert!(error.contains(what), "{error}");
        assert_eq!(fs::read(nodes[0].home().genesis()).unwrap(), genesis);
    };
    fs::write(&again, &good).unwrap();
    refused("the same host");
    fs::remove_file(&again).unwrap();

    let mut tx: Value = serde_json::from_str(&good).unwrap();
    tx["body"]["memo"] = "changed after signing".into();
    fs::write(&path, tx.to_string()).unwrap();
    refused("signature verification failed");

    tx["body"]["messages"].as_array_mut().unwrap().pop();
    fs::write(&path, tx.to_string()).unwrap();
    refused("two messages");

    fs::write(&path, "{").unwrap();
    refused("gentx-");

    // one that is signed for another chain
    fs::remove_file(nodes[1].home().gentx().join(path.file_name().unwrap())).unwrap();
    let text = String::from_utf8(genesis.clone()).unwrap();
    fs::write(nodes[1].home().genesis(), text.replace(CHAIN, "another-1")).unwrap();
    gentx(&nodes[1], "100qrn").unwrap();
    fs::copy(nodes[1].home().gentx().join(path.file_name().unwrap()), &path).unwrap();
    refused("signature verification failed");
}

#[test]
fn a_gentx_that_its_account_cannot_pay_is_not_signed_over() {
    let (nodes, addresses) = two_hosts();
    let file = nodes[0]
        .home()
        .gentx()
        .join(format!("gentx-{}.json", addresses[0]));
    fs::remove_file(&file).unwrap();
    let error = gentx(&nodes[0], "5000qrn").unwrap_err();
    assert!(error.contains("add-account") && !file.exists(), "{error}");
}
