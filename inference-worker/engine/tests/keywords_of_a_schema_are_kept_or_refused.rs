//! Each keyword of a JSON schema that is taken is kept, whatever draft its schema names.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at a surprise")]

mod bench;

use bench::{Bench, parsed};
use quern_engine::grammar::{Constraint, prepared};
use serde_json::{Value, json};

#[test]
fn no_option_of_the_compiler_reaches_it_from_a_request() {
    let options = json!({"type": "object", "x-guidance": {"lenient": true}, "wizardry": 1});
    let error = prepared(&options, true).unwrap_err();
    assert!(error.contains("x-guidance"), "{error}");
    // A tool without `strict` is taken without them.
    assert!(prepared(&options, false).unwrap()["x-guidance"]["whitespace_flexible"] == json!(true));
    let bench = Bench::new();
    let refused = bench.compile(&Constraint::JsonSchema(options)).unwrap_err();
    assert!(refused.to_string().contains("x-guidance"), "{refused}");
}

#[test]
fn one_of_is_taken_where_its_alternatives_exclude_each_other() {
    let bench = Bench::new();
    let tagged = |tag: Value| {
        json!({"type": "object", "properties": {"kind": tag, "n": {"enum": [1, 2]}},
        "required": ["kind", "n"], "additionalProperties": false})
    };
    let (cat, dog) = (
        json!({"const": "cat", "type": "string"}),
        json!({"enum": ["dog", "wolf"]}),
    );
    let refer = |name: &str| json!({"$ref": format!("#/$defs/{name}")});
    let one_of = |options: Value, defs: Value| {
        json!({"type": "object", "properties": {"pet": {"oneOf": options, "discriminator": {"propertyName": "kind"}}},
            "required": ["pet"], "additionalProperties": false, "$defs": defs})
    };
    let defs = json!({"Cat": tagged(cat.clone()), "Dog": tagged(dog)});
    let union = one_of(json!([refer("Cat"), refer("Dog")]), defs.clone());
    bench.holds(&Constraint::JsonSchema(union.clone()), |text| {
        parsed(text).is_some_and(|value| {
            let pet = &value["pet"];
            ["cat", "dog", "wolf"].iter().any(|kind| pet["kind"] == *kind) && pet["n"].is_u64()
        })
    });
    let kinds = one_of(
        json!([{"type": "integer", "maximum": 3}, {"type": ["string", "null"], "maxLength": 3}]),
        json!({}),
    );
    bench.holds(&Constraint::JsonSchema(kinds), |text| {
        parsed(text).is_some_and(|value| {
            value["pet"].as_f64().is_some()
                || value["pet"].is_null()
                || value["pet"]
                    .as_str()
                    .is_some_and(|text| text.chars().count() <= 3)
        })
    });
    // Names and values are no keywords.
    let named = json!({"type": "object", "properties": {"oneOf": {"const": {"oneOf": [1]}}}, "required": ["oneOf"],
        "additionalProperties": false});
    bench.holds(&Constraint::JsonSchema(named), |text| {
        parsed(text).is_some_and(|value| value == json!({"oneOf": {"oneOf": [1]}}))
    });
    // What may be both is refused, and so is what cannot be told.
    let open = tagged(json!({"type": "string", "maxLength": 3}));
    let both = [
        json!([refer("Cat"), refer("Cat")]),
        json!([refer("Cat"), tagged(json!({"enum": ["cat", "wolf"]}))]),
        json!([refer("Cat"), open.clone()]),
        json!([{"type": "integer"}, {"type": "number"}]),
        json!([{"const": 1}, {"const": 1.0}]),
    ];
    let mut more = defs;
    more["Loop"] = refer("Loop");
    for options in both {
        let error = bench
            .compile(&Constraint::JsonSchema(one_of(options.clone(), more.clone())))
            .unwrap_err();
        assert!(error.to_string().contains("use 'anyOf'"), "{options}: {error}");
    }
    // What refers to itself alone is nothing.
    let endless = one_of(json!([refer("Loop"), refer("Cat")]), more.clone());
    assert!(bench.compile(&Constraint::JsonSchema(endless)).is_err());
    // Neither needs its tag, so an object without one matches both.
    let bare = |tag: &str| {
        let mut schema = tagged(json!({"const": tag}));
        schema["required"] = json!(["n"]);
        schema
    };
    let error = bench.compile(&Constraint::JsonSchema(one_of(
        json!([bare("cat"), bare("dog")]),
        json!({}),
    )));
    assert!(error.is_err(), "{union}");
}

#[test]
fn no_draft_makes_a_keyword_go_unheard() {
    let bench = Bench::new();
    let compile = |schema: Value| bench.compile(&Constraint::JsonSchema(schema));
    let drafts = ["draft-04/schema#", "draft-06/schema#", "draft-07/schema#"]
        .map(|name| format!("http://json-schema.org/{name}"));
    for draft in &drafts {
        let object = |more: Value| {
            let mut schema =
                json!({"$schema": draft, "type": "object", "properties": {"a": {"type": "integer"}}});
            schema
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            schema
        };
        for (name, value) in [
            ("if", json!({"required": ["a"]})),
            ("contains", json!({"const": 1})),
            ("propertyNames", json!({"maxLength": 3})),
            ("dependentRequired", json!({"a": ["b"]})),
            ("dependentSchemas", json!({"a": false})),
            ("dependencies", json!({"a": ["b"]})),
            ("unevaluatedProperties", json!(false)),
            ("not", json!({"required": ["b"]})),
        ] {
            let error = compile(object(json!({name: value}))).unwrap_err();
            assert!(error.to_string().contains(name), "{draft}: {name}: {error}");
        }
        let word = json!({"const": "Ur"});
        let pair = json!({"type": "array", "prefixItems": [word, word], "minItems": 2, "items": false});
        let schema = json!({"$schema": draft, "type": "object", "properties": {"a": word, "b": pair},
            "required": ["a", "b"], "additionalProperties": false});
        bench.holds(&Constraint::JsonSchema(schema), |text| {
            parsed(text).is_some_and(|value| value == json!({"a": "Ur", "b": ["Ur", "Ur"]}))
        });
    }
    let digit = json!({"enum": [1, 2]});
    for more in [json!({"additionalItems": false}), json!({"items": [digit]})] {
        let mut schema = json!({"type": "array", "prefixItems": [digit]});
        schema
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let error = compile(schema).unwrap_err();
        assert!(error.to_string().contains("prefixItems"), "{error}");
    }
}
