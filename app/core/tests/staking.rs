//! Wallets' staking messages and explorers' staking queries, over the shipped contracts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at a surprise"
)]

mod support;

use base64::{Engine, engine::general_purpose::STANDARD};
use prost::{Message, Name};
use quern_core::App;
use quern_genesis::profile::{LaunchModel, ProfileName};
use quern_proto::{
    Any,
    cosmos::{
        base::query::v1beta1::PageRequest, crypto::ed25519::PubKey, distribution::v1beta1 as distribution,
        evidence::v1beta1 as evidence, mint::v1beta1 as mint, slashing::v1beta1 as slashing,
        staking::v1beta1 as staking,
    },
};
use quern_testkit::{Chain, QueryError, User, any, bank_send, coins};
use serde_json::json;
use support::{
    deliver, exported_twice, failed,
    shipped::{World, ask, call, launch, world},
    system::key,
};
use tendermint_proto::v0_38::abci::{Event, ExecTxResult, Misbehavior, Validator};

const QRN: u128 = 1_000_000_000;

struct Scene {
    w: World,
    ann: User,
}

/// Two hosts with 100 QRN each, and somebody with 50.
fn scene() -> Scene {
    let mut w = world(&["100000000000nqrn", "100000000000nqrn"]);
    w.chain.empty_blocks(1);
    let ann = User::new("ann");
    let send = bank_send(&w.hosts[0], &ann, "50000000000nqrn");
    let tx = w.chain.tx(&w.hosts[0]).message(send).sign(&w.hosts[0]);
    assert_eq!(deliver(&mut w.chain, tx).code, 0);
    Scene { w, ann }
}

fn valoper(user: &User) -> String {
    user.address().to_validator_bech32()
}

fn nqrn(amount: u128) -> Option<quern_proto::cosmos::base::v1beta1::Coin> {
    coins(&format!("{amount}nqrn")).pop()
}

fn delegate(from: &User, to: &str, amount: u128) -> Any {
    any(&staking::MsgDelegate {
        delegator_address: from.address().to_string(),
        validator_address: to.into(),
        amount: nqrn(amount),
    })
}

fn undelegate(from: &User, to: &str, amount: u128) -> Any {
    any(&staking::MsgUndelegate {
        delegator_address: from.address().to_string(),
        validator_address: to.into(),
        amount: nqrn(amount),
    })
}

fn redelegate(who: &User, from: &str, to: &str, amount: u128) -> Any {
    any(&staking::MsgBeginRedelegate {
        delegator_address: who.address().to_string(),
        validator_src_address: from.into(),
        validator_dst_address: to.into(),
        amount: nqrn(amount),
    })
}

fn send(chain: &mut Chain<App>, user: &User, message: Any) -> ExecTxResult {
    let tx = chain.tx(user).message(message).gas(5_000_000).sign(user);
    deliver(chain, tx)
}

#[track_caller]
fn done(result: ExecTxResult) -> ExecTxResult {
    assert_eq!(result.code, 0, "{}", result.log);
    result
}

fn attributes<'a>(events: &'a [Event], ty: &str) -> Vec<&'a str> {
    let event = events.iter().find(|e| e.r#type == ty);
    let event = event.unwrap_or_else(|| panic!("no event {ty} in {events:?}"));
    event.attributes.iter().map(|a| a.key.as_str()).collect()
}

fn value<'a>(events: &'a [Event], ty: &str, key: &str) -> &'a str {
    let event = events.iter().find(|e| e.r#type == ty).expect(ty);
    let found = event.attributes.iter().find(|a| a.key == key);
    found.expect(key).value.as_str()
}

fn ask_staking<Q: Message, R: Message + Default>(
    chain: &Chain<App>,
    method: &str,
    q: &Q,
) -> Result<R, QueryError> {
    chain.query(&format!("/cosmos.staking.v1beta1.Query/{method}"), q)
}

fn delegation(s: &Scene, who: &User, to: &User) -> Result<u128, QueryError> {
    let request = staking::QueryDelegationRequest {
        delegator_addr: who.address().to_string(),
        validator_addr: valoper(to),
    };
    let found: staking::QueryDelegationResponse = ask_staking(&s.w.chain, "Delegation", &request)?;
    let found = found.delegation_response.unwrap();
    let balance: u128 = found.balance.unwrap().amount.parse().unwrap();
    assert_eq!(
        found.delegation.unwrap().shares,
        format!("{balance}{}", "0".repeat(18))
    );
    Ok(balance)
}

