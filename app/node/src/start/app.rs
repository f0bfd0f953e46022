//! The application process: ABCI, gRPC and metrics around one [`App`].

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use quern_abci::{Address, Options, Server, Stop};
use quern_api::{Api, Limits, Messages, Rate, RestOptions};
use quern_context::AnyMsg;
use quern_core::{App, Halt, Msg, Release, Reveals, Snapshots};
use quern_store::{Pruning, statesync::Folder};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::config::app::AppConfig;
use crate::config::comet::rpc_url;
use crate::exit::{At, Exit, Failure, Outcome};
use crate::home::{APP_LOCK, Home};
use crate::onion::Peeler;
use crate::start::StartArgs;
use crate::start::indexed::Indexed;
use crate::start::metrics::{self, Metrics, Sample};

/// Bounds of the queries of gRPC and REST: about one per core runs at a time, the others waiting, since each
/// may compute up to its gas limit, and consensus needs the cores too.
fn limits() -> Limits {
    Limits::for_cores(std::thread::available_parallelism().map_or(2, std::num::NonZero::get))
}

/// Runs the application until a signal, or until it cannot go on.
pub fn run(args: &StartArgs, home: &Home, release: Release) -> Outcome {
    let address: Address = args.listen.parse().at(Exit::Usage, "--listen")?;
    // A predecessor that was killed may still be closing its files.
    let _lock = home.lock(APP_LOCK, Duration::from_secs(10))?;
    let config = AppConfig::load(&home.app_toml())?;
    for note in AppConfig::notes(&std::fs::read_to_string(home.app_toml()).unwrap_or_default())? {
        tracing::warn!("{note}");
    }
    let app = open(home, &config, args, release)?;
    tracing::info!(height = app.last_height(), "application is open");
    app.check_upgrades()
        .map_err(|why| Failure::new(Exit::Planned, why.to_string()))?;
    let metrics = Metrics::new()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_stack_size(8 << 20) // queries run contracts that ask contracts
        .max_blocking_threads(limits().parallel.saturating_add(8))
        .enable_all()
        .build()
        .at(Exit::Failure, "cannot start the runtime")?;
    let stop = runtime.block_on(serve(app.clone(), &address, &config, home, metrics))?;
    let planned = app.halt_was_planned();
    drop(app);
    runtime.shutdown_timeout(Duration::from_secs(5));
    match stop {
        None => Ok(()),
        Some(stop @ Stop::Halted { .. }) if planned => Err(Failure::new(Exit::Planned, stop.to_string())),
        Some(stop @ Stop::Halted { .. }) => Err(Failure::new(Exit::Halted, stop.to_string())),
        Some(stop) => Err(Failure::new(Exit::Failure, stop.to_string())),
    }
}

async fn serve(
    app: App,
    address: &Address,
    config: &AppConfig,
    home: &Home,
    metrics: Metrics,
) -> Outcome<Option<Stop>> {
    let (finish, finished) = tokio::sync::watch::channel(false);
    let done = |mut finished: tokio::sync::watch::Receiver<bool>| async move {
        let _ = finished.wait_for(|finished| *finished).await;
    };
    let mut servers = Vec::new();
    let sample = sample(&app, home);
    if config.telemetry.enabled {
        let sample = Arc::clone(&sample);
        let page = metrics::serve(config.telemetry.address, metrics.clone(), sample).await?;
        let done = done(finished.clone());
        servers.push(tokio::spawn(async move {
            tokio::select! { _ = page => {}, () = done => {} }
        }));
    }
    let api = api(&app, home, config)?;
    if config.grpc.enable {
        let listener = bind(config.grpc.address, "grpc").await?;
        let (api, done) = (api.clone(), done(finished.clone()));
        servers.push(tokio::spawn(async move {
            if let Err(error) = api.serve_grpc(listener, done).await {
                tracing::error!(%error, "gRPC stopped");
            }
        }));
    }
    if config.api.enable {
        let listener = bind(config.api.address, "api").await?;
        let mut options = rest_options(config);
        if config.telemetry.enabled {
            let metrics = metrics.clone();
            let text = move || metrics.text(sample()).map_err(|error| error.to_string());
            options.metrics = Some(quern_api::Metrics(Arc::new(text)));
        }
        let done = done(finished.clone());
        servers.push(tokio::spawn(async move {
            if let Err(error) = api.serve_rest(listener, options, done).await {
                tracing::error!(%error, "REST stopped");
            }
        }));
    }
    let halts = app.clone();
    let options = Options {
        halted: Some(Arc::new(move || halts.halted())),
        observer: Some(Arc::new(move |method, took| metrics.observe(method, took))),
        ..Options::default()
    };
    // Last: once CometBFT can connect, everything else is up.
    let server = match config.index_events.as_slice() {
        [] => Server::start(address, app, options),
        chosen => Server::start(address, Indexed::new(app, chosen), options),
    };
    let server = server.at(Exit::InUse, "ABCI")?;
    let stop = until_stopped(server).await?;
    let _ = finish.send(true);
    for server in servers {
        let _ = tokio::time::timeout(Duration::from_secs(3), server).await;
    }
    Ok(stop)
}

