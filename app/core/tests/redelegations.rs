//! What wallets ask of redelegations, over the shipped contracts.

use quern_proto::cosmos::{base::query::v1beta1::PageRequest, staking::v1beta1 as staking};
use quern_testkit::{User, bank_send};

use crate::support::{
    deliver,
    shipped::world,
    staking::{QRN, ask_staking, delegate, done, redelegate, scene, send, valoper},
};

#[test]
fn redelegations_are_found_as_the_sdk_finds_them() {
    let mut s = scene();
    let (one, two) = (valoper(&s.w.hosts[0]), valoper(&s.w.hosts[1]));
    let ann = s.ann.clone();
    done(send(&mut s.w.chain, &ann, delegate(&ann, &one, 2 * QRN)));
    done(send(&mut s.w.chain, &ann, redelegate(&ann, &one, &two, QRN)));
    let delegator = ann.address().to_string();
    let ask = |delegator: &str, source: &str, target: &str| -> Result<(Vec<String>, bool), String> {
        let request = staking::QueryRedelegationsRequest {
            delegator_addr: delegator.into(),
            src_validator_addr: source.into(),
            dst_validator_addr: target.into(),
            pagination: None,
        };
        let found: Result<staking::QueryRedelegationsResponse, _> =
            ask_staking(&s.w.chain, "Redelegations", &request);
        let found = found.map_err(|error| error.log)?;
        let targets = found.redelegation_responses.into_iter().map(|found| {
            let route = found.redelegation.unwrap();
            assert_eq!(route.validator_src_address, one);
            route.validator_dst_address
        });
        Ok((targets.collect::<Vec<_>>(), found.pagination.is_some()))
    };
    let moved = || vec![two.clone()];
    // named by all three it is the only one, without a page
    assert_eq!(ask(&delegator, &one, &two), Ok((moved(), false)));
    let none =
        format!("redelegation not found for delegator address {delegator} from validator address {two}");
    assert!(ask(&delegator, &two, &one).is_err_and(|log| log.contains(&none)));
    // a delegator and one validator, even none at all: all of the delegator's
    for (source, target) in [("", ""), (&*two, ""), ("", &*one), ("x", ""), ("", "x")] {
        assert_eq!(
            ask(&delegator, source, target),
            Ok((moved(), true)),
            "{source} {target}"
        );
    }
    assert_eq!(ask("", &one, ""), Ok((moved(), true)));
    assert_eq!(ask("", &two, ""), Ok((vec![], true)));
    let nobody = "empty address string is not allowed";
    for (source, target) in [("", ""), (&*one, &*two), ("", &*two)] {
        let found = ask("", source, target);
        assert!(found.is_err_and(|log| log.contains(nobody)), "{source} {target}");
    }
}

#[test]
fn pages_of_redelegations_count_each_host_that_a_position_moves_to() {
    let mut w = world(&["100000000000nqrn", "100000000000nqrn", "100000000000nqrn"]);
    w.chain.empty_blocks(1);
    let ann = User::new("ann");
    let coins = bank_send(&w.hosts[0], &ann, "9000000000nqrn");
    let tx = w.chain.tx(&w.hosts[0]).message(coins).sign(&w.hosts[0]);
    assert_eq!(deliver(&mut w.chain, tx).code, 0);
    let [one, two, three] = [0, 1, 2].map(|place| valoper(&w.hosts[place]));
    // nothing of this one moves, wherever it stands among her positions
    done(send(&mut w.chain, &ann, delegate(&ann, &three, QRN)));
    done(send(&mut w.chain, &ann, delegate(&ann, &one, 3 * QRN)));
    for target in [&two, &three] {
        done(send(&mut w.chain, &ann, redelegate(&ann, &one, target, QRN)));
        w.chain.empty_blocks(30);
    }
    let mut targets = [two, three];
    targets.sort();
    let ask = |by_source: bool, page: PageRequest| -> staking::QueryRedelegationsResponse {
        let delegator = if by_source {
            String::new()
        } else {
            ann.address().to_string()
        };
        let request = staking::QueryRedelegationsRequest {
            delegator_addr: delegator,
            src_validator_addr: one.clone(),
            pagination: Some(page),
            ..Default::default()
        };
        ask_staking(&w.chain, "Redelegations", &request).unwrap()
    };
    for (by_source, reverse) in [(false, false), (false, true), (true, false), (true, true)] {
        let (mut found, mut key) = (Vec::new(), Vec::new());
        for _ in 0..targets.len() {
            let answer = ask(
                by_source,
                PageRequest {
                    key,
                    limit: 1,
                    reverse,
                    ..Default::default()
                },
            );
            let routes = answer.redelegation_responses.into_iter();
            found.push(
                routes
                    .map(|moved| moved.redelegation.unwrap().validator_dst_address)
                    .collect::<Vec<_>>(),
            );
            key = answer.pagination.unwrap().next_key;
        }
        let mut expected: Vec<Vec<String>> = targets.iter().map(|target| vec![target.clone()]).collect();
        if reverse {
            expected.reverse();
        }
        assert_eq!((found, key.len()), (expected, 0), "{by_source} {reverse}");
        let all = ask(
            by_source,
            PageRequest {
                offset: 1,
                limit: 1,
                count_total: true,
                reverse,
                ..Default::default()
            },
        );
        assert_eq!(
            (all.redelegation_responses.len(), all.pagination.unwrap().total),
            (1, 2)
        );
    }
}
