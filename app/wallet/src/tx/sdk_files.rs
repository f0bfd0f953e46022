//! Files of the Cosmos SDK's own command line, made by wasmd 0.61.14 (`tests/vectors/sdk_cli.sh`): what it signs, joins
//! and encodes, these commands sign, join and encode to the byte.

use std::{fs, path::Path};

use clap::Parser;
use serde_json::Value;

use super::TxCommand;
use crate::{
    DEFAULT_PATH, Failure, Keyring, KeysCommand, SigningKey,
    keyring::{KeyFile, Secret},
};

#[derive(Parser)]
struct Keys {
    #[command(flatten)]
    command: KeysCommand,
}

#[derive(Parser)]
struct Tx {
    #[command(flatten)]
    command: TxCommand,
}

/// A home with the keys a, b and c of the vectors, and their common key.
fn home(vectors: &Value) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("password"), "correct horse").unwrap();
    let ring = Keyring::of_home(home.path());
    for (name, words) in ["a", "b", "c"].iter().zip(vectors["words"].as_array().unwrap()) {
        let key = SigningKey::from_mnemonic(words.as_str().unwrap(), DEFAULT_PATH).unwrap();
        let secret = Secret {
            private_key: hex::encode(key.to_bytes()),
            mnemonic: None,
            path: None,
        };
        ring.add(name, &KeyFile::seal(&secret, "correct horse").unwrap())
            .unwrap();
    }
    keys(
        home.path(),
        "add treasury --multisig a,b,c --multisig-threshold 2",
    );
    home
}

fn keys(home: &Path, args: &str) -> String {
    let words = std::iter::once("keys").chain(args.split_whitespace());
    Keys::try_parse_from(words).unwrap().command.run(home).unwrap()
}

async fn tx(home: &Path, args: &str) -> Result<String, Failure> {
    let args = args.replace("HOME", &home.display().to_string());
    let password = home.join("password").display().to_string();
    let words = std::iter::once("tx")
        .chain(args.split_whitespace())
        .chain(["--password-file", &password]);
    Tx::try_parse_from(words).unwrap().command.run(home).await
}

fn write(home: &Path, name: &str, value: &Value) {
    fs::write(home.join(name), value.to_string()).unwrap();
}

#[tokio::test]
async fn signatures_of_members_and_what_they_are_joined_to_are_the_sdks() {
    let vectors: Value = serde_json::from_str(include_str!("../../tests/vectors/sdk_cli.json")).unwrap();
    let home = home(&vectors);
    let home = home.path();
    assert_eq!(keys(home, "show treasury -a"), vectors["treasury"]["address"]);
    let public: Value = serde_json::from_str(&keys(home, "show treasury -p")).unwrap();
    assert_eq!(public, vectors["treasury"]["pubkey"]);

    let facts = "--offline --chain-id quern-test-1 --account-number 7 --sequence 3";
    write(home, "unsigned.json", &vectors["unsigned"]);
    for (name, theirs) in ["a", "b", "c"]
        .iter()
        .zip(vectors["signatures"].as_array().unwrap())
    {
        let sign = format!("sign HOME/unsigned.json --from {name} --multisig treasury {facts}");
        let ours: Value = serde_json::from_str(&tx(home, &sign).await.unwrap()).unwrap();
        assert_eq!(ours, *theirs, "{name}");
        write(home, &format!("{name}.sig"), theirs);
    }
    let join = format!("multisign HOME/unsigned.json treasury HOME/a.sig HOME/c.sig {facts}");
    fs::write(home.join("joined.json"), tx(home, &join).await.unwrap()).unwrap();
    let encoded = tx(home, "encode HOME/joined.json").await.unwrap();
    assert_eq!(encoded, vectors["joined_bytes"]);
    write(home, "theirs.json", &vectors["joined"]);
    assert_eq!(tx(home, "encode HOME/theirs.json").await.unwrap(), encoded);
    let check = format!("validate-signatures HOME/theirs.json {facts}");
    assert!(tx(home, &check).await.unwrap().contains("[OK]"));
}

#[tokio::test]
async fn a_signature_of_one_key_is_the_sdks_in_both_modes() {
    let vectors: Value = serde_json::from_str(include_str!("../../tests/vectors/sdk_cli.json")).unwrap();
    let home = home(&vectors);
    let home = home.path();
    let facts = "--offline --chain-id quern-test-1 --account-number 7 --sequence 3";
    write(home, "single.json", &vectors["single"]);
    for (mode, theirs) in [("direct", "direct_bytes"), ("amino-json", "amino_bytes")] {
        let sign = format!("sign HOME/single.json --from a --sign-mode {mode} {facts}");
        fs::write(home.join("signed.json"), tx(home, &sign).await.unwrap()).unwrap();
        let encoded = tx(home, "encode HOME/signed.json").await.unwrap();
        assert_eq!(encoded, vectors[theirs], "{mode}");
    }
}

