//! `quernd status`.

use serde_json::Value;
use tendermint_rpc::{Client, HttpClient};

use crate::config::comet::rpc_url;
use crate::exit::{At, Exit, Failure, Outcome};
use crate::home::Home;

/// Arguments of `quernd status`.
#[derive(Clone, Debug, clap::Args)]
pub struct StatusArgs {
    /// CometBFT RPC of a node [default: the home's own]
    #[arg(long, short, env = "QUERN_NODE")]
    pub node: Option<String>,
}

/// What the node's RPC says about itself: `node_info`, `sync_info`, `validator_info`.
///
/// # Errors
/// [`Exit::Unreachable`] when no node answers.
pub fn status(args: &StatusArgs, home: &Home) -> Outcome<Value> {
    let url = match &args.node {
        Some(url) => url.replacen("tcp://", "http://", 1),
        None => {
            home.must_have(&home.config_toml())?;
            rpc_url(home)?
        }
    };
    let client =
        HttpClient::new(url.as_str()).at(Exit::Usage, format!("--node {url}: write http://HOST:PORT"))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .at(Exit::Failure, "cannot start the runtime")?;
    let status = runtime.block_on(client.status()).map_err(|error| {
        let first = error
            .to_string()
            .lines()
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned();
        let text = format!(
            "no node answers at {url} ({first}): start one with `quernd start`, or give another with --node"
        );
        Failure::new(Exit::Unreachable, text)
    })?;
    serde_json::to_value(status).at(Exit::Failure, "status")
}
