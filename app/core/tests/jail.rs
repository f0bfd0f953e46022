//! Who is convicted is in jail for a time and comes back by `MsgUnjail`, and explorers read of it what they read of any
//! chain, over the shipped contracts.

use crate::support;

use quern_proto::cosmos::{
    distribution::v1beta1 as distribution, slashing::v1beta1 as slashing, staking::v1beta1 as staking,
};
use quern_testkit::{GENESIS_TIME, User, any};
use serde_json::{Value, json};
use support::{
    attribute_list, failed,
    proving::{BOND, EPOCH, proving_with},
    shipped::{World, address, call},
    staking::{QRN, ask_staking, delegate, done, send, undelegate, valoper},
    system::key,
};
use tendermint_proto::v0_38::abci::Event;

use crate::governance::{VOTING, YES, governance, params, submit, votes};

/// Blocks from a conviction until the host may come back, on a local network.
const JAIL: i64 = 40;

/// Four hosts; the first and governance judge beside the audits.
fn scene() -> World {
    let mut w = proving_with(&[BOND; 4], |state| {
        state.gov.params = Some(params(VOTING));
        let settlement = state.system.contracts.iter_mut().find(|c| c.name == "settlement");
        let judges = settlement.unwrap().init["judges"].as_array_mut().unwrap();
        judges.push(json!(User::new("host 1").address().to_string()));
        judges.push(json!(governance()));
    });
    w.chain.empty_blocks(1);
    w
}

/// What a judge orders of `settlement`.
fn verdict(host: &User, generation: u32, slash: bool) -> Value {
    json!({"convict": {
        "host": host.address().to_string(), "model": "quern-small", "generation": generation, "slash": slash,
    }})
}

/// The n-th host's validator as x/slashing names it.
fn valcons(n: u8) -> String {
    quern_types::consensus_bech32(&quern_validators::consensus_address(&key(n)))
}

