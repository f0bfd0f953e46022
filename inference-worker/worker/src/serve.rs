//! `quern-worker serve`: an engine thread for each model, HTTP server, orderly end.

use crate::audit;
use crate::audit::judge::{Honest, Judge};
use crate::http::{self, Service, Services};
use crate::memory;
use crate::metrics::{HostMetrics, Metrics};
use crate::model::{Compute, Text};
use crate::models::{self, Entry};
use crate::package::give::{self, Files, Package};
use crate::package::manifest::Manifest;
use crate::paid::config::ChainConfig;
use crate::paid::{Own, Paid};
use crate::proof::{self, Proofs};
use crate::scheduler::{Filler, Scheduler};
use anyhow::{Context, bail};
use quern_engine::Engine;
use quern_inference_api::origins::{Origin, with_origins};
use quern_protocol::Hash;
use quern_transport::{PlainListener, SecureListener, served};
use std::future::IntoFuture;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;

/// Files for each connection of a client, and room for all else.
pub(crate) const FILES_EACH: u64 = 2;
/// The same where paying clients have most of them.
const STATUS_FILES_EACH: u64 = 16;

/// Serve one model or several over an OpenAI-compatible HTTP interface.
#[derive(Debug, clap::Args)]
pub struct Serve {
    /// Model folder: config.json, tokenizer.json, model.safetensors (or its shards).
    #[arg(long, value_name = "DIR", required_unless_present = "models")]
    model: Option<PathBuf>,
    /// Serve several models: a file with a JSON list of them. A model has a "folder", and may have an "id", "slots",
    /// "queue", "context" and "cache_tokens" of its own; what it leaves out is as the flags have it.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["model", "model_id"])]
    models: Option<PathBuf>,
    #[command(flatten)]
    compute: Compute,
    /// Where to listen; port 0 takes a free one, which is printed.
    #[arg(long, default_value = "127.0.0.1:8100")]
    pub(crate) listen: SocketAddr,
    /// Id under which the model is served; the folder's name by default.
    #[arg(long)]
    model_id: Option<String>,
    /// Requests of a model computed together.
    #[arg(long, default_value_t = 8)]
    slots: usize,
    /// Requests of a model that may wait for a slot; beyond them comes 429.
    #[arg(long, default_value_t = 16)]
    queue: usize,
    /// Most seconds that an unpaid request may take, from its arrival to its last token; without it, any time.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400), conflicts_with = "chain")]
    timeout: Option<u64>,
    /// Try no tokens that a request's own text proposes. Answers are the same with and without.
    #[arg(long)]
    no_drafts: bool,
    /// Serve for money: file with the chain's nodes, this host's keys and its journal. Without it the worker answers
    /// anyone, unencrypted.
    #[arg(long, value_name = "FILE")]
    pub(crate) chain: Option<PathBuf>,
    /// With --chain: where to answer /health, /metrics, /v1/models and /v1/receipts without encryption.
    #[arg(long, value_name = "ADDRESS", requires = "chain")]
    status: Option<SocketAddr>,
    /// An origin whose web pages may use a worker without a chain from a browser, as `https://app.example`, or '*' for any;
    /// repeat for several.
    #[arg(long, value_name = "ORIGIN", conflicts_with = "chain")]
    pub(crate) allow_origin: Vec<Origin>,
    /// Seconds that running requests get to finish after SIGTERM.
    #[arg(long, default_value_t = 20)]
    pub(crate) grace: u64,
}

