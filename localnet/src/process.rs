//! Processes of the network: started with a log, watched, stopped in order.

use crate::programs::PASSWORD;
use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, getppid, kill_process, set_parent_process_death_signal};
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command as StdCommand, Stdio};
use std::time::Duration;
use tokio::process::{Child, Command};

/// How long a process may take to stop after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(20);
/// Lines of a log that are shown when its process fails.
const TAIL: usize = 25;

/// Crashes of one process after which the network is given up.
const MAX_RESTARTS: u32 = 10;

/// Arguments of the hidden command that a process starts through.
#[derive(Clone, Debug, clap::Args)]
pub struct ChildArgs {
    /// Process that this one must not outlive
    #[arg(long)]
    parent: i32,
    /// Program and its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    program: Vec<OsString>,
}

/// A process and its log. Killed if dropped, and by the kernel when the supervisor is gone.
#[derive(Debug)]
pub struct Process {
    /// Name for people.
    pub name: String,
    program: PathBuf,
    args: Vec<OsString>,
    log: PathBuf,
    child: Child,
    restarts: u32,
}

impl Process {
    /// Starts a program, appending what it prints to a log.
    pub fn start(name: &str, program: &Path, args: Vec<OsString>, log: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            child: spawn(program, &args, log)?,
            name: name.to_owned(),
            program: program.to_owned(),
            args,
            log: log.to_owned(),
            restarts: 0,
        })
    }

    /// Starts the process again if it has ended, as an operator's service manager does.
    pub fn revive(&mut self) -> anyhow::Result<()> {
        let Err(error) = self.check() else {
            return Ok(());
        };
        if self.restarts >= MAX_RESTARTS {
            return Err(error.context(format!("ended {MAX_RESTARTS} times; giving up")));
        }
        self.restarts += 1;
        println!("{} ended and is started again ({})", self.name, self.restarts);
        self.child = spawn(&self.program, &self.args, &self.log)?;
        Ok(())
    }

    /// An error with the end of the log, if the process has ended.
    pub fn check(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(self.failed(&format!("ended with {status}"))),
        }
    }

    /// An error about this process, with the end of its log.
    pub fn failed(&self, what: &str) -> anyhow::Error {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().collect();
        let tail = lines.iter().skip(lines.len().saturating_sub(TAIL));
        let tail: Vec<_> = tail.copied().collect();
        anyhow::anyhow!(
            "{} {what}; the end of {}:\n{}",
            self.name,
            self.log.display(),
            tail.join("\n")
        )
    }

    /// Asks the process to stop and waits; kills it if it does not.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let pid = self
            .child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        let Some(pid) = pid else {
            return Ok(()); // gone already
        };
        kill_process(pid, Signal::TERM)?;
        match tokio::time::timeout(PATIENCE, self.child.wait()).await {
            Ok(status) => {
                status?;
                Ok(())
            }
            Err(_) => {
                self.child.kill().await?;
                Err(self.failed("did not stop and was killed"))
            }
        }
    }
}

fn spawn(program: &Path, args: &[OsString], log: &Path) -> anyhow::Result<Child> {
    let out = File::options().create(true).append(true).open(log);
    let out = out.with_context(|| log.display().to_string())?;
    // This same program first, which asks the kernel for its end with ours and becomes the other.
    Command::new("/proc/self/exe")
        .arg0("quern-localnet")
        .args(["__child", "--parent", &std::process::id().to_string(), "--"])
        .arg(program)
        .args(args)
        .env("QUERN_KEYRING_PASSWORD", PASSWORD)
        .stdin(Stdio::null())
        .stdout(out.try_clone()?)
        .stderr(out)
        .kill_on_drop(true)
        // A Ctrl-C at the terminal is the supervisor's to hear: it stops the others in order.
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))
}

/// Replaces this process by a program that is killed as soon as the supervisor is gone, even by SIGKILL.
///
/// # Errors
/// If the supervisor is gone already, or the program cannot run; on success this does not return.
pub fn become_child(args: &ChildArgs) -> anyhow::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if getppid().map(|pid| pid.as_raw_nonzero().get()) != Some(args.parent) {
        bail!("the supervisor is gone");
    }
    let (program, arguments) = args.program.split_first().context("no program given")?;
    let error = StdCommand::new(program).args(arguments).exec();
    Err(error).with_context(|| format!("cannot run {}", program.display()))
}
