//! What the chain says, block by block.

use crate::metrics::{HostMetrics, Metrics};
use crate::paid::config::ChainConfig;
use crate::paid::registration::{self, Standing, Worker};
use quern_chain_client::{Chain, ChainError, SigningKey};
use quern_interface::registry::{HostInfo, LaunchPackage, QueryMsg as Registry};
use quern_interface::settlement::{Contracts, Params, QueryMsg as Settlement};
use quern_protocol::{Hash, Price};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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

/// A model that this worker serves.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    pub(crate) id: String,
    pub(crate) hash: Hash,
    pub(crate) metrics: Metrics,
}

/// What was last seen.
#[derive(Debug, Default)]
struct Seen {
    /// By model, in the worker's order.
    models: Vec<SeenModel>,
    key: Option<SigningKey>,
    params: Option<Params>,
    maintenance: Vec<(u64, u64)>,
    /// Who answers `price_at`, once asked.
    price_source: Option<String>,
    /// What is in the way of every model.
    problem: Option<String>,
}

/// What was last seen of one model.
#[derive(Clone, Debug, Default)]
struct SeenModel {
    facts: BTreeMap<u64, Facts>,
    standing: Standing,
}

/// Follows the chain; clones look at the same.
#[derive(Clone, Debug)]
pub(crate) struct Follow {
    pub(crate) chain: Chain,
    config: Arc<ChainConfig>,
    pub(crate) models: Arc<[Own]>,
    transport_key: [u8; 32],
    warm_keys: Arc<[SigningKey]>,
    seen: Arc<Mutex<Seen>>,
    /// For the engines' threads, which cannot wait.
    pub(crate) height: Arc<AtomicU64>,
    heights: Arc<watch::Sender<u64>>,
    /// Whether this host's batches on the chain were compared with its journal.
    compared: Arc<AtomicBool>,
    metrics: HostMetrics,
}

/// Whether the registry has no such model: its errors begin with stable names.
fn is_unknown(error: &ChainError) -> bool {
    error.is_refusal() && error.to_string().contains("unknown_model")
}

