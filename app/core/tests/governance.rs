//! Governance of a chain with the contracts that it ships: validators vote with the power of their compute,
//! funders with their coins behind them, and what passes is executed.

use crate::support;

use prost::Message;
use quern_genesis::profile::ProfileName;
use quern_proto::{
    Any,
    cosmos::{
        auth::v1beta1::{
            MsgUpdateParams as AuthUpdate, Params as AuthParams, QueryParamsRequest as AuthAsk,
            QueryParamsResponse as AuthAnswer,
        },
        bank::v1beta1::{MsgUpdateParams as BankUpdate, Params as BankParams},
        base::abci::v1beta1::TxMsgData,
        distribution::v1beta1::{MsgCommunityPoolSpend, MsgFundCommunityPool},
        gov::v1::{
            MsgDeposit, MsgSubmitProposal, MsgSubmitProposalResponse, MsgVote, Proposal, ProposalStatus,
            QueryProposalRequest, QueryProposalResponse, QueryTallyResultRequest, QueryTallyResultResponse,
            VoteOption,
        },
        upgrade::v1beta1::{MsgSoftwareUpgrade, Plan, QueryCurrentPlanRequest, QueryCurrentPlanResponse},
    },
    cosmwasm::wasm::v1::MsgExecuteContract,
};
use quern_testkit::{User, any, coins};
use quern_types::module_address;
use serde_json::{Value, json};
use support::shipped::{World, address, ask, call, launch_with};

pub const YES: i32 = VoteOption::Yes as i32;
const NO: i32 = VoteOption::No as i32;
pub const VOTING: usize = 4;
const DEPOSIT: &str = "1000000nqrn";

/// Parameters with votes of so many seconds.
pub fn params(voting: usize) -> Value {
    let coins = |amount: u64| json!([{"denom": "nqrn", "amount": amount.to_string()}]);
    json!({
        "min_deposit": coins(1_000_000), "expedited_min_deposit": coins(5_000_000),
        "max_deposit_period": "100s", "voting_period": format!("{voting}s"), "expedited_voting_period": "2s",
        "quorum": "0.334", "threshold": "0.5", "expedited_threshold": "0.667", "veto_threshold": "0.334",
        "min_initial_deposit_ratio": "0", "proposal_cancel_ratio": "0.5", "proposal_cancel_dest": "",
        "burn_vote_quorum": false, "burn_proposal_deposit_prevote": false, "burn_vote_veto": true,
        "min_deposit_ratio": "0.01",
    })
}

/// Four hosts; voting takes a few blocks, of a second each. No epoch ends within a test.
pub fn world() -> World {
    world_with(1000)
}

/// As [`world`], with epochs of so many blocks.
pub fn world_with(epoch_blocks: u64) -> World {
    let mut profile = ProfileName::Localnet.profile();
    profile.epoch_blocks = epoch_blocks;
    let bonds = [
        "200000000000nqrn",
        "200000000000nqrn",
        "200000000000nqrn",
        "200000000000nqrn",
    ];
    let mut world = launch_with(&profile, vec![], &bonds, &json!([]), |state| {
        state.gov.params = Some(params(VOTING));
        let funder = User::new("funder").address();
        state.auth.add_account(funder.clone()).unwrap();
        state
            .bank
            .add_balance(&funder, &"1000000000000nqrn".parse().unwrap())
            .unwrap();
    });
    assert_eq!(world.chain.app.halted(), None);
    world.chain.empty_blocks(1);
    world
}

pub fn governance() -> String {
    module_address("gov").to_string()
}

pub fn run(w: &mut World, user: &User, message: Any) -> Vec<u8> {
    let tx = w.chain.tx(user).message(message).gas(39_000_000).sign(user);
    let block = w.chain.block([tx]);
    let result = &block.tx_results[0];
    assert_eq!(result.code, 0, "{}", result.log);
    result.data.to_vec()
}

pub fn submit(w: &mut World, user: &User, messages: Vec<Any>) -> u64 {
    let data = run(
        w,
        user,
        any(&MsgSubmitProposal {
            messages,
            initial_deposit: coins(DEPOSIT),
            proposer: user.address().to_string(),
            metadata: "ipfs://words".into(),
            title: "title".into(),
            summary: "summary".into(),
            expedited: false,
        }),
    );
    let data = TxMsgData::decode(data.as_slice()).unwrap();
    MsgSubmitProposalResponse::decode(data.msg_responses[0].value.as_slice())
        .unwrap()
        .proposal_id
}

