//! Contracts that stake, earn and vote: their messages over the shipped contracts, and what the chain tells them of it,
//! in wasmd's JSON.

use crate::support;

use base64::{Engine, engine::general_purpose::STANDARD};
use prost::Message;
use quern_core::App;
use quern_genesis::profile::ProfileName;
use quern_proto::cosmos::{
    gov::v1::{
        MsgSubmitProposal, QueryTallyResultRequest, QueryTallyResultResponse, QueryVoteRequest,
        QueryVoteResponse,
    },
    staking::v1beta1::{
        MsgUndelegateResponse, QueryPoolRequest, QueryPoolResponse, QueryValidatorsRequest,
        QueryValidatorsResponse,
    },
};
use quern_testkit::{Chain, User, any, coins};
use quern_types::module_address;
use serde_json::{Value, json};
use support::{
    deliver, failed,
    probe::{
        act, balance, coin, decoded, delegate, delegation, execute, heard_below, probe, redelegate, refused,
        reply, send, smart, told, undelegate,
    },
    proving::{BOND, FIRST, play, proving},
    shipped::{World, ask, call, launch_with},
    staking::{QRN, Scene, ask_staking, attributes, done, nqrn, scene, valoper, value},
    system::key,
};
use tendermint_proto::v0_38::abci::{Misbehavior, Validator};

fn scene_with_probe() -> (Scene, String) {
    let mut s = scene();
    let ann = s.ann.clone();
    let probe = probe(&mut s.w.chain, &ann, 20 * QRN);
    (s, probe)
}

