//! Proposals on which operators and those behind them vote: a pair of chains on which some pass. As many coins are behind each
//! operator by the same people, so that power by compute and power by coins are the same.

use std::path::Path;

use quern_proto::cosmos::base::query::v1beta1::PageRequest;
use quern_proto::cosmos::gov::v1::{
    Proposal, ProposalStatus, QueryProposalsRequest, QueryProposalsResponse, QueryTallyResultRequest,
};
use quern_proto::cosmos::gov::v1beta1 as old;
use quern_proto::cosmos::staking::v1beta1::MsgDelegate;
use quern_testkit::{any, coins};
use serde_json::json;

use super::{draft, genesis, ordered};
use crate::compare::Difference;
use crate::generate::{Draft, Generator, Roles};
use crate::questions::question;
use crate::run::Run;
use crate::wasmd::Program;

const ROLES: Roles = Roles {
    operators: 4,
    creators: 0,
};
/// Users after the operators: delegators, then those who propose.
const DELEGATORS: usize = 4;
const PROPOSERS: usize = 6;
/// Rounds of three blocks. The periods of votes are no multiple of it, so that what ends in one block began in one round, and
/// no more of it than this chain decides in a block.
const ROUNDS: usize = 40;
const PROPOSED: usize = 3;
/// Blocks after which every vote is counted.
const LAST: usize = 45;

/// Runs it with proposals out of the seed. Returns what differs.
pub fn compare(program: &Program, artifacts: &Path, seed: u64) -> Vec<Difference> {
    let users = ordered(ROLES.operators + DELEGATORS + PROPOSERS);
    let ours = genesis::ours(artifacts, &users, ROLES.operators).state(|state| {
        let governance = quern_types::module_address("gov");
        let coins = "10000000nqrn,1000other".parse().expect("coins");
        state.bank.add_balance(&governance, &coins).expect("supply fits");
    });
    let (_node, theirs) = program.start_with(&ours, "0nqrn", |state| {
        genesis::theirs(state, &users, ROLES.operators);
        // At genesis it holds deposits there and nothing else, so what it holds is that of a proposal that never is.
        state["gov"]["deposits"] = json!([{
            "proposal_id": "1000000", "depositor": users[0].address().to_string(),
            "amount": [{"denom": "nqrn", "amount": "10000000"}, {"denom": "other", "amount": "1000"}],
        }]);
    });
    let folder = tempfile::tempdir().expect("a folder");
    let generator = Generator::of_stakes(seed, users, ROLES);
    let mut run = Run::new(crate::start(folder.path(), ours), theirs, generator);
    run.votes.all = (0..ROLES.operators)
        .map(super::questions::consensus_address)
        .collect();
    run.governed = true;
    delegate(&mut run);
    for _ in 0..ROUNDS {
        round(&mut run);
    }
    run.empty_blocks(LAST);
    ask(&mut run);
    ended(&run);
    println!("governed: {run}");
    run.differences
}

/// Everybody who stakes does so behind all operators alike.
fn delegate(run: &mut Run) {
    run.empty_blocks(1);
    for place in 0..ROLES.operators {
        let drafts: Vec<Draft> = (ROLES.operators..ROLES.operators + DELEGATORS)
            .map(|user| {
                let message = MsgDelegate {
                    delegator_address: run.generator.users[user].address().to_string(),
                    validator_address: run.generator.operator(place),
                    amount: coins(&format!("{}nqrn", user * 1_000_000_000_000)).pop(),
                };
                draft(user, "delegate", any(&message))
            })
            .collect();
        run.block(&drafts);
    }
}

/// Proposals; then votes and deposits.
fn round(run: &mut Run) {
    let voters = ROLES.operators + DELEGATORS;
    let drafts: Vec<Draft> = (0..PROPOSED)
        .map(|place| {
            let user = voters + (run.sent + place) % PROPOSERS;
            draft(user, "propose", run.generator.resolution(user))
        })
        .collect();
    run.block(&drafts);
    for _ in 0..2 {
        let mut drafts: Vec<Draft> = (0..voters)
            .map(|user| draft(user, "vote", run.generator.considered_vote(user)))
            .collect();
        drafts.push(draft(voters, "deposit", run.generator.deposit(voters)));
        run.block(&drafts);
    }
    if run.ours.height % 10 < 3 {
        ask(run);
    }
}

/// Asks for every proposal, and what is kept beside them.
fn ask(run: &mut Run) {
    let mut all = run
        .generator
        .after(&(0..run.generator.users.len()).collect::<Vec<_>>());
    for proposal_id in run.generator.known.proposals.saturating_sub(20)..=run.generator.known.proposals {
        let about = format!("proposal {proposal_id}");
        all.extend(crate::questions::proposal_questions(proposal_id));
        all.push(question(
            "/cosmos.gov.v1.Query/TallyResult",
            &about,
            &QueryTallyResultRequest { proposal_id },
        ));
        all.push(question(
            "/cosmos.gov.v1beta1.Query/Proposal",
            &about,
            &old::QueryProposalRequest { proposal_id },
        ));
        all.push(question(
            "/cosmos.gov.v1beta1.Query/TallyResult",
            &about,
            &old::QueryTallyResultRequest { proposal_id },
        ));
    }
    all.extend(crate::questions::governed());
    run.ask(&all);
}

/// Says how proposals ended. Where none passed, or none failed, nothing was compared.
fn ended(run: &Run) {
    let request = QueryProposalsRequest {
        pagination: Some(PageRequest {
            limit: 1_000,
            ..PageRequest::default()
        }),
        ..QueryProposalsRequest::default()
    };
    let path = "/cosmos.gov.v1.Query/Proposals";
    let found: QueryProposalsResponse = run.theirs.query(path, &request).expect("proposals");
    for status in [
        ProposalStatus::Passed,
        ProposalStatus::Failed,
        ProposalStatus::Rejected,
    ] {
        let ended = |proposal: &&Proposal| proposal.status() == status;
        let count = found.proposals.iter().filter(ended).count();
        println!("{count:8}  {}", status.as_str_name());
        assert!(count > 0, "no proposal ends as {}", status.as_str_name());
    }
}
