//! `quern-router serve`: probes, HTTP server, orderly end.

use crate::http_api::{self, Backend};
use crate::keys::{Keys, Parting};
use crate::listings::Listings;
use crate::metrics::Metrics;
use crate::once::Once;
use crate::pool::Pool;
use crate::rates::Rates;
use crate::setup::{ChainArgs, Running};
use anyhow::{Context, bail};
use quern_inference_api::origins::{Origin, with_origins};
use quern_transport::{PlainListener, served};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Files that a client's connection takes with what is asked of workers for it, and room for all else.
const FILES_EACH: u64 = 4;

/// Serve the gateway.
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// A worker's base URL, for serving without a chain; repeat for several.
    #[arg(long = "worker", value_name = "URL", required_unless_present = "chain_rpc")]
    workers: Vec<String>,
    #[command(flatten)]
    chain: ChainArgs,
    /// Where to listen; port 0 takes a free one, which is printed.
    #[arg(long, default_value = "127.0.0.1:8000")]
    listen: SocketAddr,
    /// File of API keys: one 'sha256-in-hex name [budget=NQRN] [payer=NAME] [rpm=REQUESTS] [tpm=TOKENS]' a
    /// line; requests and tokens are those of a minute.
    #[arg(long, value_name = "FILE", required_unless_present = "open")]
    keys: Option<PathBuf>,
    /// Serve anyone, without keys.
    #[arg(long, conflicts_with = "keys")]
    open: bool,
    /// JSON file of what `/v1/models` tells of models beside what is known: names, and prices in US dollars.
    #[arg(long, value_name = "FILE")]
    listing: Option<PathBuf>,
    /// An origin whose web pages may use the router from a browser, as `https://app.example`, or '*' for any; repeat for
    /// several.
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<Origin>,
    /// Seconds between two probes of a worker.
    #[arg(long, default_value_t = 2)]
    probe: u64,
    /// Seconds for which an idempotency key stands for the request that it came with.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(600..=86_400))]
    idempotency_window: u64,
    /// Seconds that running requests get to finish after SIGTERM.
    #[arg(long, default_value_t = 20)]
    grace: u64,
}

impl Serve {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        if !self.listen.ip().is_loopback() {
            bail!(
                "{} is not a loopback address; the router listens on loopback only",
                self.listen
            );
        }
        let (keys, rates) = match &self.keys {
            Some(path) => (Keys::load(path)?, Keys::rates(path)?),
            None => (Keys::open(), Rates::default()),
        };
        let listings = match &self.listing {
            Some(path) => Listings::load(path)?,
            None => Listings::default(),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        runtime.block_on(self.listen(keys, rates, listings))
    }

    async fn listen(&self, keys: Keys, rates: Rates, listings: Listings) -> anyhow::Result<()> {
        let listener = tokio::net::TcpListener::bind(self.listen)
            .await
            .with_context(|| format!("cannot listen on {}; is another server there?", self.listen))?;
        let address = listener.local_addr()?;
        let metrics = Metrics::new()?;
        let (backend, running) = match self.chain.start(&keys, &metrics).await? {
            Some((gateway, running)) => (Backend::Paid(gateway), running),
            None => {
                let (pool, running) = self.probe().await?;
                (Backend::Direct(pool), running)
            }
        };
        println!("listening on http://{address}");
        let window = Duration::from_secs(self.idempotency_window);
        let folder = self.chain.state().map(|state| state.join("idempotency"));
        let once = Once::open(folder.as_deref(), window, keys.holders().len())?;
        let service = Arc::new(http_api::Service {
            keys,
            parting: Parting::new()?,
            backend,
            metrics,
            rates: Arc::new(rates),
            once,
            listings,
            started: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |age| age.as_secs()),
        });
        let (stopping, mut stopped) = tokio::sync::watch::channel(false);
        let signal = async move {
            terminated().await;
            tracing::info!("shutting down; running requests may finish");
            let _ = stopping.send(true);
        };
        let router = with_origins(http_api::router(service.clone()), &self.allow_origin);
        let listener = PlainListener::new(listener, FILES_EACH);
        let server = axum::serve(listener, served(router)).with_graceful_shutdown(signal);
        let out_of_time = async move {
            let _ = stopped.wait_for(|stopping| *stopping).await;
            tokio::time::sleep(Duration::from_secs(self.grace)).await;
        };
        let served = async {
            let result = server.await;
            // Requests whose clients have gone may finish, too.
            service.once.finish().await;
            result
        };
        let result = tokio::select! {
            result = served => result.context("the HTTP server failed"),
            () = out_of_time => Ok(()),
        };
        service.once.stop().await;
        running.stop().await;
        result
    }

    /// Workers without a chain, and the task that asks after them.
    async fn probe(&self) -> anyhow::Result<(Pool, Running)> {
        let pool = Pool::new(&self.workers)?;
        pool.probe_all().await;
        let (alive, all) = pool.alive();
        tracing::info!("{alive} of {all} workers are up");
        let (pause, probed) = (Duration::from_secs(self.probe.max(1)), pool.clone());
        let probes = tokio::spawn(async move {
            loop {
                tokio::time::sleep(pause).await;
                probed.probe_all().await;
            }
        });
        Ok((pool, Running::of(vec![probes])))
    }
}

async fn terminated() {
    let interrupt = tokio::signal::ctrl_c();
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut term) => tokio::select! {
            _ = term.recv() => {}
            _ = interrupt => {}
        },
        Err(_) => drop(interrupt.await),
    }
}
