//! The vectors of an independent implementation (`vectors.py`, written from the specification), and the
//! specification's own examples.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use k256::ecdsa::signature::hazmat::PrehashVerifier;
use k256::ecdsa::VerifyingKey;
use quern_protocol::ledger::Ledger;
use quern_protocol::{
    client_seed, committee_seed, content_hash, cost, output_hash, rank, request_hash, salt_commitment,
    seed_commitment, voucher_seed, Amount, Batch, Coefficients, Draw, Hash, Node, Price, Proof, Receipt,
    Refusal, Release, RouterConsent, SessionLeaf, SumTree, TimeOut, Usage, Voucher,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn vectors() -> Value {
    serde_json::from_slice(&std::fs::read(here("vectors.json")).unwrap()).unwrap()
}

fn chain(all: &Value) -> &str {
    all["chain_id"].as_str().unwrap()
}

fn parse<T: DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

fn hex<const N: usize>(value: &Value) -> [u8; N] {
    let bytes: quern_protocol::Bytes<N> = value.as_str().unwrap().parse().unwrap();
    *bytes.as_bytes()
}

fn hash(value: &Value) -> Hash {
    Hash::new(hex(value))
}

/// The digest is ours, and the signature is over it, with the lower s.
fn signed(vector: &Value, digest: Hash) {
    assert_eq!(digest, hash(&vector["digest"]));
    let key = VerifyingKey::from_sec1_bytes(&hex::<33>(&vector["key"])).unwrap();
    let signature = k256::ecdsa::Signature::from_slice(&hex::<64>(&vector["signature"])).unwrap();
    assert!(signature.normalize_s().is_none());
    key.verify_prehash(digest.as_ref(), &signature).unwrap();
}

#[test]
fn the_committed_file_is_what_the_independent_implementation_computes() {
    let status = Command::new("python3")
        .arg(here("vectors.py"))
        .arg("--check")
        .status();
    assert!(status.expect("python3 runs vectors.py").success());
}

#[test]
fn signed_statements_have_the_same_digests() {
    let all = vectors();
    let chain = chain(&all);
    let voucher: Voucher = parse(&all["voucher"]["voucher"]);
    signed(&all["voucher"], voucher.digest(chain));
    let release: Release = parse(&all["release"]["release"]);
    signed(&all["release"], release.digest(chain));
    let refusal: Refusal = parse(&all["refusal"]["refusal"]);
    signed(&all["refusal"], refusal.digest(chain));
    let time_out: TimeOut = parse(&all["time_out"]["time_out"]);
    signed(&all["time_out"], time_out.digest(chain));
    let consent: RouterConsent = parse(&all["consent"]["consent"]);
    assert_eq!(consent.digest(chain), hash(&all["consent"]["digest"]));
}

#[test]
fn receipts_and_their_openings_have_the_same_hashes() {
    let all = vectors();
    let chain = chain(&all);
    for name in ["receipt", "client_seed_receipt"] {
        let vector = &all[name];
        let receipt: Receipt = parse(&vector["receipt"]);
        signed(vector, receipt.digest(chain));
        let opening = &vector["opening"];
        let salt: [u8; 16] = hex(&opening["salt"]);
        let (session, nonce) = (receipt.voucher.session, receipt.voucher.nonce);
        assert_eq!(
            salt_commitment(chain, session, nonce, &salt),
            receipt.voucher.salt_commitment
        );
        let path = opening["path"].as_str().unwrap();
        let content = content_hash(chain, path, opening["body"].as_str().unwrap().as_bytes());
        assert_eq!(content, hash(&opening["content_hash"]));
        assert_eq!(request_hash(chain, &salt, &content), receipt.request_hash);
        let tokens: Vec<u32> = parse(&opening["output_tokens"]);
        assert_eq!(tokens.len() as u32, receipt.usage.completion);
        assert_eq!(output_hash(chain, &salt, &tokens), receipt.output_hash);
        let seed = match receipt.client_seed {
            Some(seed) => client_seed(chain, session, &content, seed),
            None => {
                let beacon = hash(&opening["beacon"]);
                voucher_seed(chain, session, nonce, &receipt.request_hash, &salt, &beacon)
            }
        };
        assert_eq!(seed, hash(&opening["seed"]));
        assert_eq!(seed_commitment(chain, seed.as_bytes()), receipt.seed_commitment);
    }
}

#[test]
fn a_batch_has_the_same_leaves_proofs_and_root() {
    let all = vectors();
    let (chain, vector) = (chain(&all), &all["batch"]);
    let host = vector["host"].as_str().unwrap();
    let receipts: Vec<Receipt> = parse(&vector["receipts"]);
    let nodes: Vec<Node> = receipts
        .iter()
        .map(|r| Node::leaf(&r.digest(chain), r.capture))
        .collect();
    let tree = SumTree::new(nodes.clone()).unwrap();
    let proof: Proof = parse(&vector["receipt_proof"]["proof"]);
    assert_eq!(tree.prove(1), Some(proof));
    let leaves: Vec<SessionLeaf> = parse(&vector["leaves"]);
    assert_eq!(tree.root(), Some(leaves[0].subroot));
    for (leaf, digest) in leaves.iter().zip(vector["leaf_digests"].as_array().unwrap()) {
        assert_eq!(leaf.digest(chain, host), hash(digest));
    }
    let batch = Batch::new(chain, host, leaves.clone()).unwrap();
    assert_eq!(batch.root(), Some(parse(&vector["root"])));
    let proof: Proof = parse(&vector["leaf_proof"]["proof"]);
    assert_eq!(batch.prove(42), Some((&leaves[0], proof)));
}

#[test]
fn trees_of_1_to_70_leaves_have_the_same_roots_and_proofs() {
    let all = vectors();
    let leaf = |i: u32| {
        use sha2::Digest;
        let digest = Hash::new(sha2::Sha256::digest(format!("leaf {i}")).into());
        Node::leaf(&digest, Amount(u128::from(i) * u128::from(i) + 1))
    };
    let trees = all["trees"].as_array().unwrap();
    assert_eq!(trees.len(), 70);
    for (n, vector) in (1_u32..).zip(trees) {
        let tree = SumTree::new((0..n).map(leaf).collect()).unwrap();
        let root: Node = parse(&vector["root"]);
        assert_eq!(tree.root(), Some(root), "{n}");
        let proof: Proof = parse(&vector["proof_of_last"]);
        assert_eq!(proof.root(leaf(n - 1)), Some(root), "{n}");
        assert_eq!(tree.prove(n - 1), Some(proof), "{n}");
    }
}

#[test]
fn draws_ranks_and_costs_are_the_same() {
    let all = vectors();
    let chain = chain(&all);
    let vector = &all["draw"];
    let session = vector["session"].as_u64().unwrap();
    let seed = committee_seed(chain, session, &hash(&vector["beacon"]));
    assert_eq!(seed, hash(&vector["committee_seed"]));
    let mut draw = Draw::new(seed);
    for expected in vector["below_1000"].as_array().unwrap() {
        assert_eq!(draw.below(1000), expected.as_u64());
    }
    let mut draw = Draw::new(seed);
    for expected in vector["below_max"].as_array().unwrap() {
        let expected: u64 = expected.as_str().unwrap().parse().unwrap();
        assert_eq!(draw.below(u64::MAX), Some(expected));
    }

    let vector = &all["rank"];
    let weights: Vec<u64> = parse(&vector["weights"]);
    for (nonce, order) in vector["order"].as_object().unwrap() {
        let nonce = nonce.parse().unwrap();
        let order: Vec<usize> = parse(order);
        assert_eq!(rank(chain, 42, nonce, &hash(&vector["beacon"]), &weights), order);
    }

    let coefficients = Coefficients {
        input: 300_000,
        cached: 30_000,
        output: 1_000_000,
    };
    for vector in all["costs"].as_array().unwrap() {
        let (price, usage): (Price, Usage) = (parse(&vector["price"]), parse(&vector["usage"]));
        let expected: Amount = parse(&vector["cost"]);
        assert_eq!(cost(price, &coefficients, &usage), Some(expected), "{vector}");
    }
}

#[test]
fn a_session_is_split_claimed_moved_and_divided_the_same() {
    let all = vectors();
    let vector = &all["session"];
    let weights: Vec<u64> = parse(&vector["weights"]);
    let number = |value: &Value| u32::try_from(value.as_u64().unwrap()).unwrap();
    let bps = (number(&vector["fee_bps"]), number(&vector["burn_bps"]));
    let mut ledger = Ledger::open(parse(&vector["escrow"]), bps.0, bps.1, &weights).unwrap();
    assert_eq!(ledger.router_share, parse(&vector["router_share"]));
    let amounts = |ledger: &Ledger| -> (Vec<Amount>, Vec<Amount>) {
        let seats = ledger.seats.iter();
        seats.map(|seat| (seat.limit, seat.claimed)).unzip()
    };
    assert_eq!(amounts(&ledger).0, parse::<Vec<Amount>>(&vector["limits"]));
    let seat = |value: &Value| value.as_u64().unwrap() as usize;
    for event in vector["events"].as_array().unwrap() {
        if let Some(claim) = event.get("claim") {
            let (cap, cumulative) = (parse(&claim["cap"]), parse(&claim["cumulative"]));
            ledger.claim(seat(&claim["seat"]), cap, cumulative, 1).unwrap();
        } else if let Some(release) = event.get("release") {
            let cumulative = parse(&release["cumulative"]);
            ledger
                .release(seat(&release["from"]), seat(&release["to"]), cumulative)
                .unwrap();
        } else {
            let asked = &event["rebalance"];
            let from = seat(&asked["from"]);
            ledger
                .rebalance(from, seat(&asked["to"]), parse(&asked["amount"]), 10)
                .unwrap();
            ledger.execute_rebalance(from, 10).unwrap();
        }
        let then = (parse(&event["then"]["limits"]), parse(&event["then"]["claims"]));
        assert_eq!(amounts(&ledger), then, "{event}");
        assert!(ledger.holds());
    }
    let division = ledger.divide(&parse::<Vec<bool>>(&vector["void"])).unwrap();
    let expected = &vector["division"];
    assert_eq!(division.hosts, parse::<Vec<Amount>>(&expected["hosts"]));
    let rest = [division.router, division.burned, division.refund, division.voided];
    let names = ["router", "burned", "refund", "voided"];
    assert_eq!(rest, names.map(|name| parse::<Amount>(&expected[name])));
}

/// A page names a vector before a block of JSON; the block must be that vector, or the part of it that the
/// name's dots lead to.
#[test]
fn the_examples_of_the_specification_are_the_vectors() {
    let all = vectors();
    let spec = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/spec");
    for (page, examples) in [
        ("voucher.md", 5),
        ("receipt.md", 2),
        ("batch.md", 3),
        ("session.md", 3),
    ] {
        let text = std::fs::read_to_string(spec.join(page)).unwrap();
        let mut found = 0;
        for part in text.split("<!-- vector: ").skip(1) {
            let (name, rest) = part.split_once(" -->").unwrap();
            let block = rest.split_once("```json\n").unwrap().1;
            let block = block.split_once("```").unwrap().0;
            let shown: Value = serde_json::from_str(block).unwrap_or_else(|e| panic!("{page}, {name}: {e}"));
            let vector = name
                .split('.')
                .fold(&all, |value, key| match key.parse::<usize>() {
                    Ok(index) if value.is_array() => &value[index],
                    _ => &value[key],
                });
            assert_eq!(&shown, vector, "{page}: {name}");
            found += 1;
        }
        assert_eq!(found, examples, "{page}");
    }
}

#[test]
fn seeds_are_the_engines() {
    let path = "../../../inference-worker/engine/tests/vectors/sampler.json";
    let text = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let all: Value = serde_json::from_slice(&text).unwrap();
    let mut seen = 0;
    for v in all["voucher_seeds"].as_array().unwrap() {
        let (session, nonce) = (v["session"].as_u64().unwrap(), v["nonce"].as_u64().unwrap());
        let salt = hex(&v["salt"]);
        let (request, beacon) = (hash(&v["request_hash"]), hash(&v["beacon"]));
        let seed = voucher_seed(chain(v), session, nonce, &request, &salt, &beacon);
        assert_eq!(seed, hash(&v["seed"]));
        seen += 1;
    }
    for v in all["client_seeds"].as_array().unwrap() {
        let (session, number) = (v["session"].as_u64().unwrap(), v["client_seed"].as_i64().unwrap());
        let seed = client_seed(chain(v), session, &hash(&v["request_hash"]), number);
        assert_eq!(seed, hash(&v["seed"]));
        seen += 1;
    }
    assert!(seen >= 2);
}
