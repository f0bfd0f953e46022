//! Nodes that are dead, of another chain, or lose their answers. A node here is a JSON-RPC server with a script; the
//! client is the real one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at a surprise"
)]

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cosmrs::Any;
use cosmrs::proto::cosmos::auth::v1beta1::{BaseAccount, QueryAccountResponse};
use cosmrs::proto::cosmos::base::abci::v1beta1::GasInfo;
use cosmrs::proto::cosmos::tx::v1beta1::SimulateResponse;
use cosmrs::proto::prost::Message;
use cosmrs::tx::Tx;
use quern_chain_client::{Call, Chain, ChainError, Fees, Outcome, SigningKey};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;

/// What a node does with a transaction that it gets.
#[derive(Clone, Copy, PartialEq)]
enum Habit {
    /// Includes it and says so.
    Honest,
    /// Includes it, but the answer to the broadcast never arrives.
    LosesAnswers,
    /// Takes it and forgets it.
    Forgets,
    /// Wants another sequence the first time.
    WrongSequenceOnce,
    /// Includes it; it fails.
    Fails,
}

struct Node {
    chain: &'static str,
    habit: Habit,
    height: u64,
    sequence: u64,
    sent: Vec<Tx>,
    included: Vec<String>,
}

type Shared = Arc<Mutex<Node>>;

fn status(node: &Node) -> Value {
    let hash = "2".repeat(64);
    json!({
        "node_info": {"protocol_version": {"p2p": "8", "block": "11", "app": "0"}, "id": "3".repeat(40),
            "listen_addr": "tcp://127.0.0.1:1", "network": node.chain, "version": "0.38.26", "channels": "40",
            "moniker": "n", "other": {"tx_index": "on", "rpc_address": "tcp://127.0.0.1:2"}},
        "sync_info": {"latest_block_hash": hash, "latest_app_hash": hash, "latest_block_height": "5",
            "latest_block_time": "2026-11-22T03:55:11Z", "earliest_block_hash": hash, "earliest_app_hash": "",
            "earliest_block_height": "1", "earliest_block_time": "2026-11-22T03:36:15Z", "catching_up": false},
        "validator_info": {"address": "B".repeat(40), "pub_key": {"type": "tendermint/PubKeyEd25519",
            "value": "U8roxYKW/1+jeANT0uAiBSloruaLmIzx9WW2u48CzzE="}, "voting_power": "1"}
    })
}

fn answer(node: &mut Node, request: &Value) -> Result<Value, Value> {
    let refusal = |text: &str| Err(json!({"code": -32603, "message": "Internal error", "data": text}));
    match request["method"].as_str().unwrap() {
        "status" => Ok(status(node)),
        "abci_info" => {
            node.height += 1;
            let height = node.height.to_string();
            Ok(
                json!({"response": {"data": "", "version": "", "app_version": "0", "last_block_height": height,
                "last_block_app_hash": ""}}),
            )
        }
        "abci_query" => {
            let path = request["params"]["path"].as_str().unwrap();
            let bytes = if path.ends_with("Account") {
                let account = BaseAccount {
                    account_number: 3,
                    sequence: node.sequence,
                    ..BaseAccount::default()
                };
                QueryAccountResponse {
                    account: Some(Any {
                        type_url: String::new(),
                        value: account.encode_to_vec(),
                    }),
                }
                .encode_to_vec()
            } else {
                let gas_info = Some(GasInfo {
                    gas_wanted: 0,
                    gas_used: 100_000,
                });
                SimulateResponse {
                    gas_info,
                    result: None,
                }
                .encode_to_vec()
            };
            Ok(
                json!({"response": {"code": 0, "log": "", "info": "", "index": "0", "key": null,
                "value": STANDARD.encode(&bytes), "proofOps": null, "height": "5", "codespace": ""}}),
            )
        }
        "broadcast_tx_sync" => {
            let bytes = STANDARD
                .decode(request["params"]["tx"].as_str().unwrap())
                .unwrap();
            let tx = Tx::from_bytes(&bytes).unwrap();
            node.sent.push(tx);
            let hash = "A".repeat(64);
            if node.habit == Habit::WrongSequenceOnce && node.sent.len() == 1 {
                node.sequence += 1;
                return Ok(
                    json!({"code": 32, "data": "", "log": "account sequence mismatch", "codespace": "sdk",
                    "hash": hash}),
                );
            }
            if node.habit != Habit::Forgets {
                node.included.push(hash.clone());
            }
            if node.habit == Habit::LosesAnswers {
                return Ok(json!("rubbish"));
            }
            Ok(json!({"code": 0, "data": "", "log": "", "codespace": "", "hash": hash}))
        }
        "tx" if node.included.is_empty() => refusal("tx (AA) not found"),
        "tx" => {
            let code = if node.habit == Habit::Fails { 5 } else { 0 };
            let event =
                json!({"type": "wasm", "attributes": [{"key": "session", "value": "7", "index": true}]});
            Ok(
                json!({"hash": "A".repeat(64), "height": "9", "index": 0, "tx": "",
                "tx_result": {"code": code, "data": "", "log": "no", "info": "", "gas_wanted": "1", "gas_used": "1",
                    "events": [event], "codespace": "wasm"}}),
            )
        }
        other => panic!("unexpected call of {other}"),
    }
}

