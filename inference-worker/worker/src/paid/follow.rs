//! What the chain says, block by block.

use crate::metrics::Metrics;
use crate::paid::config::ChainConfig;
use crate::paid::registration::{self, Worker};
use quern_chain_client::{Chain, ChainError, SigningKey};
use quern_interface::registry::{HostInfo, LaunchPackage, QueryMsg as Registry};
use quern_interface::settlement::{Contracts, Params, QueryMsg as Settlement};
use quern_protocol::{Hash, Price};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Heights whose facts are kept.
const KEPT: usize = 128;
/// Blocks between two looks at things that change rarely.
const RARELY: u64 = 50;

/// What a height fixes for the vouchers that name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) beacon: Hash,
    pub(crate) price: Price,
}

/// What was last seen.
#[derive(Debug, Default)]
struct Seen {
    facts: BTreeMap<u64, Facts>,
    key: Option<SigningKey>,
    params: Option<Params>,
    maintenance: Vec<(u64, u64)>,
    /// Who answers `price_at`, once asked.
    price_source: Option<String>,
    convicted: bool,
    problem: Option<String>,
}

/// Follows the chain; clones look at the same.
#[derive(Clone, Debug)]
pub(crate) struct Follow {
    pub(crate) chain: Chain,
    config: Arc<ChainConfig>,
    model: Arc<str>,
    model_hash: Hash,
    transport_key: [u8; 32],
    warm_keys: Arc<[SigningKey]>,
    seen: Arc<Mutex<Seen>>,
    /// For the engine's thread, which cannot wait.
    pub(crate) height: Arc<AtomicU64>,
    heights: Arc<watch::Sender<u64>>,
    metrics: Metrics,
}

