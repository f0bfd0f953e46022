//! `quern-worker serve`: engine thread, HTTP server, orderly end.

use crate::audit;
use crate::audit::judge::{Honest, Judge};
use crate::http;
use crate::metrics::Metrics;
use crate::model::ModelArgs;
use crate::package::give::{self, Package};
use crate::package::manifest::Manifest;
use crate::paid::Paid;
use crate::paid::config::ChainConfig;
use crate::proof;
use crate::scheduler::{Filler, Scheduler};
use anyhow::{Context, bail};
use axum::serve::ListenerExt;
use quern_engine::Engine;
use quern_protocol::Hash;
use quern_transport::{Peer, SecureListener};
use std::future::IntoFuture;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;

/// Serve a model over an OpenAI-compatible HTTP interface.
#[derive(Debug, clap::Args)]
pub struct Serve {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Where to listen; port 0 takes a free one, which is printed.
    #[arg(long, default_value = "127.0.0.1:8100")]
    pub(crate) listen: SocketAddr,
    /// Id under which the model is served; the folder's name by default.
    #[arg(long)]
    pub(crate) model_id: Option<String>,
    /// Requests computed together.
    #[arg(long, default_value_t = 8)]
    slots: usize,
    /// Requests that may wait for a slot; beyond them comes 429.
    #[arg(long, default_value_t = 16)]
    pub(crate) queue: usize,
    /// Serve for money: file with the chain's nodes, this host's keys and its journal. Without it the worker answers
    /// anyone, unencrypted.
    #[arg(long, value_name = "FILE")]
    pub(crate) chain: Option<PathBuf>,
    /// With --chain: where to answer /health, /metrics, /v1/models and /v1/receipts without encryption.
    #[arg(long, value_name = "ADDRESS", requires = "chain")]
    status: Option<SocketAddr>,
    /// Seconds that running requests get to finish after SIGTERM.
    #[arg(long, default_value_t = 20)]
    pub(crate) grace: u64,
}

/// How a worker differs from the one that `quern-worker` is: in nothing by default.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// The hash of the model that it claims to serve, if not that of its files.
    pub model_hash: Option<Hash>,
    /// What it votes as an auditor.
    pub judge: Arc<dyn Judge>,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            model_hash: None,
            judge: Arc::new(Honest),
        }
    }
}

impl Serve {
    /// Folder of the model.
    pub fn model_folder(&self) -> &Path {
        &self.model.model
    }

    /// The same with another model folder.
    #[must_use]
    pub fn with_model_folder(mut self, folder: PathBuf) -> Self {
        self.model.model = folder;
        self
    }

    /// Serves until it is told to end.
    ///
    /// # Errors
    /// When model, keys, journal or address are not to be had.
    pub fn run(self) -> anyhow::Result<()> {
        self.run_with(ServeOptions::default())
    }

