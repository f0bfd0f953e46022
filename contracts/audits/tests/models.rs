//! Two models, of which hosts serve different sets.

use crate::common;

use common::chain::{name, MODEL};
use common::{Audits, CLEAN, FAILED};
use cosmwasm_std::StdResult;
use quern_evidence::Wealth;
use quern_interface::audits::{ExecuteMsg, LeafInfo};
use quern_interface::bonding;
use quern_interface::registry::{
    ExecuteMsg as Registry, GroupMember, LaunchPackage, Offer, QueryMsg as AskRegistry,
};
use quern_protocol::{Amount, Hash};
use std::cell::RefCell;

const OTHER: &str = "other";
const PAYERS: [&str; 3] = ["payer", "router", "stranger"];

/// Ten hosts that serve the one model, and the first so many of them the other too.
fn audits(both: usize) -> Audits {
    let mut params = common::params();
    params.evidence.processes = 3;
    let mut audits = Audits::with(10, &params);
    let (gov, model) = (name("gov"), MODEL.to_owned());
    let package: LaunchPackage = audits.world.ask_registry(&AskRegistry::Model { model });
    let other = LaunchPackage {
        id: OTHER.into(),
        ..package
    };
    audits.world.at_registry(&gov, &Registry::PutModel(other), &[]);
    for host in 0..both {
        let host = audits.host(host);
        let offer = |model: &str| Offer {
            model: model.into(),
            capacity: 100,
            profile: "cpu".into(),
        };
        let offers = vec![offer(MODEL), offer(OTHER)];
        audits
            .world
            .at_registry(&host, &Registry::SetOffers { offers }, &[]);
    }
    let calibration = ExecuteMsg::SetCalibration {
        model: OTHER.into(),
        calibration: common::calibration(),
    };
    audits.must(&gov, &calibration);
    // it counts from the next round on
    let first = audits.round().number;
    while audits.round().number == first {
        audits.block();
    }
    audits
}

/// Sessions of three payers for each model, and what a host serves in them: the one's receipts, then the other's.
fn served(audits: &mut Audits, host: usize) -> [Vec<Hash>; 2] {
    let mut sessions = Vec::new();
    for model in [MODEL, OTHER] {
        sessions.extend(PAYERS.map(|payer| audits.open_for(payer, host, model)));
    }
    audits.fresh();
    let mut receipts = audits.serve(host, &sessions, 100);
    let other = receipts.split_off(PAYERS.len());
    [receipts, other]
}

/// How a host stands in a model's group: generation and capacity.
fn standing(audits: &Audits, host: usize, model: &str) -> (u32, u64) {
    let question = AskRegistry::Members {
        model: model.into(),
        hosts: vec![audits.host(host).into()],
    };
    let found: Vec<GroupMember> = audits.world.ask_registry(&question);
    (found[0].generation, found[0].capacity)
}

fn bond(audits: &Audits, host: usize) -> Amount {
    let question = bonding::QueryMsg::HostBond {
        host: audits.host(host).into(),
    };
    let world = &audits.world;
    let found: StdResult<bonding::HostBond> = world.app.wrap().query_wasm_smart(&world.bonding, &question);
    found.unwrap().active
}

#[test]
fn a_leaf_is_judged_by_hosts_that_serve_its_model_and_by_no_other() {
    let mut audits = audits(4);
    let [_, bad] = served(&mut audits, 0);
    let asked = RefCell::new(Vec::new());
    let word = |host: usize, leaf: &LeafInfo, stage: u32| {
        asked.borrow_mut().push((leaf.model.clone(), stage, host));
        if bad.contains(&leaf.id) {
            FAILED
        } else {
            CLEAN
        }
    };
    let leaves = audits.play(&[], &word);
    for leaf in &leaves {
        let model = if bad.contains(&leaf.id) { OTHER } else { MODEL };
        assert_eq!(leaf.model, model);
        assert!(leaf.auditor.is_some() && leaf.verdict.is_some());
    }
    assert_eq!(leaves.len(), 2 * PAYERS.len());
    let asked = asked.into_inner();
    for stage in 0..=2 {
        let judges = asked
            .iter()
            .filter(|(model, of, _)| model == OTHER && *of == stage);
        let judges: Vec<usize> = judges.map(|(_, _, host)| *host).collect();
        assert!(!judges.is_empty(), "stage {stage}");
        assert!(
            judges.iter().all(|host| (1..4).contains(host)),
            "stage {stage}: {judges:?}"
        );
    }
}

#[test]
fn what_one_host_alone_serves_is_judged_by_nobody_and_enters_no_evidence() {
    let mut audits = audits(1);
    let [_, alone] = served(&mut audits, 0);
    // even if everybody would condemn it
    let word = |_: usize, leaf: &LeafInfo, _: u32| match alone.contains(&leaf.id) {
        true => FAILED,
        false => CLEAN,
    };
    let leaves = audits.play(&[], &word);
    for leaf in leaves.iter().filter(|leaf| alone.contains(&leaf.id)) {
        assert_eq!(
            (leaf.model.as_str(), &leaf.auditor, leaf.verdict),
            (OTHER, &None, None)
        );
    }
    let record = audits.record(0);
    assert_eq!((record.audited, record.condemned, record.withheld), (3, 0, 0));
    assert!(audits.evidence(0).model(OTHER).is_none());
}

#[test]
fn a_group_too_small_to_cut_coins_convicts_for_its_own_model_alone() {
    let mut audits = audits(4);
    let [_, bad] = served(&mut audits, 0);
    let word = |_: usize, leaf: &LeafInfo, _: u32| match bad.contains(&leaf.id) {
        true => FAILED,
        false => CLEAN,
    };
    let before = bond(&audits, 0);
    audits.play(&[], &word);
    let record = audits.record(0);
    assert_eq!((record.condemned, record.convictions), (3, 1));
    assert_eq!(standing(&audits, 0, OTHER), (1, 0));
    // three hosts of a model that few serve could frame it, so the large group keeps it, with all of its coins
    assert_eq!(standing(&audits, 0, MODEL), (0, 100));
    assert_eq!(bond(&audits, 0), before);
    // and nothing of what convicted stays behind
    assert_eq!(audits.evidence(0).all().wealth(), Wealth::ONE);
    assert!(!audits.record(0).frozen);
}

#[test]
fn a_cheat_in_two_large_groups_is_convicted_for_both_by_what_they_say_together() {
    let mut audits = audits(10);
    let [one, other] = served(&mut audits, 0);
    // two failures of each: too few for either, enough for all together
    let bad: Vec<Hash> = [&one[..2], &other[1..]].concat();
    let word = |_: usize, leaf: &LeafInfo, _: u32| match bad.contains(&leaf.id) {
        true => FAILED,
        false => CLEAN,
    };
    audits.play(&[], &word);
    assert_eq!(audits.record(0).convictions, 2);
    for model in [MODEL, OTHER] {
        assert_eq!(standing(&audits, 0, model), (1, 0), "{model}");
    }
}
