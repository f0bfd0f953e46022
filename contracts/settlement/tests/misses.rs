//! Requests that hosts did not serve: what proves it, what it costs them, and what it adds to demand.

use crate::common;

use common::books::{receipt, tokens_for, Books};
use common::{key, name, sign, Ask, World, CHAIN, MODEL};
use quern_interface::settlement::{Demand, ExecuteMsg, HostDemand, QueryMsg};
use quern_protocol::{Amount, Miss, RefusalReason, Release, Voucher, Witness};

/// A miss of the host in a seat, signed by the hosts in these seats.
fn miss(
    world: &World,
    session: u64,
    seat: usize,
    nonce: u64,
    why: Option<RefusalReason>,
    by: &[usize],
) -> Miss {
    miss_of(world, session, seat, (nonce, 10_000), why, by)
}

/// The same of a nonce and a ceiling.
fn miss_of(
    world: &World,
    session: u64,
    seat: usize,
    (nonce, ceiling): (u64, u128),
    why: Option<RefusalReason>,
    by: &[usize],
) -> Miss {
    let voucher = world.voucher(session, world.at_seat(session, seat), nonce, ceiling);
    let mut miss = Miss {
        voucher_signature: world.sign_voucher(&voucher),
        height: voucher.height,
        voucher,
        reason: why,
        signed: vec![],
    };
    let digest = miss.digest(CHAIN);
    let signed = by.iter().map(|seat| {
        let host = &world.hosts[world.at_seat(session, *seat)];
        Witness {
            host: host.address.to_string(),
            signature: sign(&host.warm, &digest),
        }
    });
    miss.signed = signed.collect();
    miss
}

fn refused(world: &World, session: u64, seat: usize, nonce: u64) -> Miss {
    miss(world, session, seat, nonce, Some(RefusalReason::Busy), &[seat])
}

fn timed_out(world: &World, session: u64, seat: usize, nonce: u64, by: [usize; 2]) -> Miss {
    miss(world, session, seat, nonce, None, &by)
}

fn note(session: u64, misses: Vec<Miss>) -> ExecuteMsg {
    ExecuteMsg::NoteMisses { session, misses }
}

fn weight(world: &World, session: u64, host: usize) -> u64 {
    let session = world.session(session);
    let address = world.hosts[host].address.as_str();
    session
        .committee
        .iter()
        .find(|m| m.host == address)
        .unwrap()
        .weight
}

#[test]
fn a_host_that_refuses_and_times_out_is_drawn_with_less_weight_and_earns_it_back_by_serving() {
    let mut world = World::new(&[2_000, 2_000, 2_000]);
    let id = world.open(&Ask::default());
    let payer = world.payer.clone();
    let host = world.at_seat(id, 0);
    assert_eq!(weight(&world, id, host), 2_000);
    let four = (1..=4).map(|nonce| refused(&world, id, 0, nonce)).collect();
    world.must(&payer, &note(id, four));
    let next = timed_out(&world, id, 0, 5, [1, 2]);
    world.must(&payer, &note(id, vec![next]));
    // the draw that was stays; two refusals of a session count and the time-out: the next one takes 20 of 23
    assert_eq!(weight(&world, id, host), 2_000);
    let id = world.open(&Ask::default());
    assert_eq!(weight(&world, id, host), 1_739);
    assert_eq!(weight(&world, id, (host + 1) % 3), 2_000);
    // 15 requests, served and paid for
    let mut books = Books::new(host);
    let receipts: Vec<_> = (1..=15)
        .map(|nonce| {
            let voucher = world.voucher(id, host, nonce, 10_000 * u128::from(nonce));
            receipt(&world, &voucher, tokens_for(4_000))
        })
        .collect();
    let last = receipts[14].voucher.clone();
    books.commit(&mut world, &[(id, receipts)]);
    let claim = books.claim(&world, &last);
    world.must(&payer, &claim);
    let payable_at = world.session(id).payable_at;
    world.until(payable_at);
    world.must(&payer, &ExecuteMsg::Close { session: id });
    let id = world.open(&Ask::default());
    assert_eq!(weight(&world, id, host), 1_842, "35 of 38");
    world.reconcile();
}

