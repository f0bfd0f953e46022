//! The chain's own registry and bonding at 10 and at 1,000 hosts: what they cost must not grow with the
//! number of hosts, and the dearest hooks must fit their limits.

use crate::common;

mod prices;

use std::sync::Arc;

use common::{Chain, GAS, account, artifact, base64, coin, execute_msg};
use prost::Message;
use quern_context::{Cx, GasMeter};
use quern_genesis::{HookGas, profile::ProfileName};
use quern_proto::cosmwasm::wasm::v1::{QuerySmartContractStateRequest, QuerySmartContractStateResponse};
use quern_types::AccAddress;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const FEE: u128 = 1_000_000_000;
const BOND: u128 = 200_000_000_000;

struct Network {
    chain: Chain,
    registry: AccAddress,
    bonding: AccAddress,
    proofs: AccAddress,
}

fn digest(of: &str) -> [u8; 32] {
    Sha256::digest(of).into()
}

fn operator(n: u32) -> AccAddress {
    AccAddress::from_bytes(digest(&format!("operator {n}"))[..20].to_vec()).unwrap()
}

fn warm_key(n: u32) -> String {
    let secret = k256::SecretKey::from_slice(&digest(&format!("warm {n}"))).unwrap();
    base64(&secret.public_key().to_sec1_bytes())
}

fn consensus_key(n: u32) -> [u8; 32] {
    digest(&format!("consensus {n}"))
}

fn model(id: &str) -> Value {
    json!({
        "id": id, "hash": base64(&digest(id)), "context": 4096, "precision": "fp32", "sampler": 1, "price": "2",
        "coefficients": {"input": 300_000, "cached": 30_000, "output": 1_000_000},
        "profiles": ["cpu"], "state": "live",
    })
}

fn offer(model: &str) -> Value {
    json!({"model": model, "capacity": 50, "profile": "cpu"})
}

fn offers(count: usize) -> Value {
    (0..count).map(|n| offer(&format!("model-{n}"))).collect()
}

impl Network {
    /// The contracts with the parameters of a public network and 16 models.
    fn new() -> Self {
        let mut chain = Chain::new();
        let gov = account(1);
        let profile = ProfileName::Standard.profile();
        let mut params = json!(profile.bonding);
        params["max_validators"] = json!(100);
        // Contracts are instantiated in order, so their addresses are known before.
        let codes = ["registry.wasm", "bonding.wasm"].map(|name| chain.store(&gov, artifact(name)));
        let bonding = quern_wasm::address::classic(codes[1], 2).unwrap();
        let registry = chain.instantiate(&gov, codes[0], json!({
            "authority": gov.to_string(), "bonding": bonding.to_string(), "judges": [account(2).to_string()],
            "params": profile.registry, "models": (0..16).map(|n| model(&format!("model-{n}"))).collect::<Value>(),
        }));
        let made = chain.instantiate(&gov, codes[1], json!({
            "authority": gov.to_string(), "registry": registry.to_string(), "judges": [account(2).to_string()],
            "params": params,
        }));
        assert_eq!(made, bonding);
        let code = chain.store(&gov, artifact("poc_weights.wasm"));
        let mut params = json!(profile.poc_weights);
        params["confirm_every"] = json!(0);
        let proofs = chain.instantiate(&gov, code, json!({
            "authority": gov.to_string(), "registry": registry.to_string(), "bonding": bonding.to_string(),
            "judges": [account(2).to_string()], "params": params,
            "models": [{"model": "model-0", "vocabulary": 1000, "coefficient": 1_000_000,
                "shapes": [{"prompt": 64, "output": 64, "weight": 1}]}],
        }));
        Self {
            chain,
            registry,
            bonding,
            proofs,
        }
    }

    /// Sends a message as a transaction; the gas that it used.
    fn call(&mut self, sender: &AccAddress, contract: &AccAddress, msg: Value, funds: u128) -> u64 {
        let mut msg = execute_msg(sender, contract, msg);
        if funds > 0 {
            msg.funds = vec![coin(funds, "nqrn")];
        }
        let (result, gas) = self.chain.deliver_with(GAS, &msg);
        result.unwrap();
        gas
    }

