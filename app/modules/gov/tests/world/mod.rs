//! A bank, accounts, governance and a made-up electorate. Each file of tests uses a part of it.
#![allow(dead_code)]

use std::{cell::Cell, collections::BTreeMap, sync::Arc};

use prost::Message;
use quern_context::{AnyMsg, BlockFacts, Cx, Mode, MsgOutput, Router};
use quern_genesis::GovGenesis;
use quern_gov::{Electorate, Electors, Host, Msg, Position};
use quern_proto::{
    Any,
    cosmos::{
        base::v1beta1 as base,
        gov::v1::{
            MsgDeposit, MsgSubmitProposal, MsgVote, Params, Proposal, QueryParamsRequest,
            QueryParamsResponse, QueryProposalRequest, QueryProposalResponse, QueryTallyResultRequest,
            QueryTallyResultResponse,
        },
    },
};
use quern_store::{Branch, Snapshot};
use quern_types::{AccAddress, Coins, Event, Result, Timestamp, errors, module_address};

pub const DEPOSIT_PERIOD: i64 = 100;
pub const VOTING_PERIOD: i64 = 60;
pub const EXPEDITED_PERIOD: i64 = 20;

pub fn address(name: &str) -> AccAddress {
    AccAddress::from_sha256(name.as_bytes())
}

pub fn governance() -> String {
    module_address("gov").to_string()
}

pub fn coins(text: &str) -> Vec<base::Coin> {
    let coins: Coins = text.parse().unwrap();
    let wire = |c: &quern_types::Coin| base::Coin {
        denom: c.denom.to_string(),
        amount: c.amount.to_string(),
    };
    coins.iter().map(wire).collect()
}

pub fn any<M: prost::Name>(message: &M) -> Any {
    Any {
        type_url: quern_proto::type_url::<M>(),
        value: message.encode_to_vec(),
    }
}

/// Dispatch to the two modules of these tests.
struct Modules;

impl Router for Modules {
    fn signers(&self, msg: &AnyMsg) -> Result<Vec<AccAddress>> {
        match Msg::decode(&msg.type_url, &msg.value) {
            Some(msg) => msg?.signers(),
            None => bank(msg)?.signers(),
        }
    }

    fn validate(&self, msg: &AnyMsg) -> Result<()> {
        match Msg::decode(&msg.type_url, &msg.value) {
            Some(msg) => msg?.validate(),
            None => bank(msg).map(drop),
        }
    }

    fn serves(&self, type_url: &str) -> bool {
        Msg::TYPE_URLS.contains(&type_url) || quern_bank::Msg::TYPE_URLS.contains(&type_url)
    }

    fn execute(&self, cx: &Cx, msg: &AnyMsg) -> Result<MsgOutput> {
        self.validate(msg)?;
        match Msg::decode(&msg.type_url, &msg.value) {
            Some(msg) => msg?.execute(cx, &router()),
            None => bank(msg)?.execute(cx),
        }
    }

    fn query(&self, _: &Cx, path: &str, _: &[u8]) -> Result<Vec<u8>> {
        Err(errors::UNKNOWN_REQUEST.wrap(path.to_owned()))
    }
}

fn bank(msg: &AnyMsg) -> Result<quern_bank::Msg> {
    let decoded = quern_bank::Msg::decode(&msg.type_url, &msg.value);
    decoded.unwrap_or_else(|| Err(errors::TX_DECODE.wrap(msg.type_url.clone())))
}

fn router() -> Arc<dyn Router> {
    Arc::new(Modules)
}

/// The state with the electorate, at a time.
pub struct World {
    branch: Branch,
    now: i64,
    height: u64,
    powers: BTreeMap<AccAddress, u128>,
    /// Coins by funder and host.
    behind: BTreeMap<(AccAddress, AccAddress), u128>,
    /// Questions that were asked.
    pub asked: Cell<u32>,
}

