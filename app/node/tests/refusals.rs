//! Commands with bad arguments, over homes that are missing, broken, empty or in use: each ends with a code and one line that
//! says what to do, and changes nothing.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use quern_core::{App, Options};
use quern_node::devnet::{Devnet, Plan};
use tempfile::TempDir;

use crate::support::hosts::PATIENCE;

const ADDRESS: &str = "quern1avgyh77ycn997ja45q5q8ss8y9mr424j69swf4";
const ARTIFACTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/artifacts");

fn quernd(home: &Path, line: &str) -> Output {
    let words = line.split_whitespace().map(|word| match word {
        "ADDRESS" => ADDRESS,
        "ARTIFACTS" => ARTIFACTS,
        word => word,
    });
    Command::new(env!("CARGO_BIN_EXE_quernd"))
        .args(words)
        .arg("--home")
        .arg(home)
        .env("QUERN_KEYRING_PASSWORD", "correct horse")
        .env_remove("QUERN_NODE")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Every file and folder, with what is in it; locks are marks of a look.
fn tree(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|end| end == "lock") {
            continue;
        }
        let content = fs::read(&path).unwrap_or_default();
        found.push((path.display().to_string(), content));
        if path.is_dir() {
            found.extend(tree(&path));
        }
    }
    found.sort();
    found
}

/// A command that must fail in this way and leave everything as it was.
#[track_caller]
fn refused(home: &Path, line: &str, code: i32, said: &str) {
    let before = tree(home);
    told(home, line, code, said);
    assert!(tree(home) == before, "{line} changed the home");
}

/// A command that must fail in this way.
#[track_caller]
fn told(home: &Path, line: &str, code: i32, said: &str) {
    let output = quernd(home, line);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{line}: {error}");
    assert!(error.contains(said), "{line}: {error}");
    for never in ["panicked", "backtrace", "goroutine", ".rs:", "RUST_"] {
        assert!(!error.contains(never), "{line}: {error}");
    }
    // what is wrong with the words themselves is told by the parser, which shows how to write them
    if !error.starts_with("error: ") {
        assert!(error.starts_with("Error: "), "{line}: {error}");
        assert_eq!(error.trim_end().lines().count(), 1, "{line}: {error}");
    }
}

fn initialised() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let output = quernd(dir.path(), "init first --chain-id quern-test-1");
    assert!(output.status.success());
    dir
}

#[test]
fn a_home_that_is_not_there_is_told_with_how_to_make_it() {
    let dir = tempfile::tempdir().unwrap();
    let none = dir.path().join("none");
    for line in [
        "genesis add-account ADDRESS 5nqrn",
        "genesis validate",
        "genesis add-system --contracts ARTIFACTS",
        "genesis collect",
        "export",
        "rollback",
        "prune",
        "snapshots list",
        "snapshots export",
        "snapshots restore 5",
        "snapshots dump 5",
        "snapshots load archive.tar.gz",
        "snapshots delete 5",
        "state",
        "invariants",
        "config get app pruning",
        "config set app pruning nothing",
        "config get config moniker",
        "comet show-node-id",
        "comet show-validator",
        "tendermint show-address",
        "comet unsafe-reset-all",
        "beacon anchor",
        "beacon new",
        "status",
    ] {
        refused(
            &none,
            line,
            10,
            "is missing: run `quernd init <moniker> --chain-id <id> --home",
        );
    }
    for line in [
        "keys show a",
        "keys delete a -y",
        "keys rename a b",
        "keys export a",
    ] {
        refused(&none, line, 5, "a: key not found");
    }
    assert!(!none.exists());
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    for (line, code) in [
        ("genesis validate", 10),
        ("state", 10),
        ("keys list", 1),
        ("init x --chain-id q-1", 1),
    ] {
        told(&file, line, code, "file");
    }
}

#[test]
fn a_home_without_a_state_has_none_afterwards() {
    let dir = initialised();
    for line in [
        "export",
        "export --height 7",
        "rollback",
        "prune",
        "prune custom --pruning-keep-recent 5",
        "state",
        "invariants",
        "snapshots export",
    ] {
        refused(
            dir.path(),
            line,
            10,
            "the node has no state yet. Run `quernd start` first",
        );
    }
    // an empty folder is no state either
    fs::create_dir_all(dir.path().join("data/app/state")).unwrap();
    refused(dir.path(), "state", 10, "the node has no state yet");
    // what this program did not write, or an older one
    for content in ["", "some other file"] {
        fs::write(dir.path().join("data/app/state/state.redb"), content).unwrap();
        for line in [
            "export",
            "rollback",
            "prune",
            "state",
            "invariants",
            "snapshots export",
        ] {
            refused(dir.path(), line, 10, "restore the data directory from a backup");
        }
    }
}

