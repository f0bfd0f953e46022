//! The beacon as a validator, a user and an attacker meet it, block by block.

use crate::support;

use std::path::Path;

use base64::{Engine, engine::general_purpose::STANDARD};
use prost::Message;
use quern_beacon::{Found, Hash, Onion, hash, tx};
use quern_core::{App, Options, Reveals};
use quern_genesis::BeaconValidator;
use quern_proto::{
    cosmwasm::wasm::v1::{QuerySmartContractStateRequest, QuerySmartContractStateResponse},
    quern::beacon::v1::{QueryBeaconRequest, QueryBeaconResponse},
};
use quern_testkit::{CHAIN_ID, Chain, Genesis, QueryError, User, bank_send};
use support::{attribute_list, contract};
use tendermint_proto::v0_38::abci::{Event, ResponseFinalizeBlock};

const ROOM: i64 = 1_000_000;
const A: [u8; 20] = [0xa1; 20];
const B: [u8; 20] = [0xb2; 20];
/// A validator without an onion.
const C: [u8; 20] = [0xc3; 20];

fn onion_a() -> Onion {
    Onion::new([1; 32], 50)
}

fn onion_b() -> Onion {
    Onion::new([2; 32], 50)
}

/// A node that holds these onions.
fn open(dir: &Path, onions: Vec<Onion>) -> App {
    let mut options = Options::new(dir);
    options.reveals = Reveals::new(move |anchor| {
        onions.iter().find_map(|onion| match onion.below(anchor) {
            Found::Preimage { preimage, .. } => Some(preimage),
            _ => None,
        })
    });
    App::open(options).unwrap()
}

fn genesis() -> Genesis {
    Genesis::new().state(|state| {
        state.beacon.validators = vec![
            BeaconValidator::new(A, onion_a().anchor()),
            BeaconValidator::new(B, onion_b().anchor()),
        ];
    })
}

struct World {
    dir: tempfile::TempDir,
    chain: Chain<App>,
    /// The beacon as the test computes it.
    expected: Vec<Hash>,
}

impl World {
    fn new(genesis: Genesis) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let app = open(dir.path(), vec![onion_a(), onion_b()]);
        Self {
            dir,
            chain: Chain::start(app, genesis),
            expected: vec![hash::genesis(CHAIN_ID)],
        }
    }

    /// Proposes, judges and executes the next block of a proposer with these transactions.
    fn block_of(&mut self, proposer: [u8; 20], txs: Vec<Vec<u8>>) -> ResponseFinalizeBlock {
        self.chain.proposer = proposer;
        let proposal = self.chain.prepare(txs, ROOM);
        assert!(
            self.chain.accepts(proposal.clone()),
            "an own proposal is accepted"
        );
        let reveal = proposal.first().and_then(|tx| tx::decode(tx));
        let last = self.expected.last().unwrap();
        self.expected.push(hash::next(last, reveal.as_ref()));
        self.chain.block(proposal)
    }

    fn reveal(&self) -> Hash {
        let first = self.chain.prepare([], ROOM).remove(0);
        tx::decode(&first).unwrap()
    }
}

fn beacon(chain: &Chain<App>, height: u64) -> Result<Hash, QueryError> {
    let request = QueryBeaconRequest { height };
    let answer: QueryBeaconResponse = chain.query("/quern.beacon.v1.Query/Beacon", &request)?;
    Ok(answer.beacon.try_into().unwrap())
}

