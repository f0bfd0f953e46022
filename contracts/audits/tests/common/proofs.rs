//! Hosts that prove compute.

use cosmwasm_std::Addr;
use cw_multi_test::Executor;
use quern_interface::audits::{ExecuteMsg, PendingSource};
use quern_interface::poc_weights::{
    CommittedProof, ExecuteMsg as Prove, InstantiateMsg, Params, ProofInfo, ProofModel, QueryMsg as Ask,
    SprintInfo,
};
use quern_protocol::{proof_output_hash, proof_tree, Amount, ProofLeaf, ProofShape, SumTree};

use super::chain::{coefficients, name, World, CHAIN, MODEL};
use super::Audits;

const SHAPE: ProofShape = ProofShape {
    prompt: 10,
    output: 20,
    weight: 1,
};

/// One sprint after the other.
pub fn init(world: &World, audits: &Addr) -> InstantiateMsg {
    InstantiateMsg {
        authority: name("gov").to_string(),
        registry: world.registry.to_string(),
        bonding: world.bonding.to_string(),
        judges: vec![audits.to_string()],
        params: Params {
            sprint_blocks: 5,
            window_start: 1_000_000,
            window_sprints: 1,
            confirm_every: 1,
            judged_sprints: 8,
            kept_blocks: 1_000,
            weights: quern_interface::poc_weights::WeightParams {
                bond_per_weight: Amount(1),
                max_validators: 10,
                ..Default::default()
            },
        },
        models: vec![ProofModel {
            model: MODEL.into(),
            vocabulary: 100,
            shapes: vec![SHAPE],
            coefficient: 1_000_000,
        }],
    }
}

/// What a host answered in a sprint.
pub struct Answers {
    pub host: usize,
    pub sprint: u64,
    pub leaves: Vec<ProofLeaf>,
    tree: SumTree,
}

impl Answers {
    pub fn shown(&self, index: usize) -> CommittedProof {
        CommittedProof {
            sprint: self.sprint,
            model: MODEL.into(),
            leaf: self.leaves[index].clone(),
            proof: self.tree.prove(index as u32).unwrap(),
        }
    }
}

impl Audits {
    /// A host answers so many requests of the sprint that runs and commits them; ends blocks until one does.
    pub fn prove(&mut self, host: usize, count: u32) -> Answers {
        let lengths = vec![(SHAPE.prompt, SHAPE.output); count as usize];
        self.prove_with(host, &lengths)
    }

    /// The same with answers of these lengths.
    pub fn prove_with(&mut self, host: usize, lengths: &[(u32, u32)]) -> Answers {
        let running = loop {
            let last: Option<SprintInfo> = self.ask_proofs(&Ask::Sprint {});
            // a commit lands in the block that comes
            if let Some(last) = last.filter(|last| self.world.height() <= last.deadline) {
                break last;
            }
            self.block();
        };
        let address = self.host(host);
        let leaves: Vec<ProofLeaf> = (0..)
            .zip(lengths)
            .map(|(index, (prompt, output))| ProofLeaf {
                index,
                prompt: *prompt,
                output: *output,
                output_hash: proof_output_hash(CHAIN, &[index, host as u32]),
            })
            .collect();
        let sprint = running.sprint;
        let tree = proof_tree(CHAIN, address.as_str(), MODEL, sprint, &coefficients(), &leaves).unwrap();
        let msg = Prove::CommitProof {
            sprint,
            model: MODEL.into(),
            root: tree.root().unwrap(),
            count: leaves.len() as u32,
        };
        let (warm, contract) = (
            self.world.hosts[host].warm_address.clone(),
            self.poc_weights.clone(),
        );
        self.world
            .app
            .execute_contract(warm, contract, &msg, &[])
            .unwrap();
        Answers {
            host,
            sprint,
            leaves,
            tree,
        }
    }

    fn ask_proofs<T: serde::de::DeserializeOwned>(&self, question: &Ask) -> T {
        let wrap = self.world.app.wrap();
        wrap.query_wasm_smart(&self.poc_weights, question).unwrap()
    }

    pub fn proof(&self, answers: &Answers) -> ProofInfo {
        let question = Ask::Proof {
            sprint: answers.sprint,
            host: self.host(answers.host).into(),
            model: MODEL.into(),
        };
        self.ask_proofs::<Option<ProofInfo>>(&question).unwrap()
    }

    pub fn proof_msg(&self, answers: &Answers, shown: CommittedProof) -> ExecuteMsg {
        ExecuteMsg::RevealProof {
            round: self.round().number,
            host: self.host(answers.host).into(),
            proof: Box::new(shown),
        }
    }

    /// The answer that is asked for next.
    pub fn drawn(&self, answers: &Answers) -> Option<usize> {
        let offset = self.all_pending(answers.host).into_iter().find_map(|pending| {
            let PendingSource::Proofs { sprint, offset, .. } = pending.source else {
                return None;
            };
            (sprint == answers.sprint).then_some(offset)
        })?;
        let mut rest = offset;
        answers.leaves.iter().position(|leaf| {
            let work = leaf.work(&coefficients()).unwrap();
            let found = rest < work;
            rest = rest.saturating_sub(work);
            found
        })
    }

    /// Reveals every answer that is asked for.
    pub fn reveal_proofs(&mut self, answers: &Answers) {
        while let Some(index) = self.drawn(answers) {
            let msg = self.proof_msg(answers, answers.shown(index));
            self.must(&name("stranger"), &msg);
        }
    }
}
