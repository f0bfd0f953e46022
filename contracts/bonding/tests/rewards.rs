//! Who gets what of a host's rewards, against a model that divides each coin by the values of the moment.

use crate::common;

use std::collections::BTreeMap;

use common::earnings::Msg;
use common::{host, who, Chain, DENOM};
use cosmwasm_std::{coin, Addr};
use proptest::prelude::*;
use quern_interface::bonding::{Backing, ExecuteMsg, FunderRewards, Position, QueryMsg};
use quern_protocol::Amount;

/// Two hosts with 1,000 each of their own; ann has 3,000 behind the first, which keeps a tenth.
fn funded() -> (Chain, Addr) {
    let ann = who("ann");
    let mut chain = Chain::new(&[host(0), host(1), ann.clone(), who("bob")]);
    for n in 0..2 {
        let host = chain.register(n);
        chain.bond(&host, &host, 1_000).unwrap();
    }
    chain.bond(&ann, &host(0), 3_000).unwrap();
    chain.set_commission(&host(0), 1_000).unwrap();
    (chain, ann)
}

#[test]
fn the_worked_example_of_the_specification_is_true() {
    let (mut chain, ann) = funded();
    chain.vest(&host(0), 10_000);
    let income = chain.income(&host(0));
    assert_eq!(
        (income.commission.0, income.own.0, income.funders.0),
        (1_000, 2_250, 6_750)
    );
    chain.bond(&who("bob"), &host(0), 4_000).unwrap();
    chain.vest(&host(0), 8_000);
    assert_eq!(chain.earned(&ann, &host(0)), 6_750 + 2_700);
    assert_eq!(chain.earned(&who("bob"), &host(0)), 3_600);
    assert_eq!(chain.earned(&host(0), &host(0)), 2_250 + 900);
    assert_eq!(chain.income(&host(0)).commission.0, 1_800);
    chain.slash(&host(0), "a", 2_500, 0).unwrap();
    chain.vest(&host(0), 6_000);
    // the slash of 2,000 took all of the operator's 1,000, so only funders share
    assert_eq!(chain.earned(&ann, &host(0)), 9_450 + 2_314);
    assert_eq!(chain.earned(&who("bob"), &host(0)), 3_600 + 3_085);
    let income = chain.income(&host(0));
    assert_eq!((income.commission.0, income.own.0), (2_400, 3_150));
    assert_eq!(chain.take_rewards(&ann, &host(0)).unwrap(), 11_764);
    assert!(chain
        .take_rewards(&ann, &host(0))
        .unwrap_err()
        .contains("nothing_earned:"));
}

#[test]
fn what_backs_many_hosts_is_told_at_once() {
    let (mut chain, _) = funded();
    chain.vest(&host(0), 10_000);
    let backing = |host: Addr, active: u128, rate_bps: u32| Backing {
        host: host.into(),
        active: Amount(active),
        operator: Amount(active.min(1_000)),
        rate_bps,
    };
    let known = [
        backing(host(1), 1_000, 10_000),
        backing(who("nobody"), 0, 10_000),
        backing(host(0), 4_000, 1_000),
    ];
    let hosts: Vec<String> = known.iter().map(|known| known.host.clone()).collect();
    let told: Vec<Backing> = chain.query(QueryMsg::Backings { hosts });
    assert_eq!(told, known);
    for told in told.iter().filter(|told| told.active.0 > 0) {
        let income = chain.income(&Addr::unchecked(&told.host));
        assert_eq!(told.rate_bps, income.rate_bps);
    }
    let hosts = vec![host(0).to_string(); 101];
    let wrap = chain.app.wrap();
    let told = wrap.query_wasm_smart::<Vec<Backing>>(chain.bonding.clone(), &QueryMsg::Backings { hosts });
    assert!(told.unwrap_err().to_string().contains("too_many:"));
}

