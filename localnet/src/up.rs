//! Running a network: start in order, say when it is ready, watch, stop in order.

use crate::claim::Claim;
use crate::make::{Made, make};
use crate::net::Net;
use crate::plan::{Plan, net_file, pid_file};
use crate::process::Process;
use crate::programs::{Programs, ask_json, text};
use crate::{ready, router, worker};
use anyhow::Context;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How long a node may take to its first blocks.
const NODE_PATIENCE: Duration = Duration::from_secs(120);

/// Makes and runs a network until it is asked to stop. A process that ends by itself is started again.
pub async fn up(plan: &Plan) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let programs = Programs::find(&plan.root)?;
    let _claim = Claim::new(&plan.dir)?;
    // before anything is made, so that `down` finds whom to ask
    write(&pid_file(&plan.dir), &std::process::id().to_string())?;
    let mut running = Vec::new();
    let outcome = tokio::select! {
        outcome = run(&programs, plan, &mut running) => outcome,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    };
    let stopped = stop(running).await;
    let _ = fs::remove_file(net_file(&plan.dir));
    let _ = fs::remove_file(pid_file(&plan.dir));
    outcome.and(stopped)
}

async fn run(programs: &Programs, plan: &Plan, running: &mut Vec<Process>) -> anyhow::Result<()> {
    let made = &make(programs, plan)?;
    for node in &made.nodes {
        let args = ["start", "--home", &node.home].map(Into::into).to_vec();
        let log = plan.log(&node.moniker);
        running.push(Process::start(&node.moniker, &programs.quernd, args, &log)?);
    }
    for (node, process) in made.nodes.iter().zip(running.iter_mut()) {
        ready::wait(process, "a block", NODE_PATIENCE, || {
            ready::height(&node.rpc).filter(|height| *height >= 2)
        })
        .await?;
    }
    println!("{} nodes make blocks", made.nodes.len());
    let contracts = contracts(programs, made)?;
    for host in 0..plan.hosts() {
        let mut process = worker::start(programs, plan, made, &contracts, host)?;
        let answer = worker::ready(made, host, &mut process).await;
        running.push(process);
        answer?;
    }
    println!("{} workers serve", plan.hosts());
    let (process, router) = router::start(programs, plan, made, &contracts)?;
    running.push(process);
    if let Some(process) = running.last_mut() {
        router::ready(&router, process).await?;
    }
    let net = Net {
        chain_id: plan.chain_id.clone(),
        nodes: made.nodes.clone(),
        router: Some(router),
        workers: made.workers.clone(),
        accounts: made.accounts.clone(),
        contracts,
    };
    write(&net_file(&plan.dir), &serde_json::to_string_pretty(&net)?)?;
    println!("ready: {}", net_file(&plan.dir).display());
    loop {
        for process in running.iter_mut() {
            process.revive()?;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// System contracts by name.
fn contracts(programs: &Programs, made: &Made) -> anyhow::Result<BTreeMap<String, String>> {
    let node = made.nodes.first().context("a network has a node")?;
    let answer = ask_json(&programs.quernd, ["query", "contracts", "--node", &node.rpc])?;
    let listed = answer["contracts"].as_array().context("no list of contracts")?;
    listed
        .iter()
        .map(|contract| Ok((text(contract, "name")?, text(contract, "address")?)))
        .collect()
}

/// Stops in the reverse order of the start; the first failure is told after all were tried.
async fn stop(mut running: Vec<Process>) -> anyhow::Result<()> {
    let mut outcome = Ok(());
    while let Some(process) = running.pop() {
        outcome = outcome.and(process.stop().await);
    }
    outcome
}

/// Writes a file whole: a reader sees all of it or none.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let draft = path.with_extension("new");
    fs::write(&draft, text)?;
    fs::rename(&draft, path)?;
    Ok(())
}