    /// The same for another worker than the honest one.
    ///
    /// # Errors
    /// As [`Serve::run`].
    pub fn run_with(self, options: ServeOptions) -> anyhow::Result<()> {
        for address in [Some(self.listen), self.status].into_iter().flatten() {
            if !address.ip().is_loopback() {
                bail!("{address} is not a loopback address; workers listen on loopback only");
            }
        }
        let model_id = match &self.model_id {
            Some(id) => id.clone(),
            None => self.model.name()?,
        };
        if self.model.is_encoder() {
            return self.run_encoder(model_id);
        }
        let text = Arc::new(self.model.text()?);
        if self.chain.is_some() && text.chat.reads("strftime_now") {
            // An auditor renders the request again, later.
            bail!(
                "the model's chat template reads the time, so that answers could not be re-executed; serve another"
            );
        }
        let metrics = Metrics::new()?;
        let mut package = None;
        let paid = match &self.chain {
            Some(path) => {
                let manifest = Manifest::of(&self.model.model)?;
                let hash = options.model_hash.unwrap_or_else(|| manifest.hash());
                package = Some(Package::new(self.model.model.clone(), manifest));
                let config = ChainConfig::load(path)?;
                Some(Arc::new(Paid::open(
                    config,
                    &model_id,
                    hash,
                    metrics.clone(),
                    options.judge,
                )?))
            }
            None => None,
        };
        let tokenizer = text.tokenizer.clone();
        let (scheduler, serving) = Scheduler::new(self.queue, self.slots, metrics.clone(), tokenizer);
        let filler = paid.as_ref().and_then(|paid| paid.proofs.clone());
        let serving = serving.with_filler(filler.map(|proofs| proofs as Arc<dyn Filler>));
        let (ready, loaded) = sync_channel(1);
        let (args, slots) = (self.model.clone(), self.slots);
        // The engine is made and used on one thread and never leaves it.
        let engine = std::thread::Builder::new().name("engine".into()).spawn(move || {
            // One more than for requests: for scoring.
            let mut engine = match args.engine(slots.saturating_add(1)) {
                Ok(engine) => engine,
                Err(error) => return drop(ready.send(Err(error))),
            };
            if ready.send(Ok(engine.context())).is_ok() {
                serving.run(&mut engine);
            }
        })?;
        let context = loaded.recv().context("the engine thread ended early")??;
        let created = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |age| age.as_secs());
        let service = http::Service {
            model_id,
            created,
            context,
            text,
            scheduler: scheduler.clone(),
            metrics,
            paid,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        runtime.block_on(self.listen(service, scheduler, package))?;
        drop(runtime);
        engine
            .join()
            .map_err(|_| anyhow::anyhow!("the engine thread panicked"))
    }
}

impl Serve {
    async fn listen(
        &self,
        service: http::Service,
        scheduler: Scheduler,
        package: Option<Arc<Package>>,
    ) -> anyhow::Result<()> {
        let listener = bind(self.listen).await?;
        let address = listener.local_addr()?;
        let (stopping, mut stopped) = tokio::sync::watch::channel(false);
        let mut stop = stopped.clone();
        let signal = async move {
            let _ = stop.wait_for(|stopping| *stopping).await;
        };
        tokio::spawn(async move {
            terminated().await;
            tracing::info!("shutting down; running requests may finish");
            let _ = stopping.send(true);
        });
        let out_of_time = async move {
            let _ = stopped.wait_for(|stopping| *stopping).await;
            tokio::time::sleep(Duration::from_secs(self.grace)).await;
            tracing::warn!("requests did not finish in time; cancelling them");
            scheduler.abort();
            // Receivers are told at the next step; give the last bytes a moment to leave.
            tokio::time::sleep(Duration::from_secs(2)).await;
        };
        tracing::info!(%address, model = service.model_id, context = service.context, "serving");
        let server = match service.paid.clone() {
            None => {
                println!("listening on http://{address}");
                let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
                let server = axum::serve(listener, http::router(service));
                server.with_graceful_shutdown(signal).into_future()
            }
            Some(paid) => {
                if let Some(status) = self.status {
                    let listener = bind(status).await?;
                    println!("status on http://{}", listener.local_addr()?);
                    let router = http::status_router(service.clone());
                    tokio::spawn(async move { axum::serve(listener, router).await });
                }
                println!("listening on https://{address}");
                let listener = SecureListener::new(listener, &paid.transport_key)?;
                tokio::spawn(proof::run(paid.clone(), service.scheduler.clone()));
                tokio::spawn(audit::run(service.clone()));
                tokio::spawn(paid.clone().run());
                let mut router = http::router(service);
                if let Some(package) = package {
                    router = router.merge(give::routes(package, paid));
                }
                let service = router.into_make_service_with_connect_info::<Peer>();
                axum::serve(listener, service)
                    .with_graceful_shutdown(signal)
                    .into_future()
            }
        };
        tokio::select! {
            result = server => result.context("the HTTP server failed"),
            () = out_of_time => Ok(()),
        }
    }
}

pub(crate) async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| format!("cannot listen on {address}; is another server there?"))
}

pub(crate) async fn terminated() {
    let interrupt = tokio::signal::ctrl_c();
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut term) => tokio::select! {
            _ = term.recv() => {}
            _ = interrupt => {}
        },
        Err(_) => drop(interrupt.await),
    }
}