#[test]
fn a_host_that_said_nothing_keeps_all() {
    let mut chain = Chain::new(&[host(0), who("ann")]);
    chain.register(0);
    chain.bond(&host(0), &host(0), 1_000).unwrap();
    chain.bond(&who("ann"), &host(0), 9_000).unwrap();
    chain.vest(&host(0), 500);
    assert_eq!(chain.income(&host(0)).commission.0, 500);
    assert_eq!(chain.earned(&who("ann"), &host(0)), 0);
    chain.refuse(
        &who("ann"),
        ExecuteMsg::WithdrawCommission {},
        &[],
        "nothing_earned",
    );
    let before = chain.balance(&host(0));
    chain.call(&host(0), ExecuteMsg::WithdrawCommission {}).unwrap();
    assert_eq!(chain.balance(&host(0)), before + 500);
}

#[test]
fn who_comes_after_rewards_vested_has_no_part_of_them() {
    let (mut chain, ann) = funded();
    chain.vest(&host(0), 10_000);
    // a lot of money for one block
    let bob = who("bob");
    chain.bond(&bob, &host(0), 6_000).unwrap();
    assert_eq!(chain.earned(&bob, &host(0)), 0);
    chain.refuse(
        &bob,
        ExecuteMsg::WithdrawRewards {
            host: host(0).into(),
            to: None,
        },
        &[],
        "nothing_earned",
    );
    chain.unbond(&bob, &host(0), 6_000).unwrap();
    assert_eq!(chain.take_rewards(&ann, &host(0)).unwrap(), 6_750);
}

#[test]
fn what_was_earned_stays_when_coins_leave_move_or_are_lost() {
    let (mut chain, ann) = funded();
    chain.vest(&host(0), 1_000);
    chain.unbond(&ann, &host(0), 1_000).unwrap();
    chain.move_to(&ann, &host(0), &host(1), 2_000).unwrap();
    chain.vest(&host(0), 1_000);
    chain.vest(&host(1), 1_000);
    assert_eq!(chain.earned(&ann, &host(0)), 675, "nothing while it leaves");
    chain.advance(60);
    chain.withdraw(&ann, &host(0)).unwrap();
    chain.set_commission(&host(1), 0).unwrap();
    chain.vest(&host(1), 900);
    assert_eq!(
        chain.earned(&ann, &host(1)),
        600,
        "from the block on in which it landed"
    );
    let listed: Vec<FunderRewards> = chain.query(QueryMsg::RewardsOf {
        funder: ann.to_string(),
        start_after: None,
        limit: None,
    });
    assert_eq!(
        listed.iter().map(|l| l.amount.0).sum::<u128>(),
        1_275,
        "a left position is listed until it is paid"
    );
    chain.slash(&host(1), "all", 10_000, 0).unwrap();
    chain.vest(&host(1), 900);
    assert_eq!(chain.earned(&ann, &host(1)), 600);
    assert_eq!(chain.take_rewards(&ann, &host(1)).unwrap(), 600);
    assert_eq!(chain.take_rewards(&ann, &host(0)).unwrap(), 675);
    let positions: Vec<Position> = chain.query(QueryMsg::PositionsOf {
        funder: ann.to_string(),
        start_after: None,
        limit: None,
    });
    assert!(positions.is_empty(), "{positions:?}");
}

#[test]
fn coins_bonded_again_after_a_total_loss_earn_as_new_ones() {
    let (mut chain, ann) = funded();
    chain.vest(&host(0), 1_000);
    chain.slash(&host(0), "all", 10_000, 0).unwrap();
    chain.vest(&host(0), 1_000);
    chain.bond(&host(0), &host(0), 1_000).unwrap();
    chain.vest(&host(0), 1_000);
    chain.bond(&ann, &host(0), 1_000).unwrap();
    assert_eq!(chain.earned(&ann, &host(0)), 675);
    chain.vest(&host(0), 1_000);
    assert_eq!(chain.earned(&ann, &host(0)), 675 + 450);
    assert_eq!(chain.take_rewards(&ann, &host(0)).unwrap(), 1_125);
}

