//! Hosts: registration, keys, leaving, convictions.

use crate::common;

use common::{details, fee, offer, warm_key, who, Registry, DENOM, FEE};
use cosmwasm_std::{coin, BankMsg, CosmosMsg};
use proptest::prelude::*;
use quern_interface::registry::{
    ConsensusIdentity, ExecuteMsg, HostInfo, HostStatus, HostUpdate, QueryMsg, WarmKey,
};
use quern_protocol::{Amount, Bytes};

#[test]
fn registering_burns_exactly_the_fee() {
    let mut registry = Registry::new();
    let msg = ExecuteMsg::RegisterHost(details(1, vec![]));
    for wrong in [
        vec![],
        vec![coin(FEE - 1, DENOM)],
        vec![coin(FEE + 1, DENOM)],
        vec![coin(FEE, "other")],
        vec![coin(FEE, DENOM), coin(1, "other")],
    ] {
        let error = registry
            .execute_with(&who("host1"), msg.clone(), &wrong)
            .unwrap_err();
        assert!(error.to_string().starts_with("wrong_funds:"), "{error}");
    }
    let response = registry.execute_with(&who("host1"), msg, &fee()).unwrap();
    let burn = CosmosMsg::from(BankMsg::Burn { amount: fee() });
    assert_eq!(
        response
            .messages
            .iter()
            .map(|m| m.msg.clone())
            .collect::<Vec<_>>(),
        [burn]
    );
}

#[test]
fn a_message_without_a_price_takes_no_coins() {
    let mut registry = Registry::new();
    let host = registry.join(1, vec![], 0);
    let error = registry
        .execute_with(&host, ExecuteMsg::RetireHost {}, &[coin(1, DENOM)])
        .unwrap_err();
    assert!(error.to_string().starts_with("wrong_funds:"));
}

#[test]
fn a_consensus_key_and_a_warm_key_belong_to_one_host_for_ever() {
    let mut registry = Registry::new();
    let first = registry.join(1, vec![], 0);
    let mut taken = details(2, vec![]);
    taken.consensus_key = details(1, vec![]).consensus_key;
    let error = registry
        .execute_with(&who("host2"), ExecuteMsg::RegisterHost(taken), &fee())
        .unwrap_err();
    assert!(error.to_string().starts_with("consensus_key_taken:"));
    let mut taken = details(2, vec![]);
    taken.warm_key = warm_key(1);
    // Also after the first host rotated away from it.
    registry.env.block.height += 1;
    registry
        .execute(
            &first,
            ExecuteMsg::RotateWarmKey {
                warm_key: warm_key(9),
            },
        )
        .unwrap();
    let error = registry
        .execute_with(&who("host2"), ExecuteMsg::RegisterHost(taken), &fee())
        .unwrap_err();
    assert!(error.to_string().starts_with("warm_key_taken:"));
}

#[test]
fn a_warm_key_must_be_a_point_of_the_curve() {
    let mut registry = Registry::new();
    let mut bad = details(1, vec![]);
    bad.warm_key = Bytes::new([0xff; 33]);
    let error = registry
        .execute_with(&who("host1"), ExecuteMsg::RegisterHost(bad), &fee())
        .unwrap_err();
    assert!(error.to_string().starts_with("warm_key_invalid:"));
}

#[test]
fn a_rotated_key_counts_from_the_next_block_and_the_old_one_is_still_found() {
    let mut registry = Registry::new();
    let host = registry.join(1, vec![], 0);
    let old = registry.host(&host).warm_key;
    assert_eq!((old.key, old.from), (warm_key(1), 100));
    registry.env.block.height = 110;
    registry
        .execute(
            &host,
            ExecuteMsg::RotateWarmKey {
                warm_key: warm_key(2),
            },
        )
        .unwrap();
    registry.refuse(
        &host,
        ExecuteMsg::RotateWarmKey {
            warm_key: warm_key(3),
        },
        "warm_key_pending",
    );
    assert_eq!(registry.host(&host).warm_key, old);
    registry.env.block.height = 111;
    let new = registry.host(&host).warm_key;
    assert_eq!((new.key, new.from), (warm_key(2), 111));
    let at = |height| {
        registry.query::<WarmKey>(QueryMsg::WarmKeyAt {
            host: host.to_string(),
            height,
        })
    };
    assert_eq!(at(110).unwrap(), old);
    assert_eq!(at(111).unwrap(), new);
    assert!(at(99).unwrap_err().to_string().starts_with("no_warm_key:"));
    assert!(at(112).unwrap_err().to_string().starts_with("future_height:"));
    // Both addresses lead to the host, whose record says which one counts.
    for address in [&old.address, &new.address] {
        let found: HostInfo = registry
            .query(QueryMsg::HostByWarmKey {
                address: address.clone(),
            })
            .unwrap();
        assert_eq!(
            (found.host, found.warm_key.address),
            (host.to_string(), new.address.clone())
        );
    }
}

