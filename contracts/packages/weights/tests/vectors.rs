//! The vectors of `docs/spec/audit.md`, "Weights".

use quern_weights::{step, target, Params, Powers};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vectors {
    weights: Powers<String>,
    target: Powers<String>,
    old: Powers<String>,
    next: Powers<String>,
}

#[test]
fn the_page_and_the_code_agree() {
    let page = include_str!("../../../../docs/spec/audit.md");
    let (_, rest) = page.split_once("<!-- vectors -->\n```json\n").unwrap();
    let vectors: Vectors = serde_json::from_str(rest.split_once("\n```").unwrap().0).unwrap();
    assert_eq!(target(&vectors.weights, &Params::DEFAULT), vectors.target);
    assert_eq!(
        step(&vectors.old, &vectors.target, &Params::DEFAULT),
        vectors.next
    );
}
