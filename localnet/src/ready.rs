//! Waiting until a part of the network answers.

use crate::process::Process;
use anyhow::Context;
use serde_json::Value;
use std::time::{Duration, Instant};

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(100);

/// A GET over HTTP; none while nobody answers well.
pub fn get(url: &str) -> Option<Value> {
    let answer = minreq::get(url).with_timeout(2).send().ok()?;
    (answer.status_code == 200).then(|| serde_json::from_slice(answer.as_bytes()).ok())?
}

/// Height of a node.
pub fn height(rpc: &str) -> Option<u64> {
    let status = get(&format!("{rpc}/status"))?;
    let height = status.pointer("/result/sync_info/latest_block_height")?;
    height.as_str()?.parse().ok()
}

/// Asks until there is an answer; fails with a process's log when it ends or takes too long.
pub async fn wait<T>(
    process: &mut Process,
    what: &str,
    patience: Duration,
    mut question: impl FnMut() -> Option<T>,
) -> anyhow::Result<T> {
    let started = Instant::now();
    loop {
        if let Some(answer) = question() {
            return Ok(answer);
        }
        process.check().with_context(|| format!("waiting for {what}"))?;
        if started.elapsed() > patience {
            return Err(process.failed(&format!("did not bring {what} in {patience:?}")));
        }
        tokio::time::sleep(PAUSE).await;
    }
}
