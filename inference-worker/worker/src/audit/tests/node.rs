//! A node that speaks CometBFT's RPC and makes a block now and then, when somebody asks for the height.

use super::CHAIN;
use super::contract::Contracts;
use super::receipts::beacon;
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cosmrs::Any;
use cosmrs::cosmwasm::MsgExecuteContract;
use cosmrs::proto::cosmos::auth::v1beta1::{BaseAccount, QueryAccountResponse};
use cosmrs::proto::cosmos::base::abci::v1beta1::GasInfo;
use cosmrs::proto::cosmos::tx::v1beta1::{SimulateRequest, SimulateResponse, TxBody, TxRaw};
use cosmrs::proto::cosmwasm::wasm::v1::{QuerySmartContractStateRequest, QuerySmartContractStateResponse};
use cosmrs::proto::prost::Message;
use cosmrs::tx::Msg;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

/// Time between two blocks.
const BLOCK: Duration = Duration::from_millis(150);

/// The chain.
#[derive(Default)]
pub(crate) struct Node {
    pub(super) contracts: Contracts,
    included: BTreeSet<String>,
    block: Option<Instant>,
}

pub(crate) type Shared = Arc<Mutex<Node>>;

pub(crate) fn status() -> Value {
    let hash = "2".repeat(64);
    json!({
        "node_info": {"protocol_version": {"p2p": "8", "block": "11", "app": "0"}, "id": "3".repeat(40),
            "listen_addr": "tcp://127.0.0.1:1", "network": CHAIN, "version": "0.38.26", "channels": "40",
            "moniker": "n", "other": {"tx_index": "on", "rpc_address": "tcp://127.0.0.1:2"}},
        "sync_info": {"latest_block_hash": hash, "latest_app_hash": hash, "latest_block_height": "5",
            "latest_block_time": "2026-11-22T03:55:11Z", "earliest_block_hash": hash, "earliest_app_hash": "",
            "earliest_block_height": "1", "earliest_block_time": "2026-11-22T03:36:15Z", "catching_up": false},
        "validator_info": {"address": "B".repeat(40), "pub_key": {"type": "tendermint/PubKeyEd25519",
            "value": "U8roxYKW/1+jeANT0uAiBSloruaLmIzx9WW2u48CzzE="}, "voting_power": "1"}
    })
}

fn messages(tx: &[u8]) -> Vec<MsgExecuteContract> {
    let raw = TxRaw::decode(tx).unwrap();
    let body = TxBody::decode(&raw.body_bytes[..]).unwrap();
    let message = |any: &Any| MsgExecuteContract::from_any(any).unwrap();
    body.messages.iter().map(message).collect()
}

impl Node {
    /// A transaction takes effect whole or not at all.
    fn execute(&mut self, tx: &[u8], keep: bool) -> Result<(), String> {
        let mut contracts = self.contracts.clone();
        for message in messages(tx) {
            contracts.execute(message.contract.as_ref(), &message.msg)?;
        }
        if keep {
            self.contracts = contracts;
        }
        Ok(())
    }

    fn query(&mut self, path: &str, data: &[u8]) -> Result<Vec<u8>, String> {
        Ok(match path.rsplit('/').next().unwrap() {
            "SmartContractState" => {
                let request = QuerySmartContractStateRequest::decode(data).unwrap();
                let question = serde_json::from_slice(&request.query_data).unwrap();
                let data = self
                    .contracts
                    .answer(&request.address, &question)?
                    .to_string()
                    .into_bytes();
                QuerySmartContractStateResponse { data }.encode_to_vec()
            }
            "Beacon" => [&[0x0a, 32][..], &beacon().0].concat(),
            "Account" => {
                let account = BaseAccount {
                    account_number: 3,
                    ..BaseAccount::default()
                };
                let account = Some(Any {
                    type_url: String::new(),
                    value: account.encode_to_vec(),
                });
                QueryAccountResponse { account }.encode_to_vec()
            }
            "Simulate" => {
                let request = SimulateRequest::decode(data).unwrap();
                self.execute(&request.tx_bytes, false)?;
                let gas_info = Some(GasInfo {
                    gas_wanted: 0,
                    gas_used: 100_000,
                });
                let result = None;
                SimulateResponse { gas_info, result }.encode_to_vec()
            }
            other => panic!("unexpected query of {other}"),
        })
    }

    fn answer(&mut self, request: &Value) -> Result<Value, Value> {
        let params = &request["params"];
        let bytes = |value: &Value| STANDARD.decode(value.as_str().unwrap()).unwrap();
        let height = self.contracts.height.to_string();
        match request["method"].as_str().unwrap() {
            "status" => Ok(status()),
            "abci_info" => {
                if self.block.is_none_or(|block| block.elapsed() > BLOCK) {
                    self.contracts.height += 1;
                    self.block = Some(Instant::now());
                }
                let height = self.contracts.height.to_string();
                Ok(json!({"response": {"data": "", "version": "", "app_version": "0",
                    "last_block_height": height, "last_block_app_hash": ""}}))
            }
            "abci_query" => {
                let data = hex::decode(params["data"].as_str().unwrap()).unwrap();
                let (code, log, value) = match self.query(params["path"].as_str().unwrap(), &data) {
                    Ok(value) => (0, String::new(), STANDARD.encode(value)),
                    Err(log) => (5, log, String::new()),
                };
                Ok(
                    json!({"response": {"code": code, "log": log, "info": "", "index": "0", "key": null,
                    "value": value, "proofOps": null, "height": height, "codespace": "wasm"}}),
                )
            }
            "broadcast_tx_sync" => {
                let tx = bytes(&params["tx"]);
                let hash = hex::encode_upper(Sha256::digest(&tx));
                self.execute(&tx, true).unwrap();
                self.included.insert(hash.clone());
                Ok(json!({"code": 0, "data": "", "log": "", "codespace": "", "hash": hash}))
            }
            "tx" => {
                let hash = hex::encode_upper(bytes(&params["hash"]));
                if !self.included.contains(&hash) {
                    return Err(json!({"code": -32603, "message": "Internal error", "data": "tx not found"}));
                }
                Ok(json!({"hash": hash, "height": height, "index": 0, "tx": "",
                    "tx_result": {"code": 0, "data": "", "log": "", "info": "", "gas_wanted": "1",
                        "gas_used": "1", "events": [], "codespace": ""}}))
            }
            other => panic!("unexpected call of {other}"),
        }
    }
}

async fn rpc(State(node): State<Shared>, body: String) -> Json<Value> {
    let request: Value = serde_json::from_str(&body).unwrap();
    let result = node.lock().unwrap().answer(&request);
    Json(match result {
        Ok(result) => json!({"jsonrpc": "2.0", "id": request["id"], "result": result}),
        Err(error) => json!({"jsonrpc": "2.0", "id": request["id"], "error": error}),
    })
}

/// Starts a node; answers its address.
pub(crate) async fn start() -> (String, Shared) {
    let node = Shared::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/", post(rpc)).with_state(node.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, node)
}
