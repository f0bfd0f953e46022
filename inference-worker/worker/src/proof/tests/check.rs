use super::{CHAIN, HOST, MODEL, given, sprint, terms};
use crate::audit::Examined;
use crate::proof::check::{check, is_of_leaf};
use quern_inference_api::audit::ProofPayload;
use quern_protocol::{Hash, ProofLeaf, proof_output_hash};

fn payload(index: u32) -> ProofPayload {
    let answer = given(&terms(sprint(1)), index).answer;
    ProofPayload {
        leaf: ProofLeaf {
            index,
            prompt: answer.prompt,
            output: answer.output.len() as u32,
            output_hash: proof_output_hash(CHAIN, &answer.output),
        },
        output: answer.output,
    }
}

fn id(payload: &ProofPayload) -> Hash {
    payload.leaf.digest(CHAIN, HOST, MODEL, 1)
}

#[test]
fn an_auditor_re_executes_the_request_that_the_beacon_gave_this_host() {
    let terms = terms(sprint(1));
    let payload = payload(3);
    assert!(is_of_leaf(&terms, &id(&payload), &payload));
    let replay = check(&terms, &payload).unwrap();
    let task = terms.task(3).unwrap();
    assert_eq!(replay.job.prompt, task.prompt);
    assert_eq!(replay.job.seed.0, task.seed.0);
    assert_eq!(
        replay.job.params,
        quern_engine::sampler::SamplingParams::default()
    );
    assert_eq!(replay.output, payload.output);
}

#[test]
fn another_output_than_was_committed_counts_as_withheld() {
    let terms = terms(sprint(1));
    let mut other = payload(3);
    let leaf = id(&other);
    other.output[0] += 1;
    assert!(!is_of_leaf(&terms, &leaf, &other));
    assert!(!is_of_leaf(&terms, &leaf, &payload(4)));
}

#[test]
fn counts_that_the_request_does_not_ask_for_are_contradictions() {
    let terms = terms(sprint(1));
    let changes: [fn(&mut ProofPayload); 3] = [
        |payload| payload.leaf.prompt += 1,
        |payload| payload.leaf.output += 1,
        // The hash is that of a shorter output.
        |payload| {
            payload.output.pop();
            payload.leaf.output_hash = proof_output_hash(CHAIN, &payload.output);
        },
    ];
    for change in changes {
        let mut payload = payload(3);
        change(&mut payload);
        assert!(is_of_leaf(&terms, &id(&payload), &payload));
        assert!(matches!(check(&terms, &payload), Err(Examined::Contradiction(_))));
    }
}
