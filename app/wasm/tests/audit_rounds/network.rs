//! A network of the contracts that audits need, with the parameters of a public one.

use std::collections::BTreeMap;
use std::sync::Arc;

use quern_context::{AnyMsg, Cx, GasMeter, MsgOutput, Router};
use quern_genesis::profile::ProfileName;
use quern_interface::bonding::Position;
use quern_proto::cosmwasm::wasm::v1::MsgPinCodes;
use quern_types::{AccAddress, Result};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::common::{Chain, GAS, account, artifact, base64, coin, execute_msg};

const FEE: u128 = 1_000_000_000;
const BOND: u128 = 200_000_000_000;
const CONTRACTS: [&str; 5] = ["registry", "bonding", "settlement", "audits", "poc_weights"];
/// Where they stand in it.
pub const REGISTRY: usize = 0;
pub const BONDING: usize = 1;
pub const SETTLEMENT: usize = 2;
pub const AUDITS: usize = 3;
pub const PROOFS: usize = 4;
pub const MODEL: &str = "model-0";

pub fn digest(of: &str) -> [u8; 32] {
    Sha256::digest(of).into()
}

pub fn operator(n: u32) -> AccAddress {
    AccAddress::from_bytes(digest(&format!("operator {n}"))[..20].to_vec()).unwrap()
}

fn warm_key(n: u32) -> Vec<u8> {
    let secret = k256::SecretKey::from_slice(&digest(&format!("warm {n}"))).unwrap();
    secret.public_key().to_sec1_bytes().into_vec()
}

/// The account of a host's warm key.
pub fn warm(n: u32) -> AccAddress {
    use ripemd::Ripemd160;
    AccAddress::from_bytes(Ripemd160::digest(Sha256::digest(warm_key(n))).to_vec()).unwrap()
}

/// The test's router, with a beacon.
struct WithBeacon(Arc<dyn Router>);

impl Router for WithBeacon {
    fn signers(&self, msg: &AnyMsg) -> Result<Vec<AccAddress>> {
        self.0.signers(msg)
    }

    fn execute(&self, cx: &Cx, msg: &AnyMsg) -> Result<MsgOutput> {
        self.0.execute(cx, msg)
    }

    fn query(&self, cx: &Cx, path: &str, request: &[u8]) -> Result<Vec<u8>> {
        if path == "/quern.beacon.v1.Query/Beacon" {
            return Ok([&[0x0a, 32][..], &Sha256::digest(request)].concat());
        }
        self.0.query(cx, path, request)
    }
}

pub struct Network {
    pub chain: Chain,
    /// What hosts serve; [`MODEL`] is the first.
    pub models: Vec<String>,
    pub addresses: [AccAddress; 5],
    /// By phase: the most gas that a block's end took, and blocks that did work.
    pub gas: BTreeMap<String, (u64, u64)>,
    /// Height at which audits began.
    pub began: u64,
}

impl Network {
    pub fn new() -> Self {
        Self::after(1, |_| ())
    }

