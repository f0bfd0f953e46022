//! `tests/vectors/std_tx.json` is what wasmd 0.61.14 made of these transactions (`tests/vectors/std_tx.py`).

use prost::Message;
use quern_proto::cosmos::tx::v1beta1::TxEncodeAminoRequest;
use serde_json::Value;

use super::{MAX_BYTES, encode, to_binary, to_json};

fn vectors() -> Vec<Value> {
    serde_json::from_str(include_str!("../../../tests/vectors/std_tx.json")).unwrap()
}

#[test]
fn both_directions_are_the_sdks_to_the_byte() {
    let vectors = vectors();
    let (mut done, mut refused) = (0, 0);
    for vector in &vectors {
        let name = &vector["name"];
        let binary = to_binary(vector["json"].as_str().unwrap());
        if vector["error"]
            .as_str()
            .is_some_and(|error| error.starts_with("runtime error"))
        {
            continue; // wasmd panics there
        }
        let Some(theirs) = vector["binary"].as_str() else {
            assert!(binary.is_err(), "{name} is refused: {}", vector["error"]);
            refused += 1;
            continue;
        };
        let binary = binary.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(hex::encode(&binary), theirs, "{name}");
        let Some(theirs) = vector["back"].as_str() else {
            assert!(
                to_json(&binary).is_err(),
                "{name} is refused: {}",
                vector["error"]
            );
            continue;
        };
        assert_eq!(to_json(&binary).unwrap(), theirs, "{name}");
        done += 1;
    }
    assert!(done > 40 && refused > 3, "{done} done, {refused} refused");
}

#[test]
fn whatever_is_cut_or_changed_is_an_answer_or_a_refusal() {
    for vector in vectors() {
        let Some(binary) = vector["binary"].as_str() else {
            continue;
        };
        let binary = hex::decode(binary).unwrap();
        for at in 0..binary.len() {
            let _ = to_json(&binary[..at]);
            let mut changed = binary.clone();
            changed[at] = changed[at].wrapping_add(0x55);
            if let Ok(json) = to_json(&changed) {
                to_binary(&json)
                    .unwrap_or_else(|error| panic!("what was read is not written again: {error}: {json}"));
            }
        }
        let json = vector["json"].as_str().unwrap();
        for at in (0..json.len()).filter(|at| json.is_char_boundary(*at)) {
            assert!(to_binary(&json[..at]).is_err());
        }
    }
}

#[test]
fn a_few_bytes_do_not_become_many_values() {
    let mut binary = to_binary(r#"{"type":"cosmos-sdk/StdTx","value":{}}"#).unwrap();
    // signatures, each of no byte
    binary.extend([0x1a, 0x00].repeat(1 << 20));
    assert!(to_json(&binary).unwrap_err().contains("too many values"));
    let many = vec!["null"; 1 << 20].join(",");
    let json = format!(r#"{{"type":"cosmos-sdk/StdTx","value":{{"signatures":[{many}]}}}}"#);
    assert!(to_binary(&json).unwrap_err().contains("too many values"));
}

#[test]
fn what_is_nested_is_passed_no_more_often_than_it_is_short() {
    let nested = |depth: usize, grantee: usize| {
        let grantee = "g".repeat(grantee);
        let mut msg =
            format!(r#"{{"type":"cosmos-sdk/MsgExec","value":{{"grantee":"{grantee}","msgs":[]}}}}"#);
        for _ in 1..depth {
            msg = format!(r#"{{"type":"cosmos-sdk/MsgExec","value":{{"grantee":"","msgs":[{msg}]}}}}"#);
        }
        to_binary(&format!(
            r#"{{"type":"cosmos-sdk/StdTx","value":{{"msg":[{msg}]}}}}"#
        ))
    };
    // what a node's mempool takes, and as much as this takes, without messages in messages
    for length in [1 << 20, MAX_BYTES - 1000] {
        nested(1, length).unwrap();
    }
    nested(3, 1 << 20).unwrap();
    nested(30, 100 << 10).unwrap();
    assert!(
        nested(30, 1 << 20)
            .unwrap_err()
            .contains("how deeply it is nested")
    );
}

#[test]
fn what_is_nested_without_end_or_longer_than_a_transaction_is_refused() {
    let mut msg = r#"{"type":"cosmos-sdk/MsgSend","value":{}}"#.to_owned();
    for _ in 0..100 {
        msg = format!(r#"{{"type":"cosmos-sdk/MsgExec","value":{{"grantee":"","msgs":[{msg}]}}}}"#);
    }
    let json = format!(r#"{{"type":"cosmos-sdk/StdTx","value":{{"msg":[{msg}]}}}}"#);
    assert!(to_binary(&json).unwrap_err().contains("nested too deeply"));
    let long = TxEncodeAminoRequest {
        amino_json: " ".repeat(MAX_BYTES + 1),
    };
    assert!(
        encode(&long.encode_to_vec())
            .unwrap_err()
            .message()
            .contains("longer than")
    );
}
