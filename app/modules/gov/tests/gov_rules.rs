//! The rules of proposals, deposits, votes and counts, over the real bank and an electorate made up by the test.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at a surprise"
)]

mod world;

use prost::Message;
use quern_gov::{Msg, POSITIONS_PER_QUESTION, QUESTIONS_PER_BLOCK};
use quern_proto::cosmos::{
    bank::v1beta1::MsgSend,
    gov::{
        v1::{
            MsgCancelProposal, MsgDeposit, MsgExecLegacyContent, MsgSubmitProposal, MsgUpdateParams, MsgVote,
            MsgVoteWeighted, Proposal, ProposalStatus, VoteOption, WeightedVoteOption,
        },
        v1beta1::{self, TextProposal},
    },
};
use world::{DEPOSIT_PERIOD, EXPEDITED_PERIOD, VOTING_PERIOD, World, address, any, coins, governance};

const YES: i32 = VoteOption::Yes as i32;
const NO: i32 = VoteOption::No as i32;
const VETO: i32 = VoteOption::NoWithVeto as i32;

fn status(w: &World, id: u64) -> ProposalStatus {
    ProposalStatus::try_from(w.proposal(id).unwrap().status).unwrap()
}

/// Three hosts with 500, 300 and 200 of the power; "fund" has half of what is behind the first.
fn hosts(w: &mut World) {
    w.host("one", 500, &[("one", 50), ("fund", 50)]);
    w.host("two", 300, &[("two", 10)]);
    w.host("three", 200, &[("three", 10)]);
}

#[test]
fn a_proposal_waits_for_its_deposit_and_is_dropped_without_it() {
    let mut w = World::new();
    let id = w.submit("alice", vec![], "30nqrn").unwrap();
    assert_eq!(id, 1);
    assert_eq!(status(&w, id), ProposalStatus::DepositPeriod);
    assert_eq!(w.balance("alice"), 970);
    w.pass(DEPOSIT_PERIOD);
    let events = w.end_block();
    assert!(w.proposal(id).is_none());
    assert_eq!(w.balance("alice"), 1000);
    assert_eq!(w.supply(), 10_000);
    let event = events.iter().find(|e| e.ty == "inactive_proposal").unwrap();
    assert_eq!(event.get("proposal_result"), Some("proposal_dropped"));
}

#[test]
fn dropped_deposits_burn_where_parameters_say_so() {
    let mut w = World::with(|p| p.burn_proposal_deposit_prevote = true);
    w.submit("alice", vec![], "30nqrn").unwrap();
    w.pass(DEPOSIT_PERIOD);
    w.end_block();
    assert_eq!((w.balance("alice"), w.supply()), (970, 9_970));
}

#[test]
fn deposits_are_refused_if_they_are_crumbs_of_another_coin_or_nobodys() {
    let mut w = World::new();
    let id = w.submit("alice", vec![], "").unwrap_err();
    assert_eq!((id.codespace(), id.code()), ("gov", 16), "{id}");
    let other = w.submit("alice", vec![], "5uother").unwrap_err();
    assert_eq!((other.codespace(), other.code()), ("gov", 23), "{other}");
    let id = w.submit("alice", vec![], "30nqrn").unwrap();
    let deposit = |who: &str, id: u64, amount: &str| {
        Msg::Deposit(MsgDeposit {
            proposal_id: id,
            depositor: address(who).to_string(),
            amount: coins(amount),
        })
    };
    let codes = [
        (deposit("bob", id, ""), ("sdk", 10)),
        (deposit("bob", 9, "5nqrn"), ("undefined", 1)),
        (deposit("bob", id, "5uother"), ("gov", 23)),
        (deposit("poor", id, "5nqrn"), ("sdk", 5)),
    ];
    for (msg, (space, code)) in codes {
        let error = w.run(msg.clone()).unwrap_err();
        assert_eq!(
            (error.codespace(), error.code()),
            (space, code),
            "{msg:?} {error}"
        );
    }
    w.run(deposit("bob", id, "69nqrn")).unwrap();
    assert_eq!(status(&w, id), ProposalStatus::DepositPeriod);
    w.run(deposit("bob", id, "1nqrn")).unwrap();
    assert_eq!(status(&w, id), ProposalStatus::VotingPeriod);
}

#[test]
fn a_first_deposit_must_reach_its_ratio() {
    let mut w = World::with(|p| p.min_initial_deposit_ratio = "0.25".into());
    let error = w.submit("alice", vec![], "24nqrn").unwrap_err();
    assert_eq!((error.codespace(), error.code()), ("gov", 16));
    w.submit("alice", vec![], "25nqrn").unwrap();
}

