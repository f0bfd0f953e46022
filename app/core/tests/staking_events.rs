//! What explorers read of blocks, and what a change of a delegation pays, over the shipped contracts.

use crate::support;

use quern_proto::cosmos::{
    bank::v1beta1 as bank, distribution::v1beta1 as distribution, mint::v1beta1 as mint,
    slashing::v1beta1 as slashing, staking::v1beta1 as staking,
};
use quern_testkit::{User, any, bank_send};
use support::{
    attribute_list,
    proving::{BOND, EPOCH, FIRST, play, proving},
    shipped::World,
    staking::{QRN, attributes, delegate, done, kept, redelegate, scene, send, undelegate, valoper, value},
    system::key,
};
use tendermint_proto::v0_38::{
    abci::{CommitInfo, Event, ExecTxResult, Misbehavior, Validator, VoteInfo},
    types::BlockIdFlag,
};

fn named<'a>(events: &'a [Event], name: &str) -> Vec<&'a Event> {
    events.iter().filter(|event| event.r#type == name).collect()
}

/// What a delegation is owed.
fn owed(w: &World, who: &User, behind: &str) -> u128 {
    let request = distribution::QueryDelegationRewardsRequest {
        delegator_address: who.address().to_string(),
        validator_address: behind.into(),
    };
    let path = "/cosmos.distribution.v1beta1.Query/DelegationRewards";
    let found: distribution::QueryDelegationRewardsResponse = w.chain.query(path, &request).unwrap();
    let coin = found.rewards.first();
    coin.map_or(0, |coin| {
        coin.amount
            .strip_suffix(&"0".repeat(18))
            .unwrap()
            .parse()
            .unwrap()
    })
}

/// Checks that a message paid what was owed before it, to this account.
#[track_caller]
fn assert_paid(w: &World, result: &ExecTxResult, owed_before: u128, to: &User, had: u128) {
    let amount = value(&result.events, "withdraw_rewards", "amount");
    assert_eq!(amount, format!("{owed_before}nqrn"));
    assert_eq!(w.chain.balance(to, "nqrn"), had + owed_before);
}

