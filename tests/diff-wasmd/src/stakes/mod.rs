//! Delegations, rewards and validators: a second pair of chains, of the same validators with the same income, so that
//! whatever stands behind a validator and whatever it earns is the same.

mod allowed;
mod genesis;
mod govern;
mod income;
mod jail;
mod jailed;
mod near;
mod questions;

use std::path::Path;

use quern_proto::cosmos::distribution::v1beta1::{
    MsgSetWithdrawAddress, MsgWithdrawValidatorCommission, QueryValidatorOutstandingRewardsRequest,
    QueryValidatorOutstandingRewardsResponse,
};
use quern_proto::cosmos::vesting::v1beta1::MsgCreateVestingAccount;
use quern_testkit::{GENESIS_TIME, Mangle, QueryError, TxBuilder, User, any, coins};

use crate::compare::Difference;
use crate::generate::{Draft, Generator, Roles, Signing};
use crate::run::Run;
use crate::wasmd::{Program, Wasmd};
use crate::{grpc, rest};

use income::Income;

pub use allowed::RULES;
pub use jailed::RULES as JAILED;

/// Services whose answers are compared here.
const SERVICES: [&str; 4] = [
    "cosmos.staking.v1beta1.Query",
    "cosmos.distribution.v1beta1.Query",
    "cosmos.slashing.v1beta1.Query",
    "cosmos.mint.v1beta1.Query",
];
/// Users that begin with coins, operators among them.
const FUNDED: usize = 18;
/// Users whose coins are locked for a time.
const LOCKED: usize = 4;
const ROLES: Roles = Roles {
    operators: 4,
    creators: 2,
};
/// Blocks after which whatever moved has landed, and a new validator votes.
const SETTLED: usize = 24;

/// Sends so many transactions. Returns what differs.
pub fn compare(program: &Program, artifacts: &Path, seed: u64, txs: usize) -> Vec<Difference> {
    let users = ordered(FUNDED + LOCKED);
    let ours = genesis::ours(artifacts, &users[..FUNDED], ROLES.operators);
    let (node, theirs) = program.start_with(&ours, "0nqrn", |state| {
        genesis::theirs(state, &users[..FUNDED], ROLES.operators);
    });
    let folder = tempfile::tempdir().expect("a folder");
    let generator = Generator::of_stakes(seed, users, ROLES);
    let mut run = Run::new(crate::start(folder.path(), ours), theirs, generator);
    run.votes.all = (0..ROLES.operators).map(questions::consensus_address).collect();
    let mut pair = Pair {
        run,
        income: Income::new(ROLES.operators),
    };
    pair.prepare();
    while pair.run.sent < txs {
        let drafts = pair.run.generator.block(12);
        pair.block(&drafts);
        if pair.run.ours.height % 10 < 2 {
            pair.ask_all();
        }
        pair.run.progress();
    }
    pair.earned();
    ask_outside(&mut pair.run, &node);
    pair.redelegate();
    pair.one_sided();
    let run = pair.run;
    println!("stakes: {run}");
    let mut differences = run.differences;
    differences.extend(jail::compare(program, artifacts, seed));
    differences.extend(govern::compare(program, artifacts, seed));
    differences
}

/// Both chains and what they earn.
struct Pair {
    run: Run,
    income: Income,
}

impl Pair {
    /// Sends a block of these to both, after the one in which income arrives if that is the next.
    fn send(&mut self, drafts: &[Draft]) {
        if Income::arrives(self.run.ours.height + 1) {
            self.run.block(&[]);
        }
        self.next(drafts);
    }

    fn next(&mut self, drafts: &[Draft]) {
        self.run.alone = [
            self.income.ours(&self.run.ours),
            self.income.theirs(&self.run.theirs),
        ];
        self.run.block(drafts);
    }

    fn empty_blocks(&mut self, count: usize) {
        for _ in 0..count {
            self.next(&[]);
        }
    }

    /// As [`Pair::send`]; then asks for what its senders have.
    fn block(&mut self, drafts: &[Draft]) {
        self.send(drafts);
        let touched: Vec<usize> = drafts.iter().map(|draft| draft.user).collect();
        let asks = self.run.generator.after_stakes(&touched);
        self.run.ask(&asks);
    }

    fn ask_all(&mut self) {
        let asks = self.run.generator.stake_questions();
        self.run.ask(&asks);
    }

    /// New validators, and accounts whose coins are locked.
    fn prepare(&mut self) {
        self.empty_blocks(1);
        let generator = &mut self.run.generator;
        let creations = generator.creations().into_iter().enumerate();
        let mut drafts: Vec<Draft> = creations
            .map(|(place, message)| draft(ROLES.operators + place, "create validator", message))
            .collect();
        let giver = ROLES.operators + ROLES.creators;
        for place in 0..LOCKED {
            let message = any(&MsgCreateVestingAccount {
                from_address: generator.users[giver + place].address().to_string(),
                to_address: generator.users[FUNDED + place].address().to_string(),
                amount: coins("50000000000nqrn"),
                end_time: GENESIS_TIME + 300,
                delayed: place % 2 == 0,
            });
            drafts.push(draft(giver + place, "lock", message));
        }
        self.block(&drafts);
        self.empty_blocks(SETTLED);
        self.ask_all();
    }