fn beacon_events(events: &[Event]) -> Vec<Vec<String>> {
    let of_beacon = events.iter().filter(|event| event.r#type == "beacon");
    of_beacon.map(attribute_list).collect()
}

#[test]
fn proposers_reveal_layer_after_layer_and_anyone_can_recompute_the_beacon() {
    let mut world = World::new(genesis());
    let mut seen = Vec::new();
    for proposer in [A, B, B, A, C, A, C, B] {
        let block = world.block_of(proposer, vec![]);
        let beacon = hex::encode_upper(world.expected.last().unwrap());
        let attributes = |revealed: bool| {
            vec![
                format!("height={}", world.chain.height),
                format!("beacon={beacon}"),
                format!("revealed={revealed}"),
                format!("proposer={}", hex::encode_upper(proposer)),
            ]
        };
        if proposer == C {
            assert!(block.tx_results.is_empty());
            let mut in_block = attributes(false);
            in_block.push("mode=BeginBlock".into());
            assert_eq!(beacon_events(&block.events), [in_block]);
        } else {
            let [result] = block.tx_results.as_slice() else {
                panic!("{block:?}");
            };
            assert_eq!((result.code, result.gas_wanted, result.gas_used), (0, 0, 0));
            assert_eq!(beacon_events(&result.events), [attributes(true)]);
            assert!(beacon_events(&block.events).is_empty());
        }
        seen.push(beacon);
    }
    for (height, expected) in (0u64..).zip(&world.expected) {
        assert_eq!(
            beacon(&world.chain, height).as_ref(),
            Ok(expected),
            "height {height}"
        );
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 8, "no two blocks share a value");
}

#[test]
fn the_reveal_comes_first_and_the_other_transactions_after_it() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let mut world = World::new(genesis().fund(&alice, "1000nqrn"));
    let pay = |chain: &Chain<App>| {
        let send = bank_send(&alice, &bob, "5nqrn");
        chain.tx(&alice).message(send).sign(&alice)
    };
    let tx = pay(&world.chain);
    let block = world.block_of(A, vec![tx]);
    assert_eq!(block.tx_results.len(), 2);
    assert!(
        block.tx_results.iter().all(|result| result.code == 0),
        "{block:?}"
    );
    assert_eq!(world.chain.balance(&bob, "nqrn"), 5);
    // only room for the reveal
    let tx = pay(&world.chain);
    let reveal = tx::encode(&world.reveal());
    assert_eq!(world.chain.prepare([tx], 74), [reveal]);
}

#[test]
fn a_proposal_without_the_owed_reveal_or_with_another_is_refused() {
    let mut world = World::new(genesis());
    world.block_of(A, vec![]);
    let replayed = {
        let Found::Preimage { preimage, .. } = onion_a().below(&onion_a().anchor()) else {
            panic!("an onion knows its anchor");
        };
        preimage
    };
    world.chain.proposer = B;
    let of_b = world.reveal();
    world.chain.proposer = A;
    let good = world.reveal();
    let Found::Preimage { preimage: ahead, .. } = onion_a().below(&good) else {
        panic!("more layers are left");
    };
    let refused: [(&str, Vec<Vec<u8>>); 8] = [
        ("no reveal", vec![]),
        ("a replayed preimage", vec![tx::encode(&replayed)]),
        ("another validator's preimage", vec![tx::encode(&of_b)]),
        ("a preimage two layers below", vec![tx::encode(&ahead)]),
        ("an invented preimage", vec![tx::encode(&[9; 32])]),
        ("the reveal twice", vec![tx::encode(&good), tx::encode(&good)]),
        (
            "another reveal behind",
            vec![tx::encode(&good), tx::encode(&of_b)],
        ),
        ("trailing bytes", vec![[tx::encode(&good), vec![0]].concat()]),
    ];
    for (what, txs) in refused {
        assert!(!world.chain.accepts(txs), "{what}");
    }
    assert!(world.chain.accepts([tx::encode(&good)]));
    // who owes no reveal may not bring one
    world.chain.proposer = C;
    assert!(!world.chain.accepts([tx::encode(&good)]));
    assert!(world.chain.accepts([]));
}

#[test]
fn the_reveal_must_come_before_every_other_transaction() {
    let alice = User::new("alice");
    let mut world = World::new(genesis().fund(&alice, "1000nqrn"));
    world.chain.proposer = A;
    let send = bank_send(&alice, &alice, "5nqrn");
    let pay = world.chain.tx(&alice).message(send).sign(&alice);
    let reveal = tx::encode(&world.reveal());
    assert!(!world.chain.accepts([pay.clone(), reveal.clone()]));
    assert!(world.chain.accepts([reveal, pay]));
}

#[test]
fn the_mempool_refuses_reveals_by_name() {
    let mut world = World::new(genesis());
    world.chain.proposer = A;
    let reveal = tx::encode(&world.reveal());
    for answer in [world.chain.check(&reveal), world.chain.recheck(&reveal)] {
        assert_eq!((answer.codespace.as_str(), answer.code), ("beacon", 2));
        assert!(
            answer.log.contains("first of its proposer's own block"),
            "{}",
            answer.log
        );
    }
    // a proposer drops what slipped in
    assert_eq!(
        world.chain.prepare([reveal.clone(), reveal.clone()], ROOM),
        [reveal]
    );
}

