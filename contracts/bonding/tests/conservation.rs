//! Whatever happens in whatever order: no coin appears, none is lost, nobody takes another's.

use crate::common;

use common::{host, who, Chain};
use cosmwasm_std::Addr;
use proptest::prelude::*;
use quern_interface::bonding::{FunderStake, HostBond, LargestFunders, QueryMsg};
use quern_protocol::Amount;

const HOSTS: u64 = 3;

#[derive(Clone, Debug)]
enum Step {
    Bond(usize, u64, u128),
    Unbond(usize, u64, u128),
    Move(usize, u64, u64, u128),
    Withdraw(usize, u64),
    Cancel(usize, u64, u128),
    Slash(u64, u32, u128),
    Freeze(u64, bool),
    Height(u64),
}

fn people() -> Vec<Addr> {
    (0..HOSTS).map(host).chain(["ann", "bob"].map(who)).collect()
}

fn step() -> impl Strategy<Value = Step> {
    let (who, host) = (0..5_usize, 0..HOSTS);
    prop_oneof![
        5 => (who.clone(), host.clone(), 1..100_000_u128).prop_map(|(w, h, a)| Step::Bond(w, h, a)),
        4 => (who.clone(), host.clone(), 1..=10_000_u128).prop_map(|(w, h, bps)| Step::Unbond(w, h, bps)),
        2 => (who.clone(), host.clone(), host.clone(), 1..=10_000_u128)
            .prop_map(|(w, h, to, bps)| Step::Move(w, h, to, bps)),
        4 => (who.clone(), host.clone()).prop_map(|(w, h)| Step::Withdraw(w, h)),
        2 => (who, host.clone(), 1..=10_000_u128).prop_map(|(w, h, bps)| Step::Cancel(w, h, bps)),
        3 => (host.clone(), prop_oneof![4 => 1..10_000_u32, 1 => Just(10_000)], 0..20_000_u128)
            .prop_map(|(h, bps, restitution)| Step::Slash(h, bps, restitution)),
        1 => (host, any::<bool>()).prop_map(|(h, frozen)| Step::Freeze(h, frozen)),
        5 => (1..30_u64).prop_map(Step::Height),
    ]
}

/// Active and unbonding value of everybody behind every host.
fn values(chain: &Chain) -> Vec<Vec<u128>> {
    let value = |who: &Addr, n| {
        let position = chain.position(who, &host(n));
        position.active.0
            + position
                .unbonding
                .iter()
                .map(|entry| entry.amount.0)
                .sum::<u128>()
    };
    (0..HOSTS)
        .map(|n| people().iter().map(|who| value(who, n)).collect())
        .collect()
}

