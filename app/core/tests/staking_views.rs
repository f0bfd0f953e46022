//! What explorers ask of rewards, votes, evidence and history, and the messages of operators, over the shipped
//! contracts.

use crate::support;

use base64::{Engine, engine::general_purpose::STANDARD};
use prost::Message;
use quern_proto::cosmos::{
    crypto::ed25519::PubKey, distribution::v1beta1 as distribution, evidence::v1beta1 as evidence,
    mint::v1beta1 as mint, slashing::v1beta1 as slashing, staking::v1beta1 as staking,
};
use quern_testkit::{QueryError, User, any, bank_send};
use serde_json::json;
use support::{
    deliver, exported_twice, failed,
    proving::{BOND, FIRST, play, proving},
    staking::{
        QRN, ask_staking, attributes, delegate, delegation, done, kept, nqrn, scene, send, undelegate,
        validators, valoper, value,
    },
    system::key,
};
use tendermint_proto::v0_38::abci::{Misbehavior, Validator};

#[test]
fn rewards_that_are_none_are_paid_as_none_and_go_where_they_are_wanted() {
    let mut s = scene();
    let (host, ann) = (s.w.hosts[0].clone(), s.ann.clone());
    let claim = |who: &User, to: &str| {
        any(&distribution::MsgWithdrawDelegatorReward {
            delegator_address: who.address().to_string(),
            validator_address: to.into(),
        })
    };
    failed(
        &send(&mut s.w.chain, &ann, claim(&ann, &valoper(&host))),
        "staking",
        19,
        "no delegation for (address, validator) tuple",
    );
    done(send(&mut s.w.chain, &ann, delegate(&ann, &valoper(&host), QRN)));
    let result = done(send(&mut s.w.chain, &ann, claim(&ann, &valoper(&host))));
    assert_eq!(
        attributes(&result.events, "withdraw_rewards"),
        ["amount", "validator", "delegator", "msg_index"]
    );
    let commission = any(&distribution::MsgWithdrawValidatorCommission {
        validator_address: valoper(&host),
    });
    failed(
        &send(&mut s.w.chain, &host, commission),
        "distribution",
        7,
        "no validator commission to withdraw",
    );
    let wanted = User::new("elsewhere").address().to_string();
    let set = |to: &str| {
        any(&distribution::MsgSetWithdrawAddress {
            delegator_address: ann.address().to_string(),
            withdraw_address: to.into(),
        })
    };
    let blocked = quern_types::module_address("fee_collector").to_string();
    failed(
        &send(&mut s.w.chain, &ann, set(&blocked)),
        "sdk",
        4,
        "unauthorized",
    );
    done(send(&mut s.w.chain, &ann, set(&wanted)));
    let request = distribution::QueryDelegatorWithdrawAddressRequest {
        delegator_address: ann.address().to_string(),
    };
    let path = "/cosmos.distribution.v1beta1.Query/DelegatorWithdrawAddress";
    let found: distribution::QueryDelegatorWithdrawAddressResponse = s.w.chain.query(path, &request).unwrap();
    assert_eq!(found.withdraw_address, wanted);
    let request = distribution::QueryDelegationTotalRewardsRequest {
        delegator_address: ann.address().to_string(),
    };
    let path = "/cosmos.distribution.v1beta1.Query/DelegationTotalRewards";
    let found: distribution::QueryDelegationTotalRewardsResponse = s.w.chain.query(path, &request).unwrap();
    assert_eq!((found.rewards.len(), found.total.len()), (1, 0));
    let (first, second) = exported_twice(&s.w.chain.app);
    assert_eq!(first.staking.withdraw_addresses.len(), 1);
    assert_eq!(first.staking, second.staking);
}

