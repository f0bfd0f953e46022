//! A pair of chains that get the same blocks, and what differed so far.

use std::fmt;

use quern_core::App;
use quern_proto::cosmos::auth::v1beta1::BaseAccount;
use quern_testkit::Chain;
use quern_testkit::GENESIS_TIME;
use quern_types::AccAddress;
use sha2::{Digest, Sha256};
use tendermint_abci::Application;
use tendermint_proto::google::protobuf::Timestamp;
use tendermint_proto::v0_38::abci::{
    CommitInfo, ExecTxResult, Misbehavior, RequestFinalizeBlock, ResponseFinalizeBlock, Validator, VoteInfo,
};
use tendermint_proto::v0_38::types::BlockIdFlag;

use crate::compare::{self, Difference, Tally};
use crate::generate::{Draft, Generator, Leaving};
use crate::questions::{self, Question};
use crate::remote::Remote;

/// Both chains.
pub struct Run {
    /// This chain.
    pub ours: Chain<App>,
    /// wasmd.
    pub theirs: Chain<Remote>,
    /// Where transactions come from.
    pub generator: Generator,
    /// How transactions ended.
    pub tally: Tally,
    /// Transactions sent.
    pub sent: usize,
    /// Questions asked.
    pub asked: usize,
    /// What differed.
    pub differences: Vec<Difference>,
    /// What the next blocks tell of validators.
    pub votes: Votes,
    /// Transactions that the next block has on one of the chains alone, this one and wasmd. They must pass, and are not
    /// compared.
    pub alone: [Vec<Vec<u8>>; 2],
    /// Whether all that a block's end says is compared, and not only what came back from stakes.
    pub governed: bool,
}

/// Power of a validator in votes and evidence, by which wasmd cuts: a million of the chain's coins each is one.
pub const POWER: i64 = 10_000_000;

/// What the consensus engine says of validators.
#[derive(Clone, Default)]
pub struct Votes {
    /// Consensus addresses of who should have voted for the last block.
    pub all: Vec<[u8; 20]>,
    /// Those of them who did not.
    pub absent: Vec<[u8; 20]>,
    /// Who signed two blocks. Told once.
    pub evidence: Vec<Misbehavior>,
}

impl Votes {
    /// The last commit; that of the block before the first is empty.
    fn commit(&self, height: i64) -> CommitInfo {
        let vote = |address: &[u8; 20]| VoteInfo {
            validator: Some(Validator {
                address: address.to_vec().into(),
                power: POWER,
            }),
            block_id_flag: match self.absent.contains(address) {
                true => BlockIdFlag::Absent.into(),
                false => BlockIdFlag::Commit.into(),
            },
        };
        let voters = self.all.iter().filter(|_| height > 1);
        CommitInfo {
            round: 0,
            votes: voters.map(vote).collect(),
        }
    }
}

/// When a block is: between two seconds, as blocks are.
pub fn time_of(height: i64) -> Timestamp {
    Timestamp {
        seconds: GENESIS_TIME + height,
        nanos: 500_000_000,
    }
}

/// A chain's next block.
fn finalize<A: Application>(chain: &mut Chain<A>, txs: &[Vec<u8>], votes: &Votes) -> ResponseFinalizeBlock {
    let height = chain.height + 1;
    let answer = chain.app.finalize_block(RequestFinalizeBlock {
        txs: txs.iter().map(|tx| tx.clone().into()).collect(),
        decided_last_commit: Some(votes.commit(height)),
        misbehavior: votes.evidence.clone(),
        height,
        time: Some(time_of(height)),
        hash: Sha256::digest(height.to_be_bytes()).to_vec().into(),
        proposer_address: chain.proposer.to_vec().into(),
        ..RequestFinalizeBlock::default()
    });
    assert_eq!(answer.tx_results.len(), txs.len(), "one result per transaction");
    chain.commit(&answer);
    answer
}

impl Run {
    /// Two chains before their first block.
    pub fn new(ours: Chain<App>, theirs: Chain<Remote>, generator: Generator) -> Self {
        Self {
            ours,
            theirs,
            generator,
            tally: Tally::default(),
            sent: 0,
            asked: 0,
            differences: Vec::new(),
            votes: Votes::default(),
            alone: Default::default(),
            governed: false,
        }
    }

    /// Both chains' blocks without transactions.
    pub fn empty_blocks(&mut self, count: usize) {
        for _ in 0..count {
            self.block(&[]);
        }
    }

    /// Says now and then how far it is.
    pub fn progress(&self) {
        if self.ours.height % 100 == 0 {
            eprintln!(
                "{} transactions, {} differences",
                self.sent,
                self.differences.len()
            );
        }
    }

    /// As [`Run::block`]; then asks for what its senders have.
    pub fn block_and_ask(&mut self, drafts: &[Draft]) {
        self.block(drafts);
        let touched: Vec<usize> = drafts.iter().map(|draft| draft.user).collect();
        let asks = self.generator.after(&touched);
        self.ask(&asks);
    }

