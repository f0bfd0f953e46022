//! What the contracts answer, and an audits contract that draws every leaf in turn and waits for nobody's blocks: the
//! test says when a phase ends.

use super::receipts::model_hash;
use super::{AUDITOR, CHAIN, HOST, MODEL, OTHER, OTHER_SESSION, PROFILE, SESSION, session_info};
use crate::paid::tests::{session, warm_key};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use quern_audit::{
    Ballot, Bucket, BucketKey, Calibration, Finding, Profile, Reveal, Vote, opening_offset, unpack,
};
use quern_evidence::{HostEvidence, Null, Params as EvidenceParams, RateParams};
use quern_interface::audits::{
    ExecuteMsg, HostRecord, LeafInfo, LeafSource, PanelInfo, PanelSeat, Params, PendingReveal, PendingSource,
    Phase, QueryMsg, RoundInfo, WorkInfo,
};
use quern_interface::registry::{
    HostInfo, HostStatus, LaunchPackage, Membership, ModelState, Offer, WarmKey,
};
use quern_interface::settlement::{
    BatchInfo, BatchPlace, Contracts as SettlementContracts, ExecuteMsg as SettlementMsg, HostStanding,
    Params as SettlementParams, QueryMsg as Settlement, SessionInfo,
};
use quern_protocol::{Amount, Bytes, Coefficients, Hash, Node, Price};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) const ROUND: u64 = 7;
/// Of every batch.
pub(crate) const BATCH_HEIGHT: u64 = 204;
/// Drawn positions of the report.
const OPENINGS: u32 = 4;

/// Address of the audits contract.
pub(super) fn audits() -> String {
    cosmrs::AccountId::new("quern", &[9; 32]).unwrap().to_string()
}