    fn join(&mut self, n: u32, offers: Value) {
        let host = operator(n);
        self.chain.fund(&host, "100000000000000nqrn");
        let details = json!({"register_host": {
            "moniker": format!("host {n}"), "endpoint": "https://worker.example:8443",
            "transport_key": base64(&[7; 32]), "consensus_key": base64(&consensus_key(n)), "beacon_anchor": null,
            "warm_key": warm_key(n), "payout": null, "offers": offers,
        }});
        self.call(&host, &self.registry.clone(), details, FEE);
        self.bond(n, BOND + u128::from(n));
    }

    fn advance(&mut self, blocks: u64) {
        let mut block = (*self.chain.cx.block).clone();
        block.height += blocks;
        self.chain.cx.block = Arc::new(block);
    }

    fn bond(&mut self, n: u32, amount: u128) -> u64 {
        let msg = json!({"bond": {"host": operator(n).to_string()}});
        self.call(&operator(n), &self.bonding.clone(), msg, amount)
    }

    /// A hook on a branch of its own: the answer's data and the gas that it used.
    fn hook(&self, msg: Value) -> (Value, u64, Cx) {
        self.hook_of(&self.bonding, &msg)
    }

    fn hook_of(&self, contract: &AccAddress, msg: &Value) -> (Value, u64, Cx) {
        let cx = self.chain.cx.fork().with_gas(GasMeter::limited(GAS));
        let (wasm, router) = (&self.chain.wasm, &self.chain.router);
        let data = wasm
            .sudo(&cx, router, contract, msg.to_string().as_bytes())
            .unwrap();
        let data = if data.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&data).unwrap()
        };
        (data, cx.gas.consumed(), cx)
    }

    /// A query of the registry under a gas limit.
    fn ask(&self, msg: &Value, gas: u64) -> Option<Value> {
        let request = QuerySmartContractStateRequest {
            address: self.registry.to_string(),
            query_data: msg.to_string().into_bytes(),
        };
        let cx = self.chain.cx.fork().with_gas(GasMeter::limited(gas));
        let path = "/cosmwasm.wasm.v1.Query/SmartContractState";
        let bytes = self
            .chain
            .router
            .query(&cx, path, &request.encode_to_vec())
            .ok()?;
        let answer = QuerySmartContractStateResponse::decode(bytes.as_slice()).unwrap();
        Some(serde_json::from_slice(&answer.data).unwrap())
    }

    /// The least gas with which a query is answered.
    fn gas_of(&self, msg: &Value) -> u64 {
        let (mut low, mut high) = (0, GAS);
        while low < high {
            let middle = low.midpoint(high);
            match self.ask(msg, middle) {
                Some(_) => high = middle,
                None => low = middle + 1,
            }
        }
        low
    }
}

#[test]
fn a_network_of_a_thousand_hosts_costs_a_block_little_more_than_one_of_ten() {
    let mut network = Network::new();
    let mut costs = vec![];
    for n in 0..1000 {
        network.join(n, offers(1));
        if n == 9 || n == 999 {
            let bond = network.bond(5, 1);
            let draw = json!({"draw": {"model": "model-0", "seed": base64(&digest("seed")), "count": 8}});
            let drawn = network.ask(&draw, GAS).unwrap();
            assert_eq!(drawn.as_array().unwrap().len(), 8);
            let (removed, end_block, _) = network.hook(json!({"end_block": {}}));
            assert_eq!(removed, json!({"removed": []}));
            let (set, end_epoch, _) = network.hook(json!({"end_epoch": {"epoch": "1"}}));
            assert_eq!(
                set["validators"].as_array().unwrap().len(),
                (n as usize + 1).min(100)
            );
            costs.push([bond, network.gas_of(&draw), end_block, end_epoch]);
        }
    }
    println!("gas of bond, draw of 8, end_block, end_epoch: {costs:?}");
    let [few, many] = [costs[0], costs[1]];
    // Two more levels of the tree.
    assert!(
        few[1] > 60_000 && many[0] < few[0] + few[0] / 4 && many[1] < few[1] * 2,
        "{costs:?}"
    );
    assert_eq!(many[2], few[2]);
    let limits = HookGas::default();
    assert!(
        many[2] * 20 < limits.end_block && many[3] * 2 < limits.end_epoch,
        "{costs:?}"
    );
}

