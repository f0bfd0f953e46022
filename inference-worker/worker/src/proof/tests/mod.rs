//! What chain, auditors and a paying client would notice.

mod check;
mod clock;
mod course;
mod store;

use crate::proof::record::{Answer, Terms};
use crate::proof::store::{Given, Proofs};
use quern_interface::poc_weights::{ProofModel, SprintInfo, SprintKind};
use quern_protocol::{Coefficients, Hash, ProofShape};

pub(super) const CHAIN: &str = "quern-test-1";
pub(super) const HOST: &str = "quern1host";
pub(super) const MODEL: &str = "quern-small";

/// Of blocks 100 to 120.
pub(super) fn sprint(number: u64) -> SprintInfo {
    SprintInfo {
        sprint: number,
        epoch: 3,
        kind: SprintKind::Window,
        start: 100,
        deadline: 120,
        beacon: Hash::new([7; 32]),
    }
}

pub(super) fn terms(sprint: SprintInfo) -> Terms {
    let shape = |prompt, output| ProofShape {
        prompt,
        output,
        weight: 1,
    };
    Terms {
        chain_id: CHAIN.into(),
        host: HOST.into(),
        sprint,
        model: ProofModel {
            model: MODEL.into(),
            vocabulary: 900,
            shapes: vec![shape(20, 12), shape(60, 30)],
            coefficient: 1_000_000,
        },
        coefficients: Coefficients {
            input: 1_000_000,
            cached: 100_000,
            output: 3_000_000,
        },
    }
}

pub(super) fn open(folder: &std::path::Path) -> Proofs {
    Proofs::open(folder, crate::metrics::Metrics::new().unwrap()).unwrap()
}

/// An answer that nobody computed.
pub(super) fn given(terms: &Terms, index: u32) -> Given {
    let task = terms.task(index).unwrap();
    Given {
        sprint: terms.sprint.sprint,
        answer: Answer {
            index,
            prompt: task.prompt.len() as u32,
            output: vec![index; task.output as usize],
        },
    }
}