#[test]
fn what_only_leaves_a_host_is_no_delegation_that_earns() {
    let mut s = scene();
    let (one, two) = (valoper(&s.w.hosts[0]), valoper(&s.w.hosts[1]));
    let ann = s.ann.clone();
    for host in [&one, &two] {
        done(send(&mut s.w.chain, &ann, delegate(&ann, host, QRN)));
    }
    done(send(&mut s.w.chain, &ann, undelegate(&ann, &one, QRN)));
    let request = distribution::QueryDelegationTotalRewardsRequest {
        delegator_address: ann.address().to_string(),
    };
    let path = "/cosmos.distribution.v1beta1.Query/DelegationTotalRewards";
    let found: distribution::QueryDelegationTotalRewardsResponse = s.w.chain.query(path, &request).unwrap();
    let hosts: Vec<_> = found.rewards.iter().map(|r| &r.validator_address).collect();
    assert_eq!(hosts, [&two]);
    let of = |host: &str| {
        let request = distribution::QueryDelegationRewardsRequest {
            delegator_address: ann.address().to_string(),
            validator_address: host.into(),
        };
        let path = "/cosmos.distribution.v1beta1.Query/DelegationRewards";
        let found: Result<distribution::QueryDelegationRewardsResponse, _> = s.w.chain.query(path, &request);
        found.map(|found| found.rewards)
    };
    assert_eq!(of(&two), Ok(vec![]));
    let refused = of(&one).unwrap_err().log;
    assert!(
        refused.starts_with("no delegation for (address, validator) tuple"),
        "{refused}"
    );
}

#[test]
fn a_message_pays_for_what_it_asks() {
    let mut s = scene();
    let (host, ann) = (s.w.hosts[0].clone(), s.ann.clone());
    let to = valoper(&host);
    done(send(&mut s.w.chain, &ann, delegate(&ann, &to, 9 * QRN)));
    // nothing is earned, so this asks what the position is, which costs with every bucket
    let claim = any(&distribution::MsgWithdrawDelegatorReward {
        delegator_address: ann.address().to_string(),
        validator_address: to.clone(),
    });
    let mut used = Vec::new();
    for _ in 0..3 {
        done(send(&mut s.w.chain, &ann, undelegate(&ann, &to, QRN)));
        s.w.chain.empty_blocks(30);
        used.push(done(send(&mut s.w.chain, &ann, claim.clone())).gas_used);
    }
    assert!(used[1] > used[0] + 2_000 && used[2] > used[1] + 2_000, "{used:?}");
}

#[test]
fn who_signed_twice_is_jailed_for_ever_and_its_evidence_is_found() {
    let mut s = scene();
    let host = s.w.hosts[0].clone();
    let consensus = quern_validators::consensus_address(&key(1));
    let offence = |height| Misbehavior {
        validator: Some(Validator {
            address: consensus.to_vec().into(),
            power: 7,
        }),
        height,
        ..Default::default()
    };
    s.w.chain
        .block_with(|request| request.misbehavior = vec![offence(2), offence(1)]);
    s.w.chain
        .block_with(|request| request.misbehavior = vec![offence(1)]);
    let path = "/cosmos.evidence.v1beta1.Query/AllEvidence";
    let found: evidence::QueryAllEvidenceResponse =
        s.w.chain
            .query(path, &evidence::QueryAllEvidenceRequest::default())
            .unwrap();
    assert_eq!(found.evidence.len(), 1, "the first is enough");
    let kept = evidence::Equivocation::decode(found.evidence[0].value.as_slice()).unwrap();
    assert_eq!((kept.height, kept.power), (2, 7));
    let valcons = quern_types::consensus_bech32(&consensus);
    assert_eq!(kept.consensus_address, valcons);
    let request = slashing::QuerySigningInfoRequest {
        cons_address: valcons,
    };
    let path = "/cosmos.slashing.v1beta1.Query/SigningInfo";
    let found: slashing::QuerySigningInfoResponse = s.w.chain.query(path, &request).unwrap();
    let info = found.val_signing_info.unwrap();
    assert!(info.tombstoned);
    assert_eq!(info.jailed_until.unwrap().seconds, 253_402_300_799);
    let request = distribution::QueryValidatorSlashesRequest {
        validator_address: valoper(&host),
        starting_height: 1,
        ending_height: 100,
        pagination: None,
    };
    let path = "/cosmos.distribution.v1beta1.Query/ValidatorSlashes";
    let found: distribution::QueryValidatorSlashesResponse = s.w.chain.query(path, &request).unwrap();
    assert_eq!(found.slashes.len(), 1);
    let all = validators(&s, "", 0, vec![]).validators;
    let jailed = all.iter().find(|v| v.operator_address == valoper(&host)).unwrap();
    assert!(jailed.jailed);
    assert_eq!(jailed.status(), staking::BondStatus::Unbonded);
    let unjail = any(&slashing::MsgUnjail {
        validator_addr: valoper(&host),
    });
    failed(
        &send(&mut s.w.chain, &host, unjail),
        "slashing",
        4,
        "validator still jailed; cannot be unjailed",
    );
    let (first, second) = exported_twice(&s.w.chain.app);
    assert_eq!(first.staking.evidence.len(), 1);
    assert_eq!(first.staking, second.staking);
}