    /// Sends a block of these to both.
    pub fn block(&mut self, drafts: &[Draft]) {
        let users = &self.generator.users;
        let mut both = [Vec::new(), Vec::new()];
        for draft in drafts {
            both[0].push(draft.signed(users, |address| base(&self.ours, address)));
            both[1].push(draft.signed(users, |address| base(&self.theirs, address)));
        }
        let [first, second] = both;
        for ((draft, first), second) in drafts.iter().zip(&first).zip(&second) {
            let what = || {
                format!(
                    "{} at the mempool ({:?}, {:?}): {}",
                    draft.what,
                    draft.mangle,
                    draft.signing,
                    describe(draft)
                )
            };
            let (ours, theirs) = (self.ours.check(first), self.theirs.check(second));
            self.differences.extend(compare::admissions(what, &ours, &theirs));
        }
        let [mut first, mut second] = [first, second];
        let besides = std::mem::take(&mut self.alone);
        first.extend(besides[0].iter().cloned());
        second.extend(besides[1].iter().cloned());
        let ours = finalize(&mut self.ours, &first, &self.votes);
        let theirs = finalize(&mut self.theirs, &second, &self.votes);
        self.votes.evidence.clear();
        for result in [&ours, &theirs]
            .iter()
            .flat_map(|answer| answer.tx_results.iter().skip(drafts.len()))
        {
            assert_eq!(result.code, 0, "{}", result.log);
        }
        let height = self.ours.height;
        let what = format!("block {height}");
        let told = if self.governed {
            compare::endings
        } else {
            compare::completions
        };
        self.differences.extend(told(&what, &ours.events, &theirs.events));
        let (ours, theirs) = (ours.tx_results, theirs.tx_results);
        for ((draft, ours), theirs) in drafts.iter().zip(&ours).zip(&theirs) {
            let what = format!(
                "{} in block {} ({:?}, {:?}): {}",
                draft.what,
                height,
                draft.mangle,
                draft.signing,
                describe(draft)
            );
            self.differences.extend(compare::results(&what, ours, theirs));
            self.tally.count(theirs);
            if ours.code == 0 && theirs.code == 0 {
                learn(&mut self.generator, draft, ours, height);
            }
        }
        self.sent += drafts.len();
    }

    /// Asks both.
    pub fn ask(&mut self, asks: &[Question]) {
        for ask in asks {
            let answer = |chain: &dyn Fn(&str, Vec<u8>) -> _| chain(ask.path, ask.request.clone());
            let ours = answer(&|path, data| self.ours.query_raw(path, data, 0, false));
            let theirs = answer(&|path, data| self.theirs.query_raw(path, data, 0, false));
            let what = format!("{} {} at {}", ask.path, ask.about, self.ours.height);
            self.differences.extend(compare::answers(&what, &ours, &theirs));
            self.asked += 1;
        }
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sent, asked) = (self.sent, self.asked);
        write!(
            f,
            "{sent} transactions, {asked} queries; as wasmd ended them:\n{}",
            self.tally
        )
    }
}

/// An account's number and sequence, whatever kind of account it is; zeros if there is none.
pub fn base<A: Application>(chain: &Chain<A>, address: &AccAddress) -> BaseAccount {
    questions::account(chain, &address.to_string()).unwrap_or_default()
}

fn describe(draft: &Draft) -> String {
    let body = &draft.tx.body;
    let urls: Vec<&str> = body
        .messages
        .iter()
        .map(|m| m.type_url.rsplit('.').next().unwrap_or(""))
        .collect();
    let texts: Vec<String> = body
        .messages
        .iter()
        .map(|m| String::from_utf8_lossy(&m.value).into_owned())
        .collect();
    let fee = &draft.tx.fee;
    format!(
        "user {} {urls:?} fee {:?} granter {:?} payer {:?} {texts:?}",
        draft.user, fee.amount, fee.granter, fee.payer
    )
    .chars()
    .filter(|c| !c.is_control())
    .take(260)
    .collect()
}

/// Takes down what the transaction made.
fn learn(generator: &mut Generator, draft: &Draft, result: &ExecTxResult, height: i64) {
    for event in result.events.iter().filter(|event| event.r#type == "unbond") {
        let value = |key: &str| {
            let found = event.attributes.iter().find(|attribute| attribute.key == key);
            found.map(|attribute| attribute.value.clone()).unwrap_or_default()
        };
        generator.known.leaving.push(Leaving {
            delegator: value("delegator"),
            validator: value("validator"),
            height,
        });
    }
    let attribute = |kind: &str, key: &str| -> Option<String> {
        let event = result.events.iter().find(|event| event.r#type == kind)?;
        Some(event.attributes.iter().find(|a| a.key == key)?.value.clone())
    };
    if let Some(code) = attribute("store_code", "code_id").and_then(|id| id.parse().ok()) {
        if draft.what == "store" && draft.user == 0 && generator.known.tokens.is_empty() {
            generator.known.tokens.push(code);
        } else if draft.what == "store" && draft.user == 1 && generator.known.probes.is_empty() {
            generator.known.probes.push(code);
        }
    }
    if let Some(id) = attribute("submit_proposal", "proposal_id").and_then(|id| id.parse().ok()) {
        generator.known.proposals = id;
    }
    let (Some(code), Some(contract)) = (
        attribute("instantiate", "code_id"),
        attribute("instantiate", "_contract_address"),
    ) else {
        return;
    };
    let known = &mut generator.known;
    let code: u64 = code.parse().unwrap_or(0);
    if known.tokens.contains(&code) {
        known.token_contracts.push(contract);
    } else if known.probes.contains(&code) {
        known.probe_contracts.push(contract);
    }
}