fn unbonding(s: &Scene, who: &User) -> Vec<staking::UnbondingDelegation> {
    let request = staking::QueryDelegatorUnbondingDelegationsRequest {
        delegator_addr: who.address().to_string(),
        pagination: None,
    };
    let found: staking::QueryDelegatorUnbondingDelegationsResponse =
        ask_staking(&s.w.chain, "DelegatorUnbondingDelegations", &request).unwrap();
    found.unbonding_responses
}

fn redelegations(s: &Scene, who: &User) -> Vec<staking::RedelegationResponse> {
    let request = staking::QueryRedelegationsRequest {
        delegator_addr: who.address().to_string(),
        ..Default::default()
    };
    let found: staking::QueryRedelegationsResponse =
        ask_staking(&s.w.chain, "Redelegations", &request).unwrap();
    found.redelegation_responses
}

fn pool(s: &Scene) -> staking::Pool {
    let found: staking::QueryPoolResponse =
        ask_staking(&s.w.chain, "Pool", &staking::QueryPoolRequest {}).unwrap();
    found.pool.unwrap()
}

fn validators(s: &Scene, status: &str, limit: u64, key: Vec<u8>) -> staking::QueryValidatorsResponse {
    let request = staking::QueryValidatorsRequest {
        status: status.into(),
        pagination: Some(PageRequest {
            key,
            limit,
            ..Default::default()
        }),
    };
    ask_staking(&s.w.chain, "Validators", &request).unwrap()
}