/// What the metrics are looked up from.
fn sample(app: &App, home: &Home) -> Arc<dyn Fn() -> Sample + Send + Sync> {
    let app = app.clone();
    let snapshots = Folder::view(home.snapshots());
    Arc::new(move || Sample {
        height: app.last_height(),
        oldest: app.store().oldest(),
        snapshot: snapshots
            .list()
            .ok()
            .and_then(|found| found.first().map(|latest| latest.height))
            .unwrap_or(0),
    })
}

/// The node's methods for gRPC and REST.
fn api(app: &App, home: &Home, config: &AppConfig) -> Outcome<Api> {
    let limits = limits();
    let options = quern_api::Options {
        rpc: rpc_url(home)?,
        limits: Limits {
            // Room for the longest body that the operator admits.
            bodies: limits.bodies.max(config.api.rpc_max_body_bytes),
            per_client: rate(config),
            ..limits
        },
        messages: Messages::new(executes),
    };
    let source = app.clone();
    let source = move |path: &str, data: &[u8], height: u64| source.query(path, data, height, false);
    Api::new(Arc::new(source), options).at(Exit::BadFile, "config.toml")
}

/// How often one address may ask.
fn rate(config: &AppConfig) -> Option<Rate> {
    let (per_second, burst) = (config.query_rate_limit, config.query_rate_burst);
    (per_second > 0).then_some(Rate {
        per_second,
        burst: if burst > 0 { burst } else { per_second },
    })
}

/// Whether the chain executes messages of this type. An empty message of any type decodes.
fn executes(type_url: &str) -> bool {
    let message = AnyMsg {
        type_url: type_url.to_owned(),
        value: Vec::new(),
    };
    Msg::decode(&message).is_ok()
}

async fn bind(address: SocketAddr, section: &str) -> Outcome<TcpListener> {
    let what = format!("cannot listen on {address} ([{section}] address in app.toml)");
    TcpListener::bind(address).await.at(Exit::InUse, what)
}

fn rest_options(config: &AppConfig) -> RestOptions {
    RestOptions {
        unsafe_cors: config.api.enabled_unsafe_cors,
        grpc_web: config.grpc_web.enable,
        open_api: config.api.swagger,
        max_connections: config.api.max_open_connections,
        max_body_bytes: config.api.rpc_max_body_bytes,
        read_timeout: Duration::from_secs(config.api.rpc_read_timeout),
        metrics: None,
    }
}

/// Waits for a signal or for the server's own end, then shuts the server down.
async fn until_stopped(server: Server) -> Outcome<Option<Stop>> {
    let mut terminate = signal(SignalKind::terminate()).at(Exit::Failure, "cannot listen for signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).at(Exit::Failure, "cannot listen for signals")?;
    let asked = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&asked);
    let (sender, mut receiver) = oneshot::channel();
    let watcher = std::thread::spawn(move || {
        let mut stop = None;
        while stop.is_none() && !seen.load(Ordering::SeqCst) {
            stop = server.wait(Duration::from_millis(50));
        }
        server.shutdown();
        let _ = sender.send(stop);
    });
    let early = tokio::select! {
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
        stop = &mut receiver => Some(stop),
    };
    asked.store(true, Ordering::SeqCst);
    let stop = match early {
        Some(stop) => stop,
        None => receiver.await,
    };
    let _ = watcher.join();
    stop.at(Exit::Failure, "the ABCI thread")
}

fn open(home: &Home, config: &AppConfig, args: &StartArgs, release: Release) -> Outcome<App> {
    let what = format!("cannot open {}", home.app_data().display());
    let mut options = options(home, config, args)?;
    options.release = release;
    App::open(options).at(Exit::BadFile, what)
}

/// Bytes that a snapshot from peers may have: in the database it takes about three times its own, and CometBFT
/// keeps its chunks meanwhile.
fn room(home: &Home) -> Option<u64> {
    let disk = rustix::fs::statvfs(home.data().as_path()).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize) / 4)
}

fn options(home: &Home, config: &AppConfig, args: &StartArgs) -> Outcome<quern_core::Options> {
    let prices = args
        .minimum_gas_prices
        .as_ref()
        .unwrap_or(&config.minimum_gas_prices);
    let mut options = quern_core::Options::new(home.app_data());
    options.min_gas_prices = prices
        .parse()
        .at(Exit::BadFile, format!("minimum-gas-prices {prices:?}"))?;
    let peeler = Peeler::open(home.beacon_onion())?;
    options.reveals = Reveals::new(move |anchor| peeler.reveal(anchor));
    options.demand_reveals = !args.accept_missing_reveals;
    if config.query_gas_limit > 0 {
        options.query_gas_limit = Some(config.query_gas_limit);
    }
    options.min_retain_blocks = config.min_retain_blocks;
    options.upgrades = args.upgrade_handler.iter().cloned().collect();
    options.skip_upgrades = args.unsafe_skip_upgrades.iter().copied().collect();
    options.upgrade_info = home.upgrade_info();
    options.halt = Halt {
        height: args.halt_height.unwrap_or(config.halt_height),
        time: args.halt_time.unwrap_or(config.halt_time),
    };
    options.snapshots = Some(Snapshots {
        dir: home.snapshots(),
        interval: config.state_sync.snapshot_interval,
        keep_recent: config.state_sync.snapshot_keep_recent,
    });
    options.restore_room = room(home);
    options.pruning = config.keep_recent().map_or(Pruning::Nothing, Pruning::KeepRecent);
    Ok(options)
}