/// Ends a block for the proofs; the gas that it took.
fn end_block(network: &mut Network) -> u64 {
    let (_, gas, cx) = network.hook_of(&network.proofs, &json!({"end_block": {}}));
    cx.merge();
    network.advance(1);
    gas
}

/// Every sprint of the first window, with a commit of everybody; the gas of a commit.
fn prove(network: &mut Network, hosts: u32) -> u64 {
    let proofs = network.proofs.clone();
    let mut commit = 0;
    network.advance(300);
    for sprint in 1..=4 {
        end_block(network);
        for n in 0..hosts {
            // 0.3 * 64 + 64, rounded up
            let work = 1000 * 84;
            let msg = json!({"commit_proof": {"sprint": sprint, "model": "model-0", "count": 1000,
                "root": {"hash": base64(&[7; 32]), "sum": work.to_string()}}});
            commit = network.call(&operator(n), &proofs, msg, 0);
        }
        network.advance(30);
    }
    commit
}

#[test]
fn an_epoch_of_proofs_of_a_thousand_hosts_fits_its_hook() {
    let mut costs = vec![];
    for hosts in [10, 1000] {
        let mut network = Network::new();
        for n in 0..hosts {
            network.join(n, offers(1));
        }
        let proofs = network.proofs.clone();
        let (set, genesis, cx) =
            network.hook_of(&proofs, &json!({"end_epoch": {"epoch": "0", "validators": []}}));
        cx.merge();
        let validators = set["validators"].as_array().unwrap();
        assert_eq!(validators.len(), hosts.min(64) as usize);
        let present: Vec<Value> = validators
            .iter()
            .map(|v| json!({"pubkey": v["pubkey"], "power": v["power"], "signed": "3599", "missed": "1"}))
            .collect();
        let commit = prove(&mut network, hosts);
        let block = end_block(&mut network);
        let msg = json!({"end_epoch": {"epoch": "1", "validators": present}});
        let (set, epoch, cx) = network.hook_of(&proofs, &msg);
        assert_eq!(
            set["validators"].as_array().unwrap().len(),
            hosts.min(64) as usize
        );
        cx.merge();
        // the next epochs remove what this one left
        network.advance(8_000);
        let pruning = end_block(&mut network);
        costs.push([genesis, commit, block, epoch, pruning]);
    }
    println!("gas of genesis, commit, end_block, end_epoch, pruning: {costs:?}");
    let limits = HookGas::default();
    let [few, many] = [costs[0], costs[1]];
    assert!(many[1] < few[1] + few[1] / 4, "{costs:?}");
    assert!(
        many[2] * 5 < limits.end_block && many[4] * 5 < limits.end_block,
        "{costs:?}"
    );
    assert!(
        many[0] * 2 < limits.end_epoch && many[3] * 2 < limits.end_epoch,
        "{costs:?}"
    );
}

#[test]
fn evidence_against_the_largest_host_that_rules_allow_fits_its_hook() {
    let mut network = Network::new();
    for n in 0..300 {
        network.join(n, offers(1));
    }
    // Every model, every bucket, both pools in each.
    let funder = account(9);
    network.chain.fund(&funder, "100000000000000nqrn");
    network.join(300, offers(16));
    network.bond(300, 100 * BOND);
    let bonding = network.bonding.clone();
    let host = operator(300).to_string();
    network.call(&funder, &bonding, json!({"bond": {"host": host}}), BOND);
    for day in 0..29 {
        network.advance(86_400 * u64::from(day > 0));
        // the judge renews its freeze each day, so that what should have matured is held as long as may be
        let freeze = json!({"freeze": {"host": host, "frozen": true}});
        network.call(&account(2), &bonding, freeze, 0);
        for who in [&operator(300), &funder] {
            network.call(
                who,
                &bonding,
                json!({"unbond": {"host": host, "amount": "1000000000"}}),
                0,
            );
        }
    }
    let address: String = Sha256::digest(consensus_key(300))[..20]
        .iter()
        .map(|b| format!("{b:02X}"))
        .collect();
    let evidence = json!({"misbehavior": {
        "consensus_address": address, "height": "12", "time_nanos": "1", "power": "1",
    }});
    let held = network
        .chain
        .ask(&bonding, json!({"host_bond": {"host": host}}))
        .unwrap();
    assert_eq!(
        held["unbonding"],
        json!((29 * 2_000_000_000_u64).to_string()),
        "nothing has matured"
    );
    let (_, gas, cx) = network.hook(evidence);
    println!("gas of misbehavior: {gas}");
    assert!(gas * 5 / 4 < HookGas::default().misbehavior, "{gas}");
    cx.merge();
    let bond = network
        .chain
        .ask(&bonding, json!({"host_bond": {"host": host}}))
        .unwrap();
    assert_eq!(bond["tombstoned"], true);
    let (removed, _, _) = network.hook(json!({"end_block": {}}));
    assert_eq!(removed, json!({"removed": [base64(&consensus_key(300))]}));
}

