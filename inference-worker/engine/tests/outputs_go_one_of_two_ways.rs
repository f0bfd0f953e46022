//! Where a request permits two kinds of output, each output is of one of them, by its beginning.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at a surprise")]

mod bench;

use bench::{Bench, parsed};
use quern_engine::grammar::{Constraint, Grammar};
use serde_json::json;

/// The head of the first way of [`two_ways`].
const HEAD: &str = r#"{"k":"#;

/// A record with a word, written in one way, or one with a number in any way of writing that does not begin as the first.
fn two_ways(bench: &Bench) -> Grammar {
    let first = format!(
        "start: {} word \"}}\"\nword: %json {{\"const\": \"x\"}}",
        json!(HEAD)
    );
    let first = bench.compile(&Constraint::Written(first)).unwrap();
    let second = json!({"type": "object", "properties": {"k": {"type": "integer"}}, "required": ["k"],
                        "additionalProperties": false});
    let second = bench.compile(&Constraint::JsonSchema(second)).unwrap();
    Grammar::either(&first, &second, &[HEAD.to_owned()])
}

#[test]
fn an_output_of_two_ways_goes_one_of_them_and_none_of_the_second_begins_as_the_first() {
    let bench = Bench::new();
    let grammar = two_ways(&bench);
    let mut ended = 0;
    for number in 0..60 {
        let output = bench.generate(&grammar, number, 60).unwrap();
        if !output.ended {
            continue;
        }
        let value = parsed(&output.text).unwrap_or_else(|| panic!("seed {number}: {:?}", output.text));
        ended += 1;
        let begins = output.text.starts_with(HEAD);
        assert_eq!(value["k"] == "x", begins, "{}", output.text);
        assert!(begins || value["k"].is_number(), "{}", output.text);
        // An auditor comes to the same masks.
        if number < 8 {
            let again = bench.generate(&two_ways(&bench), number, 60).unwrap();
            assert_eq!(again.masks, output.masks, "seed {number}");
        }
    }
    assert!(ended > 30, "{ended} ended");
}

#[test]
fn the_second_way_is_closed_once_an_output_began_as_the_first_does() {
    let bench = Bench::new();
    let grammar = two_ways(&bench);
    let takes = |text: &str| {
        let mut state = grammar.start();
        let ids = bench.tokenizer.encode(text, false).unwrap();
        ids.into_iter()
            .all(|id| state.mask().unwrap().contains(id) && state.push(id).is_ok())
    };
    assert!(takes(r#"{"k":"x"}"#) && takes(r#"{ "k": 3}"#));
    assert!(!takes(r#"{"k":3}"#) && !takes(r#"{ "k":"x"}"#));
    let one = bench.compile(&Constraint::JsonObject).unwrap();
    let other = bench.compile(&Constraint::Regex("[a-z]+".into())).unwrap();
    let heads = ["x".to_owned()];
    let all = [
        Grammar::either(&one, &other, &[]),
        Grammar::either(&other, &one, &[]),
        Grammar::either(&one, &other, &heads),
    ];
    assert!(all[0].canonical() != all[1].canonical() && all[0].canonical() != all[2].canonical());
}
