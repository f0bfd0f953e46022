//! Transactions made and signed without a node.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

use std::{fs, path::Path};

use clap::Parser;
use k256::ecdsa::{Signature, VerifyingKey, signature::Verifier};
use prost::Message;
use quern_proto::cosmos::{
    bank::v1beta1::MsgSend,
    tx::v1beta1::{AuthInfo, SignDoc, TxBody, TxRaw},
};
use quern_wallet::{Failure, KeysCommand, SigningKey, TxCommand};

const WORDS: &str = "special sign fit simple patrol salute grocery chicken wheat radar tonight ceiling";

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

fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("password"), "correct horse").unwrap();
    let password = home.path().join("password").display().to_string();
    Keys::try_parse_from(["keys", "add", "alice", "--password-file", &password])
        .unwrap()
        .command
        .run(home.path())
        .unwrap();
    home
}

async fn tx(home: &Path, args: &str) -> Result<String, Failure> {
    let password = home.join("password").display().to_string();
    let args = args.replace("HOME", &home.display().to_string());
    let all = std::iter::once("tx")
        .chain(args.split_whitespace())
        .chain(["--password-file", &password]);
    Tx::try_parse_from(all).unwrap().command.run(home).await
}

fn receiver() -> String {
    SigningKey::from_mnemonic(WORDS, quern_wallet::DEFAULT_PATH)
        .unwrap()
        .address()
        .to_string()
}

/// Decodes signed JSON through `tx encode` and checks the signature over exactly these bytes.
async fn verified(
    home: &Path,
    signed: &str,
    chain_id: &str,
    account_number: u64,
) -> (TxBody, AuthInfo, bool) {
    use base64::{Engine, engine::general_purpose::STANDARD};
    fs::write(home.join("signed.json"), signed).unwrap();
    let bytes = STANDARD
        .decode(tx(home, "encode HOME/signed.json").await.unwrap())
        .unwrap();
    let raw = TxRaw::decode(bytes.as_slice()).unwrap();
    let body = TxBody::decode(raw.body_bytes.as_slice()).unwrap();
    let auth_info = AuthInfo::decode(raw.auth_info_bytes.as_slice()).unwrap();
    let doc = SignDoc {
        body_bytes: raw.body_bytes,
        auth_info_bytes: raw.auth_info_bytes,
        chain_id: chain_id.into(),
        account_number,
    };
    let any = auth_info.signer_infos[0].public_key.clone().unwrap();
    let key = quern_proto::cosmos::crypto::secp256k1::PubKey::decode(any.value.as_slice()).unwrap();
    let key = VerifyingKey::from_sec1_bytes(&key.key).unwrap();
    let signature = Signature::from_slice(&raw.signatures[0]).unwrap();
    (
        body,
        auth_info,
        key.verify(&doc.encode_to_vec(), &signature).is_ok(),
    )
}

#[tokio::test]
async fn a_transaction_is_made_signed_and_encoded_in_three_steps() {
    let home = home();
    let (home, to) = (home.path(), receiver());
    let unsigned = tx(
        home,
        &format!(
            "bank send {to} 5nqrn --from alice --generate-only --offline --gas-prices 0.025nqrn --memo hi"
        ),
    )
    .await
    .unwrap();
    fs::write(home.join("unsigned.json"), unsigned).unwrap();
    let sign =
        "sign HOME/unsigned.json --from alice --offline --chain-id quern-1 --account-number 7 --sequence 3";
    let signed = tx(home, sign).await.unwrap();
    let (body, auth_info, holds) = verified(home, &signed, "quern-1", 7).await;
    assert!(holds);
    assert_eq!(body.memo, "hi");
    let send = MsgSend::decode(body.messages[0].value.as_slice()).unwrap();
    assert_eq!(
        (send.to_address.as_str(), send.amount[0].amount.as_str()),
        (to.as_str(), "5")
    );
    assert_eq!(auth_info.signer_infos[0].sequence, 3);
    let fee = auth_info.fee.unwrap();
    assert_eq!((fee.gas_limit, fee.amount[0].amount.as_str()), (200_000, "5000"));
    assert!(
        !verified(home, &signed, "quern-2", 7).await.2,
        "the signature is for one chain"
    );
    assert!(
        !verified(home, &signed, "quern-1", 8).await.2,
        "and for one account"
    );
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let home = home();
    let to = receiver();
    for (args, text) in [
        (format!("bank send {to} 5nqrn --offline"), "--from"),
        (
            format!("bank send {to} 5nqrn --from alice --offline"),
            "--chain-id",
        ),
        (
            format!("bank send {to} 5nqrn --from alice --offline --chain-id q-1"),
            "--account-number",
        ),
        (
            format!("bank send {to} 5nqrn --from alice --offline --chain-id q-1 -a 1 -s 1 --gas auto"),
            "--gas auto needs a node",
        ),
        (
            format!("bank send {to} 0nqrn --from alice --offline"),
            "amount is zero",
        ),
        (
            "bank send cosmos17xpfvakm2amg962yls6f84z3kell8c5lserqta 5nqrn --from alice".into(),
            "expected quern",
        ),
        (format!("wasm execute {to} {{ --from alice --offline"), "no JSON"),
        (
            "wasm store HOME/password --from alice --offline".into(),
            "neither WebAssembly nor gzip",
        ),
        ("encode HOME/password".into(), "no Tx in JSON"),
        ("decode AAAA".into(), "no transaction"),
    ] {
        let failure = tx(home.path(), &args).await.unwrap_err();
        assert_eq!(failure.exit_code(), 2, "{args}: {failure}");
        assert!(failure.to_string().contains(text), "{args}: {failure}");
    }
    let stranger = format!("bank send {to} 5nqrn --from nobody --offline --chain-id q-1 -a 1 -s 1");
    assert_eq!(tx(home.path(), &stranger).await.unwrap_err().exit_code(), 5);
}

#[tokio::test]
async fn a_node_that_is_not_there_is_told_from_other_failures() {
    let home = home();
    let args = format!(
        "bank send {} 5nqrn --from alice --chain-id q-1 --node tcp://127.0.0.1:1 -y",
        receiver()
    );
    assert_eq!(tx(home.path(), &args).await.unwrap_err().exit_code(), 4);
}
