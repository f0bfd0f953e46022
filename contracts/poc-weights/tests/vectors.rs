//! The vectors of `docs/spec/proof.md`.

use quern_protocol::{
    proof_confirmation, proof_output_hash, proof_seed, proof_tree, Amount, Bytes, Coefficients, Hash,
    ProofLeaf, ProofShape, ProofTask,
};
use quern_weights::{believed, covered, present, quality, reading, weighed, Samples};
use serde::Deserialize;

#[derive(Deserialize)]
struct Request {
    seed: String,
    prompt: Vec<u32>,
    output: u32,
    sampler: String,
}

#[derive(Deserialize)]
struct Leaf {
    output_hash: String,
    digest: String,
    work: Amount,
}

#[derive(Deserialize)]
struct Root {
    hash: String,
    sum: Amount,
}

#[derive(Deserialize)]
struct Vectors {
    chain_id: String,
    host: String,
    model: String,
    sprint: u64,
    beacon: String,
    vocabulary: u32,
    shapes: Vec<ProofShape>,
    input: u32,
    output: u32,
    requests: Vec<Request>,
    tokens: Vec<Vec<u32>>,
    leaves: Vec<Leaf>,
    root: Root,
    confirmations: Vec<u64>,
    judged: Vec<(u64, u64)>,
    quality: Vec<u32>,
    window: Vec<(u64, u64)>,
    confirmed: Vec<(u64, u64)>,
    reading: u64,
    verified: u64,
    coefficient: u32,
    weighed: u64,
    signed: u64,
    missed: u64,
    present: u64,
    bond: Amount,
    bond_per_weight: Amount,
    covered: u64,
}

fn page() -> Vectors {
    let page = include_str!("../../../docs/spec/proof.md");
    let (_, rest) = page.split_once("<!-- vectors -->\n```json\n").unwrap();
    serde_json::from_str(rest.split_once("\n```").unwrap().0).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hash(text: &str) -> Hash {
    let byte = |i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap();
    Bytes::new(std::array::from_fn(byte))
}

#[test]
fn requests_answers_and_roots_are_those_of_the_page() {
    let v = page();
    let beacon = hash(&v.beacon);
    let coefficients = Coefficients {
        input: v.input,
        cached: 0,
        output: v.output,
    };
    let mut leaves = Vec::new();
    for (index, (request, tokens)) in (0..).zip(v.requests.iter().zip(&v.tokens)) {
        let seed = proof_seed(&v.chain_id, &beacon, v.sprint, &v.host, &v.model, index);
        let task = ProofTask::expand(&seed, v.vocabulary, &v.shapes).unwrap();
        assert_eq!(hex(seed.as_ref()), request.seed);
        assert_eq!(hex(task.seed.as_ref()), request.sampler);
        assert_eq!((&task.prompt, task.output), (&request.prompt, request.output));
        leaves.push(ProofLeaf {
            index,
            prompt: task.prompt.len() as u32,
            output: task.output,
            output_hash: proof_output_hash(&v.chain_id, tokens),
        });
    }
    for (leaf, expected) in leaves.iter().zip(&v.leaves) {
        let digest = leaf.digest(&v.chain_id, &v.host, &v.model, v.sprint);
        assert_eq!(hex(leaf.output_hash.as_ref()), expected.output_hash);
        assert_eq!(hex(digest.as_ref()), expected.digest);
        assert_eq!(leaf.work(&coefficients), Some(expected.work));
    }
    let tree = proof_tree(&v.chain_id, &v.host, &v.model, v.sprint, &coefficients, &leaves).unwrap();
    let root = tree.root().unwrap();
    assert_eq!((hex(root.hash.as_ref()), root.sum), (v.root.hash, v.root.sum));
}

#[test]
fn confirmations_begin_where_the_page_says() {
    let v = page();
    let beacon = hash(&v.beacon);
    let begins = |height: &u64| proof_confirmation(&v.chain_id, *height, &beacon, 45);
    assert_eq!((1..400).filter(begins).collect::<Vec<_>>(), v.confirmations);
    assert!(!proof_confirmation(&v.chain_id, 4, &beacon, 0));
}

#[test]
fn weights_are_those_of_the_page() {
    let v = page();
    let qualities: Vec<u32> = v
        .judged
        .iter()
        .map(|(clean, failed)| quality(*clean, *failed))
        .collect();
    assert_eq!(qualities, v.quality);
    let samples = |list: &[(u64, u64)]| {
        let mut samples = Samples::default();
        for (work, blocks) in list {
            samples.add(*work, *blocks);
        }
        samples
    };
    let proven = reading(&samples(&v.window), &samples(&v.confirmed));
    let verified = believed(proven, quality(7, 1));
    let weighed = weighed(verified, v.coefficient);
    let present = present(weighed, v.signed, v.signed + v.missed);
    let covered = covered(present, v.bond, v.bond_per_weight);
    assert_eq!(
        (proven, verified, weighed, present, covered),
        (v.reading, v.verified, v.weighed, v.present, v.covered)
    );
}
