//! Rounds of audits at 10 and at 1,000 hosts, with the parameters of a public network: every block's work
//! fits its hook, and a round's work fits into the blocks of a round.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at a surprise"
)]

mod common;

use std::sync::Arc;

use common::{Chain, GAS, account, artifact, base64, coin, execute_msg};
use quern_context::{AnyMsg, Cx, GasMeter, MsgOutput, Router};
use quern_genesis::{HookGas, profile::ProfileName};
use quern_proto::cosmwasm::wasm::v1::MsgPinCodes;
use quern_types::{AccAddress, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const FEE: u128 = 1_000_000_000;
const BOND: u128 = 200_000_000_000;
const CONTRACTS: [&str; 4] = ["registry", "bonding", "settlement", "audits"];

fn digest(of: &str) -> [u8; 32] {
    Sha256::digest(of).into()
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

struct Network {
    chain: Chain,
    addresses: [AccAddress; 4],
}

impl Network {
    fn new() -> Self {
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
        let [registry, bonding, settlement, audits] = addresses.each_ref().map(ToString::to_string);
        let authority = gov.to_string();
        let model = json!({
            "id": "model-0", "hash": base64(&digest("model")), "context": 4096, "precision": "fp32", "sampler": 1,
            "price": "2", "coefficients": {"input": 300_000, "cached": 30_000, "output": 1_000_000},
            "profiles": ["cpu"], "state": "live",
        });
        let bucket = json!({
            "key": {"host_profile": "cpu", "auditor_profile": "cpu", "greedy": false, "positions": 1},
            "mean_gap": 50, "clipped": 0,
        });
        let calibration = json!({
            "clip": 1_000_000, "tolerance": 100, "margin_bound": 16_000_000, "null": 300, "buckets": [bucket],
        });
        let first_messages = [
            json!({"authority": authority, "bonding": bonding, "judges": [settlement], "params": profile.registry,
                "models": [model]}),
            json!({"authority": authority, "registry": registry, "judges": [settlement, audits],
                "params": profile.bonding}),
            json!({"authority": authority, "registry": registry, "bonding": bonding, "price_source": registry,
                "judges": [audits], "params": profile.settlement}),
            json!({"authority": authority, "registry": registry, "bonding": bonding, "settlement": settlement,
                "params": profile.audits, "calibrations": [["model-0", calibration]]}),
        ];
        for ((code, msg), address) in codes.into_iter().zip(first_messages).zip(&addresses) {
            assert_eq!(chain.instantiate(&gov, code, msg), *address);
        }
        // as the contracts of genesis are
        let authority = quern_types::module_address("gov").to_string();
        let code_ids = codes.to_vec();
        chain.deliver(&MsgPinCodes { authority, code_ids }).unwrap();
        Self { chain, addresses }
    }

    fn call(&mut self, sender: &AccAddress, contract: usize, msg: Value, funds: u128) {
        let mut msg = execute_msg(sender, &self.addresses[contract], msg);
        msg.funds = vec![coin(funds, "nqrn")];
        self.chain.deliver_with(GAS, &msg).0.unwrap();
    }

    fn join(&mut self, n: u32) {
        let host = AccAddress::from_bytes(digest(&format!("operator {n}"))[..20].to_vec()).unwrap();
        self.chain.fund(&host, "100000000000000nqrn");
        let secret = k256::SecretKey::from_slice(&digest(&format!("warm {n}"))).unwrap();
        let details = json!({"register_host": {
            "moniker": format!("host {n}"), "endpoint": "https://worker.example:8443",
            "transport_key": base64(&[7; 32]), "consensus_key": base64(&digest(&format!("consensus {n}"))),
            "beacon_anchor": null, "warm_key": base64(&secret.public_key().to_sec1_bytes()), "payout": null,
            "offers": [{"model": "model-0", "capacity": 50, "profile": "cpu"}],
        }});
        self.call(&host, 0, details, FEE);
        self.call(&host, 1, json!({"bond": {"host": host.to_string()}}), BOND);
    }

    fn round(&self) -> Value {
        self.chain.ask(&self.addresses[3], json!({"round": {}})).unwrap()
    }

    /// Ends a block: the gas of the audits' hook.
    fn block(&mut self) -> u64 {
        let cx = self.chain.cx.fork().with_gas(GasMeter::limited(GAS));
        let (wasm, router) = (&self.chain.wasm, &self.chain.router);
        let msg = json!({"end_block": {}}).to_string();
        wasm.sudo(&cx, router, &self.addresses[3], msg.as_bytes())
            .unwrap();
        let gas = cx.gas.consumed();
        cx.merge();
        let mut block = (*self.chain.cx.block).clone();
        block.height += 1;
        self.chain.cx.block = Arc::new(block);
        gas
    }
}

#[test]
fn a_round_over_a_thousand_hosts_fits_its_hooks_and_its_blocks() {
    let mut network = Network::new();
    let mut joined = 0;
    for hosts in [10, 1_000] {
        for n in joined..hosts {
            network.join(n);
        }
        joined = hosts;
        let first = network.round()["number"].as_u64().unwrap();
        let (mut blocks, mut most) = (0_u64, (0, String::new()));
        // a round that began with fewer hosts, then a whole one
        while network.round()["number"].as_u64().unwrap() < first + 2 {
            let phase = network.round()["phase"].as_str().unwrap().to_owned();
            most = most.max((network.block(), phase));
            blocks += 1;
            assert!(blocks < 3_000, "{}", network.round());
        }
        let round = network.round();
        let lag = network.chain.cx.block.height - round["start"].as_u64().unwrap();
        println!("{hosts} hosts: most gas {most:?}, {lag} blocks after the last round's end");
        assert!(most.0 * 5 / 4 < HookGas::default().end_block, "{most:?}");
        // the next round begins its audit when its own blocks are over: no work is left for then
        assert!(
            lag <= ProfileName::Standard.profile().audits.round_blocks,
            "{lag}"
        );
    }
}
