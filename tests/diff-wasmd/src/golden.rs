//! What wasmd says to each common mistake, as vectors that this chain is held to by a test of its own.
//!
//! Each transaction stands as its body, its fee and what is done to it when it is signed, as account numbers differ. They
//! are sent in order, one in a block, by one sender; the price of gas is the mempool's alone.

use std::path::Path;

use base64::{Engine, engine::general_purpose::STANDARD};
use prost::Message;
use quern_proto::Any;
use quern_proto::cosmos::{
    auth::v1beta1::{MsgUpdateParams, QueryAccountRequest},
    authz::v1beta1::{MsgExec, MsgRevoke},
    bank::v1beta1::{MsgSend, QueryBalanceRequest, QueryDenomMetadataRequest},
    base::v1beta1::Coin,
    crypto::ed25519::PubKey,
    feegrant::v1beta1::MsgRevokeAllowance,
    gov::v1::{MsgDeposit, MsgSubmitProposal, MsgVote, QueryProposalRequest},
    gov::v1beta1,
    staking::v1beta1::{CommissionRates, Description, MsgCreateValidator},
};
use quern_proto::cosmwasm::wasm::v1::{
    MsgExecuteContract, MsgInstantiateContract, MsgMigrateContract, MsgStoreCode, MsgUnpinCodes,
    QueryContractInfoRequest, QuerySmartContractStateRequest,
};
use quern_testkit::{GENESIS_TIME, Genesis, Mangle, TxBuilder, User, any, bank_send};
use serde_json::{Value, json};

use crate::questions::account;
use crate::wasmd::Program;

/// Price of gas at the mempool.
const PRICE: &str = "0.01nqrn";

struct Mistake {
    name: &'static str,
    tx: TxBuilder,
    mangle: Mangle,
}

/// Sends all of it to wasmd and writes its answers.
pub fn write(program: &Program, file: &Path) {
    let alice = User::new("alice");
    let genesis = Genesis::new().fund(&alice, "1000000nqrn");
    let (_node, mut chain) = program.start(&genesis, PRICE);
    chain.empty_blocks(2);
    let mut txs = Vec::new();
    for Mistake { name, tx, mangle } in mistakes(&alice) {
        let base = account(&chain, &alice.address().to_string()).expect("an account");
        let bytes = mangle.sign(&tx, &alice, base.account_number, base.sequence);
        let check = chain.check(&bytes);
        let block = chain.block([bytes]).tx_results.remove(0);
        txs.push(json!({
            "name": name,
            "body": STANDARD.encode(tx.body.encode_to_vec()),
            "fee": STANDARD.encode(tx.fee.encode_to_vec()),
            "mangle": format!("{mangle:?}"),
            "mempool": said(&check.codespace, check.code, &check.log),
            "block": said(&block.codespace, block.code, &block.log),
        }));
    }
    let asked = questions().into_iter().map(|(path, request)| {
        let answer = chain.query_raw(path, request.clone(), 0, false);
        json!({
            "path": path,
            "request": STANDARD.encode(request),
            "answer": said(&answer.codespace, answer.code, &answer.log),
        })
    });
    let asked: Vec<Value> = asked.collect();
    let all = json!({
        "made by": "wasmd 0.61.14, Cosmos SDK 0.53: scripts/diff-wasmd.sh --golden FILE",
        "price": PRICE,
        "account number": account(&chain, &alice.address().to_string()).expect("an account").account_number,
        "transactions": txs,
        "queries": asked,
    });
    let text = serde_json::to_string_pretty(&all).expect("JSON");
    std::fs::write(file, text + "\n").expect("the file is written");
    println!(
        "{} transactions and {} queries in {}",
        txs.len(),
        asked.len(),
        file.display()
    );
}

/// A stack follows where wasmd panics.
fn said(codespace: &str, code: u32, log: &str) -> Value {
    let log = log.split("\nstack:").next().unwrap_or_default();
    json!({"codespace": codespace, "code": code, "log": log})
}

fn coin(denom: &str, amount: &str) -> Coin {
    Coin {
        denom: denom.into(),
        amount: amount.into(),
    }
}

fn mistakes(alice: &User) -> Vec<Mistake> {
    let mut all = envelopes(alice);
    all.extend(contents(alice));
    all
}

