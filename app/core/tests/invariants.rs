//! Invariants of the state: they hold of a chain where something of everything is going on, and each is told when its
//! books are wrong by one row.

use std::collections::BTreeMap;

use prost::Message;
use prost_types::Timestamp;
use quern_core::App;
use quern_proto::{
    Any,
    cosmos::{
        authz::v1beta1::{GenericAuthorization, Grant, MsgGrant},
        feegrant::v1beta1::{BasicAllowance, MsgGrantAllowance},
        gov::v1::MsgSubmitProposal,
        upgrade::v1beta1::Plan,
        vesting::v1beta1::{DelayedVestingAccount, MsgCreateVestingAccount},
    },
};
use quern_store::Order;
use quern_testkit::{GENESIS_TIME, User, any, coins};
use quern_types::{AccAddress, module_address};
use serde_json::Value;

use crate::vested_stakes::act;

use crate::support::{
    shipped::address,
    staking::{QRN, Scene, delegate, done, scene, send, undelegate, valoper},
};

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// What a fault writes; nothing removes the row.
type Change = (Vec<u8>, Option<Vec<u8>>);

/// Somebody with locked coins behind a host, of which some leave; grants and allowances that end; a proposal that waits.
fn busy() -> (Scene, User) {
    let mut s = scene();
    let (host, other, vera) = (s.w.hosts[0].clone(), s.w.hosts[1].clone(), User::new("vera"));
    let end = Some(Timestamp {
        seconds: GENESIS_TIME + 1_000_000,
        nanos: 0,
    });
    let (granter, grantee) = (host.address().to_string(), other.address().to_string());
    for message in [
        any(&MsgCreateVestingAccount {
            from_address: granter.clone(),
            to_address: vera.address().to_string(),
            amount: coins(&format!("{}nqrn", 100 * QRN)),
            end_time: GENESIS_TIME + 1_000_000,
            delayed: true,
        }),
        any(&MsgGrant {
            granter: granter.clone(),
            grantee: grantee.clone(),
            grant: Some(Grant {
                authorization: Some(any(&GenericAuthorization {
                    msg: "/cosmos.gov.v1.MsgVote".into(),
                })),
                expiration: end,
            }),
        }),
        any(&MsgGrantAllowance {
            granter: granter.clone(),
            grantee,
            allowance: Some(any(&BasicAllowance {
                spend_limit: coins("5nqrn"),
                expiration: end,
            })),
        }),
        any(&MsgSubmitProposal {
            messages: vec![],
            initial_deposit: coins("1000000000nqrn"),
            proposer: granter,
            metadata: "of words".into(),
            title: "title".into(),
            summary: "summary".into(),
            expedited: false,
        }),
    ] {
        done(send(&mut s.w.chain, &host, message));
    }
    let to = valoper(&host);
    done(act(&mut s, &vera, delegate(&vera, &to, 90 * QRN)));
    done(act(&mut s, &vera, undelegate(&vera, &to, 40 * QRN)));
    s.w.chain.empty_blocks(6);
    (s, vera)
}

fn rows(app: &App) -> Rows {
    let snapshot = app.store().snapshot();
    let rows = snapshot.range(None, None, Order::Ascending).map(|row| {
        let (key, value) = row.unwrap();
        (key.to_vec(), value.to_vec())
    });
    rows.collect()
}

fn write(app: &App, changes: impl IntoIterator<Item = Change>) {
    let store = app.store();
    let next = store.latest().unwrap().version + 1;
    let changes = changes.into_iter().collect();
    store.commit(store.prepare(next, &changes).unwrap()).unwrap();
}

/// The first row whose key begins so.
fn first(rows: &Rows, prefix: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let found = rows.iter().find(|(key, _)| key.starts_with(prefix));
    let (key, value) = found.unwrap_or_else(|| panic!("{}", prefix.escape_ascii()));
    (key.clone(), value.clone())
}

fn balance(of: &AccAddress) -> Vec<u8> {
    let mut place = b"bank/\x02".to_vec();
    place.extend(of.length_prefixed());
    place.extend(b"nqrn");
    place
}

/// Coins that are another's from now on.
fn moved(rows: &Rows, from: &AccAddress, to: &AccAddress, amount: u128) -> Vec<Change> {
    let held = |who: &AccAddress| match rows.get(&balance(who)) {
        Some(text) => String::from_utf8(text.clone()).unwrap().parse().unwrap(),
        None => 0_u128,
    };
    let row = |who: &AccAddress, amount: u128| (balance(who), Some(amount.to_string().into_bytes()));
    vec![row(from, held(from) - amount), row(to, held(to) + amount)]
}

/// Where a contract keeps its sums.
fn sums<'a>(rows: &'a Rows, contract: &str) -> (&'a Vec<u8>, &'a Vec<u8>) {
    let of = AccAddress::from_bech32(&address(contract)).unwrap();
    let place = |key: &[u8]| {
        let at = key.windows(32).position(|part| part == of.as_bytes());
        key.starts_with(b"wasm/") && at.is_some_and(|at| key[at + 32..] == *b"totals")
    };
    rows.iter().find(|(key, _)| place(key)).unwrap()
}

/// The sums of a contract, one of them changed.
fn totals(rows: &Rows, contract: &str, name: &str, change: impl Fn(u128) -> u128) -> Vec<Change> {
    let (key, value) = sums(rows, contract);
    let mut totals: Value = serde_json::from_slice(value).unwrap();
    let before = totals[name].as_str().unwrap().parse().unwrap();
    totals[name] = change(before).to_string().into();
    vec![(key.clone(), Some(totals.to_string().into_bytes()))]
}

