//! The contract with the real registry and bonding on one simulated chain, and hosts that prove.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

#[path = "../../../settlement/tests/common/beacon.rs"]
pub mod beacon;
mod store;

use std::cell::Cell;
use std::rc::Rc;

use beacon::Beacon;
use cosmwasm_std::testing::MockApi;
use cosmwasm_std::{coin, from_json, Addr, Api, Empty};
use cw_multi_test::{
    App, AppBuilder, AppResponse, BankKeeper, ContractWrapper, DistributionKeeper, Executor, FailingModule,
    GovFailingModule, IbcFailingModule, StakeKeeper, WasmKeeper,
};
use quern_interface::poc_weights::{
    EpochInfo, ExecuteMsg, InstantiateMsg, Params, ProofInfo, ProofModel, QueryMsg, SprintInfo, WeightInfo,
};
use quern_interface::registry::{self as reg, HostDetails, LaunchPackage, ModelState, Offer};
use quern_interface::sudo::{ProposedSet, SudoMsg, ValidatorPresence};
use quern_interface::{bonding as bond, poc_weights::WeightParams};
use quern_protocol::{Amount, Bytes, Coefficients, Node, ProofShape, PublicKey};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use store::Store;

pub const DENOM: &str = "nqrn";
pub const RICH: u128 = 1 << 80;
pub const MODEL: &str = "quern-small";
/// Work of the two shapes.
pub const LEAST: u128 = 40;
pub const MOST: u128 = 100;
pub const PER_WEIGHT: u128 = 10;
/// Covers everything that these tests prove.
pub const BOND: u128 = 10_000_000_000;
/// Blocks of an epoch.
pub const EPOCH: u64 = 60;

type Chain = App<
    BankKeeper,
    MockApi,
    Store,
    FailingModule<Empty, Empty, Empty>,
    WasmKeeper<Empty, Empty>,
    StakeKeeper,
    DistributionKeeper,
    IbcFailingModule,
    GovFailingModule,
    Beacon,
>;

pub fn params() -> Params {
    Params {
        sprint_blocks: 5,
        window_start: 10,
        window_sprints: 2,
        confirm_every: 0,
        judged_sprints: 4,
        kept_blocks: 100,
        weights: WeightParams {
            bond_per_weight: Amount(PER_WEIGHT),
            max_validators: 64,
            ..WeightParams::DEFAULT
        },
    }
}

pub fn proof_model(id: &str) -> ProofModel {
    let shape = |prompt, output| ProofShape {
        prompt,
        output,
        weight: 1,
    };
    ProofModel {
        model: id.into(),
        vocabulary: 1_000,
        shapes: vec![shape(10, 10), shape(40, 20)],
        coefficient: 1_000_000,
    }
}

fn package(id: &str) -> LaunchPackage {
    LaunchPackage {
        id: id.into(),
        hash: Bytes::new([9; 32]),
        context: 512,
        precision: "fp32".into(),
        sampler: 1,
        rendering: 1,
        grammar: 1,
        price: "2".parse().unwrap(),
        coefficients: Coefficients {
            input: 1_000_000,
            cached: 100_000,
            output: 3_000_000,
        },
        profiles: vec!["cpu".into()],
        state: ModelState::Live,
    }
}

pub fn who(name: &str) -> Addr {
    MockApi::default().addr_make(name)
}

pub fn host(n: usize) -> Addr {
    who(&format!("host{n}"))
}

pub fn key(n: usize) -> Bytes<32> {
    Bytes::new(Sha256::digest(n.to_be_bytes()).into())
}

/// The n-th point of the curve whose x is a hash: a warm key that nobody needs to sign with.
fn warm_key(n: usize) -> PublicKey {
    let mut signature = [0; 64];
    (signature[31], signature[63]) = (1, 1);
    let point = |attempt: u64| {
        let x: [u8; 32] = Sha256::digest([n.to_be_bytes(), attempt.to_be_bytes()].concat()).into();
        let mut key = [2; 33];
        key[1..].copy_from_slice(&x);
        key
    };
    let api = MockApi::default();
    let on_curve = |key: &[u8; 33]| api.secp256k1_verify(&[1; 32], &signature, key).is_ok();
    Bytes::new((0..).map(point).find(on_curve).unwrap())
}

