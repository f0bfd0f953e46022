//! Settlement's chain in memory with the audits contract and the real bonding contract, and hosts that take
//! part in audits.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

#[path = "../../../settlement/tests/common/mod.rs"]
pub mod chain;
pub mod panels;
pub mod proofs;

use base64::{engine::general_purpose::STANDARD, Engine};
use chain::books::{receipt, tokens_for, Books};
use chain::{name, Ask, World, CHAIN, MODEL};
use cosmwasm_std::{Addr, StdResult};
use cw_multi_test::{AppResponse, ContractWrapper, Executor};
use proofs::Answers;
use quern_audit::{pack, Bucket, BucketKey, Calibration, Opening, Profile, Report, Vote};
use quern_evidence::{HostEvidence, Null, RateParams, Score};
use quern_interface::audits::{
    ExecuteMsg, HostRecord, InstantiateMsg, LeafInfo, Params, PendingReveal, PendingSource, Phase, QueryMsg,
    RoundInfo, Totals, WorkInfo,
};
use quern_interface::settlement::CommittedReceipt;
use quern_interface::sudo::SudoMsg;
use quern_protocol::{Amount, Bytes, Hash};
use serde::de::DeserializeOwned;

pub const POT: u128 = 1_000_000;

pub fn params() -> Params {
    Params {
        denom: chain::DENOM.into(),
        round_blocks: 60,
        draw_delay: 2,
        reveal_blocks: 6,
        commit_blocks: 6,
        vote_blocks: 4,
        panel_blocks: 6,
        max_draws: 16,
        proof_draws: 2,
        mean_capture: Amount(100),
        max_candidates: 64,
        steps: 32,
        openings: 2,
        check_every: 0,
        token_pay: "1".parse().unwrap(),
        leaf_pay_bps: 10_000,
        round_budget: Amount(100_000),
        profile: Profile::DEFAULT,
        evidence: quern_evidence::Params::DEFAULT,
        rates: RateParams::DEFAULT,
    }
}

pub fn calibration() -> Calibration {
    let key = BucketKey {
        host_profile: "cpu".into(),
        auditor_profile: "cpu".into(),
        greedy: false,
        positions: 1,
    };
    Calibration {
        clip: 1_000_000,
        tolerance: 50,
        margin_bound: 2_000_000,
        null: Null::from_micro(300).unwrap(),
        buckets: vec![Bucket {
            key,
            mean_gap: 4_000,
            clipped: 1,
        }],
    }
}

pub const CLEAN: Option<Vote> = Some(Vote::Score(Score::CLEAN));
pub const FAILED: Option<Vote> = Some(Vote::Score(Score::FAILED));
pub const UNFETCHABLE: Option<Vote> = Some(Vote::Unfetchable);

/// What a host says of a leaf: its index, the leaf, and the stage (0 for the auditor).
pub type Word<'a> = &'a dyn Fn(usize, &LeafInfo, u32) -> Option<Vote>;

/// The chain with audits.
pub struct Audits {
    pub world: World,
    pub address: Addr,
    /// Proof of compute, in sprints without end.
    pub poc_weights: Addr,
    pub books: Vec<Books>,
    /// Next nonce.
    nonce: u64,
}

impl Audits {
    /// Hosts of equal capacity.
    pub fn new(hosts: usize) -> Self {
        Self::with(hosts, &params())
    }

    pub fn with(hosts: usize, params: &Params) -> Self {
        let capacities = vec![100; hosts];
        let terms = || {
            let mut terms = chain::params();
            (terms.appeal_blocks, terms.max_session_blocks) = (2 * params.round_blocks, 2_000);
            terms
        };
        // as in genesis, the address is known before the contracts are
        let nobody = World::with_judge(&capacities, terms(), &name("nobody"));
        let known = deploy(nobody, params, &name("nobody")).1;
        let [address, poc_weights] = known.clone();
        let world = World::with_judge(&capacities, terms(), &address);
        let (mut world, found) = deploy(world, params, &poc_weights);
        assert_eq!(found, known);
        let gov = name("gov");
        let fund = &ExecuteMsg::Fund {};
        let coins = chain::coins(POT);
        world
            .app
            .execute_contract(gov, address.clone(), fund, &coins)
            .unwrap();
        Self {
            world,
            address,
            poc_weights,
            books: (0..hosts).map(Books::new).collect(),
            nonce: 0,
        }
    }

