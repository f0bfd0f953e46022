//! Demand: what hosts say they served counts as far as payers' coins stand behind it, and costs what it burns.

use crate::common;

use common::books::{receipt, tokens_for, Books};
use common::{sign, Ask, World, CHAIN, MODEL};
use proptest::collection::vec;
use proptest::prelude::*;
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

fn release(world: &World, id: u64, (from, to): (usize, usize), cumulative: u128) -> ExecuteMsg {
    let seat = |seat: usize| world.hosts[world.at_seat(id, seat)].address.to_string();
    let release = quern_protocol::Release {
        session: id,
        from: seat(from),
        to: seat(to),
        cumulative: Amount(cumulative),
    };
    let giver = world.at_seat(id, from);
    let signature = sign(&world.hosts[giver].warm, &release.digest(CHAIN));
    ExecuteMsg::PresentRelease { release, signature }
}

#[test]
fn a_limit_that_was_counted_covers_nothing_more_where_it_goes() {
    let mut world = World::new(&[10, 10]);
    let id = world.open(&Ask::default());
    let (giver, taker) = (world.at_seat(id, 0), world.at_seat(id, 1));
    let limits = [0, 1].map(|seat| world.session(id).committee[seat].limit.0);
    lie(&mut world, giver, 1, limits[0]);
    let payer = world.payer.clone();
    let msg = release(&world, id, (0, 1), limits[0]);
    world.must(&payer, &msg);
    assert_eq!(world.session(id).committee[1].limit.0, limits[0] + limits[1]);
    lie(&mut world, taker, 1, limits[0] + limits[1]);
    assert_eq!(demand(&world).0, limits[0] + limits[1]);
    // back again, and once more
    let msg = release(&world, id, (1, 0), limits[0]);
    world.must(&payer, &msg);
    lie(&mut world, giver, 2, limits[0]);
    lie(&mut world, taker, 2, limits[0]);
    assert_eq!(demand(&world).0, limits[0] + limits[1]);
}

#[test]
fn coins_that_come_back_count_up_to_the_free_amount_once_for_each_host() {
    let mut params = common::params();
    params.free_demand = Amount(100_000);
    let mut world = World::with(&[10], params);
    let (mut books, mut paid) = (Books::new(0), 0);
    for round in 0..4_u128 {
        let id = world.open(&Ask {
            fee_bps: 0,
            ..Ask::default()
        });
        let voucher = world.voucher(id, 0, 1, 1_000_000);
        // commits what it claims and 300,000 that it never will
        let mut receipts = vec![receipt(&world, &voucher, tokens_for(1_000))];
        receipts[0].capture = Amount(300_000 + 100_000 * round);
        books.commit(&mut world, &[(id, receipts)]);
        assert!(demand(&world).0 <= 2 * paid + 100_000);
        let mut claim = books.claim(&world, &voucher);
        if let ExecuteMsg::Settle {
            voucher, signature, ..
        } = &mut claim
        {
            (voucher.ceiling, voucher.cap) = (Amount(100_000 * round), Amount(100_000 * round));
            *signature = world.sign_voucher(voucher);
        }
        let payer = world.payer.clone();
        if round > 0 {
            world.must(&payer, &claim);
        }
        let payable_at = world.session(id).payable_at;
        world.until(payable_at);
        world.must(&payer, &ExecuteMsg::Close { session: id });
        paid += 100_000 * round;
    }
    // what counted in the end: free once, and at most twice what was paid and burned its part
    assert!(demand(&world).0 > 100_000 && demand(&world).0 <= 2 * paid + 100_000);
    assert!(world.totals().burned.0 >= (demand(&world).0 - 100_000) / 2 / 20);
}

