//! Wallets' staking messages, and the queries of staking pages, over the shipped contracts.

use crate::support;

use prost::{Message, Name};
use quern_proto::cosmos::{
    crypto::ed25519::PubKey, distribution::v1beta1 as distribution, slashing::v1beta1 as slashing,
    staking::v1beta1 as staking,
};
use quern_testkit::{User, any};
use serde_json::json;
use support::{
    failed,
    shipped::{ask, call},
    staking::{
        QRN, ask_staking, attributes, delegate, delegation, done, nqrn, pool, redelegate, redelegations,
        scene, send, unbonding, undelegate, validators, valoper, value,
    },
    system::key,
};

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
fn an_undelegation_is_called_back_until_the_block_that_pays_it() {
    let mut s = scene();
    let (host, ann) = (s.w.hosts[0].clone(), s.ann.clone());
    for message in [
        delegate(&ann, &valoper(&host), 5 * QRN),
        undelegate(&ann, &valoper(&host), 2 * QRN),
    ] {
        done(send(&mut s.w.chain, &ann, message));
    }
    let place =
        json!({"position": {"host": host.address().to_string(), "funder": ann.address().to_string()}});
    let position = ask(&s.w.chain, "bonding", &place);
    let paid_at = position["unbonding"][0]["matures_at"].as_i64().unwrap();
    let creation_height = unbonding(&s, &ann)[0].entries[0].creation_height;
    let cancel = |amount| {
        any(&staking::MsgCancelUnbondingDelegation {
            delegator_address: ann.address().to_string(),
            validator_address: valoper(&host),
            amount: nqrn(amount),
            creation_height,
        })
    };
    while s.w.chain.height < paid_at - 2 {
        s.w.chain.block([]);
    }
    done(send(&mut s.w.chain, &ann, cancel(QRN)));
    // the entry is still there, and its time is over
    let before = s.w.chain.balance(&ann, "nqrn");
    let text = "unbonding delegation is already processed: invalid request";
    failed(&send(&mut s.w.chain, &ann, cancel(QRN)), "sdk", 18, text);
    assert_eq!(s.w.chain.height, paid_at);
    assert_eq!(
        s.w.chain.balance(&ann, "nqrn"),
        before + QRN,
        "paid in this block"
    );
    assert_eq!(delegation(&s, &ann, &host).unwrap(), 4 * QRN);
    assert!(unbonding(&s, &ann).is_empty());
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
    // what is held is looked at before where it should go
    for target in [&unknown, &valoper(&host)] {
        let moved = redelegate(&ann, &valoper(&host), target, QRN);
        failed(&send(c, &ann, moved), "staking", 19, none);
    }
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

/// What each message is refused with where more than one thing is wrong: the SDK's first fault, in its words.
#[test]
fn refusals_come_in_the_order_and_words_of_the_sdk() {
    let mut s = scene();
    let (host, ann) = (s.w.hosts[0].clone(), s.ann.clone());
    let (behind, unknown) = (valoper(&host), valoper(&User::new("nobody")));
    done(send(&mut s.w.chain, &ann, delegate(&ann, &behind, QRN)));
    let coin = |denom: &str, amount: u128| {
        Some(quern_proto::cosmos::base::v1beta1::Coin {
            denom: denom.into(),
            amount: amount.to_string(),
        })
    };
    let me = ann.address().to_string();
    let delegates = |to: &str, coin| {
        any(&staking::MsgDelegate {
            delegator_address: me.clone(),
            validator_address: to.into(),
            amount: coin,
        })
    };
    let leaves = |from: &str, coin| {
        any(&staking::MsgUndelegate {
            delegator_address: me.clone(),
            validator_address: from.into(),
            amount: coin,
        })
    };
    let moves = |from: &str, to: &str, coin| {
        any(&staking::MsgBeginRedelegate {
            delegator_address: me.clone(),
            validator_src_address: from.into(),
            validator_dst_address: to.into(),
            amount: coin,
        })
    };
    let cancels = |behind: &str| {
        any(&staking::MsgCancelUnbondingDelegation {
            delegator_address: me.clone(),
            validator_address: behind.into(),
            amount: coin("nqrn", 1),
            creation_height: 5,
        })
    };
    let claims = |behind: &str| {
        any(&distribution::MsgWithdrawDelegatorReward {
            delegator_address: me.clone(),
            validator_address: behind.into(),
        })
    };
    let absent = ("staking", 3, "validator does not exist");
    let nothing = ("staking", 19, "no delegation for (address, validator) tuple");
    let too_much = ("sdk", 18, "invalid shares amount: invalid request");
    let other = (
        "sdk",
        18,
        "invalid coin denomination: got other, expected nqrn: invalid request",
    );
    let second = valoper(&s.w.hosts[1]);
    let none_leaves = format!(
        "rpc error: code = NotFound desc = unbonding delegation with delegator {me} not found for validator {behind}"
    );
    let cases = [
        (delegates(&unknown, coin("other", 1)), absent),
        (delegates(&unknown, coin("nqrn", u128::MAX)), absent),
        (delegates(&behind, coin("other", 1)), other),
        (leaves(&unknown, coin("other", 1)), absent),
        (leaves(&second, coin("other", 1)), nothing),
        (leaves(&behind, coin("other", 2 * QRN)), too_much),
        (leaves(&behind, coin("other", 1)), other),
        (moves(&unknown, &unknown, coin("other", 1)), absent),
        (moves(&second, &unknown, coin("nqrn", 1)), nothing),
        (moves(&behind, &behind, coin("nqrn", 2 * QRN)), too_much),
        (moves(&behind, &behind, coin("other", 1)), other),
        (
            moves(&behind, &behind, coin("nqrn", 1)),
            ("staking", 29, "cannot redelegate to the same validator"),
        ),
        (
            moves(&behind, &unknown, coin("nqrn", 1)),
            ("staking", 31, "redelegation destination validator not found"),
        ),
        (cancels(&unknown), absent),
        (cancels(&behind), ("undefined", 1, none_leaves.as_str())),
        (claims(&unknown), absent),
        (claims(&second), nothing),
    ];
    for (message, (codespace, code, text)) in cases {
        let result = send(&mut s.w.chain, &ann, message);
        let whole = format!("failed to execute message; message index: 0: {text}");
        failed(&result, codespace, code, &whole);
        assert_eq!(result.log, whole);
    }
}