    /// Says what an operator kept so far. Where that is nothing, nothing was compared.
    fn earned(&self) {
        let path = "/cosmos.distribution.v1beta1.Query/ValidatorOutstandingRewards";
        let request = QueryValidatorOutstandingRewardsRequest {
            validator_address: self.run.generator.operator(0),
        };
        let of = |answer: Result<QueryValidatorOutstandingRewardsResponse, QueryError>| {
            let found = answer.ok().and_then(|answer| answer.rewards?.rewards.pop());
            let earned = found.expect("validators earn");
            earned.amount[..earned.amount.len().saturating_sub(18)].to_owned()
        };
        let ours = of(self.run.ours.query(path, &request));
        let theirs = of(self.run.theirs.query(path, &request));
        println!("not paid yet behind the first operator: {ours} nqrn, {theirs} on wasmd");
    }

    /// Last, as it moves coins on one of the chains alone: an operator's commission where it wants its rewards, and gifts to
    /// the community pool.
    fn one_sided(&mut self) {
        let elsewhere = MsgSetWithdrawAddress {
            delegator_address: self.run.generator.users[0].address().to_string(),
            withdraw_address: User::new("elsewhere").address().to_string(),
        };
        let validator_address = self.run.generator.operator(0);
        let commission = MsgWithdrawValidatorCommission { validator_address };
        for message in [any(&elsewhere), any(&commission)] {
            self.run.block(&[draft(0, "commission elsewhere", message)]);
        }
        for _ in 0..3 {
            let count = self.run.generator.users.len();
            let drafts: Vec<Draft> = (0..count)
                .map(|user| draft(user, "community pool", self.run.generator.pool(user)))
                .collect();
            self.run.block(&drafts);
        }
    }

    /// Moves, one for each user. Until they land coins are at the one host here and at the other there, so nothing is
    /// earned meanwhile.
    fn redelegate(&mut self) {
        self.income.stop(self.run.ours.height);
        self.empty_blocks(SETTLED);
        let users: Vec<usize> = (0..FUNDED).collect();
        // No more at once than this chain lands in one block.
        for users in users.chunks(FUNDED / 2) {
            let drafts = users.iter().map(|user| {
                let message = self.run.generator.redelegation(*user);
                draft(*user, "redelegate", message)
            });
            let drafts: Vec<Draft> = drafts.collect();
            self.send(&drafts);
        }
        self.empty_blocks(SETTLED);
        self.ask_all();
    }
}

/// Asks both over gRPC and REST.
fn ask_outside(run: &mut Run, node: &Wasmd) {
    let sides = rest::Sides::new(&run.ours.app, node.rest);
    let places = [0, 1, ROLES.operators];
    let known = rest::Known {
        users: places
            .iter()
            .chain(&[8, FUNDED])
            .map(|place| run.generator.users[*place].address().to_string())
            .collect(),
        validators: places
            .iter()
            .map(|place| run.generator.operator(*place))
            .collect(),
        signers: places.iter().map(|place| questions::signer(*place)).collect(),
        height: u64::try_from(run.ours.height).unwrap_or_default(),
        ..rest::Known::default()
    };
    let calls = grpc::Sides::new(sides.grpc, node.grpc);
    let (asked, differences) = calls.compare(&sides.entries, &SERVICES, &known);
    println!(
        "{asked} calls over gRPC about stakes, {} statuses differ",
        differences.len()
    );
    run.differences.extend(differences);
    let (asked, differences) = sides.compare_services(&SERVICES, &known);
    println!(
        "{asked} requests over REST about stakes, {} answers differ",
        differences.len()
    );
    run.differences.extend(differences);
}

fn draft(user: usize, what: &'static str, message: quern_proto::Any) -> Draft {
    Draft {
        user,
        tx: TxBuilder::new(0, 0).gas(40_000_000).message(message),
        mangle: Mangle::None,
        signing: Signing::Direct,
        what,
    }
}

/// Users whose addresses have one order as bytes, by which wasmd lists them, and as text, by which contracts do.
fn ordered(count: usize) -> Vec<User> {
    let mut found: Vec<(String, User)> = Vec::new();
    let mut number = 0;
    while found.len() < count {
        number += 1;
        let user = User::new(&format!("staker {number}"));
        let address = user.address().to_string();
        // Letters of Bech32 that stand for more the later they come in ASCII.
        let place: String = address.chars().skip("quern1".len()).take(2).collect();
        let rising = place.chars().all(|letter| "034cemu".contains(letter));
        if rising && found.iter().all(|(known, _)| *known != place) {
            found.push((place, user));
        }
    }
    found.into_iter().map(|(_, user)| user).collect()
}