#[test]
fn a_state_without_a_block_is_neither_exported_nor_said_to_be_sound() {
    let dir = initialised();
    App::open(Options::new(dir.path().join("data/app"))).unwrap();
    for line in ["export", "invariants"] {
        told(
            dir.path(),
            line,
            10,
            "the node has no block yet: run `quernd start` first",
        );
    }
}

#[test]
fn snapshots_that_are_none_are_told_from_a_failing_disk() {
    let dir = initialised();
    let home = dir.path();
    for line in [
        "snapshots restore 5",
        "snapshots restore 0",
        "snapshots delete 5",
        "snapshots dump 5 9",
    ] {
        told(home, line, 1, "`quernd snapshots list` shows what is there");
        assert!(!home.join("data/app").exists(), "{line} made a state");
    }
    told(
        home,
        "snapshots load /nowhere/a.tar.gz",
        10,
        "/nowhere/a.tar.gz: No such file",
    );
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text");
    fs::write(&text, "no archive").unwrap();
    for path in [folder.path(), &text] {
        let line = format!("snapshots load {}", path.display());
        told(home, &line, 10, &format!("{}: ", path.display()));
        told(home, &line, 10, "is not one that `quernd snapshots dump` wrote");
    }
    for line in [
        "snapshots restore -1",
        "snapshots restore 99999999999999999999",
        "snapshots nosuch",
    ] {
        refused(home, line, 2, "error: ");
    }
}

#[test]
fn a_genesis_document_stays_what_it_was() {
    let dir = initialised();
    let home = dir.path();
    let account = |address: &str, coins: &str| format!("genesis add-account {address} {coins}");
    for (line, code, said) in [
        (account("x", "5nqrn"), 2, "decoding bech32 failed"),
        (
            account("cosmos17xpfvakm2amg962yls6f84z3kell8c5lserqta", "5nqrn"),
            2,
            "expected quern",
        ),
        (
            account(ADDRESS, "many"),
            2,
            "write for example 1000000nqrn or 5qrn",
        ),
        (account(ADDRESS, "0nqrn"), 2, "write for example 1000000nqrn"),
        (account(ADDRESS, "1nqrn,2nqrn"), 2, "each denomination once"),
        (account(ADDRESS, "-5nqrn"), 2, "error: "),
        (
            account(ADDRESS, "340282366920938463463374607431768211456nqrn"),
            2,
            "invalid coin amount",
        ),
        (
            "genesis collect".into(),
            10,
            "run `quernd genesis add-system` first",
        ),
        (
            "genesis add-system --contracts /nowhere".into(),
            10,
            "run `make contracts`, or give --contracts",
        ),
        (
            "genesis add-system --contracts ARTIFACTS --models /nowhere".into(),
            10,
            "/nowhere: No such file",
        ),
        (
            "genesis add-system --contracts ARTIFACTS --models /etc/hostname".into(),
            10,
            "/etc/hostname: ",
        ),
        (
            "genesis add-system --contracts ARTIFACTS --epoch-blocks 0".into(),
            2,
            "--epoch-blocks",
        ),
        (
            "genesis add-system --contracts ARTIFACTS --epoch-blocks 18446744073709551615".into(),
            2,
            "--epoch-blocks",
        ),
        (
            "genesis add-system --profile moon".into(),
            2,
            "possible values: standard, localnet",
        ),
        ("genesis validate /nowhere".into(), 10, "/nowhere: No such file"),
        (
            "genesis validate /dev/null".into(),
            10,
            "/dev/null: genesis cannot be read",
        ),
        ("genesis validate /".into(), 10, "/: Is a directory"),
    ] {
        refused(home, &line, code, said);
    }
    // in QRN, as amounts are written everywhere
    let added = quernd(home, &account(ADDRESS, "1.5qrn"));
    assert!(
        String::from_utf8(added.stdout)
            .unwrap()
            .contains("added 1500000000nqrn")
    );
    refused(home, &account(ADDRESS, "5nqrn"), 2, "use --append");
    let all = format!(
        "{} --append",
        account(ADDRESS, "340282366920938463463374607431768211455nqrn")
    );
    refused(home, &all, 10, "amount overflow");

    let genesis = home.join("config/genesis.json");
    let whole = fs::read_to_string(&genesis).unwrap();
    let twice = whole.replacen("\"chain_id\"", "\"chain_id\": \"other-1\", \"chain_id\"", 1);
    for content in ["", "{ broken", "{}", "[]", &whole[..whole.len() / 2], &twice] {
        fs::write(&genesis, content).unwrap();
        for line in [
            "genesis validate",
            "genesis add-account ADDRESS 5nqrn --append",
            "genesis collect",
        ] {
            refused(home, line, 10, "config/genesis.json: ");
        }
    }
    fs::remove_file(&genesis).unwrap();
    fs::create_dir(&genesis).unwrap();
    refused(home, "genesis validate", 10, "config/genesis.json is no file");
}

