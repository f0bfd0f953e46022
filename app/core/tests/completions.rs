//! Unbonding that a freeze holds back, over the shipped contracts.

use quern_core::App;
use quern_genesis::profile::ProfileName;
use quern_testkit::{Chain, User, bank_send};
use serde_json::json;

use crate::support::{
    deliver,
    shipped::{EPOCH, ask, call, launch_with},
    staking::{QRN, delegate, done, send, undelegate, valoper},
};

#[test]
fn more_unbondings_than_one_withdrawal_takes_come_back_by_themselves_after_a_freeze() {
    let mut profile = ProfileName::Localnet.profile();
    profile.epoch_blocks = EPOCH;
    (profile.bonding.unbonding_blocks, profile.bonding.bucket_blocks) = (60, 5);
    (profile.bonding.freeze_blocks, profile.bonding.max_freeze_blocks) = (80, 80);
    let (ann, judge) = (User::new("ann"), User::new("judge"));
    let named = judge.address().to_string();
    let mut w = launch_with(&profile, Vec::new(), &["100000000000nqrn"], &json!([]), |state| {
        let mut contracts = state.system.contracts.iter_mut();
        let bonding = contracts.find(|c| c.name == "bonding").unwrap();
        bonding.init["judges"].as_array_mut().unwrap().push(named.into());
    });
    w.chain.empty_blocks(1);
    let host = w.hosts[0].clone();
    for user in [&ann, &judge] {
        let tx = w
            .chain
            .tx(&host)
            .message(bank_send(&host, user, "50000000000nqrn"));
        assert_eq!(deliver(&mut w.chain, tx.sign(&host)).code, 0);
    }
    done(send(
        &mut w.chain,
        &ann,
        delegate(&ann, &valoper(&host), 20 * QRN),
    ));
    for _ in 0..10 {
        done(send(&mut w.chain, &ann, undelegate(&ann, &valoper(&host), QRN)));
        let next = w.chain.height + 5;
        while w.chain.height < next {
            w.chain.block([]);
        }
    }
    let place =
        json!({"position": {"host": host.address().to_string(), "funder": ann.address().to_string()}});
    let entries = |chain: &Chain<App>| {
        ask(chain, "bonding", &place)["unbonding"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(entries(&w.chain), 10);
    let freeze = |frozen: bool| {
        let msg = json!({"freeze": {"host": host.address().to_string(), "frozen": frozen}});
        call(&judge, "bonding", &msg, "")
    };
    done(send(&mut w.chain, &judge, freeze(true)));
    // past the end of every bucket, which the freeze holds
    let due = w.chain.height + 65;
    while w.chain.height < due {
        w.chain.block([]);
    }
    assert_eq!(entries(&w.chain), 10);
    let held = w.chain.balance(&ann, "nqrn");
    done(send(&mut w.chain, &judge, freeze(false)));
    // one that looked in vain looks again when the freeze would have ended
    for _ in 0..100 {
        w.chain.block([]);
    }
    assert_eq!(entries(&w.chain), 0);
    assert_eq!(w.chain.balance(&ann, "nqrn"), held + 10 * QRN);
    assert_eq!(w.chain.app.export(0).unwrap().staking.completions, []);
    w.chain.app.check_invariants(0).unwrap();
}