#[test]
fn only_messages_that_governance_alone_signs_are_proposed() {
    let mut w = World::new();
    let foreign = any(&MsgSend {
        from_address: address("bob").to_string(),
        to_address: address("alice").to_string(),
        amount: coins("1nqrn"),
    });
    let error = w.submit("alice", vec![foreign], "100nqrn").unwrap_err();
    assert_eq!((error.codespace(), error.code()), ("gov", 13), "{error}");
    let empty = Msg::SubmitProposal(MsgSubmitProposal {
        proposer: address("alice").to_string(),
        title: "t".into(),
        summary: "s".into(),
        ..Default::default()
    });
    assert_eq!(w.run(empty).unwrap_err().code(), 11);
    let lying = Msg::SubmitProposal(MsgSubmitProposal {
        proposer: address("alice").to_string(),
        title: "t".into(),
        summary: "s".into(),
        metadata: r#"{"title":"other","summary":"s"}"#.into(),
        ..Default::default()
    });
    assert_eq!(w.run(lying).unwrap_err().code(), 5);
}

#[test]
fn parameters_change_by_vote_and_by_nothing_else() {
    let mut w = World::new();
    hosts(&mut w);
    let mut params = w.params();
    params.quorum = "0.4".into();
    let change = MsgUpdateParams {
        authority: governance(),
        params: Some(params.clone()),
    };
    let mut forged = change.clone();
    forged.authority = address("alice").to_string();
    assert_eq!(w.run(Msg::UpdateParams(forged)).unwrap_err().code(), 13);
    let id = w.submit("alice", vec![any(&change)], "100nqrn").unwrap();
    w.vote("one", id, YES).unwrap();
    w.pass(VOTING_PERIOD);
    let events = w.end_block();
    assert_eq!(status(&w, id), ProposalStatus::Passed);
    assert_eq!(w.params().quorum, "0.4");
    assert_eq!(w.balance("alice"), 1000);
    let event = events.iter().find(|e| e.ty == "active_proposal").unwrap();
    assert_eq!(event.get("proposal_result"), Some("proposal_passed"));
    assert_eq!(
        w.proposal(id).unwrap().final_tally_result.unwrap().yes_count,
        "500"
    );
    assert_eq!(w.vote("two", id, YES).unwrap_err().code(), 3);
}

#[test]
fn funders_inherit_their_hosts_vote_unless_they_vote_themselves() {
    let mut w = World::new();
    hosts(&mut w);
    let id = w.submit("alice", vec![], "100nqrn").unwrap();
    w.vote("one", id, YES).unwrap();
    assert_eq!(w.tally(id), [500, 0, 0, 0]);
    w.vote("fund", id, NO).unwrap();
    assert_eq!(w.tally(id), [250, 0, 250, 0]);
    // whoever has nothing behind a host counts for nothing
    w.vote("bob", id, NO).unwrap();
    assert_eq!(w.tally(id), [250, 0, 250, 0]);
    // a host that does not vote leaves its share to nobody
    w.vote("three", id, VETO).unwrap();
    assert_eq!(w.tally(id), [250, 0, 250, 200]);
    w.pass(VOTING_PERIOD);
    w.end_block();
    assert_eq!(status(&w, id), ProposalStatus::Rejected);
    assert_eq!(
        w.proposal(id).unwrap().failed_reason,
        "proposal did not get enough votes to pass"
    );
}

#[test]
fn a_vote_can_be_divided_and_changed() {
    let mut w = World::new();
    hosts(&mut w);
    let id = w.submit("alice", vec![], "100nqrn").unwrap();
    let part = |option, weight: &str| WeightedVoteOption {
        option,
        weight: weight.into(),
    };
    let divided = |options| {
        Msg::VoteWeighted(MsgVoteWeighted {
            proposal_id: id,
            voter: address("two").to_string(),
            options,
            metadata: String::new(),
        })
    };
    w.run(divided(vec![part(YES, "0.7"), part(NO, "0.3")])).unwrap();
    assert_eq!(w.tally(id), [210, 0, 90, 0]);
    w.vote("two", id, NO).unwrap();
    assert_eq!(w.tally(id), [0, 0, 300, 0]);
    for bad in [
        vec![],
        vec![part(YES, "0.7")],
        vec![part(YES, "0.5"), part(YES, "0.5")],
    ] {
        assert!(w.run(divided(bad)).is_err());
    }
    let old = v1beta1::MsgVoteWeighted {
        proposal_id: id,
        voter: address("two").to_string(),
        options: vec![
            v1beta1::WeightedVoteOption {
                option: YES,
                weight: "500000000000000000".into(),
            },
            v1beta1::WeightedVoteOption {
                option: NO,
                weight: "500000000000000000".into(),
            },
        ],
    };
    w.run(Msg::OldVoteWeighted(old)).unwrap();
    assert_eq!(w.tally(id), [150, 0, 150, 0]);
}

