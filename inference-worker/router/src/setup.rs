//! From the command line to a gateway with its chain, keys and journals.

use crate::books::Books;
use crate::chain::{Contracts, Remote};
use crate::keeper::{self, Policy};
use crate::keys::Keys;
use crate::ledger::Record;
use crate::metrics::Metrics;
use crate::paid::{Gateway, Payer};
use crate::receipts::Receipts;
use crate::view::View;
use anyhow::{Context, bail};
use quern_chain_client::{Chain, Fees, SigningKey};
use quern_protocol::{Amount, Bytes, Price};
use quern_transport::{Client, TransportKey};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;

/// Denomination of fees.
const DENOM: &str = "nqrn";
/// How long other prompts of a request wait to see whether the longest is refused.
const ALONE: Duration = Duration::from_secs(1);

/// Serving for payment. Without `--chain-rpc` none of these has an effect.
#[derive(Debug, clap::Args)]
pub(crate) struct ChainArgs {
    /// A node's RPC address; repeat for several. Requests are then paid through sessions on the chain.
    #[arg(
        long,
        value_name = "URL",
        conflicts_with = "workers",
        requires_all = ["chain_id", "settlement", "registry", "account_keys", "models", "state", "max_price"]
    )]
    chain_rpc: Vec<String>,
    /// The chain's id.
    #[arg(long, value_name = "ID")]
    chain_id: Option<String>,
    /// The settlement contract.
    #[arg(long, value_name = "ADDRESS")]
    settlement: Option<String>,
    /// The registry contract.
    #[arg(long, value_name = "ADDRESS")]
    registry: Option<String>,
    /// The contract that knows prices; settlement is asked by default.
    #[arg(long, value_name = "ADDRESS")]
    prices: Option<String>,
    /// An account that pays: a file with its secp256k1 key as 64 hex digits, perhaps with a name for it that lines of
    /// the keys file refer to; repeat for several.
    #[arg(long = "account-key", value_name = "[NAME=]FILE")]
    account_keys: Vec<String>,
    /// The account NAME only acts as agent of this payer, which opens the sessions itself, with the session key and the
    /// agent's address that are printed at the start; repeat for several.
    #[arg(long, value_name = "NAME=PAYER")]
    agent_of: Vec<String>,
    /// A model to serve; repeat for several. Each account gets a session for each.
    #[arg(long = "model", value_name = "ID")]
    models: Vec<String>,
    /// Folder of the ledger, the receipts and the keys made for them.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Highest price per token that is paid, in nqrn.
    #[arg(long, value_name = "NQRN")]
    max_price: Option<Price>,
    /// Escrow of each session, in nqrn.
    #[arg(long, value_name = "NQRN", default_value = "10000000000")]
    escrow: Amount,
    /// Blocks that each session is open.
    #[arg(long, default_value_t = 1000)]
    session_blocks: u64,
    /// Address under which this router is registered and bonded, if it holds the payers' session keys as a service.
    #[arg(long, value_name = "ADDRESS")]
    router: Option<String>,
    /// The router's fee, in basis points of what hosts capture.
    #[arg(long, default_value_t = 0, requires = "router")]
    router_fee_bps: u32,
    /// Ed25519 key that this router shows to workers; made in the state folder by default.
    #[arg(long, value_name = "FILE")]
    transport_key: Option<PathBuf>,
    /// Price of a thousand units of gas, in nqrn.
    #[arg(long, value_name = "NQRN", default_value_t = 1000)]
    gas_price: u128,
    /// Seconds that a host gets to its first token before the next in rank is asked.
    #[arg(long, default_value_t = 20)]
    first_token: u64,
    /// Seconds that a host gets for an answer in one piece.
    #[arg(long, default_value_t = 300)]
    whole_answer: u64,
    /// Seconds without an answer after which a host's limit is moved to others.
    #[arg(long, default_value_t = 60)]
    dead_after: u64,
}

/// Tasks behind the server.
#[derive(Debug)]
pub(crate) struct Running {
    tasks: Vec<JoinHandle<()>>,
    books: Option<(Arc<Books>, JoinHandle<()>)>,
}

impl Running {
    /// Tasks without a ledger.
    pub(crate) fn of(tasks: Vec<JoinHandle<()>>) -> Self {
        Self { tasks, books: None }
    }

    /// Adds tasks.
    #[cfg(test)]
    pub(crate) fn add(&mut self, tasks: Vec<JoinHandle<()>>) {
        self.tasks.extend(tasks);
    }

    /// As if the process had died.
    #[cfg(test)]
    pub(crate) async fn kill(self) {
        let writer = self.books.map(|(_, writer)| writer);
        for task in self.tasks.into_iter().chain(writer) {
            task.abort();
            let _ = task.await;
        }
    }

    /// Ends the tasks; the ledger's last record says that nothing was lost.
    pub(crate) async fn stop(self) {
        for task in &self.tasks {
            task.abort();
        }
        for task in self.tasks {
            let _ = task.await;
        }
        if let Some((books, _writer)) = self.books
            && !books.write(vec![Record::Clean]).await
        {
            tracing::warn!(
                "the ledger could not be closed in order; the next start counts reservations as spent"
            );
        }
    }
}

impl ChainArgs {
    /// Where what must outlive the process lies; none without a chain.
    pub(crate) fn state(&self) -> Option<&Path> {
        self.state.as_deref().filter(|_| !self.chain_rpc.is_empty())
    }

