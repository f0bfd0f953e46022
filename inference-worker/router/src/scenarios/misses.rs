//! Hosts that refuse and hosts that fall silent, before the settlement contract itself.

use super::client::complete;
use super::host::Conduct::*;
use super::*;
use quern_interface::settlement::ExecuteMsg;
use settlement::state::Member;

/// A router whose sessions are the contract's.
async fn on_contract(conducts: &[Conduct]) -> (World, Router) {
    let world = World::new(conducts).await;
    world.chain.make_real();
    let router = world.router().await;
    (world, router)
}

/// What the contract holds against a host in a session.
fn held(world: &World, session: u64, host: usize) -> Member {
    let name = &world.hosts[host].name;
    world.chain.with(|state| {
        let kept = state.real.as_ref().unwrap().kept(session);
        let mut committee = kept.committee.into_iter();
        committee.find(|member| member.host.as_str() == name).unwrap()
    })
}

/// Messages with misses, and how many each had.
fn noted(world: &World) -> Vec<usize> {
    world.chain.with(|state| {
        let calls = state.calls.iter();
        calls
            .filter_map(|call| match call {
                ExecuteMsg::NoteMisses { misses, .. } => Some(misses.len()),
                _ => None,
            })
            .collect()
    })
}

fn open(router: &Router) -> usize {
    router
        .gateway
        .receipts
        .open_misses()
        .iter()
        .map(|(_, open)| open)
        .sum()
}

/// Asks until so many misses are kept. They are in the background, so each answer waits for what was refused before it.
async fn ask_until(world: &World, router: &Router, misses: usize) {
    let refused = || {
        let hosts = world.hosts.iter();
        let refusing = hosts.filter(|host| *host.conduct.lock().unwrap() == Refuses);
        refusing
            .map(|host| host.with(|book| book.vouchers.len()))
            .sum::<usize>()
    };
    for _ in 0..200 {
        assert_eq!(complete(&router.url, 10, true).await.status, 200);
        until("refusals are kept", || open(router) >= refused()).await;
        if open(router) >= misses {
            return;
        }
    }
    panic!("only {} misses", open(router));
}

/// The session's last blocks come.
fn near_the_end(world: &World) {
    world.chain.with(|state| {
        let closes_at = state.sessions[0].closes_at;
        state.height = closes_at - 3;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_and_witnessed_silence_reach_the_contract_in_one_message_before_the_session_ends() {
    let (world, router) = on_contract(&[Honest, Refuses, RefusesOddly, Honest, Honest]).await;
    ask_until(&world, &router, 4).await;
    // Nothing is sent for each of them.
    assert_eq!(noted(&world), [0_usize; 0]);
    world.hosts[0].behave(Dead);
    let silent = || router.gateway.receipts.time_outs(1, &world.hosts[0].name);
    while silent() == 0 {
        assert_eq!(complete(&router.url, 10, true).await.status, 200);
        if world.hosts[3].with(|book| book.witnessed) + world.hosts[4].with(|book| book.witnessed) > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    near_the_end(&world);
    until("all is settled", || open(&router) == 0).await;
    let (dead, busy, odd) = (held(&world, 1, 0), held(&world, 1, 1), held(&world, 1, 2));
    assert_eq!((dead.timeouts, dead.refusals), (1, 0));
    assert_eq!((busy.timeouts, busy.refusals), (0, 2), "two count");
    assert_eq!((odd.timeouts, odd.refusals, odd.ceilings), (0, 0, Amount::ZERO));
    // Wrong ones of one host took no others with them, and cost no message of their own.
    assert!(noted(&world).len() <= 3, "{:?}", noted(&world));
    // The next draw takes one part in 21 from who was silent, two in 22 from who refused, nothing from the others.
    until("the next committee is drawn", || {
        world
            .chain
            .with(|state| state.sessions.get(1).is_some_and(|next| next.beacon.is_some()))
    })
    .await;
    let weight = |host: usize| held(&world, 2, host).weight;
    assert_eq!([0, 1, 2, 3].map(weight), [2_000, 1_909, 2_100, 2_100]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_host_that_hangs_but_lives_and_by_witnesses_that_sign_rubbish_nothing_is_witnessed() {
    let (world, router) = on_contract(&[Hangs, Honest, Honest]).await;
    let unanswered = |router: &Router| {
        let name = world.hosts[0].name.as_str();
        router.gateway.metrics.unanswered.with_label_values(&[name]).get()
    };
    while unanswered(&router) == 0 {
        assert_eq!(complete(&router.url, 10, true).await.status, 200);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(open(&router), 0);
    drop((world, router));
    let (world, router) = on_contract(&[Dead, Honest, BadWitness]).await;
    while world.hosts[2].with(|book| book.witnessed) == 0 {
        let status = complete(&router.url, 10, true).await.status;
        assert_eq!(status, 200);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(open(&router), 0);
    assert_eq!(world.hosts[1].with(|book| book.witnessed), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_crash_before_or_after_sending_loses_a_miss_or_counts_it_twice() {
    let (world, router) = on_contract(&[Refuses, Honest]).await;
    ask_until(&world, &router, 2).await;
    let before = open(&router);
    // Before anything is sent.
    router.kill().await;
    let router = world.router().await;
    assert_eq!(open(&router), before, "misses are durable");
    // They take effect, and the router dies before it knows.
    world.chain.with(|state| state.swallows = true);
    near_the_end(&world);
    until("they are sent", || !noted(&world).is_empty()).await;
    router.kill().await;
    let once = held(&world, 1, 0);
    assert_eq!(once.refusals, 2);
    world.chain.with(|state| state.swallows = false);
    let router = world.router().await;
    until("all is settled", || open(&router) == 0).await;
    let twice = held(&world, 1, 0);
    assert_eq!(
        (twice.refusals, twice.ceilings, twice.missed),
        (once.refusals, once.ceilings, once.missed)
    );
    router.stop().await;
    let router = world.router().await;
    assert_eq!(open(&router), 0, "and it is known after a restart");
}