#[test]
fn settings_and_keys_of_the_node_stay_what_they_were() {
    let dir = initialised();
    let home = dir.path();
    for (line, code, said) in [
        (
            "config set app minimum-gas-prices cheap",
            2,
            "write for example 0.01nqrn",
        ),
        (
            "config set app minimum-gas-prices -1nqrn",
            2,
            "write for example 0.01nqrn",
        ),
        (
            "config set app pruning sometimes",
            2,
            "unknown variant `sometimes`",
        ),
        ("config set app halt-height -5", 2, "halt-height: "),
        ("config set app grpc.address nohost", 2, "is not tcp://IP:port"),
        ("config set app api.enable maybe", 2, "is not a boolean"),
        ("config set app nosuch 5", 10, "no setting named nosuch"),
        ("config set config rpc 5", 10, "no setting named rpc"),
        ("config get app ...", 10, "no setting named ..."),
        ("config get nofile x", 2, "possible values: app, config"),
        ("beacon new --layers 0", 2, "--layers"),
        ("comet nosuch", 2, "unrecognized subcommand"),
        ("comet version --comet-bin /nowhere", 12, "/nowhere"),
    ] {
        refused(home, line, code, said);
    }
    let broken = |file: &str, content: &str, lines: &[(&str, i32, &str)]| {
        let path = home.join("config").join(file);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, content).unwrap();
        for (line, code, said) in lines {
            refused(home, line, *code, said);
        }
        fs::write(&path, whole).unwrap();
    };
    let read = [
        ("config get app pruning", 10, "app.toml: line 2: "),
        ("config set app pruning nothing", 10, "app.toml: line 2: "),
    ];
    broken("app.toml", "# mine\n{ broken\n", &read);
    for content in ["{ broken", "moniker = [[\n"] {
        fs::create_dir_all(home.join("data/app/state")).unwrap();
        fs::write(home.join("data/app/state/state.redb"), "a state").unwrap();
        let read = [
            ("config get config moniker", 10, "config.toml: line "),
            // half a reset would be worse than none
            ("comet unsafe-reset-all", 10, "Nothing was changed"),
        ];
        broken("config.toml", content, &read);
    }
    for content in ["", "{ broken", "{}"] {
        let key = [
            ("comet show-validator", 10, "restore it from a backup"),
            ("comet show-address", 10, "restore it from a backup"),
        ];
        broken("priv_validator_key.json", content, &key);
        broken(
            "node_key.json",
            content,
            &[("comet show-node-id", 10, "config/node_key.json: ")],
        );
        let onion = [
            ("beacon anchor", 10, "restore the file from a backup"),
            ("beacon new", 10, "restore the file"),
        ];
        broken("beacon_onion.json", content, &onion);
    }
}

