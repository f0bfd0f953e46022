//! Demand: what hosts say they served counts as far as payers' coins stand behind it, and costs what it burns.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

mod common;

use common::books::{receipt, tokens_for, Books};
use common::{Ask, World, MODEL};
use quern_interface::settlement::{Demand, ExecuteMsg, HostDemand, ModelAmount, QueryMsg};
use quern_protocol::{Amount, Bytes, Node};

fn demand(world: &World) -> (u128, u128) {
    let model = MODEL.to_owned();
    let demand: Demand = world.ask(&QueryMsg::Demand { model });
    (demand.amount.0, demand.weighted.0)
}

fn of_host(world: &World, host: usize) -> HostDemand {
    world.ask(&QueryMsg::HostDemand {
        host: world.hosts[host].address.to_string(),
        model: MODEL.into(),
    })
}

/// Commits a root of nothing but a number, as a host may that only wants to move the price.
fn lie(world: &mut World, host: usize, sequence: u64, amount: u128) {
    world.block();
    let msg = ExecuteMsg::CommitBatch {
        sequence,
        root: Node {
            hash: Bytes::new([1; 32]),
            sum: Amount(amount),
        },
        sessions: 1,
        models: common::books::by_model(Amount(amount)),
    };
    let warm = world.hosts[host].warm_address.clone();
    world.must(&warm, &msg);
}

#[test]
fn what_was_served_counts_in_tokens_at_the_price_of_the_commit() {
    let mut world = World::new(&[10]);
    let id = world.open(&Ask::default());
    let mut books = Books::new(0);
    let voucher = world.voucher(id, 0, 1, 10_000);
    let receipts = vec![receipt(&world, &voucher, tokens_for(801))];
    let captured = receipts[0].capture.0;
    books.commit(&mut world, &[(id, receipts)]);
    // the price is 2
    assert_eq!(demand(&world), (captured, captured / 2));
    let own = of_host(&world, 0);
    let limit = world.session(id).committee[0].limit.0;
    assert_eq!((own.demand.amount.0, own.open_limits.0), (captured, limit));
    assert_eq!(own.room.0, limit - captured);
}

#[test]
fn a_batch_says_of_which_models_it_is_and_every_unit_once() {
    let mut world = World::new(&[10]);
    let warm = world.hosts[0].warm_address.clone();
    let one = |model: &str, amount| ModelAmount {
        model: model.into(),
        amount: Amount(amount),
    };
    let many = (0..17).map(|n| one(&format!("m{n:02}"), 1)).collect::<Vec<_>>();
    for (sum, models) in [
        (10, vec![]),
        (10, vec![one("a", 9)]),
        (10, vec![one("a", 11)]),
        (10, vec![one("b", 5), one("a", 5)]),
        (10, vec![one("a", 5), one("a", 5)]),
        (10, vec![one("a", 10), one("b", 0)]),
        (10, vec![one("a", u128::MAX), one("b", 11)]),
        (17, many),
    ] {
        let msg = ExecuteMsg::CommitBatch {
            sequence: 1,
            root: Node {
                hash: Bytes::new([1; 32]),
                sum: Amount(sum),
            },
            sessions: 1,
            models,
        };
        world.refuse(&warm, &msg, "bad_batch");
    }
}

#[test]
fn a_host_s_word_counts_only_as_far_as_its_limits_reach_and_no_batch_is_lost_over_it() {
    let mut world = World::new(&[10, 10]);
    let id = world.open(&Ask::default());
    let host = world.at_seat(id, 0);
    let limit = world.session(id).committee[0].limit.0;
    lie(&mut world, host, 1, limit - 100);
    lie(&mut world, host, 2, 1_000_000_000);
    assert_eq!(demand(&world).0, limit);
    assert_eq!(of_host(&world, host).room, Amount(0));
    lie(&mut world, host, 3, 5);
    assert_eq!(demand(&world).0, limit);
    // the batches are there all the same: they are what audits draw from
    let standing: quern_interface::settlement::HostStanding = world.ask(&QueryMsg::HostStanding {
        host: world.hosts[host].address.to_string(),
    });
    assert_eq!(standing.committed.0, limit - 100 + 1_000_000_000 + 5);
}

