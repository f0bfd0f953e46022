//! Parameters that a passed proposal sets by the SDK's own messages: those of the staking pages, which are the
//! contracts', and those of consensus and bank.

use crate::support;

use prost::Message;
use quern_proto::{
    Any,
    cosmos::{
        bank::v1beta1 as bank, consensus::v1 as consensus, distribution::v1beta1 as distribution,
        gov::v1::ProposalStatus, mint::v1beta1 as mint, slashing::v1beta1 as slashing,
        staking::v1beta1 as staking,
    },
};
use quern_testkit::{User, any, bank_send};
use serde_json::{Value, json};
use support::{
    deliver, failed,
    shipped::{World, ask},
    system::key,
};
use tendermint_proto::v0_38::abci::{Misbehavior, Validator};

use crate::governance::{governance, passed, status, world};

/// Mistakes made in parameters, and what is said of each.
type Cases<'a, P> = &'a [(&'a dyn Fn(&mut P), &'a str)];

fn query<R: Message + Default>(w: &World, path: &str) -> R {
    w.chain.query(path, &()).unwrap()
}

fn of_staking(w: &World) -> staking::Params {
    query::<staking::QueryParamsResponse>(w, "/cosmos.staking.v1beta1.Query/Params")
        .params
        .unwrap()
}

fn of_slashing(w: &World) -> slashing::Params {
    query::<slashing::QueryParamsResponse>(w, "/cosmos.slashing.v1beta1.Query/Params")
        .params
        .unwrap()
}

fn of_distribution(w: &World) -> distribution::Params {
    query::<distribution::QueryParamsResponse>(w, "/cosmos.distribution.v1beta1.Query/Params")
        .params
        .unwrap()
}

fn bonding(w: &World) -> Value {
    ask(&w.chain, "bonding", &json!({"params": {}}))
}

fn stake(params: staking::Params) -> Any {
    any(&staking::MsgUpdateParams {
        authority: governance(),
        params: Some(params),
    })
}

fn slash(params: slashing::Params) -> Any {
    any(&slashing::MsgUpdateParams {
        authority: governance(),
        params: Some(params),
    })
}

fn distribute(params: distribution::Params) -> Any {
    any(&distribution::MsgUpdateParams {
        authority: governance(),
        params: Some(params),
    })
}

/// A proposal that does what it says.
#[track_caller]
fn done(w: &mut World, message: Any) {
    let done = passed(w, vec![message]);
    assert_eq!(status(&done), ProposalStatus::Passed, "{}", done.failed_reason);
}

/// A proposal whose message fails, with the end of the reason.
#[track_caller]
fn refused(w: &mut World, message: Any, why: &str) {
    let done = passed(w, vec![message]);
    assert_eq!(status(&done), ProposalStatus::Failed);
    assert!(
        done.failed_reason.ends_with(why),
        "{:?}, not {why:?}",
        done.failed_reason
    );
}

/// A message whose signer is nobody's governance.
#[track_caller]
fn forged(w: &mut World, message: Any) {
    let user = w.hosts[3].clone();
    let tx = w.chain.tx(&user).message(message).gas(5_000_000).sign(&user);
    let result = deliver(&mut w.chain, tx);
    failed(
        &result,
        "gov",
        13,
        "expected gov account as only signer for proposal message",
    );
}

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

#[test]
fn the_parameters_of_staking_are_set_in_the_contract_that_keeps_them() {
    let mut w = world();
    w.chain.empty_blocks(2);
    let shown = of_staking(&w);
    // a block takes a second here, and a bucket has thirty
    assert_eq!((shown.unbonding_time, shown.max_validators), (seconds(420), 64));
    let wanted = staking::Params {
        unbonding_time: seconds(390),
        max_validators: 3,
        ..shown.clone()
    };
    done(&mut w, stake(wanted.clone()));
    assert_eq!(of_staking(&w), wanted);
    let kept = bonding(&w);
    assert_eq!(
        (&kept["unbonding_blocks"], &kept["max_validators"]),
        (&json!(390), &json!(3))
    );
    // what is less than a bucket away is the same delay: no contract keeps it more exactly
    let near = staking::Params {
        unbonding_time: seconds(401),
        ..wanted.clone()
    };
    done(&mut w, stake(near));
    assert_eq!(bonding(&w), kept);

    let no = "feature not supported";
    let cases: Cases<staking::Params> = &[
        (
            &|p| p.unbonding_time = seconds(0),
            "unbonding time must be positive: 0",
        ),
        (
            &|p| p.unbonding_time = seconds(-5),
            "unbonding time must be positive: -5000000000",
        ),
        (
            &|p| p.unbonding_time = seconds(2_000),
            "31 times bucket_blocks: invalid request",
        ),
        (&|p| p.max_validators = 0, "max validators must be positive: 0"),
        (
            &|p| p.max_validators = 65,
            &format!("max_validators is at most 64 on this chain: {no}"),
        ),
        (&|p| p.max_entries = 0, "max entries must be positive: 0"),
        (
            &|p| p.max_entries = 7,
            &format!("max_entries is 32 on this chain, not 7: {no}"),
        ),
        (
            &|p| p.historical_entries = 1,
            &format!("historical_entries is 10000 on this chain, not 1: {no}"),
        ),
        (&|p| p.bond_denom = " ".into(), "bond denom cannot be blank"),
        (&|p| p.bond_denom = "!".into(), "invalid denom: !"),
        (
            &|p| p.bond_denom = "stake".into(),
            &format!("bond_denom is nqrn on this chain, not stake: {no}"),
        ),
        (
            &|p| p.min_commission_rate = "-1".into(),
            "minimum commission rate cannot be negative: -0.000000000000000001",
        ),
        (
            &|p| p.min_commission_rate = "1000000000000000001".into(),
            "minimum commission rate cannot be greater than 100%: 1.000000000000000001",
        ),
        (
            &|p| p.min_commission_rate = "50000000000000000".into(),
            &format!("min_commission_rate is 0 on this chain, not 50000000000000000: {no}"),
        ),
    ];
    for (change, why) in cases {
        let mut params = of_staking(&w);
        change(&mut params);
        refused(&mut w, stake(params), why);
        assert_eq!(bonding(&w), kept, "{why}");
    }
    let authority = w.hosts[3].address().to_string();
    let params = Some(wanted);
    forged(&mut w, any(&staking::MsgUpdateParams { authority, params }));
}

