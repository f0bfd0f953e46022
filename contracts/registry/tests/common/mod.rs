//! One registry on a store that counts its reads and forgets what a failed call wrote.
#![allow(dead_code, reason = "each test file uses its part")]

use std::cell::Cell;
use std::collections::BTreeMap;

use cosmwasm_std::testing::{message_info, mock_env, MockApi, MockQuerier};
use cosmwasm_std::{coin, from_json, Addr, Coin, Env, Order, OwnedDeps, Record, Response, Storage};
use quern_interface::registry::{
    ExecuteMsg, GroupMember, HostDetails, HostInfo, InstantiateMsg, LaunchPackage, ModelState, Offer, Params,
    QueryMsg,
};
use quern_protocol::{Amount, Bytes, Coefficients, Hash, PublicKey};
use registry::{contract, ContractError};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

pub const DENOM: &str = "nqrn";
pub const FEE: u128 = 500;
pub const PER: u128 = 10;

#[derive(Default)]
pub struct Store {
    entries: BTreeMap<Vec<u8>, Vec<u8>>,
    reads: Cell<usize>,
    before: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Store {
    fn roll_back(&mut self) {
        while let Some((key, old)) = self.before.pop() {
            match old {
                Some(old) => self.entries.insert(key, old),
                None => self.entries.remove(&key),
            };
        }
    }
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
        let start = start.unwrap_or(&[]).to_vec();
        let end = end.map(<[u8]>::to_vec);
        let mut found: Vec<_> = self
            .entries
            .range(start..)
            .take_while(|(key, _)| end.as_ref().is_none_or(|end| *key < end))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        if order == Order::Descending {
            found.reverse();
        }
        Box::new(
            found
                .into_iter()
                .inspect(|_| self.reads.set(self.reads.get() + 1)),
        )
    }

    fn set(&mut self, key: &[u8], value: &[u8]) {
        let old = self.entries.insert(key.to_vec(), value.to_vec());
        self.before.push((key.to_vec(), old));
    }

    fn remove(&mut self, key: &[u8]) {
        let old = self.entries.remove(key);
        self.before.push((key.to_vec(), old));
    }
}

pub struct Registry {
    pub deps: OwnedDeps<Store, MockApi, MockQuerier>,
    pub env: Env,
}

pub fn params() -> Params {
    Params {
        denom: DENOM.into(),
        entry_fee: Amount(FEE),
        bond_per_capacity: Amount(PER),
        max_offers: 4,
        requalify_blocks: 50,
        maintenance_credit: 20,
        maintenance_window: 100,
    }
}

pub fn model(id: &str, state: ModelState) -> LaunchPackage {
    LaunchPackage {
        id: id.into(),
        hash: Hash::new(Sha256::digest(id).into()),
        context: 4096,
        precision: "fp32".into(),
        sampler: 1,
        rendering: 1,
        grammar: 1,
        price: "2".parse().unwrap(),
        coefficients: Coefficients {
            input: 300_000,
            cached: 30_000,
            output: 1_000_000,
        },
        profiles: vec!["cpu".into(), "gpu".into()],
        state,
    }
}

/// The `n`-th point of the curve whose x is a hash.
pub fn warm_key(n: u64) -> PublicKey {
    let api = MockApi::default();
    (0_u64..)
        .map(|attempt| {
            let x: [u8; 32] = Sha256::digest([n.to_be_bytes(), attempt.to_be_bytes()].concat()).into();
            let mut key = [2; 33];
            key[1..].copy_from_slice(&x);
            key
        })
        .find(|key| {
            let mut signature = [0; 64];
            (signature[31], signature[63]) = (1, 1);
            cosmwasm_std::Api::secp256k1_verify(&api, &[1; 32], &signature, key).is_ok()
        })
        .map(Bytes::new)
        .unwrap()
}

pub fn who(name: &str) -> Addr {
    MockApi::default().addr_make(name)
}

pub fn fee() -> Vec<Coin> {
    vec![coin(FEE, DENOM)]
}