pub fn root(work: u128) -> Node {
    Node {
        hash: Bytes::new(Sha256::digest(work.to_be_bytes()).into()),
        sum: Amount(work),
    }
}

/// The chain, and the set that the application would have without bounds of its own.
pub struct World {
    pub app: Chain,
    pub registry: Addr,
    pub bonding: Addr,
    pub contract: Addr,
    pub hosts: usize,
    pub epoch: u64,
    pub set: Vec<ValidatorPresence>,
    reads: Rc<Cell<usize>>,
}

impl World {
    /// Hosts with these bonds, after genesis.
    pub fn new(bonds: &[u128]) -> Self {
        Self::with(bonds, params())
    }

    pub fn with(bonds: &[u128], params: Params) -> Self {
        let mut world = Self::bare(bonds.len(), params);
        for bond in bonds {
            world.join(*bond);
        }
        world.end_epoch();
        world
    }

    /// Before anybody joined and before genesis ended.
    pub fn bare(hosts: usize, params: Params) -> Self {
        // as in genesis, every address is known before the contracts are
        let nobody = [(); 3].map(|()| who("nobody"));
        let first = Self::build(hosts, &params, &nobody);
        let known = [first.registry, first.bonding, first.contract];
        Self::build(hosts, &params, &known)
    }

    fn build(hosts: usize, params: &Params, [registry, bonding, _]: &[Addr; 3]) -> Self {
        let store = Store::default();
        let reads = Rc::clone(&store.reads);
        let mut app =
            AppBuilder::new()
                .with_storage(store)
                .with_stargate(Beacon)
                .build(|router, _, storage| {
                    for user in (0..hosts + 2).map(host) {
                        let coins = vec![coin(RICH, DENOM)];
                        router.bank.init_balance(storage, &user, coins).unwrap();
                    }
                });
        app.update_block(|block| block.height = 1_000);
        let (gov, judge) = (who("gov"), who("judge"));
        let code = app.store_code(Box::new(ContractWrapper::new(
            registry::contract::execute,
            registry::contract::instantiate,
            registry::contract::query,
        )));
        let init = reg::InstantiateMsg {
            authority: gov.to_string(),
            bonding: bonding.to_string(),
            judges: vec![judge.to_string()],
            params: reg::Params {
                denom: DENOM.into(),
                entry_fee: Amount::ZERO,
                bond_per_capacity: Amount(10),
                max_offers: 4,
                requalify_blocks: 2 * EPOCH,
                maintenance_credit: 20,
                maintenance_window: 300,
            },
            models: vec![package(MODEL), package("other")],
        };
        let found = app.instantiate_contract(code, gov.clone(), &init, &[], "registry", None);
        let registry_address = found.unwrap();
        let code = app.store_code(Box::new(
            ContractWrapper::new(
                bonding::contract::execute,
                bonding::contract::instantiate,
                bonding::contract::query,
            )
            .with_sudo(bonding::contract::sudo),
        ));
        let init = bond::InstantiateMsg {
            authority: gov.to_string(),
            registry: registry.to_string(),
            judges: vec![judge.to_string()],
            rewards: None,
            params: bond::Params {
                denom: DENOM.into(),
                unbonding_blocks: 400,
                bucket_blocks: 20,
                freeze_blocks: 20,
                max_freeze_blocks: 40,
                min_operator_bps: 1_000,
                min_validator_bond: Amount(1_000),
                max_validators: 10,
                max_power_bps: 3_000,
                double_sign_bps: 500,
                commission_rise_bps: 100,
            },
        };
        let found = app.instantiate_contract(code, gov.clone(), &init, &[], "bonding", None);
        let bonding_address = found.unwrap();
        let code = app.store_code(Box::new(
            ContractWrapper::new(
                poc_weights::contract::execute,
                poc_weights::contract::instantiate,
                poc_weights::contract::query,
            )
            .with_sudo(poc_weights::contract::sudo),
        ));
        let init = InstantiateMsg {
            authority: gov.to_string(),
            registry: registry.to_string(),
            bonding: bonding.to_string(),
            judges: vec![judge.to_string()],
            params: params.clone(),
            // of the first of two builds nobody can be asked
            models: if *registry == registry_address {
                vec![proof_model(MODEL)]
            } else {
                vec![]
            },
        };
        let contract = app
            .instantiate_contract(code, gov, &init, &[], "poc-weights", None)
            .unwrap();
        Self {
            app,
            registry: registry_address,
            bonding: bonding_address,
            contract,
            hosts: 0,
            epoch: 0,
            set: vec![],
            reads,
        }
    }

