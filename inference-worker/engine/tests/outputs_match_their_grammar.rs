//! Whatever a model wants, what it writes matches what the request holds it to; and no constraint takes more work than
//! its limits allow.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at a surprise")]

mod bench;

use bench::{Bench, parsed};
use quern_engine::grammar::{Constraint, GrammarError, prepared};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

#[test]
fn json_and_schemas_give_what_they_permit() {
    let bench = Bench::new();
    bench.holds(&Constraint::JsonObject, |text| {
        parsed(text).is_some_and(|value| value.is_object())
    });
    let schema = json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 12},
            "age": {"type": "integer", "minimum": 0, "maximum": 150},
            "tags": {"type": "array", "items": {"enum": ["red", "green"]}, "minItems": 1, "maxItems": 3},
            "next": {"anyOf": [{"$ref": "#/$defs/point"}, {"type": "null"}]},
        },
        "required": ["name", "age", "tags", "next"],
        "additionalProperties": false,
        "$defs": {"point": {"type": "object", "properties": {"x": {"type": "boolean"}}, "required": ["x"],
                            "additionalProperties": false}},
    });
    bench.holds(&Constraint::JsonSchema(schema), |text| {
        let Some(Value::Object(value)) = parsed(text) else {
            return false;
        };
        let tags = value["tags"].as_array().unwrap();
        value.len() == 4
            && value["name"]
                .as_str()
                .is_some_and(|name| name.chars().count() <= 12)
            && value["age"].as_u64().is_some_and(|age| age <= 150)
            && (1..=3).contains(&tags.len())
            && tags.iter().all(|tag| tag == "red" || tag == "green")
            && (value["next"].is_null() || value["next"]["x"].is_boolean())
    });
}

#[test]
fn no_object_has_fewer_names_than_its_schema_demands() {
    let bench = Bench::new();
    let digit = json!({"type": "integer", "minimum": 0, "maximum": 9});
    let open = json!({"type": "object", "properties": {"id": digit}, "required": ["id"], "minProperties": 2,
        "patternProperties": {"^[ab]$": {"enum": [1, 2]}}, "additionalProperties": false});
    let closed = json!({"type": "object", "properties": {"a": digit, "b": digit}, "required": ["a", "b"],
        "minProperties": 2, "additionalProperties": false});
    for schema in [open, closed] {
        bench.holds(&Constraint::JsonSchema(schema), |text| {
            parsed(text).is_some_and(|value| value.as_object().is_some_and(|fields| fields.len() >= 2))
        });
    }
    // A tool without `strict` is taken with what cannot be kept.
    let loose = json!({"type": "object", "minProperties": 2});
    assert!(prepared(&loose, true).is_err() && prepared(&loose, false).is_ok());
}

#[test]
fn expressions_choices_and_grammars_match_to_the_last_character() {
    let bench = Bench::new();
    bench.holds(&Constraint::Regex("[a-z]{3}-[0-9]{2}".into()), |text| {
        let bytes = text.as_bytes();
        bytes.len() == 6
            && bytes[..3].iter().all(u8::is_ascii_lowercase)
            && bytes[3] == b'-'
            && bytes[4..].iter().all(u8::is_ascii_digit)
    });
    let texts = ["yes", "yes, but", "no \"way\"\n", "世界"].map(str::to_owned);
    bench.holds(&Constraint::Choice(texts.to_vec()), |text| {
        texts.iter().any(|one| one == text)
    });
    let sums = "start: NUMBER (\"+\" NUMBER)*\nNUMBER: /[1-9][0-9]?/";
    bench.holds(&Constraint::Lark(sums.into()), |text| {
        text.split('+')
            .all(|number| number.parse::<u8>().is_ok_and(|n| (1..100).contains(&n)))
    });
}

#[test]
fn masks_are_the_same_wherever_they_are_computed() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "number"}}});
    let constraint = Constraint::JsonSchema(schema);
    let (host, auditor) = (Bench::new(), Bench::new());
    let used = host.compile(&constraint).unwrap();
    for number in 0..8 {
        let _ = host.generate(&used, 100 + number, 60);
        // The host's caches have seen much, the auditor's nothing.
        let fresh = auditor.compile(&constraint).unwrap();
        let (a, b) = (
            host.generate(&used, number, 60),
            auditor.generate(&fresh, number, 60),
        );
        let (a, b) = (a.unwrap(), b.unwrap());
        assert_eq!((a.text, a.masks), (b.text, b.masks));
    }
}