#[test]
fn refusals_are_demand_up_to_a_fourth_of_what_was_served_and_time_outs_are_none() {
    let mut world = World::new(&[10, 10, 10]);
    let id = world.open(&Ask::default());
    let payer = world.payer.clone();
    let demand = |world: &World| -> (u128, u128) {
        let model = MODEL.to_owned();
        let found: Demand = world.ask(&QueryMsg::Demand { model });
        (found.amount.0, found.weighted.0)
    };
    let first = refused(&world, id, 0, 1);
    world.must(&payer, &note(id, vec![first]));
    assert_eq!(demand(&world), (0, 0), "nothing was served yet");
    let host = world.at_seat(id, 1);
    let voucher = world.voucher(id, host, 1, 60_000);
    let receipts = vec![receipt(&world, &voucher, tokens_for(60_000))];
    Books::new(host).commit(&mut world, &[(id, receipts)]);
    assert_eq!(demand(&world), (60_000, 30_000));
    let silent = timed_out(&world, id, 0, 2, [1, 2]);
    world.must(&payer, &note(id, vec![silent]));
    assert_eq!(demand(&world), (60_000, 30_000));
    for (nonce, more) in [(3, 10_000), (4, 15_000), (5, 15_000)] {
        let again = refused(&world, id, 0, nonce);
        world.must(&payer, &note(id, vec![again]));
        assert_eq!(demand(&world), (60_000 + more, 30_000 + more / 2));
    }
    // no host's own count grew by it
    let own: HostDemand = world.ask(&QueryMsg::HostDemand {
        host: world.hosts[host].address.to_string(),
        model: MODEL.into(),
    });
    assert_eq!(own.demand.amount, Amount(60_000));
}

/// Serves one request of a host in a seat and commits it.
fn serve(world: &mut World, session: u64, seat: usize, capture: u128) -> (Books, Voucher) {
    let host = world.at_seat(session, seat);
    let voucher = world.voucher(session, host, 1, capture);
    let receipts = vec![receipt(world, &voucher, tokens_for(capture))];
    let mut books = Books::new(host);
    books.commit(world, &[(session, receipts)]);
    (books, voucher)
}

#[test]
fn refusals_add_to_what_is_served_now_and_draw_on_nothing_of_long_ago() {
    let mut world = World::new(&[10, 10, 10]);
    let id = world.open(&Ask::default());
    let payer = world.payer.clone();
    let demand = |world: &World| -> u128 {
        let model = MODEL.to_owned();
        world.ask::<Demand>(&QueryMsg::Demand { model }).amount.0
    };
    serve(&mut world, id, 1, 60_000);
    let later = world.height() + 50;
    world.until(later);
    let miss = refused(&world, id, 0, 1);
    world.must(&payer, &note(id, vec![miss]));
    assert_eq!(demand(&world), 60_000, "what was served is long ago");
    serve(&mut world, id, 2, 20_000);
    let miss = refused(&world, id, 0, 2);
    world.must(&payer, &note(id, vec![miss]));
    assert_eq!(demand(&world), 80_000 + 20_000 / 4);
}

