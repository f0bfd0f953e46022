//! `quernd init`: a home for one validator of a new network.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use quern_beacon::DEFAULT_LAYERS;
use quern_genesis::{BeaconValidator, ConsensusKey, Document, Validator};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::comet::Comet;
use crate::config::app::TEMPLATE;
use crate::config::comet::{Pace, Ports, prepare};
use crate::config::edit;
use crate::exit::{At, Exit, Failure, Outcome};
use crate::home::Home;
use crate::onion::Onions;

/// CometBFT's database in a fresh home, where its program knows it (ADR 17).
const DATABASE: &str = "pebbledb";

/// Arguments of `quernd init`.
#[derive(Clone, Debug, clap::Args)]
pub struct InitArgs {
    /// Name of this node, for people
    pub moniker: String,
    /// Identifier of the chain, such as quern-1; every signature covers it
    #[arg(long)]
    pub chain_id: String,
    /// Voting power of this node's validator at genesis
    #[arg(long, default_value_t = 1_000_000)]
    pub power: i64,
    /// JSON-RPC port, on 127.0.0.1
    #[arg(long, default_value_t = 26657)]
    pub rpc_port: u16,
    /// Peer-to-peer port, on 127.0.0.1; change p2p.laddr in config.toml to reach other machines
    #[arg(long, default_value_t = 26656)]
    pub p2p_port: u16,
    /// gRPC port, on 127.0.0.1
    #[arg(long, default_value_t = 9090)]
    pub grpc_port: u16,
    /// REST port, on 127.0.0.1; without it REST stays off until app.toml says otherwise
    #[arg(long)]
    pub api_port: Option<u16>,
    /// Port of the application's metrics, on 127.0.0.1
    #[arg(long, default_value_t = 26661)]
    pub telemetry_port: u16,
    /// Pace of consensus
    #[arg(long, value_enum, default_value = "standard")]
    pub pace: Pace,
}

/// Makes the home; on an error nothing of it stays behind.
///
/// # Errors
/// [`Exit::Exists`] for a home that has a configuration or data.
pub fn init(args: &InitArgs, home: &Home, comet: &Comet) -> Outcome<Value> {
    for taken in [home.config(), home.data()] {
        if taken.exists() {
            return Err(Failure::new(
                Exit::Exists,
                format!(
                    "{} exists: this home is initialised. Nothing was changed; give another --home, or run `quernd comet unsafe-reset-all` to start its chain data over",
                    taken.display()
                ),
            ));
        }
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(home.root())
        .at(Exit::Failure, home.root().display())?;
    // Built aside and moved in whole: an interrupted init leaves no half-made home.
    let staging = tempfile::Builder::new()
        .prefix(".init-")
        .tempdir_in(home.root())
        .at(Exit::Failure, home.root().display())?;
    let made = Home::new(staging.path())?;
    let summary = build(args, &made, comet)?;
    for part in ["data", "config"] {
        let target = home.root().join(part);
        fs::rename(made.root().join(part), &target).at(Exit::Failure, target.display())?;
    }
    Ok(summary)
}

fn build(args: &InitArgs, home: &Home, comet: &Comet) -> Outcome<Value> {
    comet.run(home.root(), &["init"])?;
    let mut config = edit::read(&home.config_toml())?;
    let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let ports = Ports {
        rpc: loopback(args.rpc_port),
        p2p: loopback(args.p2p_port),
    };
    prepare(&mut config, &args.moniker, ports, args.pace)?;
    if comet.keeps(DATABASE)? {
        edit::set(&mut config, "db_backend", DATABASE.into())?;
    }
    edit::write(&home.config_toml(), config.to_string().as_bytes(), 0o644)?;

    let mut app = TEMPLATE.parse().at(Exit::Failure, "app.toml")?;
    edit::set(
        &mut app,
        "grpc.address",
        loopback(args.grpc_port).to_string().into(),
    )?;
    if let Some(port) = args.api_port {
        edit::set(&mut app, "api.enable", true.into())?;
        edit::set(
            &mut app,
            "api.address",
            format!("tcp://{}", loopback(port)).into(),
        )?;
    }
    edit::set(
        &mut app,
        "telemetry.address",
        loopback(args.telemetry_port).to_string().into(),
    )?;
    edit::write(&home.app_toml(), app.to_string().as_bytes(), 0o644)?;

    let key = validator_key(&home.validator_key())?;
    let mut document = Document::new(&args.chain_id, now()?);
    let mut onions = Onions::default();
    let anchor = onions.grow(DEFAULT_LAYERS)?;
    onions.save(&home.beacon_onion())?;
    document.app_state.beacon.validators = vec![BeaconValidator::new(key.address(), anchor)];
    document.validators = vec![Validator::new(key, args.power, &args.moniker)];
    quern_genesis::cli::save(&home.genesis(), &document)
        .map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;

    let node_id = comet.run(home.root(), &["show-node-id"])?;
    Ok(json!({ "moniker": args.moniker, "chain_id": args.chain_id, "node_id": node_id }))
}

/// The public key of CometBFT's consensus key file.
///
/// # Errors
/// [`Exit::BadFile`] if the file is missing or is no Ed25519 key.
pub fn validator_key(path: &Path) -> Outcome<ConsensusKey> {
    #[derive(serde::Deserialize)]
    struct KeyFile {
        pub_key: ConsensusKey,
    }
    let text = fs::read(path).at(Exit::BadFile, path.display())?;
    let file: KeyFile = serde_json::from_slice(&text).at(
        Exit::BadFile,
        format!(
            "{} is no consensus key file; restore it from a backup",
            path.display()
        ),
    )?;
    Ok(file.pub_key)
}

/// The wall clock, whole seconds: the chain's starting time is the operator's choice, not state.
#[allow(clippy::disallowed_methods)]
fn now() -> Outcome<String> {
    let seconds = OffsetDateTime::from(std::time::SystemTime::now()).unix_timestamp();
    OffsetDateTime::from_unix_timestamp(seconds)
        .at(Exit::Failure, "clock")?
        .format(&Rfc3339)
        .at(Exit::Failure, "clock")
}
