//! Validators in jail: a third pair of chains. One operator stops voting, which jails it on wasmd; here a judge convicts it
//! in the same block, as nobody is jailed for silence. Then one signs two blocks, and one takes out all of its own coins.

use std::path::Path;

use quern_core::App;
use quern_proto::Any;
use quern_proto::cosmos::{
    distribution::v1beta1 as distribution, slashing::v1beta1 as slashing, staking::v1beta1 as staking,
};
use quern_proto::cosmwasm::wasm::v1::MsgExecuteContract;
use quern_testkit::{Chain, TxBuilder, User, any, coins};
use serde_json::json;
use tendermint_proto::v0_38::abci::{Misbehavior, MisbehaviorType, Validator};

use super::{draft, genesis, income, ordered, questions};
use crate::compare::Difference;
use crate::generate::{Draft, Generator, Roles};
use crate::run::{POWER, Run, base, time_of};
use crate::wasmd::Program;

/// What the report says of everything that this run compares; rules of its own begin with it.
pub const MARK: &str = " [jailed]";
const ROLES: Roles = Roles {
    operators: 4,
    creators: 0,
};
/// Operators, by what they do: in jail, twice signing, without coins of its own, and one that does nothing.
const JAILED: usize = 0;
const TWICE: usize = 1;
const BARE: usize = 2;
const GOOD: usize = 3;
/// Delegators after them.
const DELEGATORS: [usize; 4] = [4, 5, 6, 7];
/// First block without the vote of who is jailed, and the one in which it is: the sixth that is missed of ten, all of one
/// epoch.
const SILENT: i64 = 13;
const CONVICTED: i64 = 18;

/// Runs it with amounts out of the seed. Returns what differs.
pub fn compare(program: &Program, artifacts: &Path, seed: u64) -> Vec<Difference> {
    let users = ordered(ROLES.operators + DELEGATORS.len());
    let judge = User::new("judge");
    let ours = genesis::ours(artifacts, &users, ROLES.operators).fund(&judge, "1nqrn");
    let ours = ours.state(|state| {
        let settlement = state.system.contracts.iter_mut().find(|c| c.name == "settlement");
        let judges = &mut settlement.expect("a contract of the profile").init["judges"];
        judges
            .as_array_mut()
            .expect("judges")
            .push(judge.address().to_string().into());
    });
    let (_node, theirs) = program.start_with(&ours, "0nqrn", |state| {
        genesis::theirs(state, &users, ROLES.operators);
        genesis::jailing(state);
    });
    let folder = tempfile::tempdir().expect("a folder");
    let generator = Generator::of_stakes(seed, users, ROLES);
    let mut scene = Scene {
        run: Run::new(crate::start(folder.path(), ours), theirs, generator),
        judge,
    };
    scene.run.votes.all = (0..ROLES.operators).map(questions::consensus_address).collect();
    scene.silence();
    scene.jail();
    scene.freedom();
    scene.two_signatures();
    scene.no_coins();
    println!("in jail: {}", scene.run);
    let mut differences = scene.run.differences;
    for difference in &mut differences {
        difference.what.push_str(MARK);
    }
    differences
}

struct Scene {
    run: Run,
    judge: User,
}

impl Scene {
    fn user(&self, place: usize) -> String {
        self.run.generator.users[place].address().to_string()
    }

    fn operator(&self, place: usize) -> String {
        self.run.generator.operator(place)
    }

    fn until(&mut self, height: i64) {
        while self.run.ours.height < height {
            self.run.block(&[]);
        }
    }

    fn block(&mut self, drafts: &[Draft]) {
        self.run.block(drafts);
        let touched: Vec<usize> = drafts.iter().map(|draft| draft.user).collect();
        let mut asks = self.run.generator.after_stakes(&touched);
        let all = self.run.generator.stake_questions().into_iter();
        // Who is of which status is asked of each.
        asks.extend(all.filter(|ask| !ask.about.starts_with("BOND_STATUS_")));
        self.run.ask(&asks);
    }

    /// Nobody asks for its votes any more.
    fn gone(&mut self, place: usize) {
        let gone = questions::consensus_address(place);
        self.run.votes.all.retain(|voter| *voter != gone);
    }

    fn unjail(&self, place: usize) -> Draft {
        let validator_addr = self.operator(place);
        draft(place, "unjail", any(&slashing::MsgUnjail { validator_addr }))
    }

    fn delegate(&mut self, user: usize, place: usize) -> Draft {
        let amount = self.run.generator.some(9_000_000_000).pop();
        let message = staking::MsgDelegate {
            delegator_address: self.user(user),
            validator_address: self.operator(place),
            amount,
        };
        draft(user, "delegate", any(&message))
    }