fn write_lines(home: &Path, name: &str, values: &Value) {
    let lines: Vec<_> = values.as_array().unwrap().iter().map(Value::to_string).collect();
    fs::write(home.join(name), lines.join("\n")).unwrap();
}

fn parsed(lines: &str) -> Value {
    lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .collect()
}

#[tokio::test]
async fn a_batch_that_members_signed_is_joined_as_the_sdk_joins_it() {
    let vectors: Value = serde_json::from_str(include_str!("../../tests/vectors/sdk_cli.json")).unwrap();
    let home = home(&vectors);
    let home = home.path();
    let facts = "--offline --chain-id quern-test-1 --account-number 7 --sequence 3";
    write_lines(home, "batch.jsonl", &vectors["batch"]);
    for (name, theirs) in ["a", "c"]
        .iter()
        .zip(vectors["batch_signatures"].as_array().unwrap())
    {
        let sign = format!("sign-batch HOME/batch.jsonl --from {name} --multisig treasury {facts}");
        assert_eq!(parsed(&tx(home, &sign).await.unwrap()), *theirs, "{name}");
        write_lines(home, &format!("{name}.batch"), theirs);
    }
    let join = format!("multisign-batch HOME/batch.jsonl treasury HOME/a.batch HOME/c.batch {facts}");
    let joined = tx(home, &join).await.unwrap();
    assert_eq!(parsed(&joined).as_array().unwrap().len(), 2);
    for (ours, theirs) in joined.lines().zip(vectors["batch_joined"].as_array().unwrap()) {
        fs::write(home.join("ours.json"), ours).unwrap();
        write(home, "theirs.json", theirs);
        let encoded = tx(home, "encode HOME/ours.json").await.unwrap();
        assert_eq!(encoded, tx(home, "encode HOME/theirs.json").await.unwrap());
    }
    // the members signed for sequences that follow each other
    let same = tx(home, &format!("{join} --no-auto-increment"))
        .await
        .unwrap_err();
    assert!(same.to_string().contains("transaction 2: "), "{same}");
    write_lines(
        home,
        "short.batch",
        &Value::from(vec![vectors["batch_signatures"][0][0].clone()]),
    );
    let short = format!("multisign-batch HOME/batch.jsonl treasury HOME/a.batch HOME/short.batch {facts}");
    let failure = tx(home, &short).await.unwrap_err().to_string();
    assert!(failure.contains("1 signatures for 2 transactions"), "{failure}");
}

#[tokio::test]
async fn a_batch_becomes_one_transaction_as_the_sdk_makes_it() {
    let vectors: Value = serde_json::from_str(include_str!("../../tests/vectors/sdk_cli.json")).unwrap();
    let home = home(&vectors);
    let home = home.path();
    let facts = "--offline --chain-id quern-test-1 --account-number 7 --sequence 3";
    write_lines(home, "parts.jsonl", &vectors["parts"]);
    let sign = format!("sign-batch HOME/parts.jsonl --from a --append --note together {facts}");
    fs::write(home.join("ours.json"), tx(home, &sign).await.unwrap()).unwrap();
    write(home, "theirs.json", &vectors["appended"]);
    let encoded = tx(home, "encode HOME/ours.json").await.unwrap();
    assert_eq!(encoded, tx(home, "encode HOME/theirs.json").await.unwrap());
    // nothing that one of them says is dropped
    let mut own = vectors["parts"].clone();
    own[1]["body"]["memo"] = "77".into();
    write_lines(home, "parts.jsonl", &own);
    let failure = tx(home, &sign).await.unwrap_err().to_string();
    assert!(failure.contains("transaction 2 has a memo"), "{failure}");
    own[1]["body"]["memo"] = "".into();
    own[0]["auth_info"]["fee"]["payer"] = keys(home, "show b -a").into();
    write_lines(home, "parts.jsonl", &own);
    let failure = tx(home, &sign).await.unwrap_err().to_string();
    assert!(failure.contains("transaction 1 names who pays"), "{failure}");
}