fn check(chain: &Chain, paid_in: u128) -> Result<(), TestCaseError> {
    let totals = chain.totals();
    let held = chain.balance(&chain.bonding);
    prop_assert_eq!(held, totals.active.0 + totals.unbonding.0);
    let outside: u128 = people()
        .iter()
        .chain([&who("judge")])
        .map(|who| chain.balance(who))
        .sum();
    prop_assert_eq!(outside + held + totals.burned.0, paid_in);
    prop_assert_eq!(chain.supply() + totals.burned.0, paid_in);
    prop_assert_eq!(chain.balance(&who("judge")), totals.restitution.0);
    let mut bonds: Vec<HostBond> = (0..HOSTS).map(|n| chain.host_bond(&host(n))).collect();
    prop_assert_eq!(
        Amount::sum(bonds.iter().map(|bond| bond.active)).unwrap(),
        totals.active
    );
    for (n, bond) in bonds.iter().enumerate() {
        prop_assert_eq!(chain.registered(&host(n as u64)).bond, bond.counted);
        prop_assert_eq!(bond.counted.0, bond.active.0.min(bond.operator.0 * 10));
        let positions = people()
            .iter()
            .map(|who| chain.position(who, &host(n as u64)).active.0)
            .sum::<u128>();
        prop_assert!(positions <= bond.active.0 && bond.active.0 - positions <= 5);
        let found: LargestFunders = chain.query(QueryMsg::LargestFunders {
            host: host(n as u64).into(),
            limit: 100,
        });
        prop_assert_eq!(found.active, bond.active);
        let others = people().into_iter().filter(|who| *who != host(n as u64));
        let mut others: Vec<FunderStake> = others
            .map(|who| FunderStake {
                active: chain.position(&who, &host(n as u64)).active,
                funder: who.into(),
            })
            .collect();
        let mut listed = found.funders;
        prop_assert!(listed.windows(2).all(|pair| pair[0].active >= pair[1].active));
        for funders in [&mut listed, &mut others] {
            funders.retain(|funder| !funder.active.is_zero());
            funders.sort_by_key(|funder| funder.funder.clone());
        }
        prop_assert_eq!(listed, others);
    }
    let listed: Vec<HostBond> = chain.query(QueryMsg::HostBonds {
        start_after: None,
        limit: None,
    });
    bonds.retain(|bond| !bond.active.is_zero());
    bonds.sort_by_key(|bond| (u128::MAX - bond.counted.0, bond.host.clone()));
    prop_assert_eq!(listed, bonds);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn coins_are_conserved_and_nobody_takes_from_another(steps in prop::collection::vec(step(), 1..70)) {
        let people = people();
        let mut chain = Chain::new(&people);
        for n in 0..HOSTS {
            chain.register(n);
        }
        let paid_in = chain.supply();
        for (number, step) in steps.into_iter().enumerate() {
            let before = values(&chain);
            let balances: Vec<u128> = people.iter().map(|who| chain.balance(who)).collect();
            let part = |who: &Addr, n, bps: u128| chain.position(who, &host(n)).active.0 * bps / 10_000;
            // Who acted behind which hosts; a slash's host and what it may take.
            let (mut actor, mut slashed) = (None, None);
            match step {
                Step::Bond(w, n, amount) => {
                    actor = Some(w);
                    if chain.bond(&people[w], &host(n), amount).is_ok() && people[w] != host(n) {
                        let bond = chain.host_bond(&host(n));
                        prop_assert!(bond.operator.0 * 10 >= bond.active.0);
                    }
                }
                Step::Unbond(w, n, bps) => {
                    actor = Some(w);
                    let amount = part(&people[w], n, bps);
                    let done = chain.unbond(&people[w], &host(n), amount).is_ok();
                    prop_assert!(done || amount == 0 || people[w] == host(n), "a funder can always leave");
                }
                Step::Move(w, n, to, bps) => {
                    actor = Some(w);
                    let amount = part(&people[w], n, bps);
                    let _ = chain.move_to(&people[w], &host(n), &host(to), amount);
                }
                Step::Withdraw(w, n) => {
                    actor = Some(w);
                    let height = chain.height();
                    let entries = chain.position(&people[w], &host(n)).unbonding;
                    let ripe: u128 = entries.iter().filter(|e| e.matures_at <= height).map(|e| e.amount.0).sum();
                    if let Ok(received) = chain.withdraw(&people[w], &host(n)) {
                        prop_assert!(received <= ripe);
                    }
                }
                Step::Cancel(w, n, bps) => {
                    actor = Some(w);
                    let height = chain.height();
                    let entries = chain.position(&people[w], &host(n)).unbonding;
                    if let Some(entry) = entries.last() {
                        let amount = (entry.amount.0 - entry.moving.0) * bps / 10_000;
                        let done = chain.cancel_unbond(&people[w], &host(n), entry.bucket, amount).is_ok();
                        prop_assert!(!done || entry.matures_at > height, "what matured answers for nothing");
                    }
                }
                Step::Slash(n, bps, restitution) => {
                    let bond = chain.host_bond(&host(n));
                    let record = chain.slash(&host(n), &number.to_string(), bps, restitution).unwrap();
                    let most = (bond.active.0 + bond.unbonding.0) * u128::from(bps) / 10_000;
                    prop_assert_eq!(record.slashed.0, most);
                    slashed = Some((n, most));
                }
                Step::Freeze(n, frozen) => chain.freeze(&host(n), frozen),
                Step::Height(blocks) => chain.advance(blocks),
            }
            check(&chain, paid_in)?;
            let after = values(&chain);
            for n in 0..HOSTS as usize {
                for w in 0..people.len() {
                    let (old, new) = (before[n][w], after[n][w]);
                    match slashed {
                        Some((n_slashed, most)) if n_slashed == n as u64 => {
                            prop_assert!(new <= old && old - new <= most + 70, "rounding of at most 33 pools");
                            // Rounding of shares may cost a funder a unit a pool while the operator has some.
                            let first = chain.host_bond(&host(n_slashed)).operator;
                            prop_assert!(people[w] == host(n_slashed) || old - new <= 70 || first.is_zero());
                        }
                        _ if actor == Some(w) => {}
                        _ => prop_assert!(new >= old, "nobody loses by what others do: {old} to {new}"),
                    }
                }
            }
            // An actor's whole wealth never grows.
            if let Some(w) = actor {
                let wealth = |values: &[Vec<u128>], balance| balance + values.iter().map(|host| host[w]).sum::<u128>();
                let now = chain.balance(&people[w]);
                prop_assert!(wealth(&after, now) <= wealth(&before, balances[w]));
            }
        }
        // In the end everybody can leave, funders before operators, in two rounds: what is on its way to
        // another host lands there first. At most dust stays.
        for n in 0..HOSTS {
            chain.freeze(&host(n), false);
        }
        for _ in 0..2 {
            for n in 0..HOSTS {
                for who in people.iter().filter(|who| **who != host(n)).chain([&host(n)]) {
                    let all = chain.position(who, &host(n)).active.0;
                    prop_assert!(all == 0 || chain.unbond(who, &host(n), all).is_ok());
                }
            }
            chain.advance(60);
            for n in 0..HOSTS {
                for who in &people {
                    while chain.withdraw(who, &host(n)).is_ok() {}
                }
            }
        }
        check(&chain, paid_in)?;
        prop_assert!(chain.balance(&chain.bonding) < 100, "dust: {}", chain.balance(&chain.bonding));
    }
}