    /// Of so many models, all of which every host serves, with what happened before audits began.
    pub fn after(models: usize, before: impl FnOnce(&mut Self)) -> Self {
        let models: Vec<String> = (0..models).map(|n| format!("model-{n}")).collect();
        let mut chain = Chain::new();
        chain.router = Arc::new(WithBeacon(chain.router.clone()));
        let gov = account(1);
        let profile = ProfileName::Standard.profile();
        let codes = CONTRACTS.map(|name| chain.store(&gov, artifact(&format!("{name}.wasm"))));
        let mut instance = 0;
        // contracts are instantiated in order, so their addresses are known before
        let addresses = codes.map(|code| {
            instance += 1;
            quern_wasm::address::classic(code, instance).unwrap()
        });
        let [registry, bonding, settlement, audits, proofs] = addresses.each_ref().map(ToString::to_string);
        let authority = gov.to_string();
        let model = |id: &String| {
            json!({
                "id": id, "hash": base64(&digest("model")), "context": 4096, "precision": "fp32", "sampler": 1,
                "price": "2", "coefficients": {"input": 300_000, "cached": 30_000, "output": 1_000_000},
                "profiles": ["cpu"], "state": "live",
            })
        };
        let bucket = json!({
            "key": {"host_profile": "cpu", "auditor_profile": "cpu", "greedy": false, "positions": 1},
            "mean_gap": 50, "clipped": 0,
        });
        let calibration = json!({
            "clip": 1_000_000, "tolerance": 100, "margin_bound": 16_000_000, "null": 300, "buckets": [bucket],
        });
        let packages: Vec<Value> = models.iter().map(model).collect();
        let mut calibrations: Vec<Value> = models.iter().map(|id| json!([id, calibration])).collect();
        calibrations.sort_by_key(ToString::to_string);
        let mut auditing = json!(profile.audits);
        let processes = &mut auditing["evidence"]["processes"];
        *processes = json!(processes.as_u64().unwrap().max(models.len() as u64 + 1));
        let mut proving = json!(profile.poc_weights);
        proving["confirm_every"] = json!(0);
        let first_messages = [
            json!({"authority": authority, "bonding": bonding, "judges": [settlement], "params": profile.registry,
                "models": packages}),
            json!({"authority": authority, "registry": registry, "judges": [settlement, audits],
                "params": profile.bonding}),
            json!({"authority": authority, "registry": registry, "bonding": bonding, "price_source": registry,
                "judges": [audits], "params": profile.settlement}),
            json!({"authority": authority, "registry": registry, "bonding": bonding, "settlement": settlement,
                "poc_weights": proofs, "params": auditing, "calibrations": calibrations}),
            json!({"authority": authority, "registry": registry, "bonding": bonding, "judges": [audits],
                "params": proving, "models": [{"model": MODEL, "vocabulary": 1000, "coefficient": 1_000_000,
                    "shapes": [{"prompt": 10, "output": 7, "weight": 1}]}]}),
        ];
        // as the contracts of genesis are
        let authority = quern_types::module_address("gov").to_string();
        let code_ids = codes.to_vec();
        chain.deliver(&MsgPinCodes { authority, code_ids }).unwrap();
        let mut network = Self {
            chain,
            models,
            addresses,
            gas: BTreeMap::new(),
            began: 0,
        };
        let mut contracts = codes
            .into_iter()
            .zip(first_messages)
            .zip(network.addresses.clone());
        for ((code, msg), address) in contracts.by_ref().take(AUDITS) {
            assert_eq!(network.chain.instantiate(&gov, code, msg), address);
        }
        before(&mut network);
        network.began = network.height();
        for ((code, msg), address) in contracts {
            assert_eq!(network.chain.instantiate(&gov, code, msg), address);
        }
        network.sudo(PROOFS, &json!({"end_epoch": {"epoch": "0", "validators": []}}));
        network
    }

    pub fn call(&mut self, sender: &AccAddress, contract: usize, msg: Value, funds: u128) {
        self.try_call(sender, contract, msg, funds).unwrap();
    }

    pub fn try_call(
        &mut self,
        sender: &AccAddress,
        contract: usize,
        msg: Value,
        funds: u128,
    ) -> Result<crate::common::Done> {
        let mut msg = execute_msg(sender, &self.addresses[contract], msg);
        if funds > 0 {
            msg.funds = vec![coin(funds, "nqrn")];
        }
        self.chain.deliver_with(GAS, &msg).0
    }

    pub fn join(&mut self, n: u32) {
        let host = operator(n);
        self.chain.fund(&host, "100000000000000nqrn");
        let capacity = 50 / self.models.len();
        let offers = self.models.iter();
        let offers = offers.map(|model| json!({"model": model, "capacity": capacity, "profile": "cpu"}));
        let details = json!({"register_host": {
            "moniker": format!("host {n}"), "endpoint": "https://worker.example:8443",
            "transport_key": base64(&[7; 32]), "consensus_key": base64(&digest(&format!("consensus {n}"))),
            "beacon_anchor": null, "warm_key": base64(&warm_key(n)), "payout": null,
            "offers": offers.collect::<Vec<_>>(),
        }});
        self.call(&host, REGISTRY, details, FEE);
        self.call(&host, BONDING, json!({"bond": {"host": host.to_string()}}), BOND);
    }

    /// Somebody bonds to a host.
    pub fn fund(&mut self, host: u32, funder: u32, amount: u128) {
        let funder = operator(funder);
        self.chain.fund(&funder, "1000nqrn");
        let bond = json!({"bond": {"host": operator(host).to_string()}});
        self.call(&funder, BONDING, bond, amount);
    }