fn vote(user: &User, id: u64, option: i32) -> Any {
    any(&MsgVote {
        proposal_id: id,
        voter: user.address().to_string(),
        option,
        metadata: String::new(),
    })
}

/// All of these vote in one block.
pub fn votes(w: &mut World, id: u64, votes: &[(&User, i32)]) {
    let txs = votes
        .iter()
        .map(|(user, option)| w.chain.tx(user).message(vote(user, id, *option)).sign(user))
        .collect::<Vec<_>>();
    for result in w.chain.block(txs).tx_results {
        assert_eq!(result.code, 0, "{}", result.log);
    }
}

fn proposal(w: &World, id: u64) -> Proposal {
    let request = QueryProposalRequest { proposal_id: id };
    let answer: QueryProposalResponse = w.chain.query("/cosmos.gov.v1.Query/Proposal", &request).unwrap();
    answer.proposal.unwrap()
}

fn tally(w: &World, id: u64) -> [u128; 4] {
    let request = QueryTallyResultRequest { proposal_id: id };
    let answer: QueryTallyResultResponse = w
        .chain
        .query("/cosmos.gov.v1.Query/TallyResult", &request)
        .unwrap();
    let t = answer.tally.unwrap();
    [t.yes_count, t.abstain_count, t.no_count, t.no_with_veto_count].map(|n| n.parse().unwrap())
}

/// A proposal that three hosts vote for.
pub fn passed(w: &mut World, messages: Vec<Any>) -> Proposal {
    let hosts = w.hosts.clone();
    let id = submit(w, &hosts[0], messages);
    votes(w, id, &[(&hosts[0], YES), (&hosts[1], YES), (&hosts[2], YES)]);
    w.chain.empty_blocks(VOTING);
    w.chain.app.check_invariants(0).unwrap();
    proposal(w, id)
}

pub fn status(proposal: &Proposal) -> ProposalStatus {
    ProposalStatus::try_from(proposal.status).unwrap()
}

#[test]
fn a_proposal_changes_parameters_of_modules_and_of_system_contracts() {
    let mut w = world();
    let mut bonding = ask(&w.chain, "bonding", &json!({"params": {}}));
    bonding["unbonding_blocks"] = json!(390);
    let auth = AuthParams {
        max_memo_characters: 300,
        tx_sig_limit: 7,
        tx_size_cost_per_byte: 10,
        sig_verify_cost_ed25519: 590,
        sig_verify_cost_secp256k1: 1000,
    };
    let messages = vec![
        any(&AuthUpdate {
            authority: governance(),
            params: Some(auth),
        }),
        any(&BankUpdate {
            authority: governance(),
            params: Some(BankParams {
                default_send_enabled: true,
                ..BankParams::default()
            }),
        }),
        any(&MsgExecuteContract {
            sender: governance(),
            contract: address("bonding"),
            msg: json!({"update_params": bonding}).to_string().into_bytes(),
            funds: vec![],
        }),
    ];
    let done = passed(&mut w, messages);
    assert_eq!(status(&done), ProposalStatus::Passed, "{}", done.failed_reason);
    let changed: Value = ask(&w.chain, "bonding", &json!({"params": {}}));
    assert_eq!(changed["unbonding_blocks"], json!(390));
    let answer: AuthAnswer = w
        .chain
        .query("/cosmos.auth.v1beta1.Query/Params", &AuthAsk {})
        .unwrap();
    assert_eq!(answer.params.unwrap().max_memo_characters, 300);
}

