//! The gateway against a chain in memory and hosts that keep or break the rules, over real TLS and HTTP.

mod agent;
mod breaks;
mod chain;
mod client;
mod conduct;
mod direct;
mod gone_wrong;
mod host;
mod job;
mod leavers;
#[path = "../../../worker/src/paid/tests/little_room.rs"]
mod little_room;
mod misses;
mod once;
mod paid;
mod real;
mod restarts;
mod several;
mod unseen;

use crate::http_api::{self, Backend, Service};
use crate::keeper::{self, Policy};
use crate::keys::{Holder, Keys};
use crate::metrics::Metrics;
use crate::once::Once;
use crate::paid::{Gateway, Payer};
use crate::rates::{Limit, Rates};
use crate::setup::{Parts, Running, session_key};
use chain::TestChain;
use host::{Conduct, TestHost};
use quern_chain_client::SigningKey;
use quern_protocol::{Amount, Price};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const MODEL: &str = "test-model";

/// How long a router waits for a first token, if nothing else is said.
const FIRST_TOKEN: Duration = Duration::from_millis(700);

/// Everything but the router.
struct World {
    chain: Arc<TestChain>,
    hosts: Vec<Arc<TestHost>>,
    folder: tempfile::TempDir,
    budget: u128,
    /// How long a router waits for an answer in one piece.
    whole: Duration,
    /// Whose agent the router's account is, if not its own.
    principal: Option<String>,
    limits: BTreeMap<String, Limit>,
    models: Vec<String>,
}

/// A running router.
struct Router {
    gateway: Arc<Gateway>,
    url: String,
    running: Running,
    server: tokio::task::JoinHandle<()>,
    service: Arc<Service>,
}

impl World {
    async fn new(conducts: &[Conduct]) -> Self {
        let chain = Arc::new(TestChain::default());
        let mut hosts = Vec::new();
        for (index, conduct) in conducts.iter().enumerate() {
            hosts.push(TestHost::start(index as u8 + 1, *conduct, &chain).await);
        }
        Self {
            chain,
            hosts,
            folder: tempfile::tempdir().unwrap(),
            budget: 10_000_000,
            whole: Duration::from_secs(2),
            principal: None,
            limits: BTreeMap::new(),
            models: vec![MODEL.into()],
        }
    }

    async fn router(&self) -> Router {
        self.router_with(FIRST_TOKEN).await
    }

    async fn router_with(&self, first_token: Duration) -> Router {
        let router = self.start(first_token).await;
        until("sessions are open", || router.gateway.is_ready()).await;
        router
    }

    /// A router that may not be ready.
    async fn start(&self, first_token: Duration) -> Router {
        let state = self.folder.path();
        let account = SigningKey::from_secret([99; 32].into()).unwrap();
        let payer = Payer {
            address: self.principal.clone().unwrap_or(account.address().unwrap()),
            account,
            session_key: session_key(state, "payer").unwrap(),
        };
        let keys = Keys::Open(Holder {
            name: "ann".into(),
            budget: Amount(self.budget),
            payer: None,
        });
        let metrics = Metrics::new().unwrap();
        let parts = Parts {
            state,
            payers: BTreeMap::from([("payer".to_owned(), payer)]),
            models: self.models.clone(),
            max_price: "5".parse().unwrap(),
            transport_key: None,
            first_token,
            whole: self.whole,
            // Until the first has ended.
            alone: Duration::from_secs(60),
        };
        let (gateway, mut running) = parts
            .gateway(chain::contracts(&self.chain), &keys, &metrics)
            .await
            .unwrap();
        let policy = Policy {
            escrow: Amount(3_000_000),
            max_price: "5".parse::<Price>().unwrap(),
            blocks: 1_000,
            router: None,
            dead_after: Duration::from_secs(7),
        };
        running.add(keeper::start(&gateway, policy));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let window = Duration::from_secs(600);
        let service = Arc::new(Service {
            keys,
            parting: crate::keys::Parting::new().unwrap(),
            backend: Backend::Paid(gateway.clone()),
            metrics,
            rates: Arc::new(Rates::new(self.limits.clone())),
            once: Once::open(Some(&state.join("idempotency")), window, 1).unwrap(),
            listings: crate::listings::Listings::default(),
            started: 0,
        });
        let router = http_api::router(service.clone());
        let server = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Router {
            gateway,
            url,
            running,
            server,
            service,
        }
    }
}

impl Router {
    /// An orderly end.
    async fn stop(self) {
        let gateway = Arc::downgrade(&self.gateway);
        self.server.abort();
        let _ = self.server.await;
        self.service.once.stop().await;
        drop(self.service);
        self.running.stop().await;
        drop(self.gateway);
        gone(&gateway).await;
    }

    /// The process dies: nothing more is written.
    async fn kill(self) {
        self.server.abort();
        let _ = self.server.await;
        let gateway = Arc::downgrade(&self.gateway);
        self.service.once.stop().await;
        drop(self.service);
        self.running.kill().await;
        drop(self.gateway);
        gone(&gateway).await;
    }

    fn budget(&self) -> crate::ledger::KeyBook {
        self.gateway
            .books
            .with(|ledger| ledger.keys.get("ann").cloned().unwrap_or_default())
    }
}

/// Waits until nothing holds the journals any more.
async fn gone(gateway: &std::sync::Weak<Gateway>) {
    until("the router is gone", || gateway.strong_count() == 0).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
}

/// Waits for something that must come.
async fn until(what: &str, mut is: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is() {
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "waited in vain: {what}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// All bytes that lie in a folder.
fn bytes_in(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(bytes_in(&path));
        } else {
            all.extend(std::fs::read(path).unwrap());
        }
    }
    all
}
