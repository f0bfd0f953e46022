//! Two workers on the test's chain.

use super::contract::{Contracts, audits, settlement};
use super::node::{self, Shared};
use super::receipts::{Lie, model_hash, serve};
use super::{AUDITOR, CHAIN, HOST, MODEL, session_info};
use crate::audit;
use crate::audit::judge::Honest;
use crate::http::{self, Service, Services};
use crate::metrics::{HostMetrics, Metrics};
use crate::model::Text;
use crate::model::tests::{other_model, packaged_model};
use crate::paid::batch::{plan, tree};
use crate::paid::config::ChainConfig;
use crate::paid::record::Record;
use crate::paid::tests::own;
use crate::paid::{Own, Paid};
use crate::scheduler::Scheduler;
use quern_engine_torch::{Device, LlamaEngine, LoadOptions};
use quern_transport::{SecureListener, served};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::AbortHandle;

/// A worker, its server and its tasks.
pub(crate) struct Running {
    pub(super) services: Services,
    pub(crate) url: String,
    tasks: Vec<AbortHandle>,
}

impl Running {
    /// Ends it as a crash does: nothing more is written.
    pub(crate) async fn kill(self) {
        for task in &self.tasks {
            task.abort();
        }
        // The journal's lock goes with the last holder.
        let paid = Arc::downgrade(self.services.paid.as_ref().unwrap());
        drop(self);
        for _ in 0..500 {
            if paid.strong_count() == 0 {
                // Its thread ends last.
                return tokio::time::sleep(Duration::from_millis(300)).await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("something still holds the worker");
    }

    pub(crate) fn paid(&self) -> &Arc<Paid> {
        self.services.paid.as_ref().unwrap()
    }
}

/// A model and its engine.
struct Loaded {
    id: &'static str,
    folder: PathBuf,
    text: Arc<Text>,
    scheduler: Scheduler,
}

/// A chain and its models.
pub(crate) struct World {
    pub(super) node: Shared,
    rpc: String,
    models: Vec<Loaded>,
    folder: tempfile::TempDir,
}

fn engine(folder: &Path) -> LlamaEngine {
    let options = LoadOptions {
        slots: 2,
        device: Device::Cpu,
        ..LoadOptions::default()
    };
    LlamaEngine::load(folder, &options).unwrap()
}

impl World {
    /// With the packaged model.
    pub(crate) async fn new() -> Self {
        Self::of(&[MODEL]).await
    }

    /// With the packaged model, and one of other weights under any other id.
    pub(crate) async fn of(ids: &[&'static str]) -> Self {
        let (rpc, node) = node::start().await;
        let folder = tempfile::tempdir().unwrap();
        let load = |id: &&'static str| {
            let id = *id;
            let from = match id {
                MODEL => packaged_model(),
                _ => other_model(&folder.path().join("models").join(id)),
            };
            let text = Arc::new(Text::load(&from).unwrap());
            let metrics = Metrics::alone(id).unwrap();
            let (scheduler, serving) = Scheduler::new(4, 1, metrics, text.tokenizer.clone());
            let weights = from.clone();
            std::thread::spawn(move || {
                quern_engine_torch::set_threads(1);
                serving.run(&mut engine(&weights));
            });
            Loaded {
                id,
                folder: from,
                text,
                scheduler,
            }
        };
        Self {
            node,
            rpc,
            models: ids.iter().map(load).collect(),
            folder,
        }
    }

    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut Contracts) -> T) -> T {
        change(&mut self.node.lock().unwrap().contracts)
    }