#[test]
fn no_text_stands_for_a_special_token_and_the_end_comes_only_where_it_may() {
    let bench = Bench::new();
    let grammar = bench
        .compile(&Constraint::Regex("(<\\|im_start\\|>|x)+".into()))
        .unwrap();
    let mut state = grammar.start();
    let mask = state.mask().unwrap();
    assert!(
        [0, 1, 2].iter().all(|id| !mask.contains(*id)),
        "nothing was written yet"
    );
    let x = mask.iter().find(|id| bench.tokenizer.bytes(*id) == b"x").unwrap();
    state.push(x).unwrap();
    let mask = state.mask().unwrap();
    let specials = [0, 1, 2].map(|id| mask.contains(id));
    assert_eq!(
        specials,
        [true, false, true],
        "an end alone may come: this model has two"
    );
    state.push(2).unwrap();
    assert_eq!(state.mask().unwrap().iter().collect::<Vec<_>>(), [0, 2]);
    assert!(
        grammar.start().push(2).is_err(),
        "an end that the grammar forbids"
    );
}

fn nested(levels: usize) -> Value {
    (0..levels).fold(
        json!({"type": "integer"}),
        |inner, _| json!({"type": "array", "items": inner}),
    )
}

fn alternatives(ways: usize) -> Value {
    (0..ways)
        .map(|index| json!({"properties": {format!("p{index}"): {"const": index}}, "required": [format!("p{index}")]}))
        .collect()
}

#[test]
fn what_is_no_constraint_or_too_much_of_one_is_refused_in_words() {
    let bench = Bench::new();
    let product: Vec<Value> = (0..8).map(|_| json!({"anyOf": alternatives(10)})).collect();
    for (constraint, word) in [
        (Constraint::JsonSchema(nested(500)), "levels"),
        (Constraint::JsonSchema(json!({"enum": vec![7; 20_000]})), "values"),
        (Constraint::JsonSchema(json!({"allOf": product})), "combine"),
        (Constraint::JsonSchema(json!({"type": "wizard"})), ""),
        (
            Constraint::JsonSchema(json!({"type": "string", "minLength": 5, "maxLength": 2})),
            "",
        ),
        (
            Constraint::JsonSchema(json!({"type": "object", "patternProperties": {"(": {}}})),
            "",
        ),
        // One name twice would be counted twice.
        (
            Constraint::JsonSchema(json!({"type": "object", "minProperties": 2})),
            "minProperties",
        ),
        (
            Constraint::JsonSchema(json!({"items": {"minProperties": 3, "required": ["a", "a"],
                "patternProperties": {"^x": {}}}})),
            "minProperties",
        ),
        (Constraint::JsonSchema(json!({"not": {"type": "string"}})), ""),
        (
            Constraint::JsonSchema(json!({"$ref": "http://127.0.0.1:1/schema"})),
            "",
        ),
        (Constraint::JsonSchema(json!({"$ref": "#/$defs/nowhere"})), ""),
        (Constraint::JsonSchema(json!([1])), "object"),
        (Constraint::JsonSchema(json!(false)), "object"),
        (Constraint::Regex("(".into()), ""),
        (Constraint::Regex("(?=a)b".into()), ""),
        (Constraint::Regex("(a{1,1000}){1,1000}".into()), ""),
        (Constraint::Regex("x".repeat(70_000)), "longer"),
        (Constraint::Lark("start: nowhere".into()), ""),
        (Constraint::Lark("start: start".into()), ""),
        (Constraint::Lark(String::new()), ""),
        (Constraint::Choice(Vec::new()), "choose"),
    ] {
        match bench.compile(&constraint) {
            Err(GrammarError::Constraint(why)) => {
                assert!(why.contains(word) && why.len() < 2000, "{constraint:.80?}: {why}");
            }
            Err(other) => panic!("{constraint:.80?}: {other}"),
            Ok(grammar) => {
                // Taken, but it never takes more than its limits at a step.
                let end = bench.generate(&grammar, 1, 20).map(|output| output.text);
                println!("{:.60} -> {end:?}", format!("{constraint:?}"));
                assert!(word.is_empty(), "{constraint:.80?} was taken");
            }
        }
    }
}

