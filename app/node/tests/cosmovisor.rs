//! An upgrade that governance plans, under Cosmovisor itself: every node of a network stops at the height, is backed
//! up, gets the plan's binary, which is another one, and goes on; the state is changed, and nobody touches it.

use crate::support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use base64::{Engine, engine::general_purpose::STANDARD};
use quern_genesis::{predict, profile::CONTRACTS};
use quern_node::devnet::Devnet;
use quern_types::module_address;
use serde_json::{Value, json};
use support::hosts::{PATIENCE, ended, json_of, next_release, quernd, run, two_hosts};
use support::state::{assert_equal, state};
use support::{http, processes};

/// Seconds of a vote.
const VOTING: u64 = 10;
/// Blocks from the proposal to the plan's height: more than the vote takes.
const AHEAD: u64 = 70;

/// What set-up installs.
fn tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.deps/bin")
}

/// Cosmovisor's settings of a node. One node is given time to stop, the other is killed, which is the default.
fn settings(home: &Path, grace: bool) -> Vec<(&'static str, String)> {
    let path = format!("{}:{}", tools().display(), std::env::var("PATH").unwrap());
    let mut settings = vec![
        ("DAEMON_NAME", "quernd".to_owned()),
        ("DAEMON_HOME", home.display().to_string()),
        (
            "DAEMON_DATA_BACKUP_DIR",
            home.join("backups").display().to_string(),
        ),
        ("COSMOVISOR_CUSTOM_PREUPGRADE", "before.sh".to_owned()),
        ("COSMOVISOR_COLOR_LOGS", "false".to_owned()),
        // what Cosmovisor asks of the program it asks without --home
        ("QUERN_HOME", home.display().to_string()),
        // the program that Cosmovisor copied lies far from CometBFT
        ("PATH", path),
    ];
    if grace {
        settings.push(("DAEMON_SHUTDOWN_GRACE", "30s".to_owned()));
    }
    settings
}

/// What Cosmovisor prints.
fn cosmovisor(home: &Path, arguments: &[&str]) -> String {
    let output = Command::new(tools().join("cosmovisor"))
        .args(arguments)
        .envs(settings(home, false))
        .env("COSMOVISOR_DISABLE_LOGS", "true")
        .output()
        .expect("run `make setup` first");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    said
}