#[test]
fn a_commission_falls_at_once_and_rises_slowly_and_never_for_what_vested_before() {
    let (mut chain, ann) = funded();
    let refused = |chain: &mut Chain, rate_bps| {
        chain.refuse(
            &host(0),
            ExecuteMsg::SetCommission { rate_bps },
            &[],
            "commission_too_high",
        )
    };
    // lowered in this epoch, so the rise counts from there
    assert_eq!(chain.income(&host(0)).may_set_bps, 1_100);
    refused(&mut chain, 1_101);
    chain.set_commission(&host(0), 1_100).unwrap();
    refused(&mut chain, 1_101);
    chain.set_commission(&host(0), 300).unwrap();
    refused(&mut chain, 401);
    chain.epoch(2);
    chain.vest(&host(0), 10_000);
    chain.set_commission(&host(0), 400).unwrap();
    assert_eq!(
        chain.income(&host(0)).commission.0,
        300,
        "what vested before is divided by the old rate"
    );
    refused(&mut chain, 401);
    chain.epoch(3);
    chain.set_commission(&host(0), 500).unwrap();
    refused(&mut chain, 10_001);
    chain.refuse(
        &ann,
        ExecuteMsg::SetCommission { rate_bps: 0 },
        &[],
        "host_inactive",
    );
    chain.refuse(
        &host(0),
        ExecuteMsg::SetCommission { rate_bps: 0 },
        &[coin(1, DENOM)],
        "wrong_funds",
    );
}

#[test]
fn a_contract_that_does_not_answer_holds_back_neither_coins_nor_slashes() {
    let (mut chain, ann) = funded();
    chain.vest(&host(0), 1_000);
    let (epoch, broken) = (2, true);
    chain.tell_rewards(&Msg::Epoch { epoch, broken });
    chain.unbond(&ann, &host(0), 3_000).unwrap();
    assert_eq!(
        chain.slash(&host(0), "a", 5_000, 0).unwrap().slashed,
        Amount(2_000)
    );
    assert!(chain
        .take_rewards(&ann, &host(0))
        .unwrap_err()
        .contains("nothing_earned:"));
    chain.epoch(2);
    assert_eq!(chain.income(&host(0)).vested.0, 1_000);
}

#[test]
fn rewards_go_where_the_funder_says_and_anyone_may_have_the_host_paid() {
    let (mut chain, ann) = funded();
    chain.vest(&host(0), 1_000);
    let (host_0, to) = (host(0).to_string(), Some(who("cold").to_string()));
    chain
        .call(
            &ann,
            ExecuteMsg::WithdrawRewards {
                host: host_0.clone(),
                to,
            },
        )
        .unwrap();
    assert_eq!(chain.balance(&who("cold")), 675);
    let before = chain.balance(&host(0));
    chain
        .call(&ann, ExecuteMsg::WithdrawHost { host: host_0.clone() })
        .unwrap();
    assert_eq!(chain.balance(&host(0)), before + 325);
    chain.refuse(
        &ann,
        ExecuteMsg::WithdrawHost { host: host_0 },
        &[],
        "nothing_earned",
    );
}

#[test]
fn dividing_rewards_costs_the_same_however_many_fund_the_host() {
    let cost = |funders: usize| {
        let people: Vec<Addr> = (0..funders).map(|n| who(&format!("funder{n}"))).collect();
        let mut chain = Chain::new(&[people.clone(), vec![host(0)]].concat());
        chain.register(0);
        chain.bond(&host(0), &host(0), 100_000).unwrap();
        for funder in &people {
            chain.bond(funder, &host(0), 1_000).unwrap();
        }
        chain.set_commission(&host(0), 500).unwrap();
        chain.vest(&host(0), 1_000_000);
        chain.reads(|chain| {
            chain.take_rewards(&people[0], &host(0)).unwrap();
        })
    };
    assert_eq!(cost(10), cost(300));
}