/// Definitions that lead from one to the next.
fn chain(links: usize, link: impl Fn(Value) -> Value) -> Value {
    let mut definitions: serde_json::Map<String, Value> = (0..links)
        .map(|n| {
            let next = json!({"$ref": format!("#/$defs/a{}", n + 1)});
            (format!("a{n}"), link(next))
        })
        .collect();
    definitions.insert(format!("a{links}"), json!({"type": "null"}));
    json!({"$ref": "#/$defs/a0", "$defs": definitions})
}

#[test]
fn what_would_end_the_process_or_hold_it_up_is_refused_or_taken_at_once() {
    let bench = Bench::new();
    bench.compile(&Constraint::Regex("a".into())).unwrap();
    let repeat = |text: &str, times: usize| text.repeat(times);
    let lark = |text: String| Constraint::Lark(text);
    // Rules and terminals in as long chains as fit, each in as many groups.
    let rules = |count: usize, groups: usize, upper: bool| {
        let name = |n: usize| {
            let digits = [n / 676, n / 26 % 26, n % 26].map(|d| (b'a' + d as u8) as char);
            let name: String = digits.iter().collect();
            if upper { name.to_uppercase() } else { name }
        };
        let (open, close) = (repeat("(", groups), repeat(")", groups));
        let rule = |n: usize| format!("{}:{open}{}{close}\n", name(n), name(n + 1));
        let rules: String = (0..count).map(rule).collect();
        format!("start: {}\n{rules}{}: \"y\"", name(0), name(count))
    };
    let two: Vec<Value> = ["p", "q"]
        .iter()
        .map(|name| json!({"$ref": format!("#/$defs/{name}")}))
        .collect();
    let wide = |letter: &str| -> Value {
        (0..200)
            .map(|n| json!({"properties": {letter: {"const": n}}, "required": [letter]}))
            .collect()
    };
    let doubling = |links: usize| {
        let mut all = json!({format!("d{links}"): {"type": "null"}});
        for n in 0..links {
            let part = json!({"allOf": [{"$ref": format!("#/$defs/d{}", n + 1)}, {"type": "object"}]});
            all[format!("d{n}")] = json!({"properties": {"l": part, "r": part}});
        }
        json!({"$ref": "#/$defs/d0", "$defs": all})
    };
    // One definition by many names.
    let name = |n: usize| -> String {
        let letter = |bit: usize| if n >> bit & 1 == 1 { "%61" } else { "a" };
        (0..10).map(letter).collect()
    };
    let written: serde_json::Map<String, Value> = (0..600)
        .map(|n| (format!("p{n}"), json!({"$ref": format!("#/$defs/{}", name(n))})))
        .collect();
    let patterns: serde_json::Map<String, Value> = (0..400)
        .map(|n| (format!("^(a|b){{{n}}}c$"), json!({})))
        .collect();
    for (constraint, word) in [
        (lark(format!("start: {}", repeat("a{", 8000))), "repetitions"),
        (
            lark(format!("start: \"a\" %if {}", repeat("not(", 4000))),
            "%ignore",
        ),
        (
            lark(format!("start: {}\"a\"{}", repeat("(", 8000), repeat(")", 8000))),
            "nested",
        ),
        (lark(format!("start: {}\"a\"", repeat("[", 8000))), "nested"),
        (
            lark(format!(
                "start: {}\"a\"{}",
                repeat("%lark { start: ", 900),
                repeat("}", 900)
            )),
            "%ignore",
        ),
        (
            lark(format!("start: %json {{\"type\": {}", repeat("[", 120))),
            "%ignore",
        ),
        (
            lark(format!(
                "start: %regex {{\"substring_chars\": \"{}\"}}",
                repeat("ab", 4000)
            )),
            "%ignore",
        ),
        (lark(format!("start: \"{}\"", repeat("a", 20_000))), "bytes"),
        (lark(rules(2000, 0, false)), ""),
        (lark(rules(2000, 0, true)), ""),
        (lark(rules(280, 24, false)), ""),
        (lark(rules(280, 24, true)), ""),
        (Constraint::JsonSchema(chain(1800, |next| next)), "levels"),
        (
            Constraint::JsonSchema(chain(700, |next| json!({"allOf": [next, {"type": "null"}]}))),
            "levels",
        ),
        (
            Constraint::JsonSchema(chain(240, |next| json!({"allOf": [next, {"type": "null"}]}))),
            "",
        ),
        (
            Constraint::JsonSchema(chain(330, |next| json!({"type": "array", "items": next}))),
            "",
        ),
        (
            Constraint::JsonSchema(json!({"allOf": two, "$defs": {
                "p": {"oneOf": wide("p")}, "q": {"oneOf": wide("q")}}})),
            "combine",
        ),
        (Constraint::JsonSchema(doubling(30)), "written out"),
        (Constraint::JsonSchema(doubling(12)), ""),
        (
            Constraint::JsonSchema(json!({"properties": written, "$defs": {"aaaaaaaaaa": {}}})),
            "",
        ),
        (
            Constraint::JsonSchema(json!({"patternProperties": patterns})),
            "patternProperties",
        ),
        (
            Constraint::JsonSchema(json!({"properties": {"a": {"$id": "http://x/", "$ref": "#/b"}}})),
            "",
        ),
        (
            Constraint::JsonSchema(json!({"items": {"$id": "http://x/"}})),
            "top",
        ),
        (
            Constraint::JsonSchema(json!({"$ref": "#name", "$defs": {"a": {"$anchor": "name"}}})),
            "lead",
        ),
        (
            Constraint::Regex(format!("{}a{}", repeat("(", 20_000), repeat(")", 20_000))),
            "",
        ),
    ] {
        let begun = Instant::now();
        let outcome = bench
            .compile(&constraint)
            .map(|grammar| bench.generate(&grammar, 3, 20).map(|output| output.masks.len()));
        println!(
            "{:?} {:.60} -> {:.90}",
            begun.elapsed(),
            format!("{constraint:?}"),
            format!("{outcome:?}")
        );
        if !word.is_empty() {
            let why = outcome.unwrap_err().to_string();
            assert!(why.contains(word), "{constraint:.80?}: {why}");
        }
    }
}

