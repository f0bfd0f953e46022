//! `config.toml`: the few values of CometBFT's own file that Quern sets.

use std::net::SocketAddr;

use toml_edit::{DocumentMut, Value};

use crate::config::edit::{self, get, set};
use crate::exit::{Exit, Failure, Outcome};
use crate::home::{ABCI_SOCKET, Home};

/// Where CometBFT listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// JSON-RPC and WebSocket.
    pub rpc: SocketAddr,
    /// Peers.
    pub p2p: SocketAddr,
}

/// Pace of consensus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Pace {
    /// CometBFT's defaults: about one block a second.
    Standard,
    /// Some blocks a second, for several nodes on one machine.
    Local,
    /// Blocks as fast as they can be made, as in CometBFT's own tests. For a node that is alone.
    Fast,
}

/// Patient while messages travel and processes wait for a core, quick when everybody answers.
const LOCAL: &[(&str, &str)] = &[
    ("consensus.timeout_propose", "1s"),
    ("consensus.timeout_propose_delta", "250ms"),
    ("consensus.timeout_prevote", "300ms"),
    ("consensus.timeout_prevote_delta", "100ms"),
    ("consensus.timeout_precommit", "300ms"),
    ("consensus.timeout_precommit_delta", "100ms"),
    ("consensus.timeout_commit", "200ms"),
    ("consensus.peer_gossip_sleep_duration", "10ms"),
    ("p2p.flush_throttle_timeout", "10ms"),
];

const FAST: &[(&str, &str)] = &[
    ("consensus.timeout_propose", "40ms"),
    ("consensus.timeout_propose_delta", "1ms"),
    ("consensus.timeout_prevote", "10ms"),
    ("consensus.timeout_prevote_delta", "1ms"),
    ("consensus.timeout_precommit", "10ms"),
    ("consensus.timeout_precommit_delta", "1ms"),
    ("consensus.timeout_commit", "10ms"),
    ("consensus.peer_gossip_sleep_duration", "5ms"),
    ("consensus.peer_query_maj23_sleep_duration", "250ms"),
];

/// Sets what a fresh file needs: names, listeners on loopback, the application's socket.
///
/// # Errors
/// If CometBFT's file lacks one of the keys: its version does not fit.
pub fn prepare(document: &mut DocumentMut, moniker: &str, ports: Ports, pace: Pace) -> Outcome {
    set(document, "proxy_app", Value::from(ABCI_SOCKET))?;
    set(document, "moniker", Value::from(moniker))?;
    set(document, "rpc.laddr", Value::from(format!("tcp://{}", ports.rpc)))?;
    set(document, "p2p.laddr", Value::from(format!("tcp://{}", ports.p2p)))?;
    set(document, "tx_index.indexer", Value::from("kv"))?;
    set(
        document,
        "instrumentation.prometheus_listen_addr",
        Value::from("127.0.0.1:26660"),
    )?;
    // The default discards recheck answers after one second and logs an error; contracts take longer.
    set(document, "mempool.recheck_timeout", Value::from("10s"))?;
    let timing: &[(&str, &str)] = match pace {
        Pace::Standard => return Ok(()),
        Pace::Local => LOCAL,
        Pace::Fast => FAST,
    };
    for (key, value) in timing {
        set(document, key, Value::from(*value))?;
    }
    set(document, "p2p.addr_book_strict", Value::from(false))?;
    set(document, "p2p.allow_duplicate_ip", Value::from(true))?;
    Ok(())
}

/// A TCP listener that the file names, or `None` where it names another kind or none.
///
/// # Errors
/// [`Exit::BadFile`] for a text that is no address.
pub fn listener(document: &DocumentMut, key: &str) -> Outcome<Option<SocketAddr>> {
    let text = get(document, key)?.as_str().unwrap_or_default();
    let Some(address) = text.strip_prefix("tcp://") else {
        return Ok(None);
    };
    let address = address.replace("localhost", "127.0.0.1");
    let bad = || {
        let text = format!("config.toml: {key} = {text:?} is not tcp://IP:port");
        Failure::new(Exit::BadFile, text)
    };
    address.parse().map(Some).map_err(|_| bad())
}

/// Whether the consensus key is kept by another program, which dials `priv_validator_laddr`.
#[must_use]
pub fn remote_signer(document: &DocumentMut) -> bool {
    get(document, "priv_validator_laddr")
        .ok()
        .and_then(Value::as_str)
        .is_some_and(|address| !address.is_empty())
}

/// The RPC address of a home as a client dials it.
///
/// # Errors
/// [`Exit::BadFile`] if the file or its address is unreadable.
pub fn rpc_url(home: &Home) -> Outcome<String> {
    let document = edit::read(&home.config_toml())?;
    let address = listener(&document, "rpc.laddr")?.ok_or_else(|| {
        Failure::new(
            Exit::BadFile,
            "config.toml: rpc.laddr is not tcp://IP:port; give --node",
        )
    })?;
    let ip = if address.ip().is_unspecified() {
        "127.0.0.1".to_owned()
    } else {
        address.ip().to_string()
    };
    Ok(format!("http://{ip}:{}", address.port()))
}