pub fn details(n: u64, offers: Vec<Offer>) -> HostDetails {
    HostDetails {
        moniker: format!("host {n}"),
        endpoint: format!("https://h{n}.example:8443"),
        transport_key: Bytes::new([7; 32]),
        consensus_key: Bytes::new(Sha256::digest(n.to_be_bytes()).into()),
        beacon_anchor: None,
        warm_key: warm_key(n),
        payout: None,
        offers,
    }
}

pub fn offer(model: &str, capacity: u64) -> Offer {
    Offer {
        model: model.into(),
        capacity,
        profile: "cpu".into(),
    }
}

impl Registry {
    pub fn new() -> Self {
        let mut registry = Self {
            deps: OwnedDeps {
                storage: Store::default(),
                api: MockApi::default(),
                querier: MockQuerier::default(),
                custom_query_type: std::marker::PhantomData,
            },
            env: mock_env(),
        };
        registry.env.block.height = 100;
        let msg = InstantiateMsg {
            authority: who("gov").into(),
            bonding: who("bonding").into(),
            judges: vec![who("settlement").into()],
            params: params(),
            models: vec![
                model("alpha", ModelState::Live),
                model("beta", ModelState::Canary),
            ],
        };
        let info = message_info(&who("gov"), &[]);
        contract::instantiate(registry.deps.as_mut(), registry.env.clone(), info, msg).unwrap();
        registry
    }

    pub fn execute_with(
        &mut self,
        sender: &Addr,
        msg: ExecuteMsg,
        funds: &[Coin],
    ) -> Result<Response, ContractError> {
        self.deps.storage.before.clear();
        let info = message_info(sender, funds);
        let result = contract::execute(self.deps.as_mut(), self.env.clone(), info, msg);
        if result.is_err() {
            self.deps.storage.roll_back();
        }
        result
    }

    pub fn execute(&mut self, sender: &Addr, msg: ExecuteMsg) -> Result<Response, ContractError> {
        self.execute_with(sender, msg, &[])
    }

    /// Fails with the error's stable name.
    pub fn refuse(&mut self, sender: &Addr, msg: ExecuteMsg, name: &str) {
        let error = self.execute(sender, msg).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{name}:")), "{error}");
    }

    pub fn query<T: DeserializeOwned>(&self, msg: QueryMsg) -> Result<T, ContractError> {
        contract::query(self.deps.as_ref(), self.env.clone(), msg).map(|answer| from_json(answer).unwrap())
    }

    pub fn reads<T>(&self, act: impl FnOnce(&Self) -> T) -> (T, usize) {
        self.deps.storage.reads.set(0);
        let result = act(self);
        (result, self.deps.storage.reads.get())
    }

    pub fn reads_so_far(&self) -> usize {
        self.deps.storage.reads.get()
    }

    /// Registers host `n` with these offers and bond.
    pub fn join(&mut self, n: u64, offers: Vec<Offer>, bond: u128) -> Addr {
        let host = who(&format!("host{n}"));
        self.execute_with(&host, ExecuteMsg::RegisterHost(details(n, offers)), &fee())
            .unwrap();
        self.bond(&host, bond);
        host
    }

    pub fn bond(&mut self, host: &Addr, bond: u128) {
        let msg = ExecuteMsg::SetBond {
            host: host.to_string(),
            bond: Amount(bond),
        };
        self.execute(&who("bonding"), msg).unwrap();
    }

    pub fn convict(&mut self, host: &Addr, model: &str) -> Result<Response, ContractError> {
        let msg = ExecuteMsg::Convict {
            host: host.to_string(),
            model: model.into(),
        };
        self.execute(&who("settlement"), msg)
    }

    pub fn host(&self, host: &Addr) -> HostInfo {
        self.query(QueryMsg::Host {
            host: host.to_string(),
        })
        .unwrap()
    }

    pub fn effective(&self, host: &Addr) -> Vec<u64> {
        self.host(host).memberships.iter().map(|m| m.effective).collect()
    }

    pub fn draw(&self, model: &str, seed: u64, count: u32) -> Vec<GroupMember> {
        let seed = Hash::new(Sha256::digest(seed.to_be_bytes()).into());
        let model = model.into();
        self.query(QueryMsg::Draw { model, seed, count }).unwrap()
    }
}
