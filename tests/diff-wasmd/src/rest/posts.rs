//! Requests with a body: simulation, and transactions taken apart and put together.

use std::net::SocketAddr;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::cases::Case;
use super::client::ask;

const SIMULATE: &str = "POST /cosmos/tx/v1beta1/simulate";
const DECODE: &str = "POST /cosmos/tx/v1beta1/decode";
const ENCODE: &str = "POST /cosmos/tx/v1beta1/encode";
const ENCODE_AMINO: &str = "POST /cosmos/tx/v1beta1/encode/amino";
const DECODE_AMINO: &str = "POST /cosmos/tx/v1beta1/decode/amino";

/// Transactions as bytes.
pub type Samples = Vec<Vec<u8>>;

/// Bodies that are no request, for every route that takes one.
const BODIES: [&str; 12] = [
    "",
    "{}",
    "null",
    "[]",
    "\"text\"",
    "{",
    "{\"nosuch\":1}",
    "{\"tx_bytes\":1}",
    "{\"tx_bytes\":\"!!\"}",
    "{\"tx_bytes\":\"AQID\"}",
    "{\"tx_bytes\":\"\"}",
    "{\"tx\":{\"body\":{\"messages\":[{\"@type\":\"/no.such.Msg\"}]}}}",
];

/// All of them but those that need an answer first.
pub fn cases(samples: &Samples) -> Vec<Case> {
    let mut cases = Vec::new();
    for route in [SIMULATE, DECODE, ENCODE, ENCODE_AMINO, DECODE_AMINO] {
        cases.extend(BODIES.iter().map(|body| Case::post(route, (*body).to_owned())));
    }
    for tx in samples {
        let body = json!({"tx_bytes": STANDARD.encode(tx)}).to_string();
        cases.push(Case::post(SIMULATE, body.clone()));
        cases.push(Case::post(DECODE, body));
    }
    for text in ["", "!!", "AQID", "KBJW"] {
        cases.push(Case::post(
            DECODE_AMINO,
            json!({"amino_binary": text}).to_string(),
        ));
    }
    for text in ["", "{}", "{\"type\":\"cosmos-sdk/StdTx\"}", "no JSON"] {
        cases.push(Case::post(ENCODE_AMINO, json!({"amino_json": text}).to_string()));
    }
    cases
}

/// What wasmd takes apart, to be put together by both.
pub fn encodings(theirs: SocketAddr, samples: &Samples) -> Vec<Case> {
    let mut cases = Vec::new();
    for tx in samples {
        let body = json!({"tx_bytes": STANDARD.encode(tx)}).to_string();
        let answer = ask(theirs, &Case::post(DECODE, body)).expect("an answer");
        let Ok(found) = serde_json::from_slice::<Value>(&answer.body) else {
            continue;
        };
        if let Some(tx) = found.get("tx") {
            cases.push(Case::post(ENCODE, json!({"tx": tx}).to_string()));
            cases.push(Case::post(SIMULATE, json!({"tx": tx}).to_string()));
        }
    }
    cases
}