impl Follow {
    pub(crate) fn new(
        chain: Chain,
        config: Arc<ChainConfig>,
        (model, model_hash): (&str, Hash),
        transport_key: [u8; 32],
        warm_keys: Vec<SigningKey>,
        metrics: Metrics,
    ) -> Self {
        let seen = Seen {
            problem: Some("the chain was not reached yet".into()),
            ..Seen::default()
        };
        Self {
            chain,
            config,
            model: model.into(),
            model_hash,
            transport_key,
            warm_keys: warm_keys.into(),
            seen: Arc::new(Mutex::new(seen)),
            height: Arc::default(),
            heights: Arc::new(watch::Sender::new(0)),
            metrics,
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows until the task is dropped.
    pub(crate) async fn run(self) {
        let pause = Duration::from_millis(self.config.poll_ms.max(20));
        let mut failures = 0;
        loop {
            match self.look().await {
                Ok(()) => failures = 0,
                Err(error) => {
                    failures += 1;
                    // One failure may be a node's hiccup; the next look comes soon.
                    if failures > 1 {
                        self.note(Some(error.to_string()));
                    }
                }
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Remembers why no paid work can be done, and says so once.
    fn note(&self, problem: Option<String>) {
        let mut seen = self.seen();
        if seen.problem != problem {
            match &problem {
                Some(problem) => tracing::error!(problem, "no paid work can be done"),
                None => tracing::info!("paid work can be done"),
            }
            self.metrics.chain_ready.set(i64::from(problem.is_none()));
            seen.problem = problem;
        }
    }

    async fn look(&self) -> Result<(), ChainError> {
        let height = self.chain.height().await?;
        let before = self.height();
        if height <= before {
            return Ok(());
        }
        let registry = &self.config.contracts.registry;
        let host = Registry::Host {
            host: self.config.host.clone(),
        };
        let model = Registry::Model {
            model: self.model.to_string(),
        };
        if before == 0 || height / RARELY != before / RARELY {
            let settlement = &self.config.contracts.settlement;
            let params = self
                .chain
                .smart::<Params>(settlement, &Settlement::Params {})
                .await?;
            self.seen().params = Some(params.value);
        }
        let host = self.chain.smart::<HostInfo>(registry, &host).await?.value;
        let model = self.chain.smart::<LaunchPackage>(registry, &model).await?.value;
        let worker = Worker {
            model: &self.model,
            model_hash: &self.model_hash,
            transport_key: self.transport_key,
            warm_keys: &self.warm_keys,
        };
        let key = registration::check(&host, &model, worker);
        let conviction = registration::conviction(&host, &self.model, height);
        self.metrics.convicted.set(i64::from(conviction.is_some()));
        let facts = self.ask_facts(height).await?;
        {
            let mut seen = self.seen();
            seen.convicted = conviction.is_some();
            seen.maintenance = host.maintenance;
            seen.key = key.as_ref().ok().cloned();
            remember(&mut seen.facts, height, facts);
        }
        // A convicted host still signs: it reveals what is drawn and claims what is due.
        self.note(key.err().or(conviction));
        // Last, so that who waits for the height finds the rest in place.
        self.height.store(height, Ordering::Relaxed);
        self.heights.send_replace(height);
        self.metrics.chain_height.set(height as i64);
        Ok(())
    }

    /// As if the chain had said so.
    #[cfg(test)]
    pub(crate) fn pretend(&self, height: u64, facts: Facts, key: Option<SigningKey>) {
        {
            let mut seen = self.seen();
            seen.key = key;
            seen.problem = None;
            remember(&mut seen.facts, height, facts);
        }
        self.height.store(height, Ordering::Relaxed);
        self.heights.send_replace(height);
    }

    /// The model that is served.
    pub(crate) fn model(&self) -> &str {
        &self.model
    }

    /// The chain's height, 0 before it was reached.
    pub(crate) fn height(&self) -> u64 {
        self.height.load(Ordering::Relaxed)
    }

    /// Heights as they come.
    pub(crate) fn heights(&self) -> watch::Receiver<u64> {
        self.heights.subscribe()
    }

    /// Why no paid work can be done now, if so.
    pub(crate) fn problem(&self) -> Option<String> {
        self.seen().problem.clone()
    }

    /// The key that the registry names, if the worker has it.
    pub(crate) fn key(&self) -> Option<SigningKey> {
        self.seen().key.clone()
    }

    /// Whether the host stands convicted for its model.
    pub(crate) fn is_convicted(&self) -> bool {
        self.seen().convicted
    }

    /// Parameters of settlement, once seen.
    pub(crate) fn params(&self) -> Option<Params> {
        self.seen().params.clone()
    }

    /// Whether a declared maintenance window is open.
    pub(crate) fn in_maintenance(&self) -> bool {
        let height = self.height();
        self.seen()
            .maintenance
            .iter()
            .any(|(from, to)| (*from..*to).contains(&height))
    }

    /// Beacon and price of a height.
    ///
    /// # Errors
    /// When they were not seen in time and the chain does not tell.
    pub(crate) async fn facts(&self, height: u64) -> Result<Facts, ChainError> {
        if let Some(facts) = self.seen().facts.get(&height) {
            return Ok(*facts);
        }
        let facts = self.ask_facts(height).await?;
        remember(&mut self.seen().facts, height, facts);
        Ok(facts)
    }

    /// Who answers `price_at`. Settlement judges receipts by its own source, so a host must not guess another.
    async fn price_source(&self) -> Result<String, ChainError> {
        let contracts = &self.config.contracts;
        if let Some(source) = contracts
            .pricing
            .clone()
            .or_else(|| self.seen().price_source.clone())
        {
            return Ok(source);
        }
        let question = Settlement::Contracts {};
        let answer = self
            .chain
            .smart::<Contracts>(&contracts.settlement, &question)
            .await?;
        let source = answer.value.price_source;
        self.seen().price_source = Some(source.clone());
        Ok(source)
    }

    async fn ask_facts(&self, height: u64) -> Result<Facts, ChainError> {
        let beacon = Hash::new(self.chain.beacon(height).await?);
        let model = self.model.to_string();
        let question = Registry::PriceAt { model, height };
        let source = self.price_source().await?;
        let price = self.chain.smart(&source, &question).await?.value;
        Ok(Facts { beacon, price })
    }
}

fn remember(facts: &mut BTreeMap<u64, Facts>, height: u64, new: Facts) {
    facts.insert(height, new);
    while facts.len() > KEPT {
        facts.pop_first();
    }
}
