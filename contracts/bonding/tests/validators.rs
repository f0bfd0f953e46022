//! The proposed set.

use crate::common;

use common::{consensus_key, host, params, Chain};
use quern_interface::registry::ExecuteMsg as Registry;
use quern_protocol::Bytes;

#[test]
fn the_highest_bonds_that_serve_are_proposed_with_power_by_bond() {
    let users: Vec<_> = (0..16).map(host).collect();
    let mut chain = Chain::new(&users);
    for n in 0..16 {
        chain.register(n);
        // Host 0 is below the minimum.
        chain.bond(&host(n), &host(n), 999 + 100 * u128::from(n)).unwrap();
    }
    let keys = |chain: &mut Chain| -> Vec<Bytes<32>> {
        chain
            .end_epoch()
            .validators
            .into_iter()
            .map(|validator| validator.pubkey)
            .collect()
    };
    assert_eq!(
        keys(&mut chain),
        (6..16).rev().map(consensus_key).collect::<Vec<_>>()
    );
    chain.registry_call(&host(12), Registry::RetireHost {});
    chain.registry_call(
        &host(3),
        Registry::SetBeaconAnchor {
            anchor: Bytes::new([9; 32]),
        },
    );
    chain.slash(&host(15), "all", 10_000, 0).unwrap();
    chain.bond(&host(3), &host(3), 100_000).unwrap();
    let expected = [3, 14, 13, 11, 10, 9, 8, 7, 6, 5].map(consensus_key);
    assert_eq!(keys(&mut chain), expected);
    let set = chain.end_epoch().validators;
    assert_eq!(set[0].anchor, Some(Bytes::new([9; 32])));
    let total: u64 = set.iter().map(|validator| validator.power).sum();
    assert!(
        total.abs_diff(1_000_000) < 20 && set[0].power * 10 <= total * 3,
        "{total}"
    );
}

#[test]
fn an_epochs_end_reads_the_top_of_the_order_however_many_hosts_there_are() {
    let mut few = params();
    few.max_validators = 4;
    let users: Vec<_> = (0..1000).map(host).collect();
    let mut chain = Chain::with(&users, few);
    let mut reads = vec![];
    for n in 0..1000 {
        chain.register(n);
        chain.bond(&host(n), &host(n), 2000 + u128::from(n)).unwrap();
        if n == 9 || n == 999 {
            reads.push(chain.reads(|chain| assert_eq!(chain.end_epoch().validators.len(), 4)));
        }
    }
    assert_eq!(reads[0], reads[1], "the same work at 10 and at 1,000 hosts");
}
