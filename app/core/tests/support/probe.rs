//! A contract of a user that sends any message and asks the chain anything, and what it hears.

use base64::{Engine, engine::general_purpose::STANDARD};
use quern_core::App;
use quern_proto::{
    Any,
    cosmos::bank::v1beta1::{MsgSend, QueryBalanceRequest, QueryBalanceResponse},
    cosmwasm::wasm::v1::{
        MsgExecuteContract, QuerySmartContractStateRequest, QuerySmartContractStateResponse,
    },
};
use quern_testkit::{Chain, User, any};
use serde_json::{Value, json};
use tendermint_proto::v0_38::abci::ExecTxResult;

use super::{
    contract, deliver,
    staking::{done, nqrn},
};

pub fn send(chain: &mut Chain<App>, user: &User, message: Any) -> ExecTxResult {
    let tx = chain.tx(user).message(message).gas(20_000_000).sign(user);
    deliver(chain, tx)
}

/// A contract of a user that does what it is told, with coins of its own.
pub fn probe(chain: &mut Chain<App>, user: &User, amount: u128) -> String {
    let code = contract::stored(&send(chain, user, contract::store(user, "probe")));
    let address = contract::instantiated(&send(chain, user, contract::instantiate(user, code, "{}")));
    let funds = MsgSend {
        from_address: user.address().to_string(),
        to_address: address.clone(),
        amount: nqrn(amount).into_iter().collect(),
    };
    done(send(chain, user, any(&funds)));
    address
}

pub fn execute(user: &User, contract: &str, msg: &Value) -> Any {
    any(&MsgExecuteContract {
        sender: user.address().to_string(),
        contract: contract.into(),
        msg: msg.to_string().into_bytes(),
        funds: Vec::new(),
    })
}

/// Lets the contract send a message of its own, and hear what came of it.
pub fn act(chain: &mut Chain<App>, user: &User, contract: &str, msg: &Value) -> ExecTxResult {
    let sub = json!({"id": 1, "msg": msg, "gas_limit": null, "reply_on": "always", "payload": ""});
    let msg = execute(user, contract, &json!({"sub": {"msgs": [sub]}}));
    done(send(chain, user, msg))
}

pub fn smart(chain: &Chain<App>, contract: &str, question: &Value) -> Value {
    let request = QuerySmartContractStateRequest {
        address: contract.into(),
        query_data: question.to_string().into_bytes(),
    };
    let path = "/cosmwasm.wasm.v1.Query/SmartContractState";
    let answer: QuerySmartContractStateResponse = chain.query(path, &request).unwrap();
    serde_json::from_slice(&answer.data).unwrap()
}

/// What the contract heard of its last message.
pub fn reply(chain: &Chain<App>, contract: &str) -> Value {
    smart(chain, contract, &json!({"last_reply": {}}))
}

pub fn decoded(text: &Value) -> Vec<u8> {
    STANDARD
        .decode(text.as_str().unwrap_or_else(|| panic!("no answer but {text}")))
        .unwrap()
}

pub fn asking(query: &Value) -> Value {
    json!({"chain": {"request": STANDARD.encode(query.to_string())}})
}

/// The bytes that the chain answers a contract's query with.
pub fn told(chain: &Chain<App>, contract: &str, query: &Value) -> String {
    let heard = smart(chain, contract, &asking(query));
    assert!(heard["ok"]["ok"].is_string(), "{query} got {heard}");
    String::from_utf8(decoded(&heard["ok"]["ok"])).unwrap()
}

/// The code that the chain refuses a contract's query with.
pub fn refused(chain: &Chain<App>, contract: &str, query: &Value) -> String {
    let heard = smart(chain, contract, &asking(query));
    heard["ok"]["error"]
        .as_str()
        .unwrap_or_else(|| panic!("{query} got {heard}"))
        .to_owned()
}

pub fn balance(chain: &Chain<App>, address: &str) -> u128 {
    let request = QueryBalanceRequest {
        address: address.into(),
        denom: "nqrn".into(),
    };
    let path = "/cosmos.bank.v1beta1.Query/Balance";
    let found: QueryBalanceResponse = chain.query(path, &request).unwrap();
    found.balance.unwrap().amount.parse().unwrap()
}

pub fn coin(amount: u128) -> Value {
    json!({"denom": "nqrn", "amount": amount.to_string()})
}

pub fn delegate(to: &str, amount: u128) -> Value {
    json!({"staking": {"delegate": {"validator": to, "amount": coin(amount)}}})
}

pub fn undelegate(from: &str, amount: u128) -> Value {
    json!({"staking": {"undelegate": {"validator": from, "amount": coin(amount)}}})
}

pub fn redelegate(from: &str, to: &str, amount: u128) -> Value {
    json!({"staking": {"redelegate": {"src_validator": from, "dst_validator": to, "amount": coin(amount)}}})
}

pub fn delegation(of: &str, to: &str) -> Value {
    json!({"staking": {"delegation": {"delegator": of, "validator": to}}})
}

/// What a contract hears that asks the chain through so many calls of itself.
pub fn heard_below(chain: &Chain<App>, contract: &str, levels: u32, query: &Value) -> Value {
    let mut question = asking(query);
    for _ in 0..levels {
        let msg = STANDARD.encode(question.to_string());
        question = asking(&json!({"wasm": {"smart": {"contract_addr": contract, "msg": msg}}}));
    }
    let mut heard = smart(chain, contract, &question);
    for _ in 0..levels {
        heard = serde_json::from_slice(&decoded(&heard["ok"]["ok"])).unwrap();
    }
    heard
}
