//! Two workers on the test's chain.

use super::contract::{Contracts, audits, settlement};
use super::node::{self, Shared};
use super::receipts::{Lie, model_hash, serve};
use super::{AUDITOR, CHAIN, HOST, MODEL};
use crate::audit;
use crate::audit::judge::Honest;
use crate::http::{self, Service};
use crate::metrics::Metrics;
use crate::model::Text;
use crate::paid::Paid;
use crate::paid::batch::{plan, tree};
use crate::paid::config::ChainConfig;
use crate::paid::record::Record;
use crate::paid::tests::session;
use crate::scheduler::Scheduler;
use quern_engine_torch::{Device, LlamaEngine, LoadOptions};
use quern_transport::{Peer, SecureListener};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::AbortHandle;

/// A worker, its server and its tasks.
pub(crate) struct Running {
    pub(super) service: Service,
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
        let paid = Arc::downgrade(self.service.paid.as_ref().unwrap());
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
        self.service.paid.as_ref().unwrap()
    }
}

/// A chain and a model.
pub(crate) struct World {
    pub(super) node: Shared,
    rpc: String,
    scheduler: Scheduler,
    text: Arc<Text>,
    folder: tempfile::TempDir,
}

fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/quern-small")
}

fn engine() -> LlamaEngine {
    let options = LoadOptions {
        slots: 2,
        device: Device::Cpu,
        ..LoadOptions::default()
    };
    LlamaEngine::load(&model(), &options).unwrap()
}

impl World {
    pub(crate) async fn new() -> Self {
        let (rpc, node) = node::start().await;
        let text = Arc::new(Text::load(&model()).unwrap());
        let metrics = Metrics::new().unwrap();
        let (scheduler, serving) = Scheduler::new(4, 1, metrics, text.tokenizer.clone());
        std::thread::spawn(move || {
            quern_engine_torch::set_threads(1);
            serving.run(&mut engine());
        });
        Self {
            node,
            rpc,
            scheduler,
            text,
            folder: tempfile::tempdir().unwrap(),
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

    fn open(&self, name: &str) -> Service {
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
        let metrics = Metrics::new().unwrap();
        let config = ChainConfig::load(&path).unwrap();
        let paid = Paid::open(config, MODEL, model_hash(), metrics.clone(), Arc::new(Honest)).unwrap();
        Service {
            model_id: MODEL.into(),
            created: 0,
            context: 2_048,
            text: self.text.clone(),
            scheduler: self.scheduler.clone(),
            metrics,
            paid: Some(Arc::new(paid)),
        }
    }

    /// Starts a worker, or starts it again. One that does not `serve` is unreachable.
    pub(crate) async fn start(&self, name: &str, serve: bool) -> Running {
        let service = self.open(name);
        let paid = service.paid.clone().unwrap();
        let tcp = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", tcp.local_addr().unwrap());
        let key = paid.transport_key.public();
        self.with(|contracts| contracts.hosts.insert(name.into(), (url.clone(), key)));
        let mut tasks = Vec::new();
        if serve {
            let listener = SecureListener::new(tcp, &paid.transport_key).unwrap();
            let router = http::router(service.clone()).into_make_service_with_connect_info::<Peer>();
            tasks.push(tokio::spawn(async move { drop(axum::serve(listener, router).await) }).abort_handle());
        }
        tasks.push(tokio::spawn(paid.follow.clone().run()).abort_handle());
        tasks.push(tokio::spawn(audit::run(service.clone())).abort_handle());
        Running { service, url, tasks }
    }

    /// The audited host with its receipts committed in one batch, and its auditor.
    pub(super) async fn pair(&self, lies: &[Lie], reachable: bool) -> (Running, Running) {
        let host = self.start(HOST, reachable).await;
        let paid = host.paid().clone();
        let mut engine = engine();
        for (nonce, lie) in (1..).zip(lies) {
            let record = serve(&host.service, &mut engine, nonce, *lie);
            paid.store.append(record).await.unwrap();
        }
        let known = |_| Some(Arc::new(session()));
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
        let auditor = self.start(AUDITOR, true).await;
        (host, auditor)
    }
}
