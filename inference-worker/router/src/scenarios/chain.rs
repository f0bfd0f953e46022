//! A chain in memory that knows hosts, sessions, prices and heights.

use super::real::RealSettlement;
use crate::chain::{Answer, ChainApi, Contracts};
use anyhow::Context as _;
use quern_chain_client::{Call, SigningKey};
use quern_interface::pricing::UsdPrice;
use quern_interface::registry::{self, HostInfo, LaunchPackage, ModelState};
use quern_interface::settlement::{
    self, CommittedReceipt, CommitteeMember, ExecuteMsg, SessionInfo, SessionStatus,
};
use quern_protocol::{
    Amount, Batch, Coefficients, Hash, Node, Price, Receipt, SessionLeaf, SumTree, hash_fields,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

pub(super) const CHAIN_ID: &str = "quern-test";
pub(super) const COEFFICIENTS: Coefficients = Coefficients {
    input: 1_000_000,
    cached: 1_000_000,
    output: 2_000_000,
};
pub(super) const LAPSE: u64 = 20;

#[derive(Debug)]
pub(super) struct State {
    pub(super) height: u64,
    pub(super) price: Price,
    pub(super) hosts: Vec<HostInfo>,
    pub(super) sessions: Vec<SessionInfo>,
    pub(super) calls: Vec<ExecuteMsg>,
    pub(super) silent: bool,
    /// Models beside the one that is live.
    pub(super) others: BTreeMap<String, ModelState>,
    /// The contract itself, if it answers here.
    pub(super) real: Option<RealSettlement>,
    /// Transactions with misses take effect, but nobody hears that.
    pub(super) swallows: bool,
}

impl State {
    fn state_of(&self, model: &str) -> anyhow::Result<ModelState> {
        let other = self.others.get(model).copied();
        let found = other.or_else(|| (model == super::MODEL).then_some(ModelState::Live));
        found.with_context(|| format!("unknown_model: {model} is no model"))
    }
}

#[derive(Debug)]
pub(super) struct TestChain(Mutex<State>);

impl Default for TestChain {
    fn default() -> Self {
        Self(Mutex::new(State {
            height: 100,
            price: "1.5".parse().unwrap(),
            hosts: Vec::new(),
            sessions: Vec::new(),
            calls: Vec::new(),
            silent: false,
            others: BTreeMap::new(),
            real: None,
            swallows: false,
        }))
    }
}

pub(super) fn contracts(chain: &Arc<TestChain>) -> Contracts {
    Contracts {
        chain: chain.clone(),
        chain_id: CHAIN_ID.into(),
        settlement: "settlement".into(),
        registry: "registry".into(),
        prices: Arc::default(),
    }
}

pub(super) fn beacon(height: u64) -> Hash {
    hash_fields(&[b"test beacon", &height.to_be_bytes()])
}

pub(super) fn package() -> LaunchPackage {
    LaunchPackage {
        id: super::MODEL.into(),
        hash: Hash::new([7; 32]),
        context: 4_096,
        precision: "fp32".into(),
        sampler: 1,
        rendering: 1,
        grammar: 1,
        price: Price::FLOOR,
        coefficients: COEFFICIENTS,
        profiles: Vec::new(),
        state: ModelState::Live,
    }
}

/// A batch with one receipt.
pub(super) fn commit(host: &str, receipt: &Receipt) -> CommittedReceipt {
    let node = Node::leaf(&receipt.digest(CHAIN_ID), receipt.capture);
    let receipts = SumTree::new(vec![node]).unwrap();
    let leaf = SessionLeaf {
        session: receipt.voucher.session,
        cumulative: receipt.capture,
        receipts: 1,
        previous: 0,
        first_nonce: receipt.voucher.nonce,
        last_nonce: receipt.voucher.nonce,
        subroot: receipts.root().unwrap(),
        count: 1,
    };
    let batch = Batch::new(CHAIN_ID, host, vec![leaf.clone()]).unwrap();
    CommittedReceipt {
        receipt: receipt.clone(),
        receipt_proof: receipts.prove(0).unwrap(),
        leaf_proof: batch.prove(leaf.session).unwrap().1,
        leaf,
        batch: 1,
    }
}

impl TestChain {
    pub(super) fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }

    /// From here on the settlement contract itself answers, over the hosts of now.
    pub(super) fn make_real(&self) {
        self.with(|state| state.real = Some(RealSettlement::new(&state.hosts)));
    }

    pub(super) fn advance(&self, blocks: u64) {
        self.with(|state| state.height += blocks);
    }

    fn answer(&self, contract: &str, question: Value) -> anyhow::Result<Value> {
        self.with(|state| {
            anyhow::ensure!(!state.silent, "the node does not answer");
            Ok(match contract {
                "settlement" if state.real.is_some() => {
                    let (height, real) = (state.height, state.real.as_ref());
                    real.unwrap().query(height, &question)?
                }
                "settlement" => match serde_json::from_value(question)? {
                    settlement::QueryMsg::Params {} => json!(params()),
                    settlement::QueryMsg::Contracts {} => json!(settlement::Contracts {
                        authority: "gov".into(),
                        registry: "registry".into(),
                        bonding: "bonding".into(),
                        price_source: "pricing".into(),
                        audits: None,
                        judges: Vec::new(),
                    }),
                    settlement::QueryMsg::Session { session } => {
                        json!(state.sessions.iter().find(|s| s.id == session))
                    }
                    settlement::QueryMsg::Sessions { start_after, .. } => {
                        let after = |s: &&SessionInfo| start_after.is_none_or(|id| s.id > id);
                        json!(state.sessions.iter().filter(after).collect::<Vec<_>>())
                    }
                    other => anyhow::bail!("not asked for: {other:?}"),
                },
                "pricing" if question.get("usd_price").is_some() => json!(UsdPrice {
                    model: super::MODEL.into(),
                    usd: Some("0.4".parse()?),
                    since: 1,
                    fresh: true,
                }),
                _ => match serde_json::from_value(question)? {
                    registry::QueryMsg::Model { model } => {
                        let state = state.state_of(&model)?;
                        let id = model;
                        json!(LaunchPackage {
                            id,
                            state,
                            ..package()
                        })
                    }
                    registry::QueryMsg::Host { host } => json!(state.hosts.iter().find(|h| h.host == host)),
                    registry::QueryMsg::WarmKeyAt { host, .. } => {
                        json!(state.hosts.iter().find(|h| h.host == host).map(|h| &h.warm_key))
                    }
                    registry::QueryMsg::PriceAt { model, .. } => {
                        state.state_of(&model)?;
                        json!(state.price)
                    }
                    other => anyhow::bail!("not asked for: {other:?}"),
                },
            })
        })
    }

    fn execute(&self, by: &SigningKey, call: &Call) -> anyhow::Result<Option<String>> {
        let message: ExecuteMsg = serde_json::from_slice(&call.message)?;
        self.with(|state| {
            state.calls.push(message.clone());
            let height = state.height;
            if let Some(real) = &mut state.real {
                let answer = real.execute(height, &by.address()?, call)?;
                state.sessions = real.sessions(height)?;
                if state.swallows && matches!(message, ExecuteMsg::NoteMisses { .. }) {
                    anyhow::bail!("what became of transaction 0 is not known: the node went away");
                }
                return Ok(answer);
            }
            match message {
                ExecuteMsg::OpenSession {
                    model,
                    max_price,
                    session_key,
                    blocks,
                    signed_by,
                    max_fee,
                    ..
                } => {
                    let id = state.sessions.len() as u64 + 1;
                    let escrow = Amount(call.funds[0].0 - max_fee.map_or(1_000, |fee| fee.0));
                    let limit = Amount(escrow.0 / state.hosts.len() as u128);
                    let member = |host: &HostInfo| CommitteeMember {
                        host: host.host.clone(),
                        weight: 10,
                        generation: 0,
                        limit,
                        claimed: Amount::ZERO,
                        receipts: 0,
                    };
                    let closes_at = state.height + blocks;
                    state.sessions.push(SessionInfo {
                        id,
                        payer: by.address()?,
                        model,
                        max_price,
                        router: None,
                        router_fee_bps: 0,
                        session_key,
                        agent: None,
                        signed_by,
                        escrow,
                        opened_at: state.height,
                        drawn_at: state.height - 2,
                        closes_at,
                        commits_until: closes_at + LAPSE,
                        payable_at: closes_at + 2 * LAPSE,
                        model_hash: package().hash,
                        coefficients: COEFFICIENTS,
                        lapse_blocks: LAPSE,
                        router_share: Amount::ZERO,
                        status: SessionStatus::Open,
                        beacon: Some(Hash::new([3; 32])),
                        committee: state.hosts.iter().map(member).collect(),
                        rebalances: Vec::new(),
                        outcome: None,
                    });
                    Ok(Some(id.to_string()))
                }
                ExecuteMsg::CloseSession { session } => {
                    let found = state.sessions.iter_mut().find(|s| s.id == session);
                    found.unwrap().status = SessionStatus::Closing;
                    Ok(None)
                }
                ExecuteMsg::PresentRelease { release, .. } => {
                    let found = state.sessions.iter_mut().find(|s| s.id == release.session);
                    for member in &mut found.unwrap().committee {
                        if member.host == release.from {
                            member.limit.0 -= release.cumulative.0;
                        } else if member.host == release.to {
                            member.limit.0 += release.cumulative.0;
                        }
                    }
                    Ok(None)
                }
                _ => Ok(None),
            }
        })
    }
}

