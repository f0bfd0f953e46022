//! Losses.

use crate::common;

use common::{consensus_key, host, who, Chain};
use quern_interface::bonding::ExecuteMsg;
use quern_interface::registry::{ExecuteMsg as Registry, HostStatus};
use quern_protocol::Amount;

/// One host: 1,000 of the operator's, 2,000 of Ann's.
fn one_host() -> Chain {
    let mut chain = Chain::new(&[host(1), host(2), who("ann"), who("bob")]);
    chain.register(1);
    chain.bond(&host(1), &host(1), 1000).unwrap();
    chain.bond(&who("ann"), &host(1), 2000).unwrap();
    chain
}

#[test]
fn the_operator_loses_first_and_payers_are_made_whole_before_anything_burns() {
    let mut chain = one_host();
    let (supply, judge) = (chain.supply(), chain.balance(&who("judge")));
    let slash = chain.slash(&host(1), "small", 2000, 250).unwrap();
    assert_eq!(
        (slash.slashed, slash.restitution, slash.burned),
        (Amount(600), Amount(250), Amount(350))
    );
    assert_eq!(chain.host_bond(&host(1)).operator, Amount(400));
    assert_eq!(chain.position(&who("ann"), &host(1)).active, Amount(2000));
    assert_eq!(chain.balance(&who("judge")) - judge, 250);
    assert_eq!(supply - chain.supply(), 350);
    // 50 % of 2,400 is more than the operator has left.
    let slash = chain.slash(&host(1), "large", 5000, 9999).unwrap();
    assert_eq!((slash.restitution, slash.burned), (Amount(1200), Amount(0)));
    assert_eq!(chain.host_bond(&host(1)).operator, Amount(0));
    assert_eq!(chain.position(&who("ann"), &host(1)).active, Amount(1200));
}

#[test]
fn an_offence_is_slashed_once_and_by_judges_only() {
    let mut chain = one_host();
    chain.slash(&host(1), "quern-small/0", 1000, 0).unwrap();
    let again = chain.slash(&host(1), "quern-small/0", 1000, 0).unwrap_err();
    assert!(again.contains("offence_known:"));
    chain.slash(&host(1), "quern-small/1", 1000, 0).unwrap();
    let order = |fraction_bps| ExecuteMsg::Slash {
        host: host(1).to_string(),
        offence: "other".into(),
        fraction_bps,
        restitution: Amount(0),
    };
    chain.refuse(&who("gov"), order(1), &[], "unauthorized");
    chain.refuse(&who("judge"), order(0), &[], "bad_slash");
    chain.refuse(&who("judge"), order(10_001), &[], "bad_slash");
    let freeze = ExecuteMsg::Freeze {
        host: host(1).to_string(),
        frozen: true,
    };
    chain.refuse(&who("gov"), freeze, &[], "unauthorized");
}

#[test]
fn leaving_does_not_outrun_a_slash_even_in_the_last_block() {
    let mut chain = one_host();
    let ann = who("ann");
    chain.unbond(&ann, &host(1), 2000).unwrap();
    chain.unbond(&host(1), &host(1), 1000).unwrap();
    chain.advance(40);
    let slash = chain
        .slash(&host(1), "in the block of maturity", 10_000, 0)
        .unwrap();
    assert_eq!(slash.slashed, Amount(3000));
    chain.advance(1);
    assert_eq!(chain.withdraw(&ann, &host(1)).unwrap(), 0);
    assert_eq!(chain.totals().unbonding, Amount(0));
}

#[test]
fn matured_coins_are_out_of_reach() {
    let mut chain = one_host();
    chain.unbond(&who("ann"), &host(1), 2000).unwrap();
    chain.advance(41);
    let slash = chain.slash(&host(1), "late", 10_000, 0).unwrap();
    assert_eq!(slash.slashed, Amount(1000));
    assert_eq!(chain.withdraw(&who("ann"), &host(1)).unwrap(), 2000);
}