#[derive(Clone, Debug)]
enum Step {
    Vest(u64, u128),
    Bond(usize, u64, u128),
    Unbond(usize, u64, u128),
    Move(usize, u128),
    Withdraw(usize, u64),
    Cancel(usize, u64),
    Take(usize, u64),
    TakeHost(u64, bool),
    Rate(u64, u32),
    Slash(u64, u32),
    Epoch,
    Height(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let (who, host) = (0..5_usize, 0..2_u64);
    prop_oneof![
        6 => (host.clone(), 1..1_u128 << 40).prop_map(|(h, a)| Step::Vest(h, a)),
        6 => (who.clone(), host.clone(), 1..1_u128 << 30).prop_map(|(w, h, a)| Step::Bond(w, h, a)),
        3 => (who.clone(), host.clone(), 1..=10_000_u128).prop_map(|(w, h, bps)| Step::Unbond(w, h, bps)),
        1 => (who.clone(), 1..=10_000_u128).prop_map(|(w, bps)| Step::Move(w, bps)),
        2 => (who.clone(), host.clone()).prop_map(|(w, h)| Step::Withdraw(w, h)),
        1 => (who.clone(), host.clone()).prop_map(|(w, h)| Step::Cancel(w, h)),
        3 => (who, host.clone()).prop_map(|(w, h)| Step::Take(w, h)),
        1 => (host.clone(), any::<bool>()).prop_map(|(h, all)| Step::TakeHost(h, all)),
        2 => (host.clone(), 0..=10_000_u32).prop_map(|(h, rate)| Step::Rate(h, rate)),
        1 => (host, prop_oneof![3 => 1..9_000_u32, 1 => Just(10_000)]).prop_map(|(h, bps)| Step::Slash(h, bps)),
        1 => Just(Step::Epoch),
        3 => (1..30_u64).prop_map(Step::Height),
    ]
}

/// What everybody should have earned, in 2^-32 coins, how far rounding may be off, and what all was paid.
#[derive(Default)]
struct Model {
    due: BTreeMap<(Addr, u64), u128>,
    slack: BTreeMap<u64, u128>,
    taken: BTreeMap<(Addr, u64), u128>,
    vested: BTreeMap<u64, u128>,
    commission: BTreeMap<u64, u128>,
    paid: BTreeMap<u64, u128>,
}

impl Model {
    fn vest(&mut self, chain: &Chain, people: &[Addr], n: u64, amount: u128) {
        let bond = chain.host_bond(&host(n));
        let rate = u128::from(chain.income(&host(n)).rate_bps);
        let commission = amount * rate / 10_000;
        let shared = amount - commission;
        *self.vested.entry(n).or_default() += amount;
        *self.commission.entry(n).or_default() += commission;
        if bond.active.is_zero() {
            *self.due.entry((host(n), n)).or_default() += shared << 32;
            *self.slack.entry(n).or_default() += 3;
            return;
        }
        for funder in people {
            // an operator's part is what the funders' coins leave, to the last one
            let value = chain.position(funder, &host(n)).active;
            *self.due.entry((funder.clone(), n)).or_default() += (shared << 32) / bond.active.0 * value.0;
        }
        // a value and an index are each rounded to a coin
        *self.slack.entry(n).or_default() += 3 + (shared * 6) / bond.active.0;
    }