#[tokio::test]
async fn who_leaves_the_fee_to_another_account_signs_what_the_sdk_signs() {
    let vectors: Value = serde_json::from_str(include_str!("../../tests/vectors/sdk_cli.json")).unwrap();
    let home = home(&vectors);
    let home = home.path();
    let facts = "--offline --chain-id quern-test-1 --account-number 7 --sequence 3";
    write(home, "paid.json", &vectors["paid"]);
    let sign = format!("sign HOME/paid.json --from a --sign-mode direct-aux {facts}");
    fs::write(home.join("ours.json"), tx(home, &sign).await.unwrap()).unwrap();
    write(home, "theirs.json", &vectors["half"]);
    let encoded = tx(home, "encode HOME/ours.json").await.unwrap();
    assert_eq!(encoded, tx(home, "encode HOME/theirs.json").await.unwrap());

    let to = keys(home, "show b -a");
    let aux = format!("bank send a {to} 500nqrn --aux {facts}");
    let ours: Value = serde_json::from_str(&tx(home, &aux).await.unwrap()).unwrap();
    assert_eq!(ours, vectors["aux"]);
}

#[tokio::test]
async fn a_contracts_message_is_json_within_json_as_in_wasmd() {
    let vectors: Value = serde_json::from_str(include_str!("../../tests/vectors/sdk_cli.json")).unwrap();
    let home = home(&vectors);
    let home = home.path();
    let facts = "--offline --chain-id quern-test-1 --account-number 7 --sequence 3";
    let text = |name: &str| vectors[name].as_str().unwrap().to_owned();
    fs::write(home.join("execute.json"), text("execute")).unwrap();
    for (n, mode) in ["direct", "amino-json"].into_iter().enumerate() {
        let sign = format!("sign HOME/execute.json --from a --sign-mode {mode} {facts}");
        let signed = tx(home, &sign).await.unwrap();
        assert_eq!(signed, vectors["execute_signed"][n], "{mode}");
        fs::write(home.join("signed.json"), signed).unwrap();
        let encoded = tx(home, "encode HOME/signed.json").await.unwrap();
        assert_eq!(encoded, vectors["execute_bytes"][n], "{mode}");
        let decoded = tx(home, &format!("decode {encoded} -o json")).await.unwrap();
        assert_eq!(decoded, vectors["execute_signed"][n], "{mode}");
    }
    // written by hand, with blanks, it is signed as it is shown
    let blanks = text("execute").replace("\"msg\":{", "\"msg\" : { \n ");
    assert_ne!(blanks, text("execute"));
    fs::write(home.join("blanks.json"), blanks).unwrap();
    let signed = tx(home, &format!("sign HOME/blanks.json --from a {facts}"))
        .await
        .unwrap();
    assert_eq!(signed, vectors["execute_signed"][0]);
    // what is made here is to the letter what wasmd makes
    let to = keys(home, "show b -a");
    let msg = r#"{"z":{"amount":340282366920938463463374607431768211455,"to":"<b>\u0020&\u0020\"c\""},"a":[1.0,null]}"#;
    let execute =
        format!("wasm execute {to} {msg} --amount 5nqrn --fees 10nqrn --from a --generate-only {facts}");
    let theirs = text("execute").replace("\\u003e \\u0026 ", "\\u003e\\u0020\\u0026\\u0020");
    assert_eq!(tx(home, &execute).await.unwrap(), theirs);
    let instantiate = format!(
        "wasm instantiate 3 {{\"name\":\"x\"}} --label label --admin {to} --fees 10nqrn --from a --generate-only {facts}"
    );
    let made = tx(home, &instantiate).await.unwrap();
    assert_eq!(made, vectors["instantiate"]);
    fs::write(home.join("made.json"), made).unwrap();
    let encoded = tx(home, "encode HOME/made.json").await.unwrap();
    assert_eq!(encoded, vectors["instantiate_bytes"]);
}

#[tokio::test]
async fn what_operators_type_of_staking_is_what_the_sdk_makes_of_it() {
    let vectors: Value = serde_json::from_str(include_str!("../../tests/vectors/sdk_cli.json")).unwrap();
    let home = home(&vectors);
    let home = home.path();
    let facts = "--offline --chain-id quern-test-1 --account-number 7 --sequence 3";
    let typed = vectors["typed"].as_object().unwrap();
    assert_eq!(typed.len(), 8);
    for (line, theirs) in typed {
        let ours = tx(
            home,
            &format!("{line} --from a --fees 10nqrn --generate-only {facts}"),
        )
        .await;
        assert_eq!(ours.unwrap(), *theirs, "{line}");
    }
    let account = keys(home, "show b -a");
    let wrong = format!("staking delegate {account} 5nqrn --from a --fees 10nqrn --generate-only {facts}");
    let failure = tx(home, &wrong).await.unwrap_err().to_string();
    assert!(failure.contains("--bech val"), "{failure}");
}