fn slashes(events: &[Event]) -> Vec<Vec<String>> {
    let events = events.iter().filter(|event| event.r#type == "slash");
    events.map(attribute_list).collect()
}

fn validator(w: &World, host: &User) -> staking::Validator {
    let request = staking::QueryValidatorRequest {
        validator_addr: valoper(host),
    };
    let found: staking::QueryValidatorResponse = ask_staking(&w.chain, "Validator", &request).unwrap();
    found.validator.unwrap()
}

/// The same of both queries.
fn signing_info(w: &World, n: u8) -> slashing::ValidatorSigningInfo {
    let request = slashing::QuerySigningInfoRequest {
        cons_address: valcons(n),
    };
    let path = "/cosmos.slashing.v1beta1.Query/SigningInfo";
    let one: slashing::QuerySigningInfoResponse = w.chain.query(path, &request).unwrap();
    let path = "/cosmos.slashing.v1beta1.Query/SigningInfos";
    let request = slashing::QuerySigningInfosRequest::default();
    let all: slashing::QuerySigningInfosResponse = w.chain.query(path, &request).unwrap();
    assert_eq!(all.pagination.unwrap().total, 4);
    let listed = all.info.into_iter().find(|info| info.address == valcons(n));
    assert_eq!(listed, one.val_signing_info);
    listed.unwrap()
}

/// Time of the last block.
fn now(w: &World) -> i64 {
    GENESIS_TIME + w.chain.height
}

fn recorded(w: &World, host: &User) -> usize {
    let request = distribution::QueryValidatorSlashesRequest {
        validator_address: valoper(host),
        starting_height: 1,
        ending_height: 1_000,
        pagination: None,
    };
    let path = "/cosmos.distribution.v1beta1.Query/ValidatorSlashes";
    let found: distribution::QueryValidatorSlashesResponse = w.chain.query(path, &request).unwrap();
    found.slashes.len()
}

fn unjail(who: &User) -> quern_proto::Any {
    any(&slashing::MsgUnjail {
        validator_addr: valoper(who),
    })
}

#[test]
fn a_convict_is_jailed_until_its_time_is_over_and_it_asks_to_be_freed() {
    let mut w = scene();
    let (judge, host) = (w.hosts[0].clone(), w.hosts[3].clone());
    let not_jailed = "validator not jailed; cannot be unjailed";
    failed(
        &send(&mut w.chain, &host, unjail(&host)),
        "slashing",
        5,
        not_jailed,
    );
    let order = call(&judge, "settlement", &verdict(&host, 0, true), "");
    let convicted = done(send(&mut w.chain, &judge, order));
    let until = w.chain.height + JAIL;
    // a tenth of the bond, told once, behind what the contracts say of it
    let burned = 10 * QRN;
    let told = slashes(&convicted.events);
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0], [format!("jailed={}", valcons(4)), "msg_index=0".into()]);
    // behind a contract's message attributes are in the order of their names, as in wasmd
    let power = told[1][2].strip_prefix("power=").unwrap();
    assert!(power.parse::<i64>().unwrap() > 0);
    let expected = [
        format!("address={}", valcons(4)),
        format!("burned_coins={burned}"),
        format!("power={power}"),
        "reason=conviction".into(),
        "msg_index=0".into(),
    ];
    assert_eq!(told[1], expected);
    assert_eq!(recorded(&w, &host), 1);

    let cut = validator(&w, &host);
    assert!(cut.jailed && cut.tokens == (90 * QRN).to_string(), "{cut:?}");
    let info = signing_info(&w, 4);
    let left = info.jailed_until.unwrap().seconds - now(&w);
    assert!((1..=JAIL * 5).contains(&left) && !info.tombstoned, "{left}");
    let jailed = "validator still jailed; cannot be unjailed";
    failed(&send(&mut w.chain, &host, unjail(&host)), "slashing", 4, jailed);
    // it left the set with the epoch, and is not forgotten
    while w.chain.height <= EPOCH {
        w.chain.block([]);
    }
    assert_eq!(validator(&w, &host).status(), staking::BondStatus::Unbonded);
    assert!(signing_info(&w, 4).jailed_until.unwrap().seconds > now(&w));

    while w.chain.height < until - 2 {
        w.chain.block([]);
    }
    failed(&send(&mut w.chain, &host, unjail(&host)), "slashing", 4, jailed);
    let had = w.chain.balance(&host, "nqrn");
    let freed = done(send(&mut w.chain, &host, unjail(&host)));
    assert_eq!(w.chain.height, until);
    let actions = freed
        .events
        .iter()
        .find(|event| event.r#type == "message")
        .unwrap();
    assert_eq!(
        attribute_list(actions)[0],
        "action=/cosmos.slashing.v1beta1.MsgUnjail"
    );
    assert_eq!(w.chain.balance(&host, "nqrn"), had - QRN, "the entry fee burns");
    assert!(!validator(&w, &host).jailed);
    assert_eq!(signing_info(&w, 4).jailed_until.unwrap().seconds, 0);
    failed(
        &send(&mut w.chain, &host, unjail(&host)),
        "slashing",
        5,
        not_jailed,
    );
    w.chain.app.check_invariants(0).unwrap();
}

#[test]
fn what_a_proposal_orders_is_told_in_the_block_and_a_cut_without_bond_not_at_all() {
    let mut w = scene();
    let (hosts, host) = (w.hosts.clone(), w.hosts[2].clone());
    let message = any(&quern_proto::cosmwasm::wasm::v1::MsgExecuteContract {
        sender: governance(),
        contract: address("settlement"),
        msg: verdict(&host, 0, true).to_string().into_bytes(),
        funds: vec![],
    });
    let id = submit(&mut w, &hosts[0], vec![message]);
    votes(
        &mut w,
        id,
        &[(&hosts[0], YES), (&hosts[1], YES), (&hosts[3], YES)],
    );
    let mut told = Vec::new();
    for _ in 0..VOTING {
        let block = w.chain.block([]);
        told.extend(slashes(&block.events));
    }
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[1].contains(&format!("burned_coins={}", 10 * QRN)),
        "{told:?}"
    );
    assert!(
        told.iter().all(|said| said.contains(&"mode=EndBlock".into())),
        "{told:?}"
    );
    assert_eq!(recorded(&w, &host), 1);
    // convicted without a cut: jailed, and nothing burned
    let order = call(&hosts[0], "settlement", &verdict(&hosts[3], 0, false), "");
    let convicted = done(send(&mut w.chain, &hosts[0], order));
    assert_eq!(
        slashes(&convicted.events),
        [vec![format!("jailed={}", valcons(4)), "msg_index=0".into()]]
    );
    // who is no judge moves nothing
    let order = call(&hosts[1], "settlement", &verdict(&hosts[1], 0, true), "");
    let refused = send(&mut w.chain, &hosts[1], order);
    assert!(refused.code != 0 && slashes(&refused.events).is_empty());
}