    /// The next host registers, bonds and serves.
    pub fn join(&mut self, bond: u128) {
        let n = self.hosts;
        self.hosts += 1;
        let details = HostDetails {
            moniker: format!("host {n}"),
            endpoint: "https://worker.example".into(),
            transport_key: Bytes::new([7; 32]),
            consensus_key: key(n),
            beacon_anchor: None,
            warm_key: warm_key(n),
            payout: None,
            offers: vec![Offer {
                model: MODEL.into(),
                capacity: 100,
                profile: "cpu".into(),
            }],
        };
        self.at_registry(&host(n), &reg::ExecuteMsg::RegisterHost(details));
        if bond > 0 {
            self.bond(n, bond);
        }
    }

    pub fn bond(&mut self, n: usize, amount: u128) {
        let msg = bond::ExecuteMsg::Bond {
            host: host(n).to_string(),
        };
        let (bonding, coins) = (self.bonding.clone(), vec![coin(amount, DENOM)]);
        self.app.execute_contract(host(n), bonding, &msg, &coins).unwrap();
    }

    pub fn at_registry(&mut self, sender: &Addr, msg: &reg::ExecuteMsg) {
        let registry = self.registry.clone();
        self.app
            .execute_contract(sender.clone(), registry, msg, &[])
            .unwrap();
    }

    pub fn at_bonding(&mut self, sender: &Addr, msg: &bond::ExecuteMsg) {
        let bonding = self.bonding.clone();
        self.app
            .execute_contract(sender.clone(), bonding, msg, &[])
            .unwrap();
    }

    pub fn convict(&mut self, n: usize) {
        let msg = reg::ExecuteMsg::Convict {
            host: host(n).to_string(),
            model: MODEL.into(),
        };
        self.at_registry(&who("judge"), &msg);
    }

    pub fn warm(&self, n: usize) -> Addr {
        let question = reg::QueryMsg::Host {
            host: host(n).to_string(),
        };
        let info: reg::HostInfo = self
            .app
            .wrap()
            .query_wasm_smart(&self.registry, &question)
            .unwrap();
        Addr::unchecked(info.warm_key.address)
    }

    pub fn height(&self) -> u64 {
        self.app.block_info().height
    }

    pub fn ask<T: DeserializeOwned>(&self, question: &QueryMsg) -> T {
        self.app
            .wrap()
            .query_wasm_smart(&self.contract, question)
            .unwrap()
    }

    pub fn send(&mut self, sender: &Addr, msg: &ExecuteMsg) -> Result<AppResponse, String> {
        let contract = self.contract.clone();
        self.app
            .execute_contract(sender.clone(), contract, msg, &[])
            .map_err(|error| format!("{error:?}"))
    }

    /// Fails with the error's stable name.
    pub fn refuse(&mut self, sender: &Addr, msg: &ExecuteMsg, error: &str) {
        let found = self.send(sender, msg).unwrap_err();
        assert!(found.contains(&format!("{error}:")), "{found}");
    }

    pub fn sudo(&mut self, msg: &SudoMsg) -> AppResponse {
        self.app.wasm_sudo(self.contract.clone(), msg).unwrap()
    }

    pub fn sprint(&self) -> Option<SprintInfo> {
        self.ask(&QueryMsg::Sprint {})
    }

    /// The end of a block, and of the epoch if one ends with it.
    pub fn block(&mut self) {
        self.sudo(&SudoMsg::EndBlock {});
        if self.height() % EPOCH == 0 {
            self.end_epoch();
        }
        self.app.update_block(|block| block.height += 1);
    }

