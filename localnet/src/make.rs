//! Making a network's homes, keys and genesis, by the commands that operators use.

use crate::layout::Model;
use crate::net::{Account, Node, Worker};
use crate::plan::{BOND, CAPACITY, FUNDS, Plan, TRANSPORT_KEY, WARM_KEY, moniker, payer};
use crate::programs::{Programs, ask, text};
use crate::{account, ports};
use anyhow::{Context, bail};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// Ports of one host: RPC, p2p, gRPC, REST, telemetry, worker, worker's status.
const HOST_PORTS: usize = 7;

/// A network on disk that has not started.
#[derive(Debug)]
pub struct Made {
    /// Nodes.
    pub nodes: Vec<Node>,
    /// Workers.
    pub workers: Vec<Worker>,
    /// Where each worker listens: for routers, and for probes without encryption.
    pub worker_ports: Vec<(u16, u16)>,
    /// Accounts: `faucet`, `router`, `funder`, payers, then the operators.
    pub accounts: Vec<Account>,
    /// The router's port.
    pub router_port: u16,
}

/// Makes everything below `plan.dir`, which must hold nothing but the claim.
pub fn make(programs: &Programs, plan: &Plan) -> anyhow::Result<Made> {
    fs::create_dir_all(plan.dir.join("logs")).with_context(|| plan.dir.display().to_string())?;
    let ports = ports::free(plan.hosts() * HOST_PORTS + 1)?;
    let mut made = Made {
        nodes: Vec::new(),
        workers: Vec::new(),
        worker_ports: Vec::new(),
        accounts: Vec::new(),
        router_port: ports[plan.hosts() * HOST_PORTS],
    };
    let others = ["faucet", "router", "funder"].map(str::to_owned);
    for name in others.into_iter().chain((0..plan.payers).map(payer)) {
        made.accounts
            .push(account::make(programs, &plan.accounts_home(), &name)?);
    }
    let mut keys = Vec::new();
    let mut peers = Vec::new();
    for host in 0..plan.hosts() {
        let ports = &ports[host * HOST_PORTS..(host + 1) * HOST_PORTS];
        let [rpc, p2p, grpc, rest, telemetry, worker, status] = *ports else {
            bail!("{HOST_PORTS} ports a host");
        };
        let home = plan.node_home(host);
        init(programs, plan, host, [rpc, p2p, grpc, rest, telemetry])?;
        let operator = account::make(programs, &home, &moniker(host))?;
        let id = ask(
            &programs.quernd,
            ["comet", "show-node-id", "--home", &path(&home)],
        )?;
        peers.push(format!("{id}@127.0.0.1:{p2p}"));
        keys.push(WorkerKeys::make(programs, plan, host)?);
        made.nodes.push(Node {
            moniker: moniker(host),
            home: path(&home),
            rpc: format!("http://127.0.0.1:{rpc}"),
            grpc: format!("http://127.0.0.1:{grpc}"),
            rest: format!("http://127.0.0.1:{rest}"),
        });
        made.workers.push(Worker {
            host: operator.address.clone(),
            url: format!("https://127.0.0.1:{worker}"),
            status: format!("http://127.0.0.1:{status}"),
            models: plan.layout.hosts[host].clone(),
        });
        made.worker_ports.push((worker, status));
        made.accounts.push(operator);
    }
    genesis(programs, plan, &made, &keys)?;
    for (host, node) in made.nodes.iter().enumerate() {
        let others = peers.iter().enumerate().filter(|(i, _)| *i != host);
        let others: Vec<_> = others.map(|(_, peer)| peer.as_str()).collect();
        let settings = [
            ("p2p.persistent_peers", others.join(",")),
            // All nodes have one address.
            ("p2p.allow_duplicate_ip", "true".to_owned()),
            ("p2p.addr_book_strict", "false".to_owned()),
            // Two blocks a second: delays in blocks stay delays that a request fits into.
            ("consensus.timeout_commit", "500ms".to_owned()),
        ];
        for (key, value) in settings {
            ask(
                &programs.quernd,
                ["config", "set", "config", key, &value, "--home", &node.home],
            )?;
        }
    }
    Ok(made)
}

fn init(programs: &Programs, plan: &Plan, host: usize, ports: [u16; 5]) -> anyhow::Result<()> {
    let ports = ports.map(|port| port.to_string());
    let home = path(&plan.node_home(host));
    let moniker = moniker(host);
    let mut args = vec!["init", &moniker, "--home", &home, "--chain-id", &plan.chain_id];
    let flags = [
        "--rpc-port",
        "--p2p-port",
        "--grpc-port",
        "--api-port",
        "--telemetry-port",
    ];
    for (flag, port) in flags.into_iter().zip(&ports) {
        args.extend([flag, port]);
    }
    ask(&programs.quernd, args)?;
    Ok(())
}