impl Network {
    /// The contract that divides what is minted, with those that it asks.
    fn rewards(&mut self) -> AccAddress {
        let gov = account(1);
        let profile = ProfileName::Standard.profile();
        let names = ["settlement.wasm", "pricing.wasm", "rewards.wasm"];
        let codes = names.map(|name| self.chain.store(&gov, artifact(name)));
        let pricing = quern_wasm::address::classic(codes[1], 5).unwrap();
        let (registry, bonding) = (self.registry.to_string(), self.bonding.to_string());
        let authority = gov.to_string();
        let settlement = self.chain.instantiate(&gov, codes[0], json!({
            "authority": authority, "registry": registry, "bonding": bonding, "price_source": pricing.to_string(),
            "judges": [], "params": profile.settlement,
        }));
        let made = self.chain.instantiate(
            &gov,
            codes[1],
            json!({
                "authority": authority, "registry": registry, "settlement": settlement.to_string(),
                "poc_weights": self.proofs.to_string(), "params": profile.pricing,
            }),
        );
        assert_eq!(made, pricing);
        self.chain.instantiate(&gov, codes[2], json!({
            "authority": authority, "registry": registry, "bonding": bonding, "settlement": settlement.to_string(),
            "weights": self.proofs.to_string(), "pricing": pricing.to_string(),
            "community_pool": account(3).to_string(), "params": profile.rewards,
        }))
    }

    /// Lets an epoch's coins be divided: gas of the border, most gas of a block after it, blocks.
    fn divide(&mut self, rewards: &AccAddress, epoch: u64) -> [u64; 3] {
        self.chain.fund(rewards, "15825000000000nqrn");
        let msg = json!({"end_epoch": {"epoch": epoch.to_string(), "validators": []}});
        let (_, border, cx) = self.hook_of(rewards, &msg);
        cx.merge();
        let (mut most, mut blocks) = (0, 0);
        while self.chain.ask(rewards, json!({"status": {}})).unwrap()["phase"] != "done" {
            let (_, gas, cx) = self.hook_of(rewards, &json!({"end_block": {}}));
            cx.merge();
            most = most.max(gas);
            blocks += 1;
        }
        [border, most, blocks]
    }
}

#[test]
fn rewards_of_a_thousand_hosts_fit_their_hooks() {
    let mut costs = vec![];
    for hosts in [10, 1000] {
        let mut network = Network::new();
        let (rewards, proofs) = (network.rewards(), network.proofs.clone());
        for n in 0..hosts {
            network.join(n, offers(1));
        }
        let msg = json!({"end_epoch": {"epoch": "0", "validators": []}});
        network.hook_of(&proofs, &msg).2.merge();
        let first = network.divide(&rewards, 0);
        prove(&mut network, hosts);
        network.advance(1);
        let msg = json!({"end_epoch": {"epoch": "1", "validators": []}});
        network.hook_of(&proofs, &msg).2.merge();
        let second = network.divide(&rewards, 1);
        let info = network
            .chain
            .ask(&rewards, json!({"epoch": {"epoch": 1}}))
            .unwrap();
        assert_eq!((&info["hosts"], &info["divided"]), (&json!(hosts), &json!(true)));
        let host = json!({"host": {"host": operator(3).to_string()}});
        let host = network.chain.ask(&rewards, host).unwrap();
        assert_eq!(host["grants"].as_array().unwrap().len(), 1);
        let idle = network.hook_of(&rewards, &json!({"end_block": {}})).1;
        costs.push((first, second, idle));
    }
    println!("gas of border and of a block, and blocks, of two epochs; of a block without work: {costs:?}");
    let limits = HookGas::default();
    for (first, second, idle) in costs {
        for [border, block, _] in [first, second] {
            assert!(border * 2 < limits.end_epoch && block * 5 < limits.end_block * 4);
        }
        assert!(idle * 50 < limits.end_block, "{idle}");
    }
}

