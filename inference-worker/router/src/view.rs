//! The chain as the router last saw it, so that no request waits for a node.

use crate::chain::Contracts;
use quern_inference_api::listing::{Listing, PRECISIONS};
use quern_interface::registry::{HostInfo, HostStatus, LaunchPackage, ModelState};
use quern_interface::settlement::Params;
use quern_protocol::{Hash, Price};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// A view older than this signs nothing: prices and heights would be stale.
const STALE: Duration = Duration::from_secs(30);
/// Beacons that are kept, for receipts.
const BEACONS: usize = 2_000;
/// Time after which a host's record is asked for again.
const HOST_AGE: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
struct State {
    /// Latest height that the node reported.
    latest: u64,
    /// The first one.
    began: u64,
    /// Height that vouchers name: one before, which every other node has too.
    height: u64,
    seen: Option<Instant>,
    prices: BTreeMap<String, Price>,
    beacons: BTreeMap<u64, Hash>,
    models: BTreeMap<String, LaunchPackage>,
    hosts: HashMap<String, (Instant, Arc<HostInfo>)>,
    params: Option<Params>,
    /// US dollars for a million tokens, by model.
    quotes: BTreeMap<String, Price>,
    /// By host: the models that it says it serves, and what it says that they can do.
    offers: HashMap<String, BTreeMap<String, Listing>>,
}

/// What vouchers are made from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tip {
    pub(crate) height: u64,
    pub(crate) price: Price,
}

/// The shared view.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) contracts: Contracts,
    state: Arc<RwLock<State>>,
}

impl View {
    pub(crate) fn new(contracts: Contracts) -> Self {
        Self {
            contracts,
            state: Arc::default(),
        }
    }

    fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Height and price for a voucher now; none while the chain has not been seen for a while.
    pub(crate) fn tip(&self, model: &str) -> Option<Tip> {
        self.read(|state| {
            let fresh = state.seen.is_some_and(|seen| seen.elapsed() < STALE);
            let price = *state.prices.get(model).filter(|_| fresh)?;
            Some(Tip {
                height: state.height,
                price,
            })
        })
    }

    /// Latest height, 0 before the first answer.
    pub(crate) fn latest(&self) -> u64 {
        self.read(|state| state.latest)
    }

    /// First height that was seen, 0 before.
    pub(crate) fn began(&self) -> u64 {
        self.read(|state| state.began)
    }

    pub(crate) fn model(&self, model: &str) -> Option<LaunchPackage> {
        self.read(|state| state.models.get(model).cloned())
    }

    /// Whether the chain opens sessions for a model.
    pub(crate) fn opens(&self, model: &str) -> bool {
        let state = self.read(|state| state.models.get(model).map(|package| package.state));
        matches!(state, Some(ModelState::Live | ModelState::Canary))
    }

    pub(crate) fn models(&self) -> Vec<LaunchPackage> {
        self.read(|state| state.models.values().cloned().collect())
    }

    pub(crate) fn params(&self) -> Option<Params> {
        self.read(|state| state.params.clone())
    }

    /// A host's record as last seen.
    pub(crate) fn host(&self, host: &str) -> Option<Arc<HostInfo>> {
        self.read(|state| state.hosts.get(host).map(|(_, info)| info.clone()))
    }

    /// Beacon of a voucher's height, from memory or from the chain.
    pub(crate) async fn beacon(&self, height: u64) -> anyhow::Result<Hash> {
        if let Some(beacon) = self.read(|state| state.beacons.get(&height).copied()) {
            return Ok(beacon);
        }
        let beacon = self.contracts.chain.beacon(height).await?;
        self.write(|state| state.beacons.insert(height, beacon));
        Ok(beacon)
    }

    /// Asks for the height, and on a new one for prices, of models that the chain knows, and beacon. Returns whether there
    /// was one.
    pub(crate) async fn refresh(&self, models: &[String]) -> anyhow::Result<bool> {
        let latest = self.contracts.chain.height().await?;
        if latest <= self.latest() {
            // A chain that stands still is not stale news as long as the node answers.
            self.write(|state| state.seen = Some(Instant::now()));
            return Ok(false);
        }
        let height = latest.saturating_sub(1).max(1);
        let mut prices = BTreeMap::new();
        let known = |model: &&String| self.model(model).is_some();
        for model in models.iter().filter(known) {
            prices.insert(model.clone(), self.contracts.price_at(model, height).await?);
        }
        let beacon = self.contracts.chain.beacon(height).await?;
        self.write(|state| {
            (state.latest, state.height, state.prices) = (latest, height, prices);
            if state.began == 0 {
                state.began = latest;
            }
            state.seen = Some(Instant::now());
            state.beacons.insert(height, beacon);
            while state.beacons.len() > BEACONS {
                state.beacons.pop_first();
            }
        });
        Ok(true)
    }

