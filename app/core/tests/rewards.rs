//! From what the chain mints to a host's payout address: the shipped contracts under the hooks of the application.

use crate::support;

use base64::{Engine, engine::general_purpose::STANDARD};
use quern_genesis::profile::{LaunchModel, ProfileName};
use quern_proto::cosmos::bank::v1beta1::{QueryBalanceRequest, QueryBalanceResponse};
use quern_testkit::{Chain, Genesis};
use quern_types::module_address;
use serde_json::{Value, json};
use support::{
    open,
    shipped::{World, address, ask, call, launch},
};

const EPOCH: i64 = 30;
/// Work of a request of the only shape.
const LEAF: u64 = 32 + 3 * 32;
/// What the first epoch of a local network brings.
const FIRST: u64 = 100_000_000_000;

fn world() -> World {
    let mut profile = ProfileName::Localnet.profile();
    profile.epoch_blocks = EPOCH.unsigned_abs();
    profile.poc_weights.confirm_every = 0;
    // bonds cover what is proven
    profile.poc_weights.weights.bond_per_weight.0 = 100_000;
    let model: LaunchModel = serde_json::from_value(json!({
        "id": "quern-small", "hash": STANDARD.encode([9; 32]), "context": 512, "precision": "fp32", "sampler": 1,
        "price": "10", "coefficients": {"input": 1_000_000, "cached": 100_000, "output": 3_000_000},
        "profiles": ["cpu-fp32"], "state": "live",
        "proof": {"vocabulary": 2048, "shapes": [{"prompt": 32, "output": 32, "weight": 1}], "coefficient": 1_000_000},
    }))
    .unwrap();
    let offers = json!([{"model": "quern-small", "capacity": 100, "profile": "cpu-fp32"}]);
    launch(&profile, vec![model], &["100000000000nqrn"; 4], &offers)
}