#[test]
fn a_block_that_was_decided_in_spite_of_the_rules_is_executed_all_the_same() {
    let mut world = World::new(genesis());
    world.chain.proposer = A;
    let good = world.reveal();
    let before = hash::genesis(CHAIN_ID);
    // no reveal, a wrong one, a late one: each counts as none
    for txs in [
        vec![],
        vec![tx::encode(&[9; 32])],
        vec![b"rubbish".to_vec(), tx::encode(&good)],
    ] {
        let first = world.chain.finalize(txs.clone());
        assert_eq!(world.chain.finalize(txs.clone()).app_hash, first.app_hash);
        assert!(
            first.tx_results.iter().all(|result| result.code != 0),
            "{first:?}"
        );
        if let Some(last) = first.tx_results.last() {
            assert_eq!((last.codespace.as_str(), last.code), ("beacon", 2));
        }
        assert_eq!(beacon_events(&first.events).len(), 1);
    }
    let missed = world.chain.block([tx::encode(&[9; 32])]);
    assert_eq!(beacon(&world.chain, 1), Ok(hash::next(&before, None)));
    assert_eq!(missed.tx_results.len(), 1);
    // the anchor did not move, and the next block may use it
    assert_eq!(world.reveal(), good);
    // a second reveal in the block of a valid one is an ordinary failure
    let block = world.chain.block([tx::encode(&good), tx::encode(&good)]);
    let codes: Vec<_> = block.tx_results.iter().map(|result| result.code).collect();
    assert_eq!(codes, [0, 2]);
}

#[test]
fn a_node_that_lost_its_onion_proposes_what_others_refuse_until_operators_agree_to_go_on() {
    let mut world = World::new(genesis());
    world.block_of(A, vec![]);
    let World { dir, mut chain, .. } = world;
    chain.proposer = A;
    drop(chain);
    let mut chain = Chain::resume(open(dir.path(), vec![]));
    chain.proposer = A;
    assert_eq!(chain.prepare([], ROOM), Vec::<Vec<u8>>::new());
    assert!(!chain.accepts([]));
    chain.proposer = C;
    assert!(chain.accepts([]), "the others' slots are not touched");
    drop(chain);
    let mut options = Options::new(dir.path());
    options.demand_reveals = false;
    let mut chain = Chain::resume(App::open(options).unwrap());
    chain.proposer = A;
    assert!(chain.accepts([]));
    assert!(
        !chain.accepts([tx::encode(&[9; 32])]),
        "a wrong reveal is still refused"
    );
    assert_eq!(chain.block([]).tx_results.len(), 0);
}

#[test]
fn old_values_are_forgotten_and_future_ones_are_unknown() {
    let mut world = World::new(genesis().state(|state| state.beacon.params.keep_recent = 3));
    for _ in 0..6 {
        world.block_of(B, vec![]);
    }
    for height in [0, 3, 7, u64::MAX] {
        let error = beacon(&world.chain, height).unwrap_err();
        assert_eq!((error.codespace.as_str(), error.code), ("sdk", 22), "{height}");
        assert!(error.log.contains("no beacon is kept"), "{}", error.log);
    }
    for height in 4..=6 {
        let expected = world.expected[usize::try_from(height).unwrap()];
        assert_eq!(beacon(&world.chain, height), Ok(expected));
    }
    let kept = world.chain.app.store().snapshot();
    let rows = kept.range(
        Some(b"beacon/\x01"),
        Some(b"beacon/\x02"),
        quern_store::Order::Ascending,
    );
    assert_eq!(rows.count(), 3);
}

#[test]
fn a_restarted_node_finds_its_place_from_the_state_alone() {
    let mut world = World::new(genesis());
    let mut twin = World::new(genesis());
    for proposer in [A, A, B] {
        world.block_of(proposer, vec![]);
        twin.block_of(proposer, vec![]);
    }
    // finalized and lost: its reveal is made again
    world.chain.proposer = A;
    let proposal = world.chain.prepare([], ROOM);
    world.chain.finalize(proposal.clone());
    let World { dir, chain, expected } = world;
    drop(chain);
    let app = open(dir.path(), vec![onion_b(), onion_a()]);
    let mut world = World {
        dir,
        chain: Chain::resume(app),
        expected,
    };
    world.chain.proposer = A;
    assert_eq!(world.chain.prepare([], ROOM), proposal);
    for proposer in [A, B, C, A] {
        let (mine, other) = (world.block_of(proposer, vec![]), twin.block_of(proposer, vec![]));
        assert_eq!(mine, other);
    }
    assert_eq!(world.expected, twin.expected);
    assert!(world.dir.path().exists());
}

