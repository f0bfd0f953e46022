//! Responses, Messages, tokens and several answers at an engine that knows single answers to chats and texts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at a surprise"
)]

mod wire;

use quern_engine_remote::Capabilities;
use quern_engine_remote::tokens::Vocabulary;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use wire::friendly::{FULL, answer};
use wire::{Double, able, served, served_with};

fn vocabulary() -> Arc<Vocabulary> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/quern-small");
    Arc::new(Vocabulary::load(&folder).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn responses_and_messages_are_the_chats_that_ask_for_the_same() {
    let double = Double::start(|asked| {
        assert!(!asked.path.contains("responses") && !asked.path.contains("messages"));
        answer(asked, FULL)
    })
    .await;
    let chats = Capabilities {
        completions: false,
        ..able()
    };
    let served = served(&double.url(), chats, 4).await;
    let text = " red green blue black";
    let body = json!({"model": "m", "input": "a", "max_output_tokens": 4, "temperature": 0});
    let told = served.send("POST", "/v1/responses", body).await;
    assert_eq!(told.status, 200, "{}", told.body);
    assert_eq!(told.headers["quern-trust-tier"], "logprob");
    assert_eq!(told.json()["output"][0]["content"][0]["text"], text);
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "a"}], "max_tokens": 4,
        "temperature": 0});
    let told = served.send("POST", "/v1/messages", body.clone()).await.json();
    assert_eq!(told["content"][0]["text"], text, "{told}");
    body["stream"] = true.into();
    let told = served.send("POST", "/v1/messages", body).await.body;
    assert!(told.contains("event: message_stop"), "{told}");
    let wrong = json!({"model": "m", "input": "a", "background": true});
    let told = served.send("POST", "/v1/responses", wrong).await;
    assert_eq!(
        (told.status, &told.json()["error"]["param"]),
        (400, &json!("background"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_those_of_the_tokenizer_at_hand_and_without_one_none_are_known() {
    let double = Double::start(|asked| answer(asked, FULL)).await;
    let vocabulary = vocabulary();
    let with = served_with(&double.url(), able(), 4, Some(vocabulary.clone())).await;
    let told = with
        .send("POST", "/tokenize", json!({"prompt": "the king said"}))
        .await
        .json();
    let ids = vocabulary.tokenizer.encode("the king said", true).unwrap();
    assert_eq!(
        (&told["tokens"], &told["count"]),
        (&json!(ids), &json!(ids.len()))
    );
    let back = json!({"tokens": vocabulary.tokenizer.encode("the king", false).unwrap()});
    let back = with.send("POST", "/detokenize", back).await.json();
    assert_eq!(back["prompt"].as_str().unwrap().trim(), "the king");
    let chat = json!({"model": "m", "messages": [{"role": "user", "content": "the king"}]});
    let counted = with
        .send("POST", "/v1/messages/count_tokens", chat.clone())
        .await
        .json();
    let told = with.send("POST", "/tokenize", chat.clone()).await.json();
    assert!(told["count"].as_u64() > Some(2), "{told}");
    assert_eq!(counted["input_tokens"], told["count"]);
    for (path, body) in [
        ("/tokenize", json!({"model": "other", "prompt": "a"})),
        ("/detokenize", json!({"model": "other", "tokens": [1]})),
    ] {
        assert_eq!(with.send("POST", path, body).await.status, 404);
    }
    let unknown = with
        .send("POST", "/detokenize", json!({"tokens": [4_000_000]}))
        .await;
    assert_eq!(unknown.status, 400);
    let without = served(&double.url(), able(), 4).await;
    for (path, body) in [
        ("/tokenize", json!({"prompt": "a"})),
        ("/v1/messages/count_tokens", chat),
    ] {
        let told = without.send("POST", path, body).await;
        assert!(
            told.status == 404 && told.body.contains("--tokenizer"),
            "{}",
            told.body
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_prompts_and_choices_are_single_requests_to_the_engine() {
    let double = Double::start(|asked| {
        assert!(
            asked.body["prompt"].is_string() || asked.body["prompt"][0].is_number() || asked.body.is_null()
        );
        assert!(asked.body["n"].is_null() || asked.body["n"] == 1);
        answer(asked, FULL)
    })
    .await;
    let one_at_a_time = Capabilities {
        choices: false,
        ..able()
    };
    let served = served(&double.url(), one_at_a_time, 4).await;
    let more = json!({"prompt": ["a", [5, 6]], "n": 2, "seed": 5, "max_tokens": 3});
    let told = served.plain(more.clone()).await;
    assert_eq!(told.status, 200, "{}", told.body);
    let choices = told.json()["choices"].clone();
    let texts: Vec<&Value> = choices
        .as_array()
        .unwrap()
        .iter()
        .map(|choice| &choice["text"])
        .collect();
    assert_eq!(texts.len(), 4);
    // The engine's noise follows from the seed: each choice has one of its own, the same for each prompt.
    assert!(
        texts[0] != texts[1] && texts[0] == texts[2] && texts[1] == texts[3],
        "{choices}"
    );
    assert_eq!(told.json()["usage"]["completion_tokens"], 12);
    let mut streamed = more;
    streamed["stream"] = true.into();
    let events = served.plain(streamed).await.events();
    assert_eq!(events.iter().filter(|data| *data == "[DONE]").count(), 1);
    let mut parts = vec![String::new(); 4];
    for chunk in events
        .iter()
        .filter_map(|data| serde_json::from_str::<Value>(data).ok())
    {
        let choice = &chunk["choices"][0];
        parts[choice["index"].as_u64().unwrap() as usize]
            .push_str(choice["text"].as_str().unwrap_or_default());
    }
    assert_eq!(json!(parts), json!(texts));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tools_that_are_counted_are_those_that_the_engine_is_sent() {
    // A template that shows tools.
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/quern-small");
    let folder = std::env::temp_dir().join(format!("quern-tools-sent-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy(models.join("tokenizer.json"), folder.join("tokenizer.json")).unwrap();
    let template = "{% for tool in tools %}{{ tool.function.name }} {% endfor %}{{ messages[0].content }}";
    let config = json!({"chat_template": template});
    std::fs::write(folder.join("tokenizer_config.json"), config.to_string()).unwrap();
    let vocabulary = Arc::new(Vocabulary::load(&folder).unwrap());
    std::fs::remove_dir_all(&folder).unwrap();
    let text = "the king";
    let whole = json!({"choices": [{"index": 0, "message": {"content": "a"}, "finish_reason": "stop"}]});
    let double = Double::start(move |asked| match asked.path.as_str() {
        "/v1/chat/completions" => {
            let sent = asked.body["tools"].as_array().map_or(0, Vec::len);
            assert!(
                sent == 0 || sent == 1 || asked.body["tool_choice"] == "none",
                "{}",
                asked.body
            );
            wire::page(200, &whole.to_string())
        }
        _ => answer(asked, FULL),
    })
    .await;
    let served = served_with(&double.url(), able(), 4, Some(vocabulary.clone())).await;
    let named = |name: &str| json!({"type": "function", "function": {"name": name}});
    let some =
        json!({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [named("second")]}});
    for (tools, choice, shown) in [
        (json!([named("first"), named("second")]), some, "second the king"),
        (
            json!([named("first"), named("second")]),
            json!("none"),
            "first second the king",
        ),
        (json!([]), json!("auto"), text),
    ] {
        let body =
            json!({"messages": [{"role": "user", "content": text}], "tools": tools, "tool_choice": choice});
        let told = served.chat(body).await;
        assert_eq!(told.status, 200, "{}", told.body);
        let ids = vocabulary.tokenizer.encode(shown, false).unwrap();
        assert_eq!(
            told.json()["usage"]["prompt_tokens"],
            ids.len(),
            "{shown}: {}",
            told.body
        );
    }
}
