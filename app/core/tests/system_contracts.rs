//! The chain's own contracts: what they may do at a block's borders, and what they cannot.

use crate::support;

use quern_core::App;
use quern_genesis::{ConsensusKey, Validator};
use quern_interface::sudo::{SudoMsg, ValidatorPresence};
use quern_proto::cosmwasm::wasm::v1::{
    QueryContractInfoRequest, QueryContractInfoResponse, QueryPinnedCodesRequest, QueryPinnedCodesResponse,
};
use quern_testkit::{Chain, User};
use quern_types::module_address;
use quern_validators::consensus_address;
use serde_json::json;
use support::{
    attribute_list, open,
    system::{NAMES, address, execute, genesis, key, powers, proposal, removal, script, stored, system},
};
use tempfile::TempDir;
use tendermint_proto::v0_38::{
    abci::{CommitInfo, Event, Misbehavior, ResponseFinalizeBlock, Validator as Offender, VoteInfo},
    types::BlockIdFlag,
};

struct World {
    _dir: TempDir,
    alice: User,
    chain: Chain<App>,
}

fn world(scripts: &[(&str, &str)]) -> World {
    let dir = tempfile::tempdir().unwrap();
    let alice = User::new("alice");
    let chain = Chain::start(open(dir.path()), genesis(&alice, system(scripts)));
    assert_eq!(chain.app.halted(), None);
    World {
        _dir: dir,
        alice,
        chain,
    }
}

fn four() -> String {
    proposal(&[(1, 1), (2, 1), (3, 1), (4, 1)])
}

/// Key, power, signed and missed blocks of a validator.
type Told = ([u8; 32], u64, u64, u64);

/// What `bonding` was told at the last end of an epoch: its number, and each validator.
fn told(chain: &Chain<App>) -> (String, Vec<Told>) {
    let text = stored(chain, "bonding", "seen/end_epoch").unwrap();
    let SudoMsg::EndEpoch { epoch, validators } = serde_json::from_str(&text).unwrap() else {
        panic!("{text}");
    };
    let validator = |v: ValidatorPresence| (v.pubkey.0, v.power, v.signed, v.missed);
    (epoch.to_string(), validators.into_iter().map(validator).collect())
}

/// A block whose last commit has these votes.
fn block_after(chain: &mut Chain<App>, votes: &[(u8, BlockIdFlag)]) -> ResponseFinalizeBlock {
    let vote = |(n, flag): &(u8, BlockIdFlag)| VoteInfo {
        validator: Some(Offender {
            address: consensus_address(&key(*n)).to_vec().into(),
            power: 250_000,
        }),
        block_id_flag: (*flag).into(),
    };
    chain.block_with(|request| {
        request.decided_last_commit = Some(CommitInfo {
            round: 0,
            votes: votes.iter().map(vote).collect(),
        });
    })
}

fn named<'a>(events: &'a [Event], name: &str) -> Vec<&'a Event> {
    events.iter().filter(|e| e.r#type == name).collect()
}

#[test]
fn genesis_makes_the_contracts_where_tools_expect_them_and_pins_them() {
    let mut w = world(&[("end_epoch", &four())]);
    w.chain.empty_blocks(1);
    for name in NAMES {
        let request = QueryContractInfoRequest {
            address: address(name),
        };
        let found: QueryContractInfoResponse = w
            .chain
            .query("/cosmwasm.wasm.v1.Query/ContractInfo", &request)
            .unwrap();
        let info = found.contract_info.unwrap();
        let governance = module_address("gov").to_string();
        assert_eq!(
            (info.label.as_str(), &info.admin, &info.creator),
            (name, &governance, &governance)
        );
    }
    let pinned: QueryPinnedCodesResponse = w
        .chain
        .query(
            "/cosmwasm.wasm.v1.Query/PinnedCodes",
            &QueryPinnedCodesRequest::default(),
        )
        .unwrap();
    assert_eq!(pinned.code_ids, [1, 2, 3]);
}