#[test]
fn demand_that_nobody_pays_for_uses_itself_up() {
    let mut world = World::new(&[10]);
    let mut total = 0;
    for round in 1..=4 {
        let id = world.open(&Ask::default());
        let limit = world.session(id).committee[0].limit.0;
        lie(&mut world, 0, round, limit);
        // the first session's limit counted once; later ones only replace what was never claimed
        total = total.max(limit);
        assert_eq!(demand(&world).0, total);
        let payable_at = world.session(id).payable_at;
        world.until(payable_at);
        let payer = world.payer.clone();
        world.must(&payer, &ExecuteMsg::Close { session: id });
        let own = of_host(&world, 0);
        assert_eq!((own.open_limits.0, own.room.0), (0, 0));
    }
}

#[test]
fn who_pays_himself_for_demand_burns_its_share_each_time() {
    let mut world = World::new(&[10]);
    let (mut counted, mut claimed, supply) = (0, 0, world.supply());
    let mut books = Books::new(0);
    for round in 1..=3_u64 {
        let ask = Ask {
            with_router: false,
            fee_bps: 0,
            ..Ask::default()
        };
        let id = world.open(&ask);
        let voucher = world.voucher(id, 0, 1, 900_000);
        let mut receipts = vec![receipt(&world, &voucher, tokens_for(900_000))];
        receipts[0].capture = Amount(900_000);
        books.commit(&mut world, &[(id, receipts)]);
        counted += 900_000;
        claimed += 900_000;
        let claim = books.claim(&world, &voucher);
        let payer = world.payer.clone();
        world.must(&payer, &claim);
        let payable_at = world.session(id).payable_at;
        world.until(payable_at);
        world.must(&payer, &ExecuteMsg::Close { session: id });
        assert_eq!(demand(&world).0, counted);
        // 5 % of everything that counted, and the fee of each session
        let burned = supply - world.supply();
        assert_eq!(burned, claimed * 5 / 100 + u128::from(round) * common::OPEN_FEE);
    }
}

#[test]
fn a_moved_limit_covers_the_demand_of_who_got_it() {
    let mut world = World::new(&[10, 10]);
    let id = world.open(&Ask::default());
    let session = world.session(id);
    let (from, to) = (&session.committee[0], &session.committee[1]);
    let release = quern_protocol::Release {
        session: id,
        from: from.host.clone(),
        to: to.host.clone(),
        cumulative: Amount(1_000),
    };
    let (giver, taker) = (world.at_seat(id, 0), world.at_seat(id, 1));
    let signature = common::sign(&world.hosts[giver].warm, &release.digest(common::CHAIN));
    let payer = world.payer.clone();
    world.must(&payer, &ExecuteMsg::PresentRelease { release, signature });
    assert_eq!(of_host(&world, giver).open_limits.0, from.limit.0 - 1_000);
    assert_eq!(of_host(&world, taker).open_limits.0, to.limit.0 + 1_000);
    let rebalance = ExecuteMsg::Rebalance {
        session: id,
        from: from.host.clone(),
        to: to.host.clone(),
        amount: Amount(500),
    };
    world.must(&payer, &rebalance);
    let due = world.session(id).rebalances[0].due_at;
    world.until(due);
    let execute = ExecuteMsg::ExecuteRebalance {
        session: id,
        from: from.host.clone(),
    };
    world.must(&payer, &execute);
    assert_eq!(of_host(&world, giver).open_limits.0, from.limit.0 - 1_500);
    assert_eq!(of_host(&world, taker).open_limits.0, to.limit.0 + 1_500);
}