/// `audits` packs its sums: its pot has 5 from now on.
fn pot(rows: &Rows) -> Vec<Change> {
    let (key, value) = sums(rows, "audits");
    assert_eq!(value, b"\x010\x010\x010\x010");
    vec![(key.clone(), Some(b"\x015\x010\x010\x010".to_vec()))]
}

/// The account that knows of nothing that it delegated.
fn forgetful(rows: &Rows, who: &User) -> Vec<Change> {
    let key = [b"acc/\x01", who.address().as_bytes()].concat();
    let mut any = Any::decode(rows[&key].as_slice()).unwrap();
    let mut account = DelayedVestingAccount::decode(any.value.as_slice()).unwrap();
    account.base_vesting_account.as_mut().unwrap().delegated_vesting = coins("1nqrn");
    any.value = account.encode_to_vec();
    vec![(key, Some(any.encode_to_vec()))]
}

/// What leaves a host is noted as behind somebody else.
fn elsewhere(rows: &Rows, host: &AccAddress, other: &AccAddress) -> Vec<Change> {
    let (key, value) = first(rows, b"staking/\x01");
    let before = key.strip_suffix(host.length_prefixed().as_slice()).unwrap();
    let moved = [before, &other.length_prefixed()].concat();
    vec![(key.clone(), None), (moved, Some(value))]
}

#[test]
fn each_invariant_holds_of_a_busy_chain_and_is_told_when_one_row_is_wrong() {
    let (s, vera) = busy();
    let app = &s.w.chain.app;
    let held = app.check_invariants(0).unwrap();
    let rows = rows(app);
    let gone = |prefix: &[u8]| vec![(first(&rows, prefix).0, None)];
    let more = |amount: u128| amount + 1_000_000_000 * QRN;
    let (host, bonding) = (
        s.w.hosts[0].address(),
        AccAddress::from_bech32(&address("bonding")).unwrap(),
    );
    let late = Plan {
        name: "late".into(),
        height: 1,
        ..Plan::default()
    };
    let (validator, set) = first(&rows, b"validators/\x01");
    let faults: Vec<(&str, &str, Vec<Change>)> = vec![
        ("auth/accounts", "numbers for", gone(b"acc/accountNumber")),
        ("auth/vesting", "knows of 1nqrn", forgetful(&rows, &vera)),
        ("authz/queue", "is not queued for it", gone(b"authz/\x02")),
        ("authz/queue", "is queued and not there", gone(b"authz/\x01")),
        ("bank/total-supply", "invariant broken", gone(b"bank/\x00nqrn")),
        ("feegrant/queue", "is not queued for it", gone(b"feegrant/\x01")),
        (
            "feegrant/queue",
            "are queued and not there",
            gone(b"feegrant/\x00"),
        ),
        ("gov/module-account", "deposits sum to", gone(b"gov/\x10")),
        (
            "gov/queues",
            "is not in the queue of its period",
            gone(b"gov/\x02"),
        ),
        ("gov/queues", "in the queue of a period", gone(b"gov/\x00")),
        (
            "staking/module-accounts",
            "account bonded_tokens_pool, of nobody, holds 5nqrn",
            moved(&rows, &host, &module_address("bonded_tokens_pool"), 5),
        ),
        (
            "staking/completions",
            "corrupt completion",
            vec![(b"staking/\x01short".to_vec(), Some(vec![1]))],
        ),
        (
            "staking/completions",
            "which is no host",
            elsewhere(&rows, &s.w.hosts[0].address(), &vera.address()),
        ),
        (
            "upgrade/plan",
            "late was planned for height 1 and not made",
            vec![(b"upgrade/\x00".to_vec(), Some(late.encode_to_vec()))],
        ),
        // the key without the power behind it
        (
            "validators/powers",
            "has no power",
            vec![(validator, Some(set[..34].to_vec()))],
        ),
        ("audits/balance", "audits owes", pot(&rows)),
        (
            "bonding/balance",
            "bonding owes",
            moved(&rows, &bonding, &host, QRN),
        ),
        (
            "bonding/positions",
            "is active",
            totals(&rows, "bonding", "active", |active| active - 1),
        ),
        (
            "bonding/positions",
            "is leaving",
            totals(&rows, "bonding", "unbonding", |leaving| leaving - 1),
        ),
        (
            "rewards/balance",
            "rewards owes",
            totals(&rows, "rewards", "undivided", more),
        ),
        (
            "rewards/balance",
            "hosts took 0, rewards paid 1",
            totals(&rows, "rewards", "claimed", |claimed| claimed + 1),
        ),
        (
            "settlement/escrows",
            "settlement owes",
            totals(&rows, "settlement", "escrowed", more),
        ),
    ];
    let mut untold = Vec::new();
    for (name, said, changes) in &faults {
        write(app, changes.clone());
        let broken = match app.check_invariants(0) {
            Ok(_) => "nothing".to_owned(),
            Err(error) => error.to_string(),
        };
        if !broken.starts_with(&format!("{name}: ")) || !broken.contains(said) {
            untold.push(format!("{name}, {said}: {broken}"));
        }
        // as it was
        let before = changes
            .iter()
            .map(|(key, _)| (key.clone(), rows.get(key).cloned()));
        write(app, before);
        assert_eq!(app.check_invariants(0).unwrap(), held);
    }
    for name in held {
        assert!(
            faults.iter().any(|fault| fault.0 == name),
            "{name} is broken by nothing"
        );
    }
}
