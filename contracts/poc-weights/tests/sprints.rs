//! When sprints begin and end, and what is kept of them.

use crate::common;

use common::{beacon, host, params, who, World, BOND, EPOCH, MODEL};
use quern_interface::poc_weights::{ExecuteMsg, Params, ProofInfo, ProofModel, QueryMsg, SprintKind};

fn with_confirmations(every: u32) -> Params {
    Params {
        confirm_every: every,
        ..params()
    }
}

#[test]
fn the_window_begins_at_the_same_place_of_every_epoch() {
    let mut world = World::new(&[BOND; 4]);
    for _ in 0..3 {
        world.finish_epoch();
        let begin = world.height() - 1;
        for number in 0..2 {
            let sprint = world.next_sprint();
            assert_eq!(sprint.kind, SprintKind::Window);
            assert_eq!(sprint.start, begin + 10 + 5 * number);
            assert_eq!(sprint.deadline, sprint.start + 5);
            assert_eq!(sprint.epoch, world.epoch);
            assert_eq!(sprint.beacon, beacon::beacon(sprint.start));
        }
    }
}

#[test]
fn confirmations_strike_without_memory_and_never_beside_another_sprint() {
    let mut world = World::with(&[BOND; 4], with_confirmations(20));
    world.finish_epoch();
    let mut last = world.next_sprint();
    let (mut confirmations, mut free, mut waits) = (0_u32, 0_u32, std::collections::BTreeSet::new());
    for _ in 0..6_000 {
        let running = world.height() < last.deadline;
        world.block();
        let sprint = world.sprint().unwrap();
        free += u32::from(!running);
        if sprint.sprint == last.sprint {
            continue;
        }
        assert!(sprint.start >= last.deadline, "{last:?} {sprint:?}");
        let place = sprint.start % EPOCH;
        match sprint.kind {
            SprintKind::Window => assert!([10, 15].contains(&place), "{place}"),
            SprintKind::Confirmation => {
                // it has ended when the window begins, and begins after the window has ended
                assert!(place <= 5 || place >= 20, "{place}");
                confirmations += 1;
                waits.insert(sprint.start - last.deadline);
            }
        }
        last = sprint;
    }
    // of 60 blocks some 40 are free, a confirmation takes five of them: about 1.6 in an epoch
    assert!((110..220).contains(&confirmations), "{confirmations} in {free}");
    assert!(waits.len() > 12, "{waits:?}");
}

#[test]
fn a_chain_without_confirmations_or_models_begins_none() {
    let mut world = World::new(&[BOND; 4]);
    let none = ExecuteMsg::SetModels { models: vec![] };
    world.send(&who("gov"), &none).unwrap();
    world.blocks(3 * EPOCH);
    assert_eq!(world.sprint(), None);
}

#[test]
fn a_sprint_that_runs_into_the_next_epoch_counts_there() {
    let params = Params {
        window_start: 48,
        window_sprints: 2,
        ..params()
    };
    let mut world = World::with(&[BOND; 4], params);
    world.finish_epoch();
    let (first, second) = (world.next_sprint(), world.next_sprint());
    // the second begins at 53 and ends at 58; one block later it would not
    assert_eq!((first.deadline % EPOCH, second.deadline % EPOCH), (53, 58));
    let longer = Params {
        sprint_blocks: 8,
        ..world.ask(&QueryMsg::Params {})
    };
    world
        .send(&who("gov"), &ExecuteMsg::UpdateParams(longer))
        .unwrap();
    world.finish_epoch();
    let (_, late) = (world.next_sprint(), world.next_sprint());
    assert_eq!(late.deadline % EPOCH, 4);
    world.prove(late.sprint, &[800; 4]);
    world.finish_epoch();
    let moved: Option<quern_interface::poc_weights::SprintInfo> =
        world.ask(&QueryMsg::SprintBy { sprint: late.sprint });
    assert_eq!(moved.unwrap().epoch, late.epoch + 1);
    assert_eq!(world.weight(0), None);
    world.finish_epoch();
    // with the first of the new epoch, as its second ran on into the one after: 800 in 16 blocks
    assert_eq!(world.weight(0).unwrap().proven, 800 * 1_000 / 16);
}

