//! Bonding and registry on one simulated chain.
#![allow(dead_code, reason = "each test file uses its part")]

pub mod earnings;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use cosmwasm_std::testing::MockApi;
use cosmwasm_std::{coin, from_json, Addr, Api, Coin, Empty, Order, Record, Storage};
use cw_multi_test::{App, AppBuilder, AppResponse, BankKeeper, ContractWrapper, Executor};
use quern_interface::bonding::{
    ExecuteMsg, FunderRewards, HostBond, HostIncome, InstantiateMsg, Params, Position, QueryMsg, SlashRecord,
    Totals,
};
use quern_interface::registry::{self as reg, HostDetails, HostInfo};
use quern_interface::sudo::{Misbehavior, ProposedSet, Removals, SudoMsg};
use quern_protocol::{Amount, Bytes, PublicKey};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

pub const DENOM: &str = "nqrn";
pub const RICH: u128 = 1 << 80;

/// A store that counts what is read below the simulated chain's caches.
#[derive(Default)]
pub struct Store {
    entries: BTreeMap<Vec<u8>, Vec<u8>>,
    reads: Rc<Cell<usize>>,
}

impl Storage for Store {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.reads.set(self.reads.get() + 1);
        self.entries.get(key).cloned()
    }

    fn range<'a>(
        &'a self,
        start: Option<&[u8]>,
        end: Option<&[u8]>,
        order: Order,
    ) -> Box<dyn Iterator<Item = Record> + 'a> {
        let bounds = (
            start.map_or(std::ops::Bound::Unbounded, |s| {
                std::ops::Bound::Included(s.to_vec())
            }),
            end.map_or(std::ops::Bound::Unbounded, |e| {
                std::ops::Bound::Excluded(e.to_vec())
            }),
        );
        if start.zip(end).is_some_and(|(start, end)| start >= end) {
            return Box::new(std::iter::empty());
        }
        let owned = |(key, value): (&Vec<u8>, &Vec<u8>)| (key.clone(), value.clone());
        let count = |_: &Record| self.reads.set(self.reads.get() + 1);
        match order {
            Order::Ascending => Box::new(self.entries.range(bounds).map(owned).inspect(count)),
            Order::Descending => Box::new(self.entries.range(bounds).rev().map(owned).inspect(count)),
        }
    }

    fn set(&mut self, key: &[u8], value: &[u8]) {
        self.entries.insert(key.to_vec(), value.to_vec());
    }

    fn remove(&mut self, key: &[u8]) {
        self.entries.remove(key);
    }
}

pub struct Chain {
    pub app: App<BankKeeper, MockApi, Store>,
    pub bonding: Addr,
    pub registry: Addr,
    pub rewards: Addr,
    reads: Rc<Cell<usize>>,
}

pub fn who(name: &str) -> Addr {
    MockApi::default().addr_make(name)
}

pub fn host(n: u64) -> Addr {
    who(&format!("host{n}"))
}

pub fn params() -> Params {
    Params {
        denom: DENOM.into(),
        unbonding_blocks: 40,
        bucket_blocks: 10,
        freeze_blocks: 25,
        max_freeze_blocks: 100,
        min_operator_bps: 1000,
        min_validator_bond: Amount(1000),
        max_validators: 10,
        max_power_bps: 3000,
        double_sign_bps: 500,
        commission_rise_bps: 100,
    }
}

fn warm_key(n: u64) -> PublicKey {
    let mut signature = [0; 64];
    (signature[31], signature[63]) = (1, 1);
    let point = |attempt: u64| {
        let x: [u8; 32] = Sha256::digest([n.to_be_bytes(), attempt.to_be_bytes()].concat()).into();
        let mut key = [2; 33];
        key[1..].copy_from_slice(&x);
        key
    };
    let on_curve = |key: &[u8; 33]| {
        MockApi::default()
            .secp256k1_verify(&[1; 32], &signature, key)
            .is_ok()
    };
    Bytes::new((0..).map(point).find(on_curve).unwrap())
}

pub fn consensus_key(n: u64) -> Bytes<32> {
    Bytes::new(Sha256::digest(n.to_be_bytes()).into())
}

impl Chain {
    pub fn new(users: &[Addr]) -> Self {
        Self::with(users, params())
    }

    pub fn with(users: &[Addr], params: Params) -> Self {
        // Addresses follow from ids, so a first chain tells those of the second.
        let nobody = who("nobody");
        let first = Self::build(users, params.clone(), &nobody, &nobody);
        Self::build(users, params, &first.registry, &first.bonding)
    }

