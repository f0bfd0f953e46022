//! A block's work is bounded by a parameter, not by the number of hosts.

use crate::common;

use common::{hosts, params, Chain};
use quern_interface::rewards::{Params, Phase};

/// Keys of this contract's store that one block changed, and blocks until the epoch was divided.
fn work(count: usize) -> (usize, usize) {
    let all = hosts(count);
    let mut chain = Chain::new(Params {
        step_hosts: 20,
        ..params()
    });
    let weights: Vec<(&str, u64)> = all.iter().map(|host| (host.as_str(), 7)).collect();
    let (mut most, mut blocks) = (0, 0);
    for _ in 0..2 {
        chain.weigh(&weights);
        for host in &all {
            chain.earn(host, 2_000);
        }
        let mut before = chain.dump();
        chain.border(1_000_000);
        blocks = 1;
        loop {
            let after = chain.dump();
            let changed = after
                .iter()
                .filter(|(key, value)| before.get(*key) != Some(value));
            most = most.max(changed.count());
            before = after;
            if chain.status().phase == Phase::Done {
                break;
            }
            chain.block();
            blocks += 1;
        }
    }
    chain.reconcile();
    (most, blocks)
}

#[test]
fn a_block_writes_no_more_at_a_thousand_hosts_than_at_a_hundred() {
    let (few, many) = (work(100), work(1_000));
    assert_eq!(few.0, many.0);
    assert!(many.0 <= 20 * 3 + 10, "{many:?}");
    assert_eq!((few.1, many.1), (11, 101));
}

#[test]
fn a_small_network_is_divided_in_the_block_that_ends_the_epoch() {
    assert_eq!(work(9).1, 1);
}

#[test]
fn a_block_without_work_changes_nothing() {
    let mut chain = Chain::new(params());
    chain.end_epoch(1_000);
    let before = chain.dump();
    chain.block();
    assert_eq!(chain.dump(), before);
}
