//! Registering, funding and starting the router.

use crate::make::Made;
use crate::net::Router;
use crate::plan::{Plan, TRANSPORT_KEY, payer};
use crate::process::Process;
use crate::programs::{Programs, ask, ask_json};
use crate::ready;
use anyhow::{Context, bail};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// How long the first sessions may take to open.
const PATIENCE: Duration = Duration::from_secs(120);
/// The router's fee in basis points.
const FEE_BPS: &str = "100";
/// Bond that lets the router hold keys of sessions: more than they escrow together.
const BOND: &str = "1000qrn";

/// Registers the router and starts it; answers how to reach it.
pub fn start(
    programs: &Programs,
    plan: &Plan,
    made: &Made,
    contracts: &BTreeMap<String, String>,
) -> anyhow::Result<(Process, Router)> {
    let home = plan.router_home();
    fs::create_dir_all(&home)?;
    let url = format!("http://127.0.0.1:{}", made.router_port);
    let transport = home.join(TRANSPORT_KEY);
    // The registry takes https alone: users would reach a router through a proxy that speaks TLS.
    register(programs, plan, made, &url.replace("http:", "https:"))?;

    let mut payers = Vec::new();
    let (mut lines, mut api_keys) = (String::new(), BTreeMap::new());
    for name in (0..plan.payers).map(payer) {
        let (file, line, key) = payer_keys(programs, plan, &name)?;
        payers.push(format!("{name}={file}"));
        lines.push_str(&line);
        api_keys.insert(name, key);
    }
    let keys = home.join("keys");
    fs::write(&keys, lines)?;

    let router = made.accounts.iter().find(|account| account.name == "router");
    let router = router.context("no account named router")?;
    let contract = |name: &str| contracts.get(name).with_context(|| format!("no contract {name}"));
    let mut args: Vec<std::ffi::OsString> = vec!["serve".into()];
    for node in &made.nodes {
        args.extend(["--chain-rpc".into(), node.rpc.clone().into()]);
    }
    for (flag, value) in [
        ("--chain-id", plan.chain_id.clone()),
        ("--settlement", contract("settlement")?.clone()),
        ("--registry", contract("registry")?.clone()),
        ("--prices", contract("pricing")?.clone()),
        ("--state", home.join("state").display().to_string()),
        ("--max-price", "1000".to_owned()),
        ("--gas-price", "0".to_owned()),
        ("--router", router.address.clone()),
        ("--router-fee-bps", FEE_BPS.to_owned()),
        ("--transport-key", transport.display().to_string()),
        ("--listen", format!("127.0.0.1:{}", made.router_port)),
        ("--keys", keys.display().to_string()),
    ] {
        args.extend([flag.into(), value.into()]);
    }
    for payer in payers {
        args.extend(["--account-key".into(), payer.into()]);
    }
    for model in &plan.layout.models {
        args.extend(["--model".into(), model.id.clone().into()]);
    }
    let process = Process::start("router", &programs.router, args, &plan.log("router"))?;
    let api_key = api_keys.get(&payer(0)).cloned().unwrap_or_default();
    let router = Router {
        url,
        api_key,
        api_keys,
    };
    Ok((process, router))
}

/// A payer's own key, which pays: the router only knows it because it runs on the payer's machine. Answers its file,
/// the line for the router's keys file, and the API key.
fn payer_keys(programs: &Programs, plan: &Plan, name: &str) -> anyhow::Result<(String, String, String)> {
    let accounts = plan.accounts_home().display().to_string();
    let file = plan.router_home().join(format!("{name}.key"));
    let export = [
        "keys",
        "export",
        name,
        "--unarmored-hex",
        "--unsafe",
        "--home",
        &accounts,
    ];
    write_secret(&file, &ask(&programs.quernd, export)?)?;
    let made = ask(&programs.router, ["new-key", name])?;
    let field = |label: &str| {
        let line = made.lines().find_map(|line| line.strip_prefix(label));
        line.map(|rest| rest.trim().to_owned())
            .with_context(|| format!("no {label} in {made}"))
    };
    let line = format!("{} payer={name}\n", field("line for the keys file:")?);
    Ok((file.display().to_string(), line, field("key:")?))
}

/// Waits until every payer has a session for every model.
pub async fn ready(router: &Router, process: &mut Process) -> anyhow::Result<()> {
    let url = format!("{}/health", router.url);
    ready::wait(process, "open sessions", PATIENCE, || ready::get(&url)).await?;
    Ok(())
}

/// The router's record and bond on chain.
fn register(programs: &Programs, plan: &Plan, made: &Made, url: &str) -> anyhow::Result<()> {
    let home = plan.router_home();
    let keys = [home.join("unused.key"), home.join(TRANSPORT_KEY)].map(|path| path.display().to_string());
    let args = ["keys", "--warm-key", &keys[0], "--transport-key", &keys[1]];
    let shown: Value = serde_json::from_str(&ask(&programs.worker, args)?)?;
    fs::remove_file(&keys[0])?;
    let transport = crate::programs::text(&shown, "transport_key")?;
    let accounts = plan.accounts_home().display().to_string();
    let send = |what: &[&str]| {
        let common = [
            "--from",
            "router",
            "--home",
            &accounts,
            "--node",
            &made.nodes[0].rpc,
            "--chain-id",
            &plan.chain_id,
            "--gas",
            "5000000",
            "--fees",
            "0nqrn",
            "-y",
            "--wait",
        ];
        let answer = ask_json(&programs.quernd, ["tx"].iter().chain(what).chain(&common))?;
        if answer["code"] != 0 {
            bail!("{what:?} failed: {answer}");
        }
        Ok(())
    };
    send(&[
        "register-router",
        "--moniker",
        "router",
        "--endpoint",
        url,
        "--transport-key",
        &transport,
        "--fee-bps",
        FEE_BPS,
    ])?;
    send(&["fund-router", BOND])
}

/// Writes a file that only its owner reads.
fn write_secret(path: &std::path::Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    file.with_context(|| path.display().to_string())?
        .write_all(text.as_bytes())?;
    Ok(())
}