#[test]
fn a_change_of_a_delegation_pays_what_it_earned_as_in_the_sdk() {
    let mut w = proving(&[BOND; 4]);
    w.chain.block([]);
    let (host, other, ann) = (w.hosts[3].clone(), valoper(&w.hosts[2]), User::new("ann"));
    let behind = valoper(&host);
    let wanted = User::new("elsewhere");
    done(send(
        &mut w.chain,
        &host,
        bank_send(&host, &ann, "400000000000nqrn"),
    ));
    // the first has nothing to pay, and nothing to say
    let first = done(send(&mut w.chain, &ann, delegate(&ann, &behind, 100 * QRN)));
    assert_eq!(named(&first.events, "withdraw_rewards").len(), 0);
    let edit = any(&staking::MsgEditValidator {
        description: kept(),
        validator_address: behind.clone(),
        commission_rate: "200000000000000000".into(),
        ..Default::default()
    });
    done(send(&mut w.chain, &host, edit));
    let set = any(&distribution::MsgSetWithdrawAddress {
        delegator_address: ann.address().to_string(),
        withdraw_address: wanted.address().to_string(),
    });
    done(send(&mut w.chain, &ann, set));

    let part = u128::from(FIRST) / 100 * 98 / 4 / 4 / 5 * 2;
    for _ in 0..2 {
        play(&mut w, &[25; 4]);
    }
    assert_eq!(owed(&w, &ann, &behind), part);
    let result = done(send(&mut w.chain, &ann, delegate(&ann, &behind, QRN)));
    assert_paid(&w, &result, part, &wanted, 0);
    let order = result.events.iter().map(|event| event.r#type.as_str());
    let order = order
        .filter(|ty| ["withdraw_rewards", "delegate"].contains(ty))
        .collect::<Vec<_>>();
    assert_eq!(order, ["withdraw_rewards", "delegate"]);
    assert_eq!(owed(&w, &ann, &behind), 0);
    // what earned nothing since is paid as nothing
    let result = done(send(&mut w.chain, &ann, undelegate(&ann, &behind, QRN)));
    assert_paid(&w, &result, 0, &wanted, part);

    for message in [
        undelegate(&ann, &behind, QRN),
        redelegate(&ann, &behind, &other, QRN),
    ] {
        play(&mut w, &[25; 4]);
        let (earned, had) = (owed(&w, &ann, &behind), w.chain.balance(&wanted, "nqrn"));
        assert!(earned > 0);
        let result = done(send(&mut w.chain, &ann, message));
        assert_paid(&w, &result, earned, &wanted, had);
    }
    play(&mut w, &[25; 4]);
    let (earned, had) = (owed(&w, &ann, &behind), w.chain.balance(&wanted, "nqrn"));
    let request = staking::QueryUnbondingDelegationRequest {
        delegator_addr: ann.address().to_string(),
        validator_addr: behind.clone(),
    };
    let path = "/cosmos.staking.v1beta1.Query/UnbondingDelegation";
    let found: staking::QueryUnbondingDelegationResponse = w.chain.query(path, &request).unwrap();
    let cancel = any(&staking::MsgCancelUnbondingDelegation {
        delegator_address: ann.address().to_string(),
        validator_address: behind.clone(),
        amount: support::staking::nqrn(QRN),
        creation_height: found.unbond.unwrap().entries.last().unwrap().creation_height,
    });
    let result = done(send(&mut w.chain, &ann, cancel));
    assert_paid(&w, &result, earned, &wanted, had);
    w.chain.app.check_invariants(0).unwrap();
}

#[test]
fn a_redelegation_pays_what_was_earned_behind_both_hosts() {
    let mut w = proving(&[BOND; 4]);
    w.chain.empty_blocks(1);
    let (host, other, ann) = (w.hosts[3].clone(), w.hosts[2].clone(), w.hosts[0].clone());
    let hosts = [valoper(&host), valoper(&other)];
    for (operator, behind) in [&host, &other].into_iter().zip(&hosts) {
        done(send(&mut w.chain, &ann, delegate(&ann, behind, 50 * QRN)));
        let edit = any(&staking::MsgEditValidator {
            description: kept(),
            validator_address: behind.clone(),
            commission_rate: "200000000000000000".into(),
            ..Default::default()
        });
        done(send(&mut w.chain, operator, edit));
    }
    for _ in 0..2 {
        play(&mut w, &[25; 4]);
    }
    let earned = hosts.each_ref().map(|behind| owed(&w, &ann, behind));
    assert!(earned.iter().all(|earned| *earned > 0), "{earned:?}");
    let had = w.chain.balance(&ann, "nqrn");
    let message = redelegate(&ann, &hosts[0], &hosts[1], QRN);
    let result = done(send(&mut w.chain, &ann, message));
    let paid = named(&result.events, "withdraw_rewards");
    let paid = paid.iter().map(|event| attribute_list(event)[..2].to_vec());
    let expected = earned
        .iter()
        .zip(&hosts)
        .map(|(earned, behind)| vec![format!("amount={earned}nqrn"), format!("validator={behind}")]);
    assert_eq!(paid.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    assert_eq!(w.chain.balance(&ann, "nqrn"), had + earned[0] + earned[1]);
    // the contract pays, for a message that is none of a contract
    let keys = attributes(&result.events, "transfer");
    assert_eq!(keys, ["recipient", "sender", "amount", "msg_index"]);
    for behind in &hosts {
        assert_eq!(owed(&w, &ann, behind), 0);
    }
    w.chain.app.check_invariants(0).unwrap();
}

#[test]
fn who_signs_twice_is_slashed_and_jailed_in_the_blocks_events() {
    let mut s = scene();
    let consensus = quern_validators::consensus_address(&key(1));
    let address = quern_types::consensus_bech32(&consensus);
    let offence = |height| Misbehavior {
        validator: Some(Validator {
            address: consensus.to_vec().into(),
            power: 7,
        }),
        height,
        ..Default::default()
    };
    let block =
        s.w.chain
            .block_with(|request| request.misbehavior = vec![offence(1)]);
    let slashes = named(&block.events, "slash");
    assert_eq!(
        slashes
            .iter()
            .map(|event| attribute_list(event))
            .collect::<Vec<_>>(),
        [
            vec![
                format!("address={address}"),
                "power=7".into(),
                "reason=double_sign".into(),
                // a twentieth of the bond
                "burned_coins=5000000000".into(),
                "mode=BeginBlock".into(),
            ],
            vec![format!("jailed={address}"), "mode=BeginBlock".into()],
        ]
    );
    // the same validator is slashed once
    let block =
        s.w.chain
            .block_with(|request| request.misbehavior = vec![offence(2)]);
    assert_eq!(named(&block.events, "slash").len(), 0);
}

#[test]
fn who_misses_a_block_is_named_with_what_the_query_counts() {
    let mut s = scene();
    let (silent, present) = (key(1), key(2));
    let vote = |key: &[u8; 32], flag: BlockIdFlag| VoteInfo {
        validator: Some(Validator {
            address: quern_validators::consensus_address(key).to_vec().into(),
            power: 1,
        }),
        block_id_flag: flag.into(),
    };
    let address = quern_types::consensus_bech32(&quern_validators::consensus_address(&silent));
    for missed in 1..=2 {
        let block = s.w.chain.block_with(|request| {
            request.decided_last_commit = Some(CommitInfo {
                round: 0,
                votes: vec![
                    vote(&silent, BlockIdFlag::Absent),
                    vote(&present, BlockIdFlag::Commit),
                ],
            });
        });
        let events = named(&block.events, "liveness");
        assert_eq!(events.len(), 1);
        let height = s.w.chain.height;
        let expected = [
            format!("address={address}"),
            format!("missed_blocks={missed}"),
            format!("height={height}"),
            "mode=BeginBlock".into(),
        ];
        assert_eq!(attribute_list(events[0]), expected);
        let request = slashing::QuerySigningInfoRequest {
            cons_address: address.clone(),
        };
        let path = "/cosmos.slashing.v1beta1.Query/SigningInfo";
        let found: slashing::QuerySigningInfoResponse = s.w.chain.query(path, &request).unwrap();
        assert_eq!(found.val_signing_info.unwrap().missed_blocks_counter, missed);
    }
}

#[test]
fn what_an_epoch_mints_is_told_with_what_the_queries_say() {
    let mut w = proving(&[BOND; 4]);
    let mut told = Vec::new();
    for _ in 0..EPOCH {
        let block = w.chain.block([]);
        told.extend(block.events.into_iter().filter(|event| event.r#type == "mint"));
    }
    let [event] = told.as_slice() else {
        panic!("{told:?}")
    };
    let path = "/cosmos.mint.v1beta1.Query";
    let provisions: mint::QueryAnnualProvisionsResponse = w
        .chain
        .query(
            &format!("{path}/AnnualProvisions"),
            &mint::QueryAnnualProvisionsRequest {},
        )
        .unwrap();
    let inflation: mint::QueryInflationResponse = w
        .chain
        .query(&format!("{path}/Inflation"), &mint::QueryInflationRequest {})
        .unwrap();
    let dec = |wire: Vec<u8>| {
        let text = String::from_utf8(wire).unwrap();
        let text = format!("{text:0>19}");
        let (whole, places) = text.split_at(text.len() - 18);
        format!("{whole}.{places}")
    };
    // all four bonds, of all that there is with what the epoch brought
    let request = bank::QuerySupplyOfRequest { denom: "nqrn".into() };
    let path = "/cosmos.bank.v1beta1.Query/SupplyOf";
    let supply: bank::QuerySupplyOfResponse = w.chain.query(path, &request).unwrap();
    let supply: u128 = supply.amount.unwrap().amount.parse().unwrap();
    let bonded = 4 * 100 * QRN * 10_u128.pow(18) / supply;
    let bonded = format!("{bonded:0>19}");
    let expected = [
        format!("bonded_ratio=0.{}", &bonded[1..]),
        format!("inflation={}", dec(inflation.inflation)),
        format!("annual_provisions={}", dec(provisions.annual_provisions)),
        format!("amount={FIRST}"),
        "mode=EndBlock".into(),
    ];
    assert_eq!(attribute_list(event), expected);
}
