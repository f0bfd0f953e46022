//! The deepest nesting that a transaction can ask for, on the stack that the node's threads have.

use crate::support;

use base64::{Engine, engine::general_purpose::STANDARD};
use quern_core::App;
use quern_proto::{Any, cosmos::authz::v1beta1::MsgExec, cosmwasm::wasm::v1::MsgExecuteContract};
use quern_testkit::{Chain, Genesis, User, any};
use serde_json::{Value, json};
use support::{contract, open};
use tendermint_proto::v0_38::abci::ExecTxResult;

/// Stack of the threads that run contracts: ABCI connections (`quern_abci::Options`) and queries.
const STACK: usize = 8 << 20;
/// What [`quern_core`] decodes at most, the transaction's own message included.
const EXECS: usize = 9;
/// Calls within calls that the contract host runs at most.
const CALLS: u32 = 99;

struct World {
    _dir: tempfile::TempDir,
    chain: Chain<App>,
    alice: User,
    probe: String,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let alice = User::new("alice");
        let genesis = Genesis::new()
            .fund(&alice, "1000000nqrn")
            .params(|params| params.block.max_gas = -1);
        let chain = Chain::start(open(dir.path()), genesis);
        let mut world = Self {
            _dir: dir,
            chain,
            alice,
            probe: String::new(),
        };
        world.chain.block([]);
        let stored = contract::stored(&world.run(contract::store(&world.alice, "probe")));
        let made = world.run(contract::instantiate(&world.alice, stored, "{}"));
        world.probe = contract::instantiated(&made);
        world
    }

    fn run(&mut self, msg: Any) -> ExecTxResult {
        let tx = self
            .chain
            .tx(&self.alice)
            .message(msg)
            .gas(900_000_000)
            .sign(&self.alice);
        self.chain.block([tx]).tx_results.remove(0)
    }

    fn call(&self, sender: &str, msg: &Value) -> Any {
        any(&MsgExecuteContract {
            sender: sender.to_owned(),
            contract: self.probe.clone(),
            msg: msg.to_string().into_bytes(),
            funds: Vec::new(),
        })
    }
}

/// Who executes for itself what it executes for itself, and so on.
fn execs(grantee: &str, times: usize, msg: Any) -> Any {
    (0..times).fold(msg, |msg, _| {
        any(&MsgExec {
            grantee: grantee.to_owned(),
            msgs: vec![msg],
        })
    })
}

/// A response of the probe that sends this message.
fn sending(msg: &Any) -> Value {
    let any = json!({"any": {"type_url": msg.type_url, "value": STANDARD.encode(&msg.value)}});
    json!({"sub": {"msgs": [{"id": 0, "msg": any, "gas_limit": null, "reply_on": "never", "payload": ""}]}})
}

fn on_a_thread_of_the_node(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(work).unwrap();
    thread.join().unwrap();
}

#[test]
fn messages_within_messages_around_contracts_that_call_to_their_limit_do_not_overflow_the_stack() {
    on_a_thread_of_the_node(|| {
        let mut world = World::new();
        let alice = world.alice.address().to_string();
        let deepest = world.call(&alice, &json!({"recurse": {"depth": CALLS}}));
        let done = world.run(execs(&alice, EXECS, deepest.clone()));
        assert_eq!(done.code, 0, "{}", done.log);
        // one more of either is refused
        let refused = world.run(execs(&alice, EXECS + 1, deepest));
        assert_eq!(
            (refused.codespace.as_str(), refused.code),
            ("sdk", 2),
            "{}",
            refused.log
        );
        let beyond = world.call(&alice, &json!({"recurse": {"depth": CALLS + 1}}));
        let refused = world.run(execs(&alice, EXECS, beyond));
        assert_eq!(refused.codespace, "wasm", "{}", refused.log);
    });
}

#[test]
fn contracts_that_send_messages_within_messages_at_every_level_do_not_overflow_the_stack() {
    on_a_thread_of_the_node(|| {
        let mut world = World::new();
        let (alice, probe) = (world.alice.address().to_string(), world.probe.clone());
        let levels = 8;
        let mut msg = json!({"recurse": {"depth": CALLS - levels}});
        for _ in 0..levels {
            msg = sending(&execs(&probe, EXECS, world.call(&probe, &msg)));
        }
        let done = world.run(execs(&alice, EXECS, world.call(&alice, &msg)));
        assert_eq!(done.code, 0, "{}", done.log);
    });
}