#[test]
fn references_that_schemas_use_are_taken() {
    let bench = Bench::new();
    let tree = json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://x.example/tree",
        "$ref": "#/$defs/Tree%3Cint%3E", "$defs": {"Tree<int>": {
            "type": "object", "required": ["id"], "additionalProperties": false,
            "properties": {"id": {"enum": [1, 2]}, "$ref": {"type": "null"},
                "leaves": {"type": "array", "items": {"$ref": "#/$defs/Tree%3Cint%3E"}, "maxItems": 1}},
            "examples": [{"id": "any", "$ref": "nowhere"}]}}});
    bench.holds(&Constraint::JsonSchema(tree), |text| {
        parsed(text).is_some_and(|value| value["id"] == 1 || value["id"] == 2)
    });
    let kinds = 40;
    // Each may hold each: no schema meets another, so nothing is written out.
    let any: Vec<Value> = (0..kinds)
        .map(|n| json!({"$ref": format!("#/$defs/k{n}")}))
        .collect();
    let definitions: serde_json::Map<String, Value> = (0..kinds)
        .map(|n| {
            let fields = json!({"kind": {"const": n}, "of": {"anyOf": any}});
            (
                format!("k{n}"),
                json!({"type": "object", "properties": fields, "required": ["kind"]}),
            )
        })
        .collect();
    let every = json!({"anyOf": any, "$defs": definitions});
    bench.compile(&Constraint::JsonSchema(every)).unwrap();
}

