//! The vectors of `docs/spec/evidence.md`.

use quern_evidence::{Entry, Null, Params, Process, Score, Wealth};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    name: String,
    params: Params,
    entries: Vec<Vec<(Score, Null)>>,
    wealth: Vec<Wealth>,
    state: Process,
}

#[test]
fn the_page_and_the_code_agree() {
    let page = include_str!("../../../../docs/spec/evidence.md");
    let (_, rest) = page.split_once("<!-- vectors -->\n```json\n").unwrap();
    let (block, _) = rest.split_once("\n```").unwrap();
    let cases: Vec<Case> = serde_json::from_str(block).unwrap();
    assert!(cases.len() >= 5);
    for case in cases {
        case.params.validate().unwrap();
        assert_eq!(case.entries.len(), case.wealth.len());
        let mut process = Process::new();
        for (leaves, wealth) in case.entries.into_iter().zip(case.wealth) {
            process
                .enter(&Entry::mean(leaves).unwrap(), &case.params)
                .unwrap();
            assert_eq!(process.wealth(), wealth, "{}", case.name);
        }
        assert_eq!(process, case.state, "{}", case.name);
    }
}