#[test]
fn inflation_signing_and_history_are_what_the_chain_does() {
    let mut s = scene();
    s.w.chain.empty_blocks(6);
    let found: mint::QueryAnnualProvisionsResponse =
        s.w.chain
            .query(
                "/cosmos.mint.v1beta1.Query/AnnualProvisions",
                &mint::QueryAnnualProvisionsRequest {},
            )
            .unwrap();
    // an epoch of five blocks of a second; the first has passed and brought 100 QRN
    let next = 99 * QRN;
    let year = next * 31_536_000 / 5;
    assert_eq!(
        String::from_utf8(found.annual_provisions).unwrap(),
        format!("{year}{}", "0".repeat(18))
    );
    let path = "/cosmos.slashing.v1beta1.Query/SigningInfos";
    let found: slashing::QuerySigningInfosResponse =
        s.w.chain
            .query(path, &slashing::QuerySigningInfosRequest::default())
            .unwrap();
    assert_eq!(found.info.len(), 2);
    let past = |height| -> Result<staking::QueryHistoricalInfoResponse, QueryError> {
        ask_staking(
            &s.w.chain,
            "HistoricalInfo",
            &staking::QueryHistoricalInfoRequest { height },
        )
    };
    let hist = past(2).unwrap().hist.unwrap();
    let header = hist.header.unwrap();
    assert_eq!(
        (header.height, header.chain_id.as_str()),
        (2, quern_testkit::CHAIN_ID)
    );
    assert_eq!(header.time.unwrap().seconds, quern_testkit::GENESIS_TIME + 2);
    assert_eq!(hist.valset.len(), 2);
    assert_eq!(past(s.w.chain.height + 1).unwrap_err().code, 22);
    assert_eq!(past(-1).unwrap_err().code, 18);
    let params: staking::QueryParamsResponse =
        ask_staking(&s.w.chain, "Params", &staking::QueryParamsRequest {}).unwrap();
    let params = params.params.unwrap();
    assert_eq!(params.unbonding_time.unwrap().seconds, 420);
    assert_eq!(params.bond_denom, "nqrn");
}