/// An epoch in whose window the n-th host answers as many requests as the n-th number says.
fn play(w: &mut World, answers: &[u64]) {
    loop {
        let block = w.chain.block([]);
        let failed = block.events.iter().find(|e| e.r#type == "hook_failed");
        assert!(failed.is_none(), "{failed:?}");
        let sprint = block.events.iter().find(|e| e.r#type == "wasm-sprint");
        let number = sprint.and_then(|e| e.attributes.iter().find(|a| a.key == "sprint"));
        if let Some(number) = number {
            let sprint: u64 = number.value.parse().unwrap();
            let txs = w.hosts.iter().zip(answers).map(|(host, count)| {
                let root = json!({"hash": STANDARD.encode([7; 32]), "sum": (count * LEAF).to_string()});
                let msg = json!({"commit_proof": {
                    "sprint": sprint, "model": "quern-small", "root": root, "count": count,
                }});
                let call = call(host, "poc-weights", &msg, "");
                w.chain.tx(host).message(call).gas(2_000_000).sign(host)
            });
            let txs = txs.collect::<Vec<_>>();
            for result in w.chain.block(txs).tx_results {
                assert_eq!(result.code, 0, "{}", result.log);
            }
        }
        if w.chain.height % EPOCH == 0 {
            return;
        }
    }
}

fn rewards(w: &World, question: &Value) -> Value {
    ask(&w.chain, "rewards", question)
}

fn number(value: &Value) -> u64 {
    value.as_str().unwrap().parse().unwrap()
}

fn balance(w: &World, address: &str) -> u64 {
    let request = QueryBalanceRequest {
        address: address.into(),
        denom: "nqrn".into(),
    };
    let path = "/cosmos.bank.v1beta1.Query/Balance";
    let answer: QueryBalanceResponse = w.chain.query(path, &request).unwrap();
    answer.balance.unwrap().amount.parse().unwrap()
}

#[test]
fn minted_coins_reach_the_hosts_that_proved_and_every_book_agrees() {
    let mut w = world();
    play(&mut w, &[30, 30, 30, 10]);
    let epoch = rewards(&w, &json!({"epoch": {"epoch": 1}}));
    assert_eq!(epoch["divided"], true);
    assert_eq!(number(&epoch["emission"]), FIRST);
    assert_eq!(number(&epoch["by_weight"]), FIRST / 100 * 98);
    let pool = module_address("distribution").to_string();
    assert_eq!(balance(&w, &pool), FIRST / 50);

    let last = w.hosts[3].address().to_string();
    let host = json!({"host": {"host": last}});
    assert_eq!(number(&rewards(&w, &host)["vesting"]), FIRST / 100 * 98 / 10);
    play(&mut w, &[30, 30, 30, 10]);
    let quarter = FIRST / 100 * 98 / 10 / 4;
    assert_eq!(number(&rewards(&w, &host)["claimable"]), quarter);
    let before = balance(&w, &last);
    let claim = call(&w.hosts[0], "rewards", &json!({"claim": {"host": last}}), "");
    let tx = w
        .chain
        .tx(&w.hosts[0])
        .message(claim)
        .gas(1_000_000)
        .sign(&w.hosts[0]);
    let result = w.chain.block([tx]).tx_results.remove(0);
    assert_eq!(result.code, 0, "{}", result.log);
    assert_eq!(balance(&w, &last), before + quarter);

    let totals = rewards(&w, &json!({"totals": {}}));
    let of = |name: &str| number(&totals[name]);
    assert_eq!(of("received"), FIRST + FIRST / 100 * 99);
    assert_eq!(
        of("received"),
        of("undivided") + of("to_community") + of("to_hosts")
    );
    assert_eq!(
        balance(&w, &address("rewards")),
        of("undivided") + of("to_hosts") - of("claimed") - of("clawed_back")
    );
    w.chain.app.check_invariants(0).unwrap();
}

#[test]
fn a_funder_of_a_hosts_bond_is_paid_its_part_of_what_vests() {
    let mut w = world();
    // what genesis did is state from here on
    w.chain.block([]);
    let (host, funder) = (w.hosts[3].clone(), w.hosts[0].clone());
    let (of_host, of_funder) = (host.address().to_string(), funder.address().to_string());
    // as much as the operator has, so that half of what the host does not keep is the funder's
    let bond = call(
        &funder,
        "bonding",
        &json!({"bond": {"host": of_host}}),
        "100000000000nqrn",
    );
    let rate = call(
        &host,
        "bonding",
        &json!({"set_commission": {"rate_bps": 2_000}}),
        "",
    );
    let txs = [(&funder, bond), (&host, rate)]
        .map(|(by, message)| w.chain.tx(by).message(message).gas(1_000_000).sign(by));
    for result in w.chain.block(txs).tx_results {
        assert_eq!(result.code, 0, "{}", result.log);
    }
    play(&mut w, &[30, 30, 30, 10]);
    play(&mut w, &[30, 30, 30, 10]);
    let vested = FIRST / 100 * 98 / 10 / 4;
    let question = json!({"funder_rewards": {"host": of_host, "funder": of_funder}});
    let part = vested / 10 * 4;
    assert_eq!(number(&ask(&w.chain, "bonding", &question)["amount"]), part);
    let before = balance(&w, &of_host);
    let claim = call(&w.hosts[1], "rewards", &json!({"claim": {"host": of_host}}), "");
    let take = call(
        &funder,
        "bonding",
        &json!({"withdraw_rewards": {"host": of_host, "to": module_address("distribution").to_string()}}),
        "",
    );
    let txs = [(&w.hosts[1], claim), (&funder, take)]
        .map(|(by, message)| w.chain.tx(by).message(message).gas(1_000_000).sign(by));
    let results = w.chain.block(txs).tx_results;
    assert_eq!(results[0].code, 0, "{}", results[0].log);
    assert_eq!(results[1].code, 0, "{}", results[1].log);
    assert_eq!(balance(&w, &of_host), before + vested - part);
    let totals = rewards(&w, &json!({"totals": {}}));
    assert_eq!(number(&totals["claimed"]), vested);
    w.chain.app.check_invariants(0).unwrap();
}

#[test]
fn an_exported_chain_goes_on_minting_and_dividing() {
    let mut w = world();
    play(&mut w, &[10; 4]);
    let height = w.chain.height.unsigned_abs() + 1;
    let exported = w.chain.app.export(0).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let genesis = Genesis::new()
        .first_height(height)
        .state(|state| *state = exported.clone());
    let chain = Chain::start(open(dir.path()), genesis);
    assert_eq!(chain.app.halted(), None);
    let mut copy = world();
    copy.chain = chain;
    for world in [&mut w, &mut copy] {
        play(world, &[10; 4]);
    }
    let question = json!({"epoch": {"epoch": 2}});
    let epoch = rewards(&w, &question);
    assert_eq!(number(&epoch["emission"]), FIRST / 100 * 99);
    assert_eq!(epoch, rewards(&copy, &question));
    let totals = json!({"totals": {}});
    assert_eq!(rewards(&w, &totals), rewards(&copy, &totals));
}
