//! `quernd` as an operator meets it: starting, stopping, breaking, and what it says.

use crate::support;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use clap::{ArgMatches, CommandFactory};
use quern_node::cli::Cli;
use quern_node::config::app::AppConfig;
use quern_node::devnet::{Devnet, Plan};
use quern_node::output::Format;
use support::processes;
use tempfile::TempDir;

fn plan() -> Plan {
    Plan {
        program: Some(env!("CARGO_BIN_EXE_quernd").into()),
        ..Plan::default()
    }
}

fn quernd(home: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quernd"))
        .args(arguments)
        .arg("--home")
        .arg(home)
        .output()
        .unwrap()
}

/// Exit code and standard error of a command that must fail.
fn fails(home: &Path, arguments: &[&str]) -> (i32, String) {
    let output = quernd(home, arguments);
    assert!(!output.status.success(), "{arguments:?} should fail");
    (
        output.status.code().unwrap(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

fn succeeds(home: &Path, arguments: &[&str]) -> String {
    let output = quernd(home, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

fn initialised() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    succeeds(dir.path(), &["init", "first", "--chain-id", "quern-test-1"]);
    dir
}

fn tree(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            files.extend(tree(&entry.path()));
        } else if entry.path().is_file() {
            files.push((
                entry.path().display().to_string(),
                fs::read(entry.path()).unwrap(),
            ));
        }
    }
    files.sort();
    files
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "waited in vain until {what}"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_second_init_is_refused_and_changes_nothing() {
    let dir = initialised();
    let before = tree(dir.path());
    let (code, error) = fails(dir.path(), &["init", "second", "--chain-id", "other-1"]);
    assert_eq!(code, 11);
    assert!(error.contains("Nothing was changed"), "{error}");
    assert_eq!(tree(dir.path()), before);
}

#[test]
fn an_init_with_a_bad_chain_id_leaves_no_half_made_home() {
    let dir = tempfile::tempdir().unwrap();
    let (code, error) = fails(dir.path(), &["init", "first", "--chain-id", "no spaces please"]);
    assert_eq!(code, 2);
    assert!(error.contains("chain_id"), "{error}");
    assert!(tree(dir.path()).is_empty());
}

/// CometBFT's builds differ in the databases that they know.
#[test]
fn a_fresh_home_names_the_fast_database_where_cometbft_knows_it() {
    let database = |home: &Path| {
        let text = fs::read_to_string(home.join("config/config.toml")).unwrap();
        let config: toml_edit::DocumentMut = text.parse().unwrap();
        config["db_backend"].as_str().unwrap().to_owned()
    };
    let dir = initialised();
    assert_eq!(database(dir.path()), "pebbledb");
    assert!(
        !dir.path().join("data/blockstore.db").exists(),
        "nothing is left of the trial"
    );

    // as a build without the tag answers what opens a database
    let other = tempfile::tempdir().unwrap();
    let comet = other.path().join("cometbft");
    let real = quern_node::comet::locate(None).unwrap();
    let text = format!(
        "#!/bin/sh\nif [ \"$1\" = rollback ]; then\n  grep -q '^db_backend = \"pebbledb\"' \"$3/config/config.toml\" || exit 0\n  \
         echo 'ERROR: failed to rollback state: unknown db_backend pebbledb, expected one of goleveldb,memdb' >&2\n  exit 1\nfi\n\
         exec '{}' \"$@\"\n",
        real.program().display()
    );
    fs::write(&comet, text).unwrap();
    fs::set_permissions(&comet, fs::Permissions::from_mode(0o700)).unwrap();
    let home = other.path().join("home");
    let comet = comet.to_str().unwrap();
    succeeds(
        &home,
        &[
            "init",
            "second",
            "--chain-id",
            "quern-test-1",
            "--comet-bin",
            comet,
        ],
    );
    assert_eq!(database(&home), "goleveldb");
}

#[test]
fn every_broken_file_is_named_before_anything_runs() {
    let short = r#"{"priv_key": {"type": "tendermint/PrivKeyEd25519", "value": "AAAA"}}"#;
    for (file, contents) in [
        ("config/genesis.json", "{ not json"),
        ("config/genesis.json", "{}"),
        ("config/app.toml", "minimum-gas-price = \"1nqrn\""),
        ("config/config.toml", "= broken"),
        ("config/priv_validator_key.json", "{\"pub_key\": 1}"),
        ("config/node_key.json", ""),
        ("config/node_key.json", short),
        ("data/priv_validator_state.json", "{ broken"),
        // CometBFT would begin to sign at height 0 again
        ("data/priv_validator_state.json", "{}"),
    ] {
        let dir = initialised();
        fs::write(dir.path().join(file), contents).unwrap();
        let before = tree(&dir.path().join("config"));
        let (code, error) = fails(dir.path(), &["start"]);
        assert_eq!(code, 10, "{file}: {error}");
        assert!(error.contains(file), "{file} is not named in: {error}");
        assert_eq!(tree(&dir.path().join("config")), before);
    }
}

#[test]
fn a_start_without_a_home_says_to_run_init() {
    let dir = tempfile::tempdir().unwrap();
    let (code, error) = fails(dir.path(), &["start"]);
    assert_eq!(code, 10);
    assert!(error.contains("quernd init"), "{error}");
}

#[test]
fn a_missing_or_wrong_cometbft_is_reported_with_what_to_do() {
    let dir = initialised();
    let (code, error) = fails(dir.path(), &["start", "--comet-bin", "/nowhere/cometbft"]);
    assert_eq!((code, error.contains("/nowhere/cometbft")), (12, true), "{error}");
    // `echo version` prints no version of CometBFT.
    let (code, error) = fails(dir.path(), &["start", "--comet-bin", "/bin/echo"]);
    assert_eq!((code, error.contains("make setup")), (12, true), "{error}");
}

#[test]
fn a_taken_port_is_named() {
    let dir = initialised();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let address = format!("tcp://127.0.0.1:{port}");
    succeeds(dir.path(), &["config", "set", "config", "rpc.laddr", &address]);
    assert_eq!(
        succeeds(dir.path(), &["config", "get", "config", "rpc.laddr"]).trim(),
        address
    );
    let (code, error) = fails(dir.path(), &["start"]);
    assert_eq!(code, 13);
    assert!(
        error.contains(&port.to_string()) && error.contains("rpc.laddr"),
        "{error}"
    );
}

#[test]
fn a_bad_setting_is_refused_and_the_file_stays() {
    let dir = initialised();
    let before = tree(dir.path());
    assert_eq!(
        fails(dir.path(), &["config", "set", "app", "pruning", "sometimes"]).0,
        2
    );
    assert_eq!(fails(dir.path(), &["config", "set", "app", "no-such", "1"]).0, 10);
    assert_eq!(tree(dir.path()), before);
}

#[test]
fn a_file_with_two_mistakes_is_mended_by_the_commands_that_its_refusals_advise() {
    let dir = initialised();
    let app = dir.path().join("config/app.toml");
    let whole = fs::read_to_string(&app).unwrap();
    let bad = "mempool.max-txs = 5000\niavl-cache-size = 7\n";
    let rest = whole.replace(
        "enable = true\naddress = \"127.0.0.1:9090\"",
        "address = \"0.0.0.0:9090\"",
    );
    fs::write(&app, format!("{bad}{rest}")).unwrap();
    assert_eq!(fails(dir.path(), &["start"]).0, 10);
    let set = |key: &str, value: &str| {
        let output = quernd(dir.path(), &["config", "set", "app", key, value]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{key}: {said}");
        said
    };
    assert_eq!(set("mempool.max-txs", "-1"), "");
    assert_eq!(set("grpc.address", "127.0.0.1:9090"), "");
    assert_eq!(set("grpc.enable", "false"), "");
    let file = fs::read_to_string(&app).unwrap();
    assert!(
        AppConfig::parse(&file).is_ok_and(|config| !config.grpc.enable),
        "{file}"
    );
    assert!(set("iavl-cache-size", "8").contains("iavl-cache-size = 8 has no effect"));
    // what `start` would refuse is not written
    let before = tree(dir.path());
    let (code, error) = fails(dir.path(), &["config", "set", "config", "abci", "grpc"]);
    assert_eq!((code, error.contains("abci must be")), (2, true), "{error}");
    assert_eq!(tree(dir.path()), before);
}

#[test]
fn no_variable_sends_cometbft_to_other_files() {
    let dir = initialised();
    let id = succeeds(dir.path(), &["comet", "show-node-id"]);
    let other = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_quernd"))
            .args(arguments)
            .envs(["CMTHOME", "TMHOME", "CMT_HOME"].map(|name| (name, other.path())))
            .env("CMT_ABCI", "grpc")
            .env("CMTABCI", "grpc")
            .env("CMT_LOG_FORMAT", "json")
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    };
    let home = dir.path().to_str().unwrap();
    assert_eq!(run(&["comet", "show-node-id", "--home", home]), id);
    run(&["comet", "unsafe-reset-all", "--home", home]);
    assert!(tree(other.path()).is_empty());
    let parent = std::process::id().to_string();
    let child = [
        "__child",
        "--parent",
        &parent,
        "--lock",
        "comet.lock",
        "--home",
        home,
        "--",
        "env",
    ];
    let passed = run(&child);
    let passed: Vec<&str> = passed
        .lines()
        .filter(|line| line.starts_with("CMT") || line.starts_with("TMHOME"))
        .collect();
    assert_eq!(passed, ["CMT_LOG_FORMAT=json"]);
}

#[test]
fn what_a_command_prints_is_one_json_document_when_that_is_asked_for() {
    let dir = initialised();
    let json = |arguments: &[&str]| -> serde_json::Value {
        let said = succeeds(dir.path(), &[arguments, &["-o", "json"]].concat());
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {said}"))
    };
    let id = succeeds(dir.path(), &["comet", "show-node-id"]);
    assert_eq!(json(&["comet", "show-node-id"]), id.trim());
    let anchor = succeeds(dir.path(), &["beacon", "anchor"]);
    assert_eq!(json(&["beacon", "anchor"]), anchor.trim());
    assert_eq!(json(&["config", "get", "config", "moniker"]), "first");
    assert!(json(&["config", "set", "config", "moniker", "second"]).is_null());
    let valid = json(&["genesis", "validate"]);
    assert!(
        valid.as_str().unwrap().contains("is valid: chain quern-test-1"),
        "{valid}"
    );
    assert_eq!(json(&["version"]), env!("CARGO_PKG_VERSION"));
}

#[test]
fn a_status_without_a_node_says_how_to_start_one() {
    let dir = initialised();
    let (code, error) = fails(dir.path(), &["status", "--node", "tcp://127.0.0.1:1"]);
    assert_eq!(code, 4);
    assert!(error.contains("quernd start"), "{error}");
}

#[test]
fn a_node_makes_blocks_reports_status_and_metrics_and_stops_cleanly() {
    let mut net = Devnet::start(plan()).unwrap();
    let home = net.home().root().to_owned();
    // JSON without a flag, as Cosmovisor reads it.
    let status: serde_json::Value = serde_json::from_str(&succeeds(&home, &["status"])).unwrap();
    let height = status
        .pointer("/sync_info/latest_block_height")
        .unwrap()
        .as_str()
        .unwrap();
    assert!(height.parse::<u64>().unwrap() >= 1);
    assert_eq!(status.pointer("/node_info/network").unwrap(), "quern-dev-1");
    // A second node on the same home would ruin it.
    let (code, error) = fails(&home, &["start"]);
    assert_eq!(code, 13, "{error}");
    assert_eq!(fails(&home, &["rollback"]).0, 13);
    assert_eq!(fails(&home, &["comet", "unsafe-reset-all"]).0, 13);

    assert!(net.stop().unwrap().success());
    assert_eq!(processes::that_name(&home), Vec::<String>::new());
    let log = fs::read_to_string(net.log()).unwrap();
    assert!(
        !log.contains("panic") && !log.contains("CONSENSUS FAILURE"),
        "{log}"
    );
    // It goes on from where it stopped.
    let before: u64 = height.parse().unwrap();
    net.launch().unwrap();
    net.wait_for_height(before + 2, Duration::from_secs(60)).unwrap();
}

#[test]
fn a_killed_supervisor_leaves_no_process_behind() {
    let mut net = Devnet::start(plan()).unwrap();
    let home = net.home().root().to_owned();
    let children = processes::children(net.pid().unwrap());
    assert_eq!(children.len(), 2);
    let (comet, _) = children
        .iter()
        .find(|(_, line)| line.contains("cometbft"))
        .unwrap();
    let variables = fs::read_to_string(format!("/proc/{comet}/environ")).unwrap();
    let set = |variable: &str| variables.split('\0').any(|line| line == variable);
    assert!(set("GOGC=400") && set("GOMEMLIMIT=2GiB"), "{variables}");
    net.kill();
    until("its processes are gone", || {
        processes::that_name(&home).is_empty()
    });
}

#[test]
fn the_crash_of_either_process_restarts_both() {
    let mut net = Devnet::start(plan()).unwrap();
    for mark in ["--proxy_app", "--app-only"] {
        let before = processes::children(net.pid().unwrap());
        let (victim, _) = before.iter().find(|(_, line)| line.contains(mark)).unwrap();
        let height = net.height().unwrap();
        processes::kill(*victim);
        until("both processes are new", || {
            let now = processes::children(net.pid().unwrap());
            now.len() == 2
                && now
                    .iter()
                    .all(|(pid, _)| before.iter().all(|(old, _)| old != pid))
        });
        net.wait_for_height(height + 2, Duration::from_secs(60)).unwrap();
    }
    assert!(net.stop().unwrap().success());
}

#[test]
fn a_node_that_keeps_crashing_gives_up_and_says_so() {
    let mut plan = plan();
    // The check before the start passes; CometBFT itself then fails every time.
    plan.arguments = vec!["--max-restarts".into(), "1".into()];
    let mut net = Devnet::prepare(plan).unwrap();
    fs::write(net.home().data().join("blockstore.db"), "no folder").unwrap();
    net.launch().unwrap();
    // No process alone would also be true before the first one has started.
    until("it gives up", || {
        net.log_tail().contains("times in a row") && processes::that_name(net.home().root()).is_empty()
    });
    let status = net.stop().unwrap();
    assert_eq!(status.code(), Some(15));
    assert!(net.log_tail().contains("CometBFT ended"), "{}", net.log_tail());
}

#[test]
fn a_rollback_takes_one_block_back_and_the_node_runs_on() {
    let mut net = Devnet::start(plan()).unwrap();
    net.wait_for_height(3, Duration::from_secs(60)).unwrap();
    assert!(net.stop().unwrap().success());
    let home = net.home().root().to_owned();
    let said: serde_json::Value =
        serde_json::from_str(&succeeds(&home, &["rollback", "-o", "json"])).unwrap();
    let height = said["height"].as_u64().unwrap();
    net.launch().unwrap();
    net.wait_for_height(height + 3, Duration::from_secs(60)).unwrap();
    assert!(net.stop().unwrap().success());
}

#[test]
fn a_reset_home_starts_over_from_genesis() {
    let mut net = Devnet::start(plan()).unwrap();
    net.wait_for_height(5, Duration::from_secs(60)).unwrap();
    assert!(net.stop().unwrap().success());
    let home = net.home().root().to_owned();
    succeeds(&home, &["comet", "unsafe-reset-all"]);
    net.launch().unwrap();
    net.wait_for_height(1, Duration::from_secs(60)).unwrap();
    assert!(net.stop().unwrap().success());
}

/// Names on the way to each command that has no further ones; what clap adds itself is left out.
fn commands(of: &clap::Command, path: &[String], found: &mut Vec<Vec<String>>) {
    let mut further = of
        .get_subcommands()
        .filter(|one| one.get_name() != "help")
        .peekable();
    if further.peek().is_none() {
        found.push(path.to_vec());
    }
    for one in further {
        commands(one, &[path, &[one.get_name().to_owned()]].concat(), found);
    }
}

/// Every command's matches, from `quernd` down to the last name, with what they say of the format.
fn formats(mut matches: &ArgMatches) -> Vec<(String, Option<Format>)> {
    let format = |of: &ArgMatches| of.try_get_one::<Format>("output").ok().flatten().copied();
    let mut found = vec![(String::new(), format(matches))];
    while let Some((name, inner)) = matches.subcommand() {
        matches = inner;
        found.push((name.to_owned(), format(inner)));
    }
    found
}

#[test]
fn every_command_takes_the_output_format_before_and_after_each_of_its_names() {
    let mut tree = Cli::command();
    tree.build();
    let mut paths = Vec::new();
    commands(&tree, &[], &mut paths);
    let all: Vec<String> = paths.iter().map(|path| path.join(" ")).collect();
    for one in [
        "genesis collect",
        "state",
        "config get",
        "tx bank send",
        "query hosts",
        "start",
    ] {
        assert!(all.iter().any(|path| path == one), "no {one} in {all:?}");
    }
    assert!(all.len() > 100, "{all:?}");
    // What else a command asks for is left away: this is about one flag.
    let lenient = Cli::command().ignore_errors(true);
    for path in paths {
        for place in 0..=path.len() {
            let mut words = [&["quernd".to_owned()], path.as_slice()].concat();
            let after = words.split_off(place + 1);
            words.extend(["-o".to_owned(), "json".to_owned()]);
            words.extend(after);
            let matches = lenient.clone().try_get_matches_from(&words).unwrap();
            let said = formats(&matches);
            let names: Vec<&String> = said.iter().skip(1).map(|(name, _)| name).collect();
            assert_eq!(names, path.iter().collect::<Vec<_>>(), "{words:?}");
            assert!(
                said.iter().all(|(_, format)| *format == Some(Format::Json)),
                "{words:?}: {said:?}"
            );
        }
    }
}
