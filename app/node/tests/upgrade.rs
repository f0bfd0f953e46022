//! A software upgrade as operators and Cosmovisor see it: two processes that stop before the plan's block, a file
//! that says why, an old binary that stays out, and one with the upgrade's handler that goes on.

use crate::support;

use std::fs;

use quern_node::devnet::{Devnet, Plan};
use serde_json::{Value, json};
use support::hosts::{PATIENCE, ended, json_of};

const HEIGHT: u64 = 15;
const LINE: &str = r#"UPGRADE "v2" NEEDED at height: 15: get it there"#;

#[test]
fn a_node_stops_for_an_upgrade_and_goes_on_with_the_binary_that_carries_it() {
    let plan = Plan {
        program: Some(env!("CARGO_BIN_EXE_quernd").into()),
        ..Plan::default()
    };
    let mut net = Devnet::prepare(plan).unwrap();
    let home = net.home().root().to_owned();
    let path = home.join("config/genesis.json");
    let mut genesis: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    genesis["app_state"]["upgrade"] =
        json!({"plan": {"name": "v2", "height": HEIGHT.to_string(), "info": "get it there"}});
    fs::write(&path, serde_json::to_vec(&genesis).unwrap()).unwrap();

    net.launch().unwrap();
    assert_eq!(ended(&mut net), 16, "{}", net.log_tail());
    let log = fs::read_to_string(net.log()).unwrap();
    assert!(log.contains(LINE), "{log}");
    let info = fs::read(home.join("data/upgrade-info.json")).unwrap();
    let info: Value = serde_json::from_slice(&info).unwrap();
    assert_eq!(
        (&info["name"], &info["height"], &info["info"]),
        (&json!("v2"), &json!(HEIGHT), &json!("get it there"))
    );

    // without the plan's binary it says so again, at once
    net.launch().unwrap();
    assert_eq!(ended(&mut net), 16, "{}", net.log_tail());

    net.set_arguments(vec!["--upgrade-handler".into(), "v2".into()]);
    net.launch().unwrap();
    net.wait_for_height(HEIGHT + 3, PATIENCE).unwrap();
    let applied = json_of(&home, &["query", "upgrade", "applied", "v2"]);
    assert_eq!(applied["height"], json!(HEIGHT.to_string()));
    assert!(json_of(&home, &["query", "upgrade", "plan"])["plan"].is_null());
    assert!(net.stop().unwrap().success(), "{}", net.log_tail());

    // the old binary is out for good
    net.set_arguments(Vec::new());
    net.launch().unwrap();
    assert_eq!(ended(&mut net), 16, "{}", net.log_tail());
    let log = fs::read_to_string(net.log()).unwrap();
    assert!(log.contains("no handler for upgrade"), "{log}");
}