impl Follow {
    pub(crate) fn new(
        chain: Chain,
        config: Arc<ChainConfig>,
        models: Vec<Own>,
        transport_key: [u8; 32],
        warm_keys: Vec<SigningKey>,
        metrics: HostMetrics,
    ) -> Self {
        let seen = Seen {
            models: vec![SeenModel::default(); models.len()],
            problem: Some("the chain was not reached yet".into()),
            ..Seen::default()
        };
        Self {
            chain,
            config,
            models: models.into(),
            transport_key,
            warm_keys: warm_keys.into(),
            seen: Arc::new(Mutex::new(seen)),
            height: Arc::default(),
            heights: Arc::new(watch::Sender::new(0)),
            compared: Arc::default(),
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

    /// Remembers what is in the way of every model, and says so once.
    fn note(&self, problem: Option<String>) {
        let mut seen = self.seen();
        if seen.problem != problem {
            match &problem {
                Some(problem) => tracing::error!(problem, "no paid work can be done"),
                None => tracing::info!("paid work can be done"),
            }
            seen.problem = problem;
        }
        let ready = seen.common().is_none() && self.is_compared();
        self.metrics.chain_ready.set(i64::from(ready));
    }

    /// Whether this host's batches on the chain were compared with its journal since it started. Before, a lost journal
    /// is not noticed, and what was served already would be served and signed for again.
    pub(crate) fn is_compared(&self) -> bool {
        self.compared.load(Ordering::SeqCst)
    }

    /// They were; says so once.
    pub(crate) fn set_compared(&self) {
        if !self.compared.swap(true, Ordering::SeqCst) {
            tracing::info!("the journal was compared with this host's batches on the chain");
            let ready = self.problem().is_none();
            self.metrics.chain_ready.set(i64::from(ready));
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
        if before == 0 || height / RARELY != before / RARELY {
            let settlement = &self.config.contracts.settlement;
            let params = self
                .chain
                .smart::<Params>(settlement, &Settlement::Params {})
                .await?;
            self.seen().params = Some(params.value);
        }
        let host = self.chain.smart::<HostInfo>(registry, &host).await?.value;
        let worker = Worker {
            transport_key: self.transport_key,
            warm_keys: &self.warm_keys,
        };
        let key = registration::check(&host, worker);
        let beacon = Hash::new(self.chain.beacon(height).await?);
        let mut models = Vec::with_capacity(self.models.len());
        for own in &*self.models {
            let seen = match self.look_at(own, &host, height).await {
                // What the chain does not know of one model is no matter of the others; what a node fails to answer is.
                Err(error) if is_unknown(&error) => (Standing::unknown(&own.id, &error.to_string()), None),
                seen => seen.map(|(standing, price)| (standing, Some(Facts { beacon, price })))?,
            };
            models.push(seen);
        }
        {
            let mut seen = self.seen();
            seen.maintenance = host.maintenance;
            seen.key = key.as_ref().ok().cloned();
            for ((own, model), (standing, facts)) in self.models.iter().zip(&mut seen.models).zip(models) {
                own.metrics.convicted.set(i64::from(standing.convicted.is_some()));
                model.take(&own.id, standing);
                if let Some(facts) = facts {
                    remember(&mut model.facts, height, facts);
                }
            }
        }
        self.note(key.err());
        // Last, so that who waits for the height finds the rest in place.
        self.height.store(height, Ordering::Relaxed);
        self.heights.send_replace(height);
        self.metrics.chain_height.set(height as i64);
        Ok(())
    }

    /// How the chain has one model, and its price at a height.
    async fn look_at(
        &self,
        own: &Own,
        host: &HostInfo,
        height: u64,
    ) -> Result<(Standing, Price), ChainError> {
        let registry = &self.config.contracts.registry;
        let question = Registry::Model {
            model: own.id.clone(),
        };
        let package = self
            .chain
            .smart::<LaunchPackage>(registry, &question)
            .await?
            .value;
        let standing = Standing::of(host, &package, (&own.id, &own.hash), height);
        Ok((standing, self.ask_price(&own.id, height).await?))
    }

    /// As if the chain had said so of every model.
    #[cfg(test)]
    pub(crate) fn pretend(&self, height: u64, facts: Facts, key: Option<SigningKey>) {
        {
            let mut seen = self.seen();
            seen.key = key;
            seen.problem = None;
            for model in &mut seen.models {
                remember(&mut model.facts, height, facts);
            }
        }
        self.set_compared();
        self.height.store(height, Ordering::Relaxed);
        self.heights.send_replace(height);
    }

    /// As if the chain had said so of one.
    #[cfg(test)]
    pub(crate) fn pretend_standing(&self, model: &str, standing: Standing) {
        let at = self.models.iter().position(|own| own.id == model).unwrap();
        self.seen().models[at].standing = standing;
    }

    /// A model that this worker serves.
    pub(crate) fn own(&self, model: &str) -> Option<&Own> {
        self.models.iter().find(|own| own.id == model)
    }

    /// The chain's height, 0 before it was reached.
    pub(crate) fn height(&self) -> u64 {
        self.height.load(Ordering::Relaxed)
    }

    /// Heights as they come.
    pub(crate) fn heights(&self) -> watch::Receiver<u64> {
        self.heights.subscribe()
    }

    /// Why no paid work can be done now with any model, if so.
    pub(crate) fn problem(&self) -> Option<String> {
        self.seen().common()
    }

    /// Why no paid work can be done now with a model, if so.
    pub(crate) fn problem_with(&self, model: &str) -> Option<String> {
        let own = || self.standing(model).problem().cloned();
        let common = self.seen().problem.clone();
        common.or_else(own)
    }

    /// How the chain has a model, as last seen.
    pub(crate) fn standing(&self, model: &str) -> Standing {
        let at = self.models.iter().position(|own| own.id == model);
        let seen = self.seen();
        let found = at
            .and_then(|at| seen.models.get(at))
            .map(|seen| seen.standing.clone());
        found.unwrap_or_else(|| Standing::unknown(model, "it is not served here"))
    }

    /// The key that the registry names, if the worker has it. A convicted host still signs: it reveals what is drawn and
    /// claims what is due.
    pub(crate) fn key(&self) -> Option<SigningKey> {
        self.seen().key.clone()
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

    /// Beacon and a model's price of a height.
    ///
    /// # Errors
    /// When they were not seen in time and the chain does not tell.
    pub(crate) async fn facts(&self, model: &str, height: u64) -> Result<Facts, ChainError> {
        let at = self.models.iter().position(|own| own.id == model);
        let known = {
            let seen = self.seen();
            let known = at.and_then(|at| seen.models.get(at));
            known.and_then(|model| model.facts.get(&height)).copied()
        };
        if let Some(facts) = known {
            return Ok(facts);
        }
        let facts = Facts {
            beacon: Hash::new(self.chain.beacon(height).await?),
            price: self.ask_price(model, height).await?,
        };
        if let Some(at) = at
            && let Some(model) = self.seen().models.get_mut(at)
        {
            remember(&mut model.facts, height, facts);
        }
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

    async fn ask_price(&self, model: &str, height: u64) -> Result<Price, ChainError> {
        let model = model.to_owned();
        let question = Registry::PriceAt { model, height };
        let source = self.price_source().await?;
        Ok(self.chain.smart(&source, &question).await?.value)
    }
}

impl Seen {
    /// What is in the way of every model: one reason for all, or each one's.
    fn common(&self) -> Option<String> {
        let each = || {
            let reasons: Option<Vec<&str>> = self
                .models
                .iter()
                .map(|model| model.standing.problem().map(String::as_str))
                .collect();
            reasons.map(|reasons| reasons.join("; "))
        };
        self.problem.clone().or_else(each)
    }
}

impl SeenModel {
    /// Takes in how the chain has the model, and says so if that changed.
    fn take(&mut self, id: &str, standing: Standing) {
        let problem = standing.problem();
        if self.standing.problem() != problem {
            match problem {
                Some(problem) => {
                    tracing::error!(model = id, problem, "no paid work can be done with a model")
                }
                None => tracing::info!(model = id, "paid work can be done with a model"),
            }
        }
        if let Some(problem) = &standing.uncovered
            && self.standing.uncovered.is_none()
        {
            tracing::warn!(model = id, problem, "a model earns nothing new");
        }
        self.standing = standing;
    }
}

fn remember(facts: &mut BTreeMap<u64, Facts>, height: u64, new: Facts) {
    facts.insert(height, new);
    while facts.len() > KEPT {
        facts.pop_first();
    }
}
