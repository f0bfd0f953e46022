//! A published contract, cw20-base, through whole blocks: stored, instantiated, used, queried.
//! `make contracts` builds the artefact; `make test` does so first.

use crate::support;

use quern_core::App;
use quern_proto::cosmwasm::wasm::v1::{
    MsgExecuteContract, QuerySmartContractStateRequest, QuerySmartContractStateResponse,
};
use quern_testkit::{Chain, Genesis, User, any};
use support::{attribute_list, contract, open};
use tendermint_proto::v0_38::abci::ExecTxResult;

struct World {
    _dir: tempfile::TempDir,
    app: App,
    chain: Chain<App>,
    alice: User,
    bob: User,
    token: String,
}

impl World {
    fn run(&mut self, msg: quern_proto::Any) -> ExecTxResult {
        run(&mut self.chain, &self.alice, msg)
    }

    fn execute(&mut self, msg: &str) -> ExecTxResult {
        let msg = MsgExecuteContract {
            sender: self.alice.address().to_string(),
            contract: self.token.clone(),
            msg: msg.as_bytes().to_vec(),
            funds: Vec::new(),
        };
        self.run(any(&msg))
    }

    fn balance(&self, user: &User) -> String {
        let query = QuerySmartContractStateRequest {
            address: self.token.clone(),
            query_data: format!(r#"{{"balance":{{"address":"{}"}}}}"#, user.address()).into_bytes(),
        };
        let answer: QuerySmartContractStateResponse = self
            .chain
            .query("/cosmwasm.wasm.v1.Query/SmartContractState", &query)
            .unwrap();
        String::from_utf8(answer.data).unwrap()
    }
}

fn run(chain: &mut Chain<App>, from: &User, msg: quern_proto::Any) -> ExecTxResult {
    let tx = chain.tx(from).message(msg).gas(10_000_000).sign(from);
    assert_eq!(chain.check(&tx).code, 0);
    assert!(chain.accepts([tx.clone()]));
    chain.block([tx]).tx_results.remove(0)
}

fn world() -> World {
    let dir = tempfile::tempdir().unwrap();
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let app = open(dir.path());
    let mut chain = Chain::start(app.clone(), Genesis::new().fund(&alice, "1000000nqrn"));
    chain.empty_blocks(1);
    let stored = run(&mut chain, &alice, contract::store(&alice, "cw20_base"));
    let code_id = contract::stored(&stored);
    assert_eq!(code_id, 1);
    let init = format!(
        r#"{{"name":"Test","symbol":"TEST","decimals":6,"initial_balances":[{{"address":"{}","amount":"1000"}}]}}"#,
        alice.address()
    );
    let made = run(&mut chain, &alice, contract::instantiate(&alice, code_id, &init));
    let token = contract::instantiated(&made);
    World {
        _dir: dir,
        app,
        chain,
        alice,
        bob,
        token,
    }
}

#[test]
fn a_published_token_is_stored_instantiated_and_transferred() {
    let mut w = world();
    let moved = w.execute(&format!(
        r#"{{"transfer":{{"recipient":"{}","amount":"250"}}}}"#,
        w.bob.address()
    ));
    assert_eq!(moved.code, 0, "{}", moved.log);
    assert_eq!(
        (w.balance(&w.alice), w.balance(&w.bob)),
        (r#"{"balance":"750"}"#.into(), r#"{"balance":"250"}"#.into())
    );
    let wasm = moved.events.iter().find(|e| e.r#type == "wasm").unwrap();
    assert_eq!(
        attribute_list(wasm),
        [
            format!("_contract_address={}", w.token),
            "action=transfer".into(),
            format!("from={}", w.alice.address()),
            format!("to={}", w.bob.address()),
            "amount=250".into(),
            "msg_index=0".into(),
        ]
    );
    assert_eq!(w.app.halted(), None);
}

#[test]
fn a_contracts_refusal_has_wasmds_code_and_changes_nothing() {
    let mut w = world();
    let refused = w.execute(&format!(
        r#"{{"transfer":{{"recipient":"{}","amount":"5000"}}}}"#,
        w.bob.address()
    ));
    assert_eq!(
        (refused.codespace.as_str(), refused.code),
        ("wasm", 5),
        "{}",
        refused.log
    );
    assert!(
        refused
            .log
            .starts_with("failed to execute message; message index: 0: "),
        "{}",
        refused.log
    );
    assert!(
        refused.log.ends_with(": execute wasm contract failed"),
        "{}",
        refused.log
    );
    assert_eq!(w.balance(&w.alice), r#"{"balance":"1000"}"#);
    let unknown = w.execute(r#"{"no_such_message":{}}"#);
    assert_eq!(("wasm", 5), (unknown.codespace.as_str(), unknown.code));
}

#[test]
fn contracts_survive_a_restart_and_an_export() {
    let mut w = world();
    w.execute(&format!(
        r#"{{"transfer":{{"recipient":"{}","amount":"1"}}}}"#,
        w.bob.address()
    ));
    let exported = w.app.export(0).unwrap();
    let second = tempfile::tempdir().unwrap();
    let chain = Chain::start(
        open(second.path()),
        Genesis::new()
            .first_height(w.app.last_height() + 1)
            .state(|state| *state = exported),
    );
    let mut twin = World { chain, ..w };
    twin.chain.empty_blocks(1);
    assert_eq!(twin.balance(&twin.bob), r#"{"balance":"1"}"#);
    assert_eq!(
        twin.execute(&format!(
            r#"{{"transfer":{{"recipient":"{}","amount":"1"}}}}"#,
            twin.bob.address()
        ))
        .code,
        0
    );
}

#[test]
fn an_estimate_may_use_no_more_gas_than_a_query() {
    let w = world();
    let transfer = |w: &World| {
        let msg = MsgExecuteContract {
            sender: w.alice.address().to_string(),
            contract: w.token.clone(),
            msg: format!(
                r#"{{"transfer":{{"recipient":"{}","amount":"1"}}}}"#,
                w.bob.address()
            )
            .into_bytes(),
            funds: Vec::new(),
        };
        w.chain.tx(&w.alice).message(any(&msg)).sign(&w.alice)
    };
    let tx = transfer(&w);
    let needed = w.chain.simulate(&tx).unwrap().gas_used;
    let World { _dir, app, chain, .. } = w;
    drop((app, chain));
    let limited = |limit| {
        let mut options = quern_core::Options::new(_dir.path());
        options.query_gas_limit = Some(limit);
        let chain = Chain::resume(App::open(options).unwrap());
        chain.simulate(&tx)
    };
    assert_eq!(limited(needed + 1).unwrap().gas_used, needed);
    let refused = limited(needed / 2).unwrap_err();
    assert!(refused.log.contains("out of gas"), "{}", refused.log);
}
