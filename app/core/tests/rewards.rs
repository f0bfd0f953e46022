//! From what the chain mints to a host's payout address: the shipped contracts under the hooks of the application.

use crate::support;

use quern_proto::cosmos::bank::v1beta1::{QueryBalanceRequest, QueryBalanceResponse};
use quern_testkit::{Chain, Genesis};
use quern_types::module_address;
use serde_json::{Value, json};
use support::{
    open,
    proving::{BOND, FIRST, play, proving},
    shipped::{World, address, ask, call},
};

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
    let mut w = proving(&[BOND; 4]);
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
    let mut w = proving(&[BOND; 4]);
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
    let mut w = proving(&[BOND; 4]);
    play(&mut w, &[10; 4]);
    let height = w.chain.height.unsigned_abs() + 1;
    let exported = w.chain.app.export(0).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let genesis = Genesis::new()
        .first_height(height)
        .state(|state| *state = exported.clone());
    let chain = Chain::start(open(dir.path()), genesis);
    assert_eq!(chain.app.halted(), None);
    let mut copy = proving(&[BOND; 4]);
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