#[test]
fn a_message_that_fails_undoes_the_whole_proposal() {
    let mut w = world();
    let before = ask(&w.chain, "bonding", &json!({"params": {}}));
    let mut bonding = before.clone();
    bonding["unbonding_blocks"] = json!(390);
    let execute = |msg: Value| {
        any(&MsgExecuteContract {
            sender: governance(),
            contract: address("bonding"),
            msg: msg.to_string().into_bytes(),
            funds: vec![],
        })
    };
    let done = passed(
        &mut w,
        vec![
            execute(json!({"update_params": bonding})),
            execute(json!({"nonsense": {}})),
        ],
    );
    assert_eq!(status(&done), ProposalStatus::Failed);
    assert!(done.failed_reason.contains("nonsense"), "{}", done.failed_reason);
    assert_eq!(ask(&w.chain, "bonding", &json!({"params": {}})), before);
}

#[test]
fn validators_vote_with_their_power_and_funders_with_their_coins_behind_them() {
    let mut w = world();
    let hosts = w.hosts.clone();
    let funder = User::new("funder");
    let id = submit(&mut w, &hosts[0], vec![]);
    votes(&mut w, id, &[(&hosts[0], YES), (&hosts[1], NO)]);
    let total = 800_000_000_000;
    assert_eq!(tally(&w, id), [total / 4, 0, total / 4, 0]);
    // a funder's coins are part of all coins, which the validators' powers divide; it inherits its host's vote
    let bond = json!({"bond": {"host": hosts[0].address().to_string()}});
    run(
        &mut w,
        &funder,
        call(&funder, "bonding", &bond, "600000000000nqrn"),
    );
    let total = 1_400_000_000_000;
    assert_eq!(tally(&w, id), [total / 4, 0, total / 4, 0]);
    votes(&mut w, id, &[(&funder, NO)]);
    // three quarters of what is behind its host
    assert_eq!(tally(&w, id), [total / 16, 0, total / 4 + 3 * total / 16, 0]);
    let expected = tally(&w, id);
    w.chain.empty_blocks(VOTING);
    let done = proposal(&w, id);
    assert_eq!(status(&done), ProposalStatus::Rejected);
    let result = done.final_tally_result.unwrap();
    assert_eq!(result.no_count, expected[2].to_string());
}

#[test]
fn the_community_pool_is_funded_by_anybody_and_spent_by_governance_alone() {
    let mut w = world();
    let funder = User::new("funder");
    let fund = MsgFundCommunityPool {
        amount: coins("500nqrn"),
        depositor: funder.address().to_string(),
    };
    run(&mut w, &funder, any(&fund));
    let carol = User::new("carol");
    let spend = |authority: String, amount: &str| {
        any(&MsgCommunityPoolSpend {
            authority,
            recipient: carol.address().to_string(),
            amount: coins(amount),
        })
    };
    let forged = spend(funder.address().to_string(), "1nqrn");
    let tx = w.chain.tx(&funder).message(forged).sign(&funder);
    let result = w.chain.block([tx]).tx_results.remove(0);
    assert_eq!((result.codespace.as_str(), result.code), ("gov", 13));
    let done = passed(&mut w, vec![spend(governance(), "300nqrn")]);
    assert_eq!(status(&done), ProposalStatus::Passed, "{}", done.failed_reason);
    assert_eq!(w.chain.balance(&carol, "nqrn"), 300);
    let done = passed(&mut w, vec![spend(governance(), "300nqrn")]);
    assert_eq!(status(&done), ProposalStatus::Failed);
    assert!(
        done.failed_reason
            .contains("community pool does not have sufficient coins"),
        "{}",
        done.failed_reason
    );
    assert_eq!(w.chain.balance(&carol, "nqrn"), 300);
}

#[test]
#[allow(deprecated, reason = "the wire still has a plan's time")]
fn a_proposal_plans_a_software_upgrade() {
    let mut w = world();
    let plan = Plan {
        name: "v2".into(),
        height: 1_000,
        info: "https://example.org/v2".into(),
        ..Plan::default()
    };
    let message = MsgSoftwareUpgrade {
        authority: governance(),
        plan: Some(plan.clone()),
    };
    let done = passed(&mut w, vec![any(&message)]);
    assert_eq!(status(&done), ProposalStatus::Passed, "{}", done.failed_reason);
    let path = "/cosmos.upgrade.v1beta1.Query/CurrentPlan";
    let answer: QueryCurrentPlanResponse = w.chain.query(path, &QueryCurrentPlanRequest {}).unwrap();
    // as the SDK writes it where nobody set it
    let told = Plan {
        time: Some(prost_types::Timestamp {
            seconds: quern_proto::time::ZERO.seconds,
            nanos: 0,
        }),
        ..plan
    };
    assert_eq!(answer.plan, Some(told));
}