    fn undelegate(&self, user: usize, place: usize, amount: &str) -> Draft {
        let message = staking::MsgUndelegate {
            delegator_address: self.user(user),
            validator_address: self.operator(place),
            amount: coins(amount).pop(),
        };
        draft(user, "undelegate", any(&message))
    }

    /// Everybody stakes; then one operator does not vote until it is jailed.
    fn silence(&mut self) {
        self.until(1);
        for place in [JAILED, GOOD] {
            let drafts: Vec<Draft> = DELEGATORS
                .iter()
                .map(|user| self.delegate(*user, place))
                .collect();
            self.block(&drafts);
        }
        self.block(&[self.unjail(JAILED), self.unjail(GOOD)]);
        self.until(SILENT - 1);
        self.run.votes.absent = vec![questions::consensus_address(JAILED)];
        self.until(CONVICTED - 1);
        self.run.alone[0] = vec![conviction(&self.run.ours, &self.judge, &self.user(JAILED))];
        self.block(&[]);
        self.run.votes.absent.clear();
        self.gone(JAILED);
    }

    /// What may be done while it is in jail, and that it does not come out.
    fn jail(&mut self) {
        let [joins, leaves, moves, asks] = DELEGATORS;
        let redelegation = staking::MsgBeginRedelegate {
            delegator_address: self.user(moves),
            validator_src_address: self.operator(JAILED),
            validator_dst_address: self.operator(GOOD),
            amount: coins("90000nqrn").pop(),
        };
        let reward = distribution::MsgWithdrawDelegatorReward {
            delegator_address: self.user(asks),
            validator_address: self.operator(JAILED),
        };
        let drafts = [
            self.unjail(JAILED),
            self.delegate(joins, JAILED),
            self.undelegate(leaves, JAILED, "90000nqrn"),
            draft(moves, "redelegate", any(&redelegation)),
            draft(asks, "withdraw reward", any(&reward)),
        ];
        self.block(&drafts);
        let cancel = staking::MsgCancelUnbondingDelegation {
            delegator_address: self.user(leaves),
            validator_address: self.operator(JAILED),
            amount: coins("9000nqrn").pop(),
            creation_height: self.run.ours.height,
        };
        let commission = distribution::MsgWithdrawValidatorCommission {
            validator_address: self.operator(JAILED),
        };
        let drafts = [
            draft(leaves, "cancel unbonding", any(&cancel)),
            draft(JAILED, "withdraw commission", any(&commission)),
            self.stranger(joins, JAILED),
        ];
        self.block(&drafts);
    }

    /// Somebody else asks for the operator.
    fn stranger(&self, user: usize, place: usize) -> Draft {
        let validator_addr = self.operator(place);
        draft(user, "unjail", any(&slashing::MsgUnjail { validator_addr }))
    }

    /// The last block of its time, the first after it, and once more.
    fn freedom(&mut self) {
        let free = CONVICTED + i64::try_from(genesis::JAIL).expect("a short time");
        self.until(free - 2);
        for _ in 0..3 {
            self.block(&[self.unjail(JAILED)]);
        }
    }

    /// Evidence, twice; then what may be done with who is out for good.
    fn two_signatures(&mut self) {
        for _ in 0..2 {
            let height = self.run.ours.height;
            self.run.votes.evidence = vec![Misbehavior {
                r#type: MisbehaviorType::DuplicateVote.into(),
                validator: Some(Validator {
                    address: questions::consensus_address(TWICE).to_vec().into(),
                    power: POWER,
                }),
                height,
                time: Some(time_of(height)),
                total_voting_power: POWER * 4,
            }];
            self.block(&[]);
        }
        self.gone(TWICE);
        self.block(&[self.unjail(TWICE)]);
    }

    /// An operator that nobody else stands behind leaves. Last, somebody stakes where wasmd alone takes it.
    fn no_coins(&mut self) {
        let all = format!("{}nqrn", genesis::BOND);
        self.block(&[self.undelegate(BARE, BARE, &all)]);
        self.gone(BARE);
        self.block(&[self.unjail(BARE)]);
        self.until(self.run.ours.height + 30);
        let late = self.delegate(DELEGATORS[0], TWICE);
        self.run.block(&[late]);
    }
}

/// A judge's order: the host is convicted for the only model that it offers, and slashed.
fn conviction(chain: &Chain<App>, judge: &User, host: &str) -> Vec<u8> {
    let verdict = json!({"convict": {"host": host, "model": income::MODEL, "generation": 0, "slash": true}});
    let message: Any = any(&MsgExecuteContract {
        sender: judge.address().to_string(),
        contract: income::contract("settlement"),
        msg: verdict.to_string().into_bytes(),
        funds: vec![],
    });
    let account = base(chain, &judge.address());
    let tx = TxBuilder::new(account.account_number, account.sequence);
    tx.message(message).gas(20_000_000).sign(judge)
}