#[test]
fn ceilings_of_misses_are_at_least_a_short_answer_and_in_all_at_most_the_limit() {
    let mut world = World::new(&[10, 10, 10]);
    let id = world.open(&Ask::default());
    let payer = world.payer.clone();
    let limit = world.session(id).committee[0].limit.0;
    let of = |world: &World, nonce, ceiling, why: Option<RefusalReason>| {
        let by: &[usize] = if why.is_some() { &[0] } else { &[1, 2] };
        note(id, vec![miss_of(world, id, 0, (nonce, ceiling), why, by)])
    };
    let busy = Some(RefusalReason::Busy);
    // the price is 2, and the least are 16 tokens
    for why in [busy, None] {
        for ceiling in [0, 31, limit + 1] {
            let msg = of(&world, 1, ceiling, why);
            world.refuse(&payer, &msg, "bad_miss");
        }
    }
    let msg = of(&world, 1, 32, None);
    world.must(&payer, &msg);
    let msg = of(&world, 2, limit - 32, busy);
    world.must(&payer, &msg);
    let msg = of(&world, 3, 32, busy);
    world.refuse(&payer, &msg, "bad_miss");
}

#[test]
fn a_limit_that_moves_backs_no_more_refusals_than_the_escrow() {
    let mut world = World::new(&[10, 10]);
    let id = world.open(&Ask::default());
    let payer = world.payer.clone();
    let session = world.session(id);
    let [first, second] = [&session.committee[0], &session.committee[1]];
    let busy = Some(RefusalReason::Busy);
    let all = miss_of(&world, id, 0, (1, first.limit.0), busy, &[0]);
    world.must(&payer, &note(id, vec![all]));
    let release = Release {
        session: id,
        from: first.host.clone(),
        to: second.host.clone(),
        cumulative: first.limit,
    };
    let signature = sign(&world.hosts[world.at_seat(id, 0)].warm, &release.digest(CHAIN));
    world.must(&payer, &ExecuteMsg::PresentRelease { release, signature });
    let both = world.session(id).committee[1].limit.0;
    assert_eq!(both, first.limit.0 + second.limit.0);
    let again = miss_of(&world, id, 1, (1, both), busy, &[1]);
    world.refuse(&payer, &note(id, vec![again]), "bad_miss");
}

#[test]
fn two_hosts_that_collude_mark_a_rival_down_by_two_time_outs_for_each_open_fee() {
    let mut world = World::new(&[2_000, 2_000, 2_000]);
    let id = world.open(&Ask::default());
    let payer = world.payer.clone();
    let rival = world.at_seat(id, 0);
    let silent = |world: &World, nonce| timed_out(world, id, 0, nonce, [1, 2]);
    let three = (1..=3).map(|nonce| silent(&world, nonce)).collect();
    world.refuse(&payer, &note(id, three), "bad_miss");
    let two = (1..=2).map(|nonce| silent(&world, nonce)).collect();
    world.must(&payer, &note(id, two));
    let third = silent(&world, 3);
    world.refuse(&payer, &note(id, vec![third]), "bad_miss");
    let id = world.open(&Ask::default());
    assert_eq!(weight(&world, id, rival), 1_818, "20 of 22");
}

#[test]
fn what_a_host_served_before_its_first_miss_speaks_for_it_as_far_as_it_was_paid_for() {
    let mut world = World::new(&[2_000, 2_000, 2_000]);
    let id = world.open(&Ask::default());
    let payer = world.payer.clone();
    // one host is paid for 80 requests in one leaf; another says that it served as many for the price of one
    let hosts = [world.at_seat(id, 0), world.at_seat(id, 1)];
    for (host, capture) in hosts.into_iter().zip([2_000, 6]) {
        let mut books = Books::new(host);
        let receipts: Vec<_> = (1..=80)
            .map(|nonce| {
                let voucher = world.voucher(id, host, nonce, capture * u128::from(nonce));
                let mut one = receipt(&world, &voucher, tokens_for(capture));
                one.capture = Amount(capture);
                one
            })
            .collect();
        let last = receipts[79].voucher.clone();
        books.commit(&mut world, &[(id, receipts)]);
        let claim = books.claim(&world, &last);
        world.must(&payer, &claim);
    }
    let payable_at = world.session(id).payable_at;
    world.until(payable_at);
    world.must(&payer, &ExecuteMsg::Close { session: id });
    let id = world.open(&Ask::default());
    for host in hosts {
        let seat = (0..3).find(|seat| world.at_seat(id, *seat) == host).unwrap();
        let two = (1..=2).map(|nonce| refused(&world, id, seat, nonce)).collect();
        world.must(&payer, &note(id, two));
    }
    let id = world.open(&Ask::default());
    assert_eq!(weight(&world, id, hosts[0]), 1_960, "100 of 102");
    assert_eq!(
        weight(&world, id, hosts[1]),
        1_891,
        "35 of 37: 480 pay for 15 of 16 tokens"
    );
}

