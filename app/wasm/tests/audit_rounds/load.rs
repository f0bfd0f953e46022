//! Hosts that serve, prove, audit and sit on panels, by the messages that workers send.

use std::collections::BTreeMap;

use quern_audit::{Ballot, Finding, Margin, MarginTree, OpenedMargin, Opening, Report, Vote, pack};
use quern_evidence::Score;
use quern_interface::audits::{
    ExecuteMsg, HostRecord, LeafInfo, PanelInfo, PendingReveal, PendingSource, WorkInfo,
};
use quern_interface::poc_weights::{CommittedProof, SprintInfo};
use quern_interface::settlement::CommittedReceipt;
use quern_protocol::{
    Amount, Batch, Bytes, Coefficients, FinishReason, Node, ProofLeaf, Receipt, SessionLeaf, SumTree, Usage,
    Voucher, proof_output_hash, proof_tree,
};
use quern_types::AccAddress;
use serde::Serialize;
use serde_json::{Value, json};

use super::network::{AUDITS, MODEL, Network, PROOFS, SETTLEMENT, digest, operator, warm};
use crate::common::{account, base64};

const CHAIN: &str = "quern-test-1";
const CLIP: u32 = 1_000_000;
const SALT: Bytes<16> = Bytes::new([9; 16]);
/// Coins of one receipt.
const CAPTURE: u128 = 10_000;
/// Tokens of an output.
const OUTPUT: u32 = 7;
/// Answers of a proof.
const ANSWERS: u32 = 64;
const PAYERS: [u8; 4] = [21, 22, 23, 24];
const COEFFICIENTS: Coefficients = Coefficients {
    input: 300_000,
    cached: 30_000,
    output: 1_000_000,
};

/// Whether a host's answers are all wrong.
pub fn cheats(n: u32) -> bool {
    n % 10 == 3
}

/// Whether a host serves no payload to anybody.
pub fn hides(n: u32) -> bool {
    n % 10 == 6
}

pub fn record(network: &Network, n: u32) -> HostRecord {
    network.ask(AUDITS, json!({"host": {"host": operator(n).to_string()}}))
}

/// What the contract of proofs holds of a host's answers.
pub fn proof(network: &Network, n: u32, sprint: u64) -> Value {
    let of = json!({"sprint": sprint, "host": operator(n).to_string(), "model": MODEL});
    network.ask(PROOFS, json!({"proof": of}))
}

fn value(msg: &impl Serialize) -> Value {
    serde_json::to_value(msg).unwrap()
}

struct Books {
    host: u32,
    committed: Vec<CommittedReceipt>,
    answers: Option<(Vec<ProofLeaf>, SumTree)>,
}

/// What the hosts did.
pub struct Load {
    books: Vec<Books>,
    /// Everybody.
    numbers: BTreeMap<String, u32>,
    reports: BTreeMap<u32, Report>,
    pub sprint: u64,
}

impl Load {
    /// Opens sessions until so many of the hosts have one of each model, and commits receipts of each of them.
    pub fn commit(network: &mut Network, hosts: u32, serving: usize, leaves: u32) -> Self {
        let numbers: BTreeMap<String, u32> = (0..hosts).map(|n| (operator(n).to_string(), n)).collect();
        for payer in PAYERS {
            network.chain.fund(&account(payer), "100000000000000nqrn");
        }
        // by host, then by model
        let mut sessions: BTreeMap<u32, BTreeMap<String, Vec<u64>>> = BTreeMap::new();
        let (mut opened, mut seen) = (0, 0);
        let models = network.models.clone();
        while sessions.len() < serving || sessions.values().any(|found| found.len() < models.len()) {
            for model in &models {
                for payer in PAYERS {
                    let msg = json!({"open_session": {
                        "model": model, "max_price": "2", "router": null, "router_fee_bps": 0, "agent": null,
                        "session_key": base64(&key()), "signed_by": "payer", "blocks": 2_000,
                        "max_fee": "1000000000",
                    }});
                    network.call(&account(payer), SETTLEMENT, msg, 2_000_000_000);
                    opened += 1;
                }
                // more at once cost more
                network.block();
            }
            network.blocks(11);
            while seen < opened {
                seen += 1;
                let session: Value = network.ask(SETTLEMENT, json!({"session": {"session": seen}}));
                let model = session["model"].as_str().unwrap();
                for member in session["committee"].as_array().unwrap() {
                    let n = numbers[member["host"].as_str().unwrap()];
                    if sessions.len() < serving || sessions.contains_key(&n) {
                        let found = sessions.entry(n).or_default();
                        found.entry(model.to_owned()).or_default().push(seen);
                    }
                }
            }
            assert!(
                network.height() < network.began + 300,
                "{} hosts have sessions",
                sessions.len()
            );
        }
        let books = sessions.iter().map(|(host, sessions)| Books {
            host: *host,
            committed: serve(network, *host, sessions, leaves),
            answers: None,
        });
        Self {
            books: books.collect(),
            numbers,
            reports: BTreeMap::new(),
            sprint: 0,
        }
    }

