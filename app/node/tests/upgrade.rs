//! A software upgrade as operators and Cosmovisor see it: two processes that stop before the plan's block, a file
//! that says why, an old binary that stays out, and one with the upgrade's handler that goes on, but not before.

use crate::support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use quern_node::devnet::{Devnet, Plan};
use serde_json::{Value, json};
use support::hosts::{PATIENCE, ended, json_of, next_release};

const HEIGHT: u64 = 15;
const EARLY: &str = r#"BINARY UPDATED BEFORE TRIGGER! UPGRADE "v2" - in binary but not executed on chain. Downgrade your binary"#;
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

    // written early: a process that another test starts may hold the file open for a moment
    let under = home.join("under-cosmovisor");
    let program = env!("CARGO_BIN_EXE_quernd");
    let text = format!("#!/bin/sh\nexport DAEMON_HOME={home:?}\nexec {program} \"$@\"\n");
    fs::write(&under, text).unwrap();
    fs::set_permissions(&under, fs::Permissions::from_mode(0o755)).unwrap();

    net.launch().unwrap();
    net.wait_for_height(3, PATIENCE).unwrap();
    assert!(net.stop().unwrap().success(), "{}", net.log_tail());
    // the next release has nothing to do here yet
    net.set_program(next_release());
    net.launch().unwrap();
    assert_eq!(ended(&mut net), 16, "{}", net.log_tail());
    let log = fs::read_to_string(net.log()).unwrap();
    assert!(log.contains(EARLY), "{log}");
    net.set_program(program.into());

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

    // under Cosmovisor it leaves its end to Cosmovisor, which may be looking at the file just then
    net.set_program(under);
    net.launch().unwrap();
    let started = Instant::now();
    let said = |words: &str| fs::read_to_string(net.log()).unwrap().matches(words).count();
    while said("waiting for Cosmovisor") == 0 {
        assert!(started.elapsed() < PATIENCE, "{}", net.log_tail());
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(said("stopped as planned"), 3, "those of the runs before");
    assert_eq!(net.stop().unwrap().code(), Some(16), "{}", net.log_tail());
    net.set_program(program.into());

    // operators who agree go on without it
    let [data, kept, skipped] = ["data", "data-kept", "data-skipped"].map(|name| home.join(name));
    copy(&data, &kept);
    net.set_arguments(vec!["--unsafe-skip-upgrades".into(), HEIGHT.to_string().into()]);
    net.launch().unwrap();
    net.wait_for_height(HEIGHT + 2, PATIENCE).unwrap();
    assert_eq!(applied(&home), json!("0"));
    assert!(json_of(&home, &["query", "upgrade", "plan"])["plan"].is_null());
    assert_eq!(memos(&home), json!("256"));
    assert!(net.stop().unwrap().success(), "{}", net.log_tail());
    fs::rename(&data, skipped).unwrap();
    fs::rename(kept, &data).unwrap();

    net.set_arguments(Vec::new());
    net.set_program(next_release());
    net.launch().unwrap();
    net.wait_for_height(HEIGHT + 2, PATIENCE).unwrap();
    assert_eq!(applied(&home), json!(HEIGHT.to_string()));
    assert!(json_of(&home, &["query", "upgrade", "plan"])["plan"].is_null());
    assert_eq!(memos(&home), json!("512"));
    assert!(net.stop().unwrap().success(), "{}", net.log_tail());

    // the old binary is out for good, unless it is told by name that it carries the upgrade
    net.set_program(program.into());
    net.launch().unwrap();
    assert_eq!(ended(&mut net), 16, "{}", net.log_tail());
    let log = fs::read_to_string(net.log()).unwrap();
    assert!(log.contains("no handler for upgrade"), "{log}");
    net.set_arguments(vec!["--upgrade-handler".into(), "v2".into()]);
    net.launch().unwrap();
    net.wait_for_height(HEIGHT + 4, PATIENCE).unwrap();
    assert!(net.stop().unwrap().success(), "{}", net.log_tail());
}

fn applied(home: &Path) -> Value {
    json_of(home, &["query", "upgrade", "applied", "v2"])["height"].clone()
}

fn memos(home: &Path) -> Value {
    json_of(home, &["query", "auth", "params"])["params"]["max_memo_characters"].clone()
}

/// A folder with all that is in it.
fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").args([from, to]).status().unwrap();
    assert!(done.success(), "{}", from.display());
}