#[test]
fn a_delegation_moves_coins_once_and_every_query_tells_of_it() {
    let mut s = scene();
    let (host, ann) = (s.w.hosts[0].clone(), s.ann.clone());
    let before = s.w.chain.balance(&ann, "nqrn");
    let result = done(send(
        &mut s.w.chain,
        &ann,
        delegate(&ann, &valoper(&host), 5 * QRN),
    ));
    assert_eq!(
        attributes(&result.events, "delegate"),
        ["validator", "delegator", "amount", "new_shares", "msg_index"]
    );
    assert_eq!(
        value(&result.events, "delegate", "new_shares"),
        format!("{}.000000000000000000", 5 * QRN)
    );
    assert_eq!(value(&result.events, "message", "module"), "staking");
    assert!(
        result.events.iter().any(|e| e.r#type == "wasm"),
        "the contract's own event too"
    );
    assert_eq!(before - s.w.chain.balance(&ann, "nqrn"), 5 * QRN);
    assert_eq!(delegation(&s, &ann, &host).unwrap(), 5 * QRN);
    assert_eq!(
        delegation(&s, &host, &host).unwrap(),
        100 * QRN,
        "the operator's own is one too"
    );

    let request = staking::QueryValidatorRequest {
        validator_addr: valoper(&host),
    };
    let found: staking::QueryValidatorResponse = ask_staking(&s.w.chain, "Validator", &request).unwrap();
    let validator = found.validator.unwrap();
    assert_eq!(validator.tokens, (105 * QRN).to_string());
    assert_eq!(
        validator.delegator_shares,
        format!("{}{}", 105 * QRN, "0".repeat(18))
    );
    assert_eq!(validator.status(), staking::BondStatus::Bonded);
    assert!(!validator.jailed);
    // a tenth must be the operator's: of 5 beside it, 5/9
    assert_eq!(validator.min_self_delegation, (5 * QRN).div_ceil(9).to_string());
    let description = validator.description.unwrap();
    assert_eq!(
        (description.moniker.as_str(), description.website.as_str()),
        ("host 1", "https://127.0.0.1:8443")
    );
    let pubkey = validator.consensus_pubkey.unwrap();
    assert_eq!(pubkey.type_url, format!("/{}", PubKey::full_name()));
    assert_eq!(PubKey::decode(pubkey.value.as_slice()).unwrap().key, key(1));

    let pool = pool(&s);
    assert_eq!(
        (pool.bonded_tokens, pool.not_bonded_tokens),
        ((205 * QRN).to_string(), "0".into())
    );
    let totals = ask(&s.w.chain, "bonding", &json!({"totals": {}}));
    assert_eq!(totals["active"], (205 * QRN).to_string());

    let all = validators(&s, "", 0, vec![]);
    assert_eq!((all.validators.len(), all.pagination.unwrap().total), (2, 2));
    let first = validators(&s, "BOND_STATUS_BONDED", 1, vec![]);
    let key = first.pagination.unwrap().next_key;
    let second = validators(&s, "BOND_STATUS_BONDED", 1, key);
    assert!(second.pagination.unwrap().next_key.is_empty());
    assert_ne!(
        first.validators[0].operator_address,
        second.validators[0].operator_address
    );
    assert!(
        validators(&s, "BOND_STATUS_UNBONDED", 10, vec![])
            .validators
            .is_empty()
    );

    let request = staking::QueryValidatorDelegationsRequest {
        validator_addr: valoper(&host),
        pagination: None,
    };
    let found: staking::QueryValidatorDelegationsResponse =
        ask_staking(&s.w.chain, "ValidatorDelegations", &request).unwrap();
    assert_eq!(found.delegation_responses.len(), 2);
    let request = staking::QueryDelegatorValidatorsRequest {
        delegator_addr: ann.address().to_string(),
        pagination: None,
    };
    let found: staking::QueryDelegatorValidatorsResponse =
        ask_staking(&s.w.chain, "DelegatorValidators", &request).unwrap();
    assert_eq!(found.validators[0].operator_address, valoper(&host));
    s.w.chain.app.check_invariants(0).unwrap();
}

#[test]
fn what_was_undelegated_comes_back_by_itself_at_the_time_that_was_told() {
    let mut s = scene();
    let (host, ann) = (s.w.hosts[0].clone(), s.ann.clone());
    done(send(
        &mut s.w.chain,
        &ann,
        delegate(&ann, &valoper(&host), 5 * QRN),
    ));
    let result = done(send(
        &mut s.w.chain,
        &ann,
        undelegate(&ann, &valoper(&host), 2 * QRN),
    ));
    assert_eq!(
        attributes(&result.events, "unbond"),
        ["validator", "delegator", "amount", "completion_time", "msg_index"]
    );
    assert_eq!(delegation(&s, &ann, &host).unwrap(), 3 * QRN);
    let entries = unbonding(&s, &ann).remove(0).entries;
    assert_eq!(
        (entries.len(), entries[0].balance.as_str()),
        (1, (2 * QRN).to_string().as_str())
    );
    assert!(entries[0].creation_height <= s.w.chain.height);
    let pool_now = pool(&s);
    assert_eq!(pool_now.not_bonded_tokens, (2 * QRN).to_string());

    let position = ask(
        &s.w.chain,
        "bonding",
        &json!({"position": {"host": host.address().to_string(), "funder": ann.address().to_string()}}),
    );
    let due = position["unbonding"][0]["matures_at"].as_i64().unwrap();
    // a block of the test kit is a second
    let told = entries[0].completion_time.unwrap().seconds - quern_testkit::GENESIS_TIME;
    assert_eq!(told, due);
    let held = s.w.chain.balance(&ann, "nqrn");
    while s.w.chain.height < due - 1 {
        s.w.chain.block([]);
    }
    assert_eq!(s.w.chain.balance(&ann, "nqrn"), held, "not a block before");
    let block = s.w.chain.block([]);
    assert_eq!(s.w.chain.balance(&ann, "nqrn"), held + 2 * QRN);
    assert_eq!(
        attributes(&block.events, "complete_unbonding"),
        ["amount", "validator", "delegator", "mode"]
    );
    assert!(unbonding(&s, &ann).is_empty());
    assert_eq!(s.w.chain.app.export(0).unwrap().staking.completions, []);
    s.w.chain.app.check_invariants(0).unwrap();
}

#[test]
fn a_cancelled_undelegation_counts_again_at_once() {
    let mut s = scene();
    let (host, ann) = (s.w.hosts[0].clone(), s.ann.clone());
    done(send(
        &mut s.w.chain,
        &ann,
        delegate(&ann, &valoper(&host), 5 * QRN),
    ));
    done(send(
        &mut s.w.chain,
        &ann,
        undelegate(&ann, &valoper(&host), 2 * QRN),
    ));
    let created = unbonding(&s, &ann)[0].entries[0].creation_height;
    let cancel = |amount, creation_height| {
        any(&staking::MsgCancelUnbondingDelegation {
            delegator_address: ann.address().to_string(),
            validator_address: valoper(&host),
            amount: nqrn(amount),
            creation_height,
        })
    };
    let text = "amount is greater than the unbonding delegation entry balance: invalid request";
    failed(
        &send(&mut s.w.chain, &ann, cancel(2 * QRN + 1, created)),
        "sdk",
        18,
        text,
    );
    let text = format!(
        "unbonding delegation entry is not found at block height {}: not found",
        created + 1
    );
    failed(
        &send(&mut s.w.chain, &ann, cancel(QRN, created + 1)),
        "sdk",
        38,
        &text,
    );
    let result = done(send(&mut s.w.chain, &ann, cancel(QRN, created)));
    assert_eq!(
        attributes(&result.events, "cancel_unbonding_delegation"),
        ["amount", "validator", "delegator", "creation_height", "msg_index"]
    );
    assert_eq!(delegation(&s, &ann, &host).unwrap(), 4 * QRN);
    assert_eq!(unbonding(&s, &ann)[0].entries[0].balance, QRN.to_string());
    done(send(&mut s.w.chain, &ann, cancel(QRN, created)));
    assert!(unbonding(&s, &ann).is_empty());
    // what is due then is nothing, and harms nobody
    let before = s.w.chain.balance(&ann, "nqrn");
    s.w.chain.empty_blocks(460);
    assert_eq!(s.w.chain.balance(&ann, "nqrn"), before);
    assert_eq!(delegation(&s, &ann, &host).unwrap(), 5 * QRN);
}

#[test]
fn a_redelegation_lands_by_itself_and_cannot_hop_on_before() {
    let mut s = scene();
    let (one, two, ann) = (s.w.hosts[0].clone(), s.w.hosts[1].clone(), s.ann.clone());
    done(send(
        &mut s.w.chain,
        &ann,
        delegate(&ann, &valoper(&one), 5 * QRN),
    ));
    let result = done(send(
        &mut s.w.chain,
        &ann,
        redelegate(&ann, &valoper(&one), &valoper(&two), 3 * QRN),
    ));
    assert_eq!(
        attributes(&result.events, "redelegate"),
        [
            "source_validator",
            "destination_validator",
            "amount",
            "completion_time",
            "msg_index"
        ]
    );
    let entry = redelegations(&s, &ann).remove(0);
    let route = entry.redelegation.unwrap();
    assert_eq!(
        (route.validator_src_address, route.validator_dst_address),
        (valoper(&one), valoper(&two))
    );
    assert_eq!(entry.entries[0].balance, (3 * QRN).to_string());
    assert!(unbonding(&s, &ann).is_empty(), "nothing is to be paid out");
    let hop = send(
        &mut s.w.chain,
        &ann,
        redelegate(&ann, &valoper(&two), &valoper(&one), QRN),
    );
    failed(
        &hop,
        "staking",
        19,
        "no delegation for (address, validator) tuple",
    );
    let mut landed = None;
    for _ in 0..460 {
        let block = s.w.chain.block([]);
        landed = landed.or(block
            .events
            .into_iter()
            .find(|e| e.r#type == "complete_redelegation"));
    }
    let landed = landed.expect("the redelegation completes");
    assert_eq!(
        value(&[landed], "complete_redelegation", "destination_validator"),
        valoper(&two)
    );
    assert_eq!(delegation(&s, &ann, &two).unwrap(), 3 * QRN);
    assert_eq!(delegation(&s, &ann, &one).unwrap(), 2 * QRN);
    assert!(redelegations(&s, &ann).is_empty());
}

#[test]
fn wrong_delegations_are_refused_with_the_sdks_codes_and_move_nothing() {
    let mut s = scene();
    let (host, two, ann) = (s.w.hosts[0].clone(), s.w.hosts[1].clone(), s.ann.clone());
    let unknown = valoper(&User::new("nobody"));
    let before = ask(&s.w.chain, "bonding", &json!({"totals": {}}));
    let c = &mut s.w.chain;
    let absent = "validator does not exist";
    failed(
        &send(c, &ann, delegate(&ann, &unknown, QRN)),
        "staking",
        3,
        absent,
    );
    failed(
        &send(c, &ann, undelegate(&ann, &unknown, QRN)),
        "staking",
        3,
        absent,
    );
    let none = "no delegation for (address, validator) tuple";
    failed(
        &send(c, &ann, undelegate(&ann, &valoper(&host), QRN)),
        "staking",
        19,
        none,
    );
    let to_nobody = redelegate(&ann, &valoper(&host), &unknown, QRN);
    failed(
        &send(c, &ann, to_nobody),
        "staking",
        31,
        "redelegation destination validator not found",
    );
    let to_itself = redelegate(&ann, &valoper(&host), &valoper(&host), QRN);
    failed(
        &send(c, &ann, to_itself),
        "staking",
        29,
        "cannot redelegate to the same validator",
    );
    failed(
        &send(c, &ann, delegate(&ann, &valoper(&host), 0)),
        "sdk",
        18,
        "invalid delegation amount: invalid request",
    );
    failed(
        &send(c, &ann, delegate(&ann, &valoper(&host), 60 * QRN)),
        "sdk",
        5,
        "insufficient funds",
    );
    failed(
        &send(c, &ann, delegate(&ann, &valoper(&host), u128::MAX)),
        "sdk",
        5,
        "insufficient funds",
    );
    failed(
        &send(c, &ann, delegate(&ann, "quernvaloper1nonsense", 1)),
        "sdk",
        7,
        "invalid address",
    );
    for (denom, amount, text) in [
        (
            "uatom",
            "1",
            "invalid coin denomination: got uatom, expected nqrn: invalid request",
        ),
        ("nqrn", "-1", "invalid delegation amount: invalid request"),
        (
            "nqrn",
            "340282366920938463463374607431768211456",
            "invalid delegation amount: invalid request",
        ),
    ] {
        let msg = staking::MsgDelegate {
            delegator_address: ann.address().to_string(),
            validator_address: valoper(&host),
            amount: Some(quern_proto::cosmos::base::v1beta1::Coin {
                denom: denom.into(),
                amount: amount.into(),
            }),
        };
        failed(&send(c, &ann, any(&msg)), "sdk", 18, text);
    }
    // the operator's own part is a tenth at least, while others fund it
    done(send(c, &ann, delegate(&ann, &valoper(&host), 20 * QRN)));
    let text = "validator's self delegation must be greater than their minimum self delegation";
    failed(
        &send(c, &host, undelegate(&host, &valoper(&host), 98 * QRN)),
        "staking",
        16,
        text,
    );
    failed(
        &send(c, &ann, undelegate(&ann, &valoper(&host), 21 * QRN)),
        "sdk",
        18,
        "invalid shares amount: invalid request",
    );
    done(send(c, &ann, undelegate(&ann, &valoper(&host), 20 * QRN)));
    // closed, then retired
    done(send(
        c,
        &two,
        call(&two, "bonding", &json!({"set_open": {"open": false}}), ""),
    ));
    failed(
        &send(c, &ann, delegate(&ann, &valoper(&two), QRN)),
        "sdk",
        4,
        "unauthorized",
    );
    done(send(
        c,
        &two,
        call(&two, "registry", &json!({"retire_host": {}}), ""),
    ));
    let jailed = "validator for this address is currently jailed";
    failed(
        &send(c, &ann, delegate(&ann, &valoper(&two), QRN)),
        "staking",
        7,
        jailed,
    );
    let after = ask(&s.w.chain, "bonding", &json!({"totals": {}}));
    assert_eq!(before["active"], after["active"]);
    s.w.chain.app.check_invariants(0).unwrap();
}

#[test]
fn nobody_delegates_or_withdraws_for_another() {
    let mut s = scene();
    let (host, ann) = (s.w.hosts[0].clone(), s.ann.clone());
    for message in [
        delegate(&host, &valoper(&host), QRN),
        undelegate(&host, &valoper(&host), QRN),
        any(&distribution::MsgWithdrawValidatorCommission {
            validator_address: valoper(&host),
        }),
        any(&slashing::MsgUnjail {
            validator_addr: valoper(&host),
        }),
    ] {
        let result = send(&mut s.w.chain, &ann, message);
        assert_eq!(
            (result.codespace.as_str(), result.code),
            ("sdk", 8),
            "{}",
            result.log
        );
    }
}

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
        "distribution",
        5,
        "no delegation distribution info",
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
        "0.050000000000000000"
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
fn unknown_positions_are_not_found_and_malformed_addresses_are_the_callers_fault() {
    let s = scene();
    let error = delegation(&s, &s.ann, &s.w.hosts[0]).unwrap_err();
    assert_eq!(error.code, 22);
    assert!(
        error
            .log
            .starts_with("rpc error: code = NotFound desc = delegation with delegator"),
        "{}",
        error.log
    );
    assert!(error.log.ends_with("key not found"), "{}", error.log);
    let request = staking::QueryValidatorRequest {
        validator_addr: "nonsense".into(),
    };
    let error =
        ask_staking::<_, staking::QueryValidatorResponse>(&s.w.chain, "Validator", &request).unwrap_err();
    assert_eq!(error.code, 18);
}

const EARNING_EPOCH: i64 = 30;
/// What the first epoch of a local network brings.
const FIRST: u128 = 100_000_000_000;

/// Hosts that prove compute with every epoch.
fn earning() -> World {
    let mut profile = ProfileName::Localnet.profile();
    profile.epoch_blocks = EARNING_EPOCH.unsigned_abs();
    profile.poc_weights.confirm_every = 0;
    profile.poc_weights.weights.bond_per_weight.0 = 100_000;
    let model: LaunchModel = serde_json::from_value(json!({
        "id": "quern-small", "hash": STANDARD.encode([9; 32]), "context": 512, "precision": "fp32", "sampler": 1,
        "price": "10", "coefficients": {"input": 1_000_000, "cached": 100_000, "output": 3_000_000},
        "profiles": ["cpu-fp32"], "state": "live",
        "proof": {"vocabulary": 2048, "shapes": [{"prompt": 32, "output": 32, "weight": 1}], "coefficient": 1_000_000},
    }))
    .unwrap();
    let offers = json!([{"model": "quern-small", "capacity": 100, "profile": "cpu-fp32"}]);
    launch(&profile, vec![model], &["100000000000nqrn"; 4], &offers)
}

/// An epoch in which every host answers as many requests.
fn prove(w: &mut World) {
    loop {
        let block = w.chain.block([]);
        let sprint = block.events.iter().find(|e| e.r#type == "wasm-sprint");
        let number = sprint.and_then(|e| e.attributes.iter().find(|a| a.key == "sprint"));
        if let Some(number) = number {
            let sprint: u64 = number.value.parse().unwrap();
            let root = json!({"hash": STANDARD.encode([7; 32]), "sum": (25 * 128).to_string()});
            let msg = json!({"commit_proof": {"sprint": sprint, "model": "quern-small", "root": root, "count": 25}});
            let txs = w.hosts.iter().map(|host| {
                let call = call(host, "poc-weights", &msg, "");
                w.chain.tx(host).message(call).gas(2_000_000).sign(host)
            });
            let txs = txs.collect::<Vec<_>>();
            for result in w.chain.block(txs).tx_results {
                assert_eq!(result.code, 0, "{}", result.log);
            }
        }
        if w.chain.height % EARNING_EPOCH == 0 {
            return;
        }
    }
}

#[test]
fn a_delegator_is_paid_its_part_where_it_wants_it_and_the_operator_its_commission() {
    let mut w = earning();
    w.chain.empty_blocks(1);
    let (host, ann) = (w.hosts[3].clone(), w.hosts[0].clone());
    done(send(
        &mut w.chain,
        &ann,
        delegate(&ann, &valoper(&host), 100 * QRN),
    ));
    let edit = any(&staking::MsgEditValidator {
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
    prove(&mut w);
    prove(&mut w);
    // a quarter of the first epoch's share of four hosts has vested
    let vested = FIRST / 100 * 98 / 4 / 4;
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