async fn rpc(State(node): State<Shared>, body: String) -> Json<Value> {
    let request: Value = serde_json::from_str(&body).unwrap();
    let result = answer(&mut node.lock().unwrap(), &request);
    Json(match result {
        Ok(result) => json!({"jsonrpc": "2.0", "id": request["id"], "result": result}),
        Err(error) => json!({"jsonrpc": "2.0", "id": request["id"], "error": error}),
    })
}

async fn start(chain: &'static str, habit: Habit) -> (String, Shared) {
    let node = Node {
        chain,
        habit,
        height: 5,
        sequence: 8,
        sent: Vec::new(),
        included: Vec::new(),
    };
    let node = Arc::new(Mutex::new(node));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/", post(rpc)).with_state(node.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, node)
}

fn key() -> SigningKey {
    SigningKey::from_secret([7; 32].into()).unwrap()
}

async fn execute(habit: Habit) -> (Result<Outcome, ChainError>, Shared) {
    let (url, node) = start("quern-1", habit).await;
    let chain = Chain::new("quern-1", &[url]).unwrap();
    let contract = key().address().unwrap();
    let call = Call::new(&contract, &json!({"close": {"session": 1}})).unwrap();
    let fees = Fees {
        denom: "nqrn".into(),
        per_thousand_gas: 10,
    };
    (chain.execute(&key(), &fees, &[call]).await, node)
}

#[tokio::test]
async fn a_call_that_is_included_pays_for_simulated_gas_and_has_a_last_height() {
    let (outcome, node) = execute(Habit::Honest).await;
    let outcome = outcome.unwrap();
    assert_eq!(outcome.attribute("wasm", "session"), Some("7"));
    assert!(matches!(outcome, Outcome::Included { height: 9, .. }));
    let node = node.lock().unwrap();
    let tx = &node.sent[0];
    assert_eq!(tx.auth_info.fee.gas_limit, 170_000);
    assert_eq!(tx.auth_info.fee.amount[0].amount, 1_700);
    assert_eq!(tx.auth_info.signer_infos[0].sequence, 8);
    assert!(tx.body.timeout_height.value() > 5);
}

#[tokio::test]
async fn a_call_that_fails_in_its_block_is_told_apart_from_one_that_never_came_into_one() {
    let (outcome, _) = execute(Habit::Fails).await;
    assert!(matches!(
        outcome.unwrap(),
        Outcome::Failed {
            code: 5,
            height: 9,
            ..
        }
    ));
    // The chain goes past the last height without it.
    let (outcome, node) = execute(Habit::Forgets).await;
    assert!(matches!(outcome.unwrap(), Outcome::Expired { .. }));
    let node = node.lock().unwrap();
    assert!(node.height > node.sent[0].body.timeout_height.value());
}

#[tokio::test]
async fn a_lost_answer_to_a_broadcast_is_not_taken_for_a_failure() {
    let (outcome, _) = execute(Habit::LosesAnswers).await;
    assert!(matches!(outcome.unwrap(), Outcome::Included { .. }));
}

#[tokio::test]
async fn a_used_sequence_is_asked_for_again() {
    let (outcome, node) = execute(Habit::WrongSequenceOnce).await;
    assert!(matches!(outcome.unwrap(), Outcome::Included { .. }));
    let sequences: Vec<u64> = node
        .lock()
        .unwrap()
        .sent
        .iter()
        .map(|tx| tx.auth_info.signer_infos[0].sequence)
        .collect();
    assert_eq!(sequences, [8, 9]);
}

#[tokio::test]
async fn a_dead_node_and_a_node_of_another_chain_are_passed_over_and_named_if_no_other_is_left() {
    let (good, _) = start("quern-1", Habit::Honest).await;
    let (other, other_node) = start("quern-2", Habit::Honest).await;
    let dead = "http://127.0.0.1:1".to_owned();
    let chain = Chain::new("quern-1", &[dead.clone(), other.clone(), good]).unwrap();
    assert!(chain.height().await.unwrap() > 5);
    assert_eq!(other_node.lock().unwrap().height, 5, "the other chain was asked");
    let chain = Chain::new("quern-1", &[other]).unwrap();
    let error = chain.height().await.unwrap_err();
    assert!(
        matches!(&error, ChainError::WrongChain { found, .. } if found == "quern-2"),
        "{error}"
    );
    let chain = Chain::new("quern-1", &[dead]).unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(20), chain.height())
        .await
        .unwrap();
    assert!(matches!(answer, Err(ChainError::Unreachable(_))));
    assert!(matches!(Chain::new("quern-1", &[]), Err(ChainError::Address(_))));
}
