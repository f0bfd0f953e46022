//! Income of validators, the same on both chains to the coin and to the block, though each has it from elsewhere: wasmd
//! divides the fees of a block among who voted for it, this chain divides at an epoch's end what its contract `rewards`
//! received among hosts by what they proved. So a donor pays a fee there and sends coins here, all operators prove as much
//! and all vote.

use quern_core::App;
use quern_genesis::profile::{CONTRACTS, LaunchModel};
use quern_proto::cosmos::bank::v1beta1::MsgSend;
use quern_proto::cosmwasm::wasm::v1::MsgExecuteContract;
use quern_testkit::{Chain, Genesis, TxBuilder, User, any, bank_send, coins};
use serde_json::{Value, json};
use tendermint_abci::Application;

use super::genesis::EPOCH;
use crate::run::base;

/// What an epoch brings, the tax included: four equal parts of what is left are whole, and so are their tenths.
const INCOME: u128 = 400_000_000_000;
/// Blocks from an epoch's begin to its sprint, and from there to the last commit.
pub const SPRINT: (u64, u64) = (1, 4);
/// Block of an epoch in which operators commit what they proved.
const COMMITS: i64 = 3;
/// The model that all operators prove.
pub const MODEL: &str = "quern-small";
/// Answers that each of them says to have proven.
const PROVEN: u64 = 100;
/// Work of one answer of its only shape.
const LEAF: u64 = 32 + 3 * 32;

/// Who pays, and in which epochs.
pub struct Income {
    operators: usize,
    /// The last epoch whose income hosts have; it is theirs at the end of the next.
    last: i64,
}

impl Income {
    /// Income of so many operators, until it is stopped.
    pub fn new(operators: usize) -> Self {
        Self {
            operators,
            last: i64::MAX - 1,
        }
    }

    /// After the running epoch nobody pays any more.
    pub fn stop(&mut self, height: i64) {
        self.last = epoch_of(height + 1);
    }

    /// Whether a block is the one in which income arrives: at its end here, at its beginning there. Nobody sends anything
    /// in it, so that both have it before and after the same transactions.
    pub fn arrives(height: i64) -> bool {
        height % period() == 0
    }

    /// What this chain's next block has of it.
    pub fn ours(&self, chain: &Chain<App>) -> Vec<Vec<u8>> {
        let height = chain.height + 1;
        let epoch = epoch_of(height);
        if height % period() == COMMITS {
            let commit = |place| commit(chain, place, epoch);
            return (0..self.operators).map(commit).collect();
        }
        if height % period() != period() - 1 || epoch > self.last {
            return Vec::new();
        }
        let message = any(&MsgSend {
            from_address: donor().address().to_string(),
            to_address: contract("rewards"),
            amount: coins(&format!("{INCOME}nqrn")),
        });
        vec![signed(chain, &donor(), TxBuilder::new(0, 0).message(message))]
    }

    /// What wasmd's next block has of it.
    pub fn theirs<A: Application>(&self, chain: &Chain<A>) -> Vec<Vec<u8>> {
        let height = chain.height + 1;
        // What this chain's hosts get of an epoch vests with the next one.
        let epoch = epoch_of(height);
        if height % period() != period() - 1 || epoch < 2 || epoch - 1 > self.last {
            return Vec::new();
        }
        let donor = donor();
        let message = bank_send(&donor, &donor, "1nqrn");
        let tx = TxBuilder::new(0, 0)
            .message(message)
            .fee(&format!("{INCOME}nqrn"));
        vec![signed(chain, &donor, tx)]
    }
}

fn period() -> i64 {
    i64::try_from(EPOCH).expect("a short epoch")
}

/// Number of a block's epoch, the first being one.
fn epoch_of(height: i64) -> i64 {
    (height - 1) / period() + 1
}

fn donor() -> User {
    User::new("donor")
}

/// The key by which an operator's worker signs.
pub fn warm(place: usize) -> User {
    User::new(&format!("warm {place}"))
}

/// Address of a contract of the profile.
pub fn contract(name: &str) -> String {
    let all = quern_genesis::predict(CONTRACTS);
    let found = all.iter().find(|(known, _)| *known == name);
    found.expect("a contract of the profile").1.to_string()
}

/// Coins of who pays, and accounts of the operators' workers.
pub fn fund(genesis: Genesis, operators: usize) -> Genesis {
    let funded = genesis.fund(&donor(), "10000000000000000nqrn");
    (0..operators).fold(funded, |genesis, place| genesis.fund(&warm(place), "1nqrn"))
}

/// The model in this chain's genesis.
pub fn model() -> LaunchModel {
    let model = json!({
        "id": MODEL, "hash": "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=", "context": 512, "precision": "fp32",
        "sampler": 1, "price": "10", "profiles": ["cpu-fp32"], "state": "live",
        "coefficients": {"input": 1_000_000, "cached": 100_000, "output": 3_000_000},
        "proof": {"vocabulary": 2048, "shapes": [{"prompt": 32, "output": 32, "weight": 1}], "coefficient": 1_000_000},
    });
    serde_json::from_value(model).expect("a model")
}

/// What an operator offers.
pub fn offers() -> Value {
    json!([{"model": MODEL, "capacity": 100, "profile": "cpu-fp32"}])
}

/// A worker's commit: as many answers as all others say.
fn commit(chain: &Chain<App>, place: usize, epoch: i64) -> Vec<u8> {
    let root =
        json!({"hash": "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=", "sum": (PROVEN * LEAF).to_string()});
    let msg = json!({"commit_proof": {"sprint": epoch, "model": MODEL, "root": root, "count": PROVEN}});
    let by = warm(place);
    let call = any(&MsgExecuteContract {
        sender: by.address().to_string(),
        contract: contract("poc-weights"),
        msg: msg.to_string().into_bytes(),
        funds: vec![],
    });
    signed(chain, &by, TxBuilder::new(0, 0).message(call).gas(4_000_000))
}

fn signed<A: Application>(chain: &Chain<A>, user: &User, mut tx: TxBuilder) -> Vec<u8> {
    let account = base(chain, &user.address());
    (tx.account_number, tx.sequence) = (account.account_number, account.sequence);
    tx.sign(user)
}