/// What the checks before a transaction's messages refuse.
fn envelopes(alice: &User) -> Vec<Mistake> {
    let send = || {
        let message = bank_send(alice, &User::new("bob"), "1nqrn");
        TxBuilder::new(0, 0).gas(200_000).message(message).fee("2000nqrn")
    };
    let with = |change: &dyn Fn(&mut TxBuilder)| {
        let mut tx = send();
        change(&mut tx);
        tx
    };
    let plain = |name, tx| Mistake {
        name,
        tx,
        mangle: Mangle::None,
    };
    let mangled = |name, mangle| Mistake {
        name,
        tx: send(),
        mangle,
    };
    let time = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    let extension = Any {
        type_url: "/cosmos.crypto.secp256k1.PubKey".into(),
        value: Vec::new(),
    };
    let fee = |coins: Vec<Coin>| with(&|tx| tx.fee.amount.clone_from(&coins));
    vec![
        plain("nothing is wrong", send()),
        mangled("signed for another chain", Mangle::Chain),
        mangled("a sequence ahead", Mangle::Ahead(5)),
        mangled("a sequence that was used", Mangle::Behind),
        mangled("a signature that is wrong", Mangle::Bit),
        mangled("no signature", Mangle::Unsigned),
        mangled("two signatures of one signer", Mangle::Twice),
        mangled("another's key", Mangle::Stranger),
        mangled("a field that the body does not have", Mangle::UnknownField),
        mangled("cut off", Mangle::Cut),
        plain(
            "a fee below the price",
            with(&|tx| tx.fee.amount = vec![coin("nqrn", "1999")]),
        ),
        plain("no fee", with(&|tx| tx.fee.amount.clear())),
        plain("a fee in another coin", fee(vec![coin("other", "2000")])),
        plain("a fee of more than there is", fee(vec![coin("nqrn", "2000000")])),
        plain("a negative fee", fee(vec![coin("nqrn", "-5")])),
        plain("a fee that is no number", fee(vec![coin("nqrn", "x")])),
        plain(
            "coins of a fee out of order",
            fee(vec![coin("zz", "1"), coin("nqrn", "2000")]),
        ),
        plain(
            "a coin of a fee twice",
            fee(vec![coin("nqrn", "2000"), coin("nqrn", "1")]),
        ),
        plain("no gas", with(&|tx| tx.fee.gas_limit = 0)),
        plain(
            "too little gas for its bytes",
            with(&|tx| {
                tx.fee.gas_limit = 1_000;
            }),
        ),
        plain(
            "more gas than a number holds",
            with(&|tx| {
                tx.fee.gas_limit = u64::MAX;
                tx.fee.amount = vec![coin("nqrn", "500000")];
            }),
        ),
        plain(
            "many bytes for little gas",
            with(&|tx| {
                let message = MsgStoreCode {
                    sender: alice.address().to_string(),
                    wasm_byte_code: vec![0; 100_000],
                    instantiate_permission: None,
                };
                tx.body.messages = vec![any(&message)];
            }),
        ),
        plain(
            "a memo that is too long",
            with(&|tx| tx.body.memo = "m".repeat(257)),
        ),
        plain("a height that has passed", with(&|tx| tx.body.timeout_height = 1)),
        plain(
            "a time that has passed",
            with(&|tx| tx.body.timeout_timestamp = time(GENESIS_TIME - 1)),
        ),
        plain("unordered", with(&|tx| tx.body.unordered = true)),
        plain(
            "unordered with a time",
            with(&|tx| {
                tx.body.unordered = true;
                tx.body.timeout_timestamp = time(GENESIS_TIME + 500);
            }),
        ),
        plain(
            "an extension that must be known",
            with(&|tx| {
                tx.body.extension_options = vec![extension.clone()];
            }),
        ),
        plain(
            "an extension of no known type",
            with(&|tx| {
                tx.body.extension_options = vec![Any {
                    type_url: "/no.such.Extension".into(),
                    value: vec![],
                }];
            }),
        ),
        plain("no message", with(&|tx| tx.body.messages.clear())),
        plain(
            "a message of no known type",
            with(&|tx| {
                tx.body.messages = vec![Any {
                    type_url: "/no.such.Msg".into(),
                    value: vec![8, 1],
                }];
            }),
        ),
        plain(
            "a message that does not decode",
            with(&|tx| {
                tx.body.messages[0].value = vec![0x0a, 0x7f];
            }),
        ),
        plain(
            "a payer who did not sign",
            with(&|tx| tx.fee.payer = User::new("bob").address().to_string()),
        ),
        plain(
            "a granter who granted nothing",
            with(&|tx| {
                tx.fee.granter = User::new("bob").address().to_string();
            }),
        ),
        plain(
            "a payer that is no address",
            with(&|tx| tx.fee.payer = "quern1notanaddress".into()),
        ),
        plain(
            "a granter that is no address",
            with(&|tx| tx.fee.granter = "quern1notanaddress".into()),
        ),
    ]
}

