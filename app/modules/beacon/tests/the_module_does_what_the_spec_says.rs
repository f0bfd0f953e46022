//! Every worked example of `docs/spec/beacon.md`, read from the page itself. Its vectors come from an
//! independent computation.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at a surprise"
)]

use std::sync::Arc;

use quern_beacon::{
    Found, Hash, Onion, advance, beacon, hash, init_genesis, on_validators, tx, usable_anchor,
};
use quern_context::{BlockFacts, Cx, Mode};
use quern_genesis::{BeaconGenesis, BeaconValidator};
use serde_json::Value;

const SPEC: &str = include_str!("../../../../docs/spec/beacon.md");
const PROPOSER: [u8; 20] = [5; 20];

fn vectors() -> Value {
    let (_, after) = SPEC.split_once("```json\n").unwrap();
    serde_json::from_str(after.split_once("```").unwrap().0).unwrap()
}

fn read(value: &Value) -> Hash {
    hex::decode(value.as_str().unwrap()).unwrap().try_into().unwrap()
}

/// A context of one block on a state that lives as long as the store.
fn block(branch: &quern_store::Branch, height: u64) -> Cx {
    let facts = BlockFacts {
        chain_id: vectors()["genesis"]["chain_id"].as_str().unwrap().to_owned(),
        height,
        proposer: PROPOSER.to_vec(),
        ..BlockFacts::default()
    };
    Cx::new(branch.clone(), Arc::new(facts), Mode::Finalize)
}

fn state() -> quern_store::Branch {
    quern_store::Branch::new(quern_store::Snapshot::in_memory(0, Default::default()))
}

#[test]
fn the_onion_has_the_layers_of_the_vectors() {
    let vectors = vectors();
    let layers: Vec<_> = vectors["onion"]["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(read)
        .collect();
    let onion = Onion::new(layers[0], 4);
    assert_eq!(onion.anchor(), layers[4]);
    for below in 0..4 {
        let found = Found::Preimage {
            preimage: layers[below],
            left: u32::try_from(below).unwrap(),
        };
        assert_eq!(onion.below(&layers[below + 1]), found);
    }
}

#[test]
fn the_transaction_has_the_bytes_of_the_vectors() {
    let vectors = &vectors()["transaction"];
    let preimage = read(&vectors["preimage"]);
    let bytes = hex::decode(vectors["bytes"].as_str().unwrap()).unwrap();
    assert_eq!(tx::encode(&preimage), bytes);
    assert_eq!(tx::decode(&bytes), Some(preimage));
}

#[test]
fn a_chain_computes_the_values_of_the_vectors() {
    let vectors = vectors();
    let anchor = read(vectors["onion"]["layers"].as_array().unwrap().last().unwrap());
    let branch = state();
    let genesis = BeaconGenesis {
        validators: vec![BeaconValidator::new(PROPOSER, anchor)],
        ..BeaconGenesis::default()
    };
    init_genesis(&block(&branch, 0), 0, &genesis).unwrap();
    assert_eq!(
        beacon(&block(&branch, 0), 0).unwrap(),
        read(&vectors["genesis"]["beacon"])
    );
    for (height, vector) in (1..).zip(vectors["blocks"].as_array().unwrap()) {
        let cx = block(&branch, height);
        let reveal = vector["preimage"].as_str().unwrap();
        let first = (!reveal.is_empty()).then(|| tx::encode(&read(&vector["preimage"])));
        let advance = advance(&cx, first.as_deref()).unwrap();
        assert_eq!(advance.revealed, !reveal.is_empty());
        assert_eq!(advance.beacon, read(&vector["beacon"]), "block {height}");
        assert_eq!(beacon(&cx, height).unwrap(), advance.beacon);
    }
}

#[test]
fn anchors_become_usable_as_the_table_says() {
    let anchor = |name: &str| match name {
        "A" => Some(hash::around(&[0xa; 32])),
        "B" => Some(hash::around(&[0xb; 32])),
        "none" => None,
        other => panic!("{other}"),
    };
    let branch = state();
    let rows = SPEC
        .lines()
        .skip_while(|line| !line.starts_with("| epoch that ends"));
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    let mut count = 0;
    for row in rows {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let [_, epoch, announced, usable, _] = cells.as_slice() else {
            panic!("{row}");
        };
        let cx = block(&branch, count);
        let number = epoch.split(' ').next().unwrap().parse().unwrap();
        let genesis = epoch.contains("genesis");
        on_validators(&cx, number, genesis, &[(PROPOSER, anchor(announced))]).unwrap();
        let expected = anchor(usable.split(',').next().unwrap());
        assert_eq!(usable_anchor(&cx, &PROPOSER).unwrap(), expected, "{row}");
        count += 1;
    }
    assert_eq!(count, 8);
}

#[test]
fn odd_proposers_and_numbers_stop_nothing() {
    let branch = state();
    for (height, proposer) in [(0, vec![]), (u64::MAX, vec![1; 19]), (7, vec![1; 33])] {
        let facts = BlockFacts {
            height,
            proposer,
            ..BlockFacts::default()
        };
        let cx = Cx::new(branch.clone(), Arc::new(facts), Mode::Finalize);
        assert_eq!(usable_anchor(&cx, &cx.block.proposer).unwrap(), None);
        assert!(!advance(&cx, Some(&tx::encode(&[1; 32]))).unwrap().revealed);
    }
    on_validators(&block(&branch, 1), u64::MAX, false, &[(PROPOSER, Some([1; 32]))]).unwrap();
    assert_eq!(
        usable_anchor(&block(&branch, 1), &PROPOSER).unwrap(),
        Some([1; 32])
    );
}