/// A delegation as wasmd tells it.
fn full(of: &str, to: &str, amount: u128, rewards: u128) -> String {
    let coin = |amount: u128| format!(r#"{{"denom":"nqrn","amount":"{amount}"}}"#);
    let rewards = match rewards {
        0 => String::new(),
        rewards => coin(rewards),
    };
    let amount = coin(amount);
    format!(
        r#"{{"delegation":{{"delegator":"{of}","validator":"{to}","amount":{amount},"accumulated_rewards":[{rewards}],"can_redelegate":{amount}}}}}"#
    )
}

#[test]
fn a_contract_delegates_moves_and_takes_back_its_coins_and_is_told_so_as_by_wasmd() {
    let (mut s, me) = scene_with_probe();
    let ann = s.ann.clone();
    let (one, two) = (valoper(&s.w.hosts[0]), valoper(&s.w.hosts[1]));
    let chain = &mut s.w.chain;
    let all = json!({"staking": {"all_delegations": {"delegator": me}}});
    assert_eq!(told(chain, &me, &all), r#"{"delegations":[]}"#);
    assert_eq!(told(chain, &me, &delegation(&me, &one)), "{}");

    let result = act(chain, &ann, &me, &delegate(&one, 5 * QRN));
    assert_eq!(
        attributes(&result.events, "delegate"),
        ["validator", "delegator", "amount", "new_shares", "msg_index"]
    );
    assert_eq!(value(&result.events, "delegate", "delegator"), me);
    let heard = reply(chain, &me);
    assert_eq!(
        (&heard["success"], &heard["events"]),
        (&json!(true), &json!([])),
        "events are told of messages to contracts alone"
    );
    assert_eq!(
        heard["msg_responses"],
        json!([["/cosmos.staking.v1beta1.MsgDelegateResponse", ""]])
    );
    assert_eq!(balance(chain, &me), 15 * QRN);
    assert_eq!(
        told(chain, &me, &all),
        format!(
            r#"{{"delegations":[{{"delegator":"{me}","validator":"{one}","amount":{{"denom":"nqrn","amount":"5000000000"}}}}]}}"#
        )
    );
    assert_eq!(
        told(chain, &me, &delegation(&me, &one)),
        full(&me, &one, 5 * QRN, 0)
    );

    let result = act(chain, &ann, &me, &undelegate(&one, 2 * QRN));
    let heard = reply(chain, &me);
    assert_eq!(
        heard["msg_responses"][0][0],
        "/cosmos.staking.v1beta1.MsgUndelegateResponse"
    );
    let response = decoded(&heard["msg_responses"][0][1]);
    let response = MsgUndelegateResponse::decode(response.as_slice()).unwrap();
    assert_eq!(response.amount, nqrn(2 * QRN));
    let told_time = response.completion_time.unwrap().seconds;
    assert!(told_time > quern_testkit::GENESIS_TIME + chain.height);
    assert_eq!(value(&result.events, "unbond", "delegator"), me);
    let result = act(chain, &ann, &me, &redelegate(&one, &two, QRN));
    assert_eq!(value(&result.events, "redelegate", "destination_validator"), two);
    assert_eq!(
        told(chain, &me, &delegation(&me, &one)),
        full(&me, &one, 2 * QRN, 0)
    );
    assert_eq!(told(chain, &me, &delegation(&me, &two)), "{}", "not there yet");

    chain.empty_blocks(470);
    assert_eq!(balance(chain, &me), 17 * QRN);
    assert_eq!(told(chain, &me, &delegation(&me, &two)), full(&me, &two, QRN, 0));
    let held = told(chain, &me, &all);
    let held: Value = serde_json::from_str(&held).unwrap();
    assert_eq!(held["delegations"].as_array().unwrap().len(), 2);
    s.w.chain.app.check_invariants(0).unwrap();
}

#[test]
fn a_contract_is_told_of_validators_and_their_commission_and_cosmwasm_std_reads_all_of_it() {
    let (mut s, me) = scene_with_probe();
    let (ann, host) = (s.ann.clone(), s.w.hosts[0].clone());
    let (one, two) = (valoper(&s.w.hosts[0]), valoper(&s.w.hosts[1]));
    let rate = call(
        &host,
        "bonding",
        &json!({"set_commission": {"rate_bps": 1_000}}),
        "",
    );
    let chain = &mut s.w.chain;
    done(send(chain, &host, rate));
    let params = ask(chain, "bonding", &json!({"params": {}}));
    let rise = params["commission_rise_bps"].as_u64().unwrap();
    let shown = |address: &str, rate: &str| {
        format!(
            r#"{{"address":"{address}","commission":"{rate}","max_commission":"1.000000000000000000","max_change_rate":"{}.{:04}00000000000000"}}"#,
            rise / 10_000,
            rise % 10_000
        )
    };
    let (first, second) = (
        shown(&one, "0.100000000000000000"),
        shown(&two, "1.000000000000000000"),
    );
    let named = |address: &str| json!({"staking": {"validator": {"address": address}}});
    assert_eq!(
        told(chain, &me, &named(&one)),
        format!(r#"{{"validator":{first}}}"#)
    );
    let all = told(chain, &me, &json!({"staking": {"all_validators": {}}}));
    // both have the same power
    let either =
        [[&first, &second], [&second, &first]].map(|[a, b]| format!(r#"{{"validators":[{a},{b}]}}"#));
    assert!(either.contains(&all), "{all}");
    let unknown = valoper(&User::new("nobody"));
    assert_eq!(told(chain, &me, &named(&unknown)), r#"{"validator":null}"#);
    assert_eq!(told(chain, &me, &delegation(&me, &unknown)), "{}");

    act(chain, &ann, &me, &delegate(&one, 5 * QRN));
    let stakes = smart(
        chain,
        &me,
        &json!({"stakes": {"delegator": me, "validator": one}}),
    );
    assert_eq!(stakes["bonded_denom"], "nqrn");
    assert_eq!(stakes["all_validators"].as_array().unwrap().len(), 2);
    assert_eq!(stakes["validator"]["commission"], "0.1");
    assert_eq!(stakes["all_delegations"][0]["amount"], coin(5 * QRN));
    assert_eq!(stakes["delegation"]["can_redelegate"], coin(5 * QRN));
    assert_eq!(stakes["withdraw_address"], json!(me));
    assert_eq!(stakes["rewards"], json!([]));
    assert_eq!(
        stakes["total_rewards"],
        json!({"rewards": [{"validator_address": one, "reward": []}], "total": []})
    );
    assert_eq!(stakes["delegator_validators"], json!([one]));

    // who leaves the set is a validator still
    let offence = Misbehavior {
        validator: Some(Validator {
            address: quern_validators::consensus_address(&key(1)).to_vec().into(),
            power: 7,
        }),
        height: 2,
        ..Default::default()
    };
    chain.block_with(|request| request.misbehavior = vec![offence]);
    let all = told(chain, &me, &json!({"staking": {"all_validators": {}}}));
    assert_eq!(all, format!(r#"{{"validators":[{second}]}}"#));
    assert_eq!(
        told(chain, &me, &named(&one)),
        format!(r#"{{"validator":{first}}}"#)
    );
}

/// A chain of a hundred hosts, all of which vote.
fn hundred() -> World {
    let mut profile = ProfileName::Localnet.profile();
    profile.epoch_blocks = 1000;
    profile.max_validators = 100;
    profile.bonding.max_validators = 100;
    profile.poc_weights.weights.max_validators = 100;
    let mut w = launch_with(&profile, vec![], &["100000000000nqrn"; 100], &json!([]), |_| {});
    w.chain.block([]);
    w
}

#[test]
fn a_contract_is_told_of_a_hundred_validators_within_the_gas_of_a_question() {
    let mut w = hundred();
    let ann = w.hosts[0].clone();
    let me = probe(&mut w.chain, &ann, QRN);
    let query = json!({"staking": {"all_validators": {}}});
    let all: Value = serde_json::from_str(&told(&w.chain, &me, &query)).unwrap();
    let mut told: Vec<&str> = all["validators"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["address"].as_str().unwrap())
        .collect();
    told.sort_unstable();
    let mut hosts: Vec<String> = w.hosts.iter().map(valoper).collect();
    hosts.sort_unstable();
    assert_eq!(told, hosts);
    // and has most of it left
    let msg = execute(
        &ann,
        &me,
        &json!({"ask": {"request": STANDARD.encode(query.to_string())}}),
    );
    let tx = w.chain.tx(&ann).message(msg).gas(1_500_000).sign(&ann);
    println!(
        "gas with a hundred validators: {}",
        done(deliver(&mut w.chain, tx)).gas_used
    );
}

#[test]
fn wallets_see_a_hundred_validators_on_a_page() {
    let w = hundred();
    let request = QueryValidatorsRequest {
        status: "BOND_STATUS_BONDED".into(),
        ..Default::default()
    };
    let page: QueryValidatorsResponse = ask_staking(&w.chain, "Validators", &request).unwrap();
    assert_eq!(
        (page.validators.len(), page.pagination.unwrap().total),
        (100, 100)
    );
    for validator in page.validators {
        assert_eq!(validator.tokens, "100000000000");
        let rates = validator.commission.unwrap().commission_rates.unwrap();
        assert_eq!(rates.rate, "1000000000000000000");
    }
    let pool: QueryPoolResponse = ask_staking(&w.chain, "Pool", &QueryPoolRequest {}).unwrap();
    assert_eq!(pool.pool.unwrap().bonded_tokens, "10000000000000");
}

#[test]
fn what_the_sdk_refuses_a_contract_hears_by_its_code() {
    let (mut s, me) = scene_with_probe();
    let ann = s.ann.clone();
    let (one, unknown) = (valoper(&s.w.hosts[0]), valoper(&User::new("nobody")));
    let blocked = module_address("fee_collector").to_string();
    let chain = &mut s.w.chain;
    let withdraw = |from: &str| json!({"distribution": {"withdraw_delegator_reward": {"validator": from}}});
    for (msg, code) in [
        (delegate(&unknown, QRN), "codespace: staking, code: 3"),
        (delegate(&one, 100 * QRN), "codespace: sdk, code: 5"),
        (delegate("nonsense", QRN), "codespace: sdk, code: 7"),
        (
            json!({"staking": {"delegate": {"validator": one, "amount": {"denom": "uatom", "amount": "1"}}}}),
            "codespace: sdk, code: 18",
        ),
        (undelegate(&one, QRN), "codespace: staking, code: 19"),
        (undelegate(&unknown, QRN), "codespace: staking, code: 3"),
        (redelegate(&one, &one, QRN), "codespace: staking, code: 19"),
        (redelegate(&one, &unknown, QRN), "codespace: staking, code: 19"),
        (withdraw(&one), "codespace: staking, code: 19"),
        (withdraw(&unknown), "codespace: staking, code: 3"),
        (
            json!({"distribution": {"set_withdraw_address": {"address": blocked}}}),
            "codespace: sdk, code: 4",
        ),
        (
            json!({"distribution": {"fund_community_pool": {"amount": [coin(100 * QRN)]}}}),
            "codespace: sdk, code: 5",
        ),
        (
            json!({"gov": {"vote": {"proposal_id": 9, "option": "yes"}}}),
            "codespace: gov, code: 3",
        ),
        (
            json!({"ibc": {"close_channel": {"channel_id": "channel-0"}}}),
            "codespace: sdk, code: 6",
        ),
    ] {
        act(chain, &ann, &me, &msg);
        assert_eq!(reply(chain, &me)["error"], code, "{msg}");
    }
    assert_eq!(balance(chain, &me), 20 * QRN);

    let rewards = |of: &str, to: &str| json!({"distribution": {"delegation_rewards": {"delegator_address": of, "validator_address": to}}});
    for (query, code) in [
        (rewards(&me, &unknown), "codespace: staking, code: 3"),
        (rewards(&me, &one), "codespace: staking, code: 19"),
        (rewards(&me, &me), "codespace: sdk, code: 35"),
        (delegation("nonsense", &one), "codespace: sdk, code: 7"),
    ] {
        assert_eq!(refused(chain, &me, &query), code, "{query}");
    }

    // without a reply the failure is the transaction's
    let sub = json!({"id": 1, "msg": delegate(&unknown, QRN), "gas_limit": null, "reply_on": "never", "payload": ""});
    let msg = execute(&ann, &me, &json!({"sub": {"msgs": [sub]}}));
    failed(&send(chain, &ann, msg), "staking", 3, "validator does not exist");

    // who holds nothing hears of that first; where one holds something, the destination is looked at
    act(chain, &ann, &me, &delegate(&one, QRN));
    for (msg, code) in [
        (redelegate(&one, &one, QRN), "codespace: staking, code: 29"),
        (redelegate(&one, &unknown, QRN), "codespace: staking, code: 31"),
    ] {
        act(chain, &ann, &me, &msg);
        assert_eq!(reply(chain, &me)["error"], code, "{msg}");
    }
}

#[test]
fn a_contract_earns_with_its_coins_and_takes_its_rewards_to_where_it_wants_them() {
    let mut w = proving(&[BOND; 4]);
    w.chain.block([]);
    let (host, ann) = (w.hosts[3].clone(), w.hosts[0].clone());
    let to = valoper(&host);
    let me = probe(&mut w.chain, &ann, 110 * QRN);
    // as much as the operator has, so that half of what the host does not keep is the contract's
    let sub = json!({"id": 1, "msg": delegate(&to, 100 * QRN), "gas_limit": null, "reply_on": "always", "payload": ""});
    let rate = call(
        &host,
        "bonding",
        &json!({"set_commission": {"rate_bps": 2_000}}),
        "",
    );
    let txs = [
        (&host, rate),
        (&ann, execute(&ann, &me, &json!({"sub": {"msgs": [sub]}}))),
    ]
    .map(|(by, message)| w.chain.tx(by).message(message).gas(10_000_000).sign(by));
    for result in w.chain.block(txs).tx_results {
        done(result);
    }
    play(&mut w, &[30, 30, 30, 10]);
    play(&mut w, &[30, 30, 30, 10]);
    let earned = u128::from(FIRST / 100 * 98 / 10 / 4 / 10 * 4);

    let chain = &mut w.chain;
    assert_eq!(
        told(chain, &me, &delegation(&me, &to)),
        full(&me, &to, 100 * QRN, earned)
    );
    let of_me = json!({"delegator_address": me});
    let rewards =
        json!({"distribution": {"delegation_rewards": {"delegator_address": me, "validator_address": to}}});
    let reward = format!(r#"{{"amount":"{earned}.000000000000000000","denom":"nqrn"}}"#);
    assert_eq!(told(chain, &me, &rewards), format!(r#"{{"rewards":[{reward}]}}"#));
    let total = json!({"distribution": {"delegation_total_rewards": of_me}});
    assert_eq!(
        told(chain, &me, &total),
        format!(r#"{{"rewards":[{{"reward":[{reward}],"validator_address":"{to}"}}],"total":[{reward}]}}"#)
    );
    assert_eq!(
        told(
            chain,
            &me,
            &json!({"distribution": {"delegator_validators": of_me}})
        ),
        format!(r#"{{"validators":["{to}"]}}"#)
    );

    let elsewhere = User::new("elsewhere").address().to_string();
    let set = json!({"distribution": {"set_withdraw_address": {"address": elsewhere}}});
    let result = act(chain, &ann, &me, &set);
    assert_eq!(
        value(&result.events, "set_withdraw_address", "withdraw_address"),
        elsewhere
    );
    assert_eq!(
        told(
            chain,
            &me,
            &json!({"distribution": {"delegator_withdraw_address": of_me}})
        ),
        format!(r#"{{"withdraw_address":"{elsewhere}"}}"#)
    );
    let withdraw = json!({"distribution": {"withdraw_delegator_reward": {"validator": to}}});
    let result = act(chain, &ann, &me, &withdraw);
    assert_eq!(
        value(&result.events, "withdraw_rewards", "amount"),
        format!("{earned}nqrn")
    );
    assert_eq!(
        reply(chain, &me)["msg_responses"][0][0],
        "/cosmos.distribution.v1beta1.MsgWithdrawDelegatorRewardResponse"
    );
    assert_eq!(balance(chain, &elsewhere), earned);
    assert_eq!(told(chain, &me, &rewards), r#"{"rewards":[]}"#);

    let pool = module_address("distribution").to_string();
    let before = balance(chain, &pool);
    let fund = json!({"distribution": {"fund_community_pool": {"amount": [coin(QRN)]}}});
    act(chain, &ann, &me, &fund);
    assert_eq!(balance(chain, &pool) - before, QRN);
    assert_eq!(balance(chain, &me), 9 * QRN);
    w.chain.app.check_invariants(0).unwrap();
}

#[test]
fn a_contract_votes_with_the_coins_that_it_delegated() {
    let mut profile = ProfileName::Localnet.profile();
    profile.epoch_blocks = 1000;
    let bonds = ["300000000000nqrn", "300000000000nqrn"];
    let mut w = launch_with(&profile, vec![], &bonds, &json!([]), |state| {
        state.gov.params = Some(crate::governance::params(50));
    });
    w.chain.block([]);
    let host = w.hosts[0].clone();
    let to = valoper(&host);
    let chain = &mut w.chain;
    let me = probe(chain, &host, 110 * QRN);
    act(chain, &host, &me, &delegate(&to, 100 * QRN));
    let proposal = MsgSubmitProposal {
        messages: vec![],
        initial_deposit: coins("1000000nqrn"),
        proposer: host.address().to_string(),
        metadata: "ipfs://words".into(),
        title: "title".into(),
        summary: "summary".into(),
        expedited: false,
    };
    done(send(chain, &host, any(&proposal)));
    let tally = |chain: &Chain<App>| {
        let request = QueryTallyResultRequest { proposal_id: 1 };
        let path = "/cosmos.gov.v1.Query/TallyResult";
        let answer: QueryTallyResultResponse = chain.query(path, &request).unwrap();
        let tally = answer.tally.unwrap();
        [tally.yes_count, tally.no_count].map(|n| n.parse::<u128>().unwrap())
    };
    assert_eq!(tally(chain), [0, 0]);
    let result = act(
        chain,
        &host,
        &me,
        &json!({"gov": {"vote": {"proposal_id": 1, "option": "yes"}}}),
    );
    assert_eq!(value(&result.events, "proposal_vote", "voter"), me);
    assert_eq!(
        reply(chain, &me)["msg_responses"],
        json!([["/cosmos.gov.v1.MsgVoteResponse", ""]])
    );
    // two validators of the same power share 700 QRN; a quarter of what is behind its one is the contract's
    let power = 700 * QRN / 2 / 4;
    assert_eq!(tally(chain), [power, 0]);
    let options = json!([{"option": "yes", "weight": "0.25"}, {"option": "no", "weight": "0.75"}]);
    let weighted = json!({"gov": {"vote_weighted": {"proposal_id": 1, "options": options}}});
    act(chain, &host, &me, &weighted);
    assert_eq!(tally(chain), [power / 4, power / 4 * 3]);
    let request = QueryVoteRequest {
        proposal_id: 1,
        voter: me.clone(),
    };
    let found: QueryVoteResponse = chain.query("/cosmos.gov.v1.Query/Vote", &request).unwrap();
    let weights: Vec<String> = found
        .vote
        .unwrap()
        .options
        .into_iter()
        .map(|o| o.weight)
        .collect();
    assert_eq!(weights, ["0.250000000000000000", "0.750000000000000000"]);
    // weights of more or less than one vote
    let options = json!([{"option": "yes", "weight": "0.5"}]);
    let weighted = json!({"gov": {"vote_weighted": {"proposal_id": 1, "options": options}}});
    act(chain, &host, &me, &weighted);
    assert_eq!(reply(chain, &me)["success"], false);
}

#[test]
fn questions_about_staking_count_as_nested_queries_and_are_paid_for() {
    let (mut s, me) = scene_with_probe();
    let ann = s.ann.clone();
    let one = valoper(&s.w.hosts[0]);
    let chain = &mut s.w.chain;
    act(chain, &ann, &me, &delegate(&one, 5 * QRN));
    let query = delegation(&me, &one);
    // ten levels, of which this answer takes two: of bonds, and of the rewards that vested
    let heard = heard_below(chain, &me, 7, &query);
    let expected = full(&me, &one, 5 * QRN, 0);
    assert_eq!(decoded(&heard["ok"]["ok"]), expected.as_bytes());
    let heard = heard_below(chain, &me, 8, &query);
    assert_eq!(heard["ok"]["error"], "codespace: wasm, code: 27");

    let asking = |query: &Value| json!({"ask": {"request": STANDARD.encode(query.to_string())}});
    let run = |chain: &mut Chain<App>, query: &Value, gas: u64| {
        let msg = execute(&ann, &me, &asking(query));
        let tx = chain.tx(&ann).message(msg).gas(gas).sign(&ann);
        deliver(chain, tx)
    };
    let denom = json!({"staking": {"bonded_denom": {}}});
    let least = done(run(chain, &denom, 5_000_000)).gas_used;
    let result = done(run(chain, &query, 5_000_000));
    // two calls of the contract of bonds, one of that of rewards
    assert!(result.gas_used > least + 3 * 2_000, "{} {least}", result.gas_used);
    let short = u64::try_from(result.gas_used).unwrap() - 2_000;
    let result = run(chain, &query, short);
    assert_eq!(
        (result.codespace.as_str(), result.code),
        ("sdk", 11),
        "{}",
        result.log
    );
}