    fn check(&self, chain: &Chain, people: &[Addr]) -> Result<(), TestCaseError> {
        for n in 0..2 {
            let income = chain.income(&host(n));
            let of = |map: &BTreeMap<u64, u128>| map.get(&n).copied().unwrap_or_default();
            prop_assert_eq!(income.vested.0, of(&self.vested));
            let open = income.commission.0 + income.own.0 + income.funders.0;
            prop_assert_eq!(open + of(&self.paid), income.vested.0, "every coin is somebody's");
            let others = people.iter().filter(|funder| **funder != host(n));
            let owed: u128 = others.map(|funder| chain.earned(funder, &host(n))).sum();
            prop_assert!(owed <= income.funders.0, "{owed} of {}", income.funders);
            prop_assert!(
                income.funders.0 - owed <= 400,
                "dust: {}",
                income.funders.0 - owed
            );
            for funder in people {
                let taken = self.taken.get(&(funder.clone(), n)).copied().unwrap_or_default();
                let got = chain.earned(funder, &host(n)) + taken;
                let due = self.due.get(&(funder.clone(), n)).copied().unwrap_or_default() >> 32;
                prop_assert!(got.abs_diff(due) <= of(&self.slack), "{got} for {due}");
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn all_that_vests_is_somebodys_once_and_each_gets_the_part_of_its_coins(
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let people: Vec<Addr> = [host(0), host(1), who("ann"), who("bob"), who("cleo")].to_vec();
        let mut chain = Chain::new(&people);
        for n in 0..2 {
            chain.register(n);
        }
        let mut model = Model::default();
        let (mut epoch, mut lowest) = (1, BTreeMap::new());
        for (number, step) in steps.into_iter().enumerate() {
            let part = |chain: &Chain, who: &Addr, n, bps: u128| chain.position(who, &host(n)).active.0 * bps / 10_000;
            match step {
                Step::Vest(n, amount) => {
                    model.vest(&chain, &people, n, amount);
                    chain.vest(&host(n), amount);
                }
                Step::Bond(w, n, amount) => drop(chain.bond(&people[w], &host(n), amount)),
                Step::Unbond(w, n, bps) => {
                    let amount = part(&chain, &people[w], n, bps);
                    drop(chain.unbond(&people[w], &host(n), amount));
                }
                Step::Move(w, bps) => {
                    let amount = part(&chain, &people[w], 0, bps);
                    drop(chain.move_to(&people[w], &host(0), &host(1), amount));
                }
                Step::Withdraw(w, n) => drop(chain.withdraw(&people[w], &host(n))),
                Step::Cancel(w, n) => {
                    if let Some(entry) = chain.position(&people[w], &host(n)).unbonding.last() {
                        let amount = entry.amount.0 - entry.moving.0;
                        drop(chain.cancel_unbond(&people[w], &host(n), entry.bucket, amount));
                    }
                }
                Step::Take(w, n) => {
                    let owed = chain.earned(&people[w], &host(n));
                    match chain.take_rewards(&people[w], &host(n)) {
                        Ok(got) => {
                            prop_assert_eq!(got, owed);
                            *model.taken.entry((people[w].clone(), n)).or_default() += got;
                            *model.paid.entry(n).or_default() += got;
                        }
                        Err(_) => prop_assert_eq!(owed, 0),
                    }
                }
                Step::TakeHost(n, all) => {
                    let (before, own) = (chain.balance(&host(n)), chain.income(&host(n)).own.0);
                    let message = match all {
                        true => ExecuteMsg::WithdrawHost { host: host(n).into() },
                        false => ExecuteMsg::WithdrawCommission {},
                    };
                    if chain.call(&host(n), message).is_ok() {
                        *model.paid.entry(n).or_default() += chain.balance(&host(n)) - before;
                        if all {
                            *model.taken.entry((host(n), n)).or_default() += own;
                        }
                    }
                }
                Step::Rate(n, rate) => {
                    let before = chain.income(&host(n));
                    let from = lowest.get(&(n, epoch)).copied().unwrap_or(before.rate_bps);
                    let done = chain.set_commission(&host(n), rate).is_ok();
                    prop_assert_eq!(done, rate <= before.rate_bps.max(from + 100), "{} {}", from, rate);
                    if done {
                        lowest.insert((n, epoch), from.min(rate));
                    }
                }
                Step::Slash(n, bps) => drop(chain.slash(&host(n), &number.to_string(), bps, 0).unwrap()),
                Step::Epoch => {
                    epoch += 1;
                    chain.epoch(epoch);
                }
                Step::Height(blocks) => chain.advance(blocks),
            }
            model.check(&chain, &people)?;
        }
        // in the end everybody is paid, and what is left is what rounding kept
        for n in 0..2 {
            for funder in &people {
                drop(chain.take_rewards(funder, &host(n)));
            }
            drop(chain.call(&host(n), ExecuteMsg::WithdrawHost { host: host(n).into() }));
            let income = chain.income(&host(n));
            prop_assert_eq!((income.commission.0, income.own.0), (0, 0));
            prop_assert!(income.funders.0 <= 400);
        }
        prop_assert!(chain.balance(&chain.rewards) <= 800);
    }
}