impl Electorate for World {
    fn electors(&self, _: &Cx) -> Result<Electors> {
        self.asked
            .set(self.asked.get() + 2 * u32::try_from(self.powers.len()).unwrap() + 1);
        let host = |(address, power): (&AccAddress, &u128)| Host {
            address: address.clone(),
            power: *power,
            active: self.behind(address),
        };
        Ok(Electors {
            hosts: self.powers.iter().map(host).collect(),
            total: self.powers.values().sum(),
        })
    }

    fn active(&self, _: &Cx, host: &AccAddress) -> Result<u128> {
        self.asked.set(self.asked.get() + 1);
        Ok(self.behind(host))
    }

    fn positions(
        &self,
        _: &Cx,
        funder: &AccAddress,
        after: Option<&AccAddress>,
        limit: u32,
    ) -> Result<Vec<Position>> {
        self.asked.set(self.asked.get() + 1);
        let mine = self.behind.iter().filter(|((of, _), _)| of == funder);
        let mine = mine.filter(|((_, host), _)| after.is_none_or(|after| host > after));
        let position = |((_, host), active): (&(AccAddress, AccAddress), &u128)| Position {
            host: host.clone(),
            active: *active,
        };
        Ok(mine.take(limit.try_into().unwrap()).map(position).collect())
    }
}

impl World {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// Ten people with 1000 each; 100 is the deposit, 500 the expedited one.
    pub fn with(change: impl FnOnce(&mut Params)) -> Self {
        let world = Self {
            branch: Branch::new(Snapshot::in_memory(0, Default::default())),
            now: 1_000_000,
            height: 1,
            powers: BTreeMap::new(),
            behind: BTreeMap::new(),
            asked: Cell::new(0),
        };
        for name in [
            "alice", "bob", "carol", "one", "two", "three", "fund", "late", "whale", "x",
        ] {
            world.fund(&address(name).to_string(), 1000);
        }
        let mut params = world.params();
        let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
        params.min_deposit = coins("100nqrn");
        params.expedited_min_deposit = coins("500nqrn");
        params.max_deposit_period = seconds(DEPOSIT_PERIOD);
        params.voting_period = seconds(VOTING_PERIOD);
        params.expedited_voting_period = seconds(EXPEDITED_PERIOD);
        change(&mut params);
        let genesis = GovGenesis {
            params: Some(quern_proto::json::from_message(&params).unwrap()),
            ..GovGenesis::default()
        };
        quern_gov::init_genesis(&world.cx(), &genesis).unwrap();
        world
    }

    pub fn cx(&self) -> Cx {
        self.on(&self.branch)
    }

    fn on(&self, branch: &Branch) -> Cx {
        let facts = BlockFacts {
            chain_id: "test-1".into(),
            height: self.height,
            time: Timestamp {
                seconds: self.now,
                nanos: 0,
            },
            proposer: vec![],
        };
        Cx::new(branch.clone(), Arc::new(facts), Mode::Finalize)
    }

    pub fn fund(&self, to: &str, amount: u128) {
        let to = AccAddress::from_bech32(to).unwrap();
        quern_bank::mint(&self.cx(), &to, &format!("{amount}nqrn").parse().unwrap()).unwrap();
    }

    pub fn host(&mut self, name: &str, power: u128, behind: &[(&str, u128)]) {
        let behind = behind
            .iter()
            .map(|(n, a)| ((*n).to_owned(), *a))
            .collect::<Vec<_>>();
        self.host_of(name, power, &behind);
    }

    pub fn host_of(&mut self, name: &str, power: u128, behind: &[(String, u128)]) {
        self.powers.insert(address(name), power);
        for (funder, amount) in behind {
            self.behind.insert((address(funder), address(name)), *amount);
        }
    }

    fn behind(&self, host: &AccAddress) -> u128 {
        let of = self.behind.iter().filter(|((_, h), _)| h == host);
        of.map(|(_, amount)| amount).sum()
    }

    pub fn pass(&mut self, seconds: i64) {
        self.now += seconds;
        self.height += 1;
    }

    /// One message, all or nothing.
    pub fn run(&mut self, msg: Msg) -> Result<MsgOutput> {
        let fork = self.cx().fork();
        let output = msg.execute(&fork, &router())?;
        fork.merge();
        Ok(output)
    }

