//! Gas that a wallet is told and then pays: what it asks for in one epoch may land in the next.

use quern_proto::{
    Any,
    cosmos::{distribution::v1beta1 as distribution, staking::v1beta1 as staking},
};
use quern_testkit::{User, any, bank_send};
use serde_json::json;

use crate::support::{
    deliver,
    proving::{BOND, play, proving},
    shipped::{World, call},
    staking::{QRN, delegate, done, nqrn, redelegate, send, undelegate, valoper, value},
};

/// Percent of an estimate that is given: less than any client gives. Keplr takes 130, CosmJS 140, cosmpy 165.
const GIVEN: i64 = 110;

fn claim(who: &User, host: &str) -> Any {
    any(&distribution::MsgWithdrawDelegatorReward {
        delegator_address: who.address().to_string(),
        validator_address: host.into(),
    })
}

/// Four hosts that prove, and somebody who has coins behind two of them, with an entry that leaves.
fn scene() -> (World, User) {
    let mut w = proving(&[BOND; 4]);
    w.chain.block([]);
    let ann = User::new("ann");
    let (one, two) = (w.hosts[0].clone(), w.hosts[1].clone());
    let tx = w.chain.tx(&one).message(bank_send(&one, &ann, "50000000000nqrn"));
    assert_eq!(deliver(&mut w.chain, tx.sign(&one)).code, 0);
    for host in [&one, &two] {
        let rate = call(
            host,
            "bonding",
            &json!({"set_commission": {"rate_bps": 1_000}}),
            "",
        );
        done(send(&mut w.chain, host, rate));
        done(send(&mut w.chain, &ann, delegate(&ann, &valoper(host), 10 * QRN)));
    }
    play(&mut w, &[30; 4]);
    (w, ann)
}

/// Estimates a message where nothing is earned, has an epoch end, which pays, and sends it with what was estimated.
#[track_caller]
fn estimate_and_send_in_the_next_epoch(w: &mut World, ann: &User, name: &str, message: Any) {
    let hosts = [valoper(&w.hosts[0]), valoper(&w.hosts[1])];
    for host in &hosts {
        done(send(&mut w.chain, ann, claim(ann, host)));
    }
    let tx = |w: &World, gas| w.chain.tx(ann).message(message.clone()).gas(gas).sign(ann);
    let estimate = w.chain.simulate(&tx(w, 0)).unwrap().gas_used;
    play(w, &[30; 4]);
    let tx = tx(w, estimate * GIVEN as u64 / 100);
    let sent = deliver(&mut w.chain, tx);
    assert_eq!(sent.code, 0, "{name}: {}", sent.log);
    assert_ne!(
        value(&sent.events, "withdraw_rewards", "amount"),
        "0nqrn",
        "{name}"
    );
}

#[test]
fn an_estimate_of_one_epoch_is_enough_in_the_next() {
    let (mut w, ann) = scene();
    let (one, two) = (valoper(&w.hosts[0]), valoper(&w.hosts[1]));
    // of an entry whose completion is noted already
    done(send(&mut w.chain, &ann, undelegate(&ann, &one, QRN)));
    let height = w.chain.height;
    let cases = [
        ("undelegate", undelegate(&ann, &one, QRN)),
        ("delegate", delegate(&ann, &one, QRN)),
        ("redelegate", redelegate(&ann, &one, &two, QRN)),
        ("claim", claim(&ann, &one)),
        (
            "cancel",
            any(&staking::MsgCancelUnbondingDelegation {
                delegator_address: ann.address().to_string(),
                validator_address: one.clone(),
                amount: nqrn(QRN / 2),
                creation_height: height,
            }),
        ),
    ];
    for (name, message) in cases {
        estimate_and_send_in_the_next_epoch(&mut w, &ann, name, message);
    }
}
