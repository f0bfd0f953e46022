//! Two models, of which hosts serve different sets.

use crate::common;

use common::chain::{name, MODEL};
use common::{Audits, CLEAN, FAILED};
use cosmwasm_std::StdResult;
use quern_evidence::Wealth;
use quern_interface::audits::{ExecuteMsg, LeafInfo, Phase};
use quern_interface::bonding;
use quern_interface::registry::{
    ExecuteMsg as Registry, GroupMember, LaunchPackage, Offer, QueryMsg as AskRegistry,
};
use quern_protocol::{Amount, Hash};
use std::cell::RefCell;

const OTHER: &str = "other";
const THIRD: &str = "third";
const PAYERS: [&str; 3] = ["payer", "router", "stranger"];

/// Ten hosts that serve the one model, and the first so many of them the other too.
fn audits(both: usize) -> Audits {
    audits_of(&[(OTHER, both)])
}

/// Ten hosts that serve the one model, and the first so many of them each of these too.
fn audits_of(others: &[(&str, usize)]) -> Audits {
    let mut params = common::params();
    params.evidence.processes = 2 + others.len() as u32;
    let mut audits = Audits::with(10, &params);
    let (gov, model) = (name("gov"), MODEL.to_owned());
    let package: LaunchPackage = audits.world.ask_registry(&AskRegistry::Model { model });
    for (model, _) in others {
        let package = LaunchPackage {
            id: (*model).into(),
            ..package.clone()
        };
        audits.world.at_registry(&gov, &Registry::PutModel(package), &[]);
        let calibration = ExecuteMsg::SetCalibration {
            model: (*model).into(),
            calibration: common::calibration(),
        };
        audits.must(&gov, &calibration);
    }
    for number in 0..10 {
        let host = audits.host(number);
        let served = others.iter().filter(|(_, count)| number < *count);
        let models = [MODEL].into_iter().chain(served.map(|(model, _)| *model));
        let offer = |model: &str| Offer {
            model: model.into(),
            capacity: 100,
            profile: "cpu".into(),
        };
        let offers = models.map(offer).collect();
        audits
            .world
            .at_registry(&host, &Registry::SetOffers { offers }, &[]);
    }
    // calibrations count from the next round on
    let first = audits.round().number;
    while audits.round().number == first {
        audits.block();
    }
    audits
}

/// Sessions of three payers for each model, and what a host serves in them: the one's receipts, then the other's.
fn served(audits: &mut Audits, host: usize) -> [Vec<Hash>; 2] {
    let mut receipts = served_of(audits, host, &[MODEL, OTHER]).into_iter();
    [receipts.next().unwrap(), receipts.next().unwrap()]
}

/// Sessions of three payers for each of these, and what a host serves in them. Twice named is twice served.
fn served_of(audits: &mut Audits, host: usize, models: &[&'static str]) -> Vec<Vec<Hash>> {
    let mut sessions = Vec::new();
    for model in models {
        sessions.extend(PAYERS.map(|payer| audits.open_for(payer, host, model)));
    }
    audits.fresh();
    let receipts = audits.serve(host, &sessions, 100);
    receipts.chunks(PAYERS.len()).map(<[Hash]>::to_vec).collect()
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
    let all = audits.evidence(0).all().clone();
    assert!(all.entries() == 3 && all.wealth() < Wealth::ONE, "{all:?}");
    assert!(!audits.record(0).frozen);
}

#[test]
fn what_a_small_group_says_moves_no_process_but_its_own() {
    let mut audits = audits(4);
    // clean answers of the large group keep what both say together below the threshold that the small one crosses
    let served = served_of(&mut audits, 0, &[MODEL, MODEL, MODEL, OTHER]);
    let bad = &served[3];
    let word = |_: usize, leaf: &LeafInfo, _: u32| match bad.contains(&leaf.id) {
        true => FAILED,
        false => CLEAN,
    };
    audits.play(&[], &word);
    assert_eq!(audits.record(0).convictions, 1);
    assert_eq!(standing(&audits, 0, OTHER), (1, 0));
    // with its conviction all that it said is over
    assert!(audits.evidence(0).all().wealth() < Wealth::ONE);
    assert_eq!(audits.evidence(0).all().entries(), 3);
    assert!(!audits.record(0).frozen);
    assert_eq!(standing(&audits, 0, MODEL), (0, 100));
}

#[test]
fn a_leaf_of_a_small_group_hides_no_cheat_in_the_large_ones() {
    let mut audits = audits_of(&[(OTHER, 10), (THIRD, 4)]);
    let served = served_of(&mut audits, 0, &[MODEL, OTHER, THIRD]);
    // two failures of each large group, and honest answers of the small one
    let bad: Vec<Hash> = [&served[0][..2], &served[1][1..]].concat();
    let word = |_: usize, leaf: &LeafInfo, _: u32| match bad.contains(&leaf.id) {
        true => FAILED,
        false => CLEAN,
    };
    let before = bond(&audits, 0);
    audits.play(&[], &word);
    // all three, as what speaks together speaks against every model
    assert_eq!(audits.record(0).convictions, 3);
    for model in [MODEL, OTHER, THIRD] {
        assert_eq!(standing(&audits, 0, model), (1, 0), "{model}");
    }
    assert!(bond(&audits, 0) < before);
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

/// Models of large groups, and how many of them a host still stands in under the first generation.
const SIX: [&str; 6] = [MODEL, "b", "c", "d", "e", "f"];

fn unconvicted(audits: &Audits) -> usize {
    let standing = |model: &&&str| standing(audits, 0, model).0 == 0;
    SIX.iter().filter(standing).count()
}

#[test]
fn many_convictions_are_carried_out_a_few_in_each_step_and_a_thaw_waits_for_the_last() {
    let others: Vec<(&str, usize)> = SIX[1..].iter().map(|model| (*model, 10)).collect();
    let mut audits = audits_of(&others);
    // failures of one model: enough to freeze
    let bad = served_of(&mut audits, 0, &[MODEL])[0][..2].to_vec();
    let word = |_: usize, leaf: &LeafInfo, _: u32| match bad.contains(&leaf.id) {
        true => FAILED,
        false => CLEAN,
    };
    audits.play(&[], &word);
    assert!(audits.record(0).frozen && audits.record(0).convictions == 0);
    // and more of all of them, which convict for all
    let bad = served_of(&mut audits, 0, &SIX);
    let word = |_: usize, leaf: &LeafInfo, _: u32| match bad.iter().flatten().any(|id| *id == leaf.id) {
        true => FAILED,
        false => CLEAN,
    };
    audits.deliberate(&[], &[], &word);
    let (mut left, mut most) = (SIX.len(), 0);
    while audits.round().phase != Phase::Tally {
        audits.advance();
        let now = unconvicted(&audits);
        most = most.max(left - now);
        left = now;
        let record = audits.record(0);
        assert_eq!(record.convictions as usize, SIX.len() - left);
        assert_eq!(record.frozen, left > 0);
        if left == 2 {
            // meanwhile a proven fault convicts for the last one
            let fault = Registry::Convict {
                host: audits.host(0).into(),
                model: SIX[5].into(),
            };
            let settlement = audits.world.settlement.clone();
            audits.world.at_registry(&settlement, &fault, &[]);
        }
    }
    assert_eq!((left, most), (0, 4));
    // which was for that standing, and what is new is not convicted for the old one
    for model in SIX {
        assert_eq!(standing(&audits, 0, model), (1, 0), "{model}");
    }
}