/// Address of settlement.
pub(crate) fn settlement() -> String {
    cosmrs::AccountId::new("quern", &[8; 32]).unwrap().to_string()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cast {
    pub(super) commitment: Hash,
    pub(super) vote: Option<Vote>,
}

/// The state of all contracts.
#[derive(Clone, Debug)]
pub(crate) struct Contracts {
    pub(crate) height: u64,
    pub(super) phase: Phase,
    pub(super) since: u64,
    /// Endpoint and transport key of each host.
    pub(crate) hosts: BTreeMap<String, (String, [u8; 32])>,
    pub(crate) session: SessionInfo,
    /// Further sessions of every host.
    pub(crate) sessions: Vec<SessionInfo>,
    /// Sessions of which no claim is taken.
    pub(crate) refused: Vec<u64>,
    /// Sessions of claims that were taken.
    pub(crate) claimed: Vec<u64>,
    /// Models of which no bond covers anything.
    pub(crate) uncovered: Vec<String>,
    /// Windows that a host declared.
    pub(crate) maintenance: BTreeMap<String, (u64, u64)>,
    /// The last batch, and its number.
    pub(crate) root: Option<Node>,
    pub(crate) sequence: u64,
    pub(super) leaves: Vec<LeafInfo>,
    next: Amount,
    /// What was given up: from where to where.
    pub(super) given_up: Vec<(Amount, Amount)>,
    pub(super) committed: Option<Node>,
    pub(super) votes: Vec<Vote>,
    pub(super) opened: u32,
    /// The panel on leaf 1, its position drawn or not.
    pub(super) heard: bool,
    pub(super) position: Option<u32>,
    pub(super) cast: Option<Cast>,
}

impl Default for Contracts {
    fn default() -> Self {
        Self {
            height: 1_205,
            phase: Phase::Collect,
            since: 1_205,
            hosts: BTreeMap::new(),
            session: session(),
            sessions: Vec::new(),
            refused: Vec::new(),
            claimed: Vec::new(),
            uncovered: Vec::new(),
            maintenance: BTreeMap::new(),
            root: None,
            sequence: 1,
            leaves: Vec::new(),
            next: Amount::ZERO,
            given_up: Vec::new(),
            committed: None,
            votes: Vec::new(),
            opened: 0,
            heard: false,
            position: None,
            cast: None,
        }
    }
}

/// Each model has a clip of its own.
pub(super) fn calibration(model: &str) -> Calibration {
    let clip = if model == OTHER { 300_000 } else { 500_000 };
    let bucket = |greedy| Bucket {
        key: BucketKey {
            host_profile: PROFILE.into(),
            auditor_profile: PROFILE.into(),
            greedy,
            positions: 1,
        },
        mean_gap: 2_000,
        clipped: 1,
    };
    Calibration {
        clip,
        tolerance: 2_000,
        margin_bound: 5_000_000,
        null: Null::from_micro(1_000).unwrap(),
        buckets: vec![bucket(false), bucket(true)],
    }
}

pub(in crate::audit) fn params() -> Params {
    Params {
        denom: "nqrn".into(),
        round_blocks: 100_000,
        draw_delay: 2,
        reveal_blocks: 10_000,
        commit_blocks: 100,
        vote_blocks: 10_000,
        panel_blocks: 10_000,
        max_draws: 32,
        proof_draws: 0,
        mean_capture: Amount(100),
        max_candidates: 64,
        steps: 8,
        openings: OPENINGS,
        check_every: 0,
        token_pay: Price::FLOOR,
        leaf_pay_bps: 500,
        round_budget: Amount(1_000_000),
        profile: Profile::DEFAULT,
        evidence: EvidenceParams::DEFAULT,
        rates: RateParams::DEFAULT,
    }
}

/// A host that takes connections and says nothing.
pub(super) const SILENT: &str = "quern1silent";

/// A leaf of that host.
pub(in crate::audit) fn silent_leaf(number: u64) -> LeafInfo {
    LeafInfo {
        number,
        id: Hash::new([number as u8; 32]),
        host: SILENT.into(),
        model: MODEL.into(),
        generation: 0,
        source: LeafSource::Receipt {
            session: SESSION,
            nonce: 1_000 + number,
            payer: "quern1payer".into(),
        },
        tokens: 64,
        positions: 32,
        greedy: false,
        host_profile: Some(PROFILE.into()),
        stake: Amount(1),
        auditor: Some(AUDITOR.into()),
        vote: None,
        stage: None,
        verdict: None,
    }
}

fn settlement_params() -> SettlementParams {
    SettlementParams {
        denom: "nqrn".into(),
        open_fee: Amount(1_000),
        min_escrow: Amount(1),
        committee_size: 8,
        draw_delay: 8,
        max_draws: 4,
        batch_blocks: 10,
        lapse_blocks: 20,
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

fn membership(model: &str) -> Membership {
    Membership {
        offer: Offer {
            model: model.into(),
            capacity: 10,
            profile: PROFILE.into(),
        },
        effective: 10,
        generation: 0,
        convicted_until: None,
    }
}

fn host(name: &str, (endpoint, transport_key): &(String, [u8; 32])) -> HostInfo {
    HostInfo {
        host: name.into(),
        moniker: name.into(),
        endpoint: endpoint.clone(),
        transport_key: Bytes(*transport_key),
        consensus_key: Bytes([0; 32]),
        beacon_anchor: None,
        warm_key: WarmKey {
            key: Bytes(warm_key().public()),
            address: warm_key().address().unwrap(),
            from: 0,
        },
        payout: name.into(),
        bond: Amount(1),
        memberships: [MODEL, OTHER].map(membership).into(),
        status: HostStatus::Active,
        maintenance: Vec::new(),
    }
}

fn package(model: &str) -> LaunchPackage {
    LaunchPackage {
        id: model.into(),
        hash: model_hash(model),
        context: 2_048,
        precision: "fp32".into(),
        sampler: 1,
        rendering: 1,
        grammar: 1,
        price: Price::FLOOR,
        coefficients: Coefficients {
            input: 1_000_000,
            cached: 1_000_000,
            output: 1_000_000,
        },
        profiles: vec![PROFILE.into()],
        state: ModelState::Live,
    }
}

fn rule<E: std::fmt::Debug>(error: E) -> String {
    format!("{error:?}")
}

fn demand(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.into()) }
}

impl Contracts {
    pub(super) fn enter(&mut self, phase: Phase) {
        (self.phase, self.since) = (phase, self.height);
    }

    fn batch(&self) -> Option<BatchInfo> {
        let root = self.root?;
        Some(BatchInfo {
            host: HOST.into(),
            sequence: self.sequence,
            height: BATCH_HEIGHT,
            root,
            sessions: 1,
        })
    }

    /// What a host committed and claimed, as if there were one batch.
    fn standing(&self, host: &str) -> HostStanding {
        let members = self.sessions.iter().flat_map(|info| &info.committee);
        let own = members.filter(|member| member.host == host);
        HostStanding {
            committed: self.root.map_or(Amount::ZERO, |root| root.sum),
            claimed: Amount::sum(own.map(|member| member.claimed)).unwrap(),
            ..HostStanding::default()
        }
    }

    /// Claims and batches, of what is asked here.
    fn settle(&mut self, message: &[u8]) -> Result<(), String> {
        match serde_json::from_slice(message).map_err(rule)? {
            SettlementMsg::CommitBatch { sequence, root, .. } => {
                let last = self.root.map_or(0, |_| self.sequence);
                demand(sequence == last + 1, "wrong_sequence")?;
                self.root = Some(root);
                self.sequence = sequence;
                Ok(())
            }
            SettlementMsg::Settle {
                host,
                voucher,
                leaf,
                batch,
                proof,
                ..
            } => {
                demand(!self.refused.contains(&leaf.session), "bad_voucher")?;
                let root = proof.root(leaf.node(CHAIN, &host));
                demand(batch == self.sequence && root == self.root, "not_included")?;
                let mut sessions = self.sessions.iter_mut();
                let session = sessions.find(|info| info.id == leaf.session);
                let session = session.ok_or("unknown_session")?;
                let mut members = session.committee.iter_mut();
                let member = members.find(|member| member.host == host);
                let member = member.ok_or("not_in_committee")?;
                let payable = voucher.cap.min(leaf.cumulative).min(member.limit);
                demand(payable > member.claimed, "nothing_gained")?;
                member.claimed = payable;
                self.claimed.push(leaf.session);
                Ok(())
            }
            other => Err(format!("not taken here: {other:?}")),
        }
    }

    fn pending(&self) -> Vec<PendingReveal> {
        let total = self.root.map_or(Amount::ZERO, |root| root.sum);
        let asked = self.phase == Phase::Reveal && self.next < total;
        let pending = PendingReveal {
            round: ROUND,
            source: PendingSource::Receipts { offset: self.next },
            until: self.since + params().reveal_blocks,
        };
        asked.then_some(pending).into_iter().collect()
    }

    fn opening(&self) -> Option<Amount> {
        let root = self.committed.filter(|_| self.phase >= Phase::Panel)?;
        (self.opened < OPENINGS)
            .then(|| opening_offset(&Hash::new([5; 32]), self.opened.into(), &root))
            .flatten()
    }

    fn work(&self) -> Option<WorkInfo> {
        (!self.leaves.is_empty()).then(|| WorkInfo {
            auditor: AUDITOR.into(),
            leaves: self.leaves.iter().map(|leaf| leaf.number).collect(),
            root: self.committed,
            revealed: self.votes.len() as u32,
            opened: self.opened,
            opening: self.opening(),
        })
    }

    fn panel(&self) -> Option<PanelInfo> {
        self.heard.then(|| PanelInfo {
            stage: 1,
            seats: vec![PanelSeat {
                host: AUDITOR.into(),
                seats: 2,
                committed: self.cast.is_some(),
                vote: self.cast.and_then(|cast| cast.vote),
            }],
            commit_until: self.since + 10_000,
            position: self.position,
            reveal_until: self.since + 20_000,
        })
    }

    pub(super) fn answer(&self, contract: &str, question: &Value) -> Result<Value, String> {
        if contract == "registry" {
            if let Some(name) = question["host"]["host"].as_str() {
                let found = self.hosts.get(name).ok_or("unknown host")?;
                let mut info = host(name, found);
                info.maintenance.extend(self.maintenance.get(name));
                for membership in &mut info.memberships {
                    if self.uncovered.contains(&membership.offer.model) {
                        membership.effective = 0;
                    }
                }
                return Ok(json!(info));
            }
            if question.get("price_at").is_some() {
                return Ok(json!(Price::FLOOR));
            }
            let model = question["model"]["model"].as_str().unwrap();
            let known = [MODEL, OTHER].contains(&model);
            demand(known, "unknown_model: not here")?;
            return Ok(json!(package(model)));
        }
        if contract == settlement() {
            return match serde_json::from_value(question.clone()).map_err(rule)? {
                Settlement::Params {} => Ok(json!(settlement_params())),
                Settlement::Contracts {} => Ok(json!(SettlementContracts {
                    authority: "authority".into(),
                    registry: "registry".into(),
                    bonding: "bonding".into(),
                    price_source: "registry".into(),
                    audits: Some(audits()),
                    judges: vec![audits()],
                })),
                Settlement::Session { session } => {
                    let other = self.sessions.iter().find(|info| info.id == session);
                    match session {
                        OTHER_SESSION if other.is_none() => Ok(json!(session_info(session))),
                        _ => Ok(json!(other.unwrap_or(&self.session))),
                    }
                }
                Settlement::HostSessions { start_after, .. } => {
                    let all = self.sessions.iter().filter(|_| start_after.is_none());
                    Ok(json!(all.collect::<Vec<_>>()))
                }
                Settlement::LastBatch { .. } => Ok(json!(self.batch())),
                Settlement::Batch { sequence, .. } => {
                    Ok(json!(self.batch().filter(|batch| batch.sequence == sequence)))
                }
                Settlement::HostStanding { host } => Ok(json!(self.standing(&host))),
                Settlement::BatchAt { host, height } => {
                    let batch = self.batch().filter(|_| host == HOST && height > 1);
                    Ok(json!(batch.map(|batch| BatchPlace {
                        committed: batch.root.sum,
                        batch,
                    })))
                }
                other => panic!("not asked for: {other:?}"),
            };
        }
        Ok(match serde_json::from_value(question.clone()).map_err(rule)? {
            QueryMsg::Params {} => json!(params()),
            QueryMsg::Round {} => json!(RoundInfo {
                number: ROUND,
                start: 2,
                end: 205,
                phase: self.phase,
                since: self.since,
                beacon: Some(Hash::new([4; 32])),
                leaves: self.leaves.len() as u64,
            }),
            QueryMsg::Pending { host } if host == HOST => json!(self.pending()),
            QueryMsg::Pending { .. } => json!([]),
            QueryMsg::Leaves { start_after, .. } => {
                let after = |leaf: &&LeafInfo| start_after.is_none_or(|number| leaf.number > number);
                json!(self.leaves.iter().filter(after).collect::<Vec<_>>())
            }
            QueryMsg::Work { auditor } if auditor == AUDITOR => json!(self.work()),
            QueryMsg::Work { .. } => Value::Null,
            QueryMsg::Panel { .. } => json!(self.panel()),
            QueryMsg::Host { .. } => json!(HostRecord::default()),
            QueryMsg::Evidence { .. } => json!(HostEvidence::default()),
            QueryMsg::Calibration { model } => json!(calibration(&model)),
            other => panic!("not asked for: {other:?}"),
        })
    }

    pub(super) fn execute(&mut self, contract: &str, message: &[u8]) -> Result<(), String> {
        if contract == settlement() {
            return self.settle(message);
        }
        assert_eq!(contract, audits());
        match serde_json::from_slice(message).map_err(rule)? {
            ExecuteMsg::Reveal { leaf, .. } => {
                demand(self.phase == Phase::Reveal, "wrong_phase")?;
                let view = Reveal {
                    receipt: &leaf.receipt,
                    receipt_proof: &leaf.receipt_proof,
                    leaf: &leaf.leaf,
                    leaf_proof: &leaf.leaf_proof,
                };
                let range = view
                    .locate(CHAIN, HOST, &self.root.ok_or("no batch")?)
                    .map_err(rule)?;
                demand(range.contains(self.next), "not_drawn")?;
                self.next = range.end;
                let (receipt, voucher) = (&leaf.receipt, &leaf.receipt.voucher);
                self.leaves.push(LeafInfo {
                    number: self.leaves.len() as u64 + 1,
                    id: receipt.digest(CHAIN),
                    host: HOST.into(),
                    model: session_info(voucher.session).model,
                    generation: 0,
                    source: LeafSource::Receipt {
                        session: voucher.session,
                        nonce: voucher.nonce,
                        payer: "quern1payer".into(),
                    },
                    tokens: u64::from(receipt.usage.prompt + receipt.usage.completion),
                    positions: receipt.usage.completion,
                    greedy: receipt.temperature == 0,
                    host_profile: Some(PROFILE.into()),
                    stake: Amount(1),
                    auditor: Some(AUDITOR.into()),
                    vote: None,
                    stage: None,
                    verdict: None,
                });
                Ok(())
            }
            ExecuteMsg::GiveUp { source, end, .. } => {
                demand(self.phase == Phase::Reveal, "wrong_phase")?;
                let asked = PendingSource::Receipts { offset: self.next };
                demand(source == asked && end > self.next, "not_drawn")?;
                self.given_up.push((self.next, end));
                self.next = end;
                Ok(())
            }
            ExecuteMsg::CommitReport { root, findings, .. } => {
                demand(
                    self.phase == Phase::Commit && self.committed.is_none(),
                    "bad_report",
                )?;
                demand(
                    findings as usize == self.leaves.len(),
                    "as many findings as leaves",
                )?;
                self.committed = Some(root);
                Ok(())
            }
            ExecuteMsg::RevealVotes { from, votes, .. } => {
                demand(
                    self.phase == Phase::Vote && from as usize == self.votes.len(),
                    "bad_votes",
                )?;
                let packed = STANDARD.decode(votes).map_err(rule)?;
                self.votes
                    .extend(unpack(&packed, packed.len() / 3).map_err(rule)?);
                Ok(())
            }
            ExecuteMsg::Open { opening, .. } => {
                let (root, offset) = (
                    self.committed.ok_or("no report")?,
                    self.opening().ok_or("none drawn")?,
                );
                let count = self.leaves.len() as u32;
                let place = opening.finding_proof.index as usize;
                let clip = calibration(&self.leaves[place].model).clip;
                opening
                    .verify(CHAIN, AUDITOR, ROUND, clip, &root, count, offset)
                    .map_err(rule)?;
                self.follows(&self.leaves[place], &opening.finding)?;
                demand(self.votes[place] == opening.finding.vote, "another vote")?;
                self.opened += 1;
                Ok(())
            }
            ExecuteMsg::CommitBallot { commitment, .. } => {
                demand(self.heard && self.cast.is_none(), "no_panel")?;
                let vote = None;
                self.cast = Some(Cast { commitment, vote });
                Ok(())
            }
            ExecuteMsg::PanelVote { ballot, .. } => {
                let cast = self.cast.ok_or("none was committed")?;
                let Ballot { finding, salt, .. } = &*ballot;
                let commitment = Ballot::commitment(CHAIN, AUDITOR, ROUND, 1, finding, salt);
                demand(commitment == cast.commitment, "another ballot")?;
                self.follows(&self.leaves[0], finding)?;
                ballot
                    .verify(
                        CHAIN,
                        AUDITOR,
                        calibration(&self.leaves[0].model).clip,
                        self.position,
                    )
                    .map_err(rule)?;
                let vote = Some(finding.vote);
                self.cast = Some(Cast { vote, ..cast });
                Ok(())
            }
            other => panic!("unexpected message {other:?}"),
        }
    }

    fn follows(&self, leaf: &LeafInfo, finding: &Finding) -> Result<(), String> {
        let calibration = calibration(&leaf.model);
        let bucket = calibration.bucket(PROFILE, PROFILE, leaf.greedy, leaf.positions);
        demand(finding.leaf == leaf.id, "another leaf")?;
        demand(
            finding.follows(bucket, leaf.positions),
            "the vote does not follow",
        )
    }
}
