//! Deposits of more accounts than one block pays back or burns.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at a surprise"
)]

mod world;

use quern_gov::PAYOUTS_PER_BLOCK;
use quern_proto::cosmos::gov::v1::{ProposalStatus, VoteOption};
use world::{VOTING_PERIOD, World, address};

fn status(w: &World, id: u64) -> ProposalStatus {
    ProposalStatus::try_from(w.proposal(id).unwrap().status).unwrap()
}

/// A proposal in its voting period on which alice, bob and this many others have deposits.
fn crowded(w: &mut World) -> (u64, u64) {
    let id = w.submit("alice", vec![], "1nqrn").unwrap();
    let many = u64::from(PAYOUTS_PER_BLOCK) + 20;
    for n in 0..many {
        let who = format!("depositor {n}");
        w.fund(&address(&who).to_string(), 1);
        // below the minimum only in sum
        if n < 90 {
            w.deposit(&who, id, "1nqrn").unwrap();
        }
    }
    w.deposit("bob", id, "10nqrn").unwrap();
    for n in 90..many {
        w.deposit(&format!("depositor {n}"), id, "1nqrn").unwrap();
    }
    (id, many)
}

#[test]
fn refunds_of_many_deposits_take_several_blocks_and_lose_nobody() {
    let mut w = World::new();
    let (id, many) = crowded(&mut w);
    w.pass(VOTING_PERIOD);
    w.end_block();
    assert_eq!(status(&w, id), ProposalStatus::Rejected);
    quern_gov::check_deposits(&w.cx()).unwrap();
    w.reimport();
    w.pass(1);
    w.end_block();
    for n in 0..many {
        assert_eq!(w.balance(&format!("depositor {n}")), 1, "{n}");
    }
    assert_eq!((w.balance("alice"), w.balance("bob")), (1000, 1000));
}

#[test]
fn many_vetoed_deposits_burn_in_one_sum_for_each_block_that_they_take() {
    let mut w = World::new();
    w.host("one", 500, &[("one", 50)]);
    let (id, many) = crowded(&mut w);
    w.vote("one", id, VoteOption::NoWithVeto as i32).unwrap();
    let before = w.supply();
    w.pass(VOTING_PERIOD);
    let mut burned = Vec::new();
    for _ in 0..3 {
        let events = w.end_block();
        let burns = events.iter().filter(|event| event.ty == "burn");
        let sums: Vec<u128> = burns
            .map(|event| {
                event
                    .get("amount")
                    .unwrap()
                    .trim_end_matches("nqrn")
                    .parse()
                    .unwrap()
            })
            .collect();
        burned.push(sums);
        quern_gov::check_deposits(&w.cx()).unwrap();
        w.pass(1);
    }
    assert_eq!(status(&w, id), ProposalStatus::Rejected);
    // alice's and bob's, wherever they stand among the others
    let all = u128::from(many) + 11;
    assert_eq!(
        burned.iter().map(Vec::len).collect::<Vec<_>>(),
        [1, 1, 0],
        "{burned:?}"
    );
    assert!(burned[0][0] >= u128::from(PAYOUTS_PER_BLOCK), "{burned:?}");
    assert_eq!(burned[0][0] + burned[1][0], all);
    assert_eq!(w.supply(), before - all);
}