#[test]
fn deposits_of_a_vetoed_proposal_burn_together() {
    let mut w = world();
    let hosts = w.hosts.clone();
    let id = submit(&mut w, &hosts[0], vec![]);
    let more = any(&MsgDeposit {
        proposal_id: id,
        depositor: hosts[1].address().to_string(),
        amount: coins("20000nqrn"),
    });
    run(&mut w, &hosts[1], more);
    let veto = VoteOption::NoWithVeto as i32;
    votes(
        &mut w,
        id,
        &[(&hosts[0], veto), (&hosts[1], veto), (&hosts[2], veto)],
    );
    let mut burned = Vec::new();
    for _ in 0..VOTING {
        let events = w.chain.block([]).events.into_iter();
        let burns = events.filter(|event| event.r#type == "burn");
        burned.extend(burns.map(|event| event.attributes[1].value.clone()));
    }
    assert_eq!(status(&proposal(&w, id)), ProposalStatus::Rejected);
    assert_eq!(burned, ["1020000nqrn"]);
    w.chain.app.check_invariants(0).unwrap();
}

#[test]
fn a_vote_survives_an_export_in_its_middle() {
    let mut w = world();
    let hosts = w.hosts.clone();
    let id = submit(&mut w, &hosts[0], vec![]);
    votes(&mut w, id, &[(&hosts[0], YES), (&hosts[1], YES), (&hosts[2], NO)]);
    let exported = w.chain.app.export(0).unwrap();
    let genesis = quern_testkit::Genesis::new()
        .first_height(w.chain.height.unsigned_abs() + 1)
        .state(|state| *state = exported.clone());
    let dir = tempfile::tempdir().unwrap();
    let mut copy = quern_testkit::Chain::start(support::open(dir.path()), genesis);
    assert_eq!(copy.app.halted(), None);
    copy.empty_blocks(VOTING);
    w.chain.empty_blocks(VOTING);
    let request = QueryProposalRequest { proposal_id: id };
    let answer: QueryProposalResponse = copy.query("/cosmos.gov.v1.Query/Proposal", &request).unwrap();
    assert_eq!(answer.proposal.unwrap(), proposal(&w, id));
    assert_eq!(status(&proposal(&w, id)), ProposalStatus::Passed);
    copy.app.check_invariants(0).unwrap();
}

#[test]
fn proposals_that_end_together_are_decided_over_several_blocks_and_none_is_lost() {
    let mut w = world();
    let hosts = w.hosts.clone();
    let mut tx = w.chain.tx(&hosts[0]).gas(20_000_000);
    for _ in 0..6 {
        tx = tx.message(any(&MsgSubmitProposal {
            initial_deposit: coins(DEPOSIT),
            proposer: hosts[0].address().to_string(),
            metadata: "ipfs://words".into(),
            title: "title".into(),
            summary: "summary".into(),
            ..MsgSubmitProposal::default()
        }));
    }
    let all = tx.sign(&hosts[0]);
    assert_eq!(w.chain.block([all]).tx_results[0].code, 0);
    let votes = hosts[..3].iter().map(|host| {
        let tx = w.chain.tx(host).gas(20_000_000);
        (1..=6)
            .fold(tx, |tx, id| tx.message(vote(host, id, YES)))
            .sign(host)
    });
    let votes = votes.collect::<Vec<_>>();
    for result in w.chain.block(votes).tx_results {
        assert_eq!(result.code, 0, "{}", result.log);
    }
    let decided = |w: &World| {
        let passed = (1..=6).filter(|id| status(&proposal(w, *id)) == ProposalStatus::Passed);
        passed.count()
    };
    let mut by_block = vec![];
    for _ in 0..VOTING + 1 {
        let before = decided(&w);
        w.chain.empty_blocks(1);
        by_block.push(decided(&w) - before);
    }
    by_block.retain(|n| *n > 0);
    assert_eq!(by_block, [4, 2]);
    w.chain.app.check_invariants(0).unwrap();
}
