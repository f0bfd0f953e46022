//! Stopping a network that another process supervises.

use crate::plan::pid_file;
use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long the supervisor may take: it stops every process in order.
const PATIENCE: Duration = Duration::from_secs(90);

/// Asks the supervisor to stop and waits until it is gone. A network that does not run is no error.
pub fn down(dir: &Path) -> anyhow::Result<()> {
    let path = pid_file(dir);
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("no network runs in {}", dir.display());
        return Ok(());
    };
    let pid = text.trim().parse().ok().and_then(Pid::from_raw);
    let pid = pid.with_context(|| format!("{} holds no process id: remove it", path.display()))?;
    if !is_supervisor(pid) {
        std::fs::remove_file(&path)?;
        println!("the network in {} had ended already", dir.display());
        return Ok(());
    }
    kill_process(pid, Signal::TERM)?;
    let started = Instant::now();
    while test_kill_process(pid).is_ok() {
        if started.elapsed() > PATIENCE {
            bail!(
                "the supervisor {} did not end in {PATIENCE:?}",
                pid.as_raw_nonzero()
            );
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    println!("stopped");
    Ok(())
}

/// Whether the process is a supervisor: a process id is used again after a restart of the machine.
fn is_supervisor(pid: Pid) -> bool {
    let path = format!("/proc/{}/cmdline", pid.as_raw_nonzero());
    std::fs::read(path).is_ok_and(|line| {
        let line = String::from_utf8_lossy(&line);
        line.split('\0')
            .next()
            .is_some_and(|program| program.ends_with("quern-localnet"))
    })
}
