//! Runs the application and CometBFT as two processes and keeps them together: neither can go
//! on without the other, so the crash of one restarts both.
// Time here is the operator's: back-off and patience, never state.
#![allow(clippy::disallowed_methods)]

use std::ffi::OsString;
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use quern_abci::Address;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::LogArgs;
use crate::comet::{Comet, files};
use crate::config::{comet::listener, comet_keys, edit};
use crate::exit::{At, Exit, Failure, Outcome};
use crate::home::{COMET_LOCK, Home, SUPERVISOR_LOCK};
use crate::start::StartArgs;
use crate::start::child::Supervised;
use crate::start::upgrade::Upgrade;

/// How long CometBFT may take to write its last block and close its databases.
const COMET_PATIENCE: Duration = Duration::from_secs(20);
/// How long the application may take to finish the call it is in.
const APP_PATIENCE: Duration = Duration::from_secs(20);
/// A run that lasted this long ends a series of crashes.
const STEADY: Duration = Duration::from_secs(60);
/// How long the ports of a killed predecessor may take to become free.
const RELEASE: Duration = Duration::from_secs(3);
/// First pause before a restart; it doubles with every crash in a row.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Longest pause before a restart.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How one run of both processes ended.
enum End {
    /// A signal asked for it.
    Asked,
    /// One of them ended by itself.
    Crashed { who: &'static str, status: ExitStatus },
}

/// Runs both until a signal or until they crash too often.
pub fn run(args: &StartArgs, log: &LogArgs, home: &Home, comet: &Comet) -> Outcome {
    let _lock = home.lock(SUPERVISOR_LOCK, Duration::from_secs(5))?;
    check_files(home, &args.listen)?;
    check_ports(home)?;
    // One thread: a child's life is tied to the thread that started it, and this one lives on.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .at(Exit::Failure, "cannot start the runtime")?;
    runtime.block_on(supervise(args, log, home, comet))
}

async fn supervise(args: &StartArgs, log: &LogArgs, home: &Home, comet: &Comet) -> Outcome {
    let mut signals = Signals::new()?;
    let mut crashes = 0_u32;
    loop {
        let started = Instant::now();
        let upgrade = Upgrade::watch(home);
        let end = run_once(args, log, home, comet, &mut signals).await?;
        let End::Crashed { who, status } = end else {
            return Ok(());
        };
        if let Some(code) = status
            .code()
            .filter(|code| who == "application" && Exit::is_permanent(*code))
        {
            if upgrade.was_asked_for() {
                upgrade.wait_for_cosmovisor(&mut signals).await;
            }
            return Err(permanent(code));
        }
        crashes = if started.elapsed() >= STEADY {
            1
        } else {
            crashes.saturating_add(1)
        };
        tracing::error!(who, %status, crashes, "a process of the node ended");
        if crashes > args.max_restarts {
            let halted = who == "application" && status.code() == Some(i32::from(Exit::Halted.code()));
            let exit = if halted {
                Exit::Halted
            } else {
                Exit::TooManyCrashes
            };
            return Err(Failure::new(
                exit,
                format!(
                    "{who} ended with {status} {crashes} times in a row; its own messages above say why. Nothing on disk was changed by giving up"
                ),
            ));
        }
        let pause = FIRST_PAUSE
            .saturating_mul(1_u32 << crashes.saturating_sub(1).min(16))
            .min(LONGEST_PAUSE);
        tracing::info!(?pause, "restarting both");
        tokio::select! {
            () = signals.next() => return Ok(()),
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn run_once(
    args: &StartArgs,
    log: &LogArgs,
    home: &Home,
    comet: &Comet,
    signals: &mut Signals,
) -> Outcome<End> {
    let mut app = Supervised::spawn("application", &app_arguments(args, home), log)?;
    tokio::select! {
        () = signals.next() => {
            app.stop(APP_PATIENCE).await;
            return Ok(End::Asked);
        }
        ended = app.ended() => return crashed("application", ended),
        () = ready(&args.listen) => {}
    }
    let mut engine = match Supervised::spawn("CometBFT", &comet_arguments(args, home, comet), log) {
        Ok(engine) => engine,
        Err(error) => {
            app.stop(APP_PATIENCE).await;
            return Err(error);
        }
    };
    tokio::select! {
        () = signals.next() => {
            // CometBFT first: it writes its last block while the application still answers.
            engine.stop(COMET_PATIENCE).await;
            app.stop(APP_PATIENCE).await;
            Ok(End::Asked)
        }
        ended = app.ended() => {
            engine.stop(COMET_PATIENCE).await;
            crashed("application", ended)
        }
        ended = engine.ended() => {
            // CometBFT also ends when the application leaves it: then that is the cause to report.
            let app_ended = tokio::time::timeout(Duration::from_millis(500), app.ended()).await;
            app.stop(APP_PATIENCE).await;
            match app_ended {
                Ok(status) => crashed("application", status),
                Err(_) => crashed("CometBFT", ended),
            }
        }
    }
}

fn crashed(who: &'static str, status: std::io::Result<ExitStatus>) -> Outcome<End> {
    Ok(End::Crashed {
        who,
        status: status.at(Exit::Failure, who)?,
    })
}

/// Waits until the application accepts connections.
async fn ready(listen: &str) {
    loop {
        let up = match listen.parse::<Address>() {
            Ok(Address::Unix(path)) => UnixStream::connect(path).is_ok(),
            Ok(Address::Tcp(socket)) => std::net::TcpStream::connect(socket).is_ok(),
            Err(_) => false,
        };
        if up {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn app_arguments(args: &StartArgs, home: &Home) -> Vec<OsString> {
    let mut list: Vec<OsString> = vec![
        "start".into(),
        "--app-only".into(),
        "--home".into(),
        home.root().into(),
    ];
    list.extend(["--listen".into(), args.listen.clone().into()]);
    list.extend(["--parent".into(), std::process::id().to_string().into()]);
    if let Some(prices) = &args.minimum_gas_prices {
        list.extend(["--minimum-gas-prices".into(), prices.into()]);
    }
    for (flag, value) in [
        ("--halt-height", args.halt_height),
        ("--halt-time", args.halt_time),
    ] {
        if let Some(value) = value {
            list.extend([flag.into(), value.to_string().into()]);
        }
    }
    for name in &args.upgrade_handler {
        list.extend(["--upgrade-handler".into(), name.into()]);
    }
    for height in &args.unsafe_skip_upgrades {
        list.extend(["--unsafe-skip-upgrades".into(), height.to_string().into()]);
    }
    if args.accept_missing_reveals {
        list.push("--accept-missing-reveals".into());
    }
    list
}

fn comet_arguments(args: &StartArgs, home: &Home, comet: &Comet) -> Vec<OsString> {
    let mut list: Vec<OsString> = vec![
        "__child".into(),
        "--parent".into(),
        std::process::id().to_string().into(),
    ];
    list.extend(["--lock".into(), COMET_LOCK.into()]);
    list.extend(["--home".into(), home.root().into(), "--".into()]);
    list.extend([
        comet.program().into(),
        "start".into(),
        "--home".into(),
        home.root().into(),
    ]);
    list.extend(["--proxy_app".into(), OsString::from(&args.listen)]);
    list
}

/// Refuses broken files before anything runs, with the place of the mistake.
fn check_files(home: &Home, listen: &str) -> Outcome {
    quern_genesis::cli::load(&home.genesis()).at(Exit::BadFile, home.genesis().display())?;
    crate::config::app::AppConfig::load(&home.app_toml())?;
    let config = edit::read(&home.config_toml())?;
    for note in comet_keys::notes(&config, listen)? {
        tracing::warn!("{note}");
    }
    for variable in comet_keys::variables().filter(|name| std::env::var_os(name).is_some()) {
        tracing::warn!(
            variable,
            "not passed on to CometBFT: the setting that it names is fixed"
        );
    }
    files::check(home, &config)?;
    crate::onion::Onions::load(&home.beacon_onion())?;
    Ok(())
}

/// Refuses to start on ports that another process holds, which CometBFT would report less plainly.
fn check_ports(home: &Home) -> Outcome {
    let config = edit::read(&home.config_toml())?;
    for key in ["rpc.laddr", "p2p.laddr"] {
        let Some(address) = listener(&config, key)? else {
            continue;
        };
        // A node that was killed a moment ago may still be giving its ports back.
        let started = Instant::now();
        while let Err(error) = TcpListener::bind(address) {
            if started.elapsed() < RELEASE {
                std::thread::sleep(Duration::from_millis(50));
                continue;
            }
            let text = format!(
                "{address} ({key} in config.toml) cannot be used: {error}. Stop the process that holds it, or choose another port with `quernd config set config {key} tcp://IP:PORT`"
            );
            return Err(Failure::new(Exit::InUse, text));
        }
    }
    Ok(())
}

fn permanent(code: i32) -> Failure {
    let exit = [
        Exit::Usage,
        Exit::BadFile,
        Exit::Exists,
        Exit::NoComet,
        Exit::InUse,
        Exit::Planned,
    ]
    .into_iter()
    .find(|exit| i32::from(exit.code()) == code)
    .unwrap_or(Exit::Failure);
    let text = match exit {
        Exit::Planned => {
            "the node stopped as planned, for an upgrade or at its halt-height or halt-time; its message above says which and what goes on"
        }
        _ => "the application cannot start; its message above says why",
    };
    Failure::new(exit, text)
}

/// SIGTERM and SIGINT.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Outcome<Self> {
        let listen = |kind| signal(kind).at(Exit::Failure, "cannot listen for signals");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    /// Waits for one of them.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        tracing::info!("stopping");
    }
}
