//! Random histories of one session: whatever happens, money is conserved and nobody loses more than the
//! specification states.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

use proptest::collection::vec;
use proptest::prelude::*;
use quern_model::message::Voucher;
use quern_model::step::{Setup, Step};
use quern_model::truth;
use quern_model::world::World;

/// More than any escrow of these tests.
const MUCH: u128 = 2_000_000;

fn small() -> impl Strategy<Value = usize> {
    0_usize..8
}

fn amount() -> impl Strategy<Value = u128> {
    prop_oneof![4 => 1_u128..5_000, 1 => 0..MUCH, 1 => Just(1 << 110)]
}

fn good_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (small(), 1_u64..2_000).prop_map(|(host, tokens)| Step::Request { host, tokens }),
        10 => (small(), small(), 1_u64..400)
            .prop_map(|(host, which, tokens)| Step::Serve { host, which, tokens }),
        4 => (small(), small()).prop_map(|(host, which)| Step::Finish { host, which }),
        14 => prop_oneof![3 => Just(0), 1 => small()].prop_map(|which| Step::Deliver { which }),
        4 => Just(Step::Block),
        1 => (small(), small(), 1_u128..5_000).prop_map(|(from, to, amount)| Step::AskRelease { from, to, amount }),
    ]
}

fn mishap() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => small().prop_map(|which| Step::Lose { which }),
        3 => small().prop_map(|which| Step::Double { which }),
        3 => small().prop_map(|host| Step::Restart { host }),
        1 => small().prop_map(|host| Step::Fall { host }),
        2 => small().prop_map(|host| Step::Rise { host }),
        1 => Just(Step::RestartRouter),
        1 => small().prop_map(|host| Step::HostVanishes { host }),
        1 => Just(Step::RouterVanishes),
        1 => Just(Step::CloseSession),
        2 => (small(), small(), amount()).prop_map(|(from, to, amount)| Step::Rebalance { from, to, amount }),
        4 => small().prop_map(|from| Step::Execute { from }),
        1 => Just(Step::Close),
    ]
}