    /// Asks for parameters and models.
    pub(crate) async fn refresh_rules(&self, models: &[String]) -> anyhow::Result<()> {
        let params = self.contracts.params().await?;
        self.write(|state| state.params = Some(params));
        for model in models {
            match self.contracts.model(model).await {
                Ok(package) => drop(self.write(|state| state.models.insert(model.clone(), package))),
                // What the chain does not know of one model is no matter of the others.
                Err(error) if format!("{error:#}").contains("unknown_model") => {
                    if self.latest() == 0 {
                        tracing::error!(
                            model,
                            "the chain does not know a model: it is not served before its launch"
                        );
                    }
                    continue;
                }
                Err(error) => return Err(error),
            }
            // Not every chain quotes prices in dollars, and nothing is paid by them.
            let quote = self.contracts.usd_price(model).await.ok().flatten();
            self.write(|state| match quote {
                Some(usd) => state.quotes.insert(model.clone(), usd),
                None => state.quotes.remove(model),
            });
        }
        Ok(())
    }

    /// US dollars for a million tokens of coefficient 1, if the chain quotes them.
    pub(crate) fn quote(&self, model: &str) -> Option<Price> {
        self.read(|state| state.quotes.get(model).copied())
    }

    /// What a host says it serves.
    pub(crate) fn set_offers(&self, host: String, offers: BTreeMap<String, Listing>) {
        self.write(|state| state.offers.insert(host, offers));
    }

    /// Forgets what other hosts said.
    pub(crate) fn keep_offers(&self, hosts: &BTreeSet<String>) {
        self.write(|state| state.offers.retain(|host, _| hosts.contains(host)));
    }

    /// Whether a model is shown tools, as most of its hosts say: all have the same files.
    pub(crate) fn shows_tools(&self, model: &str) -> bool {
        self.can(model, "tools")
    }

    /// Whether a model thinks before it answers, as most of its hosts say.
    pub(crate) fn thinks(&self, model: &str) -> bool {
        self.can(model, "reasoning")
    }

    fn can(&self, model: &str, feature: &str) -> bool {
        self.read(|state| {
            let all = state.offers.values().filter_map(|own| own.get(model));
            let (yes, no): (Vec<_>, Vec<_>) =
                all.partition(|own| own.supported_features.iter().any(|can| can == feature));
            yes.len() > no.len()
        })
    }

    /// How a model's weights are stored, as most of its hosts say that tell it.
    pub(crate) fn precision(&self, model: &str) -> Option<String> {
        self.read(|state| {
            let mut told: BTreeMap<&str, usize> = BTreeMap::new();
            for own in state.offers.values().filter_map(|own| own.get(model)) {
                let precision = own.quantization.as_deref();
                if let Some(precision) = precision.filter(|precision| PRECISIONS.contains(precision)) {
                    *told.entry(precision).or_default() += 1;
                }
            }
            let most = told.into_iter().max_by_key(|(_, hosts)| *hosts);
            most.map(|(precision, _)| precision.to_owned())
        })
    }

    /// Asks for the records of hosts that are old or missing. One that fails keeps its old record.
    pub(crate) async fn refresh_hosts(&self, hosts: Vec<String>) {
        for host in hosts {
            let known = self.read(|state| state.hosts.get(&host).map(|(at, _)| at.elapsed()));
            if known.is_some_and(|age| age < HOST_AGE) {
                continue;
            }
            match self.contracts.host(&host).await {
                Ok(info) => {
                    let entry = (Instant::now(), Arc::new(info));
                    self.write(|state| state.hosts.insert(host, entry));
                }
                Err(error) => tracing::warn!(host, %error, "a host's record could not be read"),
            }
        }
    }

    /// Whether a host is to be asked at all: active and outside declared maintenance.
    pub(crate) fn serves(&self, host: &str) -> bool {
        let latest = self.latest();
        self.host(host).is_some_and(|info| {
            let resting = info
                .maintenance
                .iter()
                .any(|(from, to)| (*from..*to).contains(&latest));
            info.status == HostStatus::Active && !resting
        })
    }
}
