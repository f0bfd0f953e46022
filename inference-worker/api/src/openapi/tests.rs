use super::*;
use crate::dialect::{Dialect, count_tokens};
use crate::{Endpoint, Request};

/// What completions take from clients that send it with nothing in it.
const TOOLS: [&str; 3] = ["tools", "tool_choice", "parallel_tool_calls"];

fn names_of(fields: &Map<String, Value>) -> Vec<String> {
    fields.keys().cloned().collect()
}

#[test]
fn a_paid_completion_asks_for_a_token_at_least() {
    let least = |page: Value| {
        let body = &page["paths"]["/v1/completions"]["post"]["requestBody"];
        body["content"]["application/json"]["schema"]["properties"]["max_tokens"]["minimum"].clone()
    };
    assert_eq!((least(router(true)), least(router(false))), (json!(1), json!(0)));
}

#[test]
fn every_parameter_of_the_page_is_one_that_requests_are_read_for() {
    let page = decoder(&["m"]);
    let minimal = |path: &str| match path {
        "/v1/chat/completions" => (
            Endpoint::Chat,
            json!({"model": "m", "messages": [{"role": "user", "content": "x"}]}),
        ),
        _ => (Endpoint::Completions, json!({"model": "m", "prompt": "x"})),
    };
    for path in ["/v1/chat/completions", "/v1/completions"] {
        let schema = &page["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"];
        let names = schema["properties"].as_object().unwrap().keys();
        for name in names.filter(|name| !["model", "messages", "prompt"].contains(&name.as_str())) {
            // No value of any parameter is a list of lists: each is refused by its name.
            let (endpoint, mut body) = minimal(path);
            // A schema may be any JSON, and is text to some clients.
            body[name] = if name == "guided_json" {
                json!("{")
            } else {
                json!([[name]])
            };
            match Request::parse(endpoint, body.to_string().as_bytes()) {
                Ok(_) => unreachable!("{name}"),
                Err(error) => {
                    let param = error.param.unwrap_or_default();
                    assert!(param.starts_with(name.as_str()), "{name}: {param}");
                    // Of some parameters only one value can be had.
                    let only = names_of(&labels()).contains(name)
                        || names_of(&idle()).contains(name)
                        || path == "/v1/completions" && TOOLS.contains(&name.as_str())
                        || ["verbosity", "modalities"].contains(&name.as_str());
                    let code = error.code.unwrap_or_default();
                    assert!(
                        code == "invalid_value" || (only && code == "unsupported_parameter"),
                        "{name}: {code}"
                    );
                }
            }
        }
    }
}

/// Where the parameters of requests are read, and the words in it.
const SOURCES: [&str; 11] = [
    include_str!("../request.rs"),
    include_str!("../messages.rs"),
    include_str!("../params.rs"),
    include_str!("../format.rs"),
    include_str!("../tools.rs"),
    include_str!("../reasoning.rs"),
    include_str!("../fields.rs"),
    include_str!("../dialect/responses/mod.rs"),
    include_str!("../dialect/responses/input.rs"),
    include_str!("../dialect/messages/mod.rs"),
    include_str!("../dialect/messages/input.rs"),
];

/// Whether a body with a parameter of some value is answered otherwise than that there is no such parameter, or
/// none but refused ones.
fn is_taken(path: &str, name: &str) -> bool {
    let values = json!([true, false, 0, 1, "x", "auto", "none", "medium", "in_memory", "default", "disabled", [], {},
        ["text"], {"type": "disabled"}, {"type": "text"}, ["message.output_text.logprobs"]]);
    values.as_array().unwrap().iter().any(|value| {
        let mut body = match path {
            "/v1/completions" => json!({"model": "m", "prompt": "x"}),
            "/v1/responses" => json!({"model": "m", "input": "x"}),
            "/v1/messages" => {
                json!({"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]})
            }
            _ => json!({"model": "m", "messages": [{"role": "user", "content": "x"}]}),
        };
        body[name] = value.clone();
        let body = body.to_string().into_bytes();
        let chat = match path {
            "/v1/responses" => Dialect::Responses.translate(&body).map(|chat| chat.body.to_vec()),
            "/v1/messages" => Dialect::Messages.translate(&body).map(|chat| chat.body.to_vec()),
            "/v1/messages/count_tokens" => count_tokens(&body).map(|chat| chat.body.to_vec()),
            _ => Ok(body),
        };
        let endpoint = match path {
            "/v1/completions" => Endpoint::Completions,
            _ => Endpoint::Chat,
        };
        match chat.and_then(|chat| Request::parse(endpoint, &chat)) {
            Ok(_) => true,
            Err(error) => !["unknown_parameter", "unsupported_parameter"].contains(&error.code.unwrap_or("")),
        }
    })
}

#[test]
fn every_parameter_that_a_parser_takes_is_on_the_page() {
    let page = decoder(&["m"]);
    // Names are written between quotes.
    let mut words: Vec<&str> = SOURCES.iter().flat_map(|source| source.split('"')).collect();
    let plain = |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    words.retain(plain);
    let guided = ["guided_json", "guided_regex", "guided_choice", "guided_grammar"];
    words.extend(guided);
    words.sort_unstable();
    words.dedup();
    let mut taken = 0;
    for path in [
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/responses",
        "/v1/messages",
        "/v1/messages/count_tokens",
    ] {
        let schema = &page["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"];
        let listed = schema["properties"].as_object().unwrap();
        let missing: Vec<&&str> = words
            .iter()
            .filter(|word| is_taken(path, word))
            .inspect(|_| taken += 1)
            .filter(|word| !listed.contains_key(**word))
            .collect();
        assert!(missing.is_empty(), "{path}: {missing:?}");
    }
    assert!(taken > 100, "{taken}");
}

#[test]
fn every_operation_says_what_its_answers_are() {
    for page in [decoder(&["m"]), encoder("m"), router(false), router(true)] {
        for (path, item) in page["paths"].as_object().unwrap() {
            for operation in ["get", "post"].into_iter().filter_map(|method| item.get(method)) {
                let answers = operation["responses"].as_object().unwrap();
                for answer in answers.values() {
                    for kind in answer["content"].as_object().unwrap().values() {
                        let Some(at) = kind["schema"].get("$ref") else {
                            assert!(kind["schema"].is_object(), "{path}");
                            continue;
                        };
                        let pointer = at.as_str().unwrap().trim_start_matches('#');
                        assert!(page.pointer(pointer).is_some(), "{path}: {at}");
                    }
                }
            }
        }
    }
}