    /// A host and a funder of it unbond every day while it is frozen, until no more buckets can be open: how many are.
    pub fn unbond_daily(&mut self, host: u32, funder: u32) -> usize {
        let bonding = ProfileName::Standard.profile().bonding;
        let longest = bonding.unbonding_blocks + bonding.max_freeze_blocks;
        let (who, audits) = (operator(host).to_string(), self.addresses[AUDITS].clone());
        let unbond = json!({"unbond": {"host": who, "amount": "1000000007"}});
        let freeze = json!({"freeze": {"host": who, "frozen": true}});
        self.chain.fund(&operator(funder), "100000000000nqrn");
        self.call(
            &operator(funder),
            BONDING,
            json!({"bond": {"host": who}}),
            BOND / 2,
        );
        let days = longest / bonding.bucket_blocks;
        for day in 0..=days {
            for who in [host, funder] {
                self.call(&operator(who), BONDING, unbond.clone(), 0);
            }
            self.call(&audits, BONDING, freeze.clone(), 0);
            if day < days {
                self.skip(bonding.bucket_blocks);
            }
        }
        self.buckets(host, host).min(self.buckets(host, funder))
    }

    /// Buckets in which a funder has coins that can still be slashed.
    pub fn buckets(&self, host: u32, funder: u32) -> usize {
        let height = self.height();
        let unbonding = self.position(host, funder).unbonding.into_iter();
        unbonding.filter(|entry| entry.matures_at > height).count()
    }

    /// Coins of a funder that are on their way out.
    pub fn unbonding(&self, host: u32, funder: u32) -> u128 {
        let unbonding = self.position(host, funder).unbonding.into_iter();
        unbonding.map(|entry| entry.amount.0).sum()
    }

    fn position(&self, host: u32, funder: u32) -> Position {
        let (host, funder) = (operator(host).to_string(), operator(funder).to_string());
        self.ask(BONDING, json!({"position": {"host": host, "funder": funder}}))
    }

    fn skip(&mut self, blocks: u64) {
        let mut block = (*self.chain.cx.block).clone();
        block.height += blocks;
        self.chain.cx.block = Arc::new(block);
    }

    pub fn ask<T: DeserializeOwned>(&self, contract: usize, msg: Value) -> T {
        let answer = self.chain.ask(&self.addresses[contract], msg).unwrap();
        serde_json::from_value(answer).unwrap()
    }

    pub fn round(&self) -> Value {
        self.ask(AUDITS, json!({"round": {}}))
    }

    pub fn number(&self) -> u64 {
        self.round()["number"].as_u64().unwrap()
    }

    pub fn height(&self) -> u64 {
        self.chain.cx.block.height
    }

    fn sudo(&mut self, contract: usize, msg: &Value) -> u64 {
        let cx = self.chain.cx.fork().with_gas(GasMeter::limited(GAS));
        let (wasm, router) = (&self.chain.wasm, &self.chain.router);
        let msg = msg.to_string();
        wasm.sudo(&cx, router, &self.addresses[contract], msg.as_bytes())
            .unwrap();
        let gas = cx.gas.consumed();
        cx.merge();
        gas
    }

    /// Ends a block: the gas of the audits' hook.
    pub fn block(&mut self) -> u64 {
        let phase = self.round()["phase"].as_str().unwrap().to_owned();
        let gas = self.sudo(AUDITS, &json!({"end_block": {}}));
        let most = self.gas.entry(phase).or_default();
        *most = (most.0.max(gas), most.1 + u64::from(gas > 100_000));
        self.sudo(SETTLEMENT, &json!({"end_block": {}}));
        self.sudo(PROOFS, &json!({"end_block": {}}));
        self.skip(1);
        gas
    }

    pub fn phase(&self) -> String {
        self.round()["phase"].as_str().unwrap().to_owned()
    }

    /// Ends blocks until the round is in a phase.
    pub fn until(&mut self, phase: &str) {
        let mut blocks = 0;
        while self.phase() != phase {
            self.block();
            blocks += 1;
            assert!(blocks < 1_400, "{phase} never came: {}", self.round());
        }
    }

    pub fn blocks(&mut self, count: u64) {
        for _ in 0..count {
            self.block();
        }
    }
}