#[test]
fn a_host_registers_and_changes_its_record_by_the_sdks_messages() {
    let mut s = scene();
    let bob = User::new("bob");
    let funds = bank_send(&s.w.hosts[1], &bob, "200000000000nqrn");
    let tx = s.w.chain.tx(&s.w.hosts[1]).message(funds).sign(&s.w.hosts[1]);
    assert_eq!(deliver(&mut s.w.chain, tx).code, 0);
    let details = json!({
        "transport_key": STANDARD.encode([9; 32]),
        "warm_key": STANDARD.encode(User::new("bob's worker").public_key()),
    });
    let msg = |n: u8, details: &str| staking::MsgCreateValidator {
        description: Some(staking::Description {
            moniker: "Bob".into(),
            website: "https://bob.example".into(),
            details: details.into(),
            ..Default::default()
        }),
        commission: Some(staking::CommissionRates {
            rate: "100000000000000000".into(),
            max_rate: "1000000000000000000".into(),
            max_change_rate: "1000000000000000000".into(),
        }),
        min_self_delegation: "1".into(),
        validator_address: valoper(&bob),
        pubkey: Some(any(&PubKey { key: key(n).to_vec() })),
        value: nqrn(20 * QRN),
        ..Default::default()
    };
    let taken = any(&msg(1, &details.to_string()));
    failed(
        &send(&mut s.w.chain, &bob, taken),
        "staking",
        5,
        "validator already exist for this pubkey; must use new validator pubkey",
    );
    let poor = send(&mut s.w.chain, &bob, any(&msg(9, "")));
    failed(&poor, "sdk", 18, "invalid request");
    for (rates, why) in [
        (["", "", ""], "empty commission: invalid request"),
        (
            ["100000000000000000", "", ""],
            "missing highest rate of commission: invalid request",
        ),
        (
            ["", "1000000000000000000", "0"],
            "missing rate of commission: invalid request",
        ),
        (
            ["0", "1000000000000000000", ""],
            "missing highest change of rate of commission: invalid request",
        ),
    ] {
        let [rate, max_rate, max_change_rate] = rates.map(str::to_owned);
        let mut message = msg(9, &details.to_string());
        message.commission = Some(staking::CommissionRates {
            rate,
            max_rate,
            max_change_rate,
        });
        failed(&send(&mut s.w.chain, &bob, any(&message)), "sdk", 18, why);
    }
    let result = done(send(&mut s.w.chain, &bob, any(&msg(9, &details.to_string()))));
    assert_eq!(
        attributes(&result.events, "create_validator"),
        ["validator", "amount", "msg_index"]
    );
    assert_eq!(delegation(&s, &bob, &bob).unwrap(), 20 * QRN);
    failed(
        &send(&mut s.w.chain, &bob, any(&msg(9, &details.to_string()))),
        "staking",
        4,
        "validator already exist for this operator address; must use new validator operator address",
    );
    let edit = staking::MsgEditValidator {
        description: Some(staking::Description {
            moniker: "Robert".into(),
            website: "[do-not-modify]".into(),
            ..Default::default()
        }),
        validator_address: valoper(&bob),
        commission_rate: "50000000000000000".into(),
        min_self_delegation: String::new(),
    };
    let result = done(send(&mut s.w.chain, &bob, any(&edit)));
    assert_eq!(
        value(&result.events, "edit_validator", "commission_rate"),
        "commission_rates:<rate:\"50000000000000000\" max_rate:\"1000000000000000000\" \
         max_change_rate:\"10000000000000000\" > update_time:<> "
    );
    let found = validators(&s, "BOND_STATUS_UNBONDED", 10, vec![])
        .validators
        .remove(0);
    let description = found.description.unwrap();
    assert_eq!(
        (description.moniker.as_str(), description.website.as_str()),
        ("Robert", "https://bob.example")
    );
    assert_eq!(
        found.commission.unwrap().commission_rates.unwrap().rate,
        "50000000000000000"
    );
}

#[test]
fn a_validators_description_is_kept_whole_and_survives_an_export() {
    let mut s = scene();
    let host = s.w.hosts[0].clone();
    let edit = |identity: &str, contact: &str, details: &str| {
        any(&staking::MsgEditValidator {
            description: Some(staking::Description {
                moniker: "First".into(),
                identity: identity.into(),
                website: "https://first.example".into(),
                security_contact: contact.into(),
                details: details.into(),
            }),
            validator_address: valoper(&host),
            ..Default::default()
        })
    };
    let described = |s: &support::staking::Scene| {
        let request = staking::QueryValidatorRequest {
            validator_addr: valoper(&host),
        };
        let found: staking::QueryValidatorResponse = ask_staking(&s.w.chain, "Validator", &request).unwrap();
        let said = found.validator.unwrap().description.unwrap();
        [
            said.moniker,
            said.website,
            said.identity,
            said.security_contact,
            said.details,
        ]
    };
    let whole = [
        "First",
        "https://first.example",
        "0A1B2C3D4E5F6071",
        "sec@first.example",
        "Two cards",
    ];
    done(send(&mut s.w.chain, &host, edit(whole[2], whole[3], whole[4])));
    assert_eq!(described(&s), whole);
    let (first, second) = exported_twice(&s.w.chain.app);
    assert_eq!(first.staking.descriptions[0].identity, whole[2]);
    assert_eq!(first.staking, second.staking);

    // as in the SDK, what is marked stays and what is empty goes
    done(send(
        &mut s.w.chain,
        &host,
        edit("[do-not-modify]", "", "Four cards"),
    ));
    assert_eq!(
        described(&s),
        [whole[0], whole[1], whole[2], "", "Four cards"].map(String::from)
    );
    // a change of the commission alone says nothing of the description
    let rate = any(&staking::MsgEditValidator {
        description: kept(),
        validator_address: valoper(&host),
        commission_rate: "50000000000000000".into(),
        ..Default::default()
    });
    done(send(&mut s.w.chain, &host, rate));
    assert_eq!(described(&s)[4], "Four cards");
    let long = send(&mut s.w.chain, &host, edit("", "", &"x".repeat(281)));
    failed(
        &long,
        "sdk",
        18,
        "invalid details length; got: 281, max: 280: invalid request",
    );
    done(send(&mut s.w.chain, &host, edit("", "", "")));
    assert_eq!(described(&s)[2..], ["", "", ""]);
    assert!(exported_twice(&s.w.chain.app).0.staking.descriptions.is_empty());
}

