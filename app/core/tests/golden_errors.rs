//! What wasmd says to each common mistake, word for word. `vectors/errors.json` says how it was made;
//! `vectors/errors_here.json` has what this chain says otherwise, and why.

use base64::{Engine, engine::general_purpose::STANDARD};
use prost::Message;
use quern_core::{App, Options};
use quern_proto::cosmos::tx::v1beta1::{Fee, TxBody};
use quern_testkit::{Chain, Genesis, Mangle, TxBuilder, User};
use serde_json::Value;

/// Codespace, code and text.
type Said = (String, u64, String);

fn said(value: &Value) -> Said {
    let text = |name: &str| value[name].as_str().unwrap().to_owned();
    (text("codespace"), value["code"].as_u64().unwrap(), text("log"))
}

fn bytes(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap()).unwrap()
}

/// A text without the gas that was used before it was out, and with no number of an account: both are each chain's own.
fn plain((codespace, code, log): Said, account: u64) -> Said {
    let log = log.replace(&format!("account number ({account})"), "account number (N)");
    let log = match log.split_once("gasUsed: ") {
        Some((before, after)) => {
            let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{before}gasUsed: N{rest}")
        }
        None => log,
    };
    (codespace, code, log)
}

/// A file of vectors.
fn vectors(name: &str) -> Value {
    let path = format!("{}/tests/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn every_mistake_is_answered_as_by_wasmd() {
    let golden = vectors("errors.json");
    let mut here = vectors("errors_here.json");
    let here = here.as_object_mut().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        min_gas_prices: golden["price"].as_str().unwrap().parse().unwrap(),
        ..Options::new(dir.path())
    };
    let alice = User::new("alice");
    let genesis = Genesis::new()
        .params(|params| params.block.max_gas = -1)
        .fund(&alice, "1000000nqrn");
    let mut chain = Chain::start(App::open(options).unwrap(), genesis);
    chain.empty_blocks(2);
    let number = golden["account number"].as_u64().unwrap();
    let mut wrong = Vec::new();
    let mut hold = |name: &str, ours: Said, theirs: Said| {
        let (ours, theirs) = (plain(ours, 0), plain(theirs, number));
        let otherwise = here.remove(name);
        let awaited = otherwise.as_ref().map_or_else(|| theirs.clone(), said);
        // What is said otherwise has a reason, and is not the same.
        let reasoned = otherwise.is_none_or(|case| case["why"].is_string() && awaited != theirs);
        if ours != awaited || !reasoned {
            wrong.push(format!("{name}\n    ours:  {ours:?}\n    wasmd: {theirs:?}"));
        }
    };
    let cases = golden["transactions"].as_array().unwrap();
    assert!(cases.len() > 60, "{}", cases.len());
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let kind = case["mangle"].as_str().unwrap();
        let mangle = Mangle::ALL
            .into_iter()
            .find(|m| format!("{m:?}") == kind)
            .unwrap();
        let tx = TxBuilder {
            body: TxBody::decode(bytes(&case["body"]).as_slice()).unwrap(),
            fee: Fee::decode(bytes(&case["fee"]).as_slice()).unwrap(),
            ..TxBuilder::new(0, 0)
        };
        let account = chain.account(&alice).unwrap();
        assert_eq!(account.account_number, 0);
        let tx = mangle.sign(&tx, &alice, 0, account.sequence);
        let check = chain.check(&tx);
        let block = chain.block([tx]).tx_results.remove(0);
        let check = (check.codespace, u64::from(check.code), check.log);
        let block = (block.codespace, u64::from(block.code), block.log);
        hold(&format!("{name}, mempool"), check, said(&case["mempool"]));
        // Of success a block says nothing that anybody reads.
        if block.1 != 0 || case["block"]["code"] != 0 {
            hold(&format!("{name}, block"), block, said(&case["block"]));
        }
    }
    for (index, case) in golden["queries"].as_array().unwrap().iter().enumerate() {
        let path = case["path"].as_str().unwrap();
        let answer = chain.query_raw(path, bytes(&case["request"]), 0, false);
        let path = &format!("{path} {index}");
        let answer = (answer.codespace, u64::from(answer.code), answer.log);
        hold(path, answer, said(&case["answer"]));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(here.is_empty(), "no such cases: {here:?}");
    // Whatever was refused, the sum of all coins is what it was.
    chain.app.check_invariants(0).unwrap();
}
