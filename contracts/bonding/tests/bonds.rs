//! Bonding, leaving, moving.

use crate::common;

use common::{host, params, who, Chain, DENOM};
use cosmwasm_std::coin;
use quern_interface::bonding::{ExecuteMsg, HostBond, LargestFunders, Position, QueryMsg};
use quern_interface::registry::ExecuteMsg as Registry;
use quern_protocol::Amount;

/// Two hosts with 1,000 each of their operators'.
fn two_hosts() -> Chain {
    let mut chain = Chain::new(&[host(1), host(2), who("ann"), who("bob")]);
    for n in [1, 2] {
        chain.register(n);
        chain.bond(&host(n), &host(n), 1000).unwrap();
    }
    chain
}

#[test]
fn only_the_chains_coin_bonds_and_only_to_a_host_that_serves() {
    let mut chain = two_hosts();
    let ann = who("ann");
    let to = |host: String| ExecuteMsg::Bond { host };
    for funds in [
        vec![],
        vec![coin(5, "other")],
        vec![coin(5, DENOM), coin(5, "other")],
    ] {
        chain.refuse(&ann, to(host(1).to_string()), &funds, "wrong_funds");
    }
    let unbond = ExecuteMsg::Unbond {
        host: host(1).to_string(),
        amount: Amount(1),
    };
    chain.refuse(&host(1), unbond, &[coin(1, DENOM)], "wrong_funds");
    chain.refuse(
        &ann,
        to(who("nobody").to_string()),
        &[coin(5, DENOM)],
        "host_inactive",
    );
    chain.registry_call(&host(1), Registry::RetireHost {});
    chain.refuse(&ann, to(host(1).to_string()), &[coin(5, DENOM)], "host_inactive");
}

#[test]
fn the_largest_funders_are_found_among_hundreds_of_crumbs_with_as_little_work_as_among_few() {
    let crumbs: Vec<_> = (0..300).map(|n| who(&format!("crumb{n}"))).collect();
    let mut users = vec![host(1), who("ann"), who("bob")];
    users.extend(crumbs.iter().cloned());
    let mut chain = Chain::new(&users);
    chain.register(1);
    for (funder, amount) in [(host(1), 1_000), (who("ann"), 500), (who("bob"), 700)] {
        chain.bond(&funder, &host(1), amount).unwrap();
    }
    let ask = |chain: &mut Chain| {
        let mut found = None;
        let reads = chain.reads(|chain| {
            let question = QueryMsg::LargestFunders {
                host: host(1).into(),
                limit: 2,
            };
            found = Some(chain.query::<LargestFunders>(question));
        });
        (found.unwrap(), reads)
    };
    let (few, reads_of_few) = ask(&mut chain);
    assert_eq!(few.active, Amount(2_200));
    for crumb in &crumbs {
        chain.bond(crumb, &host(1), 2).unwrap();
        chain.unbond(crumb, &host(1), 1).unwrap();
    }
    let (many, reads_of_many) = ask(&mut chain);
    assert_eq!(many.active, Amount(2_500));
    let funders = |found: &LargestFunders| found.funders.clone();
    assert_eq!(funders(&many), funders(&few));
    let names: Vec<_> = many
        .funders
        .iter()
        .map(|f| (f.funder.as_str(), f.active.0))
        .collect();
    assert_eq!(names, [(who("bob").as_str(), 700), (who("ann").as_str(), 500)]);
    assert_eq!(reads_of_many, reads_of_few);
}

#[test]
fn the_registry_always_knows_the_active_bond() {
    let mut chain = two_hosts();
    chain.bond(&who("ann"), &host(1), 500).unwrap();
    assert_eq!(chain.registered(&host(1)).bond, Amount(1500));
    chain.unbond(&who("ann"), &host(1), 200).unwrap();
    assert_eq!(chain.registered(&host(1)).bond, Amount(1300));
    chain.slash(&host(1), "a", 1000, 0).unwrap();
    // 10 % of 1,500 with what unbonds, all of it the operator's.
    assert_eq!(chain.registered(&host(1)).bond, Amount(1150));
}

#[test]
fn the_operator_keeps_a_tenth_whoever_comes_or_goes() {
    let mut chain = two_hosts();
    let (ann, operator) = (who("ann"), host(1));
    chain.bond(&ann, &host(1), 9000).unwrap();
    let more = ExecuteMsg::Bond {
        host: host(1).to_string(),
    };
    chain.refuse(&ann, more, &[coin(1, DENOM)], "operator_share");
    let less = ExecuteMsg::Unbond {
        host: host(1).to_string(),
        amount: Amount(1),
    };
    chain.refuse(&operator, less, &[], "operator_share");
    let away = ExecuteMsg::Move {
        from: host(1).to_string(),
        to: host(2).to_string(),
        amount: Amount(1),
    };
    chain.refuse(&operator, away, &[], "operator_share");
    chain.bond(&operator, &host(1), 10).unwrap();
    chain.unbond(&operator, &host(1), 10).unwrap();
    chain.unbond(&ann, &host(1), 9000).unwrap();
    chain.unbond(&operator, &host(1), 1000).unwrap();
    // An operator that stopped need not wait for its funders.
    chain.bond(&host(2), &host(2), 100).unwrap();
    chain.bond(&ann, &host(2), 9000).unwrap();
    chain.registry_call(&host(2), Registry::RetireHost {});
    chain.unbond(&host(2), &host(2), 1100).unwrap();
}