/// How a worker differs from the one that `quern-worker` is: in nothing by default.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// The hash of the model that it claims to serve, if not that of its files; of several models, the first one.
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
    /// Folder of the model; none where a file lists several.
    pub fn model_folder(&self) -> Option<&Path> {
        self.model.as_deref()
    }

    /// The same with another model folder.
    #[must_use]
    pub fn with_model_folder(mut self, folder: PathBuf) -> Self {
        self.model = Some(folder);
        self
    }

    fn entries(&self) -> anyhow::Result<Vec<Entry>> {
        let limits = (self.slots, self.queue);
        match (&self.models, &self.model) {
            (Some(file), _) => models::read(file, &self.compute, limits),
            (None, Some(folder)) => {
                let (folder, id) = (folder.clone(), self.model_id.clone());
                Ok(vec![Entry::new(folder, id, self.compute.clone(), limits)?])
            }
            (None, None) => bail!("name a model: --model DIR, or --models FILE"),
        }
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
        let mut entries = self.entries()?;
        if let Some(at) = entries.iter().position(|entry| entry.args.is_encoder()) {
            if entries.len() > 1 {
                let id = &entries[at].id;
                bail!(
                    "model {id:?} is a sentence encoder, which is served alone: give it a worker of its own"
                );
            }
            return self.run_encoder(entries.remove(at));
        }
        if self.chain.is_some() && self.compute.cuda {
            // Auditors recompute rows one by one, and there a row has other bits in a batch than alone.
            bail!(
                "--cuda cannot be used with --chain: answers could not be re-executed; leave one of them out"
            );
        }
        let metrics = HostMetrics::new()?;
        let models = entries
            .iter()
            .map(|entry| Opened::new(entry, &metrics, self.chain.is_some()))
            .collect::<anyhow::Result<Vec<_>>>()?;
        memory::share(&mut entries)?;
        let (mut paid, mut package) = (None, None);
        if let Some(path) = &self.chain {
            let (mut own, mut files) = (Vec::new(), Vec::new());
            for (index, (entry, model)) in entries.iter().zip(&models).enumerate() {
                let manifest = Manifest::of(&entry.args.model)?;
                let claimed = options.model_hash.filter(|_| index == 0);
                own.push(Own {
                    id: entry.id.clone(),
                    hash: claimed.unwrap_or_else(|| manifest.hash()),
                    metrics: model.metrics.clone(),
                });
                files.push(Files {
                    model: entry.id.clone(),
                    folder: entry.args.model.clone(),
                    manifest,
                });
            }
            package = Some(Package::new(files));
            let config = ChainConfig::load(path)?;
            paid = Some(Arc::new(Paid::open(config, own, metrics.clone(), options.judge)?));
        }
        let created = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |age| age.as_secs());
        let longest = self.timeout.map(Duration::from_secs);
        let (mut services, mut engines) = (Vec::new(), Vec::new());
        for (entry, model) in entries.into_iter().zip(models) {
            let filler = paid.as_ref().and_then(|paid| paid.proofs(&entry.id));
            let (service, engine) = load(entry, model, created, filler, (!self.no_drafts, longest))?;
            services.push(service);
            engines.push(engine);
        }
        let services = Services::new(services, metrics, paid);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        runtime.block_on(self.listen(services, package))?;
        drop(runtime);
        for engine in engines {
            let ended = engine.join();
            ended.map_err(|_| anyhow::anyhow!("the engine thread panicked"))?;
        }
        Ok(())
    }
}

/// The text side of a model that is to be served.
struct Opened {
    text: Arc<Text>,
    metrics: Metrics,
}

impl Opened {
    fn new(entry: &Entry, metrics: &HostMetrics, for_pay: bool) -> anyhow::Result<Self> {
        let text = entry
            .args
            .text()
            .with_context(|| format!("model {:?}", entry.id))?;
        let text = Arc::new(text);
        if for_pay && text.chat.template().reads("strftime_now") {
            // An auditor renders the request again, later.
            bail!(
                "the chat template of model {:?} reads the time, so that answers could not be re-executed; serve another",
                entry.id
            );
        }
        let metrics = metrics.model(&entry.id)?;
        Ok(Self { text, metrics })
    }
}

/// Loads a model; its engine is made and used on one thread and never leaves it.
fn load(
    entry: Entry,
    Opened { text, metrics }: Opened,
    created: u64,
    filler: Option<Arc<Proofs>>,
    (drafts, longest): (bool, Option<Duration>),
) -> anyhow::Result<(Service, JoinHandle<()>)> {
    let Entry {
        id,
        args,
        slots,
        queue,
    } = entry;
    let (scheduler, serving) = Scheduler::new(queue, slots, metrics.clone(), text.tokenizer.clone());
    let scheduler = scheduler.with_longest(longest);
    let serving = serving
        .with_filler(filler.map(|proofs| proofs as Arc<dyn Filler>))
        .with_drafts(drafts);
    let (ready, loaded) = sync_channel(1);
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
    let context = loaded.recv().context("the engine thread ended early");
    let context = context.flatten().with_context(|| format!("model {id:?}"))?;
    let service = Service {
        model_id: id,
        created,
        context,
        text,
        scheduler,
        metrics,
    };
    Ok((service, engine))
}