#[test]
fn the_fraction_for_signing_twice_is_set_and_taken() {
    let mut w = world();
    let shown = of_slashing(&w);
    let dec = |points: u64| (points * 100_000_000_000_000).to_string().into_bytes();
    assert_eq!(shown.slash_fraction_double_sign, dec(500));
    let wanted = slashing::Params {
        slash_fraction_double_sign: dec(700),
        ..shown
    };
    done(&mut w, slash(wanted.clone()));
    assert_eq!(of_slashing(&w), wanted);
    assert_eq!(bonding(&w)["double_sign_bps"], json!(700));

    let no = "feature not supported";
    let cases: Cases<slashing::Params> = &[
        (
            &|p| p.signed_blocks_window = 0,
            "signed blocks window must be positive: 0",
        ),
        (
            &|p| p.signed_blocks_window = 7,
            &format!("signed_blocks_window is 1000 on this chain, not 7: {no}"),
        ),
        (
            &|p| p.min_signed_per_window = dec(5_000),
            &format!("not 500000000000000000: {no}"),
        ),
        (
            &|p| p.min_signed_per_window = dec(10_001),
            "min signed per window too large: 1.000100000000000000",
        ),
        (
            &|p| p.downtime_jail_duration = seconds(600),
            &format!("downtime_jail_duration is 0.000000000s on this chain, not 600.000000000s: {no}"),
        ),
        (
            &|p| p.slash_fraction_downtime = dec(1),
            &format!("not 100000000000000: {no}"),
        ),
        (
            &|p| p.slash_fraction_double_sign = dec(10_001),
            "double sign slash fraction too large: 1.000100000000000000",
        ),
        (
            &|p| p.slash_fraction_double_sign = b"70000000000000001".to_vec(),
            &format!("slash_fraction_double_sign is kept in basis points: 0.070000000000000001: {no}"),
        ),
        (
            &|p| p.slash_fraction_double_sign = dec(0),
            "double_sign_bps must be 1 to 10000: invalid request",
        ),
    ];
    for (change, why) in cases {
        let mut params = of_slashing(&w);
        change(&mut params);
        refused(&mut w, slash(params), why);
    }
    assert_eq!(of_slashing(&w), wanted);
    let authority = w.hosts[3].address().to_string();
    let params = Some(wanted);
    forged(&mut w, any(&slashing::MsgUpdateParams { authority, params }));

    let evidence = Misbehavior {
        validator: Some(Validator {
            address: quern_validators::consensus_address(&key(2)).to_vec().into(),
            power: 1,
        }),
        height: 1,
        ..Misbehavior::default()
    };
    w.chain.block_with(|request| request.misbehavior = vec![evidence]);
    let request = distribution::QueryValidatorSlashesRequest {
        validator_address: w.hosts[1].address().to_validator_bech32(),
        starting_height: 1,
        ending_height: 1_000,
        pagination: None,
    };
    let path = "/cosmos.distribution.v1beta1.Query/ValidatorSlashes";
    let found: distribution::QueryValidatorSlashesResponse = w.chain.query(path, &request).unwrap();
    assert_eq!(found.slashes[0].fraction.as_bytes(), dec(700));
}

