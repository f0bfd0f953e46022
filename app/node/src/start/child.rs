//! Children that never outlive their supervisor, and how they are stopped.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, getppid, kill_process, set_parent_process_death_signal};
use tokio::process::{Child, Command};

use crate::cli::{LogArgs, LogFormat};
use crate::comet::{command, wal};
use crate::exit::{At, Exit, Failure, Outcome};
use crate::home::Home;

/// Settings of CometBFT's Go runtime where the operator has none. By default it collects whenever the heap
/// has doubled, which under full blocks takes a fifth of a core from the chain; a heap of five times the live
/// bytes, bounded for small machines, does not.
const GO_RUNTIME: [(&str, &str); 2] = [("GOGC", "400"), ("GOMEMLIMIT", "2GiB")];

/// Arguments of the hidden command that a child starts through.
#[derive(Clone, Debug, clap::Args)]
pub struct ChildArgs {
    /// Process that this one must not outlive
    #[arg(long)]
    parent: i32,
    /// Lock of the home that the program holds as long as it lives
    #[arg(long)]
    lock: String,
    /// Program and its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    program: Vec<OsString>,
}

/// Asks the kernel to kill this process as soon as `parent` is gone, even by SIGKILL.
///
/// # Errors
/// If the parent is gone already.
pub fn die_with(parent: i32) -> Outcome {
    set_parent_process_death_signal(Some(Signal::KILL)).at(Exit::Failure, "prctl")?;
    if getppid().map(|pid| pid.as_raw_nonzero().get()) == Some(parent) {
        return Ok(());
    }
    Err(Failure::new(Exit::Failure, "the supervisor is gone"))
}

/// See [`super::become_child`]. The program is CometBFT, whose log is mended first.
pub fn become_child(args: &ChildArgs, home: &Home) -> Outcome {
    die_with(args.parent)?;
    // Kept open through exec: a successor waits until this process is gone for good.
    let lock = home.lock(&args.lock, Duration::from_secs(10))?;
    fcntl_setfd(&lock, FdFlags::empty()).at(Exit::Failure, "lock")?;
    // Here, where no other CometBFT can be writing it.
    wal::mend_in(home);
    let (program, arguments) = args
        .program
        .split_first()
        .ok_or_else(|| Failure::new(Exit::Usage, "no program given"))?;
    let mut command = command(program);
    for (setting, default) in GO_RUNTIME {
        if env::var_os(setting).is_none() {
            command.env(setting, default);
        }
    }
    let error = command.args(arguments).exec();
    Err(Failure::new(
        Exit::NoComet,
        format!("cannot run {}: {error}", Path::new(program).display()),
    ))
}

/// A running child with a name for messages.
pub struct Supervised {
    name: &'static str,
    process: Child,
}

impl Supervised {
    /// Starts this same program with `arguments`, in a process group of its own so that Ctrl-C
    /// reaches the supervisor alone.
    ///
    /// # Errors
    /// If the system refuses a new process.
    pub fn spawn(name: &'static str, arguments: &[OsString], log: &LogArgs) -> Outcome<Self> {
        let format = match log.log_format {
            LogFormat::Plain => "plain",
            LogFormat::Json => "json",
        };
        // The link stays valid when the file is replaced by an upgrade.
        let process = Command::new("/proc/self/exe")
            .arg0("quernd")
            .args(arguments)
            // CometBFT reads settings of config.toml from variables of these names, too.
            .envs((log.log_format == LogFormat::Json).then_some(("CMT_LOG_FORMAT", format)))
            .env("QUERN_LOG_FORMAT", format)
            .env("QUERN_LOG", &log.log_level)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .at(Exit::Failure, format!("cannot start {name}"))?;
        Ok(Self { name, process })
    }

    /// Waits for the child's end.
    pub async fn ended(&mut self) -> std::io::Result<ExitStatus> {
        self.process.wait().await
    }

    /// Asks the child to end with SIGTERM and, after `patience`, makes it end with SIGKILL.
    pub async fn stop(&mut self, patience: Duration) {
        let Some(pid) = self
            .process
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw)
        else {
            return;
        };
        let _ = kill_process(pid, Signal::TERM);
        if tokio::time::timeout(patience, self.process.wait()).await.is_err() {
            tracing::warn!(child = self.name, "did not stop in time, killing it");
            let _ = self.process.kill().await;
        }
    }
}