/// What messages refuse.
fn contents(alice: &User) -> Vec<Mistake> {
    let me = alice.address().to_string();
    let bob = User::new("bob").address().to_string();
    let contract = quern_types::contract_address(9, 9).to_string();
    let one = |name, message| Mistake {
        name,
        tx: TxBuilder::new(0, 0).gas(300_000).message(message).fee("3000nqrn"),
        mangle: Mangle::None,
    };
    let send = |to: &str, amount: Vec<Coin>| {
        any(&MsgSend {
            from_address: me.clone(),
            to_address: to.to_owned(),
            amount,
        })
    };
    let from = |sender: &str| {
        any(&MsgSend {
            from_address: sender.to_owned(),
            to_address: bob.clone(),
            amount: vec![coin("nqrn", "1")],
        })
    };
    let some = || vec![coin("nqrn", "1")];
    let mut second = one("the second of two messages", send(&bob, some()));
    second.tx = second.tx.message(send(&bob, vec![coin("nqrn", "90000000")]));
    let mut two = one("two messages of two signers", send(&bob, some()));
    two.tx = two.tx.message(from(&bob));
    vec![
        one("more than there is", send(&bob, vec![coin("nqrn", "90000000")])),
        one("coins that nobody has", send(&bob, vec![coin("nosuch", "1")])),
        second,
        two,
        one("no coins", send(&bob, vec![])),
        one("zero coins", send(&bob, vec![coin("nqrn", "0")])),
        one("negative coins", send(&bob, vec![coin("nqrn", "-1")])),
        one("coins of no number", send(&bob, vec![coin("nqrn", "1.5")])),
        one(
            "coins out of order",
            send(&bob, vec![coin("zz", "1"), coin("nqrn", "1")]),
        ),
        one(
            "a coin twice",
            send(&bob, vec![coin("nqrn", "1"), coin("nqrn", "2")]),
        ),
        one("a coin of no name", send(&bob, vec![coin("9bad", "1")])),
        one("to no address", send("quern1notanaddress", some())),
        one(
            "to another chain's address",
            send("cosmos1fl48vsnmsdzcv85q5d2q4z5ajdha8yu34mf0eh", some()),
        ),
        one("to nobody", send("", some())),
        one(
            "to a module",
            send(&quern_types::module_address("fee_collector").to_string(), some()),
        ),
        one("from another's account", from(&bob)),
        one("from no address", from("quern1notanaddress")),
        one("from nobody", from("")),
        one(
            "what governance alone may do",
            any(&MsgUpdateParams {
                authority: me.clone(),
                params: None,
            }),
        ),
        one(
            "without another's grant",
            any(&MsgExec {
                grantee: me.clone(),
                msgs: vec![from(&bob)],
            }),
        ),
        one(
            "nothing to execute for another",
            any(&MsgExec {
                grantee: me.clone(),
                msgs: vec![],
            }),
        ),
        one(
            "a grant that is not there",
            any(&MsgRevoke {
                granter: me.clone(),
                grantee: bob.clone(),
                msg_type_url: "/cosmos.bank.v1beta1.MsgSend".into(),
            }),
        ),
        one(
            "an allowance that is not there",
            any(&MsgRevokeAllowance {
                granter: me.clone(),
                grantee: bob.clone(),
            }),
        ),
        one(
            "a vote on no proposal",
            any(&MsgVote {
                proposal_id: 77,
                voter: me.clone(),
                option: 1,
                metadata: String::new(),
            }),
        ),
        one(
            "a deposit on no proposal",
            any(&MsgDeposit {
                proposal_id: 77,
                depositor: me.clone(),
                amount: some(),
            }),
        ),
        one(
            "a proposal of nothing",
            any(&MsgSubmitProposal {
                proposer: me.clone(),
                ..MsgSubmitProposal::default()
            }),
        ),
        one(
            "code that is none",
            any(&MsgStoreCode {
                sender: me.clone(),
                wasm_byte_code: b"no code".to_vec(),
                instantiate_permission: None,
            }),
        ),
        one(
            "an instance of no code",
            any(&MsgInstantiateContract {
                sender: me.clone(),
                code_id: 77,
                label: "a label".into(),
                msg: b"{}".to_vec(),
                ..MsgInstantiateContract::default()
            }),
        ),
        one(
            "an instance without a label",
            any(&MsgInstantiateContract {
                sender: me.clone(),
                code_id: 1,
                msg: b"{}".to_vec(),
                ..MsgInstantiateContract::default()
            }),
        ),
        one(
            "a call of no contract",
            any(&MsgExecuteContract {
                sender: me.clone(),
                contract: contract.clone(),
                msg: b"{}".to_vec(),
                funds: vec![],
            }),
        ),
        one(
            "a call that is no JSON",
            any(&MsgExecuteContract {
                sender: me.clone(),
                contract: contract.clone(),
                msg: b"{".to_vec(),
                funds: vec![],
            }),
        ),
        one(
            "a migration of no contract",
            any(&MsgMigrateContract {
                sender: me.clone(),
                contract,
                code_id: 1,
                msg: b"{}".to_vec(),
            }),
        ),
        one(
            "a divided vote of no weight in older terms",
            any(&v1beta1::MsgVoteWeighted {
                proposal_id: 77,
                voter: me.clone(),
                options: vec![v1beta1::WeightedVoteOption {
                    option: 1,
                    weight: String::new(),
                }],
            }),
        ),
        one(
            "a validator of no commission",
            any(&MsgCreateValidator {
                description: Some(Description {
                    moniker: "a name".into(),
                    ..Description::default()
                }),
                commission: Some(CommissionRates::default()),
                min_self_delegation: "1".into(),
                validator_address: alice.address().to_validator_bech32(),
                pubkey: Some(any(&PubKey { key: vec![9; 32] })),
                value: some().pop(),
                ..MsgCreateValidator::default()
            }),
        ),
        one(
            "codes unpinned by another than governance",
            any(&MsgUnpinCodes {
                authority: me,
                code_ids: vec![1, 2],
            }),
        ),
    ]
}