#[test]
fn a_closed_host_takes_its_operators_coins_only() {
    let mut chain = two_hosts();
    chain.call(&host(1), ExecuteMsg::SetOpen { open: false }).unwrap();
    let msg = ExecuteMsg::Bond {
        host: host(1).to_string(),
    };
    chain.refuse(&who("ann"), msg, &[coin(5, DENOM)], "host_closed");
    chain.bond(&host(1), &host(1), 5).unwrap();
    chain.bond(&who("ann"), &host(2), 5).unwrap();
    let msg = ExecuteMsg::Move {
        from: host(2).to_string(),
        to: host(1).to_string(),
        amount: Amount(5),
    };
    chain.refuse(&who("ann"), msg, &[], "host_closed");
    chain.refuse(
        &who("ann"),
        ExecuteMsg::SetOpen { open: true },
        &[],
        "host_inactive",
    );
    chain.call(&host(1), ExecuteMsg::SetOpen { open: true }).unwrap();
    chain.bond(&who("ann"), &host(1), 5).unwrap();
}

#[test]
fn coins_come_back_after_the_delay_and_not_a_block_before() {
    let mut chain = two_hosts();
    let ann = who("ann");
    chain.bond(&ann, &host(1), 500).unwrap();
    let too_much = ExecuteMsg::Unbond {
        host: host(1).to_string(),
        amount: Amount(501),
    };
    chain.refuse(&ann, too_much, &[], "insufficient_position");
    chain.advance(5);
    // At 105, with 40 blocks of delay and buckets of 10: slashable until 150.
    chain.unbond(&ann, &host(1), 500).unwrap();
    assert_eq!(chain.position(&ann, &host(1)).unbonding[0].matures_at, 151);
    let withdraw = ExecuteMsg::Withdraw {
        host: host(1).to_string(),
    };
    chain.advance(45);
    chain.refuse(&ann, withdraw.clone(), &[], "nothing_matured");
    chain.advance(1);
    assert_eq!(chain.withdraw(&ann, &host(1)).unwrap(), 500);
    chain.refuse(&ann, withdraw, &[], "nothing_matured");
    let left: Vec<Position> = chain.query(QueryMsg::PositionsOf {
        funder: ann.to_string(),
        start_after: None,
        limit: None,
    });
    assert!(left.is_empty(), "an empty position is forgotten");
}

#[test]
fn what_leaves_can_bond_again_until_it_matures_and_what_moves_cannot() {
    let mut chain = two_hosts();
    let ann = who("ann");
    chain.bond(&ann, &host(1), 500).unwrap();
    chain.unbond(&ann, &host(1), 300).unwrap();
    chain.move_to(&ann, &host(1), &host(2), 100).unwrap();
    let entry = chain.position(&ann, &host(1)).unbonding.remove(0);
    assert_eq!((entry.amount, entry.moving), (Amount(400), Amount(100)));
    assert_eq!(entry.to, Some(host(2).to_string()));
    let cancel = |bucket, amount| ExecuteMsg::CancelUnbond {
        host: host(1).to_string(),
        bucket,
        amount: Amount(amount),
    };
    chain.refuse(&ann, cancel(entry.bucket, 301), &[], "insufficient_position");
    chain.refuse(&ann, cancel(entry.bucket, 0), &[], "amount_too_small");
    chain.refuse(&ann, cancel(entry.bucket + 10, 1), &[], "insufficient_position");
    chain.refuse(&who("bob"), cancel(entry.bucket, 1), &[], "insufficient_position");
    chain.call(&ann, cancel(entry.bucket, 200)).unwrap();
    let position = chain.position(&ann, &host(1));
    assert_eq!(
        (position.active, position.unbonding[0].amount),
        (Amount(300), Amount(200))
    );
    chain.call(&host(1), ExecuteMsg::SetOpen { open: false }).unwrap();
    chain.refuse(&ann, cancel(entry.bucket, 1), &[], "host_closed");
    chain.call(&host(1), ExecuteMsg::SetOpen { open: true }).unwrap();
    chain.advance(entry.matures_at - chain.height());
    chain.refuse(&ann, cancel(entry.bucket, 1), &[], "insufficient_position");
    assert_eq!(chain.withdraw(&ann, &host(1)).unwrap(), 100);
    assert_eq!(chain.position(&ann, &host(2)).active, Amount(100));
}

