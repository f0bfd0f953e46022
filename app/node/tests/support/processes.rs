//! Looking at processes through /proc.

use std::fs;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

/// Process ids and command lines of a process's children, whichever thread began them.
pub fn children(pid: u32) -> Vec<(u32, String)> {
    let threads = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| {
            let pids = list.split_whitespace().filter_map(|pid| pid.parse().ok());
            pids.collect::<Vec<u32>>()
        })
        .map(|pid| (pid, command_line(pid)))
        .collect()
}

/// Processes, of anyone, whose command line names this folder.
pub fn that_name(folder: &Path) -> Vec<String> {
    let folder = folder.display().to_string();
    let pids = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok());
    pids.map(command_line)
        .filter(|line| line.contains(&folder))
        .collect()
}

/// Ends one process at once.
pub fn kill(pid: u32) {
    signal(pid, Signal::KILL);
}

/// Asks one process to end.
pub fn terminate(pid: u32) {
    signal(pid, Signal::TERM);
}

/// Holds one process where it is.
pub fn hold(pid: u32) {
    signal(pid, Signal::STOP);
}

/// Lets it go on.
pub fn resume(pid: u32) {
    signal(pid, Signal::CONT);
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

fn command_line(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}