    fn build(users: &[Addr], params: Params, registry: &Addr, bonding: &Addr) -> Self {
        let registry_address = registry;
        let store = Store::default();
        let reads = Rc::clone(&store.reads);
        let mut app = AppBuilder::new().with_storage(store).build(|router, _, storage| {
            for user in users {
                router
                    .bank
                    .init_balance(storage, user, vec![coin(RICH, DENOM), coin(RICH, "other")])
                    .unwrap();
            }
        });
        app.update_block(|block| block.height = 100);
        let (gov, judge) = (who("gov"), who("judge"));
        let code = app.store_code(earnings::contract());
        let rewards = app
            .instantiate_contract(code, gov.clone(), &Empty {}, &[], "rewards", None)
            .unwrap();
        use registry::contract as r;
        let code = app.store_code(Box::new(ContractWrapper::new_with_empty(
            r::execute,
            r::instantiate,
            r::query,
        )));
        let msg = reg::InstantiateMsg {
            authority: gov.to_string(),
            bonding: bonding.to_string(),
            judges: vec![judge.to_string()],
            params: reg::Params {
                denom: DENOM.into(),
                entry_fee: Amount::ZERO,
                bond_per_capacity: Amount(10),
                max_offers: 4,
                requalify_blocks: 50,
                maintenance_credit: 20,
                maintenance_window: 100,
            },
            models: vec![],
        };
        let registry = app
            .instantiate_contract(code, gov.clone(), &msg, &[], "registry", None)
            .unwrap();
        use bonding::contract as b;
        let contract =
            ContractWrapper::new_with_empty(b::execute, b::instantiate, b::query).with_sudo_empty(b::sudo);
        let code = app.store_code(Box::new(contract));
        let msg = InstantiateMsg {
            authority: gov.to_string(),
            registry: registry_address.to_string(),
            judges: vec![judge.to_string()],
            rewards: Some(rewards.to_string()),
            params,
        };
        let bonding = app
            .instantiate_contract(code, gov, &msg, &[], "bonding", None)
            .unwrap();
        Self {
            app,
            bonding,
            registry,
            rewards,
            reads,
        }
    }

    pub fn height(&self) -> u64 {
        self.app.block_info().height
    }

    pub fn advance(&mut self, blocks: u64) {
        self.app.update_block(|block| block.height += blocks);
    }

    pub fn register(&mut self, n: u64) -> Addr {
        let details = HostDetails {
            moniker: format!("host {n}"),
            endpoint: "https://worker.example".into(),
            transport_key: Bytes::new([7; 32]),
            consensus_key: consensus_key(n),
            beacon_anchor: None,
            warm_key: warm_key(n),
            payout: None,
            offers: vec![],
        };
        self.registry_call(&host(n), reg::ExecuteMsg::RegisterHost(details));
        host(n)
    }

    pub fn registry_call(&mut self, sender: &Addr, msg: reg::ExecuteMsg) {
        self.app
            .execute_contract(sender.clone(), self.registry.clone(), &msg, &[])
            .unwrap();
    }

    pub fn call_with(
        &mut self,
        sender: &Addr,
        msg: &ExecuteMsg,
        funds: &[Coin],
    ) -> Result<AppResponse, String> {
        self.app
            .execute_contract(sender.clone(), self.bonding.clone(), msg, funds)
            .map_err(|error| format!("{error:?}"))
    }

    pub fn call(&mut self, sender: &Addr, msg: ExecuteMsg) -> Result<AppResponse, String> {
        self.call_with(sender, &msg, &[])
    }

    /// Fails with the error's stable name.
    pub fn refuse(&mut self, sender: &Addr, msg: ExecuteMsg, funds: &[Coin], name: &str) {
        let error = self.call_with(sender, &msg, funds).unwrap_err();
        assert!(error.contains(&format!("{name}:")), "{error}");
    }

    pub fn bond(&mut self, funder: &Addr, host: &Addr, amount: u128) -> Result<AppResponse, String> {
        let msg = ExecuteMsg::Bond {
            host: host.to_string(),
        };
        self.call_with(funder, &msg, &[coin(amount, DENOM)])
    }

    pub fn unbond(&mut self, funder: &Addr, host: &Addr, amount: u128) -> Result<AppResponse, String> {
        let (host, amount) = (host.to_string(), Amount(amount));
        self.call(funder, ExecuteMsg::Unbond { host, amount })
    }

    pub fn cancel_unbond(
        &mut self,
        funder: &Addr,
        host: &Addr,
        bucket: u64,
        amount: u128,
    ) -> Result<AppResponse, String> {
        let (host, amount) = (host.to_string(), Amount(amount));
        self.call(funder, ExecuteMsg::CancelUnbond { host, bucket, amount })
    }

    pub fn move_to(
        &mut self,
        funder: &Addr,
        from: &Addr,
        to: &Addr,
        amount: u128,
    ) -> Result<AppResponse, String> {
        let (from, to, amount) = (from.to_string(), to.to_string(), Amount(amount));
        self.call(funder, ExecuteMsg::Move { from, to, amount })
    }

    /// Withdraws; what the funder's balance grew by.
    pub fn withdraw(&mut self, funder: &Addr, host: &Addr) -> Result<u128, String> {
        let before = self.balance(funder);
        self.call(
            funder,
            ExecuteMsg::Withdraw {
                host: host.to_string(),
            },
        )?;
        Ok(self.balance(funder) - before)
    }