    /// Starts serving for payment; none without a chain.
    pub(crate) async fn start(
        &self,
        keys: &Keys,
        metrics: &Metrics,
    ) -> anyhow::Result<Option<(Arc<Gateway>, Running)>> {
        // The parser demands the rest with the chain's address.
        let (Some(chain_id), Some(settlement), Some(registry), Some(state), Some(max_price)) = (
            &self.chain_id,
            &self.settlement,
            &self.registry,
            &self.state,
            self.max_price,
        ) else {
            return Ok(None);
        };
        if self.chain_rpc.is_empty() {
            return Ok(None);
        }
        let fees = Fees {
            denom: DENOM.into(),
            per_thousand_gas: self.gas_price,
        };
        let contracts = Contracts {
            chain: Arc::new(Remote {
                chain: Chain::new(chain_id, &self.chain_rpc)?,
                fees,
            }),
            chain_id: chain_id.clone(),
            settlement: settlement.clone(),
            registry: registry.clone(),
            prices: Arc::new(OnceCell::new_with(self.prices.clone())),
        };
        let parts = Parts {
            state,
            payers: self.payers(state)?,
            models: self.models.clone(),
            max_price,
            transport_key: self.transport_key.clone(),
            first_token: Duration::from_secs(self.first_token),
            whole: Duration::from_secs(self.whole_answer),
            alone: ALONE,
        };
        let policy = Policy {
            escrow: self.escrow,
            max_price,
            blocks: self.session_blocks,
            router: self.router.clone().map(|router| (router, self.router_fee_bps)),
            dead_after: Duration::from_secs(self.dead_after),
        };
        let (gateway, mut running) = parts.gateway(contracts, keys, metrics).await?;
        running.tasks = keeper::start(&gateway, policy);
        Ok(Some((gateway, running)))
    }

    fn payers(&self, state: &Path) -> anyhow::Result<BTreeMap<String, Payer>> {
        let mut payers = BTreeMap::new();
        for entry in &self.account_keys {
            let (name, path) = entry.split_once('=').unwrap_or(("payer", entry));
            if name.is_empty()
                || !name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
            {
                bail!("{name:?} is not a name of letters, digits, - and _");
            }
            let account = SigningKey::load(Path::new(path))?;
            let payer = Payer {
                address: account.address()?,
                account,
                session_key: session_key(state, name)?,
            };
            if payers.insert(name.to_owned(), payer).is_some() {
                bail!("two accounts are named {name:?}; write --account-key NAME=FILE");
            }
        }
        for entry in &self.agent_of {
            let (name, principal) = entry
                .split_once('=')
                .with_context(|| format!("--agent-of {entry}: write NAME=PAYER"))?;
            let payer = payers
                .get_mut(name)
                .with_context(|| format!("--agent-of {entry}: no --account-key has the name {name:?}"))?;
            payer.address = principal.to_owned();
            tracing::info!(
                payer = principal,
                agent = payer.agent(),
                session_key = %Bytes(payer.session_key.public()),
                "acts as agent: the payer opens its sessions"
            );
        }
        Ok(payers)
    }
}

/// The key that signs an account's vouchers.
pub(crate) fn session_key(state: &Path, name: &str) -> anyhow::Result<SigningKey> {
    std::fs::create_dir_all(state).with_context(|| format!("cannot make {}", state.display()))?;
    Ok(SigningKey::load_or_create(
        &state.join(format!("session-{name}.key")),
    )?)
}

/// What a gateway is made of beside its chain.
pub(crate) struct Parts<'a> {
    pub(crate) state: &'a Path,
    pub(crate) payers: BTreeMap<String, Payer>,
    pub(crate) models: Vec<String>,
    pub(crate) max_price: Price,
    pub(crate) transport_key: Option<PathBuf>,
    pub(crate) first_token: Duration,
    pub(crate) whole: Duration,
    pub(crate) alone: Duration,
}

impl Parts<'_> {
    /// Opens the journals and puts the gateway together; nothing is asked of the chain yet.
    pub(crate) async fn gateway(
        self,
        contracts: Contracts,
        keys: &Keys,
        metrics: &Metrics,
    ) -> anyhow::Result<(Arc<Gateway>, Running)> {
        for holder in keys.holders() {
            let name = holder.payer.as_ref();
            if let Some(name) = name.filter(|name| !self.payers.contains_key(*name)) {
                bail!(
                    "the key of {} names the payer {name:?}, and no --account-key has that name",
                    holder.name
                );
            }
            let budget = metrics
                .budgets
                .with_label_values(&[holder.name.as_str(), "budget"]);
            budget.set(holder.budget.0 as f64);
        }
        let transport_key = self
            .transport_key
            .unwrap_or_else(|| self.state.join("transport.key"));
        let (books, writer) = Books::open(&self.state.join("ledger")).await?;
        let gateway = Gateway {
            books: books.clone(),
            receipts: Receipts::open(&self.state.join("receipts"))?,
            view: View::new(contracts),
            client: Client::new(TransportKey::load_or_create(&transport_key)?),
            payers: self.payers,
            models: self.models,
            max_price: self.max_price,
            metrics: metrics.clone(),
            first_token: self.first_token,
            whole: self.whole,
            alone: self.alone,
            downs: crate::paid::Downs::default(),
            silences: crate::paid::silence::Silences::default(),
            tickets: crate::paid::tickets::Tickets::default(),
            wake: tokio::sync::Notify::new(),
        };
        let running = Running {
            tasks: Vec::new(),
            books: Some((books, writer)),
        };
        Ok((Arc::new(gateway), running))
    }
}
