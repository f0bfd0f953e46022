//! Transactions out of a seed, wrong ones included.

mod bank;
mod gov;
mod grants;
mod signing;
mod staking;
mod vesting;
mod wasm;
mod wrong;

use quern_proto::{Any, cosmos::base::v1beta1::Coin};
use quern_testkit::{Mangle, TxBuilder, User, coins};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

pub use gov::params as governance_params;
pub use signing::{Signing, fund_groups};
pub use staking::{Leaving, Roles, consensus_key};

/// Users with coins.
pub const FUNDED: usize = 40;
/// Users that begin without.
pub const POOR: usize = 10;

/// A transaction before it is signed, which each chain's account number decides.
pub struct Draft {
    /// Who signs, by index.
    pub user: usize,
    /// Body and fee; number and sequence are the chain's.
    pub tx: TxBuilder,
    /// What is wrong with its envelope.
    pub mangle: Mangle,
    /// How it is signed, if nothing is wrong.
    pub signing: Signing,
    /// What it is, for the report.
    pub what: &'static str,
}

/// What the generator knows of the chain's state, learnt from results.
#[derive(Default)]
pub struct Known {
    /// Code ids that store cw20-base.
    pub tokens: Vec<u64>,
    /// Code ids that store the probe.
    pub probes: Vec<u64>,
    /// Instances of cw20-base.
    pub token_contracts: Vec<String>,
    /// Instances of the probe.
    pub probe_contracts: Vec<String>,
    /// The last proposal.
    pub proposals: u64,
    /// Who stakes; nobody in a run of the other messages.
    pub roles: Roles,
    /// What began to leave.
    pub leaving: Vec<Leaving>,
    /// Names of new accounts that were used.
    fresh: usize,
}

/// The generator.
pub struct Generator {
    rng: StdRng,
    /// All users.
    pub users: Vec<User>,
    /// What is known of the state.
    pub known: Known,
    artifacts: Artifacts,
}

/// Contracts to upload.
#[derive(Default)]
pub struct Artifacts {
    /// cw20-base.
    pub token: Vec<u8>,
    /// The project's probe.
    pub probe: Vec<u8>,
}

impl Generator {
    /// The generator of a seed.
    pub fn new(seed: u64, artifacts: Artifacts) -> Self {
        let name = |index| User::new(&format!("diff {index}"));
        Self {
            rng: StdRng::seed_from_u64(seed),
            users: (0..FUNDED + POOR).map(name).collect(),
            known: Known::default(),
            artifacts,
        }
    }