#[test]
fn nobody_is_marked_down_without_its_own_or_two_others_signatures_for_a_voucher_that_it_had() {
    let mut world = World::new(&[10, 10, 10]);
    let id = world.open(&Ask::default());
    let other = world.open(&Ask::default());
    let payer = world.payer.clone();
    let changed = |change: &dyn Fn(&mut Miss)| {
        let mut miss = refused(&world, id, 0, 1);
        change(&mut miss);
        miss
    };
    // by another, in its own name or in the host's
    let other_s = miss(&world, id, 0, 1, Some(RefusalReason::Busy), &[1]);
    let forged = changed(&|miss| miss.signed[0].signature = other_s.signed[0].signature);
    let alone = miss(&world, id, 0, 1, None, &[1]);
    let own_word = miss(&world, id, 0, 1, Some(RefusalReason::Busy), &[0, 1]);
    let stranger = |miss: &mut Miss| miss.voucher_signature = sign(&key(9), &miss.voucher.digest(CHAIN));
    let mut half = timed_out(&world, id, 0, 1, [1, 2]);
    half.signed[1].signature = half.signed[0].signature;
    let mut unknown = timed_out(&world, id, 0, 1, [1, 2]);
    unknown.signed[1].host = name("stranger").into();
    let cases = [
        (vec![], "bad_miss"),
        (
            (1..=9).map(|nonce| refused(&world, id, 0, nonce)).collect(),
            "bad_miss",
        ),
        (vec![refused(&world, other, 0, 1)], "bad_miss"),
        (vec![refused(&world, id, 0, 0)], "bad_miss"),
        (
            vec![refused(&world, id, 0, 2), refused(&world, id, 0, 2)],
            "bad_miss",
        ),
        (vec![forged], "bad_signature"),
        (vec![other_s.clone()], "bad_miss"),
        (vec![alone], "bad_miss"),
        (vec![own_word], "bad_miss"),
        (
            vec![changed(&|miss| miss.reason = Some(RefusalReason::Limit))],
            "bad_signature",
        ),
        (vec![changed(&stranger)], "bad_signature"),
        (vec![changed(&|miss| miss.voucher.nonce = 2)], "bad_signature"),
        (vec![changed(&|miss| miss.height += 1)], "bad_miss"),
        (vec![changed(&|miss| miss.height -= 1)], "bad_miss"),
        (vec![timed_out(&world, id, 0, 1, [1, 1])], "bad_miss"),
        (vec![timed_out(&world, id, 0, 1, [0, 1])], "bad_miss"),
        (vec![half], "bad_signature"),
        (vec![unknown], "bad_miss"),
    ];
    for (misses, error) in cases {
        world.refuse(&payer, &note(id, misses), error);
    }
    // one bad one takes the others with it, and nothing was noted
    let good = refused(&world, id, 0, 1);
    world.refuse(&name("stranger"), &note(id, vec![good.clone()]), "unauthorized");
    world.must(&payer, &note(id, vec![good.clone()]));
    world.refuse(&payer, &note(id, vec![good]), "bad_miss");
    let payable_at = world.session(id).payable_at;
    let late = refused(&world, id, 0, 7);
    world.until(payable_at);
    world.must(&payer, &ExecuteMsg::Close { session: id });
    world.refuse(&payer, &note(id, vec![late]), "wrong_phase");
}