fn attack() -> impl Strategy<Value = Step> {
    let voucher = (small(), 0_u64..20, 0_u64..60, amount(), amount()).prop_map(
        |(host, nonce, height, ceiling, cap)| Voucher {
            host,
            nonce,
            height,
            ceiling,
            cap,
        },
    );
    prop_oneof![
        3 => voucher.prop_map(|voucher| Step::OverSign { voucher }),
        3 => (small(), amount()).prop_map(|(host, cumulative)| Step::Inflate { host, cumulative }),
        3 => (small(), small(), amount())
            .prop_map(|(from, to, cumulative)| Step::OverRelease { from, to, cumulative }),
        3 => (small(), 0_u64..20, amount())
            .prop_map(|(host, nonce, capture)| Step::FalseReceipt { host, nonce, capture }),
        3 => small().prop_map(|which| Step::ReplayRelease { which }),
        4 => (small(), 0_usize..40, 0_u64..8)
            .prop_map(|(host, voucher, batch)| Step::ReplayClaim { host, voucher, batch }),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![8 => good_step(), 2 => mishap(), 2 => attack()]
}

fn setup() -> impl Strategy<Value = Setup> {
    let host = (0_u64..1_000, prop::bool::weighted(0.7), any::<bool>());
    (
        1_u128..MUCH,
        0_u32..=2_000,
        0_u32..=1_000,
        vec(host, 1..=8),
        prop::bool::weighted(0.7),
        any::<bool>(),
        5_u64..60,
    )
        .prop_map(
            |(escrow, fee_bps, burn_bps, hosts, honest_router, reliable_chain, closes_at)| Setup {
                escrow,
                fee_bps,
                burn_bps,
                hosts,
                honest_router,
                reliable_chain,
                closes_at,
            },
        )
}

fn play(setup: &Setup, steps: Vec<Step>) -> Result<Option<World>, TestCaseError> {
    let Some(mut world) = World::new(setup) else {
        prop_assert!(
            setup.hosts.iter().all(|(weight, ..)| *weight == 0),
            "only no weight cannot be split"
        );
        return Ok(None);
    };
    truth::always(&world).map_err(TestCaseError::fail)?;
    for step in steps {
        let text = format!("{step:?}");
        world.step(step);
        truth::always(&world).map_err(|rule| TestCaseError::fail(format!("after {text}: {rule}")))?;
    }
    world.run_out();
    truth::always(&world).map_err(TestCaseError::fail)?;
    truth::finally(&world).map_err(TestCaseError::fail)?;
    Ok(Some(world))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn in_any_history_money_is_conserved_and_losses_stay_within_their_bounds(
        setup in setup(),
        steps in vec(any_step(), 0..200),
    ) {
        play(&setup, steps)?;
    }

    #[test]
    fn among_honest_parties_everything_served_is_paid_and_everything_else_returns(
        mut setup in setup(),
        steps in vec(good_step(), 0..200),
    ) {
        setup.honest_router = true;
        setup.reliable_chain = true;
        setup.hosts.iter_mut().for_each(|host| host.1 = true);
        if let Some(world) = play(&setup, steps)? {
            for (host, seat) in world.hosts.iter().zip(&world.chain.ledger.seats) {
                prop_assert_eq!(host.captured(), seat.claimed.0);
            }
        }
    }
}

/// A router that signs far above the limits and moves them at will, against hosts that follow the protocol.
fn squeeze() -> impl Strategy<Value = Step> {
    let host = || 0_usize..3;
    let voucher =
        (host(), 0_u64..30, 0_u64..3, 1_000_u128..40_000).prop_map(|(host, nonce, height, cap)| Voucher {
            host,
            nonce,
            height,
            ceiling: 40_000,
            cap,
        });
    let amount = || prop_oneof![1_u128..8_000, Just(1 << 110)];
    prop_oneof![
        6 => voucher.prop_map(|voucher| Step::OverSign { voucher }),
        8 => Just(Step::Deliver { which: 0 }),
        10 => (host(), small(), 100_u64..400).prop_map(|(host, which, tokens)| Step::Serve { host, which, tokens }),
        2 => (host(), small()).prop_map(|(host, which)| Step::Finish { host, which }),
        4 => Just(Step::Block),
        3 => (host(), host(), 1_u128..8_000).prop_map(|(from, to, amount)| Step::AskRelease { from, to, amount }),
        2 => (host(), host(), amount()).prop_map(|(from, to, amount)| Step::Rebalance { from, to, amount }),
        3 => host().prop_map(|from| Step::Execute { from }),
        2 => small().prop_map(|which| Step::ReplayRelease { which }),
        2 => (host(), 0_usize..40, 0_u64..8)
            .prop_map(|(host, voucher, batch)| Step::ReplayClaim { host, voucher, batch }),
        1 => host().prop_map(|host| Step::Restart { host }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_host_that_runs_is_paid_in_full_by_a_router_that_signs_too_much_and_moves_limits_at_will(
        escrow in 3_000_u128..30_000,
        optimistic in any::<bool>(),
        hosts in 2_usize..=3,
        steps in vec(squeeze(), 50..200),
    ) {
        let setup = Setup {
            escrow,
            fee_bps: 0,
            burn_bps: 0,
            hosts: vec![(100, true, optimistic); hosts],
            honest_router: false,
            reliable_chain: true,
            closes_at: 60,
        };
        play(&setup, steps)?;
    }
}

/// The random histories would prove nothing if they did not reach the situations they are about.
#[test]
fn the_histories_reach_claims_releases_rebalances_and_losses() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let (mut paid, mut released, mut rebalanced, mut lost, mut stolen) = (0, 0, 0, 0, 0);
    for _ in 0..500 {
        let setup = setup().new_tree(&mut runner).unwrap().current();
        let steps = vec(any_step(), 100..200).new_tree(&mut runner).unwrap().current();
        let Some(world) = play(&setup, steps).unwrap() else {
            continue;
        };
        use quern_model::chain::Done;
        paid += usize::from(
            world
                .hosts
                .iter()
                .zip(&world.chain.ledger.seats)
                .any(|(h, s)| h.honest && s.claimed.0 > 0),
        );
        released += usize::from(world.chain.log.iter().any(|d| matches!(d, Done::Released(_))));
        rebalanced += usize::from(
            world
                .chain
                .log
                .iter()
                .any(|d| matches!(d, Done::Rebalanced { .. })),
        );
        lost += usize::from(
            world
                .hosts
                .iter()
                .any(|h| h.honest && quern_model::cost(h.served) > h.captured()),
        );
        let more = |id: usize| {
            world.router.receipts.get(&id).copied().unwrap_or(0) < world.chain.ledger.seats[id].claimed.0
        };
        stolen += usize::from(world.router.honest && (0..world.hosts.len()).any(more));
    }
    for (name, count) in [
        ("an honest host was paid", paid),
        ("a release moved a limit", released),
        ("a rebalance was executed", rebalanced),
        ("an honest host lost part of a slice", lost),
        ("a host took more than its receipts", stolen),
    ] {
        assert!(count >= 10, "{name} in {count} of 500 histories only");
    }
}