#[test]
fn bombs_end_at_their_limits_and_the_next_request_is_served() {
    let bench = Bench::new();
    let refs = json!({"$ref": "#/$defs/a", "$defs": {
        "a": {"type": "array", "items": {"$ref": "#/$defs/b"}}, "b": {"anyOf": [{"$ref": "#/$defs/a"}, {"type": "null"}]},
    }});
    let wide: serde_json::Map<String, Value> = (0..1500)
        .map(|i| (format!("key{i}"), json!({"type": "string"})))
        .collect();
    let mut bombs = vec![
        Constraint::JsonSchema(refs),
        Constraint::JsonSchema(json!({"type": "object", "properties": wide})),
        Constraint::JsonSchema(json!({"type": "string", "minLength": 1_000_000_000})),
        Constraint::JsonSchema(json!({"type": "string", "maxLength": 1_000_000_000})),
        Constraint::JsonSchema(json!({"type": "array", "items": {}, "minItems": 1_000_000})),
        Constraint::JsonSchema(json!({"type": "array", "items": {}, "maxItems": 1_000_000})),
        Constraint::JsonSchema(json!({"type": "integer", "multipleOf": 0.000_001})),
        Constraint::JsonSchema(json!({"type": "number", "minimum": -1e300, "maximum": 1e300})),
        Constraint::JsonSchema(json!({"oneOf": alternatives(60)})),
        Constraint::JsonSchema(json!({"type": "object", "minProperties": 5000})),
        Constraint::JsonSchema(json!({"type": "string", "pattern": "^(([a-z])+.)+[A-Z]([a-z])+$"})),
    ];
    let texts = [
        "(x+x+)+y",
        "(((a?){30}){30}){30}",
        "(a|a)*b",
        ".*.*.*.*.*.*.*.*.*=.*",
        "(.*a){25}",
        "\\p{L}{1,500}",
        "(a|b|ab)*(a|b|ab)*(a|b|ab)*c{900}",
    ];
    bombs.extend(texts.map(|text| Constraint::Regex(text.to_owned())));
    bombs.push(Constraint::Lark("start: a\na: a a | \"x\" | ".into()));
    bombs.push(Constraint::Lark("start: (\"a\" | \"aa\"){0,500} \"b\"".into()));
    for bomb in &bombs {
        let outcome = || match bench.compile(bomb) {
            Err(GrammarError::Constraint(why)) => why,
            Err(why) => unreachable!("{why} for {bomb:?}"),
            Ok(grammar) => match bench.generate(&grammar, 5, 40) {
                Err(GrammarError::Step(why)) => why,
                Err(why) => unreachable!("{why} for {bomb:?}"),
                Ok(output) => format!("served, {} masks", output.masks.len()),
            },
        };
        let started = Instant::now();
        let first = outcome();
        let took = started.elapsed();
        println!("{:.70} -> {first:.90}, {took:.1?}", format!("{bomb:?}"));
        assert!(took < Duration::from_secs(30), "{bomb:?} took {took:?}");
        // Work is counted, not timed: a host and an auditor stop at the same point.
        assert_eq!(outcome(), first, "{bomb:?}");
    }
    bench.holds(&Constraint::Regex("a+".into()), |text| {
        text.bytes().all(|byte| byte == b'a')
    });
}

/// Harmless for its first words, then with more states a token than a whole output may have in a few.
fn late_bomb() -> String {
    let branch = |(letter, count): (char, usize)| format!(".*{letter}.{{{count}}}q");
    let branches: Vec<String> = "aeioutns".chars().zip(80..).map(branch).collect();
    format!("zqxj vkwq 7301 zzkq xqjv 9924({})", branches.join("|"))
}

#[test]
fn a_bomb_that_goes_off_in_the_middle_of_an_output_says_so_there() {
    let bench = Bench::new();
    let grammar = bench.compile(&Constraint::Regex(late_bomb())).unwrap();
    let run = |number: u64| {
        let (mut state, mut drawn) = (grammar.start(), 0);
        let mut seed = number;
        loop {
            let mask = match state.mask() {
                Ok(mask) => mask,
                Err(why) => return (drawn, why),
            };
            let all: Vec<u32> = mask.iter().collect();
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let token = all[(seed >> 33) as usize % all.len()];
            state.push(token).unwrap();
            drawn += 1;
            assert!(drawn < 90, "it never goes off");
        }
    };
    for number in 0..4 {
        let (drawn, why) = run(number);
        println!("{drawn} tokens, then: {why}");
        assert!(drawn > 8, "compiling finds it");
        assert!(matches!(why, GrammarError::Step(_)), "{why}");
        assert_eq!(run(number), (drawn, why));
    }
}
