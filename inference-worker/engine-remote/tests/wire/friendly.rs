//! A double that answers as an engine with certain features does.

use super::{Act, Asked, end, event, head, page};
use serde_json::{Value, json};
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

const WORDS: [&str; 12] = [
    " red", " green", " blue", " black", " white", " gold", " rust", " sand", " sea", " sky", " ash", " elm",
];

/// Which parameters are honoured; others are ignored in silence, as engines do.
#[derive(Clone, Copy, Debug)]
pub struct Features {
    pub all: bool,
    pub logprobs: bool,
    pub ids: bool,
    /// The vocabulary, in the order of the greedy text.
    pub words: [&'static str; 12],
}

pub const FULL: Features = Features {
    all: true,
    logprobs: true,
    ids: true,
    words: WORDS,
};
pub const DEAF: Features = Features {
    all: false,
    logprobs: false,
    ids: false,
    words: WORDS,
};

/// What such an engine answers.
pub fn answer(asked: &Asked, features: Features) -> Vec<Act> {
    let body = &asked.body;
    match asked.path.as_str() {
        "/v1/models" => {
            let entry = json!({"id": "double", "object": "model", "owned_by": "vllm", "max_model_len": 2048});
            page(200, &json!({"object": "list", "data": [entry]}).to_string())
        }
        "/version" => page(200, r#"{"version":"9.9"}"#),
        "/v1/completions" | "/v1/chat/completions" => {
            let chat = asked.path.contains("chat");
            let count = if features.all {
                body["n"].as_u64().unwrap_or(1)
            } else {
                1
            };
            let choices: Vec<Value> = (0..count)
                .map(|index| choice(body, chat, index, features))
                .collect();
            let tokens = choices
                .first()
                .map_or(0, |choice| choice["words"].as_u64().unwrap_or(0))
                * count;
            let usage = json!({"prompt_tokens": 3, "completion_tokens": tokens, "total_tokens": 3 + tokens,
                               "prompt_tokens_details": {"cached_tokens": 2}});
            match body["stream"] == true {
                true => stream(
                    &choices,
                    chat,
                    (body["stream_options"]["include_usage"] == true).then_some(usage),
                ),
                false => {
                    let object = if chat {
                        "chat.completion"
                    } else {
                        "text_completion"
                    };
                    let mut whole = json!({"id": "x", "object": object, "choices": choices, "usage": usage});
                    if features.ids && body["return_token_ids"] == true {
                        whole["prompt_token_ids"] = json!([1, 2, 3]);
                    }
                    page(200, &whole.to_string())
                }
            }
        }
        _ => page(404, r#"{"detail":"Not Found"}"#),
    }
}

fn choice(body: &Value, chat: bool, index: u64, features: Features) -> Value {
    let mut words: Vec<usize> = (0..body["max_tokens"].as_u64().unwrap_or(6).min(12) as usize).collect();
    let hot = body["temperature"].as_f64().unwrap_or(1.0) > 0.0;
    let greedy = features.all && (body["top_k"] == 1 || body["min_p"].as_f64() == Some(1.0));
    if hot && !greedy {
        for (at, word) in words.iter_mut().enumerate() {
            let mut hasher = DefaultHasher::new();
            let seed = if features.all {
                body["seed"].as_u64().unwrap_or(0)
            } else {
                rand()
            };
            (seed, at, index).hash(&mut hasher);
            *word = hasher.finish() as usize % WORDS.len();
        }
    }
    if features.all && body["logit_bias"].get("0").is_some() {
        words.iter_mut().for_each(|word| *word = (*word).max(1));
    }
    let mut text: String = words.iter().map(|word| features.words[*word]).collect();
    let mut finish = "length";
    if features.all
        && let Some(stop) = body["stop"][0].as_str()
        && let Some(at) = text.find(stop)
    {
        text.truncate(at);
        finish = "stop";
    }
    let format = &body["response_format"];
    if features.all && format.is_object() {
        (text, finish) = (
            if format["type"] == "json_object" {
                "{}"
            } else {
                r#"{"word":"quern_probe"}"#
            }
            .into(),
            "stop",
        );
    }
    let mut choice = json!({"index": index, "finish_reason": finish, "words": words.len()});
    let name = body["tool_choice"]["function"]["name"].as_str();
    match name.filter(|_| features.all) {
        Some(name) => {
            let function = json!({"name": name, "arguments": "{\"word\":\"quern_probe\"}"});
            let call = json!({"id": "call_1", "type": "function", "function": function});
            choice["message"] = json!({"role": "assistant", "content": null, "tool_calls": [call]});
            choice["finish_reason"] = "tool_calls".into();
        }
        None if chat => choice["message"] = json!({"role": "assistant", "content": text}),
        None => choice["text"] = text.into(),
    }
    if features.logprobs && !body["logprobs"].is_null() && body["logprobs"] != false {
        let top = |word: usize| json!({"token": features.words[word], "logprob": -0.5, "bytes": features.words[word].as_bytes()});
        let content = words.iter().map(|word| {
            let mut entry = top(*word);
            entry["top_logprobs"] = (0..5).map(top).collect();
            entry
        });
        choice["logprobs"] = json!({"content": content.collect::<Vec<_>>()});
        if features.ids && body["return_token_ids"] == true {
            choice["token_ids"] = json!(words);
        }
    }
    choice
}

fn stream(choices: &[Value], chat: bool, usage: Option<Value>) -> Vec<Act> {
    let mut acts = vec![head()];
    for choice in choices {
        let index = &choice["index"];
        let chunk = |piece: Value, finish: &Value| {
            let mut fields = piece;
            fields["index"] = index.clone();
            fields["finish_reason"] = finish.clone();
            event(&json!({"id": "x", "choices": [fields], "usage": null}))
        };
        let text = choice["message"]["content"]
            .as_str()
            .or(choice["text"].as_str())
            .unwrap_or_default();
        if chat {
            acts.push(chunk(
                json!({"delta": {"role": "assistant", "content": ""}}),
                &Value::Null,
            ));
        }
        for word in text.split_inclusive(' ') {
            let piece = if chat {
                json!({"delta": {"content": word}})
            } else {
                json!({"text": word})
            };
            acts.push(chunk(piece, &Value::Null));
        }
        for call in choice["message"]["tool_calls"].as_array().into_iter().flatten() {
            let arguments = call["function"]["arguments"].as_str().unwrap_or_default();
            for (at, part) in [&arguments[..5], &arguments[5..]].into_iter().enumerate() {
                let mut piece = json!({"index": 0, "function": {"arguments": part}});
                if at == 0 {
                    piece["id"] = call["id"].clone();
                    piece["function"]["name"] = call["function"]["name"].clone();
                }
                acts.push(chunk(json!({"delta": {"tool_calls": [piece]}}), &Value::Null));
            }
        }
        let last = if chat {
            json!({"delta": {}})
        } else {
            json!({"text": ""})
        };
        acts.push(chunk(last, &choice["finish_reason"]));
    }
    if let Some(usage) = usage {
        acts.push(event(&json!({"id": "x", "choices": [], "usage": usage})));
    }
    acts.extend([super::piece("data: [DONE]\n\n"), end()]);
    acts
}

fn rand() -> u64 {
    use std::hash::BuildHasher;
    std::collections::hash_map::RandomState::new().hash_one(0)
}
