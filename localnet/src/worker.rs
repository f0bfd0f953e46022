//! Starting a host's worker.

use crate::layout::Model;
use crate::make::Made;
use crate::plan::{Plan, TRANSPORT_KEY, WARM_KEY, moniker};
use crate::process::Process;
use crate::programs::Programs;
use crate::ready;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// How long a worker may take to load its models.
const PATIENCE: Duration = Duration::from_secs(120);

/// Writes a worker's configuration and starts it.
pub fn start(
    programs: &Programs,
    plan: &Plan,
    made: &Made,
    contracts: &BTreeMap<String, String>,
    host: usize,
) -> anyhow::Result<Process> {
    let home = plan.worker_home(host);
    let config = json!({
        "chain_id": plan.chain_id,
        "nodes": [made.nodes[host].rpc],
        "host": made.workers[host].host,
        "contracts": contracts,
        "warm_keys": [WARM_KEY],
        "transport_key": TRANSPORT_KEY,
        "journal": "journal",
    });
    let file = home.join("chain.json");
    fs::write(&file, serde_json::to_vec_pretty(&config)?)?;
    let (port, status) = made.worker_ports[host];
    let name = format!("{}-worker", moniker(host));
    let mut args = vec!["serve".into()];
    args.extend(models(plan, host, &home)?);
    args.extend([
        "--threads".into(),
        "1".into(),
        "--listen".into(),
        format!("127.0.0.1:{port}").into(),
        "--status".into(),
        format!("127.0.0.1:{status}").into(),
        "--chain".into(),
        file.into(),
    ]);
    let program = match plan.cheats.iter().find(|cheat| cheat.host == host) {
        None => programs.worker.clone(),
        Some(cheat) => {
            args.extend(cheat.args());
            programs.adversary()?
        }
    };
    Process::start(&name, &program, args, &plan.log(&name))
}

/// What a worker serves: one model by flags, several by a file in its home.
fn models(plan: &Plan, host: usize, home: &Path) -> anyhow::Result<Vec<OsString>> {
    let models: Vec<_> = plan.layout.of(host).collect();
    if let [only] = models[..] {
        let (folder, id) = (only.folder.clone().into(), only.id.clone().into());
        return Ok(vec!["--model".into(), folder, "--model-id".into(), id]);
    }
    let entry = |model: &&Model| json!({"folder": model.folder, "id": model.id});
    let listed: Vec<Value> = models.iter().map(entry).collect();
    let file = home.join("models.json");
    fs::write(&file, serde_json::to_vec_pretty(&listed)?)?;
    Ok(vec!["--models".into(), file.into()])
}

/// Waits until a worker says that it serves.
pub async fn ready(made: &Made, host: usize, process: &mut Process) -> anyhow::Result<Value> {
    let (_, status) = made.worker_ports[host];
    let url = format!("http://127.0.0.1:{status}/health");
    ready::wait(process, "a healthy worker", PATIENCE, || ready::get(&url)).await
}
