//! What chain, auditors and a paying client would notice.

mod chain;
mod check;
mod clock;
mod course;
mod store;

use crate::metrics::HostMetrics;
use crate::paid::Own;
use crate::proof::record::{Answer, Terms};
use crate::proof::store::{Given, Proofs};
use quern_interface::poc_weights::{ProofModel, SprintInfo, SprintKind};
use quern_protocol::{Coefficients, Hash, ProofShape};
use std::sync::Arc;

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
    terms_of(sprint, MODEL)
}

pub(super) fn terms_of(sprint: SprintInfo, model: &str) -> Terms {
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
            model: model.into(),
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

/// A model of this host.
pub(super) fn own(id: &str, host: &HostMetrics) -> Own {
    Own {
        id: id.into(),
        hash: Hash::new([5; 32]),
        metrics: host.model(id).unwrap(),
    }
}

/// The proofs of each model, from one journal.
pub(super) fn open_all(folder: &std::path::Path, models: &[&str]) -> Vec<Arc<Proofs>> {
    let host = HostMetrics::new().unwrap();
    let own: Vec<Own> = models.iter().map(|id| own(id, &host)).collect();
    let all = Proofs::open(folder, &own).unwrap();
    models.iter().map(|id| all[*id].clone()).collect()
}

pub(super) fn open(folder: &std::path::Path) -> Arc<Proofs> {
    open_all(folder, &[MODEL]).remove(0)
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
