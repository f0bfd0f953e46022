//! What operators do with one node: plan a halt, read its log, go back, forget, run it as a service.

use crate::support;

use std::fs;
use std::path::Path;
use std::process::Command;

use quern_node::config::{app::AppConfig, comet_keys, edit};
use quern_node::devnet::{Devnet, Plan};
use quern_node::home::ABCI_SOCKET;
use serde_json::Value;
use support::hosts::{PATIENCE, ended, json_of, quernd};

fn plan(arguments: &[&str]) -> Plan {
    Plan {
        program: Some(env!("CARGO_BIN_EXE_quernd").into()),
        arguments: arguments.iter().map(Into::into).collect(),
        ..Plan::default()
    }
}

#[test]
fn a_node_halts_as_planned_logs_json_goes_back_and_forgets() {
    let mut net = Devnet::start(plan(&["--log-format", "json", "--halt-height", "30"])).unwrap();
    let home = net.home().root().to_owned();
    assert_eq!(ended(&mut net), 16);
    let log = fs::read_to_string(net.log()).unwrap();
    // Every line of the application, the supervisor and CometBFT is JSON, but for the words that end a process.
    let lines = log.lines().filter(|line| line.starts_with('{'));
    let parsed: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(
        parsed.iter().any(|line| line["message"] == "application is open"),
        "{log}"
    );
    assert!(parsed.iter().any(|line| line["module"] == "consensus"), "{log}");
    assert!(log.contains("halt-height 30"), "{log}");

    // The block of the halt was not executed: without the plan it is, and the chain goes on.
    let state = json_of(&home, &["prune", "nothing"]);
    assert_eq!(state["kept"], "all states");
    net.set_arguments(Vec::new());
    net.launch().unwrap();
    net.wait_for_height(33, PATIENCE).unwrap();
    assert!(net.stop().unwrap().success(), "{}", net.log_tail());

    // Back by many blocks: they are executed again from CometBFT's store, with the same hashes or it would stop.
    let latest = json_of(&home, &["rollback", "--blocks", "20"])["height"]
        .as_u64()
        .unwrap()
        + 20;
    net.launch().unwrap();
    net.wait_for_height(latest + 3, PATIENCE).unwrap();
    assert!(net.stop().unwrap().success(), "{}", net.log_tail());
    let error = quernd(&home, &["rollback", "--blocks", "100000"]).unwrap_err();
    assert!(error.contains("Nothing was changed"), "{error}");

    // Forgetting what is past: nothing older can be gone back to.
    let pruned = json_of(&home, &["prune", "custom", "--pruning-keep-recent", "5"]);
    let (oldest, newest) = (
        pruned["oldest"].as_u64().unwrap(),
        pruned["latest"].as_u64().unwrap(),
    );
    assert_eq!(oldest, newest - 4);
    assert!(pruned["removed"].as_u64().unwrap() > 100, "{pruned}");
    assert!(
        pruned["bytes_after"].as_u64() < pruned["bytes_before"].as_u64(),
        "{pruned}"
    );
    assert!(quernd(&home, &["rollback", "--blocks", "5"]).is_err());
    json_of(&home, &["rollback", "--blocks", "4"]);
    net.launch().unwrap();
    net.wait_for_height(newest + 2, PATIENCE).unwrap();
    assert!(net.stop().unwrap().success(), "{}", net.log_tail());
}

#[test]
fn a_settings_file_in_the_words_of_other_chains_is_read() {
    let net = Devnet::prepare(plan(&[])).unwrap();
    let path = net.home().app_toml();
    let file = fs::read_to_string(&path).unwrap();
    // nothing is to be said about the files that `init` and CometBFT itself write
    assert_eq!(AppConfig::notes(&file).unwrap(), [] as [String; 0]);
    let comet = edit::read(&net.home().config_toml()).unwrap();
    assert_eq!(comet_keys::notes(&comet, ABCI_SOCKET).unwrap(), [] as [String; 0]);
    let file = file
        .replace("pruning = \"default\"", "pruning = \"custom\"")
        .replace("pruning-keep-recent = 0", "pruning-keep-recent = \"100\"");
    fs::write(&path, format!("pruning-interval = \"10\"\n{file}")).unwrap();
    let home = net.home().root();
    let get = |key: &str| {
        quernd(home, &["config", "get", "app", key])
            .unwrap()
            .trim()
            .to_owned()
    };
    assert_eq!(get("state-sync.snapshot-interval"), "0");
    assert_eq!(get("halt-height"), "0");
    assert_eq!(get("min-retain-blocks"), "0");
    assert!(quernd(home, &["config", "set", "app", "pruning-keep-recent", "1"]).is_err());
    quernd(home, &["config", "set", "app", "halt-time", "1900000000"]).unwrap();

    // wasmd's own file, as it is
    fs::write(&path, include_str!("vectors/wasmd_app.toml")).unwrap();
    quernd(home, &["config", "set", "app", "halt-time", "1900000000"]).unwrap();
    let events = "[\"transfer.recipient\"]";
    quernd(home, &["config", "set", "app", "index-events", events]).unwrap();
    assert_eq!(get("index-events"), events);
    assert!(quernd(home, &["config", "set", "app", "index-events", "[\"transfer\"]"]).is_err());
    assert!(quernd(home, &["config", "set", "app", "mempool.max-txs", "5000"]).is_err());
    assert_eq!(get("mempool.max-txs"), "-1");
}

#[test]
fn the_units_of_the_service_manager_are_sound() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/systemd");
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.deps");
    let dir = tempfile::tempdir().unwrap();
    let verify = |name: &str, text: &str| {
        let unit = dir.path().join(name);
        fs::write(&unit, text).unwrap();
        // with the units of its own package, whatever this machine has
        let output = Command::new(tools.join("bin/systemd-analyze"))
            .arg("verify")
            .arg(&unit)
            .env(
                "SYSTEMD_UNIT_PATH",
                tools.join("debian-tools/usr/lib/systemd/system"),
            )
            .output()
            .expect("run `make setup` first");
        String::from_utf8(output.stderr).unwrap()
    };
    for (file, name) in [
        ("quernd.service", "quernd.service"),
        ("quernd@.service", "quernd@north.service"),
    ] {
        let text = fs::read_to_string(folder.join(file)).unwrap();
        // The program is not installed here; everything else is checked as it stands.
        assert!(text.contains("ExecStart=/usr/local/bin/quernd start"));
        let text = text.replace("/usr/local/bin/quernd", env!("CARGO_BIN_EXE_quernd"));
        assert_eq!(verify(name, &text), "", "{file}");
        assert_ne!(verify(name, &text.replace("KillMode=", "KilMode=")), "", "{file}");
        // What must not be started again is what the supervisor does not start again either.
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("RestartPreventExitStatus="));
        let listed: Vec<i32> = line
            .unwrap()
            .split(' ')
            .map(|code| code.parse().unwrap())
            .collect();
        assert!(
            listed
                .iter()
                .all(|code| quern_node::exit::Exit::is_permanent(*code))
        );
    }
}