    pub fn ask<T: DeserializeOwned>(&self, question: &QueryMsg) -> T {
        self.world
            .app
            .wrap()
            .query_wasm_smart(&self.address, question)
            .unwrap()
    }

    pub fn send(&mut self, sender: &Addr, msg: &ExecuteMsg) -> StdResult<AppResponse> {
        self.world
            .app
            .execute_contract(sender.clone(), self.address.clone(), msg, &[])
    }

    pub fn must(&mut self, sender: &Addr, msg: &ExecuteMsg) {
        self.send(sender, msg).unwrap();
    }

    /// Fails with the error's stable name.
    pub fn refuse(&mut self, sender: &Addr, msg: &ExecuteMsg, error: &str) {
        let found = self.send(sender, msg).unwrap_err().to_string();
        assert!(found.contains(&format!("{error}:")), "{found}");
    }

    pub fn host(&self, host: usize) -> Addr {
        self.world.hosts[host].address.clone()
    }

    pub fn index(&self, host: &str) -> usize {
        let mut hosts = self.world.hosts.iter();
        hosts.position(|known| known.address.as_str() == host).unwrap()
    }

    pub fn record(&self, host: usize) -> HostRecord {
        self.ask(&QueryMsg::Host {
            host: self.host(host).into(),
        })
    }

    pub fn evidence(&self, host: usize) -> HostEvidence {
        self.ask(&QueryMsg::Evidence {
            host: self.host(host).into(),
        })
    }

    pub fn round(&self) -> RoundInfo {
        self.ask(&QueryMsg::Round {})
    }

    pub fn leaves(&self) -> Vec<LeafInfo> {
        self.ask(&QueryMsg::Leaves {
            start_after: None,
            limit: Some(100),
        })
    }

    /// Ends a block as the application does.
    pub fn block(&mut self) {
        let app = &mut self.world.app;
        for contract in [&self.address, &self.poc_weights] {
            app.wasm_sudo(contract.clone(), &SudoMsg::EndBlock {}).unwrap();
        }
        self.world.block();
        let totals: Totals = self.ask(&QueryMsg::Totals {});
        assert_eq!(self.world.balance(&self.address), totals.pot.0 + totals.owed.0);
        assert_eq!(totals.funded.0, totals.pot.0 + totals.owed.0 + totals.paid.0);
        self.world.reconcile();
    }

    /// Ends blocks until the round is in a phase.
    pub fn until(&mut self, phase: Phase) {
        for _ in 0..200 {
            if self.round().phase == phase {
                return;
            }
            self.block();
        }
        panic!("{phase:?} never came: {:?}", self.round());
    }

    /// Ends blocks until there is time to commit batches in a round whose audit is still to come.
    pub fn fresh(&mut self) {
        loop {
            self.until(Phase::Collect);
            if self.world.height() + 10 < self.round().end {
                return;
            }
            self.block();
        }
    }

    /// A session by one of the rich with the given committee member.
    pub fn open(&mut self, payer: &str, host: usize) -> u64 {
        self.open_for(payer, host, MODEL)
    }

    /// The same for a model.
    pub fn open_for(&mut self, payer: &str, host: usize, model: &'static str) -> u64 {
        self.world.payer = name(payer);
        loop {
            let ask = Ask {
                model,
                blocks: 500,
                ..Ask::default()
            };
            let id = self.world.try_open(&ask).unwrap();
            for _ in 0..10 {
                self.block();
            }
            let host = self.host(host);
            if self
                .world
                .session(id)
                .committee
                .iter()
                .any(|member| member.host == host.as_str())
            {
                return id;
            }
        }
    }

    /// Serves one request in each session and commits them in one batch; answers the receipts' ids.
    pub fn serve(&mut self, host: usize, sessions: &[u64], capture: u128) -> Vec<Hash> {
        self.serve_tokens(host, sessions, tokens_for(capture))
    }

    /// Takes 6 for each of so many prompts and answers nothing.
    pub fn serve_empty(&mut self, host: usize, sessions: &[u64]) {
        self.serve_tokens(host, sessions, 0);
    }

    fn serve_tokens(&mut self, host: usize, sessions: &[u64], tokens: u32) -> Vec<Hash> {
        let mut ids = Vec::new();
        let mut pages = Vec::new();
        for session in sessions {
            self.nonce += 1;
            let voucher = self.world.voucher(*session, host, self.nonce, 100_000);
            let receipt = receipt(&self.world, &voucher, tokens);
            ids.push(receipt.digest(CHAIN));
            pages.push((*session, vec![receipt]));
        }
        self.books[host].commit(&mut self.world, &pages);
        ids
    }