#[test]
fn a_pool_that_lost_everything_starts_anew() {
    let mut chain = one_host();
    let (ann, bob) = (who("ann"), who("bob"));
    chain.slash(&host(1), "all", 10_000, 0).unwrap();
    assert_eq!(chain.registered(&host(1)).bond, Amount(0));
    chain.bond(&host(1), &host(1), 500).unwrap();
    chain.bond(&bob, &host(1), 700).unwrap();
    assert_eq!(chain.position(&bob, &host(1)).active, Amount(700));
    assert_eq!(chain.position(&ann, &host(1)).active, Amount(0));
    let none = ExecuteMsg::Unbond {
        host: host(1).to_string(),
        amount: Amount(1),
    };
    chain.refuse(&ann, none, &[], "insufficient_position");
    chain.bond(&ann, &host(1), 300).unwrap();
    assert_eq!(chain.position(&ann, &host(1)).active, Amount(300));
    assert_eq!(chain.position(&bob, &host(1)).active, Amount(700));
}

#[test]
fn signing_two_blocks_costs_bond_place_and_name() {
    let mut chain = one_host();
    let unknown = chain.misbehave(2, 90).unwrap_err();
    assert!(unknown.contains("unknown_host"), "{unknown}");
    assert!(chain.end_block().is_empty());
    chain.misbehave(1, 99).unwrap();
    let bond = chain.host_bond(&host(1));
    assert_eq!(
        (bond.active, bond.operator, bond.tombstoned),
        (Amount(2850), Amount(850), true)
    );
    assert_eq!(chain.registered(&host(1)).status, HostStatus::Tombstoned);
    assert_eq!(chain.registered(&host(1)).bond, Amount(2850));
    assert_eq!(chain.end_block(), [consensus_key(1)]);
    assert!(chain.end_block().is_empty(), "a removal is told once");
    assert!(chain.end_epoch().validators.is_empty());
    // More evidence of the same key, from this or another height, changes nothing.
    chain.misbehave(1, 98).unwrap();
    assert_eq!(chain.host_bond(&host(1)).active, Amount(2850));
    assert!(chain.end_block().is_empty());
    let bond = ExecuteMsg::Bond {
        host: host(1).to_string(),
    };
    chain.refuse(
        &who("ann"),
        bond,
        &[cosmwasm_std::coin(5, "nqrn")],
        "host_inactive",
    );
    // Funders leave, and so does the operator.
    chain.unbond(&host(1), &host(1), 850).unwrap();
    chain.unbond(&who("ann"), &host(1), 2000).unwrap();
    chain.advance(41);
    assert_eq!(chain.withdraw(&who("ann"), &host(1)).unwrap(), 2000);
}

#[test]
fn a_slash_below_the_validators_bond_removes_at_once() {
    let mut chain = one_host();
    chain.slash(&host(1), "some", 3000, 0).unwrap();
    assert!(
        chain.end_block().is_empty(),
        "a hundred of the operator's supports a thousand"
    );
    chain.slash(&host(1), "more", 100, 0).unwrap();
    assert_eq!(chain.end_block(), [consensus_key(1)]);
    chain.slash(&host(1), "still more", 5000, 0).unwrap();
    assert!(chain.end_block().is_empty());
}

#[test]
fn nobody_serves_on_others_coins_alone() {
    let mut chain = one_host();
    chain.slash(&host(1), "the operator's", 3000, 0).unwrap();
    let bond = chain.host_bond(&host(1));
    assert_eq!(
        (bond.active, bond.operator, bond.counted),
        (Amount(2100), Amount(100), Amount(1000))
    );
    assert_eq!(chain.registered(&host(1)).bond, Amount(1000));
    // Nor by leaving, taking the operator's part out, and coming back.
    chain.registry_call(&host(1), Registry::RetireHost {});
    chain.unbond(&host(1), &host(1), 100).unwrap();
    chain.register(1);
    assert_eq!(chain.registered(&host(1)).bond, Amount(0));
    assert!(chain.end_epoch().validators.is_empty());
    chain.bond(&host(1), &host(1), 200).unwrap();
    assert_eq!(chain.registered(&host(1)).bond, Amount(2000));
}
