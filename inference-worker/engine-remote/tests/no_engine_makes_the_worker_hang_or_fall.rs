//! Engines that answer with anything but an answer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at a surprise"
)]

mod wire;

use quern_engine_remote::wire::{Assembly, RawAnswer};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;
use wire::friendly::{self, DEAF, FULL};
use wire::{Act, Double, able, end, event, head, page, piece, served, text_chunk};

/// What an engine answers to a completion, and what the client is told.
struct Case {
    name: &'static str,
    acts: Vec<Act>,
    status: u16,
    code: &'static str,
}

fn case(name: &'static str, acts: Vec<Act>, status: u16, code: &'static str) -> Case {
    Case {
        name,
        acts,
        status,
        code,
    }
}

fn raw(text: &str) -> Act {
    Act::Send(text.as_bytes().to_vec())
}

fn whole_cases() -> Vec<Case> {
    let call = |arguments: &str| {
        let function = json!({"name": "f", "arguments": arguments});
        let message = json!({"content": null, "tool_calls": [{"id": "a", "function": function}]});
        json!({"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}).to_string()
    };
    let answer = |choice: Value| json!({"choices": [choice]}).to_string();
    vec![
        case(
            "refusal",
            page(400, r#"{"error":{"message":"no","param":"stop"}}"#),
            400,
            "engine_refused",
        ),
        case(
            "validation",
            page(422, r#"{"detail":[{"loc":["body"]}]}"#),
            400,
            "engine_refused",
        ),
        case("wrong key", page(401, "{}"), 502, "engine_error"),
        case("no such model", page(404, "{}"), 502, "engine_error"),
        case("redirect", page(302, ""), 502, "engine_error"),
        case("failure", page(500, "<html>"), 502, "engine_error"),
        case("overload", page(503, ""), 503, "engine_unavailable"),
        case("gateway", page(504, ""), 504, "engine_timeout"),
        case("html", page(200, "<html>hello</html>"), 502, "engine_garbage"),
        case("nothing", page(200, ""), 502, "engine_garbage"),
        case("a number", page(200, "1"), 502, "engine_garbage"),
        case("no choices", page(200, "{}"), 502, "engine_garbage"),
        case(
            "no end",
            page(200, &answer(json!({"text": "a"}))),
            502,
            "engine_garbage",
        ),
        case(
            "twice",
            page(
                200,
                r#"{"choices":[{"index":0,"text":"a"},{"index":0,"text":"b","finish_reason":"stop"}]}"#,
            ),
            502,
            "engine_garbage",
        ),
        case(
            "wrong type",
            page(200, &answer(json!({"text": [1], "finish_reason": "stop"}))),
            502,
            "engine_garbage",
        ),
        case(
            "wrong index",
            page(200, &answer(json!({"index": 7, "text": "a"}))),
            502,
            "engine_garbage",
        ),
        case(
            "odd end",
            page(200, &answer(json!({"text": "a", "finish_reason": "abort"}))),
            502,
            "engine_broke_off",
        ),
        case("bad call", page(200, &call("{\"a\": ")), 502, "engine_garbage"),
        case(
            "error in 200",
            page(200, r#"{"error":{"message":"boom"}}"#),
            502,
            "engine_error",
        ),
        case("deep", page(200, &"[".repeat(100_000)), 502, "engine_garbage"),
        case("no HTTP", vec![raw("hello\r\n\r\n")], 503, "engine_unreachable"),
        case("closed", vec![], 503, "engine_unreachable"),
        case(
            "short",
            vec![raw("HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"a\"")],
            502,
            "engine_broke_off",
        ),
        case("silent", vec![Act::Hang], 504, "engine_timeout"),
        case(
            "stalled",
            vec![raw("HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{"), Act::Hang],
            504,
            "engine_timeout",
        ),
        case(
            "stalled error",
            vec![raw("HTTP/1.1 500 X\r\ncontent-length: 50\r\n\r\n{"), Act::Hang],
            502,
            "engine_error",
        ),
        case(
            "endless",
            vec![head(), Act::Flood(flood(b"  "))],
            502,
            "engine_garbage",
        ),
        case(
            "endless head",
            vec![raw("HTTP/1.1 200 OK\r\n"), Act::Flood(b"a: b\r\n".repeat(500))],
            503,
            "engine_unreachable",
        ),
    ]
}

fn flood(unit: &[u8]) -> Vec<u8> {
    let data = unit.repeat(64 * 1024 / unit.len());
    [
        format!("{:x}\r\n", data.len()).into_bytes(),
        data,
        b"\r\n".to_vec(),
    ]
    .concat()
}

/// Scripts of streams. With status 200 the error comes as an event.
fn stream_cases() -> Vec<Case> {
    let said = || event(&text_chunk("a", None));
    let after = |rest: Vec<Act>| [vec![head(), said()], rest].concat();
    let done = || piece("data: [DONE]\n\n");
    vec![
        case("refusal", page(400, "{}"), 400, "engine_refused"),
        case("silent", vec![head(), Act::Hang], 504, "engine_timeout"),
        case(
            "comments only",
            vec![head(), Act::Flood(flood(b": hm\n\n"))],
            504,
            "engine_timeout",
        ),
        case("empty", vec![head(), end()], 502, "engine_broke_off"),
        case(
            "done at once",
            vec![head(), done(), end()],
            502,
            "engine_broke_off",
        ),
        case("not events", page(200, "{}"), 502, "engine_broke_off"),
        case(
            "no JSON",
            vec![head(), piece("data: {a\n\n"), end()],
            502,
            "engine_garbage",
        ),
        case(
            "no UTF-8",
            vec![
                head(),
                piece(b"data: {\"choices\":[{\"text\":\"\xff\"}]}\n\n"),
                end(),
            ],
            502,
            "engine_garbage",
        ),
        case(
            "endless line",
            vec![head(), Act::Flood(flood(b"data: aaaaaaa"))],
            502,
            "engine_garbage",
        ),
        case(
            "endless event",
            vec![head(), Act::Flood(flood(b"data: a\n"))],
            502,
            "engine_garbage",
        ),
        case("half closed", after(vec![]), 200, "engine_broke_off"),
        case("ended early", after(vec![end()]), 200, "engine_broke_off"),
        case("done early", after(vec![done(), end()]), 200, "engine_broke_off"),
        case("stalled", after(vec![Act::Hang]), 200, "engine_timeout"),
        case(
            "error",
            after(vec![event(&json!({"error": {"message": "boom"}})), end()]),
            200,
            "engine_error",
        ),
        case(
            "garbage",
            after(vec![piece("data: ]\n\n"), end()]),
            200,
            "engine_garbage",
        ),
        case(
            "goes on",
            after(vec![event(&text_chunk("", Some("stop"))), said(), end()]),
            200,
            "engine_garbage",
        ),
        case(
            "odd end",
            after(vec![event(&text_chunk("", Some("abort"))), end()]),
            200,
            "engine_broke_off",
        ),
    ]
}

fn served_by(acts: Vec<Act>) -> impl Fn(&wire::Asked) -> Vec<Act> + Send + Sync + 'static {
    move |asked| match asked.path.as_str() {
        "/v1/models" | "/version" => friendly::answer(asked, FULL),
        _ => acts.clone(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_broken_answer_is_an_error_that_does_not_tell_where_the_engine_is() {
    for stream in [false, true] {
        for case in if stream { stream_cases() } else { whole_cases() } {
            let double = Double::start(served_by(case.acts)).await;
            let served = served(&double.url(), able(), 1).await;
            let reply = served.plain(json!({"stream": stream})).await;
            assert_eq!(
                reply.status, case.status,
                "{} {stream}: {}",
                case.name, reply.body
            );
            let error: Value = match reply.status {
                200 => serde_json::from_str(reply.events().last().unwrap()).unwrap(),
                _ => reply.json(),
            };
            assert_eq!(
                error["error"]["code"], case.code,
                "{} {stream}: {error}",
                case.name
            );
            let message = error["error"]["message"].as_str().unwrap();
            let (ip, port) = (double.address.ip().to_string(), double.address.port().to_string());
            assert!(
                message.contains("ngine") || reply.status == 429,
                "{}: {message}",
                case.name
            );
            for secret in [ip, port] {
                assert!(!reply.body.contains(&secret), "{}: {}", case.name, reply.body);
            }
            // Nothing was kept: the slot is free again.
            served.until("quern_worker_active_requests 0").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_ends_when_its_own_time_is_over_with_what_there_is() {
    let said = || event(&text_chunk("a", None));
    // What the engine does, whether it is asked for a stream, and the answer's status.
    for (acts, stream, status) in [
        (vec![Act::Hang], false, 408),
        (vec![head(), Act::Hang], true, 408),
        (vec![head(), said(), Act::Hang], true, 200),
    ] {
        let double = Double::start(served_by(acts)).await;
        let served = served(&double.url(), able(), 1).await;
        let ask = |time: &'static str| {
            let body = json!({"model": "m", "prompt": "a", "stream": stream, "n": 2});
            let served = &served;
            async move {
                let time = [("x-request-timeout", time)];
                served.send_with("POST", "/v1/completions", body, &time).await
            }
        };
        let reply = ask("0.2").await;
        assert_eq!(reply.status, status, "{}", reply.body);
        if status == 408 {
            assert_eq!(reply.code(), "request_timeout");
            assert_eq!(reply.headers["x-should-retry"], "false");
        } else {
            let events = reply.events();
            let events: Vec<Value> = events
                .iter()
                .filter_map(|data| serde_json::from_str(data).ok())
                .collect();
            let ends = events.iter().map(|event| &event["choices"][0]);
            let ends = ends
                .filter(|choice| choice["stop_reason"] == "timeout" && choice["finish_reason"] == "length");
            assert_eq!((events.len(), ends.count()), (3, 2), "{}", reply.body);
            assert!(reply.body.ends_with("data: [DONE]\n\n"), "{}", reply.body);
        }
        served
            .until("quern_worker_requests_total{outcome=\"timeout\"} 1")
            .await;
        served.until("quern_worker_active_requests 0").await;
        assert_eq!((ask("soon").await.status, ask("86401").await.status), (400, 400));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_falls_is_seen_and_one_that_comes_back_is_probed_again() {
    let features = Arc::new(AtomicU8::new(0));
    let script = |features: Arc<AtomicU8>| {
        move |asked: &wire::Asked| {
            let now = if features.load(Ordering::SeqCst) == 0 {
                FULL
            } else {
                DEAF
            };
            friendly::answer(asked, now)
        }
    };
    let double = Double::start(script(features.clone())).await;
    let address = double.address;
    let probed = quern_engine_remote::probe::probe(&wire::upstream(&double.url()), None)
        .await
        .unwrap();
    let served = served(&double.url(), probed, 2).await;
    assert_eq!(served.get("/health").await.json()["trust_tier"], "logprob");
    drop(double);
    served.until("quern_worker_engine_up 0").await;
    let health = served.get("/health").await;
    assert_eq!(
        (health.status, health.code().as_str()),
        (503, "engine_unreachable")
    );
    let refused = served.plain(json!({})).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (503, "engine_unreachable")
    );
    // It comes back as an engine that can do less.
    features.store(1, Ordering::SeqCst);
    let _double = Double::start_at(address, script(features)).await;
    served.until("quern_worker_engine_up 1").await;
    assert_eq!(served.get("/health").await.json()["trust_tier"], "unaudited");
    let models = served.get("/v1/models").await.json();
    assert_eq!(models["data"][0]["trust_tier"], "unaudited");
    assert_eq!(
        served.plain(json!({"logprobs": 1})).await.json()["error"]["param"],
        "logprobs"
    );
    assert_eq!(served.plain(json!({})).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_finds_the_engine_gone_makes_the_worker_look() {
    let double = Double::start(|asked| friendly::answer(asked, FULL)).await;
    let url = double.url();
    let served = served(&url, able(), 2).await;
    drop(double);
    assert_eq!(served.plain(json!({})).await.status, 503);
    served.until("quern_worker_engine_up 0").await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(served.get("/health").await.status, 503);
}

/// An engine that calls the tool with the given arguments, and how soon requests with such schemas are answered.
async fn strict(schemas: Vec<Value>, arguments: &str, more: Value) -> (u16, Value) {
    let function = json!({"name": "t0", "arguments": arguments});
    let message = json!({"content": null, "tool_calls": [{"id": "a", "function": function}]});
    let choice = json!({"index": 0, "message": message, "finish_reason": "tool_calls"});
    let double = Double::start(served_by(page(200, &json!({"choices": [choice]}).to_string()))).await;
    let served = served(&double.url(), able(), 1).await;
    let tool = |(at, schema)| {
        let function = json!({"name": format!("t{at}"), "strict": true, "parameters": schema});
        json!({"type": "function", "function": function})
    };
    let mut body = json!({"tools": schemas.into_iter().enumerate().map(tool).collect::<Vec<_>>()});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let reply = tokio::time::timeout(Duration::from_secs(10), served.chat(body));
    let reply = reply.await.expect("an answer in time");
    (reply.status, reply.json())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_strict_schema_makes_the_check_of_a_call_long() {
    let of = |last: Value, step: &dyn Fn(Value) -> Value| {
        let name = |at: usize| format!("a{at}");
        let mut defs = serde_json::Map::new();
        for at in 0..40 {
            let next = json!({"$ref": format!("#/$defs/{}", name(at + 1))});
            defs.insert(name(at), step(next));
        }
        defs.insert(name(40), last);
        json!({"type": "object", "properties": {"x": {"$ref": "#/$defs/a0"}}, "$defs": defs})
    };
    let twice = |next: Value| json!({"anyOf": [next, next]});
    let below = |next: Value| json!({"properties": {"x": {"anyOf": [next, next]}}});
    let again = || json!({"$ref": "#/$defs/a0"});
    let deep = |levels: usize| format!("{}1{}", "{\"x\":".repeat(levels), "}".repeat(levels));
    for (schema, arguments) in [
        (of(json!({"const": 1}), &twice), r#"{"x":2}"#.to_owned()),
        (of(json!({"const": 1}), &below), deep(60)),
        (of(again(), &twice), r#"{"x":{"x":2}}"#.to_owned()),
        (
            of(json!({"items": again()}), &twice),
            r#"{"x":{"x":2}}"#.to_owned(),
        ),
        (
            json!({"type": "object", "allOf": [{"$ref": "#"}]}),
            "{}".to_owned(),
        ),
    ] {
        let (status, error) = strict(vec![schema], &arguments, json!({})).await;
        assert_eq!(
            (status, &error["error"]["param"]),
            (400, &json!("tools")),
            "{error}"
        );
        assert!(
            error["error"]["message"].as_str().unwrap().contains("'t0'"),
            "{error}"
        );
    }
    // Calls that go as deep as JSON is read are checked to their end where a schema leads back to itself.
    let tree = |kind: &str| {
        let node = json!({"anyOf": [{"$ref": "#/$defs/one"}, {"$ref": "#/$defs/two"}, {"type": kind}]});
        let one = json!({"type": "object", "properties": {"x": {"$ref": "#/$defs/node"}}, "required": ["x"]});
        json!({"type": "object", "properties": {"x": {"$ref": "#/$defs/node"}}, "$defs": {"node": node, "one": one, "two": one}})
    };
    for (kind, status) in [("integer", 200), ("string", 502)] {
        assert_eq!(strict(vec![tree(kind)], &deep(120), json!({})).await.0, status);
    }
    // Many values and many alternatives for each.
    let many: Vec<Value> = (0..9_000).map(|at| json!({"const": at})).collect();
    let list = json!({"type": "object", "properties": {"x": {"items": {"anyOf": many}}}});
    let values = |count: usize| json!({"x": vec![-1; count]}).to_string();
    for count in [100, 200_000] {
        let (status, error) = strict(vec![list.clone()], &values(count), json!({})).await;
        assert_eq!(
            (status, &error["error"]["code"]),
            (502, &json!("engine_garbage")),
            "{error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_strict_schemas_patterns_are_compiled_without_bounds() {
    let long = |at: usize| json!({"type": "string", "pattern": format!("^[a-z]{{0,{at}}}$")});
    let body = |count: usize| {
        let fields = (0..count).map(|at| (format!("f{at}"), long(at)));
        json!({"type": "object", "properties": Value::Object(fields.collect())})
    };
    // As many as a body may hold, in one tool or in all.
    for schemas in [
        vec![body(40_000)],
        (0..100).map(|_| body(400)).collect(),
        vec![body(65)],
    ] {
        let begun = std::time::Instant::now();
        let (status, error) = strict(schemas, "{}", json!({})).await;
        assert_eq!(
            (status, &error["error"]["param"]),
            (400, &json!("tools")),
            "{error}"
        );
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
    let huge = json!({"type": "object", "properties": {"x": {"pattern": "(\\p{L}{100}){100}"}}});
    let (status, error) = strict(vec![huge], "{}", json!({})).await;
    assert_eq!(
        (status, &error["error"]["param"]),
        (400, &json!("tools")),
        "{error}"
    );
    assert_eq!(strict(vec![body(60)], "{}", json!({})).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_choices_of_a_request_share_what_its_schemas_compile_to() {
    let fields = (0..60).map(|at| {
        (
            format!("f{at}"),
            json!({"pattern": format!("^{at}\\p{{L}}{{20}}$")}),
        )
    });
    let schema = json!({"type": "object", "properties": Value::Object(fields.collect())});
    let function = json!({"name": "t0", "strict": true, "parameters": schema});
    let tools = json!([{"type": "function", "function": function}]);
    let whole =
        json!({"choices": [{"index": 0, "message": {"content": "a"}, "finish_reason": "stop"}]}).to_string();
    let double = Double::start(served_by(page(200, &whole))).await;
    let single = quern_engine_remote::Capabilities {
        choices: false,
        ..able()
    };
    let served = served(&double.url(), single, 1).await;
    let mut took = Vec::new();
    for n in [1, 1, 16] {
        let begun = std::time::Instant::now();
        let reply = served.chat(json!({"tools": tools, "n": n})).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(reply.json()["choices"].as_array().unwrap().len(), n);
        took.push(begun.elapsed());
    }
    assert!(
        took[2] < took[0].max(took[1]) * 4 + Duration::from_millis(300),
        "{took:?}"
    );
}

#[test]
fn no_bytes_make_the_reading_of_an_answer_panic() {
    let call = json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}});
    let entry = json!({"token": "a", "logprob": -0.1, "bytes": [97], "top_logprobs": []});
    let delta = json!({"content": "a", "tool_calls": [call], "reasoning": "b"});
    let choice =
        json!({"index": 0, "delta": delta, "logprobs": {"content": [entry]}, "finish_reason": "tool_calls"});
    let usage = json!({"prompt_tokens": 1, "completion_tokens": 2});
    let seeds = [
        json!({"choices": [choice], "usage": usage}).to_string(),
        json!({"choices": [{"text": "a", "logprobs": {"tokens": ["a"], "token_logprobs": [-1.5],
               "top_logprobs": [{"a": -1.5}]}, "finish_reason": "stop"}]})
        .to_string(),
        json!({"error": {"message": "no"}}).to_string(),
    ];
    let mut state = 7u64;
    let mut draw = |below: usize| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) as usize % below
    };
    let pieces: [&[u8]; 10] = [
        b"null",
        b"-1",
        b"1e999",
        b"[",
        b"{",
        b"\"",
        b"\\u0000",
        b"4294967296",
        b"\xff",
        b"true",
    ];
    let (mut read, mut refused) = (0, 0);
    for round in 0..60_000 {
        let mut bytes = seeds[round % seeds.len()].clone().into_bytes();
        for _ in 0..=draw(3) {
            let at = draw(bytes.len());
            let end = (at + draw(6)).min(bytes.len());
            bytes.splice(at..end, pieces[draw(pieces.len())].iter().copied());
        }
        let mut assembly = Assembly::new(2, 9).telling(round % 2 == 0);
        let mut outcome = |answer: RawAnswer| assembly.push(answer).map(drop);
        match RawAnswer::parse(&bytes).and_then(&mut outcome) {
            Ok(()) => read += 1,
            Err(error) => {
                refused += 1;
                assert!(error.to_api("x").message.len() < 4000);
            }
        }
    }
    assert!(read > 100 && refused > 100, "{read} {refused}");
}
