//! The page of what a worker answers, held against its routes.

use quern_inference_api::dialect::Dialect;
use quern_inference_api::openapi;
use serde_json::Value;
use std::collections::BTreeSet;

/// Methods and paths that a source routes.
fn served(source: &str) -> BTreeSet<String> {
    let (source, _) = source
        .split_once("#[cfg(test)]\nmod tests")
        .unwrap_or((source, ""));
    let source = source
        .replace(
            "Dialect::Responses.path()",
            &format!("\"{}\"", Dialect::Responses.path()),
        )
        .replace(
            "Dialect::Messages.path()",
            &format!("\"{}\"", Dialect::Messages.path()),
        );
    let route = |rest: &str| {
        let (path, rest) = rest.strip_prefix('"')?.split_once("\", ")?;
        let (method, _) = rest.split_once('(')?;
        Some(format!("{method} {}", path.replace("{*", "{")))
    };
    source
        .split(".route(")
        .skip(1)
        .map(|rest| route(rest).unwrap())
        .collect()
}

fn told(page: &Value) -> BTreeSet<String> {
    let paths = page["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().keys();
        let methods = methods.filter(|method| *method != "parameters");
        methods.map(move |method| format!("{method} {path}"))
    });
    operations.collect()
}

#[test]
fn the_page_has_every_route_and_no_other() {
    let sources = [
        include_str!("../mod.rs"),
        include_str!("../texts.rs"),
        include_str!("../dialects.rs"),
    ];
    let decoder: BTreeSet<String> = sources.into_iter().flat_map(served).collect();
    assert_eq!(decoder, told(&openapi::decoder(&["m"])));
    let encoder = served(include_str!("../embeddings.rs"));
    assert_eq!(encoder, told(&openapi::encoder("m")));
    assert!(decoder.len() > 10 && encoder.len() > 6);
}

#[test]
fn a_worker_of_several_models_names_them_all() {
    let page = openapi::decoder(&["one", "two"]);
    let body = &page["paths"]["/v1/completions"]["post"]["requestBody"]["content"];
    let model = &body["application/json"]["schema"]["properties"]["model"];
    assert_eq!(model["enum"], serde_json::json!(["one", "two"]));
}