#[test]
fn moved_coins_answer_for_the_first_host_until_they_land() {
    let mut chain = two_hosts();
    let ann = who("ann");
    chain.bond(&ann, &host(1), 1000).unwrap();
    chain.move_to(&ann, &host(1), &host(2), 1000).unwrap();
    assert_eq!(chain.host_bond(&host(2)).active, Amount(1000));
    // Everything of host 1 is lost, the part on its way included.
    chain.slash(&host(1), "all but a tenth", 9000, 0).unwrap();
    chain.advance(41);
    assert_eq!(chain.withdraw(&ann, &host(1)).unwrap(), 0);
    assert_eq!(chain.position(&ann, &host(2)).active, Amount(200));
    assert_eq!(chain.registered(&host(2)).bond, Amount(1200));
    // From now on they answer for the second host only.
    chain.slash(&host(1), "again", 10_000, 0).unwrap();
    assert_eq!(chain.position(&ann, &host(2)).active, Amount(200));
}

#[test]
fn what_cannot_land_is_paid_out() {
    let mut chain = two_hosts();
    let ann = who("ann");
    chain.bond(&ann, &host(1), 600).unwrap();
    chain.move_to(&ann, &host(1), &host(2), 100).unwrap();
    let elsewhere = ExecuteMsg::Move {
        from: host(1).to_string(),
        to: host(1).to_string(),
        amount: Amount(1),
    };
    chain.refuse(&ann, elsewhere, &[], "same_host");
    chain.registry_call(&host(2), Registry::RetireHost {});
    chain.advance(41);
    assert_eq!(chain.withdraw(&ann, &host(1)).unwrap(), 100);
}

#[test]
fn a_frozen_host_pays_nothing_out_and_thaws_without_delay() {
    let mut chain = two_hosts();
    let ann = who("ann");
    chain.bond(&ann, &host(1), 900).unwrap();
    chain.unbond(&ann, &host(1), 300).unwrap();
    chain.advance(51);
    // Matured before the freeze: out of its reach.
    chain.freeze(&host(1), true);
    chain.unbond(&ann, &host(1), 300).unwrap();
    assert_eq!(chain.withdraw(&ann, &host(1)).unwrap(), 300);
    for _ in 0..5 {
        chain.advance(20);
        chain.freeze(&host(1), true);
    }
    let withdraw = ExecuteMsg::Withdraw {
        host: host(1).to_string(),
    };
    chain.refuse(&ann, withdraw, &[], "nothing_matured");
    // Long past its delay, and still slashable: the operator's 1,000 go first.
    let slash = chain.slash(&host(1), "a", 10_000, 0).unwrap();
    assert_eq!(slash.slashed, Amount(1600));
    chain.freeze(&host(1), false);
    assert_eq!(chain.withdraw(&ann, &host(1)).unwrap(), 0);
}

#[test]
fn a_host_that_goes_silent_locks_its_funders_for_one_freeze_and_no_longer() {
    let mut chain = two_hosts();
    let ann = who("ann");
    chain.bond(&ann, &host(1), 900).unwrap();
    chain.unbond(&ann, &host(1), 300).unwrap();
    let end = chain.position(&ann, &host(1)).unbonding[0].matures_at - 1;
    chain.advance(end - chain.height());
    chain.freeze(&host(1), true);
    let matures_at = chain.position(&ann, &host(1)).unbonding[0].matures_at;
    assert_eq!(matures_at, end + 25 + 1, "freeze_blocks");
    chain.advance(25);
    assert!(chain.withdraw(&ann, &host(1)).is_err());
    chain.advance(1);
    assert!(!chain.host_bond(&host(1)).frozen);
    assert_eq!(chain.withdraw(&ann, &host(1)).unwrap(), 300);
}

#[test]
fn what_a_freeze_holds_keeps_back_nothing_that_matured_after_it() {
    let mut chain = two_hosts();
    let ann = who("ann");
    chain.bond(&ann, &host(1), 900).unwrap();
    chain.unbond(&ann, &host(1), 300).unwrap();
    chain.advance(10);
    chain.unbond(&ann, &host(1), 200).unwrap();
    let ends = |chain: &Chain| -> Vec<u64> {
        let position = chain.position(&ann, &host(1));
        position
            .unbonding
            .iter()
            .map(|entry| entry.matures_at - 1)
            .collect()
    };
    let [first, second] = ends(&chain)[..] else {
        panic!("two entries")
    };
    chain.advance(first - 25 - chain.height());
    chain.freeze(&host(1), true);
    assert_eq!(ends(&chain), [first + 25, second]);
    chain.advance(second + 1 - chain.height());
    assert_eq!(chain.withdraw(&ann, &host(1)).unwrap(), 200);
    assert_eq!(ends(&chain), [first + 25]);
    chain.advance(first + 26 - chain.height());
    assert_eq!(chain.withdraw(&ann, &host(1)).unwrap(), 300);
}