    pub fn end_block(&mut self) -> Vec<Event> {
        let cx = self.cx();
        quern_gov::end_block(&cx, &router(), self).unwrap();
        quern_gov::check_deposits(&cx).unwrap();
        cx.events.take()
    }

    pub fn submit(&mut self, proposer: &str, messages: Vec<Any>, deposit: &str) -> Result<u64> {
        let output = self.run(Msg::SubmitProposal(MsgSubmitProposal {
            messages,
            initial_deposit: coins(deposit),
            proposer: address(proposer).to_string(),
            metadata: "ipfs://words".into(),
            title: "title".into(),
            summary: "summary".into(),
            expedited: false,
        }))?;
        let response =
            quern_proto::cosmos::gov::v1::MsgSubmitProposalResponse::decode(output.response.value.as_slice());
        Ok(response.unwrap().proposal_id)
    }

    pub fn deposit(&mut self, who: &str, id: u64, amount: &str) -> Result<MsgOutput> {
        self.run(Msg::Deposit(MsgDeposit {
            proposal_id: id,
            depositor: address(who).to_string(),
            amount: coins(amount),
        }))
    }

    pub fn vote(&mut self, voter: &str, id: u64, option: i32) -> Result<MsgOutput> {
        self.run(Msg::Vote(MsgVote {
            proposal_id: id,
            voter: address(voter).to_string(),
            option,
            metadata: String::new(),
        }))
    }

    pub fn raw_query(&self, path: &str, request: &[u8]) -> Option<Result<Vec<u8>>> {
        quern_gov::query(&self.cx(), self, path, request)
    }

    pub fn query<Q: Message, A: Message + Default>(&self, version: &str, method: &str, q: &Q) -> Result<A> {
        let path = format!("/cosmos.gov.{version}.Query/{method}");
        let answer = self.raw_query(&path, &q.encode_to_vec()).unwrap()?;
        Ok(A::decode(answer.as_slice()).unwrap())
    }

    pub fn proposal(&self, id: u64) -> Option<Proposal> {
        let request = QueryProposalRequest { proposal_id: id };
        let answer: Result<QueryProposalResponse> = self.query("v1", "Proposal", &request);
        answer.ok()?.proposal
    }

    pub fn params(&self) -> Params {
        let request = QueryParamsRequest::default();
        let answer: QueryParamsResponse = self.query("v1", "Params", &request).unwrap();
        answer.params.unwrap()
    }

    /// Yes, abstain, no, veto.
    pub fn tally(&self, id: u64) -> [u128; 4] {
        let request = QueryTallyResultRequest { proposal_id: id };
        let answer: QueryTallyResultResponse = self.query("v1", "TallyResult", &request).unwrap();
        let t = answer.tally.unwrap();
        [t.yes_count, t.abstain_count, t.no_count, t.no_with_veto_count].map(|n| n.parse().unwrap())
    }

    pub fn balance(&self, name: &str) -> u128 {
        quern_bank::balance(&self.cx(), &address(name), &"nqrn".parse().unwrap()).unwrap()
    }

    pub fn supply(&self) -> u128 {
        quern_bank::supply(&self.cx(), &"nqrn".parse().unwrap()).unwrap()
    }

    pub fn export(&self) -> GovGenesis {
        quern_gov::export_genesis(&self.cx()).unwrap()
    }

    /// Puts governance through its own genesis, into a state with the same balances.
    pub fn reimport(&mut self) {
        let json = serde_json::to_vec(&self.export()).unwrap();
        let branch = Branch::new(Snapshot::in_memory(0, Default::default()));
        let cx = self.on(&branch);
        quern_auth::init_genesis(&cx, &quern_auth::export_genesis(&self.cx()).unwrap()).unwrap();
        quern_bank::init_genesis(&cx, &quern_bank::export_genesis(&self.cx()).unwrap()).unwrap();
        quern_gov::init_genesis(&cx, &serde_json::from_slice(&json).unwrap()).unwrap();
        self.branch = branch;
    }
}