#[test]
fn the_address_of_a_warm_key_is_that_of_an_account() {
    // Account of the compressed key of the secret 1, by the Cosmos SDK's rule: RIPEMD-160 of SHA-256.
    let generator = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
        .parse()
        .unwrap();
    let api = cosmwasm_std::testing::MockApi::default().with_prefix("cosmos");
    let mut registry = Registry::new();
    registry.deps.api = api;
    let mut host = details(1, vec![]);
    host.warm_key = generator;
    let operator = api.addr_make("operator");
    registry
        .execute_with(&operator, ExecuteMsg::RegisterHost(host), &fee())
        .unwrap();
    let info = registry.host(&operator);
    assert_eq!(
        info.warm_key.address,
        "cosmos1w508d6qejxtdg4y5r3zarvary0c5xw7k6ah60c"
    );
}

#[test]
fn only_the_operator_changes_its_record() {
    let mut registry = Registry::new();
    let host = registry.join(1, vec![], 0);
    let update = HostUpdate {
        endpoint: Some("https://new.example".into()),
        payout: Some(who("cold").into()),
        ..HostUpdate::default()
    };
    registry.refuse(
        &who("other"),
        ExecuteMsg::UpdateHost(update.clone()),
        "unknown_host",
    );
    registry.execute(&host, ExecuteMsg::UpdateHost(update)).unwrap();
    let info = registry.host(&host);
    assert_eq!(
        (info.endpoint.as_str(), info.moniker.as_str()),
        ("https://new.example", "host 1")
    );
    assert_eq!(info.payout, who("cold").as_str());
    let bad = HostUpdate {
        moniker: Some("x".repeat(71)),
        ..HostUpdate::default()
    };
    registry.refuse(&host, ExecuteMsg::UpdateHost(bad), "bad_text");
}

#[test]
fn leaving_and_coming_back_sheds_no_conviction_and_costs_the_fee_again() {
    let mut registry = Registry::new();
    let host = registry.join(1, vec![offer("alpha", 10)], 1000);
    registry.convict(&host, "alpha").unwrap();
    registry.execute(&host, ExecuteMsg::RetireHost {}).unwrap();
    assert_eq!(registry.host(&host).status, HostStatus::Retired);
    registry.refuse(&host, ExecuteMsg::SetOffers { offers: vec![] }, "host_inactive");
    let again = ExecuteMsg::RegisterHost(details(1, vec![offer("alpha", 10)]));
    registry.refuse(&host, again.clone(), "wrong_funds");
    let mut other_key = details(1, vec![]);
    other_key.consensus_key = Bytes::new([1; 32]);
    let error = registry
        .execute_with(&host, ExecuteMsg::RegisterHost(other_key), &fee())
        .unwrap_err();
    assert!(error.to_string().starts_with("consensus_key_fixed:"));
    registry.execute_with(&host, again, &fee()).unwrap();
    let membership = registry.host(&host).memberships.remove(0);
    assert_eq!((membership.generation, membership.effective), (1, 0));
    assert_eq!(membership.convicted_until, Some(150));
    assert!(registry.draw("alpha", 1, 4).is_empty());
}

#[test]
fn requalifying_takes_the_delay_and_the_fee() {
    let mut registry = Registry::new();
    let host = registry.join(1, vec![offer("alpha", 10), offer("beta", 10)], 100);
    assert_eq!(registry.effective(&host), [10, 0]);
    registry.convict(&host, "alpha").unwrap();
    assert_eq!(
        registry.effective(&host),
        [0, 10],
        "freed bond covers the other model"
    );
    let requalify = ExecuteMsg::Requalify {
        model: "alpha".into(),
    };
    let early = registry
        .execute_with(&host, requalify.clone(), &fee())
        .unwrap_err();
    assert!(early.to_string().starts_with("too_early:"));
    registry.env.block.height = 150;
    registry.refuse(&host, requalify.clone(), "wrong_funds");
    registry.execute_with(&host, requalify.clone(), &fee()).unwrap();
    assert_eq!(registry.effective(&host), [10, 0]);
    assert_eq!(registry.host(&host).memberships[0].generation, 1);
    let twice = registry.execute_with(&host, requalify, &fee()).unwrap_err();
    assert!(twice.to_string().starts_with("not_convicted:"));
}

#[test]
fn a_host_that_dropped_the_offer_can_still_be_convicted() {
    let mut registry = Registry::new();
    let host = registry.join(1, vec![offer("alpha", 10)], 100);
    registry
        .execute(&host, ExecuteMsg::SetOffers { offers: vec![] })
        .unwrap();
    registry.convict(&host, "alpha").unwrap();
    let offers = vec![offer("alpha", 10)];
    registry.execute(&host, ExecuteMsg::SetOffers { offers }).unwrap();
    assert_eq!(registry.effective(&host), [0]);
    assert!(registry
        .convict(&host, "no-such")
        .unwrap_err()
        .to_string()
        .starts_with("unknown_model:"));
}