#[test]
fn models_change_with_the_next_sprint_and_the_old_ones_stay_known() {
    let mut world = World::new(&[BOND; 4]);
    let sprint = world.next_sprint();
    let models = vec![common::proof_model(MODEL), common::proof_model("other")];
    world
        .send(&who("gov"), &ExecuteMsg::SetModels { models })
        .unwrap();
    let count = |world: &World, question| world.ask::<Vec<ProofModel>>(&question).len();
    assert_eq!(
        count(
            &world,
            QueryMsg::ModelsAt {
                sprint: sprint.sprint
            }
        ),
        1
    );
    assert_eq!(count(&world, QueryMsg::Models {}), 2);
    let other = ExecuteMsg::CommitProof {
        sprint: sprint.sprint,
        model: "other".into(),
        root: common::root(400),
        count: 5,
    };
    world.refuse(&host(0), &other, "unknown_model");
    // old versions go with the sprints that needed them
    world.blocks(6 * EPOCH);
    assert_eq!(
        count(
            &world,
            QueryMsg::ModelsAt {
                sprint: sprint.sprint
            }
        ),
        0
    );
    assert_eq!(count(&world, QueryMsg::Models {}), 2);
}

#[test]
fn models_and_parameters_that_make_no_sense_are_refused() {
    let mut world = World::new(&[BOND; 4]);
    let gov = who("gov");
    let set = |change: fn(&mut ProofModel)| {
        let mut model = common::proof_model(MODEL);
        change(&mut model);
        ExecuteMsg::SetModels { models: vec![model] }
    };
    let bad: [fn(&mut ProofModel); 6] = [
        |m| m.vocabulary = 0,
        |m| m.coefficient = 0,
        |m| m.shapes.clear(),
        |m| m.shapes[0].weight = 0,
        |m| m.shapes[0].output = 0,
        |m| m.shapes[0].prompt = 511,
    ];
    for change in bad {
        world.refuse(&gov, &set(change), "bad_model");
    }
    let twice = vec![common::proof_model(MODEL); 2];
    world.refuse(&gov, &ExecuteMsg::SetModels { models: twice }, "bad_model");
    assert!(world.send(&gov, &set(|m| m.model = "unknown".into())).is_err());
    world.refuse(&host(0), &set(|_| {}), "unauthorized");
    let bad: [fn(&mut Params); 6] = [
        |p| p.sprint_blocks = 0,
        |p| p.window_sprints = 0,
        |p| p.judged_sprints = 65,
        |p| p.kept_blocks = 0,
        |p| p.weights.max_validators = 257,
        |p| p.weights.cap_bps = 0,
    ];
    for change in bad {
        let mut params = params();
        change(&mut params);
        let found = world.send(&gov, &ExecuteMsg::UpdateParams(params)).unwrap_err();
        assert!(
            found.contains("bad_params:") || found.contains("weights:"),
            "{found}"
        );
    }
}

#[test]
fn what_is_kept_does_not_grow_with_time() {
    let mut world = World::with(&[BOND; 5], with_confirmations(15));
    let kept = |world: &World| {
        let question = QueryMsg::HostProofs {
            host: host(0).to_string(),
            from: 0,
            to: u64::MAX,
        };
        world.ask::<Vec<ProofInfo>>(&question)
    };
    for _ in 0..12 {
        world.play(&[500; 5]);
    }
    let proofs = kept(&world);
    assert!(proofs.len() >= 4 && proofs.len() <= 20, "{}", proofs.len());
    assert!(proofs
        .iter()
        .all(|proof| proof.sprint.deadline + 100 + 5 >= world.height()));
    assert!(proofs.is_sorted_by_key(|proof| proof.sprint.sprint));
    // a span of heights takes the sprints that ended in it
    let middle = proofs[proofs.len() / 2].sprint.deadline;
    let question = QueryMsg::HostProofs {
        host: host(0).to_string(),
        from: middle,
        to: middle + 1,
    };
    let one: Vec<ProofInfo> = world.ask(&question);
    assert_eq!(one, [proofs[proofs.len() / 2].clone()]);
}