    /// Everybody commits answers of the next sprint.
    pub fn prove(&mut self, network: &mut Network) {
        let sprint: SprintInfo = loop {
            let last: Option<SprintInfo> = network.ask(PROOFS, json!({"sprint": {}}));
            if let Some(last) = last.filter(|last| network.height() <= last.deadline) {
                break last;
            }
            network.block();
        };
        self.sprint = sprint.sprint;
        for books in &mut self.books {
            let n = books.host;
            let host = operator(n);
            let leaf = |index| ProofLeaf {
                index,
                prompt: 10,
                output: OUTPUT,
                output_hash: proof_output_hash(CHAIN, &[index, n]),
            };
            let leaves: Vec<ProofLeaf> = (0..ANSWERS).map(leaf).collect();
            let name = host.to_string();
            let tree = proof_tree(CHAIN, &name, MODEL, sprint.sprint, &COEFFICIENTS, &leaves).unwrap();
            let msg = json!({"commit_proof": {"sprint": sprint.sprint, "model": MODEL, "count": ANSWERS,
                "root": tree.root().unwrap()}});
            network.call(&host, PROOFS, msg, 0);
            books.answers = Some((leaves, tree));
        }
    }

    /// Reveals all that is drawn: how many receipts, and how many proofs.
    pub fn reveal(&mut self, network: &mut Network) -> (u64, u64) {
        let (mut receipts, mut proofs) = (0, 0);
        let round = network.number();
        let stranger = account(77);
        for books in &self.books {
            let host = operator(books.host).to_string();
            for leaf in &books.committed {
                let (host, leaf) = (host.clone(), Box::new(leaf.clone()));
                network.call(
                    &stranger,
                    AUDITS,
                    value(&ExecuteMsg::Reveal { round, host, leaf }),
                    0,
                );
                receipts += 1;
            }
            let (leaves, tree) = books.answers.as_ref().unwrap();
            loop {
                let pending: Vec<PendingReveal> = network.ask(AUDITS, json!({"pending": {"host": host}}));
                let Some(pending) = pending.first() else {
                    break;
                };
                let PendingSource::Proofs { sprint, offset, .. } = &pending.source else {
                    panic!("{pending:?}");
                };
                // all are alike
                let index = (offset.0 / leaves[0].work(&COEFFICIENTS).unwrap().0) as u32;
                let proof = Box::new(CommittedProof {
                    sprint: *sprint,
                    model: MODEL.into(),
                    leaf: leaves[index as usize].clone(),
                    proof: tree.prove(index).unwrap(),
                });
                let host = host.clone();
                network.call(
                    &stranger,
                    AUDITS,
                    value(&ExecuteMsg::RevealProof { round, host, proof }),
                    0,
                );
                proofs += 1;
            }
        }
        (receipts, proofs)
    }

    /// Who served.
    pub fn servers(&self) -> impl Iterator<Item = u32> {
        self.books.iter().map(|books| books.host)
    }

    /// What a host that looks finds about a leaf.
    fn word(&self, leaf: &LeafInfo) -> Vote {
        match self.numbers[&leaf.host] {
            n if cheats(n) => Vote::Score(Score::FAILED),
            n if hides(n) => Vote::Unfetchable,
            _ => Vote::Score(Score::CLEAN),
        }
    }

    /// Every auditor commits its report and reveals its votes.
    pub fn report(&mut self, network: &mut Network) {
        let round = network.number();
        let leaves = leaves(network);
        for n in self.numbers.values().copied() {
            let auditor = operator(n).to_string();
            let work: Option<WorkInfo> = network.ask(AUDITS, json!({"work": {"auditor": auditor}}));
            let Some(work) = work else {
                continue;
            };
            let found = work.leaves.iter().map(|number| {
                let leaf = &leaves[number];
                found(&auditor, leaf, self.word(leaf)).0
            });
            let report = Report::new(CHAIN, &auditor, round, found.collect()).unwrap();
            let msg = ExecuteMsg::CommitReport {
                round,
                auditor,
                root: report.root().unwrap(),
                findings: work.leaves.len() as u32,
            };
            network.call(&operator(n), AUDITS, value(&msg), 0);
            self.reports.insert(n, report);
        }
        network.until("vote");
        for (n, report) in &self.reports {
            for (at, votes) in report.votes().chunks(64).enumerate() {
                let msg = ExecuteMsg::RevealVotes {
                    round,
                    auditor: operator(*n).to_string(),
                    from: at as u32 * 64,
                    votes: base64(&pack(votes)),
                };
                network.call(&operator(*n), AUDITS, value(&msg), 0);
            }
        }
    }

