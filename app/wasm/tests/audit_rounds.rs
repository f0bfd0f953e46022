//! Rounds of audits at 10 and at 1,000 hosts, idle and under load, with the parameters of a public network: every
//! block's work fits its hook, a round's work fits into the blocks of a round, and nothing that was revealed is lost.

mod load;
mod network;

use load::Load;
use network::Network;
use quern_genesis::{HookGas, profile::ProfileName};
use quern_interface::audits::HostRecord;
use serde_json::json;

#[test]
fn a_round_over_a_thousand_hosts_fits_its_hooks_and_its_blocks() {
    let mut network = Network::new();
    let mut joined = 0;
    for hosts in [10, 1_000] {
        for n in joined..hosts {
            network.join(n);
        }
        joined = hosts;
        let first = network.number();
        let (mut blocks, mut most) = (0_u64, (0, String::new()));
        // a round that began with fewer hosts, then a whole one
        while network.number() < first + 2 {
            let phase = network.phase();
            most = most.max((network.block(), phase));
            blocks += 1;
            assert!(blocks < 3_000, "{}", network.round());
        }
        let round = network.round();
        let lag = network.height() - round["start"].as_u64().unwrap();
        println!("{hosts} hosts: most gas {most:?}, {lag} blocks after the last round's end");
        assert!(most.0 * 5 / 4 < HookGas::default().end_block, "{most:?}");
        // the next round begins its audit when its own blocks are over: no work is left for then
        assert!(
            lag <= ProfileName::Standard.profile().audits.round_blocks,
            "{lag}"
        );
    }
}

/// A whole round in which so many of the hosts serve, prove and audit; one in ten of them cheats, one in ten hides.
fn loaded(hosts: u32, serving: usize, leaves: u32) {
    let mut network = Network::new();
    for n in 0..hosts {
        network.join(n);
    }
    loaded_in(&mut network, hosts, serving, leaves);
}

/// The same, in a network of so many hosts.
fn loaded_in(network: &mut Network, hosts: u32, serving: usize, leaves: u32) {
    let models = network.models.len();
    let mut load = Load::commit(network, hosts, serving, leaves);
    load.prove(network);
    network.until("reveal");
    let revealed = load.reveal(network);
    network.until("commit");
    load.report(network);
    network.until("panel");
    // its beacon, and the checks that it draws
    network.blocks(12);
    load.open(network);
    load.hear(network);
    network.until("review");
    network.blocks(12);
    load.hear(network);
    let first = network.number();
    let mut blocks = 0;
    while network.number() == first {
        network.block();
        blocks += 1;
        assert!(blocks < 600, "{}", network.round());
    }
    let limit = HookGas::default().end_block;
    println!(
        "{hosts} hosts, {serving} serve, {models} models, {} receipts and {} proofs revealed:",
        revealed.0, revealed.1
    );
    for (phase, (gas, blocks)) in &network.gas {
        println!("  {phase:>9}: most gas of a block's end {gas:>9} of {limit}, blocks of work {blocks}");
        assert!(gas * 5 / 4 < limit, "{phase}: {gas}");
    }
    let round = network.round();
    let lag = network.height() - round["start"].as_u64().unwrap();
    println!("  {lag} blocks after the last round's end");
    assert!(
        lag <= ProfileName::Standard.profile().audits.round_blocks,
        "{lag}"
    );

    let records: Vec<HostRecord> = (0..hosts).map(|n| load::record(network, n)).collect();
    let sum = |of: &dyn Fn(&HostRecord) -> u64| records.iter().map(of).sum::<u64>();
    // every leaf has its verdict: in the evidence, or missing
    assert_eq!(sum(&|r| r.audited + r.missing), revealed.0 + revealed.1);
    assert_eq!((sum(&|r| r.withheld), sum(&|r| r.refuted)), (0, 0));
    assert_eq!(sum(&|r| r.proofs), revealed.1);
    assert!(sum(&|r| r.reports) > 0 && sum(&|r| r.missed) == 0);
    for n in load.servers() {
        let record = &records[n as usize];
        let convictions = if load::cheats(n) { models as u64 } else { 0 };
        assert_eq!(record.convictions, convictions, "{n}: {record:?}");
        assert_eq!(record.missing > 0, load::hides(n), "{n}: {record:?}");
        let honest = !load::cheats(n) && !load::hides(n);
        let judged = load::proof(network, n, load.sprint)["judged"].clone();
        assert_eq!(judged["failed"] == json!(0), honest, "{n}: {judged}");
    }
}

#[test]
fn hosts_whose_bonds_hold_hundreds_of_crumbs_stop_no_round() {
    let mut network = Network::new();
    for n in 0..10 {
        network.join(n);
    }
    for funder in 0..300 {
        for host in 0..8 {
            network.fund(host, 1_000 + funder, 1);
        }
    }
    network.until("draw");
    let gas = network.gas.values().map(|(gas, _)| *gas).max().unwrap();
    println!("8 of 10 hosts with 300 funders of 1 nqrn: most gas {gas} in a block's end");
    assert!(gas * 5 / 4 < HookGas::default().end_block, "{gas}");
}

#[test]
fn a_loaded_round_of_ten_hosts_fits_its_hooks_and_loses_nothing() {
    loaded(10, 10, 50);
}

#[test]
fn a_loaded_round_of_sixty_four_proving_hosts_fits_its_hooks_and_loses_nothing() {
    loaded(64, 64, 10);
}

#[test]
fn a_loaded_round_among_a_thousand_hosts_fits_its_hooks_and_loses_nothing() {
    loaded(1_000, 32, 8);
}

#[test]
fn a_loaded_round_of_sixteen_models_fits_its_hooks_and_convicts_for_all_of_them() {
    let (cheat, funder) = (3, 2_000);
    let mut buckets = 0;
    // each conviction cuts the operator's and the funder's coins in all of them
    let mut network = Network::after(16, |network| {
        for n in 0..10 {
            network.join(n);
        }
        buckets = network.unbond_daily(cheat, funder);
    });
    assert_eq!(buckets, 29);
    let of = |network: &Network| [cheat, funder].map(|who| network.unbonding(cheat, who));
    let before = of(&network);
    loaded_in(&mut network, 10, 10, 48);
    // none has matured: all its own coins are gone, and some of its funder's
    assert_eq!(network.buckets(cheat, funder), buckets);
    let after = of(&network);
    assert!(
        after[0] == 0 && after[1] > 0 && after[1] < before[1],
        "{before:?} became {after:?}"
    );
}
