//! Work at a block's border and in each message does not grow with what the contract holds.

use std::cell::Cell;
use std::rc::Rc;

use cosmwasm_std::testing::{message_info, mock_env, MockApi, MockQuerier, MockStorage};
use cosmwasm_std::{
    coins, from_json, to_json_binary, Addr, ContractResult, Env, Order, OwnedDeps, Record, Storage,
    SystemResult, WasmQuery,
};
use quern_interface::registry::{HostInfo, HostStatus, LaunchPackage, ModelState, QueryMsg, WarmKey};
use quern_interface::settlement::{ExecuteMsg, InstantiateMsg, ModelAmount, Params, SignedBy};
use quern_interface::sudo::SudoMsg;
use quern_protocol::{Amount, Bytes, Coefficients, Node};
use settlement::contract;

/// Storage that counts what is read and written.
#[derive(Default)]
struct Counting {
    inner: MockStorage,
    count: Rc<Cell<usize>>,
}

impl Counting {
    fn one(&self) {
        self.count.set(self.count.get() + 1);
    }
}

impl Storage for Counting {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.one();
        self.inner.get(key)
    }

    fn range<'a>(
        &'a self,
        start: Option<&[u8]>,
        end: Option<&[u8]>,
        order: Order,
    ) -> Box<dyn Iterator<Item = Record> + 'a> {
        let count = self.count.clone();
        let all = self.inner.range(start, end, order);
        Box::new(all.inspect(move |_| count.set(count.get() + 1)))
    }

    fn set(&mut self, key: &[u8], value: &[u8]) {
        self.one();
        self.inner.set(key, value);
    }

    fn remove(&mut self, key: &[u8]) {
        self.one();
        self.inner.remove(key);
    }
}

fn who(name: &str) -> Addr {
    MockApi::default().addr_make(name)
}

fn answer(question: &QueryMsg) -> cosmwasm_std::StdResult<cosmwasm_std::Binary> {
    let warm_key = WarmKey {
        key: Bytes::new([2; 33]),
        address: who("warm").into(),
        from: 0,
    };
    match question {
        QueryMsg::Model { model } => to_json_binary(&LaunchPackage {
            id: model.clone(),
            hash: Bytes::new([9; 32]),
            context: 4096,
            precision: "fp32".into(),
            sampler: 1,
            rendering: 1,
            grammar: 1,
            price: "2".parse().unwrap(),
            coefficients: Coefficients {
                input: 1,
                cached: 1,
                output: 1,
            },
            profiles: vec![],
            state: ModelState::Live,
        }),
        QueryMsg::PriceAt { .. } => to_json_binary("2"),
        QueryMsg::WarmKeyAt { .. } => to_json_binary(&warm_key),
        QueryMsg::HostByWarmKey { .. } => to_json_binary(&HostInfo {
            host: who("host").into(),
            moniker: "h".into(),
            endpoint: "https://h.example".into(),
            transport_key: Bytes::new([0; 32]),
            consensus_key: Bytes::new([0; 32]),
            beacon_anchor: None,
            warm_key,
            payout: who("host").into(),
            bond: Amount(0),
            memberships: vec![],
            status: HostStatus::Active,
            maintenance: vec![],
        }),
        _ => Err(cosmwasm_std::StdError::msg("not asked in this test")),
    }
}

struct World {
    deps: OwnedDeps<Counting, MockApi, MockQuerier>,
    env: Env,
}

impl World {
    fn new() -> Self {
        let mut querier = MockQuerier::default();
        querier.update_wasm(|query| {
            let WasmQuery::Smart { msg, .. } = query else {
                unreachable!()
            };
            let answer = from_json(msg).and_then(|question| answer(&question));
            SystemResult::Ok(ContractResult::from(answer.map_err(|e| e.to_string())))
        });
        let deps = OwnedDeps {
            storage: Counting::default(),
            api: MockApi::default(),
            querier,
            custom_query_type: std::marker::PhantomData,
        };
        let mut world = Self {
            deps,
            env: mock_env(),
        };
        world.env.block.height = 100;
        let msg: InstantiateMsg = instantiate();
        let info = message_info(&who("gov"), &[]);
        contract::instantiate(world.deps.as_mut(), world.env.clone(), info, msg).unwrap();
        world
    }

    /// What an action reads and writes.
    fn count(&mut self, action: impl FnOnce(&mut Self)) -> usize {
        self.deps.storage.count.set(0);
        action(self);
        self.deps.storage.count.get()
    }