    pub fn blocks(&mut self, count: u64) {
        for _ in 0..count {
            self.block();
        }
    }

    /// Ends blocks until a sprint after this one begins.
    pub fn next_sprint(&mut self) -> SprintInfo {
        let before = self.sprint().map_or(0, |sprint| sprint.sprint);
        for _ in 0..5_000 {
            self.block();
            if let Some(sprint) = self.sprint().filter(|sprint| sprint.sprint > before) {
                return sprint;
            }
        }
        panic!("no sprint came");
    }

    /// What the application does at an epoch's end: removals, then a step. Everybody signs by default.
    pub fn end_epoch(&mut self) -> ProposedSet {
        let msg = SudoMsg::EndEpoch {
            epoch: self.epoch,
            validators: self.set.clone(),
        };
        let answer = self.sudo(&msg);
        self.epoch += 1;
        let proposed: ProposedSet = from_json(answer.data.unwrap()).unwrap();
        let stays = |one: &&ValidatorPresence| !proposed.removed.contains(&one.pubkey);
        let current = self
            .set
            .iter()
            .filter(stays)
            .map(|one| (one.pubkey, one.power))
            .collect();
        let goal = proposed
            .validators
            .iter()
            .map(|one| (one.pubkey, one.power))
            .collect();
        let bounds = WeightParams {
            max_validators: 64,
            ..WeightParams::DEFAULT
        };
        let validator = |(pubkey, power)| ValidatorPresence {
            pubkey,
            power,
            signed: EPOCH,
            missed: 0,
        };
        let next = quern_weights::step(&current, &goal, &bounds);
        self.set = next.into_iter().map(validator).collect();
        proposed
    }

    pub fn finish_epoch(&mut self) {
        let epoch = self.epoch;
        while self.epoch == epoch {
            self.block();
        }
    }

    pub fn power(&self, n: usize) -> u64 {
        let mut found = self.set.iter().filter(|one| one.pubkey == key(n));
        found.next().map_or(0, |one| one.power)
    }

    pub fn commit(&self, sprint: u64, work: u128) -> ExecuteMsg {
        ExecuteMsg::CommitProof {
            sprint,
            model: MODEL.into(),
            root: root(work),
            count: u32::try_from(work.div_ceil(MOST)).unwrap(),
        }
    }

    /// A sprint in which host n commits as much work as the n-th number; nothing of zero.
    pub fn prove(&mut self, sprint: u64, work: &[u128]) {
        for (n, work) in work.iter().enumerate().filter(|(_, work)| **work > 0) {
            let msg = self.commit(sprint, *work);
            self.send(&host(n), &msg).unwrap();
        }
    }

    /// An epoch in whose every sprint hosts commit this much.
    pub fn play(&mut self, work: &[u128]) {
        let epoch = self.epoch;
        while self.epoch == epoch {
            let before = self.sprint().map(|sprint| sprint.sprint);
            self.block();
            if let Some(sprint) = self.sprint().filter(|sprint| Some(sprint.sprint) != before) {
                if self.epoch == epoch {
                    self.prove(sprint.sprint, work);
                }
            }
        }
    }

    pub fn judge(&mut self, n: usize, sprint: u64, clean: u32, failed: u32) -> Result<AppResponse, String> {
        let msg = ExecuteMsg::Judge {
            host: host(n).to_string(),
            model: MODEL.into(),
            sprint,
            clean,
            failed,
        };
        self.send(&who("judge"), &msg)
    }

    pub fn weight(&self, n: usize) -> Option<WeightInfo> {
        self.ask(&QueryMsg::Weight {
            host: host(n).to_string(),
        })
    }

    pub fn proof(&self, n: usize, sprint: u64) -> Option<ProofInfo> {
        self.ask(&QueryMsg::Proof {
            sprint,
            host: host(n).to_string(),
            model: MODEL.into(),
        })
    }

    pub fn outcome(&self) -> EpochInfo {
        self.ask(&QueryMsg::Epoch {})
    }

    /// Reads of the store that something takes.
    pub fn reads(&mut self, act: impl FnOnce(&mut Self)) -> usize {
        let before = self.reads.get();
        act(self);
        self.reads.get() - before
    }
}
