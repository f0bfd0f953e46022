//! Two models behind one door.

use crate::http::{Service, Services, router};
use crate::metrics::HostMetrics;
use crate::model::Text;
use crate::model::tests::{other_model, packaged_model};
use crate::scheduler::Scheduler;
use axum::body::Bytes;
use http_body_util::BodyExt;
use quern_engine::Engine;
use quern_engine_torch::{LlamaEngine, LoadOptions, set_threads};
use quern_transport::{Client, SecureListener, TransportKey, served};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

#[derive(Clone)]
struct Worker {
    url: String,
    key: [u8; 32],
    client: Client,
}

fn service(id: &str, folder: &Path, metrics: &HostMetrics) -> Service {
    let text = Arc::new(Text::load(folder).unwrap());
    let metrics = metrics.model(id).unwrap();
    let (scheduler, serving) = Scheduler::new(32, 4, metrics.clone(), text.tokenizer.clone());
    let options = LoadOptions {
        slots: 5,
        ..LoadOptions::default()
    };
    let (folder, (ready, loaded)) = (folder.to_owned(), std::sync::mpsc::channel());
    std::thread::spawn(move || {
        set_threads(1);
        let mut engine = LlamaEngine::load(&folder, &options).unwrap();
        ready.send(engine.context()).unwrap();
        serving.run(&mut engine);
    });
    Service {
        model_id: id.into(),
        created: 0,
        context: loaded.recv().unwrap(),
        text,
        scheduler,
        metrics,
    }
}