/// Queries for what is not there, or is none.
fn questions() -> Vec<(&'static str, Vec<u8>)> {
    let nobody = User::new("nobody").address().to_string();
    let contract = quern_types::contract_address(9, 9).to_string();
    let account = |address: &str| {
        let request = QueryAccountRequest {
            address: address.into(),
        };
        ("/cosmos.auth.v1beta1.Query/Account", request.encode_to_vec())
    };
    let balance = |address: &str, denom: &str| {
        let request = QueryBalanceRequest {
            address: address.into(),
            denom: denom.into(),
        };
        ("/cosmos.bank.v1beta1.Query/Balance", request.encode_to_vec())
    };
    vec![
        account(&nobody),
        account("quern1notanaddress"),
        account(""),
        balance("quern1notanaddress", "nqrn"),
        balance(&nobody, ""),
        balance(&nobody, "9bad"),
        (
            "/cosmos.bank.v1beta1.Query/DenomMetadata",
            QueryDenomMetadataRequest {
                denom: "nosuch".into(),
            }
            .encode_to_vec(),
        ),
        (
            "/cosmos.gov.v1.Query/Proposal",
            QueryProposalRequest { proposal_id: 77 }.encode_to_vec(),
        ),
        (
            "/cosmos.gov.v1.Query/Proposal",
            QueryProposalRequest { proposal_id: 0 }.encode_to_vec(),
        ),
        (
            "/cosmwasm.wasm.v1.Query/ContractInfo",
            QueryContractInfoRequest {
                address: contract.clone(),
            }
            .encode_to_vec(),
        ),
        (
            "/cosmwasm.wasm.v1.Query/SmartContractState",
            QuerySmartContractStateRequest {
                address: contract,
                query_data: b"{}".to_vec(),
            }
            .encode_to_vec(),
        ),
        ("/cosmos.bank.v1beta1.Query/NoSuchMethod", vec![]),
        ("/cosmos.bank.v1beta1.Query/Balance", vec![0x0a, 0x7f]),
        ("/store/nosuch/key", vec![1]),
        ("nosuch", vec![]),
    ]
}