#[test]
fn no_key_is_lost_or_made_by_mistake() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path();
    assert!(quernd(home, "keys add alice").status.success());
    let exported = home.join("alice.key");
    fs::write(&exported, quernd(home, "keys export alice").stdout).unwrap();
    let import = |name: &str| format!("keys import {name} {}", exported.display());
    for (line, code, said) in [
        (
            "keys add alice".to_owned(),
            5,
            "key alice exists already; choose another name",
        ),
        (import("alice"), 5, "already has this name or address"),
        (import("bob"), 5, "already has this name or address"),
        ("keys import bob /nowhere".into(), 1, "/nowhere: No such file"),
        ("keys import bob /".into(), 1, "/: Is a directory"),
        (
            "keys import bob /dev/null".into(),
            5,
            "/dev/null: this is no key file",
        ),
        ("keys add ../bob".into(), 2, "a key name has 1 to 64 letters"),
        ("keys add bob --recover".into(), 2, "invalid word count: 0"),
        ("keys add bob --hd-path x".into(), 2, "derivation path \"x\""),
        ("keys add bob --account 4294967295".into(), 2, "derivation path"),
        ("keys add bob --pubkey {}".into(), 2, "no Any in JSON"),
        (
            "keys add bob --multisig alice,nobody".into(),
            5,
            "nobody: key not found",
        ),
        (
            "keys add bob --multisig alice --multisig-threshold 2".into(),
            2,
            "a threshold of 2 for 1 keys",
        ),
        (
            "keys add bob --password-file /dev/null".into(),
            5,
            "at least 8 characters",
        ),
        ("keys import-hex bob".into(), 2, "private key"),
        ("keys delete alice".into(), 7, "nothing was sent or changed"),
        ("keys rename alice alice".into(), 5, "choose another name"),
        ("keys show ADDRESS".into(), 5, "has this address"),
        ("keys parse x".into(), 2, "neither hexadecimal nor an address"),
        ("keys export alice --unarmored-hex".into(), 2, "--unsafe"),
    ] {
        refused(home, &line, code, said);
    }
    for (words, said) in [
        ("abandon abandon", "invalid word count: 2"),
        (
            &format!("{} abandom", "abandon ".repeat(11)),
            "unknown word (word 11)",
        ),
        (&"abandon ".repeat(12), "invalid checksum"),
    ] {
        let before = tree(home);
        let script = format!(
            "echo '{words}' | '{}' keys add bob --recover --home '{}'",
            env!("CARGO_BIN_EXE_quernd"),
            home.display()
        );
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(
            error.contains(said) && error.contains("Check each word"),
            "{error}"
        );
        assert!(tree(home) == before);
    }
    // a damaged file is named, and no other key is taken for it
    fs::write(home.join("keyring/carol.json"), "{\"version\":1").unwrap();
    for line in [
        "keys list",
        "keys show carol",
        "keys add dave",
        "keys delete carol -y",
    ] {
        refused(home, line, 5, "carol.json: this is no key file");
    }
}

#[test]
fn a_running_nodes_state_is_left_alone_and_heights_that_are_not_kept_are_named() {
    let plan = Plan {
        program: Some(env!("CARGO_BIN_EXE_quernd").into()),
        ..Plan::default()
    };
    let mut net = Devnet::start(plan).unwrap();
    net.wait_for_height(6, PATIENCE).unwrap();
    let home = net.home().root().to_owned();
    for line in [
        "export",
        "rollback",
        "prune",
        "prune everything",
        "snapshots export",
        "snapshots restore 5",
        "snapshots delete 5",
        "state",
        "invariants",
        "comet unsafe-reset-all",
        "start",
    ] {
        told(&home, line, 13, "another quernd uses");
    }
    assert!(net.stop().unwrap().success(), "{}", net.log_tail());
    let kept = quernd(&home, "prune custom --pruning-keep-recent 2");
    assert!(kept.status.success(), "{}", String::from_utf8_lossy(&kept.stderr));
    for (line, code, said) in [
        ("export --height 99999", 1, "height 99999, where the last is "),
        ("export --height 1", 1, "height 1, where the last is "),
        ("export --height -1", 2, "error: "),
        ("export --height 99999999999999999999", 2, "error: "),
        ("invariants --height 99999", 1, "height 99999, where the last is "),
        (
            "state --height 99999",
            1,
            "version 99999 is in the future, latest is ",
        ),
        ("state --height 1", 1, "version 1 was pruned, oldest is "),
        ("rollback --blocks 0", 2, "Nothing was changed"),
        ("rollback --blocks 99999", 2, "Nothing was changed"),
        ("rollback --blocks -1", 2, "error: "),
        ("prune custom --pruning-keep-recent 1", 2, "at least 2"),
        ("prune custom --pruning-keep-recent -1", 2, "error: "),
        ("snapshots export --height 99999", 1, "99999"),
        ("snapshots export --height 1", 1, "1"),
    ] {
        told(&home, line, code, said);
    }
    // CometBFT would fail after the application went back
    let config = net.home().config_toml();
    let whole = fs::read(&config).unwrap();
    fs::write(&config, "{ broken").unwrap();
    refused(&home, "rollback", 10, "Nothing was changed");
    fs::write(&config, whole).unwrap();
    net.launch().unwrap();
    net.wait_for_height(8, PATIENCE).unwrap();
    assert!(net.stop().unwrap().success(), "{}", net.log_tail());
}
