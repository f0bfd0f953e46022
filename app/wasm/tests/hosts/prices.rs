//! What a round of prices costs a block.

use quern_genesis::{HookGas, profile::ProfileName};
use quern_types::AccAddress;
use serde_json::json;

use super::{Network, account, offer};

/// A round of prices, from the end of a period on: the gas of its dearest block, and of one after it.
fn price_round(network: &mut Network, pricing: &AccAddress) -> [u64; 2] {
    network.advance(10 - network.chain.cx.block.height % 10);
    let gas: Vec<u64> = (0..9)
        .map(|_| {
            let (_, gas, cx) = network.hook_of(pricing, &json!({"end_block": {}}));
            cx.merge();
            network.advance(1);
            gas
        })
        .collect();
    [*gas.iter().max().unwrap(), *gas.last().unwrap()]
}

#[test]
fn prices_cost_a_block_the_same_among_10_and_1000_hosts_and_sessions() {
    // the first four of sixteen by id, which one block updates: all with capacity that hosts declare, the dearest
    let models = ["model-0", "model-1", "model-10", "model-11"];
    let posters: Vec<AccAddress> = (20..35).map(account).collect();
    let mut costs = vec![];
    for many in [10, 1000] {
        let mut network = Network::new();
        let _ = network.rewards();
        let address = |code| quern_wasm::address::classic(code, code).unwrap();
        let (settlement, pricing) = (address(4), address(5));
        for n in 0..many {
            network.join(n, models.iter().map(|id| offer(id)).collect());
        }
        let profile = ProfileName::Standard.profile();
        let mut params = profile.settlement;
        params.max_draws = 16;
        network.call(&account(1), &settlement, json!({"update_params": params}), 0);
        network.chain.fund(&account(4), "1000000000000000000nqrn");
        for _ in 0..many {
            network.open(&settlement);
        }
        let mut params = profile.pricing;
        params.quote.posters = posters.iter().map(ToString::to_string).collect();
        network.call(&account(1), &pricing, json!({"update_params": params}), 0);
        let post = |network: &mut Network| {
            for poster in &posters {
                network.call(poster, &pricing, json!({"post_quote": {"usd": "0.25"}}), 0);
            }
        };
        post(&mut network);
        let first = price_round(&mut network, &pricing);
        // nobody uses the models: each of these moves four prices
        let mut rounds: Vec<_> = (0..3).map(|_| price_round(&mut network, &pricing)).collect();
        // and this one removes two old prices of each
        network.advance(params.keep_blocks);
        post(&mut network);
        rounds.push(price_round(&mut network, &pricing));
        let height = network.chain.cx.block.height;
        for id in models {
            let price = json!({"price_at": {"model": id, "height": height}});
            let price = network.chain.ask(&pricing, price).unwrap();
            assert!(price.as_str().unwrap().starts_with("1."), "{id}: {price}");
            let quote = network
                .chain
                .ask(&pricing, json!({"usd_price": {"model": id}}))
                .unwrap();
            assert_eq!((&quote["fresh"], quote["usd"].is_null()), (&json!(true), false));
        }
        let dearest = rounds.iter().map(|round| round[0]).max().unwrap();
        costs.push([first[0], rounds[0][0], dearest, first[1]]);
    }
    println!(
        "gas of the first round's dearest block, the second's, the dearest of all, of one without work: {costs:?}"
    );
    for (few, many) in costs[0].iter().zip(costs[1]) {
        assert!(many < few + few / 20, "{costs:?}");
    }
    assert!(
        costs[1].iter().all(|gas| gas * 2 < HookGas::default().end_block),
        "{costs:?}"
    );
}