    /// The generator of a seed for these stakers.
    pub fn of_stakes(seed: u64, users: Vec<User>, roles: Roles) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed),
            users,
            known: Known {
                roles,
                ..Known::default()
            },
            artifacts: Artifacts::default(),
        }
    }

    /// Transactions that set up what the others need: two codes and a few instances.
    pub fn preparation(&mut self) -> Vec<Draft> {
        let mut drafts = vec![self.store(0, true), self.store(1, false)];
        drafts.truncate(2);
        drafts
    }

    /// Instances, once the codes are stored.
    pub fn instances(&mut self) -> Vec<Draft> {
        (2..6).map(|user| self.instance(user, user % 2 == 0)).collect()
    }

    /// Transactions of one block, at most one for each user.
    pub fn block(&mut self, count: usize) -> Vec<Draft> {
        let mut order: Vec<usize> = (0..self.users.len()).collect();
        for index in (1..order.len()).rev() {
            order.swap(index, self.rng.gen_range(0..=index));
        }
        let others = order.split_off(count.min(order.len()));
        let mut drafts: Vec<Draft> = order.into_iter().map(|user| self.draft(user)).collect();
        self.pair(&mut drafts, others);
        drafts
    }

    /// Its source of chance.
    pub const fn rng(&mut self) -> &mut StdRng {
        &mut self.rng
    }

    fn draft(&mut self, user: usize) -> Draft {
        let (what, messages) = self.messages(user);
        let gas = if self.known.roles == Roles::default() {
            4_000_000
        } else {
            40_000_000
        };
        let mut tx = TxBuilder::new(0, 0).gas(gas);
        tx.body.messages = messages;
        // Now and then several things in one transaction, which fail or pass together.
        for _ in 0..self.rng.gen_range(0..12_usize).saturating_sub(9) {
            let (_, more) = self.messages(user);
            tx.body.messages.extend(more);
        }
        tx.fee.amount = self.fee();
        if self.rng.gen_bool(0.3) {
            tx.body.memo = "m".repeat(self.rng.gen_range(0..300));
        }
        let mangle = self.mangle(&mut tx);
        let signing = self.signing(user);
        Draft {
            user,
            tx,
            mangle,
            signing,
            what,
        }
    }

    fn messages(&mut self, user: usize) -> (&'static str, Vec<Any>) {
        if self.known.roles != Roles::default() {
            return self.staking(user);
        }
        match self.rng.gen_range(0..100) {
            0..=24 => self.bank(user),
            25..=42 => self.grants(user),
            43..=48 => self.vesting(user),
            49..=58 => self.governance(user),
            _ => self.wasm(user),
        }
    }

    fn fee(&mut self) -> Vec<Coin> {
        if self.known.roles != Roles::default() {
            // wasmd gives fees to those who stake, this chain to those who serve.
            return vec![];
        }
        match self.rng.gen_range(0..40) {
            0 | 1 => vec![],
            2 | 3 => coins("999999999999999999nqrn"),
            4 | 5 => vec![coin("nosuchdenom", "5")],
            6 | 7 => vec![coin("nqrn", "0")],
            8 => self.amount(),
            _ => vec![coin("nqrn", &self.rng.gen_range(1..5_000_u32).to_string())],
        }
    }

    /// Somebody's address: mostly a user's, at times a module's, nobody's or no address.
    fn address(&mut self) -> String {
        match self.rng.gen_range(0..40) {
            0 => "quern1notanaddress".into(),
            1 => String::new(),
            2 => quern_types::module_address("fee_collector").to_string(),
            3 => quern_types::module_address("gov").to_string(),
            4 => "cosmos1fl48vsnmsdzcv85q5d2q4z5ajdha8yu34mf0eh".into(),
            5 => {
                self.known.fresh += 1;
                User::new(&format!("fresh {}", self.known.fresh))
                    .address()
                    .to_string()
            }
            _ => self.someone(),
        }
    }

    fn someone(&mut self) -> String {
        let index = self.rng.gen_range(0..self.users.len());
        self.of(index)
    }

    fn of(&self, user: usize) -> String {
        self.users[user].address().to_string()
    }

    /// The user's own address, at times another's, so that the wrong one signs.
    fn mine(&mut self, user: usize) -> String {
        if self.rng.gen_bool(0.02) {
            self.address()
        } else {
            self.of(user)
        }
    }

    fn amount(&mut self) -> Vec<Coin> {
        match self.rng.gen_range(0..30) {
            0 => vec![],
            1 => vec![coin("nqrn", "0")],
            2 => vec![coin("nqrn", "-5")],
            3 => vec![coin("nqrn", "340282366920938463463374607431768211456")],
            4 => vec![coin("zz", "1"), coin("nqrn", "1")],
            5 => vec![coin("nqrn", "1"), coin("nqrn", "2")],
            6 => vec![coin("9bad", "1")],
            7 => vec![coin("nqrn", "1.5")],
            8 => vec![coin("nqrn", "")],
            9 => vec![coin("other", "7")],
            10 => vec![coin("nqrn", "700000000000000000")],
            11 => vec![coin("nqrn", "1"), coin("other", "2")],
            _ => self.small(),
        }
    }

    /// As [`Generator::amount`], of what both chains can keep: limits that are not spent at once.
    fn limit(&mut self) -> Vec<Coin> {
        let mut limit = self.amount();
        for coin in limit.iter_mut().filter(|coin| coin.amount.len() > 30) {
            coin.amount = u128::MAX.to_string();
        }
        limit
    }

    /// Up to so many of the chain's coin, at least a tenth of them.
    pub fn some(&mut self, most: u64) -> Vec<Coin> {
        vec![coin("nqrn", &self.rng.gen_range(most / 10..=most).to_string())]
    }

    fn small(&mut self) -> Vec<Coin> {
        vec![coin("nqrn", &self.rng.gen_range(1..2_000_u32).to_string())]
    }

    fn pick(&mut self, from: &[String]) -> Option<String> {
        (!from.is_empty()).then(|| from[self.rng.gen_range(0..from.len())].clone())
    }
}

/// A coin of any text.
fn coin(denom: &str, amount: &str) -> Coin {
    Coin {
        denom: denom.into(),
        amount: amount.into(),
    }
}