#[test]
fn a_cheat_that_goes_silent_as_its_coins_mature_is_still_judged_with_them() {
    let mut chain = two_hosts();
    chain.unbond(&host(1), &host(1), 1_000).unwrap();
    let end = chain.position(&host(1), &host(1)).unbonding[0].matures_at - 1;
    // The judge's last word reaches just to the bucket's end; what was served until there needs 25 blocks.
    chain.advance(end - 25 - chain.height());
    chain.freeze(&host(1), true);
    chain.advance(25 + 25);
    assert!(chain.withdraw(&host(1), &host(1)).is_err());
    assert_eq!(
        chain.slash(&host(1), "a", 10_000, 0).unwrap().slashed,
        Amount(1_000)
    );
}

#[test]
fn whatever_judges_say_a_funder_is_paid_within_the_longest_freeze() {
    let mut chain = two_hosts();
    let ann = who("ann");
    chain.bond(&ann, &host(1), 900).unwrap();
    chain.unbond(&ann, &host(1), 300).unwrap();
    let end = chain.position(&ann, &host(1)).unbonding[0].matures_at - 1;
    while chain.height() <= end + 100 {
        chain.freeze(&host(1), true);
        assert!(chain.withdraw(&ann, &host(1)).is_err());
        chain.advance(1);
    }
    chain.freeze(&host(1), true);
    assert_eq!(chain.withdraw(&ann, &host(1)).unwrap(), 300);
}

#[test]
fn a_host_frozen_without_end_keeps_a_bounded_number_of_buckets_and_refuses_nobody() {
    let mut chain = two_hosts();
    let mut paid = 0;
    for _ in 0..60 {
        chain.freeze(&host(1), true);
        chain.unbond(&host(1), &host(1), 1).unwrap();
        chain.advance(10);
        if let Ok(part) = chain.withdraw(&host(1), &host(1)) {
            assert!(part <= 8, "one withdrawal visits a bounded number of buckets");
            paid += part;
        }
    }
    assert!(chain.host_bond(&host(1)).unbonding.0 <= 16);
    chain.freeze(&host(1), false);
    chain.advance(50);
    while let Ok(part) = chain.withdraw(&host(1), &host(1)) {
        paid += part;
    }
    assert_eq!(paid, 60);
}

#[test]
fn hosts_are_listed_by_falling_bond_page_by_page() {
    let users: Vec<_> = (0..12).map(host).collect();
    let mut chain = Chain::new(&users);
    for n in 0..12 {
        chain.register(n);
        chain
            .bond(&host(n), &host(n), 100 + u128::from(n * 7 % 5))
            .unwrap();
    }
    let mut listed: Vec<HostBond> = vec![];
    loop {
        let start_after = listed.last().map(|bond| bond.host.clone());
        let page: Vec<HostBond> = chain.query(QueryMsg::HostBonds {
            start_after,
            limit: Some(5),
        });
        if page.is_empty() {
            break;
        }
        listed.extend(page);
    }
    let mut sorted: Vec<_> = listed
        .iter()
        .map(|bond| (u128::MAX - bond.active.0, bond.host.clone()))
        .collect();
    sorted.sort();
    assert_eq!(listed.len(), 12);
    assert!(listed
        .iter()
        .zip(&sorted)
        .all(|(bond, (_, host))| bond.host == *host));
}

#[test]
fn parameters_must_keep_the_work_bounded() {
    let mut chain = two_hosts();
    let gov = who("gov");
    chain.refuse(&host(1), ExecuteMsg::UpdateParams(params()), &[], "unauthorized");
    let changes: [fn(&mut quern_interface::bonding::Params); 10] = [
        |p| p.commission_rise_bps = 10_001,
        |p| p.unbonding_blocks = 211,
        |p| p.max_freeze_blocks = 271,
        |p| p.freeze_blocks = 0,
        |p| p.freeze_blocks = 101,
        |p| p.bucket_blocks = 0,
        |p| p.max_validators = 101,
        |p| p.max_power_bps = 0,
        |p| p.denom = "other".into(),
        |p| p.min_operator_bps = 10_001,
    ];
    for change in changes {
        let mut bad = params();
        change(&mut bad);
        chain.refuse(&gov, ExecuteMsg::UpdateParams(bad), &[], "bad_params");
    }
    let mut good = params();
    good.unbonding_blocks = 210;
    chain.call(&gov, ExecuteMsg::UpdateParams(good)).unwrap();
}
