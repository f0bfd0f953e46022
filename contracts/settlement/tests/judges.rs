//! What other contracts' verdicts do to money, and what no leaf can claim beyond its roots.

use crate::common;

use common::books::{receipt, tokens_for, Books};
use common::{name, Ask, World, MODEL};
use quern_interface::settlement::{BatchPlace, ExecuteMsg, HostStanding, QueryMsg};
use quern_protocol::Amount;

/// A session in which hosts 0 and 1 earned and claimed 10,000 each.
fn served() -> (World, u64) {
    let mut world = World::new(&[10, 10]);
    let id = world.open(&Ask::default());
    for host in [0, 1] {
        let mut books = Books::new(host);
        let voucher = world.voucher(id, host, 1, 10_000);
        let receipt = receipt(&world, &voucher, tokens_for(10_000));
        books.commit(&mut world, &[(id, vec![receipt])]);
        let claim = books.claim(&world, &voucher);
        world.must(&name("stranger"), &claim);
    }
    (world, id)
}

fn standing(world: &World, host: usize) -> HostStanding {
    let host = world.hosts[host].address.to_string();
    world.ask(&QueryMsg::HostStanding { host })
}

fn paid(world: &World, id: u64, host: usize) -> u128 {
    let outcome = world.session(id).outcome.unwrap();
    let host = world.hosts[host].address.as_str();
    outcome.paid.iter().find(|(name, _)| name == host).unwrap().1 .0
}

#[test]
fn a_leaf_that_inflates_its_cumulative_amount_is_paid_for_no_more_than_the_roots_hold() {
    let mut world = World::new(&[10, 10]);
    let ids = [world.open(&Ask::default()), world.open(&Ask::default())];
    let mut books = Books::new(0);
    let vouchers = ids.map(|id| world.voucher(id, 0, 1, 10_000));
    let pages = vouchers.clone().map(|voucher| {
        let receipt = receipt(&world, &voucher, tokens_for(1_000));
        (voucher.session, vec![receipt])
    });
    let mut leaves: Vec<_> = pages.iter().map(|(id, page)| books.leaf(*id, page)).collect();
    // the roots hold 2,000, the first leaf says 3,000
    leaves[0].cumulative = Amount(3_000);
    books.commit_leaves(&mut world, leaves, &pages).unwrap();
    let anyone = name("stranger");
    let [inflated, honest] = vouchers.map(|voucher| books.claim(&world, &voucher));
    world.refuse(&anyone, &inflated, "over_committed");
    world.must(&anyone, &honest);
    world.refuse(&anyone, &inflated, "over_committed");
    let now = standing(&world, 0);
    assert_eq!((now.committed, now.claimed), (Amount(2_000), Amount(1_000)));
}

#[test]
fn a_batch_is_found_by_height_with_all_that_was_committed_before() {
    let mut world = World::new(&[10]);
    let id = world.open(&Ask::default());
    let mut books = Books::new(0);
    let mut heights = Vec::new();
    for nonce in 1..=5 {
        let voucher = world.voucher(id, 0, nonce, 100_000);
        let receipt = receipt(&world, &voucher, tokens_for(1_000));
        heights.push(world.height());
        books.commit(&mut world, &[(id, vec![receipt])]);
        world.until(world.height() + 3);
    }
    let at = |height: u64| -> Option<(u64, u128)> {
        let host = world.hosts[0].address.to_string();
        let place: Option<BatchPlace> = world.ask(&QueryMsg::BatchAt { host, height });
        place.map(|place| (place.batch.sequence, place.committed.0))
    };
    assert_eq!(at(heights[0] - 1), None);
    for (n, height) in heights.iter().enumerate() {
        let expected = Some((n as u64 + 1, (n as u128 + 1) * 1_000));
        assert_eq!((at(*height), at(*height + 2)), (expected, expected));
    }
}