    /// The receipt of a host that covers an offset.
    pub fn covering(&self, host: usize, offset: u128) -> CommittedReceipt {
        let mut rest = offset;
        for page in &self.books[host].pages {
            for leaf in &page.leaves {
                for (index, receipt) in (0..).zip(&page.receipts[&leaf.session]) {
                    if rest < receipt.capture.0 {
                        return self.books[host].committed(page.sequence, leaf.session, index);
                    }
                    rest -= receipt.capture.0;
                }
            }
        }
        panic!("no receipt at {offset}");
    }

    pub fn all_pending(&self, host: usize) -> Vec<PendingReveal> {
        self.ask(&QueryMsg::Pending {
            host: self.host(host).into(),
        })
    }

    /// Offset of the receipt that is asked for.
    pub fn pending(&self, host: usize) -> Option<Amount> {
        let pending = self.all_pending(host).into_iter();
        let mut receipts = pending.filter_map(|pending| match pending.source {
            PendingSource::Receipts { offset } => Some(offset),
            PendingSource::Proofs { .. } => None,
        });
        receipts.next()
    }

    pub fn reveal_msg(&self, host: usize, leaf: CommittedReceipt) -> ExecuteMsg {
        ExecuteMsg::Reveal {
            round: self.round().number,
            host: self.host(host).into(),
            leaf: Box::new(leaf),
        }
    }

    /// Reveals everything that is drawn of a host.
    pub fn reveal(&mut self, host: usize) {
        while let Some(offset) = self.pending(host) {
            let leaf = self.covering(host, offset.0);
            let msg = self.reveal_msg(host, leaf);
            self.must(&name("stranger"), &msg);
        }
    }

    pub fn work(&self, auditor: usize) -> Option<WorkInfo> {
        self.ask(&QueryMsg::Work {
            auditor: self.host(auditor).into(),
        })
    }

    pub fn salt(auditor: usize) -> Bytes<16> {
        Bytes::new([auditor as u8 + 1; 16])
    }

    /// The report of an auditor on everything that it was assigned; none if it keeps silent on any leaf.
    pub fn report(&self, auditor: usize, word: Word) -> Option<Report> {
        let leaves = self.leaves();
        let mut findings = Vec::new();
        for number in self.work(auditor)?.leaves {
            let leaf = leaves.iter().find(|leaf| leaf.number == number).unwrap();
            let vote = word(auditor, leaf, 0)?;
            let (host, salt) = (self.host(auditor), Self::salt(auditor));
            findings.push(Self::found(host.as_str(), &salt, leaf, vote).0);
        }
        let host = self.host(auditor);
        Some(Report::new(CHAIN, host.as_str(), self.round().number, findings).unwrap())
    }

    pub fn commit_msg(&self, auditor: usize, report: &Report) -> ExecuteMsg {
        ExecuteMsg::CommitReport {
            round: self.round().number,
            auditor: self.host(auditor).into(),
            root: report.root().unwrap(),
            findings: report.votes().len() as u32,
        }
    }

    pub fn votes_msg(&self, auditor: usize, report: &Report) -> ExecuteMsg {
        ExecuteMsg::RevealVotes {
            round: self.round().number,
            auditor: self.host(auditor).into(),
            from: 0,
            votes: STANDARD.encode(pack(&report.votes())),
        }
    }

    /// The opening that is asked of an auditor now, out of a report.
    pub fn opening(&self, auditor: usize, report: &Report) -> Option<ExecuteMsg> {
        let offset = self.work(auditor)?.opening?;
        let (finding, finding_proof, position) = report.at(offset)?;
        let leaves = self.leaves();
        let leaf = leaves.iter().find(|leaf| leaf.id == finding.leaf)?;
        let salt = Self::salt(auditor);
        let host = leaf.auditor.clone()?;
        let opened = Self::ballot(&host, &salt, leaf, finding.vote, Some(position)).opened?;
        let opening = Opening {
            finding: finding.clone(),
            finding_proof,
            salt,
            margin: opened.margin,
            margin_proof: opened.proof,
        };
        Some(ExecuteMsg::Open {
            round: self.round().number,
            auditor: self.host(auditor).into(),
            opening: Box::new(opening),
        })
    }

