//! Work at a block's end does not grow with what the contract holds; migration.

use std::cell::Cell;
use std::rc::Rc;

use cosmwasm_std::testing::{message_info, mock_env, MockApi, MockQuerier, MockStorage};
use cosmwasm_std::{
    from_json, to_json_binary, Binary, ContractResult, Env, Order, OwnedDeps, Record, StdError, StdResult,
    Storage, SystemResult, WasmQuery,
};
use pricing::contract;
use quern_interface::pricing::{ExecuteMsg, InstantiateMsg, Params, QuoteParams};
use quern_interface::registry::{LaunchPackage, ModelState, QueryMsg as Registry};
use quern_interface::settlement::{Demand, QueryMsg as Settlement};
use quern_interface::sudo::SudoMsg;
use quern_protocol::{Amount, Bytes, Coefficients, Price};

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

/// Models by id and how often one was asked for.
struct Models {
    count: usize,
    /// Whose demand cannot be read.
    broken: Option<usize>,
}

fn id(n: usize) -> String {
    format!("m{n:04}")
}

fn answer(models: &Models, asked: &Cell<usize>, msg: &Binary) -> StdResult<Binary> {
    if let Ok(question) = from_json::<Registry>(msg) {
        return match question {
            Registry::Models { start_after, limit } => {
                let first = start_after.map_or(0, |id| id[1..].parse::<usize>().unwrap() + 1);
                let last = (first + limit.unwrap() as usize).min(models.count);
                let package = |n| LaunchPackage {
                    id: id(n),
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
                        output: 1_000_000,
                    },
                    profiles: vec![],
                    state: ModelState::Live,
                };
                to_json_binary(&(first..last).map(package).collect::<Vec<_>>())
            }
            Registry::Capacity { .. } => to_json_binary(&Amount(100)),
            _ => Err(StdError::msg("not asked in this test")),
        };
    }
    let Settlement::Demand { model } = from_json(msg)? else {
        return Err(StdError::msg("not asked in this test"));
    };
    if models.broken == Some(model[1..].parse().unwrap()) {
        return Err(StdError::msg("broken"));
    }
    // 20 periods with far too much demand, 20 with none, and so on: every update changes the price
    asked.set(asked.get() + 1);
    let busy = asked.get() / 40 * 20 + (asked.get() % 40).min(20);
    to_json_binary(&Demand {
        amount: Amount(0),
        weighted: Amount(busy as u128 * 1_000_000),
    })
}

struct World {
    deps: OwnedDeps<Counting, MockApi, MockQuerier>,
    env: Env,
}

impl World {
    fn new(models: Models) -> Self {
        let mut querier = MockQuerier::default();
        let asked = Cell::new(0);
        querier.update_wasm(move |query| {
            let WasmQuery::Smart { msg, .. } = query else {
                unreachable!()
            };
            let answer = answer(&models, &asked, msg);
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
        let who = |name: &str| MockApi::default().addr_make(name).to_string();
        let msg = InstantiateMsg {
            authority: who("gov"),
            registry: who("registry"),
            settlement: who("settlement"),
            poc_weights: None,
            params: Params {
                period_blocks: 10,
                max_updates: 4,
                keep_blocks: 100_000,
                block_ms: 1_000,
                smoothing: 500_000,
                low: 400_000,
                high: 600_000,
                steepness: 100_000,
                max_step: 50_000,
                quote: QuoteParams {
                    posters: (0..15).map(|n| who(&format!("poster{n}"))).collect(),
                    least: 1,
                    max_age: 1_000_000,
                    hysteresis: 20_000,
                },
            },
        };
        let gov = MockApi::default().addr_make("gov");
        let info = message_info(&gov, &[]);
        contract::instantiate(world.deps.as_mut(), world.env.clone(), info, msg).unwrap();
        for n in 0..15 {
            let poster = MockApi::default().addr_make(&format!("poster{n}"));
            let usd = Price::FLOOR;
            let (deps, info) = (world.deps.as_mut(), message_info(&poster, &[]));
            contract::execute(deps, world.env.clone(), info, ExecuteMsg::PostQuote { usd }).unwrap();
        }
        world
    }

    /// Ends a block; what it reads and writes, and its events' names.
    fn block(&mut self) -> (usize, Vec<String>) {
        self.deps.storage.count.set(0);
        let answer = contract::sudo(self.deps.as_mut(), self.env.clone(), SudoMsg::EndBlock {}).unwrap();
        self.env.block.height += 1;
        let names = answer.events.into_iter().map(|event| event.ty).collect();
        (self.deps.storage.count.get(), names)
    }

    /// Ends a period's blocks; the most that one of them read and wrote.
    fn period(&mut self) -> usize {
        (0..10).map(|_| self.block().0).max().unwrap()
    }
}

#[test]
fn a_block_ends_with_the_same_work_whether_4_or_1000_models_were_launched() {
    let most = [4, 40, 1_000].map(|count| {
        let mut world = World::new(Models { count, broken: None });
        (0..60).map(|_| world.period()).max().unwrap()
    });
    assert_eq!(most[0], most[1]);
    assert_eq!(most[1], most[2]);
    assert!(most[2] < 90, "{most:?}");
}

#[test]
fn a_block_ends_with_the_same_work_after_1000_changes_of_a_price() {
    let mut world = World::new(Models {
        count: 1,
        broken: None,
    });
    let early = (0..20).map(|_| world.period()).max().unwrap();
    let late = (0..1_000).map(|_| world.period()).max().unwrap();
    assert_eq!(early, late);
    let history = pricing::state::HISTORY.prefix("m0000");
    let changes = history
        .keys(&world.deps.storage, None, None, Order::Ascending)
        .count();
    assert!(changes > 900, "{changes}");
}

#[test]
fn a_model_that_cannot_be_judged_keeps_no_other_from_its_price() {
    let broken = Some(1);
    let mut world = World::new(Models { count: 3, broken });
    world.period();
    let (_, events) = world.block();
    let skipped = events.iter().filter(|name| *name == "price_skipped").count();
    let moved = events.iter().filter(|name| *name == "price").count();
    assert_eq!((skipped, moved), (1, 2), "{events:?}");
}