impl Network {
    /// Opens a session as a payer that accepts any fee; the gas that it used.
    fn open(&mut self, settlement: &AccAddress) -> u64 {
        let (fee, escrow) = (FEE * 1_000, 1_000_000_000);
        let msg = json!({"open_session": {
            "model": "model-0", "max_price": "5", "router": null, "router_fee_bps": 0, "session_key": warm_key(1),
            "agent": null, "signed_by": "payer", "blocks": 100, "max_fee": fee.to_string(),
        }});
        self.call(&account(4), settlement, msg, fee + escrow)
    }

    /// Ends a block of settlement; the gas that it used.
    fn settle_block(&mut self, settlement: &AccAddress) -> u64 {
        let (_, gas, cx) = self.hook_of(settlement, &json!({"end_block": {}}));
        cx.merge();
        self.advance(1);
        gas
    }
}

#[test]
fn a_block_costs_the_same_whether_10_or_1000_sessions_wait_or_ended() {
    let mut params = ProfileName::Standard.profile().settlement;
    let mut costs = vec![];
    for sessions in [10, 1000] {
        let mut network = Network::new();
        let _ = network.rewards();
        let settlement = quern_wasm::address::classic(4, 4).unwrap();
        for n in 0..10 {
            network.join(n, offers(1));
        }
        network.chain.fund(&account(4), "1000000000000000000nqrn");
        // room for a thousand at once, which the profile has not
        params.max_draws = 16;
        network.call(&account(1), &settlement, json!({"update_params": params}), 0);
        let opens: Vec<u64> = (0..sessions).map(|_| network.open(&settlement)).collect();
        params.max_draws = 4;
        network.call(&account(1), &settlement, json!({"update_params": params}), 0);
        let waiting = |network: &Network| {
            network.chain.ask(&settlement, json!({"queue": {}})).unwrap()["waiting"].as_u64()
        };
        assert_eq!(waiting(&network), Some(sessions));
        let idle = network.settle_block(&settlement);
        network.advance(params.draw_delay);
        let draws = network.settle_block(&settlement);
        assert_eq!(waiting(&network), Some(sessions - 4));
        while waiting(&network) != Some(0) {
            network.settle_block(&settlement);
        }
        network.advance(2 * (100 + params.lapse_blocks + params.appeal_blocks));
        let close = |network: &mut Network, session: u64| {
            network.call(
                &account(4),
                &settlement,
                json!({"close": {"session": session}}),
                0,
            )
        };
        let closes: Vec<u64> = (1..=sessions)
            .map(|session| close(&mut network, session))
            .collect();
        network.advance(params.max_session_blocks + params.lapse_blocks + params.appeal_blocks);
        let forgets = network.settle_block(&settlement);
        let shown = |session: u64| {
            network
                .chain
                .ask(&settlement, json!({"session": {"session": session}}))
                .is_ok()
        };
        assert_eq!(
            (1..=10).map(shown).collect::<Vec<_>>(),
            [[false; 8].as_slice(), &[true; 2]].concat()
        );
        costs.push([
            *opens.first().unwrap(),
            *opens.last().unwrap(),
            idle,
            draws,
            *closes.last().unwrap(),
            forgets,
        ]);
    }
    println!(
        "gas of an early and of the last open, of a block without work, with 4 draws, of a close, of a block that \
              forgets 8: {costs:?}"
    );
    for (few, many) in costs[0].iter().zip(costs[1]) {
        assert!(many < few + few / 20, "{costs:?}");
    }
    assert!(costs[1].iter().all(|gas| gas * 2 < HookGas::default().end_block));
}
