//! A chain whose validators follow from proof of compute: the shipped contracts under the hooks of the
//! application.

use crate::support;

use quern_testkit::Chain;
use serde_json::{Value, json};
use support::{
    open,
    proving::{BOND, EPOCH, LEAF, no_hook_failed, play, proving},
    shipped::{World, ask},
    system::powers,
};

fn epoch(w: &World) -> Value {
    ask(&w.chain, "poc-weights", &json!({"epoch": {}}))
}

#[test]
fn powers_follow_what_hosts_prove() {
    let mut w = proving(&[BOND; 4]);
    assert_eq!(powers(&w.answer.validators), [1, 2, 3, 4].map(|n| (n, 250_000)));
    let mut set = std::collections::BTreeMap::from([1, 2, 3, 4].map(|n| (n, 250_000)));
    for _ in 0..5 {
        for (n, power) in play(&mut w, &[30, 30, 30, 10]) {
            set.insert(n, power);
        }
        assert_eq!(epoch(&w)["mode"], "proven");
    }
    assert_eq!(
        set.into_iter().collect::<Vec<_>>(),
        [(1, 300_000), (2, 300_000), (3, 300_000), (4, 100_000)]
    );
    let host = w.hosts[3].address().to_string();
    let weight = ask(&w.chain, "poc-weights", &json!({"weight": {"host": host}}));
    assert_eq!(weight["covered"], json!(10 * LEAF * 1_000 / 5));
    assert_eq!(weight["power"], json!(100_000));
}

#[test]
fn without_proofs_the_set_carries_over_two_epochs_and_then_holds_equal_power() {
    let mut w = proving(&["400000000000nqrn", BOND, BOND, BOND, BOND]);
    let first = powers(&w.answer.validators);
    assert!(first[0].1 > 290_000, "{first:?}");
    for missed in 1..=2 {
        assert!(play(&mut w, &[]).is_empty());
        let epoch = epoch(&w);
        assert_eq!(
            (&epoch["mode"], &epoch["missed"]),
            (&json!("carried_over"), &json!(missed))
        );
    }
    let changed = play(&mut w, &[]);
    assert_eq!(epoch(&w)["mode"], "equal_power");
    assert!(
        changed
            .iter()
            .all(|(_, power)| (199_000..=201_000).contains(power)),
        "{changed:?}"
    );
}

#[test]
fn a_chain_of_proofs_survives_an_export_in_the_middle_of_an_epoch() {
    let mut w = proving(&[BOND; 4]);
    play(&mut w, &[30, 30, 30, 10]);
    w.chain.empty_blocks(3);
    let height = w.chain.height.unsigned_abs() + 1;
    let exported = w.chain.app.export(0).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let genesis = quern_testkit::Genesis::new()
        .first_height(height)
        .state(|state| *state = exported.clone());
    let mut copy = Chain::start(open(dir.path()), genesis);
    assert_eq!(copy.app.halted(), None);
    while copy.height % EPOCH > 0 {
        let (one, other) = (w.chain.block([]), copy.block([]));
        no_hook_failed(&other);
        assert_eq!(powers(&one.validator_updates), powers(&other.validator_updates));
    }
}