#[test]
fn a_delegator_is_paid_its_part_where_it_wants_it_and_the_operator_its_commission() {
    let mut w = proving(&[BOND; 4]);
    w.chain.empty_blocks(1);
    let (host, ann) = (w.hosts[3].clone(), w.hosts[0].clone());
    done(send(
        &mut w.chain,
        &ann,
        delegate(&ann, &valoper(&host), 100 * QRN),
    ));
    let edit = any(&staking::MsgEditValidator {
        description: kept(),
        validator_address: valoper(&host),
        commission_rate: "200000000000000000".into(),
        ..Default::default()
    });
    done(send(&mut w.chain, &host, edit));
    let wanted = User::new("elsewhere");
    let set = any(&distribution::MsgSetWithdrawAddress {
        delegator_address: ann.address().to_string(),
        withdraw_address: wanted.address().to_string(),
    });
    done(send(&mut w.chain, &ann, set));
    play(&mut w, &[25; 4]);
    play(&mut w, &[25; 4]);
    // a quarter of the first epoch's share of four hosts has vested
    let vested = u128::from(FIRST) / 100 * 98 / 4 / 4;
    let (commission, part) = (vested / 5, vested / 5 * 2);
    let request = distribution::QueryDelegationRewardsRequest {
        delegator_address: ann.address().to_string(),
        validator_address: valoper(&host),
    };
    let path = "/cosmos.distribution.v1beta1.Query/DelegationRewards";
    let found: distribution::QueryDelegationRewardsResponse = w.chain.query(path, &request).unwrap();
    assert_eq!(found.rewards[0].amount, format!("{part}{}", "0".repeat(18)));
    let request = distribution::QueryValidatorCommissionRequest {
        validator_address: valoper(&host),
    };
    let path = "/cosmos.distribution.v1beta1.Query/ValidatorCommission";
    let found: distribution::QueryValidatorCommissionResponse = w.chain.query(path, &request).unwrap();
    let listed = found.commission.unwrap().commission;
    assert_eq!(listed[0].amount, format!("{commission}{}", "0".repeat(18)));
    let request = distribution::QueryValidatorOutstandingRewardsRequest {
        validator_address: valoper(&host),
    };
    let path = "/cosmos.distribution.v1beta1.Query/ValidatorOutstandingRewards";
    let found: distribution::QueryValidatorOutstandingRewardsResponse =
        w.chain.query(path, &request).unwrap();
    assert_eq!(
        found.rewards.unwrap().rewards[0].amount,
        format!("{vested}{}", "0".repeat(18))
    );
    let claim = any(&distribution::MsgWithdrawDelegatorReward {
        delegator_address: ann.address().to_string(),
        validator_address: valoper(&host),
    });
    let result = done(send(&mut w.chain, &ann, claim));
    assert_eq!(
        value(&result.events, "withdraw_rewards", "amount"),
        format!("{part}nqrn")
    );
    assert_eq!(w.chain.balance(&wanted, "nqrn"), part);
    let before = w.chain.balance(&host, "nqrn");
    let take = any(&distribution::MsgWithdrawValidatorCommission {
        validator_address: valoper(&host),
    });
    let result = done(send(&mut w.chain, &host, take));
    assert_eq!(
        value(&result.events, "withdraw_commission", "amount"),
        format!("{commission}nqrn")
    );
    assert_eq!(w.chain.balance(&host, "nqrn"), before + commission);
    w.chain.app.check_invariants(0).unwrap();
}