#[test]
fn vetoed_deposits_burn_and_those_without_quorum_come_back() {
    let mut w = World::new();
    hosts(&mut w);
    let vetoed = w.submit("alice", vec![], "100nqrn").unwrap();
    let lonely = w.submit("bob", vec![], "100nqrn").unwrap();
    w.vote("one", vetoed, VETO).unwrap();
    w.vote("three", lonely, YES).unwrap();
    w.pass(VOTING_PERIOD);
    w.end_block();
    assert_eq!(status(&w, vetoed), ProposalStatus::Rejected);
    assert_eq!(status(&w, lonely), ProposalStatus::Rejected);
    assert_eq!(
        (w.balance("alice"), w.balance("bob"), w.supply()),
        (900, 1000, 9_900)
    );
}

#[test]
fn an_expedited_proposal_that_fails_becomes_a_regular_one() {
    let mut w = World::new();
    hosts(&mut w);
    let msg = |deposit: &str| {
        Msg::SubmitProposal(MsgSubmitProposal {
            initial_deposit: coins(deposit),
            proposer: address("alice").to_string(),
            metadata: "text".into(),
            title: "t".into(),
            summary: "s".into(),
            expedited: true,
            ..Default::default()
        })
    };
    w.run(msg("499nqrn")).unwrap();
    assert_eq!(status(&w, 1), ProposalStatus::DepositPeriod);
    w.run(msg("500nqrn")).unwrap();
    assert_eq!(status(&w, 2), ProposalStatus::VotingPeriod);
    w.vote("one", 2, YES).unwrap();
    w.vote("two", 2, NO).unwrap(); // 500 of 800 are not 0.667
    w.pass(EXPEDITED_PERIOD);
    let events = w.end_block();
    let event = events.iter().find(|e| e.ty == "active_proposal").unwrap();
    assert_eq!(event.get("proposal_result"), Some("expedited_proposal_rejected"));
    let now = w.proposal(2).unwrap();
    assert!(!now.expedited && status(&w, 2) == ProposalStatus::VotingPeriod);
    assert_eq!(w.balance("alice"), 1, "deposits stay");
    // votes are cast again, as in the SDK
    w.vote("one", 2, YES).unwrap();
    w.vote("two", 2, NO).unwrap();
    w.pass(VOTING_PERIOD - EXPEDITED_PERIOD);
    w.end_block();
    assert_eq!(status(&w, 2), ProposalStatus::Passed);
    assert_eq!(w.balance("alice"), 501);
}

#[test]
fn a_cancelled_proposal_costs_a_share_of_its_deposits() {
    let mut w = World::new();
    let id = w.submit("alice", vec![], "100nqrn").unwrap();
    w.vote("bob", id, YES).unwrap();
    let cancel = |who: &str| {
        Msg::CancelProposal(MsgCancelProposal {
            proposal_id: id,
            proposer: address(who).to_string(),
        })
    };
    assert_eq!(w.run(cancel("bob")).unwrap_err().code(), 18);
    w.run(cancel("alice")).unwrap();
    assert!(w.proposal(id).is_none());
    assert_eq!((w.balance("alice"), w.supply()), (950, 9_950));
    assert!(w.run(cancel("alice")).is_err());
    w.pass(VOTING_PERIOD);
    assert!(w.end_block().is_empty());
}

#[test]
fn a_passed_proposal_executes_all_of_its_messages_or_none() {
    let mut w = World::new();
    hosts(&mut w);
    w.fund(&governance(), 50);
    let send = |amount: &str| {
        any(&MsgSend {
            from_address: governance(),
            to_address: address("carol").to_string(),
            amount: coins(amount),
        })
    };
    let id = w
        .submit("alice", vec![send("20nqrn"), send("31nqrn")], "100nqrn")
        .unwrap();
    w.vote("one", id, YES).unwrap();
    let good = w
        .submit("bob", vec![send("20nqrn"), send("30nqrn")], "100nqrn")
        .unwrap();
    w.vote("one", good, YES).unwrap();
    w.pass(VOTING_PERIOD);
    w.end_block();
    assert_eq!(status(&w, id), ProposalStatus::Failed);
    let reason = w.proposal(id).unwrap().failed_reason;
    assert!(
        reason.contains("deposits of others") || reason.contains("insufficient funds"),
        "{reason}"
    );
    assert_eq!(status(&w, good), ProposalStatus::Passed);
    assert_eq!(w.balance("carol"), 1050);
}

