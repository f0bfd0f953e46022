//! The genesis commands lose nothing, whatever they are given.
#![cfg(feature = "cli")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

use std::{fs, path::Path};

use quern_genesis::{
    Document,
    cli::{AddAccount, GenesisCommand, load, path, run, save},
};
use quern_types::module_address;

fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("config")).unwrap();
    save(
        &path(home.path()),
        &Document::new("quern-1", "2026-01-01T00:00:00Z"),
    )
    .unwrap();
    home
}

fn add(home: &Path, address: &str, coins: &str, append: bool) -> Result<String, String> {
    let args = AddAccount {
        address: address.into(),
        coins: coins.into(),
        append,
    };
    run(GenesisCommand::AddAccount(args), home).map_err(|e| e.to_string())
}

#[test]
fn accounts_are_added_once_and_appended_on_request() {
    let home = home();
    let alice = module_address("alice").to_string();
    add(home.path(), &alice, "5nqrn", false).unwrap();
    assert!(
        add(home.path(), &alice, "5nqrn", false)
            .unwrap_err()
            .contains("--append")
    );
    add(home.path(), &alice, "2nqrn,1ibc/ABC", true).unwrap();
    let doc = load(&path(home.path())).unwrap();
    assert_eq!(doc.app_state.bank.supply.to_string(), "1ibc/ABC,7nqrn");
    assert_eq!(doc.app_state.auth.accounts.len(), 1);
}

#[test]
fn a_bad_argument_leaves_the_file_as_it_was() {
    let home = home();
    let file = path(home.path());
    let alice = module_address("alice").to_string();
    add(home.path(), &alice, "5nqrn", false).unwrap();
    let before = fs::read(&file).unwrap();
    let too_much = format!("{}nqrn", u128::MAX);
    for (address, coins) in [
        ("quern1nonsense", "5nqrn"),
        ("cosmos17xpfvakm2amg962yls6f84z3kell8c5lserqta", "5nqrn"),
        (alice.as_str(), "five"),
        (alice.as_str(), "0nqrn"),
        (alice.as_str(), "1nqrn,1nqrn"),
        (alice.as_str(), too_much.as_str()),
    ] {
        assert!(
            add(home.path(), address, coins, true).is_err(),
            "{address} {coins}"
        );
        assert_eq!(fs::read(&file).unwrap(), before);
    }
    assert_eq!(
        fs::read_dir(home.path().join("config")).unwrap().count(),
        1,
        "no temporary file is left"
    );
}

#[test]
fn a_missing_or_corrupt_file_is_named() {
    let home = home();
    let file = path(home.path());
    run(GenesisCommand::Validate { file: None }, home.path()).unwrap();
    fs::write(&file, b"{ \"chain_id\": ").unwrap();
    let error = run(GenesisCommand::Validate { file: None }, home.path())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("genesis.json") && error.contains("line 1"),
        "{error}"
    );
    fs::remove_file(&file).unwrap();
    let error = run(GenesisCommand::Validate { file: None }, home.path())
        .unwrap_err()
        .to_string();
    assert!(error.contains("genesis.json"), "{error}");
}
