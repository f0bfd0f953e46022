//! `net.json`: what a running network is made of, for tools.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A running network. Keys and words in it are of test accounts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Net {
    /// Chain id.
    pub chain_id: String,
    /// Nodes, one a host.
    pub nodes: Vec<Node>,
    /// The router.
    pub router: Option<Router>,
    /// Workers, one a host.
    pub workers: Vec<Worker>,
    /// Funded accounts: `faucet`, `payer` and further payers, `funder`, and those of hosts and router.
    pub accounts: Vec<Account>,
    /// System contracts: name and address.
    pub contracts: BTreeMap<String, String>,
}

/// A node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Node {
    /// Name.
    pub moniker: String,
    /// Home directory.
    pub home: String,
    /// URL of CometBFT's RPC.
    pub rpc: String,
    /// URL of gRPC.
    pub grpc: String,
    /// URL of REST and gRPC-web.
    pub rest: String,
}

/// A router.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Router {
    /// Base URL of the OpenAI dialect, without `/v1`.
    pub url: String,
    /// A key that it accepts, of the first payer.
    pub api_key: String,
    /// A key of each payer, by the account's name.
    pub api_keys: BTreeMap<String, String>,
}

/// A worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Worker {
    /// Operator's address.
    pub host: String,
    /// URL that routers call, over TLS with pinned keys.
    pub url: String,
    /// URL of health, metrics and receipts, without encryption.
    pub status: String,
    /// Models that it serves.
    pub models: Vec<String>,
}

/// An account of the network.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Account {
    /// Name of the key.
    pub name: String,
    /// Address.
    pub address: String,
    /// Its words.
    pub mnemonic: String,
}