    /// Every auditor opens what is drawn of its report.
    pub fn open(&mut self, network: &mut Network) {
        let round = network.number();
        let leaves: BTreeMap<_, _> = leaves(network)
            .into_values()
            .map(|leaf| (leaf.id, leaf))
            .collect();
        for (n, report) in &self.reports {
            let auditor = operator(*n).to_string();
            loop {
                let work: WorkInfo = network.ask(AUDITS, json!({"work": {"auditor": auditor}}));
                let Some((finding, finding_proof, position)) = work.opening.and_then(|at| report.at(at))
                else {
                    break;
                };
                let opened = ballot(&auditor, &leaves[&finding.leaf], finding.vote, Some(position))
                    .opened
                    .unwrap();
                let opening = Box::new(Opening {
                    finding: finding.clone(),
                    finding_proof,
                    salt: SALT,
                    margin: opened.margin,
                    margin_proof: opened.proof,
                });
                let auditor = auditor.clone();
                network.call(
                    &operator(*n),
                    AUDITS,
                    value(&ExecuteMsg::Open {
                        round,
                        auditor,
                        opening,
                    }),
                    0,
                );
            }
        }
    }

    /// Every panel commits its ballots and reveals them.
    pub fn hear(&mut self, network: &mut Network) {
        let round = network.number();
        let mut heard = Vec::new();
        for (number, leaf) in leaves(network) {
            let panel: Option<PanelInfo> = network.ask(AUDITS, json!({"panel": {"leaf": number}}));
            let Some(panel) = panel else {
                continue;
            };
            let vote = self.word(&leaf);
            for seat in &panel.seats {
                let (finding, _) = found(&seat.host, &leaf, vote);
                let msg = ExecuteMsg::CommitBallot {
                    round,
                    auditor: seat.host.clone(),
                    leaf: number,
                    commitment: Ballot::commitment(CHAIN, &seat.host, round, panel.stage, &finding, &SALT),
                };
                network.call(&address(&seat.host), AUDITS, value(&msg), 0);
            }
            heard.push((leaf, vote, panel));
        }
        let Some((_, _, panel)) = heard.first() else {
            return;
        };
        while network.height() < panel.commit_until + 8 {
            network.block();
        }
        for (leaf, vote, panel) in heard {
            let number = leaf.number;
            let now: Option<PanelInfo> = network.ask(AUDITS, json!({"panel": {"leaf": number}}));
            let position = now.unwrap().position;
            for seat in panel.seats {
                let msg = ExecuteMsg::PanelVote {
                    round,
                    auditor: seat.host.clone(),
                    leaf: number,
                    ballot: Box::new(ballot(&seat.host, &leaf, vote, position)),
                };
                network.call(&address(&seat.host), AUDITS, value(&msg), 0);
            }
        }
    }
}

fn address(host: &str) -> AccAddress {
    AccAddress::from_bech32(host).unwrap()
}

fn key() -> Vec<u8> {
    let secret = k256::SecretKey::from_slice(&digest("session")).unwrap();
    secret.public_key().to_sec1_bytes().into_vec()
}

/// All leaves of the round by number.
fn leaves(network: &Network) -> BTreeMap<u64, LeafInfo> {
    let mut leaves = BTreeMap::new();
    loop {
        let after = leaves.keys().next_back().copied();
        let page: Vec<LeafInfo> =
            network.ask(AUDITS, json!({"leaves": {"start_after": after, "limit": 100}}));
        if page.is_empty() {
            return leaves;
        }
        leaves.extend(page.into_iter().map(|leaf| (leaf.number, leaf)));
    }
}