#[test]
fn an_exported_chain_goes_on_where_it_was() {
    let mut world = World::new(genesis());
    for proposer in [A, B, A, C] {
        world.block_of(proposer, vec![]);
    }
    let exported = world.chain.app.export(0).unwrap().beacon;
    assert_eq!(exported.values.len(), 5);
    let json = serde_json::to_string(&exported).unwrap();
    let read = serde_json::from_str(&json).unwrap();
    assert_eq!(exported, read);
    let dir = tempfile::tempdir().unwrap();
    let app = open(dir.path(), vec![onion_a()]);
    let genesis = Genesis::new().first_height(5).state(|state| state.beacon = read);
    let mut chain = Chain::start(app, genesis);
    world.chain.proposer = A;
    chain.proposer = A;
    let proposal = world.chain.prepare([], ROOM);
    assert_eq!(chain.prepare([], ROOM), proposal);
    chain.block(proposal.clone());
    world.chain.block(proposal);
    assert_eq!(beacon(&chain, 5), beacon(&world.chain, 5));
    assert_eq!(beacon(&chain, 2), beacon(&world.chain, 2));
}

#[test]
fn values_that_do_not_end_before_the_first_block_are_refused() {
    let mut world = World::new(genesis());
    world.block_of(A, vec![]);
    let exported = world.chain.app.export(0).unwrap().beacon;
    let dir = tempfile::tempdir().unwrap();
    let app = open(dir.path(), vec![]);
    Chain::start(app.clone(), Genesis::new().state(|state| state.beacon = exported));
    let cause = app.halted().unwrap();
    assert!(cause.contains("initial_height must be the next"), "{cause}");
}

#[test]
fn a_contract_reads_the_beacon_that_users_read() {
    let alice = User::new("alice");
    let mut world = World::new(genesis().fund(&alice, "1000000nqrn"));
    let tx = |chain: &Chain<App>, msg| chain.tx(&alice).message(msg).gas(10_000_000).sign(&alice);
    let stored = tx(&world.chain, contract::store(&alice, "probe"));
    assert_eq!(world.block_of(A, vec![stored]).tx_results[1].code, 0);
    let made = tx(&world.chain, contract::instantiate(&alice, 1, "{}"));
    let probe = contract::instantiated(&world.block_of(B, vec![made]).tx_results[1]);

    let ask = |chain: &Chain<App>, kind: &str, height: u64| {
        let request = serde_json::json!({kind: {
            "path": "/quern.beacon.v1.Query/Beacon",
            "data": STANDARD.encode(QueryBeaconRequest { height }.encode_to_vec()),
        }});
        let query = serde_json::json!({"chain": {"request": STANDARD.encode(request.to_string())}});
        let request = QuerySmartContractStateRequest {
            address: probe.clone(),
            query_data: query.to_string().into_bytes(),
        };
        let answer: QuerySmartContractStateResponse = chain
            .query("/cosmwasm.wasm.v1.Query/SmartContractState", &request)
            .unwrap();
        serde_json::from_slice::<serde_json::Value>(&answer.data).unwrap()
    };
    let heard = ask(&world.chain, "grpc", 2);
    let bytes = STANDARD.decode(heard["ok"]["ok"].as_str().unwrap()).unwrap();
    let response = QueryBeaconResponse::decode(bytes.as_slice()).unwrap();
    assert_eq!(response.beacon, world.expected[2]);
    let heard = ask(&world.chain, "stargate", 1);
    let json = STANDARD.decode(heard["ok"]["ok"].as_str().unwrap()).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["beacon"], STANDARD.encode(world.expected[1]));
    assert_eq!(
        ask(&world.chain, "grpc", 3)["ok"]["error"],
        "codespace: beacon, code: 3"
    );
}

#[test]
fn a_value_is_proven_against_the_app_hash() {
    let mut world = World::new(genesis());
    for _ in 0..3 {
        world.block_of(A, vec![]);
    }
    let key = [b"beacon/\x01".as_slice(), &2u64.to_be_bytes()].concat();
    let answer = world.chain.query_raw("/store/main/key", key, 3, true);
    assert_eq!(
        (answer.code, answer.value.as_ref()),
        (0, world.expected[2].as_slice())
    );
    assert_eq!(answer.proof_ops.unwrap().ops.len(), 2);
}