pub(super) fn params() -> settlement::Params {
    settlement::Params {
        denom: "nqrn".into(),
        open_fee: Amount(1_000),
        min_escrow: Amount(1),
        committee_size: 8,
        draw_delay: 8,
        max_draws: 4,
        batch_blocks: 10,
        lapse_blocks: LAPSE,
        appeal_blocks: 20,
        max_session_blocks: 10_000,
        max_router_fee_bps: 1_000,
        burn_bps: 500,
        audit_bps: 0,
        fault_slash_bps: 1_000,
        restitution_bps: 10_000,
        free_demand: Amount(1 << 40),
    }
}

impl ChainApi for TestChain {
    fn height(&self) -> Answer<'_, u64> {
        // A block for each look.
        let height = self.with(|state| {
            state.height += u64::from(!state.silent);
            let height = state.height;
            if let Some(real) = &mut state.real {
                real.end_block(height).unwrap();
                state.sessions = real.sessions(height).unwrap();
            }
            (!state.silent).then_some(state.height)
        });
        Box::pin(async move { height.ok_or_else(|| anyhow::anyhow!("the node does not answer")) })
    }

    fn beacon(&self, height: u64) -> Answer<'_, Hash> {
        Box::pin(async move { Ok(beacon(height)) })
    }

    fn ask<'a>(&'a self, contract: &'a str, question: Value) -> Answer<'a, Value> {
        Box::pin(async move { self.answer(contract, question) })
    }

    fn call<'a>(&'a self, by: &'a SigningKey, call: Call, _: &'a str) -> Answer<'a, Option<String>> {
        Box::pin(async move { self.execute(by, &call) })
    }
}