/// A host's receipts over its sessions, in one batch: of each model alike.
fn serve(
    network: &mut Network,
    n: u32,
    sessions: &BTreeMap<String, Vec<u64>>,
    leaves: u32,
) -> Vec<CommittedReceipt> {
    let host = operator(n).to_string();
    let mut receipts: BTreeMap<u64, Vec<Receipt>> = BTreeMap::new();
    let mut demand: BTreeMap<&String, u128> = BTreeMap::new();
    for (nonce, (model, sessions)) in (0..u64::from(leaves)).zip(sessions.iter().cycle()) {
        let session = sessions[nonce as usize / network.models.len() % sessions.len()];
        *demand.entry(model).or_default() += CAPTURE;
        receipts
            .entry(session)
            .or_default()
            .push(receipt(&host, session, nonce + 1));
    }
    let tree = |receipts: &[Receipt]| {
        let nodes = receipts
            .iter()
            .map(|receipt| Node::leaf(&receipt.digest(CHAIN), receipt.capture));
        SumTree::new(nodes.collect()).unwrap()
    };
    let leaf = |(session, receipts): (&u64, &Vec<Receipt>)| {
        let subroot = tree(receipts).root().unwrap();
        SessionLeaf {
            session: *session,
            cumulative: subroot.sum,
            receipts: receipts.len() as u64,
            previous: 0,
            first_nonce: receipts.first().unwrap().voucher.nonce,
            last_nonce: receipts.last().unwrap().voucher.nonce,
            subroot,
            count: receipts.len() as u32,
        }
    };
    let batch = Batch::new(CHAIN, &host, receipts.iter().map(leaf).collect()).unwrap();
    let root = batch.root().unwrap();
    let demand = demand.into_iter();
    let demand = demand.map(|(model, amount)| json!({"model": model, "amount": amount.to_string()}));
    let msg = json!({"commit_batch": {"sequence": 1, "root": root, "sessions": batch.sessions().len(),
        "models": demand.collect::<Vec<_>>()}});
    network.call(&warm(n), SETTLEMENT, msg, 0);
    let mut shown = Vec::new();
    for (session, receipts) in &receipts {
        let (leaf, leaf_proof) = batch.prove(*session).unwrap();
        for (index, receipt) in (0..).zip(receipts) {
            shown.push(CommittedReceipt {
                receipt: receipt.clone(),
                receipt_proof: tree(receipts).prove(index).unwrap(),
                leaf: leaf.clone(),
                leaf_proof: leaf_proof.clone(),
                batch: 1,
            });
        }
    }
    shown
}

fn receipt(host: &str, session: u64, nonce: u64) -> Receipt {
    let hash = Bytes::new(digest(&format!("{host} {session} {nonce}")));
    Receipt {
        voucher: Voucher {
            session,
            host: host.to_owned(),
            nonce,
            height: 12,
            ceiling: Amount(CAPTURE),
            cap: Amount(CAPTURE),
            salt_commitment: hash,
        },
        voucher_signature: Bytes::new([7; 64]),
        request_hash: hash,
        output_hash: hash,
        model_hash: hash,
        client_seed: None,
        seed_commitment: hash,
        temperature: 1_000_000,
        usage: Usage {
            prompt: 10,
            cached: 0,
            completion: OUTPUT,
        },
        finish: FinishReason::Stop,
        price: "2".parse().unwrap(),
        first_token_ms: 20,
        duration_ms: 500,
        capture: Amount(CAPTURE),
    }
}

fn margin_tree(auditor: &str, leaf: &LeafInfo, margins: &[Margin]) -> MarginTree {
    MarginTree::new(CHAIN, auditor, &leaf.id, &SALT, margins, CLIP).unwrap()
}

/// A finding and its margins.
fn found(auditor: &str, leaf: &LeafInfo, vote: Vote) -> (Finding, Vec<Margin>) {
    let margins = match vote {
        Vote::Unfetchable | Vote::Abstain => Vec::new(),
        Vote::Score(Score::CLEAN) => vec![Margin(70_000); leaf.positions as usize],
        Vote::Score(_) => vec![Margin(-2_000_000); leaf.positions as usize],
    };
    let root = if margins.is_empty() {
        Node {
            hash: Bytes::new([0; 32]),
            sum: Amount(0),
        }
    } else {
        margin_tree(auditor, leaf, &margins).root().unwrap()
    };
    let finding = Finding {
        leaf: leaf.id,
        vote,
        positions: margins.len() as u32,
        clipped: margins.iter().filter(|margin| margin.0 < -1_000_000).count() as u32,
        margins: root,
    };
    (finding, margins)
}

/// A ballot that opens a position.
fn ballot(auditor: &str, leaf: &LeafInfo, vote: Vote, position: Option<u32>) -> Ballot {
    let (finding, margins) = found(auditor, leaf, vote);
    let opened = position
        .filter(|_| !margins.is_empty())
        .map(|position| OpenedMargin {
            margin: margins[position as usize],
            proof: margin_tree(auditor, leaf, &margins).prove(position).unwrap(),
        });
    Ballot {
        finding,
        salt: SALT,
        opened,
    }
}
