//! Accounts and the token of a running chain, over REST as any client asks.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use quern_proto::Any;
use quern_proto::cosmwasm::wasm::v1::{MsgInstantiateContract, MsgStoreCode};
use quern_testkit::{TxBuilder, User, any};
use serde_json::json;

use super::http::{self, Client, post_request};
use super::node::{Node, number};

/// Users with names of this bench.
pub fn people(count: usize) -> Vec<User> {
    (0..count).map(|i| User::new(&format!("bench {i}"))).collect()
}

/// Number and sequence of an account.
pub fn account(node: &Node, user: &User) -> Option<(u64, u64)> {
    let path = format!("/cosmos/auth/v1beta1/accounts/{}", user.address());
    let answer = http::get(node.rest, &path).ok()?;
    let account = answer.get("account")?;
    Some((number(&account["account_number"])?, number(&account["sequence"])?))
}

/// Numbers of accounts.
pub fn numbers(node: &mut Node, users: &[User]) -> Vec<u64> {
    node.wait("its REST server", |node| account(node, &users[0]).is_some());
    let number = |user| account(node, user).expect("an account").0;
    users.iter().map(number).collect()
}

/// Stores the token's code and makes an instance in which all holders have some. Returns its address.
pub fn token(node: &mut Node, code: &[u8], deployer: &User, holders: &[User]) -> String {
    let balances: Vec<_> = holders
        .iter()
        .map(|user| json!({"address": user.address().to_string(), "amount": "1000000000"}))
        .collect();
    let init = json!({"name": "Bench", "symbol": "BENCH", "decimals": 6, "initial_balances": balances});
    let sender = deployer.address().to_string();
    execute(
        node,
        deployer,
        any(&MsgStoreCode {
            sender: sender.clone(),
            wasm_byte_code: code.to_vec(),
            instantiate_permission: None,
        }),
    );
    execute(
        node,
        deployer,
        any(&MsgInstantiateContract {
            sender,
            admin: String::new(),
            code_id: 1,
            label: "bench".into(),
            msg: init.to_string().into_bytes(),
            funds: vec![],
        }),
    );
    let made = http::get(node.rest, "/cosmwasm/wasm/v1/code/1/contracts").expect("an answer");
    let address = made.pointer("/contracts/0").and_then(|address| address.as_str());
    address
        .unwrap_or_else(|| panic!("no contract: {made}"))
        .to_owned()
}

/// One transaction, through the mempool and into a block.
fn execute(node: &mut Node, user: &User, message: Any) {
    let (number, sequence) = account(node, user).expect("an account");
    let tx = TxBuilder::new(number, sequence).gas(100_000_000).message(message);
    let tx = STANDARD.encode(tx.fee("5000nqrn").sign(user));
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "broadcast_tx_sync", "params": {"tx": tx}});
    let mut client = Client::connect(node.rpc).expect("it listens");
    let (_, body) = client.send(&post_request(&call.to_string())).expect("an answer");
    let answer: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(answer.pointer("/result/code"), Some(&json!(0)), "{answer}");
    node.wait("a transaction", |node| {
        account(node, user).is_some_and(|(_, now)| now > sequence)
    });
}