#[test]
fn no_proposal_spends_the_deposits_of_others() {
    let mut w = World::new();
    hosts(&mut w);
    w.submit("bob", vec![], "40nqrn").unwrap();
    let send = any(&MsgSend {
        from_address: governance(),
        to_address: address("alice").to_string(),
        amount: coins("10nqrn"),
    });
    let id = w.submit("alice", vec![send], "100nqrn").unwrap();
    w.vote("one", id, YES).unwrap();
    w.pass(VOTING_PERIOD);
    w.end_block();
    assert_eq!(status(&w, id), ProposalStatus::Failed);
    let reason = w.proposal(id).unwrap().failed_reason;
    assert!(reason.contains("deposits of others"), "{reason}");
    assert_eq!(w.balance("alice"), 1000);
}

#[test]
fn counts_go_on_over_blocks_and_end_as_if_they_had_not() {
    let mut w = World::new();
    hosts(&mut w);
    let voters = QUESTIONS_PER_BLOCK + 100;
    let behind = (0..voters).map(|n| (format!("voter {n}"), 1)).collect::<Vec<_>>();
    w.host_of("crowd", 1000, &behind);
    let id = w.submit("alice", vec![], "100nqrn").unwrap();
    for (n, (voter, _)) in behind.iter().enumerate() {
        w.vote(voter, id, if n % 5 == 0 { NO } else { YES }).unwrap();
    }
    let expected = w.tally(id);
    w.pass(VOTING_PERIOD);
    w.asked.set(0);
    w.end_block();
    assert_eq!(status(&w, id), ProposalStatus::VotingPeriod);
    assert!(w.asked.get() <= QUESTIONS_PER_BLOCK + 1, "{}", w.asked.get());
    // nobody votes, cancels or exports away what is being counted
    assert_eq!(w.vote("one", id, NO).unwrap_err().code(), 3);
    assert_eq!(w.tally(id), expected);
    w.reimport();
    w.pass(1);
    w.end_block();
    assert_eq!(status(&w, id), ProposalStatus::Passed);
    let tally = w.proposal(id).unwrap().final_tally_result.unwrap();
    assert_eq!(tally.yes_count, expected[0].to_string());
    assert_eq!(tally.no_count, expected[2].to_string());
}

#[test]
fn a_voter_behind_many_hosts_is_counted_page_by_page() {
    let mut w = World::new();
    let pages = 3 * POSITIONS_PER_QUESTION + 1;
    for n in 0..pages {
        w.host(&format!("host {n}"), 10, &[("whale", 5), ("other", 5)]);
    }
    let id = w.submit("alice", vec![], "100nqrn").unwrap();
    w.vote("whale", id, YES).unwrap();
    assert_eq!(w.tally(id), [u128::from(pages) * 5, 0, 0, 0]);
}

#[test]
fn coins_that_come_while_votes_are_counted_take_no_more_than_there_is() {
    let mut w = World::new();
    let voters = QUESTIONS_PER_BLOCK + 50;
    let behind = (0..voters).map(|n| (format!("voter {n}"), 1)).collect::<Vec<_>>();
    w.host_of("crowd", 1000, &behind);
    let id = w.submit("alice", vec![], "100nqrn").unwrap();
    for (voter, _) in &behind {
        w.vote(voter, id, YES).unwrap();
    }
    w.vote("late", id, NO).unwrap();
    w.pass(VOTING_PERIOD);
    w.end_block();
    assert_eq!(status(&w, id), ProposalStatus::VotingPeriod);
    w.host("crowd", 1000, &[("late", 1_000_000)]);
    w.pass(1);
    w.end_block();
    let tally = w.proposal(id).unwrap().final_tally_result.unwrap();
    let number = |text: &str| text.parse::<u128>().unwrap();
    let (yes, no) = (number(&tally.yes_count), number(&tally.no_count));
    assert!(yes + no <= 1000, "{yes} {no}");
}

