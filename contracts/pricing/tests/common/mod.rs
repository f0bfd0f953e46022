//! The real registry and settlement with the price contract beside them.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

#[path = "../../../settlement/tests/common/mod.rs"]
pub mod chain;

use chain::{name, World, MODEL};
use cosmwasm_std::{
    to_json_binary, Addr, Binary, Deps, DepsMut, Empty, Env, MessageInfo, Response, StdError, StdResult,
};
use cw_multi_test::{AppResponse, ContractWrapper, Executor};
use cw_storage_plus::Item;
use quern_interface::poc_weights::QueryMsg as Weights;
use quern_interface::pricing::{
    ExecuteMsg, InstantiateMsg, Params, PriceInfo, PricePoint, QueryMsg, QuoteParams,
};
use quern_interface::registry::{ExecuteMsg as Registry, LaunchPackage, ModelState};
use quern_interface::sudo::SudoMsg;
use quern_protocol::{Amount, Price};
use serde::de::DeserializeOwned;

pub fn params() -> Params {
    Params {
        period_blocks: 10,
        max_updates: 4,
        keep_blocks: 300,
        block_ms: 500,
        smoothing: 500_000,
        low: 400_000,
        high: 600_000,
        steepness: 100_000,
        max_step: 50_000,
        quote: QuoteParams {
            posters: ["ann", "bob", "cleo"]
                .map(|poster| name(poster).to_string())
                .into(),
            least: 2,
            max_age: 50,
            hysteresis: 20_000,
        },
    }
}

/// What the contract `poc-weights` is asked here: a number that a test sets, or nothing at all.
const PROVEN: Item<Option<Amount>> = Item::new("proven");

fn begin(deps: DepsMut, _: Env, _: MessageInfo, _: Empty) -> StdResult<Response> {
    PROVEN.save(deps.storage, &None)?;
    Ok(Response::new())
}

fn set(deps: DepsMut, _: Env, _: MessageInfo, proven: Option<Amount>) -> StdResult<Response> {
    PROVEN.save(deps.storage, &proven)?;
    Ok(Response::new())
}

fn answer(deps: Deps, _: Env, question: Weights) -> StdResult<Binary> {
    match (question, PROVEN.load(deps.storage)?) {
        (Weights::Capacity { .. }, Some(proven)) => to_json_binary(&proven),
        _ => Err(StdError::msg("no answer")),
    }
}

pub struct Market {
    pub world: World,
    pub pricing: Addr,
    weights: Addr,
}

impl Market {
    /// Hosts of these capacities.
    pub fn new(capacities: &[u64]) -> Self {
        Self::with(capacities, params())
    }

    pub fn with(capacities: &[u64], params: Params) -> Self {
        let mut world = World::new(capacities);
        let gov = name("gov");
        let code = ContractWrapper::new(
            pricing::contract::execute,
            pricing::contract::instantiate,
            pricing::contract::query,
        )
        .with_sudo(pricing::contract::sudo);
        let weights = world
            .app
            .store_code(Box::new(ContractWrapper::new(set, begin, answer)));
        let weights = world
            .app
            .instantiate_contract(weights, gov.clone(), &Empty {}, &[], "poc-weights", None)
            .unwrap();
        let code = world.app.store_code(Box::new(code));
        let first = InstantiateMsg {
            authority: gov.to_string(),
            registry: world.registry.to_string(),
            settlement: world.settlement.to_string(),
            poc_weights: Some(weights.to_string()),
            params,
        };
        let pricing = world
            .app
            .instantiate_contract(code, gov, &first, &[], "pricing", None)
            .unwrap();
        Self {
            world,
            pricing,
            weights,
        }
    }

    pub fn prove(&mut self, capacity: Option<u128>) {
        let weights = self.weights.clone();
        let proven = capacity.map(Amount);
        self.world
            .app
            .execute_contract(name("gov"), weights, &proven, &[])
            .unwrap();
    }

    /// The hook of a block's end.
    pub fn hook(&mut self) -> AppResponse {
        self.world
            .app
            .wasm_sudo(self.pricing.clone(), &SudoMsg::EndBlock {})
            .unwrap()
    }

    /// Ends blocks as the application does, until `height` is under way.
    pub fn until(&mut self, height: u64) {
        while self.world.height() < height {
            self.hook();
            self.world.block();
        }
    }

    /// Ends the period under way.
    pub fn period(&mut self) {
        let period = self.ask::<Params>(&QueryMsg::Params {}).period_blocks;
        self.until((self.world.height() / period + 1) * period + 1);
    }

    pub fn ask<T: DeserializeOwned>(&self, question: &QueryMsg) -> T {
        self.try_ask(question).unwrap()
    }

    pub fn try_ask<T: DeserializeOwned>(&self, question: &QueryMsg) -> StdResult<T> {
        self.world.app.wrap().query_wasm_smart(&self.pricing, question)
    }

    pub fn info(&self, model: &str) -> PriceInfo {
        self.ask(&QueryMsg::Price { model: model.into() })
    }

    pub fn price(&self) -> Price {
        self.info(MODEL).price
    }

    pub fn price_at(&self, height: u64) -> StdResult<Price> {
        self.try_ask(&QueryMsg::PriceAt {
            model: MODEL.into(),
            height,
        })
    }

    pub fn history(&self) -> Vec<PricePoint> {
        self.ask(&QueryMsg::History {
            model: MODEL.into(),
            before: None,
            limit: Some(100),
        })
    }

    pub fn execute(&mut self, sender: &str, msg: &ExecuteMsg) -> StdResult<AppResponse> {
        let pricing = self.pricing.clone();
        self.world.app.execute_contract(name(sender), pricing, msg, &[])
    }

    /// Another model on the chain.
    pub fn launch(&mut self, id: &str, state: ModelState) {
        let package = LaunchPackage {
            id: id.into(),
            hash: chain::model_hash(),
            context: 4096,
            precision: "fp32".into(),
            sampler: 1,
            rendering: 1,
            grammar: 1,
            price: "7".parse().unwrap(),
            coefficients: chain::coefficients(),
            profiles: vec!["cpu".into()],
            state,
        };
        self.world
            .at_registry(&name("gov"), &Registry::PutModel(package), &[]);
    }
}