fn script(file: &Path, text: &str) {
    fs::write(file, format!("#!/bin/sh\nset -eu\n{text}\n")).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Puts a node under Cosmovisor: the program that it begins with, and the one of the plan, behind a script that notes its
/// calls. While the file `hold` is in the home, the upgrade does not end.
fn install(node: &mut Devnet, grace: bool) {
    let home = node.home().root().to_owned();
    fs::create_dir(home.join("backups")).unwrap();
    cosmovisor(&home, &["init", env!("CARGO_BIN_EXE_quernd")]);
    let next = home.join("next");
    let calls = home.join("calls");
    let program = next_release();
    script(
        &next,
        &format!("echo \"$1\" >>{calls:?}\nexec {program:?} \"$@\""),
    );
    cosmovisor(&home, &["add-upgrade", "v2", next.to_str().unwrap()]);
    script(
        &home.join("cosmovisor/before.sh"),
        &format!("echo \"before $1 $2\" >>{calls:?}"),
    );
    let under = home.join("under-cosmovisor");
    let exports = settings(&home, grace)
        .into_iter()
        .chain([("QUERND_NEXT_HOLD", home.join("hold").display().to_string())])
        .map(|(name, value)| format!("export {name}='{value}'\n"))
        .collect::<String>();
    let run = tools().join("cosmovisor");
    script(&under, &format!("{exports}exec {run:?} run \"$@\""));
    node.set_program(under);
}

/// Votes that end soon.
fn hurry(node: &Devnet) {
    let path = node.home().genesis();
    let mut genesis: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let coins = |amount: &str| json!([{"denom": "nqrn", "amount": amount}]);
    genesis["app_state"]["gov"]["params"] = json!({
        "min_deposit": coins("1000000000"), "expedited_min_deposit": coins("5000000000"),
        "max_deposit_period": "100s", "voting_period": format!("{VOTING}s"), "expedited_voting_period": "2s",
        "quorum": "0.334", "threshold": "0.5", "expedited_threshold": "0.667", "veto_threshold": "0.334",
        "min_initial_deposit_ratio": "0", "proposal_cancel_ratio": "0.5", "proposal_cancel_dest": "",
        "burn_vote_quorum": false, "burn_proposal_deposit_prevote": false, "burn_vote_veto": true,
        "min_deposit_ratio": "0.01",
    });
    fs::write(&path, serde_json::to_vec(&genesis).unwrap()).unwrap();
}

/// Sends from the host's key and waits for the block.
fn send(node: &Devnet, arguments: &[&str]) {
    let fee = [
        "--from",
        "host",
        "--gas",
        "auto",
        "--gas-prices",
        "0.01nqrn",
        "-y",
        "--wait",
    ];
    let sent = json_of(node.home().root(), &[&["tx"], arguments, &fee].concat());
    assert_eq!(sent["code"], json!(0), "{sent}");
}

/// Governance plans `v2`, by the votes of all hosts. Returns the plan's height.
fn plan(nodes: &[Devnet]) -> u64 {
    let height = nodes[0].height().unwrap() + AHEAD;
    let proposal = json!({
        "messages": [{
            "@type": "/cosmos.upgrade.v1beta1.MsgSoftwareUpgrade",
            "authority": module_address("gov").to_string(),
            "plan": {"name": "v2", "height": height.to_string(), "info": "{\"binaries\":{}}"},
        }],
        "deposit": "1qrn", "title": "Upgrade to v2", "summary": "Nothing but its name", "metadata": "",
    });
    let file = nodes[0].home().root().join("proposal.json");
    fs::write(&file, proposal.to_string()).unwrap();
    send(&nodes[0], &["gov", "submit-proposal", file.to_str().unwrap()]);
    for node in nodes {
        send(node, &["gov", "vote", "1", "yes"]);
    }
    let (home, started) = (nodes[0].home().root(), Instant::now());
    loop {
        let found = json_of(home, &["query", "gov", "proposal", "1"]);
        match found["proposal"]["status"].as_str().unwrap() {
            "PROPOSAL_STATUS_VOTING_PERIOD" => {}
            "PROPOSAL_STATUS_PASSED" => return height,
            _ => panic!("{found}"),
        }
        assert!(started.elapsed() < PATIENCE, "{found}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// The only backup below a home.
fn backup(home: &Path) -> PathBuf {
    let found = fs::read_dir(home.join("backups")).unwrap();
    let found = found.map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let [one] = found.as_slice() else {
        panic!("{found:?}")
    };
    one.clone()
}

/// Everything that Cosmovisor left of the upgrade. It started the new program so often.
fn assert_upgraded(node: &Devnet, height: u64, starts: usize) {
    let home = node.home().root();
    let log = fs::read_to_string(node.log()).unwrap();
    let needed = format!("UPGRADE \"v2\" NEEDED at height: {height}: {{\"binaries\":{{}}}}");
    assert!(log.contains(&needed), "{log}");
    let current = fs::read_link(home.join("cosmovisor/current")).unwrap();
    assert_eq!(current, home.join("cosmovisor/upgrades/v2"));
    for file in ["cosmovisor/current/upgrade-info.json", "data/upgrade-info.json"] {
        let info: Value = serde_json::from_slice(&fs::read(home.join(file)).unwrap()).unwrap();
        assert_eq!(
            (&info["name"], &info["height"]),
            (&json!("v2"), &json!(height)),
            "{file}"
        );
    }
    // the operator's script first, then the new program
    let calls = fs::read_to_string(home.join("calls")).unwrap();
    let calls = calls.lines().filter(|line| *line != "status").collect::<Vec<_>>();
    let before = format!("before v2 {height}");
    let expected = [vec![before.as_str(), "pre-upgrade"], vec!["start"; starts]].concat();
    assert_eq!(calls, expected);
    let applied = json_of(home, &["query", "upgrade", "applied", "v2"]);
    assert_eq!(applied["height"], json!(height.to_string()));
    assert!(json_of(home, &["query", "upgrade", "plan"])["plan"].is_null());
    // the backup is a state that opens, that of the last block before
    let data = node.home().app_data();
    let within = data.strip_prefix(home.join("data")).unwrap();
    let (rows, kept) = state(&backup(home).join(within).join("state"), None);
    assert!(rows.len() > 20);
    assert_eq!(kept, height - 1);
}

/// What the two releases differ in, as a node serves it: its query, memos, the contract, a module's version.
#[derive(Debug, PartialEq)]
struct Seen {
    release: (u64, Value),
    memos: Value,
    pricing: Option<Value>,
    migrations: usize,
    auth: Value,
}

fn seen(node: &Devnet) -> Seen {
    let home = node.home().root();
    let asked = http::get(&format!(
        "{}/abci_query?path=%22/quern.next.v1.Query/Release%22",
        node.rpc()
    ));
    let asked: Value = serde_json::from_str(&asked).unwrap();
    let response = &asked["result"]["response"];
    let contract = predict(CONTRACTS)
        .into_iter()
        .find(|(name, _)| *name == "pricing");
    let contract = contract.unwrap().1.to_string();
    let note = [
        "query",
        "wasm",
        "contract-state",
        "smart",
        &contract,
        r#"{"get":{"key":"migrated"}}"#,
        "-o",
        "json",
    ];
    let history = json_of(home, &["query", "wasm", "contract-history", &contract]);
    let versions = json_of(home, &["query", "upgrade", "module-versions"]);
    let versions = versions["module_versions"].as_array().unwrap();
    let auth = versions.iter().find(|version| version["name"] == "auth").unwrap();
    Seen {
        release: (response["code"].as_u64().unwrap(), response["value"].clone()),
        memos: json_of(home, &["query", "auth", "params"])["params"]["max_memo_characters"].clone(),
        pricing: quernd(home, &note)
            .ok()
            .map(|said| serde_json::from_str(&said).unwrap()),
        migrations: history["entries"].as_array().unwrap().len() - 1,
        auth: auth["version"].clone(),
    }
}

/// Kills a node in the middle of the upgrade's block, Cosmovisor as well.
fn kill_in_the_handler(node: &mut Devnet) {
    let started = Instant::now();
    let reached = node.home().root().join("hold.reached");
    while !reached.exists() {
        assert!(started.elapsed() < PATIENCE, "{}", node.log_tail());
        std::thread::sleep(Duration::from_millis(20));
    }
    let of_cosmovisor = processes::children(node.pid().unwrap());
    let [(quernd, _)] = of_cosmovisor.as_slice() else {
        panic!("{of_cosmovisor:?}")
    };
    processes::kill(*quernd);
    node.kill();
}

#[test]
fn cosmovisor_takes_a_network_through_an_upgrade_that_governance_voted() {
    let (mut nodes, addresses) = two_hosts();
    hurry(&nodes[0]);
    for (node, grace) in nodes.iter_mut().zip([true, false]) {
        install(node, grace);
    }
    let (mut nodes, _) = run(nodes, 2);
    let probe = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../contracts/artifacts/probe.wasm"
    );
    send(&nodes[0], &["wasm", "store", probe]);
    let height = plan(&nodes);
    let old = Seen {
        release: (6, Value::Null),
        memos: json!("256"),
        pricing: None,
        migrations: 0,
        auth: json!("5"),
    };
    for node in &nodes {
        assert_eq!(seen(node), old);
    }

    let hold = nodes[1].home().root().join("hold");
    fs::write(&hold, "").unwrap();
    kill_in_the_handler(&mut nodes[1]);
    fs::remove_file(&hold).unwrap();
    nodes[1].launch().unwrap();
    for node in &mut nodes {
        node.wait_for_height(height + 3, PATIENCE).unwrap();
    }
    let new = Seen {
        release: (0, json!(STANDARD.encode(b"\x0a\x02v2"))),
        memos: json!("512"),
        pricing: Some(json!({"data": "v2"})),
        migrations: 1,
        auth: json!("6"),
    };
    for (node, starts) in nodes.iter().zip([1, 2]) {
        assert_upgraded(node, height, starts);
        assert_eq!(seen(node), new);
    }
    // what the old rules refuse
    let (to, memo) = (&addresses[1], "m".repeat(300));
    send(&nodes[0], &["bank", "send", to, "1nqrn", "--memo", &memo]);

    for node in &mut nodes {
        // Cosmovisor that has made an upgrade ends with 1 when it is told to stop, whatever its node does
        let of_cosmovisor = processes::children(node.pid().unwrap());
        let [(quernd, _)] = of_cosmovisor.as_slice() else {
            panic!("{of_cosmovisor:?}")
        };
        processes::terminate(*quernd);
        assert_eq!(ended(node), 0, "{}", node.log_tail());
    }
    // of the killed one nothing is lost or done twice: both have the same rows
    let folders = [&nodes[0], &nodes[1]].map(|node| node.home().app_data().join("state"));
    let last = folders.each_ref().map(|folder| state(folder, None).1);
    let both = last.into_iter().min();
    let [one, other] = folders.map(|folder| state(&folder, both).0);
    assert_equal(&one, &other);

    // the old binary is out for good
    nodes[0].set_program(env!("CARGO_BIN_EXE_quernd").into());
    nodes[0].launch().unwrap();
    assert_eq!(ended(&mut nodes[0]), 16, "{}", nodes[0].log_tail());
    let log = fs::read_to_string(nodes[0].log()).unwrap();
    let refused = "wrong binary: it has no handler for upgrade \"v2\", which this chain has made; start the binary of that upgrade \
                   or a later one";
    assert!(log.contains(refused), "{log}");

    let home = nodes[1].home().root();
    let versions: Value = serde_json::from_str(cosmovisor(home, &["version", "-o", "json"]).trim()).unwrap();
    let own: Value =
        serde_json::from_str(&quernd(home, &["version", "--long", "-o", "json"]).unwrap()).unwrap();
    assert_eq!(versions["app_version"], own);
}