#[test]
#[allow(deprecated, reason = "the wire still has them")]
fn the_tax_on_emission_is_set_and_nobody_sets_the_emission() {
    let mut w = world();
    let shown = of_distribution(&w);
    assert_eq!(shown.community_tax, "20000000000000000");
    let wanted = distribution::Params {
        community_tax: "30000000000000000".into(),
        ..shown
    };
    done(&mut w, distribute(wanted.clone()));
    assert_eq!(of_distribution(&w), wanted);
    assert_eq!(
        ask(&w.chain, "rewards", &json!({"params": {}}))["tax_bps"],
        json!(300)
    );

    let cases: Cases<distribution::Params> = &[
        (
            &|p| p.community_tax = "-1".into(),
            "community tax must be positive: -0.000000000000000001",
        ),
        (
            &|p| p.community_tax = "1000100000000000000".into(),
            "community tax too large: 1.000100000000000000",
        ),
        (
            &|p| p.community_tax = "50000000000000".into(),
            "community_tax is kept in basis points: 0.000050000000000000: feature not supported",
        ),
        (
            &|p| p.bonus_proposer_reward = "1".into(),
            "cannot update base or bonus proposer reward because these are deprecated fields: invalid request",
        ),
        (
            &|p| p.withdraw_addr_enabled = false,
            "withdraw_addr_enabled is true on this chain, not false: feature not supported",
        ),
    ];
    for (change, why) in cases {
        let mut params = of_distribution(&w);
        change(&mut params);
        refused(&mut w, distribute(params), why);
    }
    assert_eq!(of_distribution(&w), wanted);
    let authority = || w.hosts[3].address().to_string();
    let (tax, emission) = (
        any(&distribution::MsgUpdateParams {
            authority: authority(),
            params: Some(wanted),
        }),
        any(&mint::MsgUpdateParams {
            authority: authority(),
            params: None,
        }),
    );
    forged(&mut w, tax);
    forged(&mut w, emission);
    let minted: mint::QueryParamsResponse = query(&w, "/cosmos.mint.v1beta1.Query/Params");
    let emission = any(&mint::MsgUpdateParams {
        authority: governance(),
        params: minted.params,
    });
    refused(
        &mut w,
        emission,
        "genesis sets the emission for ever: feature not supported",
    );
}

#[test]
fn the_parameters_of_consensus_are_set_and_told_to_cometbft() {
    let mut w = world();
    let path = "/cosmos.consensus.v1.Query/Params";
    let held = query::<consensus::QueryParamsResponse>(&w, path).params.unwrap();
    let update = |authority: String, change: &dyn Fn(&mut consensus::MsgUpdateParams)| {
        let mut msg = consensus::MsgUpdateParams {
            authority,
            block: held.block,
            evidence: held.evidence,
            validator: held.validator.clone(),
            abci: None,
        };
        change(&mut msg);
        any(&msg)
    };
    let larger = |msg: &mut consensus::MsgUpdateParams| {
        msg.block.as_mut().unwrap().max_bytes = 2_000_000;
    };
    done(&mut w, update(governance(), &larger));
    let now = query::<consensus::QueryParamsResponse>(&w, path).params.unwrap();
    assert_eq!(now.block.unwrap().max_bytes, 2_000_000);
    assert_eq!(now.evidence, held.evidence);
    refused(
        &mut w,
        update(governance(), &|msg| msg.block.as_mut().unwrap().max_bytes = 0),
        "invalid request",
    );
    refused(
        &mut w,
        update(governance(), &|msg| msg.evidence = None),
        "all parameters must be present: invalid request",
    );
    let user = w.hosts[3].address().to_string();
    forged(&mut w, update(user, &larger));
}

#[test]
fn the_switches_of_the_bank_are_set_and_hold() {
    let mut w = world();
    let (from, to) = (w.hosts[0].clone(), User::new("carol"));
    let switch = |authority: String, enabled: bool| {
        any(&bank::MsgSetSendEnabled {
            authority,
            send_enabled: vec![bank::SendEnabled {
                denom: "nqrn".into(),
                enabled,
            }],
            use_default_for: vec![],
        })
    };
    let send = |w: &mut World| {
        let tx = w
            .chain
            .tx(&from)
            .message(bank_send(&from, &to, "5nqrn"))
            .sign(&from);
        deliver(&mut w.chain, tx)
    };
    done(&mut w, switch(governance(), false));
    failed(
        &send(&mut w),
        "bank",
        5,
        "nqrn transfers are currently disabled: send transactions are disabled",
    );
    done(&mut w, switch(governance(), true));
    assert_eq!(send(&mut w).code, 0);
    refused(
        &mut w,
        any(&bank::MsgSetSendEnabled {
            authority: governance(),
            send_enabled: vec![],
            use_default_for: vec!["!".into()],
        }),
        "invalid UseDefaultFor denom \"!\": invalid denom: !: invalid request",
    );
    let user = w.hosts[3].address().to_string();
    forged(&mut w, switch(user.clone(), false));
    let params = |authority: String| {
        any(&bank::MsgUpdateParams {
            authority,
            params: Some(bank::Params {
                default_send_enabled: false,
                ..bank::Params::default()
            }),
        })
    };
    done(&mut w, params(governance()));
    let held = query::<bank::QueryParamsResponse>(&w, "/cosmos.bank.v1beta1.Query/Params");
    assert!(!held.params.unwrap().default_send_enabled);
    forged(&mut w, params(user));
    assert_eq!(w.chain.balance(&to, "nqrn"), 5);
}