/// The public sides of a worker's keys.
struct WorkerKeys {
    warm: String,
    warm_address: String,
    transport: String,
}

impl WorkerKeys {
    /// Makes the keys in the worker's home.
    fn make(programs: &Programs, plan: &Plan, host: usize) -> anyhow::Result<Self> {
        let home = plan.worker_home(host);
        fs::create_dir_all(&home)?;
        let (warm, transport) = (path(&home.join(WARM_KEY)), path(&home.join(TRANSPORT_KEY)));
        let made = ask(
            &programs.worker,
            ["keys", "--warm-key", &warm, "--transport-key", &transport],
        )?;
        let made: Value = serde_json::from_str(&made)?;
        Ok(Self {
            warm: text(&made, "warm_key")?,
            warm_address: text(&made, "warm_address")?,
            transport: text(&made, "transport_key")?,
        })
    }
}

/// One genesis document: accounts, system contracts, and every host's own transaction.
fn genesis(programs: &Programs, plan: &Plan, made: &Made, keys: &[WorkerKeys]) -> anyhow::Result<()> {
    let first = plan.node_home(0);
    let home = path(&first);
    let funds = format!("{FUNDS}nqrn");
    let addresses = made.accounts.iter().map(|account| &account.address);
    let addresses = addresses.chain(keys.iter().map(|keys| &keys.warm_address));
    for address in addresses {
        ask(
            &programs.quernd,
            ["genesis", "add-account", address, &funds, "--home", &home],
        )?;
    }
    let models = plan.dir.join("models.json");
    let launched = plan.layout.models.iter();
    let launched: Vec<Value> = launched
        .map(|model| launch_package(programs, model).with_context(|| format!("model {:?}", model.id)))
        .collect::<anyhow::Result<_>>()?;
    fs::write(&models, serde_json::to_vec_pretty(&launched)?)?;
    let contracts = path(&plan.root.join("contracts/artifacts"));
    let models = path(&models);
    let args = ["genesis", "add-system", "--profile", "localnet", "--home", &home];
    ask(
        &programs.quernd,
        args.into_iter()
            .chain(["--contracts", &contracts, "--models", &models]),
    )?;
    let document = first.join("config/genesis.json");
    let collected = first.join("config/gentx");
    fs::create_dir_all(&collected)?;
    for (host, keys) in keys.iter().enumerate() {
        let other = plan.node_home(host);
        if host > 0 {
            fs::copy(&document, other.join("config/genesis.json"))?;
        }
        let moniker = moniker(host);
        let out = path(&collected.join(format!("gentx-{moniker}.json")));
        let bond = format!("{BOND}nqrn");
        let served = plan.layout.hosts[host].iter();
        let offers: Vec<String> = served.map(|model| format!("{model}={CAPACITY}")).collect();
        let args = [
            ["--home", &path(&other)],
            ["--amount", &bond],
            ["--endpoint", &made.workers[host].url],
            ["--transport-key", &keys.transport],
            ["--warm-key", &keys.warm],
            ["--output-document", &out],
        ];
        let offers = offers.iter().flat_map(|offer| ["--model", offer]);
        let args = ["genesis", "gentx", &moniker]
            .into_iter()
            .chain(args.iter().flatten().copied())
            .chain(offers);
        ask(&programs.quernd, args)?;
    }
    ask(&programs.quernd, ["genesis", "collect", "--home", &home])?;
    for host in 1..plan.hosts() {
        fs::copy(&document, plan.node_home(host).join("config/genesis.json"))?;
    }
    Ok(())
}

/// What launches a model on this chain.
fn launch_package(programs: &Programs, model: &Model) -> anyhow::Result<Value> {
    let folder = path(&model.folder);
    let hash = ask(&programs.worker, ["model-hash", "--base64", "--model", &folder])?;
    let config = json_file(&model.folder.join("config.json"))?;
    let calibration = json_file(&model.calibration())?;
    Ok(json!({
        "id": model.id,
        "hash": hash,
        "context": config["max_position_embeddings"],
        "precision": "fp32",
        "sampler": 1,
        "price": model.price,
        "coefficients": {"input": 1_000_000, "cached": 100_000, "output": 3_000_000},
        "profiles": ["cpu-fp32"],
        "state": "live",
        "calibration": calibration,
        "proof": {
            "vocabulary": config["vocab_size"],
            "shapes": [
                {"prompt": 32, "output": 32, "weight": 2},
                {"prompt": 64, "output": 24, "weight": 1},
                {"prompt": 96, "output": 16, "weight": 1},
            ],
            "coefficient": 1_000_000,
        },
    }))
}

fn json_file(file: &Path) -> anyhow::Result<Value> {
    let text = fs::read(file).with_context(|| path(file))?;
    serde_json::from_slice(&text).with_context(|| path(file))
}

fn path(path: &Path) -> String {
    path.display().to_string()
}