#[derive(Clone, Debug)]
enum Step {
    Open(u128),
    Serve {
        session: usize,
        seat: usize,
        amount: u128,
        claims: bool,
    },
    Release {
        session: usize,
        from: usize,
        to: usize,
        cumulative: u128,
    },
    Rebalance {
        session: usize,
        from: usize,
        to: usize,
        amount: u128,
    },
    Execute {
        session: usize,
        from: usize,
    },
    Close(usize),
    Blocks(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let (session, seat) = (|| 0..6_usize, || 0..3_usize);
    let amount = || prop_oneof![4 => 0..400_000_u128, 1 => Just(2_000_000)];
    prop_oneof![
        3 => (1_000..1_000_000_u128).prop_map(Step::Open),
        8 => (session(), seat(), amount(), any::<bool>())
            .prop_map(|(session, seat, amount, claims)| Step::Serve { session, seat, amount: amount | 1, claims }),
        4 => (session(), seat(), seat(), amount())
            .prop_map(|(session, from, to, cumulative)| Step::Release { session, from, to, cumulative }),
        2 => (session(), seat(), seat(), amount())
            .prop_map(|(session, from, to, amount)| Step::Rebalance { session, from, to, amount }),
        2 => (session(), seat()).prop_map(|(session, from)| Step::Execute { session, from }),
        2 => session().prop_map(Step::Close),
        3 => (1..60_u64).prop_map(Step::Blocks),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_escrow_counts_at_most_once_whatever_moves_and_unpaid_demand_is_bounded_by_paid(
        free in 0_u128..300_000, steps in vec(step(), 1..50),
    ) {
        let mut params = common::params();
        params.free_demand = Amount(free);
        let mut world = World::with(&[500, 300, 200], params);
        let payer = world.payer.clone();
        let mut books: Vec<Books> = (0..3).map(Books::new).collect();
        let (mut ids, mut escrows, mut paid) = (vec![], 0, [0_u128; 3]);
        for step in steps {
            match step {
                Step::Open(escrow) if ids.len() < 6 => {
                    ids.push(world.open(&Ask { escrow, ..Ask::default() }));
                    escrows += escrow;
                }
                Step::Serve { session, seat, amount, claims } => {
                    let Some(id) = ids.get(session).copied() else { continue };
                    let host = world.at_seat(id, seat);
                    let voucher = world.voucher(id, host, 1, amount);
                    let mut receipts = vec![receipt(&world, &voucher, tokens_for(1_000))];
                    receipts[0].capture = Amount(amount);
                    world.block();
                    books[host].commit(&mut world, &[(id, receipts)]);
                    if claims {
                        let claim = books[host].claim(&world, &voucher);
                        let _ = world.execute(&payer, &claim, &[]);
                    }
                }
                Step::Release { session, from, to, cumulative } => {
                    let Some(id) = ids.get(session).copied() else { continue };
                    let msg = release(&world, id, (from, to), cumulative);
                    let _ = world.execute(&payer, &msg, &[]);
                }
                Step::Rebalance { session, from, to, amount } => {
                    let Some(id) = ids.get(session).copied() else { continue };
                    let seat = |seat: usize| world.session(id).committee[seat].host.clone();
                    let (from, to) = (seat(from), seat(to));
                    let msg = ExecuteMsg::Rebalance { session: id, from, to, amount: Amount(amount) };
                    let _ = world.execute(&payer, &msg, &[]);
                }
                Step::Execute { session, from } => {
                    let Some(id) = ids.get(session).copied() else { continue };
                    let from = world.session(id).committee[from].host.clone();
                    let _ = world.execute(&payer, &ExecuteMsg::ExecuteRebalance { session: id, from }, &[]);
                }
                Step::Close(session) => {
                    let Some(id) = ids.get(session).copied() else { continue };
                    if world.execute(&payer, &ExecuteMsg::Close { session: id }, &[]).is_ok() {
                        for seat in 0..3 {
                            paid[world.at_seat(id, seat)] += world.session(id).committee[seat].claimed.0;
                        }
                        ids.remove(session);
                    }
                }
                Step::Blocks(count) => {
                    let height = world.height() + count;
                    world.until(height);
                }
                Step::Open(_) => {}
            }
            prop_assert!(demand(&world).0 <= escrows);
            let hosts: Vec<HostDemand> = (0..3).map(|host| of_host(&world, host)).collect();
            prop_assert_eq!(hosts.iter().map(|host| host.demand.amount.0).sum::<u128>(), demand(&world).0);
            for (host, paid) in hosts.iter().zip(paid) {
                prop_assert!(host.demand.amount.0 <= 2 * paid + free);
            }
        }
    }
}