#[test]
fn a_tombstoned_host_never_returns() {
    let mut registry = Registry::new();
    let host = registry.join(1, vec![offer("alpha", 10)], 1000);
    let hosts = vec![host.to_string(), who("nobody").to_string()];
    let identities = |registry: &Registry| {
        let hosts = hosts.clone();
        registry
            .query::<Vec<ConsensusIdentity>>(QueryMsg::ConsensusIdentities { hosts })
            .unwrap()
    };
    assert_eq!(identities(&registry).len(), 1);
    let tombstone = ExecuteMsg::Tombstone {
        host: host.to_string(),
    };
    registry.refuse(&host, tombstone.clone(), "unauthorized");
    registry.execute(&who("bonding"), tombstone).unwrap();
    assert!(identities(&registry).is_empty());
    assert!(registry.draw("alpha", 1, 4).is_empty());
    let again = ExecuteMsg::RegisterHost(details(1, vec![]));
    let error = registry.execute_with(&host, again, &fee()).unwrap_err();
    assert!(error.to_string().starts_with("tombstoned:"));
    // Its key cannot come back under another operator either, and evidence still finds it.
    let error = registry
        .execute_with(
            &who("host2"),
            ExecuteMsg::RegisterHost(details(1, vec![])),
            &fee(),
        )
        .unwrap_err();
    assert!(error.to_string().starts_with("consensus_key_taken:"));
    registry.bond(&host, 5);
    assert_eq!(registry.host(&host).bond, Amount(5));
}

#[test]
fn evidence_finds_the_host_by_its_consensus_address() {
    use sha2::{Digest, Sha256};
    let mut registry = Registry::new();
    let host = registry.join(1, vec![], 0);
    let digest = Sha256::digest(registry.host(&host).consensus_key.as_bytes());
    let upper: String = digest[..20].iter().map(|byte| format!("{byte:02X}")).collect();
    let find = |consensus_address: String| {
        registry.query::<HostInfo>(QueryMsg::HostByConsensusAddress { consensus_address })
    };
    assert_eq!(find(upper.clone()).unwrap().host, host.as_str());
    for bad in [
        upper.to_lowercase(),
        upper[..38].into(),
        "é".repeat(20),
        String::new(),
    ] {
        assert!(find(bad).unwrap_err().to_string().starts_with("unknown_host:"));
    }
    // many at once, each in its place
    let owners = |consensus_addresses: Vec<String>| {
        registry.query::<Vec<Option<String>>>(QueryMsg::ConsensusOwners { consensus_addresses })
    };
    let asked = vec!["0".repeat(40), upper.clone(), upper.to_lowercase()];
    assert_eq!(owners(asked).unwrap(), [None, Some(host.to_string()), None]);
    assert_eq!(owners(vec![upper.clone(); 200]).unwrap().len(), 200);
    let error = owners(vec![upper; 201]).unwrap_err();
    assert!(error.to_string().starts_with("too_many:"));
}

#[test]
fn only_bonding_judges_and_governance_have_their_powers() {
    let mut registry = Registry::new();
    let host = registry.join(1, vec![offer("alpha", 10)], 0);
    let stranger = who("stranger");
    let name = host.to_string();
    for (msg, allowed) in [
        (
            ExecuteMsg::SetBond {
                host: name.clone(),
                bond: Amount(1),
            },
            "bonding",
        ),
        (
            ExecuteMsg::Convict {
                host: name,
                model: "alpha".into(),
            },
            "settlement",
        ),
        (ExecuteMsg::UpdateParams(common::params()), "gov"),
    ] {
        for other in [&stranger, &host, &who("gov"), &who("bonding"), &who("settlement")] {
            if *other != who(allowed) {
                registry.refuse(other, msg.clone(), "unauthorized");
            }
        }
        registry.execute(&who(allowed), msg).unwrap();
    }
}

proptest! {
    #[test]
    fn maintenance_keeps_to_its_credit_whatever_is_declared(
        asked in prop::collection::vec((0_u64..30, 0_u64..150, 0_u64..30), 1..40),
    ) {
        let mut registry = Registry::new();
        let host = registry.join(1, vec![], 0);
        let mut declared: Vec<(u64, u64)> = vec![];
        for (step, ahead, length) in asked {
            registry.env.block.height += step;
            let from = registry.env.block.height + ahead;
            let to = from + length;
            if registry.execute(&host, ExecuteMsg::DeclareMaintenance { from, to }).is_ok() {
                prop_assert!(ahead > 0 && length > 0);
                declared.push((from, to));
            }
        }
        let end = registry.env.block.height + 300;
        for start in 100..end {
            let down = (start..start + 100).filter(|h| declared.iter().any(|w| w.0 <= *h && *h < w.1)).count();
            prop_assert!(down <= 20, "{down} blocks of maintenance from {start}");
        }
    }
}