#[test]
fn who_offers_something_else_still_is_not_jailed_and_who_has_no_bond_cannot_be_freed() {
    let mut w = scene();
    let (judge, host) = (w.hosts[0].clone(), w.hosts[3].clone());
    let order = call(&judge, "settlement", &verdict(&host, 0, false), "");
    done(send(&mut w.chain, &judge, order));
    assert!(validator(&w, &host).jailed);
    // without the offer there is nothing that it is kept from
    let drop = call(&host, "registry", &json!({"set_offers": {"offers": []}}), "");
    done(send(&mut w.chain, &host, drop));
    assert!(!validator(&w, &host).jailed);
    let offers = json!([{"model": "quern-small", "capacity": 100, "profile": "cpu-fp32"}]);
    let again = call(&host, "registry", &json!({"set_offers": {"offers": offers}}), "");
    done(send(&mut w.chain, &host, again));
    assert!(validator(&w, &host).jailed);
    done(send(
        &mut w.chain,
        &host,
        undelegate(&host, &valoper(&host), 100 * QRN),
    ));
    failed(
        &send(&mut w.chain, &host, unjail(&host)),
        "staking",
        19,
        "no delegation for (address, validator) tuple",
    );
}

#[test]
fn whose_own_part_is_too_small_after_a_slash_hears_by_how_much() {
    let mut w = scene();
    let (judge, host, ann) = (w.hosts[0].clone(), w.hosts[3].clone(), w.hosts[1].clone());
    done(send(
        &mut w.chain,
        &ann,
        delegate(&ann, &valoper(&host), 850 * QRN),
    ));
    let order = call(&judge, "settlement", &verdict(&host, 0, true), "");
    done(send(&mut w.chain, &judge, order));
    // a tenth of all, which the operator's coins pay first
    let own = 5 * QRN;
    let least = validator(&w, &host).min_self_delegation;
    assert!(least.parse::<u128>().unwrap() > own, "{least}");
    let text =
        format!("{own} less than {least}: validator's self delegation less than minimum; cannot be unjailed");
    failed(&send(&mut w.chain, &host, unjail(&host)), "slashing", 7, &text);
}

#[test]
fn an_undelegation_from_a_convict_is_not_called_back() {
    let mut w = scene();
    let (judge, host, ann) = (w.hosts[0].clone(), w.hosts[3].clone(), w.hosts[1].clone());
    let behind = valoper(&host);
    done(send(&mut w.chain, &ann, delegate(&ann, &behind, 10 * QRN)));
    done(send(&mut w.chain, &ann, undelegate(&ann, &behind, 2 * QRN)));
    let request = staking::QueryUnbondingDelegationRequest {
        delegator_addr: ann.address().to_string(),
        validator_addr: behind.clone(),
    };
    let leaves: staking::QueryUnbondingDelegationResponse =
        ask_staking(&w.chain, "UnbondingDelegation", &request).unwrap();
    let cancel = any(&staking::MsgCancelUnbondingDelegation {
        delegator_address: ann.address().to_string(),
        validator_address: behind,
        amount: support::staking::nqrn(QRN),
        creation_height: leaves.unbond.unwrap().entries[0].creation_height,
    });
    let order = call(&judge, "settlement", &verdict(&host, 0, false), "");
    done(send(&mut w.chain, &judge, order));
    let text = "validator for this address is currently jailed";
    failed(&send(&mut w.chain, &ann, cancel), "staking", 7, text);
}