impl Worker {
    async fn start(models: &[(&str, &Path)]) -> Self {
        let metrics = HostMetrics::new().unwrap();
        let all = models.iter().map(|(id, folder)| service(id, folder, &metrics));
        let services = Services::new(all.collect(), metrics.clone(), None);
        let key = TransportKey::from_secret([8; 32].into());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let listener = SecureListener::new(listener, &key).unwrap();
        let served = served(router(services));
        tokio::spawn(async move { axum::serve(listener, served).await });
        Self {
            url,
            key: key.public(),
            client: Client::new(TransportKey::from_secret([9; 32].into())),
        }
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let bytes = Bytes::from(body.to_string());
        let url = format!("{}{path}", self.url);
        let answer = self.client.post(&url, self.key, bytes).await.unwrap();
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let url = format!("{}{path}", self.url);
        let answer = self.client.get(&url, self.key).await.unwrap();
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    /// Text and likelihoods of an answer.
    async fn choices(&self, model: &str, number: u32) -> Value {
        let body = json!({"model": model, "prompt": format!("And in the year {number} the king said"), "max_tokens": 24,
            "seed": number, "temperature": 1, "logprobs": 3});
        let (status, answer) = self.post("/v1/completions", &body).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["model"], model);
        answer["choices"].clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_to_two_models_at_once_get_the_bits_that_each_gives_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (packaged_model(), other_model(folder.path()));
    let models: [(&'static str, &Path); 2] = [("first", &first), ("second", &second)];
    let both = Worker::start(&models).await;
    let mut asked = JoinSet::new();
    for number in 0..6 {
        for (id, _) in models {
            let both = both.clone();
            asked.spawn(async move { (id, number, both.choices(id, number).await) });
        }
    }
    let together = asked.join_all().await;
    assert_eq!(together.len(), 12);
    for (id, folder) in models {
        let alone = Worker::start(&[(id, folder)]).await;
        for (_, number, choices) in together.iter().filter(|(model, ..)| *model == id) {
            assert_eq!(*choices, alone.choices(id, *number).await, "{id} {number}");
        }
    }
    // They are two models, not one under two names.
    let text = |id| {
        together
            .iter()
            .find(|(model, number, _)| (*model, *number) == (id, 0))
            .unwrap()
            .2
            .clone()
    };
    assert_ne!(text("first")[0]["text"], text("second")[0]["text"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_prompts_are_answered_as_each_alone_and_an_echo_begins_with_its_prompt() {
    let first = packaged_model();
    let worker = Worker::start(&[("first", &first)]).await;
    let ask = async |more: Value| {
        let mut body = json!({"model": "first", "max_tokens": 5, "temperature": 0, "n": 2});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let (status, answer) = worker.post("/v1/completions", &body).await;
        assert_eq!(status, 200, "{answer}");
        answer
    };
    let prompts = [
        json!("And the king said"),
        json!([5, 6, 7]),
        json!("In the beginning"),
    ];
    let (mut choices, mut tokens) = (Vec::new(), 0);
    for prompt in &prompts {
        let alone = ask(json!({"prompt": prompt})).await;
        choices.extend(alone["choices"].as_array().unwrap().clone());
        tokens += alone["usage"]["prompt_tokens"].as_u64().unwrap();
    }
    for (index, choice) in choices.iter_mut().enumerate() {
        choice["index"] = index.into();
    }
    let together = ask(json!({"prompt": prompts})).await;
    assert_eq!(together["choices"], json!(choices));
    assert_eq!(together["usage"]["prompt_tokens"], tokens);
    let echoed = ask(json!({"prompt": prompts, "echo": true})).await;
    for (choice, plain) in echoed["choices"].as_array().unwrap().iter().zip(&choices) {
        let (text, plain) = (choice["text"].as_str().unwrap(), plain["text"].as_str().unwrap());
        let prompt = text.strip_suffix(plain).unwrap();
        match &prompts[choice["index"].as_u64().unwrap() as usize / 2] {
            Value::String(sent) => assert_eq!(prompt, sent),
            _ => assert!(!prompt.is_empty()),
        }
    }
    // What a model cannot do is refused whichever prompt asks for it.
    let wrong = json!({"model": "first", "prompt": ["a", [4_000_000]]});
    let (status, answer) = worker.post("/v1/completions", &wrong).await;
    assert_eq!(
        (status, &answer["error"]["param"]),
        (400, &json!("prompt")),
        "{answer}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_models_are_listed_and_counted_and_an_unknown_one_is_not_found() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (packaged_model(), other_model(folder.path()));
    let both = Worker::start(&[("first", &first), ("second", &second)]).await;
    let (_, listed) = both.get("/v1/models").await;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let ids: Vec<&str> = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["first", "second"]);
    assert_eq!(both.get("/v1/models/second").await.0, 200);
    assert_eq!(both.get("/v1/models/third").await.0, 404);
    for path in ["/v1/completions", "/v1/chat/completions"] {
        let mut body = json!({"model": "third", "prompt": "x", "max_tokens": 1});
        if path.contains("chat") {
            body = json!({"model": "third", "messages": [{"role": "user", "content": "x"}]});
        }
        let (status, answer) = both.post(path, &body).await;
        assert_eq!(
            (status, &answer["error"]["code"]),
            (404, &json!("model_not_found")),
            "{answer}"
        );
    }
    // Which tokens a text has depends on the model, so it must be named.
    let (status, answer) = both.post("/tokenize", &json!({"prompt": "the king"})).await;
    assert!(
        status == 400 && answer.to_string().contains("first, second"),
        "{answer}"
    );
    let (status, answer) = both
        .post("/tokenize", &json!({"model": "second", "prompt": "the king"}))
        .await;
    assert!(status == 200 && answer["count"].as_u64().unwrap() > 0, "{answer}");
    both.choices("second", 1).await;
    let (_, metrics) = both.get("/metrics").await;
    let count = |model: &str| format!("quern_worker_completion_tokens_total{{model=\"{model}\"}} ");
    assert!(metrics.contains(&format!("{}0\n", count("first"))), "{metrics}");
    assert!(!metrics.contains(&format!("{}0\n", count("second"))), "{metrics}");
    assert!(
        metrics.contains(r#"requests_total{model="",outcome="refused"} 2"#),
        "{metrics}"
    );
}