#[test]
fn a_node_that_dies_before_its_first_block_begins_again_and_agrees() {
    let dir = tempfile::tempdir().unwrap();
    let begin = || genesis(&User::new("alice"), system(&[("end_epoch", &four())]));
    drop(Chain::start(open(dir.path()), begin()));
    let mut again = Chain::start(open(dir.path()), begin());
    let mut twin = world(&[("end_epoch", &four())]);
    for _ in 0..6 {
        assert_eq!(again.block([]).app_hash, twin.chain.block([]).app_hash);
    }
    drop(again);
    let mut resumed = Chain::resume(open(dir.path()));
    for _ in 0..6 {
        assert_eq!(resumed.block([]).app_hash, twin.chain.block([]).app_hash);
    }
}

#[test]
fn the_source_of_validators_gives_the_first_set_at_epoch_zero() {
    let dir = tempfile::tempdir().unwrap();
    let proposed = proposal(&[(1, 900), (2, 900), (3, 100), (4, 100), (5, 0)]);
    let state = genesis(&User::new("alice"), system(&[("end_epoch", &proposed)]));
    let (chain, answer) = Chain::start_with_answer(open(dir.path()), state);
    assert_eq!(chain.app.halted(), None);
    // 900 of 2,000 is above the cap: each gets 30 % of what then remains
    assert_eq!(
        powers(&answer.validators),
        [(1, 300_000), (2, 300_000), (3, 200_000), (4, 200_000)]
    );
}