    /// Waits until something holds on chain.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&Contracts) -> bool) {
        for _ in 0..3_000 {
            if self.with(|contracts| holds(contracts)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!(
            "never came: {what}; {:?}",
            self.with(|contracts| contracts.clone())
        );
    }

    fn open(&self, name: &str, models: &[&str]) -> Services {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("chain.json");
        let config = json!({"chain_id": CHAIN, "nodes": [self.rpc], "host": name, "warm_keys": ["warm"],
            "contracts": {"registry": "registry", "settlement": settlement(), "audits": audits()},
            "transport_key": "transport", "journal": "journal", "poll_ms": 20});
        std::fs::write(&path, config.to_string()).unwrap();
        let warm = folder.join("warm");
        if !warm.exists() {
            quern_keyfile::create(&warm, &[12; 32]).unwrap();
        }
        let metrics = HostMetrics::new().unwrap();
        let config = ChainConfig::load(&path).unwrap();
        let served = self.models.iter().filter(|model| models.contains(&model.id));
        let owned = |model: &Loaded| own(model.id, model_hash(model.id), &metrics);
        let own: Vec<Own> = served.clone().map(owned).collect();
        let service = |(model, own): (&Loaded, &Own)| Service {
            model_id: model.id.into(),
            created: 0,
            context: 2_048,
            text: model.text.clone(),
            scheduler: model.scheduler.clone(),
            metrics: own.metrics.clone(),
        };
        let all = served.zip(&own).map(service).collect();
        let paid = Paid::open(config, own, metrics.clone(), Arc::new(Honest)).unwrap();
        Services::new(all, metrics, Some(Arc::new(paid)))
    }

    /// Starts a worker, or starts it again. One that does not `serve` is unreachable.
    pub(crate) async fn start(&self, name: &str, serve: bool) -> Running {
        let all: Vec<&str> = self.models.iter().map(|model| model.id).collect();
        self.start_with(name, serve, &all).await
    }

    /// The same for a worker that serves some of the models.
    pub(super) async fn start_with(&self, name: &str, serve: bool, models: &[&str]) -> Running {
        let services = self.open(name, models);
        let paid = services.paid.clone().unwrap();
        let tcp = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", tcp.local_addr().unwrap());
        let key = paid.transport_key.public();
        self.with(|contracts| contracts.hosts.insert(name.into(), (url.clone(), key)));
        let mut tasks = Vec::new();
        if serve {
            let listener = SecureListener::new(tcp, &paid.transport_key).unwrap();
            let router = served(http::router(services.clone()));
            tasks.push(tokio::spawn(async move { drop(axum::serve(listener, router).await) }).abort_handle());
        }
        tasks.push(tokio::spawn(paid.follow.clone().run()).abort_handle());
        tasks.push(tokio::spawn(audit::run(services.clone())).abort_handle());
        Running { services, url, tasks }
    }

    /// The audited host with its receipts committed in one batch, and its auditor.
    pub(super) async fn pair(&self, lies: &[Lie], reachable: bool) -> (Running, Running) {
        let host = self.start(HOST, reachable).await;
        let served: Vec<_> = lies.iter().map(|lie| (MODEL, *lie)).collect();
        self.commit(&host, &served).await;
        (host, self.start(AUDITOR, true).await)
    }

    /// Has a host serve requests for models, and commit their receipts in one batch.
    pub(super) async fn commit(&self, host: &Running, served: &[(&str, Lie)]) {
        let paid = host.paid().clone();
        for loaded in &self.models {
            let mut engine = engine(&loaded.folder);
            let lies = served.iter().filter(|(model, _)| *model == loaded.id);
            for (nonce, (model, lie)) in (1..).zip(lies) {
                let service = host.services.get(model).unwrap();
                let record = serve(service, &mut engine, nonce, *lie);
                paid.store.append(record).await.unwrap();
            }
        }
        let known = |id| Some(Arc::new(session_info(id)));
        let planned = plan(&mut paid.store.book(), paid.committer(), 1, 205, known)
            .0
            .unwrap();
        let root = tree(&planned, paid.committer()).unwrap().root().unwrap();
        paid.store.append(Record::Batch(planned)).await.unwrap();
        paid.store
            .append(Record::Committed { sequence: 1 })
            .await
            .unwrap();
        self.with(|contracts| contracts.root = Some(root));
    }
}