impl Serve {
    async fn listen(&self, services: Services, package: Option<Arc<Package>>) -> anyhow::Result<()> {
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
        let schedulers: Vec<Scheduler> = services.all().iter().map(|s| s.scheduler.clone()).collect();
        let out_of_time = async move {
            let _ = stopped.wait_for(|stopping| *stopping).await;
            tokio::time::sleep(Duration::from_secs(self.grace)).await;
            tracing::warn!("requests did not finish in time; cancelling them");
            schedulers.iter().for_each(Scheduler::abort);
            // Receivers are told at the next step; give the last bytes a moment to leave.
            tokio::time::sleep(Duration::from_secs(2)).await;
        };
        for Service {
            model_id, context, ..
        } in services.all()
        {
            tracing::info!(%address, model = model_id, context, "serving");
        }
        let server = match services.paid.clone() {
            None => {
                println!("listening on http://{address}");
                let router = with_origins(http::router(services), &self.allow_origin);
                let listener = PlainListener::new(listener, FILES_EACH);
                let server = axum::serve(listener, served(router));
                server.with_graceful_shutdown(signal).into_future()
            }
            Some(paid) => {
                if let Some(status) = self.status {
                    let listener = bind(status).await?;
                    println!("status on http://{}", listener.local_addr()?);
                    let router = http::status_router(services.clone());
                    let listener = PlainListener::new(listener, STATUS_FILES_EACH);
                    tokio::spawn(async move { axum::serve(listener, served(router)).await });
                }
                println!("listening on https://{address}");
                let listener = SecureListener::new(listener, &paid.transport_key)?;
                tokio::spawn(proof::run(paid.clone(), services.clone()));
                tokio::spawn(audit::run(services.clone()));
                tokio::spawn(paid.clone().run());
                let mut router = http::router(services);
                if let Some(package) = package {
                    router = router.merge(give::routes(package, paid));
                }
                let service = served(router);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::{other_model, packaged_model};
    use clap::Parser;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        serve: Serve,
    }

    fn parse(flags: &[&str]) -> Result<Serve, String> {
        let parsed = Program::try_parse_from([&["program"], flags].concat());
        parsed
            .map(|program| program.serve)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn one_model_is_given_by_flags_or_several_by_a_file_and_never_both() {
        let folder = packaged_model();
        let folder = folder.to_str().unwrap();
        let one = parse(&["--model", folder, "--model-id", "m", "--slots", "3"]).unwrap();
        let entries = one.entries().unwrap();
        assert_eq!((entries[0].id.as_str(), entries[0].slots), ("m", 3));
        let entries = parse(&["--model", folder]).unwrap().entries().unwrap();
        assert_eq!(entries[0].id, "quern-small");
        for flags in [
            &["--models", "f", "--model", folder][..],
            &["--models", "f", "--model-id", "m"],
            &[],
        ] {
            let error = parse(flags).unwrap_err();
            assert!(error.contains("--model"), "{error}");
        }
    }

    #[test]
    fn nothing_is_served_for_money_from_a_device_whose_rows_depend_on_their_company() {
        let folder = packaged_model();
        let flags = [
            "--model",
            folder.to_str().unwrap(),
            "--cuda",
            "--chain",
            "missing",
        ];
        let error = parse(&flags).unwrap().run().unwrap_err().to_string();
        assert!(error.contains("--cuda cannot be used with --chain"), "{error}");
    }

    #[test]
    fn one_model_that_cannot_be_loaded_is_named_and_nothing_is_served() {
        let folder = tempfile::tempdir().unwrap();
        let broken = other_model(&folder.path().join("broken"));
        let weights = broken.join("model.safetensors");
        let bytes = std::fs::read(&weights).unwrap();
        let list = folder.path().join("models.json");
        let models = serde_json::json!([{"folder": packaged_model()}, {"folder": "broken", "id": "second"}]);
        std::fs::write(&list, models.to_string()).unwrap();
        let flags = [
            "--models",
            list.to_str().unwrap(),
            "--listen",
            "127.0.0.1:0",
            "--threads",
            "1",
        ];
        for (what, change) in [
            ("model.safetensors", &bytes[..bytes.len() / 2]),
            ("model.safetensors", b"no weights"),
        ] {
            std::fs::write(&weights, change).unwrap();
            let error = format!("{:#}", parse(&flags).unwrap().run().unwrap_err());
            assert!(
                error.contains("model \"second\"") && error.contains(what),
                "{error}"
            );
        }
        std::fs::write(&weights, bytes).unwrap();
        std::fs::remove_file(broken.join("tokenizer.json")).unwrap();
        let error = format!("{:#}", parse(&flags).unwrap().run().unwrap_err());
        assert!(
            error.contains("model \"second\"") && error.contains("tokenizer.json"),
            "{error}"
        );
    }
}