    fn execute(&mut self, sender: &str, msg: ExecuteMsg, funds: u128) {
        let funds = if funds > 0 { coins(funds, "nqrn") } else { vec![] };
        let info = message_info(&who(sender), &funds);
        contract::execute(self.deps.as_mut(), self.env.clone(), info, msg).unwrap();
    }

    fn open(&mut self) {
        let msg = ExecuteMsg::OpenSession {
            model: "m".into(),
            max_price: "5".parse().unwrap(),
            router: None,
            router_fee_bps: 0,
            session_key: Bytes::new(generator()),
            agent: None,
            signed_by: SignedBy::Payer,
            blocks: 100,
            consent: None,
            max_fee: Some(Amount(16_000)),
        };
        self.execute("payer", msg, 50_000);
    }

    fn end_block(&mut self) -> usize {
        let env = self.env.clone();
        let answer = contract::sudo(self.deps.as_mut(), env, SudoMsg::EndBlock {}).unwrap();
        self.env.block.height += 1;
        answer.messages.len()
    }
}

/// The curve's generator, a valid key.
fn generator() -> [u8; 33] {
    let text = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
    *text.parse::<Bytes<33>>().unwrap().as_bytes()
}

fn instantiate() -> InstantiateMsg {
    let value = serde_json::json!({
        "authority": who("gov"), "registry": who("registry"), "bonding": who("bonding"),
        "price_source": who("registry"), "judges": [], "params": params(),
    });
    serde_json::from_value(value).unwrap()
}

fn params() -> Params {
    Params {
        denom: "nqrn".into(),
        open_fee: Amount(1_000),
        min_escrow: Amount(1_000),
        committee_size: 8,
        // 256 sessions wait at the plain fee
        draw_delay: 64,
        max_draws: 4,
        batch_blocks: 10,
        lapse_blocks: 20,
        appeal_blocks: 30,
        max_session_blocks: 200,
        max_router_fee_bps: 2_000,
        burn_bps: 500,
        audit_bps: 200,
        fault_slash_bps: 2_000,
        restitution_bps: 5_000,
        free_demand: Amount(1 << 40),
    }
}

#[test]
fn a_block_ends_with_the_same_work_whether_10_or_1000_sessions_wait() {
    let counts = [10, 1_000].map(|sessions| {
        let mut world = World::new();
        let open = world.count(|world| world.open());
        (1..sessions).for_each(|_| world.open());
        let last = world.count(|world| world.open());
        assert_eq!(open, last);
        let idle = world.count(|world| assert_eq!(world.end_block(), 0));
        world.env.block.height += 64;
        // no beacon is known here, so each of the four becomes void and is paid back
        let busy = world.count(|world| assert_eq!(world.end_block(), 4));
        (idle, busy)
    });
    assert_eq!(counts[0], counts[1]);
    assert!(counts[1].1 < 60, "{counts:?}");
}

#[test]
fn a_batch_costs_the_same_after_1000_others_and_old_ones_do_not_pile_up() {
    let mut world = World::new();
    let commit = |world: &mut World, sequence| {
        world.env.block.height += 1;
        let root = Node {
            hash: Bytes::new([1; 32]),
            sum: Amount(16),
        };
        let model = |n: u32| ModelAmount {
            model: format!("m{n:02}"),
            amount: Amount(1),
        };
        let msg = ExecuteMsg::CommitBatch {
            sequence,
            root,
            sessions: 1,
            models: (0..16).map(model).collect(),
        };
        world.execute("warm", msg, 0);
    };
    // every model counts, so each asks for a price and writes its demand
    for n in 0..16 {
        let cover = settlement::state::Cover {
            limits: Amount(1_000_000),
            claimed: Amount(0),
        };
        let key = (&who("host"), format!("m{n:02}"));
        settlement::state::COVERS
            .save(&mut world.deps.storage, (key.0, key.1.as_str()), &cover)
            .unwrap();
    }
    (1..300).for_each(|sequence| commit(&mut world, sequence));
    let early = world.count(|world| commit(world, 300));
    (301..1_000).for_each(|sequence| commit(&mut world, sequence));
    let late = world.count(|world| commit(world, 1_000));
    assert_eq!(early, late);
    assert!(late < 200, "{late}");
    let kept = settlement::state::KEPT
        .load(&world.deps.storage, &who("host"))
        .unwrap();
    // the longest session, its lapse and its appeal, and the one before
    assert_eq!(kept.last - kept.oldest, 200 + 20 + 30 + 1);
}
