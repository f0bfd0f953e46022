//! Rewards on a simulated chain, with a world that a test writes.
#![allow(dead_code, reason = "each test file uses its part")]

pub mod stubs;

use std::collections::BTreeMap;

use cosmwasm_std::testing::MockApi;
use cosmwasm_std::{coin, Addr, Empty};
use cw_multi_test::{App, AppResponse, BankSudo, ContractWrapper, Executor, SudoMsg as ChainSudo};
use quern_interface::bonding::SlashRecord;
use quern_interface::poc_weights::{EpochInfo, ProofModel, WeightInfo};
use quern_interface::pricing::{CapacitySource, PriceInfo};
use quern_interface::rewards::{
    self as rw, ExecuteMsg, HostInfo, InstantiateMsg, Params, QueryMsg, Status, Totals,
};
use quern_interface::settlement::{Demand, Earned, HostEarned};
use quern_interface::sudo::SudoMsg;
use quern_protocol::{Amount, Price};
use serde::de::DeserializeOwned;
use stubs::World;

pub const DENOM: &str = "nqrn";
pub const MODEL: &str = "quern-small";

pub fn who(name: &str) -> Addr {
    MockApi::default().addr_make(name)
}

/// Hosts, by rising address.
pub fn hosts(count: usize) -> Vec<String> {
    let mut all: Vec<String> = (0..count).map(|n| who(&format!("host{n}")).to_string()).collect();
    all.sort();
    all
}

pub fn params() -> Params {
    Params {
        denom: DENOM.into(),
        vesting_epochs: 5,
        tax_bps: 200,
        margin_bps: 2_000,
        high_bps: 4_000,
        low_bps: 3_000,
        sustain_epochs: 2,
        ramp_epochs: 4,
        step_hosts: 100,
    }
}

pub struct Chain {
    pub app: App,
    pub rewards: Addr,
    pub stubs: Vec<Addr>,
    pub world: World,
    pub epoch: u64,
    pub minted: u128,
}

impl Chain {
    pub fn new(params: Params) -> Self {
        let mut app = App::default();
        let world = World {
            epoch: EpochInfo {
                epoch: 0,
                height: 0,
                mode: quern_weights::Mode::Proven,
                missed: 0,
                total_power: 0,
            },
            models: vec![ProofModel {
                model: MODEL.into(),
                vocabulary: 256,
                shapes: vec![],
                coefficient: 1_000_000,
            }],
            weights: vec![],
            prices: vec![PriceInfo {
                model: MODEL.into(),
                price: Price::from_atomics(2_000_000_000_000_000_000),
                launch: Price::from_atomics(2_000_000_000_000_000_000),
                updated_at: 0,
                blocks: 0,
                demand: Amount::ZERO,
                capacity: Amount::ZERO,
                source: CapacitySource::Proven,
                utilisation: 0,
                smoothed: 0,
                judged: Amount::ZERO,
                offered: Amount::ZERO,
            }],
            demand: vec![(MODEL.into(), Demand::default())],
            earned: vec![],
            slashes: vec![],
            payouts: vec![],
        };
        let gov = who("gov");
        let mut stubs = vec![];
        for contract in stubs::all() {
            let code = app.store_code(contract);
            let made = app.instantiate_contract(code, gov.clone(), &world, &[], "stub", None);
            stubs.push(made.unwrap());
        }
        use rewards::contract as c;
        let contract: ContractWrapper<_, _, _, _, _, _, Empty, Empty, _, _, _> =
            ContractWrapper::new(c::execute, c::instantiate, c::query).with_sudo(c::sudo);
        let code = app.store_code(Box::new(contract));
        let msg = InstantiateMsg {
            authority: gov.to_string(),
            registry: stubs[0].to_string(),
            bonding: stubs[1].to_string(),
            settlement: stubs[2].to_string(),
            weights: stubs[3].to_string(),
            pricing: stubs[4].to_string(),
            community_pool: who("pool").to_string(),
            params,
        };
        let rewards = app
            .instantiate_contract(code, gov, &msg, &[], "rewards", None)
            .unwrap();
        Self {
            app,
            rewards,
            stubs,
            world,
            epoch: 0,
            minted: 0,
        }
    }

    /// Tells the stubs what the world is like now.
    pub fn publish(&mut self) {
        for stub in self.stubs.clone() {
            self.app
                .execute_contract(who("gov"), stub, &self.world, &[])
                .unwrap();
        }
    }

    /// Weights of the epoch that ends next.
    pub fn weigh(&mut self, weights: &[(&str, u64)]) {
        self.world.epoch.epoch = self.epoch + 1;
        self.world.weights = weights
            .iter()
            .map(|(host, weight)| WeightInfo {
                host: (*host).to_owned(),
                proven: *weight,
                verified: *weight,
                present: *weight,
                covered: *weight,
                power: 0,
            })
            .collect();
        self.world.weights.sort_by(|a, b| a.host.cmp(&b.host));
    }