#[test]
fn hooks_run_in_their_order_and_say_what_the_contracts_understand() {
    let mut w = world(&[("end_epoch", &four())]);
    w.chain.empty_blocks(4);
    let block = w.chain.block([]);
    let order = named(&block.events, "sudo")
        .into_iter()
        .map(attribute_list)
        .collect::<Vec<_>>();
    let expected = ["settlement", "bonding", "bonding"].map(|name| {
        vec![
            format!("_contract_address={}", address(name)),
            "mode=EndBlock".into(),
        ]
    });
    assert_eq!(order, expected);
    assert_eq!(
        attribute_list(named(&block.events, "validator_set")[0]),
        ["epoch=1", "validators=4", "total_power=1000000", "mode=EndBlock"]
    );
    assert!(block.validator_updates.is_empty());
    let seen = |name, hook: &str| stored(&w.chain, name, &format!("seen/{hook}")).unwrap();
    assert_eq!(
        told(&w.chain),
        ("1".into(), [1, 2, 3, 4].map(|n| (key(n), 250_000, 0, 0)).to_vec())
    );
    assert_eq!(seen("settlement", "end_block"), r#"{"end_block":{}}"#);
    assert_eq!(stored(&w.chain, "registry", "seen/end_block"), None);
}

#[test]
fn an_epochs_end_says_who_signed_and_who_did_not_and_then_counts_anew() {
    use BlockIdFlag::{Absent, Commit, Nil, Unknown};
    let mut w = world(&[("end_epoch", &four())]);
    w.chain.empty_blocks(1);
    block_after(&mut w.chain, &[(1, Commit), (2, Absent), (3, Nil)]);
    block_after(&mut w.chain, &[(1, Commit), (2, Commit), (3, Commit)]);
    block_after(
        &mut w.chain,
        &[(1, Commit), (2, Absent), (3, Unknown), (9, Absent)],
    );
    block_after(&mut w.chain, &[(1, Commit), (2, Absent), (3, Commit)]);
    let counts = |chain: &Chain<App>| -> Vec<(u64, u64)> {
        told(chain)
            .1
            .into_iter()
            .map(|(_, _, signed, missed)| (signed, missed))
            .collect()
    };
    assert_eq!(counts(&w.chain), [(4, 0), (1, 3), (3, 1), (0, 0)]);
    w.chain.empty_blocks(2);
    block_after(&mut w.chain, &[(1, Absent), (4, Commit)]);
    // an export takes the counts along
    let exported = w.chain.app.export(0).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let state = genesis(&w.alice, system(&[]))
        .first_height(9)
        .change(|document| document.app_state = exported.clone());
    let mut copy = Chain::start(open(dir.path()), state);
    for chain in [&mut w.chain, &mut copy] {
        block_after(chain, &[(1, Absent), (4, Commit)]);
        block_after(chain, &[(1, Commit), (4, Commit)]);
        assert_eq!(counts(chain), [(1, 2), (0, 0), (0, 0), (3, 0)]);
    }
    let again = copy.app.export(0).unwrap();
    assert!(
        again
            .system
            .validators
            .iter()
            .all(|v| v.signed == 0 && v.missed == 0)
    );
}

#[test]
fn validators_change_at_the_end_of_an_epoch_within_the_bounds() {
    let mut w = world(&[("end_epoch", &four())]);
    script(
        &mut w.chain,
        &w.alice,
        "end_epoch",
        &proposal(&[(2, 1), (3, 1), (4, 1), (9, 1)]),
    );
    w.chain.empty_blocks(3);
    let first = w.chain.block([]);
    // the newcomer takes at most a third of the old total, who leaves keeps half
    assert_eq!(powers(&first.validator_updates), [(1, 125_000), (9, 250_000)]);
    for _ in 0..8 {
        w.chain.empty_blocks(4);
        let block = w.chain.block([]);
        if powers(&block.validator_updates) == [(1, 0)] {
            return;
        }
    }
    panic!("the one that left is still there");
}

#[test]
fn a_contract_that_loops_panics_fails_or_answers_rubbish_costs_its_own_call_alone() {
    let rubbish = [
        ("fail", "wasm", "5"),
        ("panic", "wasm", "29"),
        ("loop", "sdk", "11"),
        ("rubbish {", "system", "2"),
        (r#"{"removed":["AQ=="]}"#, "system", "2"),
    ];
    for (text, codespace, code) in rubbish {
        let mut w = world(&[("end_epoch", &four()), ("end_block", text)]);
        let block = w.chain.block([]);
        assert_eq!(w.chain.app.halted(), None, "{text}");
        assert_eq!(
            attribute_list(named(&block.events, "hook_failed")[0]),
            [
                "contract=bonding".to_owned(),
                format!("address={}", address("bonding")),
                "hook=end_block".into(),
                format!("codespace={codespace}"),
                format!("code={code}"),
                "mode=EndBlock".into()
            ]
        );
        assert_eq!(stored(&w.chain, "bonding", "seen/end_block"), None, "{text}");
        assert!(
            stored(&w.chain, "settlement", "seen/end_block").is_some(),
            "{text}"
        );
        let set = script(&mut w.chain, &w.alice, "end_block", &removal(&[]));
        assert!(named(&set.events, "hook_failed").is_empty());
    }
}

#[test]
fn a_failed_or_empty_proposal_keeps_the_set_and_the_next_epoch_comes() {
    for text in [
        "loop",
        "{}",
        &proposal(&[]),
        &proposal(&[(1, 0)]),
        &proposal(&[(1, 1), (1, 1)]),
    ] {
        let mut w = world(&[("end_epoch", &four())]);
        script(&mut w.chain, &w.alice, "end_epoch", text);
        w.chain.empty_blocks(3);
        let block = w.chain.block([]);
        assert_eq!(w.chain.app.halted(), None, "{text}");
        assert!(block.validator_updates.is_empty(), "{text}");
        let told =
            named(&block.events, "hook_failed").len() + named(&block.events, "validator_set_kept").len();
        assert_eq!(told, 1, "{text}");
        script(&mut w.chain, &w.alice, "end_epoch", &four());
        w.chain.empty_blocks(3);
        let next = w.chain.block([]);
        assert_eq!(
            named(&next.events, "validator_set")[0].attributes[0].value,
            "2",
            "{text}"
        );
    }
}

#[test]
fn convicts_leave_at_once_but_the_last_validator_stays() {
    let mut w = world(&[("end_epoch", &four())]);
    let block = script(&mut w.chain, &w.alice, "end_block", &removal(&[2, 77]));
    assert_eq!(powers(&block.validator_updates), [(2, 0)]);
    assert_eq!(named(&block.events, "validator_removed").len(), 1);
    let block = script(&mut w.chain, &w.alice, "end_block", &removal(&[1, 3, 4]));
    assert_eq!(powers(&block.validator_updates), [(3, 0), (4, 0)]);
    assert_eq!(named(&block.events, "validator_removal_refused").len(), 1);
    assert_eq!(w.chain.app.halted(), None);
}

#[test]
fn evidence_reaches_bonding_once_for_each_offender() {
    let mut w = world(&[("end_epoch", &four())]);
    w.chain.empty_blocks(1);
    let evidence = |n: u8, height| Misbehavior {
        validator: Some(Offender {
            address: vec![n; 20].into(),
            power: 250_000,
        }),
        height,
        time: Some(tendermint_proto::google::protobuf::Timestamp { seconds: 7, nanos: 5 }),
        ..Default::default()
    };
    let block = w
        .chain
        .block_with(|request| request.misbehavior = vec![evidence(0xab, 1), evidence(0xab, 2)]);
    let told = block
        .events
        .iter()
        .filter(|e| e.r#type == "sudo" && e.attributes.iter().any(|a| a.value == "BeginBlock"));
    assert_eq!(told.count(), 1);
    assert_eq!(
        stored(&w.chain, "bonding", "seen/misbehavior").unwrap(),
        format!(
            r#"{{"misbehavior":{{"consensus_address":"{}","height":"1","time_nanos":"7000000005","power":"250000"}}}}"#,
            "AB".repeat(20)
        )
    );
}

#[test]
fn an_exported_chain_goes_on_with_its_set_and_counts_epochs_on() {
    let mut w = world(&[("end_epoch", &four())]);
    w.chain.empty_blocks(7);
    let exported = w.chain.app.export(0).unwrap();
    assert_eq!((exported.system.epoch, exported.system.validators.len()), (1, 4));
    let dir = tempfile::tempdir().unwrap();
    let state = genesis(&w.alice, system(&[]))
        .first_height(8)
        .change(|document| document.app_state = exported);
    let (mut chain, answer) = Chain::start_with_answer(open(dir.path()), state);
    assert_eq!(chain.app.halted(), None);
    assert_eq!(powers(&answer.validators), [1, 2, 3, 4].map(|n| (n, 250_000)));
    chain.empty_blocks(2);
    let block = chain.block([]);
    assert_eq!(named(&block.events, "validator_set")[0].attributes[0].value, "2");
    assert_eq!(told(&chain).0, "2");
}

#[test]
fn an_estimate_of_a_looping_contract_ends_at_the_blocks_gas() {
    let mut w = world(&[("end_epoch", &four())]);
    w.chain.empty_blocks(1);
    let tx = w
        .chain
        .tx(&w.alice)
        .message(execute(&w.alice, "registry", &json!({"loop": {}})));
    let error = w.chain.simulate(&tx.sign(&w.alice)).unwrap_err();
    assert!(
        error.log.contains("out of gas") && error.log.contains("gasWanted: 40000000"),
        "{error:?}"
    );
}

/// Why a genesis with these changes is refused.
fn refused(change: impl FnOnce(&mut quern_genesis::Document)) -> String {
    let dir = tempfile::tempdir().unwrap();
    let state = genesis(&User::new("alice"), system(&[("end_epoch", &four())])).change(change);
    let chain = Chain::start(open(dir.path()), state);
    chain.app.halted().expect("refused")
}

#[test]
fn a_genesis_without_one_clear_set_of_validators_is_refused() {
    let listed = refused(|d| {
        let key = ConsensusKey::Ed25519 { value: key(7) };
        d.validators = vec![Validator::new(key, 1, "seven")];
    });
    assert!(listed.contains("remove `validators`"), "{listed}");
    let nobody =
        refused(|d| d.app_state.system.contracts[1].init = json!({"set": [["end_epoch", proposal(&[])]]}));
    assert!(nobody.contains("proposes no validators"), "{nobody}");
    let silent = refused(|d| d.app_state.system.contracts[1].init = json!({}));
    assert!(silent.contains("contract bonding"), "{silent}");
}

#[test]
fn a_genesis_whose_contract_cannot_be_made_is_refused_by_its_name() {
    let broken = refused(|d| d.app_state.system.contracts[0].code = b"\0asm".to_vec());
    assert!(broken.contains("contract registry"), "{broken}");
    let init = refused(|d| d.app_state.system.contracts[2].init = json!({"no_such_field": 1}));
    assert!(init.contains("contract settlement"), "{init}");
    let twice = refused(|d| d.app_state.system.contracts[2].name = "bonding".into());
    assert!(
        twice.contains("app_state.system.contracts[2]: appears twice"),
        "{twice}"
    );
    let fraction = refused(|d| d.app_state.system.contracts[2].init = json!({"a": [0.5]}));
    assert!(fraction.contains("contracts[2].init"), "{fraction}");
}
