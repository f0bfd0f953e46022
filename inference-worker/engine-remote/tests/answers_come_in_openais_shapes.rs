//! Requests through a friendly engine.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at a surprise"
)]

mod wire;

use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use wire::friendly::{DEAF, FULL, answer};
use wire::{Act, Double, able, event, head, page, reaches, served, text_chunk};

#[tokio::test(flavor = "multi_thread")]
async fn whole_and_streamed_answers_are_the_same_and_counted() {
    let double = Double::start(|asked| answer(asked, FULL)).await;
    let served = served(&double.url(), able(), 4).await;
    let more = json!({"max_tokens": 6, "temperature": 0});
    for chat in [true, false] {
        let ask = async |more: Value| {
            if chat {
                served.chat(more).await
            } else {
                served.plain(more).await
            }
        };
        let whole = ask(more.clone()).await;
        assert_eq!(whole.status, 200, "{}", whole.body);
        assert_eq!(whole.headers["quern-trust-tier"], "logprob");
        let json = whole.json();
        assert_eq!(
            (json["model"].as_str(), &json["usage"]["completion_tokens"]),
            (Some("m"), &json!(6))
        );
        assert_eq!(json["usage"]["prompt_tokens_details"]["cached_tokens"], 2);
        assert_eq!(json["id"], whole.headers["x-request-id"].to_str().unwrap());
        let text = json["choices"][0]["message"]["content"]
            .as_str()
            .or(json["choices"][0]["text"].as_str())
            .unwrap();
        assert_eq!(text, " red green blue black white gold");
        let mut streamed = more.clone();
        streamed["stream"] = true.into();
        streamed["stream_options"] = json!({"include_usage": true});
        let reply = ask(streamed).await;
        let mut events = reply.events();
        assert_eq!(events.pop().as_deref(), Some("[DONE]"));
        let chunks: Vec<Value> = events
            .iter()
            .map(|data| serde_json::from_str(data).unwrap())
            .collect();
        let (last, before) = chunks.split_last().unwrap();
        assert_eq!(
            (&last["usage"]["completion_tokens"], &last["choices"]),
            (&json!(6), &json!([]))
        );
        assert!(before.iter().all(|chunk| chunk["usage"].is_null()));
        let piece = |chunk: &Value| {
            let choice = &chunk["choices"][0];
            choice["delta"]["content"]
                .as_str()
                .or(choice["text"].as_str())
                .unwrap_or_default()
                .to_owned()
        };
        assert_eq!(before.iter().map(piece).collect::<String>(), text);
        assert_eq!(before.last().unwrap()["choices"][0]["finish_reason"], "length");
        let roles = before
            .iter()
            .filter(|chunk| !chunk["choices"][0]["delta"]["role"].is_null())
            .count();
        assert_eq!(roles, usize::from(chat));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn choices_calls_and_log_probabilities_arrive() {
    let double = Double::start(|asked| answer(asked, FULL)).await;
    let served = served(&double.url(), able(), 4).await;
    let two = served
        .plain(json!({"n": 2, "seed": 5, "logprobs": 5, "max_tokens": 3}))
        .await
        .json();
    assert_eq!(two["choices"].as_array().unwrap().len(), 2);
    assert_ne!(two["choices"][0]["text"], two["choices"][1]["text"]);
    assert_eq!(
        two["choices"][1]["logprobs"]["token_logprobs"],
        json!([-0.5, -0.5, -0.5])
    );
    let tools = json!([{"type": "function", "function": {"name": "look", "parameters": {}}}]);
    let choice = json!({"type": "function", "function": {"name": "look"}});
    let mut more = json!({"tools": tools, "tool_choice": choice});
    let whole = served.chat(more.clone()).await.json();
    let message = &whole["choices"][0]["message"];
    assert_eq!(
        (&message["content"], &whole["choices"][0]["finish_reason"]),
        (&Value::Null, &json!("tool_calls"))
    );
    assert_eq!(
        message["tool_calls"][0]["function"]["arguments"],
        "{\"word\":\"quern_probe\"}"
    );
    more["stream"] = true.into();
    let events = served.chat(more).await.events();
    let chunks: Vec<Value> = events
        .iter()
        .filter_map(|data| serde_json::from_str(data).ok())
        .collect();
    let calls: Vec<&Value> = chunks
        .iter()
        .map(|chunk| &chunk["choices"][0]["delta"]["tool_calls"][0])
        .collect();
    let calls: Vec<&Value> = calls.into_iter().filter(|call| !call.is_null()).collect();
    assert_eq!(
        (&calls[0]["id"], &calls[1]["id"]),
        (&json!("call_1"), &Value::Null)
    );
    let arguments: String = calls
        .iter()
        .map(|call| call["function"]["arguments"].as_str().unwrap())
        .collect();
    assert_eq!(arguments, "{\"word\":\"quern_probe\"}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_strict_tools_match_their_schemas_and_no_other_tools_are_called() {
    let double = Double::start(|asked| answer(asked, FULL)).await;
    let served = served(&double.url(), able(), 4).await;
    let ask = |kind: &str, strict: bool, stream: bool| {
        let parameters =
            json!({"type": "object", "properties": {"word": {"type": kind}}, "required": ["word"]});
        let function = |name: &str| json!({"name": name, "parameters": parameters, "strict": strict});
        let tools =
            [function("look"), function("other")].map(|one| json!({"type": "function", "function": one}));
        let choice = json!({"type": "function", "function": {"name": "look"}});
        served.chat(json!({"tools": tools, "tool_choice": choice, "stream": stream}))
    };
    for (kind, strict) in [("string", true), ("string", false), ("integer", false)] {
        let whole = ask(kind, strict, false).await;
        assert_eq!(whole.status, 200, "{}", whole.body);
        let events = ask(kind, strict, true).await.events();
        assert_eq!(events.last().map(String::as_str), Some("[DONE]"));
    }
    let whole = ask("integer", true, false).await;
    assert_eq!(
        (whole.status, &whole.json()["error"]["code"]),
        (502, &json!("engine_garbage"))
    );
    let events = ask("integer", true, true).await.events();
    let last: Value = serde_json::from_str(events.last().unwrap()).unwrap();
    assert_eq!(last["error"]["code"], "engine_garbage");
    // A schema that is none is the request's fault.
    let function = json!({"name": "look", "parameters": {"type": "object", "properties": {"a": {"type": 5}}}, "strict": true});
    let refused = served
        .chat(json!({"tools": [{"type": "function", "function": function}]}))
        .await;
    assert_eq!(
        (refused.status, &refused.json()["error"]["param"]),
        (400, &json!("tools"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn holders_of_a_routers_keys_share_no_cached_prompts_at_an_engine_that_can_part_them() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = seen.clone();
    let double = Double::start(move |asked| {
        if asked.path == "/v1/completions" {
            kept.lock().unwrap().push(asked.body["cache_salt"].clone());
        }
        answer(asked, FULL)
    })
    .await;
    let served = served(&double.url(), able(), 4).await;
    served.parted("ann", json!({})).await;
    served.parted("ann", json!({})).await;
    served.parted("bob", json!({})).await;
    served.parted("ann", json!({"cache_salt": "s"})).await;
    served.plain(json!({"cache_salt": "s"})).await;
    served.plain(json!({})).await;
    let salts = seen.lock().unwrap().clone();
    assert_eq!(salts[0], salts[1]);
    assert!(salts[0] != salts[2] && salts[0] != salts[3] && salts[3] != json!("s"));
    assert_eq!(salts[4..], [json!("s"), Value::Null]);
    // An engine that does not know the parameter is not sent it.
    let other = quern_engine_remote::Capabilities {
        kind: quern_engine_remote::EngineKind::LlamaCpp,
        ..able()
    };
    let served = wire::served(&double.url(), other, 4).await;
    assert_eq!(served.parted("ann", json!({})).await.status, 200);
    assert_eq!(seen.lock().unwrap().last(), Some(&Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_is_told_everything_in_its_own_words() {
    let seen = Arc::new(Mutex::new(Value::Null));
    let kept = seen.clone();
    let double = Double::start(move |asked| {
        if asked.path.starts_with("/v1/chat") {
            *kept.lock().unwrap() = asked.body.clone();
        }
        answer(asked, FULL)
    })
    .await;
    let served = served(&double.url(), able(), 4).await;
    let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1}"}});
    let messages = json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": null, "tool_calls": [call]},
                          {"role": "tool", "tool_call_id": "c", "content": "2"}]);
    let reply = served
        .chat(json!({"messages": messages, "temperature": 0.5, "max_completion_tokens": 4, "seed": -3, "stop": "x",
                     "repetition_penalty": 1.2, "user": "u", "logprobs": true, "top_logprobs": 2}))
        .await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let body = seen.lock().unwrap().clone();
    assert_eq!(
        body["messages"][1]["tool_calls"][0]["function"]["arguments"],
        "{\"a\":1}"
    );
    assert_eq!(body["messages"][2]["tool_call_id"], "c");
    for (name, value) in [
        ("model", json!("double")),
        ("max_tokens", json!(4)),
        ("seed", json!(-3)),
        ("stop", json!(["x"])),
        ("top_k", json!(-1)),
        ("min_p", json!(0.0)),
        ("top_p", json!(1.0)),
        ("temperature", json!(0.5)),
        ("repetition_penalty", json!(1.2)),
        ("top_logprobs", json!(2)),
    ] {
        assert_eq!(body[name], value, "{name}");
    }
    assert!(body.get("user").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_ends_the_engines_work_at_once() {
    let completions = Arc::new(AtomicUsize::new(0));
    let count = completions.clone();
    let double = Double::start(move |asked| {
        if asked.path == "/v1/models" {
            return answer(asked, FULL);
        }
        count.fetch_add(1, Ordering::SeqCst);
        match asked.body["stream"] == true {
            true => vec![head(), event(&text_chunk("a", None)), Act::Hang],
            false => vec![Act::Hang],
        }
    })
    .await;
    let served = served(&double.url(), able(), 1).await;
    // While the engine is silent in a stream, and while it has not begun a whole answer.
    for (count, stream) in [(1, true), (2, false)] {
        let body = json!({"model": "m", "prompt": "a", "stream": stream});
        let mut client = served.raw("/v1/completions", &body).await;
        if stream {
            let mut piece = [0; 512];
            assert!(client.read(&mut piece).await.unwrap() > 0);
        } else {
            reaches(&completions, 2, Duration::from_secs(2)).await;
        }
        drop(client);
        // Well before any time-out.
        reaches(&double.dropped, count, Duration::from_millis(300)).await;
    }
    served.until("quern_worker_active_requests 0").await;
    assert!(
        served
            .get("/metrics")
            .await
            .body
            .contains("requests_total{outcome=\"cancelled\"} 1")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_engine_answers_429_at_once_and_its_own_429_comes_through() {
    let completions = Arc::new(AtomicUsize::new(0));
    let count = completions.clone();
    let full = b"HTTP/1.1 429 X\r\nretry-after: 7\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let double = Double::start(move |asked| {
        if asked.path == "/v1/models" {
            return answer(asked, FULL);
        }
        count.fetch_add(1, Ordering::SeqCst);
        match asked.body["stream"] == true {
            true => vec![head(), event(&text_chunk("a", None)), Act::Hang],
            false => vec![Act::Send(full.to_vec())],
        }
    })
    .await;
    let served = served(&double.url(), able(), 1).await;
    let own = served.plain(json!({})).await;
    assert_eq!(
        (own.status, own.headers["retry-after"].to_str().unwrap()),
        (429, "7")
    );
    let client = served
        .raw(
            "/v1/completions",
            &json!({"model": "m", "prompt": "a", "stream": true}),
        )
        .await;
    served.until("quern_worker_active_requests 1").await;
    reaches(&completions, 2, Duration::from_secs(2)).await;
    let start = std::time::Instant::now();
    let full = served.plain(json!({})).await;
    assert_eq!((full.status, full.code().as_str()), (429, "rate_limit_exceeded"));
    assert!(full.headers.contains_key("retry-after") && start.elapsed() < Duration::from_secs(2));
    assert_eq!(
        completions.load(Ordering::SeqCst),
        2,
        "the engine heard nothing of it"
    );
    drop(client);
    served.until("quern_worker_active_requests 0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_fail_at_once_are_no_sign_of_places_that_come_free_soon() {
    let double = Double::start(move |asked| match &asked.body["prompt"] {
        Value::String(word) if word == "slow" => {
            let whole = json!({"choices": [{"index": 0, "text": "a", "finish_reason": "stop"}]});
            let pause = Act::Wait(Duration::from_millis(1200));
            [vec![pause], page(200, &whole.to_string())].concat()
        }
        Value::String(word) if word == "wrong" => page(400, "{}"),
        Value::String(word) if word == "broken" => vec![head(), event(&json!({"error": {"message": "no"}}))],
        Value::String(word) if word == "held" => vec![head(), event(&text_chunk("a", None)), Act::Hang],
        _ => answer(asked, FULL),
    })
    .await;
    let served = served(&double.url(), able(), 1).await;
    assert_eq!(served.plain(json!({"prompt": "slow"})).await.status, 200);
    for _ in 0..20 {
        assert_eq!(served.plain(json!({"prompt": "wrong"})).await.status, 400);
        let broken = served.plain(json!({"prompt": "broken", "stream": true})).await;
        assert_eq!(broken.status, 502);
    }
    let held = json!({"model": "m", "prompt": "held", "stream": true});
    let client = served.raw("/v1/completions", &held).await;
    served.until("quern_worker_active_requests 1").await;
    let full = served.plain(json!({})).await;
    assert_eq!(
        (full.status, full.headers["retry-after"].to_str().unwrap()),
        (429, "2")
    );
    drop(client);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_engine_was_not_seen_to_honour_is_refused_by_name() {
    let double = Double::start(|asked| answer(asked, FULL)).await;
    let bare = quern_engine_remote::Capabilities {
        chat: true,
        completions: true,
        model: "double".into(),
        context: 100,
        ..Default::default()
    };
    let served = served(&double.url(), bare, 4).await;
    let tool = json!([{"type": "function", "function": {"name": "f"}}]);
    for (name, value) in [
        ("stream", json!(true)),
        ("top_k", json!(5)),
        ("min_p", json!(0.1)),
        ("repetition_penalty", json!(1.1)),
        ("logit_bias", json!({"1": 1})),
        ("seed", json!(1)),
        ("stop", json!("a")),
        ("logprobs", json!(true)),
        ("tools", tool),
        ("response_format", json!({"type": "json_object"})),
        ("guided_regex", json!("a+")),
        ("reasoning_effort", json!("low")),
        ("chat_template_kwargs", json!({"a": 1})),
        ("cache_salt", json!("s")),
    ] {
        let mut more = json!({});
        more[name] = value;
        let reply = served.chat(more).await;
        assert_eq!(reply.status, 400, "{name}: {}", reply.body);
        assert_eq!(reply.json()["error"]["param"], name);
        assert_eq!(reply.code(), "unsupported_parameter");
    }
    // An engine that gives one choice is asked for each.
    let two = served.chat(json!({"n": 2})).await.json();
    assert_eq!(two["choices"].as_array().map(Vec::len), Some(2), "{two}");
    let long = served.plain(json!({"max_tokens": 100})).await;
    assert_eq!(
        (long.status, long.code().as_str()),
        (400, "context_length_exceeded")
    );
    assert_eq!(
        served.plain(json!({"model": "other"})).await.code(),
        "model_not_found"
    );
    assert_eq!(
        served.plain(json!({"prompt": [1, 2]})).await.json()["error"]["param"],
        "prompt"
    );
    assert_eq!(served.get("/v1/engines").await.code(), "unknown_url");
    assert_eq!(
        served.plain(json!({})).await.headers["quern-trust-tier"],
        "unaudited"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stops_reading_ends_the_stream_and_holds_little() {
    let chunk = format!("data: {}\n\n", text_chunk(&"a".repeat(4000), None));
    let flood = [
        format!("{:x}\r\n", chunk.len()).into_bytes(),
        chunk.into_bytes(),
        b"\r\n".to_vec(),
    ]
    .concat();
    let double = Double::start(move |asked| match asked.path.as_str() {
        "/v1/models" => page(200, r#"{"data":[{"id":"double"}]}"#),
        _ => vec![head(), Act::Flood(flood.clone())],
    })
    .await;
    let served = served(&double.url(), able(), 1).await;
    let client = served
        .raw(
            "/v1/completions",
            &json!({"model": "m", "prompt": "a", "stream": true}),
        )
        .await;
    served.until("quern_worker_active_requests 1").await;
    reaches(&double.dropped, 1, Duration::from_secs(5)).await;
    served.until("quern_worker_active_requests 0").await;
    drop(client);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_after_the_other_fits_one_slot() {
    let double = Double::start(|asked| answer(asked, FULL)).await;
    let served = served(&double.url(), able(), 1).await;
    for number in 0..40 {
        let reply = served.plain(json!({"stream": number % 2 == 0})).await;
        assert_eq!(reply.status, 200, "{number}: {}", reply.body);
    }
    let metrics = served.get("/metrics").await.body;
    assert!(
        metrics.contains("requests_total{outcome=\"done\"} 40"),
        "{metrics}"
    );
    assert!(!metrics.contains("cancelled"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn log_probabilities_that_do_not_come_are_an_error() {
    // It was seen to tell them, and came back within moments as one that does not.
    let double = Double::start(|asked| answer(asked, DEAF)).await;
    let served = served(&double.url(), able(), 1).await;
    let whole = served.plain(json!({"logprobs": 1})).await;
    assert_eq!((whole.status, whole.code().as_str()), (502, "engine_garbage"));
    let streamed = served.plain(json!({"logprobs": 1, "stream": true})).await;
    assert!(
        streamed.events().last().unwrap().contains("engine_garbage"),
        "{}",
        streamed.body
    );
}