    /// A whole round in which the hosts named withhold and everyone says its word; answers the round's leaves
    /// before they are removed.
    pub fn play(&mut self, withholding: &[usize], word: Word) -> Vec<LeafInfo> {
        self.play_with(&[], withholding, word)
    }

    /// The same with what hosts proved.
    pub fn play_with(&mut self, proofs: &[Answers], withholding: &[usize], word: Word) -> Vec<LeafInfo> {
        self.deliberate(proofs, withholding, word);
        // verdicts fall and the round ends within the next block's work; look in between
        let leaves = self.advance_to(Phase::Tally);
        self.until(Phase::Collect);
        leaves
    }

    /// A round as far as the last ballots: what comes next is work alone.
    pub fn deliberate(&mut self, proofs: &[Answers], withholding: &[usize], word: Word) {
        self.until(Phase::Reveal);
        for host in 0..self.world.hosts.len() {
            if !withholding.contains(&host) {
                self.reveal(host);
            }
        }
        for answers in proofs.iter().filter(|of| !withholding.contains(&of.host)) {
            self.reveal_proofs(answers);
        }
        self.until(Phase::Commit);
        let reports: Vec<(usize, Report)> = (0..self.world.hosts.len())
            .filter_map(|auditor| Some((auditor, self.report(auditor, word)?)))
            .collect();
        for (auditor, report) in &reports {
            let msg = self.commit_msg(*auditor, report);
            self.must(&self.host(*auditor), &msg);
        }
        self.until(Phase::Vote);
        for (auditor, report) in &reports {
            let msg = self.votes_msg(*auditor, report);
            self.must(&self.host(*auditor), &msg);
        }
        self.until(Phase::Panel);
        for _ in 0..3 {
            self.block();
        }
        for (auditor, report) in &reports {
            while let Some(msg) = self.opening(*auditor, report) {
                self.must(&self.host(*auditor), &msg);
            }
        }
        self.hear(word);
        self.until(Phase::Review);
        for _ in 0..3 {
            self.block();
        }
        self.hear(word);
        let Params {
            draw_delay,
            panel_blocks,
            vote_blocks,
            ..
        } = params();
        let height = self.round().since + 2 * draw_delay + panel_blocks + vote_blocks;
        while self.world.height() < height {
            self.block();
        }
    }

    /// Goes step by step, so that no phase is missed.
    pub fn advance_to(&mut self, phase: Phase) -> Vec<LeafInfo> {
        while self.round().phase != phase {
            self.advance();
        }
        self.leaves()
    }

    /// One step.
    pub fn advance(&mut self) {
        self.must(&name("stranger"), &ExecuteMsg::Advance { steps: 1 });
    }
}

/// Both contracts that come after settlement.
fn deploy(mut world: World, params: &Params, poc_weights: &Addr) -> (World, [Addr; 2]) {
    let code = world.app.store_code(Box::new(
        ContractWrapper::new(
            audits::contract::execute,
            audits::contract::instantiate,
            audits::contract::query,
        )
        .with_sudo(audits::contract::sudo)
        .with_reply(audits::contract::reply),
    ));
    let init = InstantiateMsg {
        authority: name("gov").to_string(),
        registry: world.registry.to_string(),
        bonding: world.bonding.to_string(),
        settlement: world.settlement.to_string(),
        poc_weights: Some(poc_weights.to_string()),
        params: params.clone(),
        calibrations: vec![(MODEL.into(), calibration())],
    };
    let gov = name("gov");
    let audits = world
        .app
        .instantiate_contract(code, gov.clone(), &init, &[], "audits", None)
        .unwrap();
    let code = world.app.store_code(Box::new(
        ContractWrapper::new(
            poc_weights::contract::execute,
            poc_weights::contract::instantiate,
            poc_weights::contract::query,
        )
        .with_sudo(poc_weights::contract::sudo),
    ));
    let init = proofs::init(&world, &audits);
    let poc_weights = world
        .app
        .instantiate_contract(code, gov, &init, &[], "poc-weights", None);
    (world, [audits, poc_weights.unwrap()])
}

/// A report of `auditor` over leaves, with these votes.
pub fn report_of(auditor: &str, round: u64, leaves: &[LeafInfo], votes: &[Vote]) -> Report {
    let salt = Audits::salt(0);
    let findings = leaves.iter().zip(votes);
    let findings = findings.map(|(leaf, vote)| Audits::found(auditor, &salt, leaf, *vote).0);
    Report::new(CHAIN, auditor, round, findings.collect()).unwrap()
}