#[test]
fn only_judges_judge_and_only_the_authority_names_them() {
    let (mut world, _) = served();
    let host = world.hosts[0].address.to_string();
    let (stranger, judge, gov) = (name("stranger"), name("judge"), name("gov"));
    let freeze = ExecuteMsg::Freeze {
        host: host.clone(),
        frozen: true,
    };
    let orders = [
        freeze.clone(),
        ExecuteMsg::Forfeit {
            host: host.clone(),
            amount: Amount(1),
        },
        ExecuteMsg::Convict {
            host,
            model: MODEL.into(),
            generation: 0,
            slash: true,
        },
    ];
    for order in &orders {
        world.refuse(&stranger, order, "unauthorized");
    }
    let appoint = |judge: &cosmwasm_std::Addr| ExecuteMsg::SetJudges {
        judges: vec![judge.to_string()],
    };
    world.refuse(&judge, &appoint(&stranger), "unauthorized");
    world.must(&gov, &appoint(&stranger));
    world.must(&stranger, &freeze);
    world.refuse(&judge, &freeze, "unauthorized");
}

#[test]
fn a_frozen_host_holds_pay_back_until_it_thaws_and_at_most_for_another_appeal() {
    for thaws in [true, false] {
        let (mut world, id) = served();
        let host = world.hosts[0].address.to_string();
        let (judge, anyone) = (name("judge"), name("stranger"));
        world.must(
            &judge,
            &ExecuteMsg::Freeze {
                host: host.clone(),
                frozen: true,
            },
        );
        let payable_at = world.session(id).payable_at;
        world.until(payable_at);
        let close = ExecuteMsg::Close { session: id };
        world.refuse(&anyone, &close, "frozen");
        if thaws {
            world.must(&judge, &ExecuteMsg::Freeze { host, frozen: false });
        } else {
            let last = payable_at + common::params().appeal_blocks;
            world.until(last - 1);
            world.refuse(&anyone, &close, "frozen");
            world.until(last);
        }
        world.must(&anyone, &close);
        assert_eq!((paid(&world, id, 0), paid(&world, id, 1)), (9_500, 9_500));
        world.reconcile();
    }
}

#[test]
fn a_verdict_voids_claims_once_and_only_for_the_standing_that_was_judged() {
    let (mut world, id) = served();
    let host = world.hosts[0].address.to_string();
    let (judge, anyone) = (name("judge"), name("stranger"));
    let convict = |generation, slash| ExecuteMsg::Convict {
        host: host.clone(),
        model: MODEL.into(),
        generation,
        slash,
    };
    world.refuse(&judge, &convict(1, true), "convicted");
    world.must(&judge, &convict(0, true));
    assert_eq!(world.totals().restitution_held, Amount(5_000));
    world.refuse(&judge, &convict(0, true), "convicted");
    world.until(world.session(id).payable_at);
    world.must(&anyone, &ExecuteMsg::Close { session: id });
    assert_eq!((paid(&world, id, 0), paid(&world, id, 1)), (0, 9_500));
    world.reconcile();
}

#[test]
fn a_verdict_without_a_slash_refunds_and_removes_but_cuts_no_coins() {
    let (mut world, id) = served();
    let host = world.hosts[0].address.to_string();
    let verdict = ExecuteMsg::Convict {
        host,
        model: MODEL.into(),
        generation: 0,
        slash: false,
    };
    world.must(&name("judge"), &verdict);
    assert_eq!(world.totals().restitution_held, Amount(0));
    world.until(world.session(id).payable_at);
    world.must(&name("stranger"), &ExecuteMsg::Close { session: id });
    let outcome = world.session(id).outcome.unwrap();
    assert_eq!((outcome.voided, outcome.restitution), (Amount(10_000), Amount(0)));
    world.reconcile();
}

#[test]
fn what_a_host_forfeits_burns_out_of_its_pay_over_as_many_sessions_as_it_takes() {
    let (mut world, id) = served();
    let host = world.hosts[0].address.to_string();
    world.must(
        &name("judge"),
        &ExecuteMsg::Forfeit {
            host,
            amount: Amount(12_000),
        },
    );
    world.until(world.session(id).payable_at);
    let supply = world.supply();
    world.must(&name("stranger"), &ExecuteMsg::Close { session: id });
    assert_eq!((paid(&world, id, 0), paid(&world, id, 1)), (0, 9_500));
    assert_eq!(standing(&world, 0).forfeit, Amount(2_500));
    let outcome = world.session(id).outcome.unwrap();
    assert_eq!(supply - world.supply(), outcome.burned.0);
    world.reconcile();
}