#[test]
fn an_older_text_passes_and_is_read_in_both_dialects() {
    let mut w = World::new();
    hosts(&mut w);
    let content = any(&TextProposal {
        title: "Words".into(),
        description: "and more of them".into(),
    });
    let old = v1beta1::MsgSubmitProposal {
        content: Some(content.clone()),
        initial_deposit: coins("100nqrn"),
        proposer: address("alice").to_string(),
    };
    w.run(Msg::OldSubmitProposal(old)).unwrap();
    let stored = w.proposal(1).unwrap();
    let carrier = MsgExecLegacyContent::decode(stored.messages[0].value.as_slice()).unwrap();
    assert_eq!(carrier.content, Some(content.clone()));
    let request = v1beta1::QueryProposalRequest { proposal_id: 1 };
    let answer: v1beta1::QueryProposalResponse = w.query("v1beta1", "Proposal", &request).unwrap();
    assert_eq!(answer.proposal.unwrap().content, Some(content));
    w.vote("one", 1, YES).unwrap();
    w.pass(VOTING_PERIOD);
    w.end_block();
    assert_eq!(status(&w, 1), ProposalStatus::Passed);
    let spend = v1beta1::MsgSubmitProposal {
        content: Some(quern_proto::Any {
            type_url: "/cosmos.params.v1beta1.ParameterChangeProposal".into(),
            value: vec![],
        }),
        initial_deposit: coins("100nqrn"),
        proposer: address("alice").to_string(),
    };
    assert_eq!(w.run(Msg::OldSubmitProposal(spend)).unwrap_err().code(), 9);
}

#[test]
fn the_state_survives_its_way_through_a_genesis_document() {
    let mut w = World::new();
    hosts(&mut w);
    w.submit("alice", vec![], "30nqrn").unwrap();
    let id = w.submit("bob", vec![], "100nqrn").unwrap();
    w.vote("one", id, YES).unwrap();
    let before = w.export();
    w.reimport();
    assert_eq!(before, w.export());
    w.pass(VOTING_PERIOD);
    w.end_block();
    assert_eq!(status(&w, id), ProposalStatus::Passed);
    w.pass(DEPOSIT_PERIOD - VOTING_PERIOD);
    w.end_block();
    assert!(w.proposal(1).is_none());
}

#[test]
fn every_method_of_both_services_is_served() {
    let w = World::new();
    for package in ["cosmos.gov.v1", "cosmos.gov.v1beta1"] {
        let service = quern_proto::pool()
            .get_service_by_name(&format!("{package}.Query"))
            .unwrap();
        for method in service.methods() {
            let path = format!("/{package}.Query/{}", method.name());
            assert!(w.raw_query(&path, &[]).is_some(), "{path}");
        }
    }
    let _: Option<Proposal> = w.proposal(1);
    let vote = MsgVote {
        proposal_id: 7,
        voter: address("alice").to_string(),
        option: YES,
        metadata: String::new(),
    };
    assert!(
        Msg::decode("/cosmos.gov.v1.MsgVote", &vote.encode_to_vec())
            .unwrap()
            .is_ok()
    );
}

#[test]
fn a_proposal_may_cancel_governances_own_that_ends_with_it() {
    let mut w = World::new();
    hosts(&mut w);
    w.fund(&governance(), 200);
    let cancel = any(&MsgCancelProposal {
        proposal_id: 2,
        proposer: governance(),
    });
    let first = w.submit("alice", vec![cancel], "100nqrn").unwrap();
    w.run(Msg::SubmitProposal(MsgSubmitProposal {
        initial_deposit: coins("100nqrn"),
        proposer: governance(),
        metadata: "text".into(),
        title: "t".into(),
        summary: "s".into(),
        ..Default::default()
    }))
    .unwrap();
    w.vote("one", first, YES).unwrap();
    w.pass(VOTING_PERIOD);
    w.end_block();
    assert_eq!(status(&w, first), ProposalStatus::Passed);
    assert!(w.proposal(2).is_none());
    w.pass(1);
    assert!(w.end_block().is_empty());
}

#[test]
fn a_proposal_neither_deposits_on_itself_nor_cancels_itself() {
    let governance = governance();
    let themselves = [
        any(&MsgDeposit {
            proposal_id: 1,
            depositor: governance.clone(),
            amount: coins("5nqrn"),
        }),
        any(&MsgCancelProposal {
            proposal_id: 1,
            proposer: governance.clone(),
        }),
    ];
    for message in themselves {
        let mut w = World::new();
        hosts(&mut w);
        w.fund(&governance, 200);
        w.run(Msg::SubmitProposal(MsgSubmitProposal {
            messages: vec![message],
            initial_deposit: coins("100nqrn"),
            proposer: governance.clone(),
            title: "t".into(),
            summary: "s".into(),
            ..Default::default()
        }))
        .unwrap();
        w.vote("one", 1, YES).unwrap();
        w.pass(VOTING_PERIOD);
        w.end_block();
        assert_eq!(status(&w, 1), ProposalStatus::Failed);
        assert!(w.export().deposits.is_empty());
    }
}