    pub fn slash(
        &mut self,
        host: &Addr,
        offence: &str,
        bps: u32,
        restitution: u128,
    ) -> Result<SlashRecord, String> {
        let msg = ExecuteMsg::Slash {
            host: host.to_string(),
            offence: offence.into(),
            fraction_bps: bps,
            restitution: Amount(restitution),
        };
        self.call(&who("judge"), msg)?;
        let host = Some(host.to_string());
        let all: Vec<SlashRecord> = self.query(QueryMsg::Slashes {
            host,
            start_after: None,
            limit: Some(100),
        });
        Ok(all.last().unwrap().clone())
    }

    pub fn freeze(&mut self, host: &Addr, frozen: bool) {
        let host = host.to_string();
        self.call(&who("judge"), ExecuteMsg::Freeze { host, frozen })
            .unwrap();
    }

    pub fn sudo(&mut self, msg: &SudoMsg) -> Result<AppResponse, String> {
        self.app
            .wasm_sudo(self.bonding.clone(), msg)
            .map_err(|error| format!("{error:?}"))
    }

    pub fn end_epoch(&mut self) -> ProposedSet {
        let answer = self
            .sudo(&SudoMsg::EndEpoch {
                epoch: 1,
                validators: vec![],
            })
            .unwrap();
        from_json(answer.data.unwrap()).unwrap()
    }

    pub fn end_block(&mut self) -> Vec<Bytes<32>> {
        let answer = self.sudo(&SudoMsg::EndBlock {}).unwrap();
        from_json::<Removals>(answer.data.unwrap()).unwrap().removed
    }

    pub fn misbehave(&mut self, n: u64, height: u64) -> Result<AppResponse, String> {
        let digest = Sha256::digest(consensus_key(n).as_bytes());
        self.sudo(&SudoMsg::Misbehavior(Misbehavior {
            consensus_address: digest[..20].iter().map(|byte| format!("{byte:02X}")).collect(),
            height,
            time_nanos: 1,
            power: 1,
        }))
    }

    pub fn query<T: DeserializeOwned>(&self, msg: QueryMsg) -> T {
        self.app
            .wrap()
            .query_wasm_smart(self.bonding.clone(), &msg)
            .unwrap()
    }

    /// So much of a host's rewards vests now.
    pub fn vest(&mut self, host: &Addr, amount: u128) {
        let coins = coin(amount, DENOM);
        let mint = cw_multi_test::BankSudo::Mint {
            to_address: self.rewards.to_string(),
            amount: vec![coins],
        };
        self.app.sudo(cw_multi_test::SudoMsg::Bank(mint)).unwrap();
        let (host, amount) = (host.to_string(), Amount(amount));
        self.tell_rewards(&earnings::Msg::Vest { host, amount });
    }

    pub fn epoch(&mut self, epoch: u64) {
        let broken = false;
        self.tell_rewards(&earnings::Msg::Epoch { epoch, broken });
    }

    pub fn tell_rewards(&mut self, msg: &earnings::Msg) {
        self.app
            .execute_contract(who("gov"), self.rewards.clone(), msg, &[])
            .unwrap();
    }

    pub fn set_commission(&mut self, host: &Addr, rate_bps: u32) -> Result<AppResponse, String> {
        self.call(host, ExecuteMsg::SetCommission { rate_bps })
    }

    pub fn income(&self, host: &Addr) -> HostIncome {
        let host = host.to_string();
        self.query(QueryMsg::Commission { host })
    }

    pub fn earned(&self, funder: &Addr, host: &Addr) -> u128 {
        let (host, funder) = (host.to_string(), funder.to_string());
        let answer: FunderRewards = self.query(QueryMsg::FunderRewards { host, funder });
        answer.amount.0
    }

    /// Takes a position's rewards; what the funder's balance grew by.
    pub fn take_rewards(&mut self, funder: &Addr, host: &Addr) -> Result<u128, String> {
        let before = self.balance(funder);
        let (host, to) = (host.to_string(), None);
        self.call(funder, ExecuteMsg::WithdrawRewards { host, to })?;
        Ok(self.balance(funder) - before)
    }

    pub fn host_bond(&self, host: &Addr) -> HostBond {
        self.query(QueryMsg::HostBond {
            host: host.to_string(),
        })
    }

    pub fn position(&self, funder: &Addr, host: &Addr) -> Position {
        let (host, funder) = (host.to_string(), funder.to_string());
        self.query(QueryMsg::Position { host, funder })
    }

    pub fn totals(&self) -> Totals {
        self.query(QueryMsg::Totals {})
    }

    pub fn registered(&self, host: &Addr) -> HostInfo {
        let msg = reg::QueryMsg::Host {
            host: host.to_string(),
        };
        self.app
            .wrap()
            .query_wasm_smart(self.registry.clone(), &msg)
            .unwrap()
    }

    pub fn balance(&self, who: &Addr) -> u128 {
        let coin = self.app.wrap().query_balance(who, DENOM).unwrap();
        coin.amount.to_string().parse().unwrap()
    }

    pub fn supply(&self) -> u128 {
        let coin = self.app.wrap().query_supply(DENOM).unwrap();
        coin.amount.to_string().parse().unwrap()
    }

    pub fn reads(&mut self, act: impl FnOnce(&mut Self)) -> usize {
        self.reads.set(0);
        act(self);
        self.reads.get()
    }
}