    /// A host is paid for so many coins of captures, of which 5 % burn.
    pub fn earn(&mut self, host: &str, gross: u128) {
        let found = self.world.earned.iter().position(|entry| entry.host == host);
        let at = found.unwrap_or_else(|| {
            self.world.earned.push(HostEarned {
                host: host.to_owned(),
                earned: Earned::default(),
            });
            self.world.earned.len() - 1
        });
        let earned = &mut self.world.earned[at].earned;
        earned.burned.0 += gross / 20;
        earned.paid.0 += gross - gross / 20;
        self.world.earned.sort_by(|a, b| a.host.cmp(&b.host));
    }

    /// Work was asked for and committed, at the price of 2, out of so much that could have been done.
    pub fn ask(&mut self, captures: u128, offered: u128) {
        self.world.demand[0].1.amount.0 += captures;
        self.world.prices[0].judged.0 += captures / 2;
        self.world.prices[0].offered.0 += offered;
    }

    pub fn slash(&mut self, host: &str) {
        self.world.slashes.push(SlashRecord {
            number: self.world.slashes.len() as u64 + 1,
            host: host.to_owned(),
            offence: "quern-small/0".into(),
            height: 1,
            fraction_bps: 500,
            slashed: Amount(1),
            restitution: Amount::ZERO,
            burned: Amount(1),
        });
    }

    pub fn give(&mut self, amount: u128) {
        if amount > 0 {
            let mint = BankSudo::Mint {
                to_address: self.rewards.to_string(),
                amount: vec![coin(amount, DENOM)],
            };
            self.app.sudo(ChainSudo::Bank(mint)).unwrap();
            self.minted += amount;
        }
    }

    /// Ends the epoch with this emission, without the blocks that follow.
    pub fn border(&mut self, emission: u128) -> AppResponse {
        self.publish();
        self.give(emission);
        self.epoch += 1;
        let msg = SudoMsg::EndEpoch {
            epoch: self.epoch,
            validators: vec![],
        };
        self.app.wasm_sudo(self.rewards.clone(), &msg).unwrap()
    }

    pub fn block(&mut self) -> AppResponse {
        self.app.update_block(|block| block.height += 1);
        self.app
            .wasm_sudo(self.rewards.clone(), &SudoMsg::EndBlock {})
            .unwrap()
    }

    /// Ends the epoch and lets blocks pass until it is divided.
    pub fn end_epoch(&mut self, emission: u128) {
        self.border(emission);
        while self.status().phase != rw::Phase::Done {
            self.block();
        }
    }

    pub fn ask_rewards<T: DeserializeOwned>(&self, msg: &QueryMsg) -> T {
        self.app.wrap().query_wasm_smart(&self.rewards, msg).unwrap()
    }

    pub fn status(&self) -> Status {
        self.ask_rewards(&QueryMsg::Status {})
    }

    pub fn totals(&self) -> Totals {
        self.ask_rewards(&QueryMsg::Totals {})
    }

    pub fn host(&self, host: &str) -> HostInfo {
        let host = host.to_owned();
        self.ask_rewards(&QueryMsg::Host { host })
    }

    pub fn info(&self, epoch: u64) -> rw::EpochInfo {
        let info: Option<rw::EpochInfo> = self.ask_rewards(&QueryMsg::Epoch { epoch });
        info.unwrap()
    }

    pub fn claim(&mut self, host: &str) -> Result<AppResponse, String> {
        let host = host.to_owned();
        let msg = ExecuteMsg::Claim { host };
        self.app
            .execute_contract(who("anyone"), self.rewards.clone(), &msg, &[])
            .map_err(|error| format!("{error:?}"))
    }

    pub fn balance(&self, of: &str) -> u128 {
        let coin = self.app.wrap().query_balance(of, DENOM).unwrap();
        coin.amount.to_string().parse().unwrap()
    }

    pub fn supply(&self) -> u128 {
        let coin = self.app.wrap().query_supply(DENOM).unwrap();
        coin.amount.to_string().parse().unwrap()
    }

    /// Everything that the contract stores.
    pub fn dump(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        self.app.dump_wasm_raw(&self.rewards).into_iter().collect()
    }

    /// Every coin is somewhere, and the books say where.
    pub fn reconcile(&self) {
        let t = self.totals();
        assert_eq!(t.received.0, t.undivided.0 + t.to_community.0 + t.to_hosts.0);
        let held = t.undivided.0 + t.to_hosts.0 - t.claimed.0 - t.clawed_back.0;
        assert_eq!(self.balance(self.rewards.as_str()), held);
        assert_eq!(self.supply(), self.minted - t.clawed_back.0);
        assert_eq!(self.balance(who("pool").as_str()), t.to_community.0);
        let mut earned = 0;
        let all: Vec<HostInfo> = self.ask_rewards(&QueryMsg::Hosts {
            start_after: None,
            limit: Some(100),
        });
        for host in &all {
            let got = host.by_weight.0 + host.by_fees.0;
            let kept = host.vesting.0 + host.claimable.0 + host.claimed.0 + host.clawed_back.0;
            assert_eq!(got, kept, "{host:?}");
            earned += got;
        }
        assert!(earned <= t.to_hosts.0);
        let claimed: u128 = all.iter().map(|host| host.claimed.0).sum();
        assert_eq!(claimed, t.claimed.0);
    }
}
