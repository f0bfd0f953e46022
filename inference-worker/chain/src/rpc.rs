//! Nodes, and which of them to ask.

use crate::error::ChainError;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tendermint_rpc::error::ErrorDetail;
use tendermint_rpc::{Client, HttpClient, HttpClientUrl};

const TIMEOUT: Duration = Duration::from_secs(8);
/// Rounds through all nodes before a call gives up, and the pause after the first, doubled after each.
const ROUNDS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(150);

/// One node.
struct Node {
    url: String,
    client: HttpClient,
    /// Whether it was seen to serve the right chain.
    checked: AtomicBool,
}

/// A chain, by the nodes that serve it. Clones share what was learned about them.
#[derive(Clone)]
pub struct Chain {
    id: Arc<str>,
    nodes: Arc<[Node]>,
    /// The node that answered last.
    good: Arc<AtomicUsize>,
    /// One transaction at a time: the next one needs the sequence that this one uses up.
    pub(crate) sending: Arc<tokio::sync::Mutex<()>>,
}

/// Where a chain stands, as one node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Height of the latest block.
    pub height: u64,
    /// Whether the node is still catching up with the others.
    pub catching_up: bool,
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let urls: Vec<&str> = self.nodes.iter().map(|node| node.url.as_str()).collect();
        f.debug_struct("Chain")
            .field("id", &self.id)
            .field("nodes", &urls)
            .finish()
    }
}

impl Chain {
    /// A chain by id and the RPC addresses of one or more nodes. Nothing is asked yet.
    ///
    /// # Errors
    /// When there is no address, or one is no URL.
    pub fn new(id: &str, urls: &[String]) -> Result<Self, ChainError> {
        if urls.is_empty() {
            return Err(ChainError::Address(String::new()));
        }
        let node = |url: &String| {
            let wrong = || ChainError::Address(url.clone());
            let http = url.replacen("tcp://", "http://", 1);
            let address: HttpClientUrl = http.as_str().try_into().map_err(|_| wrong())?;
            let client = HttpClient::builder(address).timeout(TIMEOUT).build();
            Ok(Node {
                url: url.clone(),
                client: client.map_err(|_| wrong())?,
                checked: AtomicBool::new(false),
            })
        };
        Ok(Self {
            id: id.into(),
            nodes: urls.iter().map(node).collect::<Result<_, _>>()?,
            good: Arc::default(),
            sending: Arc::default(),
        })
    }

    /// The chain's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Height and health.
    ///
    /// # Errors
    /// When no node of this chain answers.
    pub async fn status(&self) -> Result<Status, ChainError> {
        let status = self
            .ask("status", |client| async move { client.status().await })
            .await?;
        Ok(Status {
            height: status.sync_info.latest_block_height.value(),
            catching_up: status.sync_info.catching_up,
        })
    }

    /// Height of the state that queries see. A node tells of a block a moment before its application has it.
    ///
    /// # Errors
    /// When no node of this chain answers.
    pub async fn height(&self) -> Result<u64, ChainError> {
        let info = self
            .ask("abci_info", |client| async move { client.abci_info().await })
            .await?;
        Ok(info.last_block_height.value())
    }

    /// Asks the nodes in turn until one answers. An answer that says no is an answer.
    pub(crate) async fn ask<T, F>(&self, what: &str, call: impl Fn(HttpClient) -> F) -> Result<T, ChainError>
    where
        F: Future<Output = Result<T, tendermint_rpc::Error>>,
    {
        let mut failure = ChainError::Unreachable("no node".into());
        for round in 0..ROUNDS {
            if round > 0 {
                tokio::time::sleep(PAUSE * 2_u32.pow(round - 1)).await;
            }
            let start = self.good.load(Ordering::Relaxed);
            for turn in 0..self.nodes.len() {
                let index = (start + turn) % self.nodes.len();
                let Some(node) = self.nodes.get(index) else {
                    continue;
                };
                if let Err(error) = self.check(node).await {
                    failure = error;
                    continue;
                }
                match call(node.client.clone()).await {
                    Ok(answer) => {
                        self.good.store(index, Ordering::Relaxed);
                        return Ok(answer);
                    }
                    Err(error) => match error.detail() {
                        ErrorDetail::Response(refusal) => {
                            return Err(ChainError::Query {
                                path: what.to_owned(),
                                codespace: "rpc".into(),
                                code: i32::from(refusal.source.code()).unsigned_abs(),
                                log: refusal.source.to_string(),
                            });
                        }
                        _ => failure = ChainError::Unreachable(format!("{}: {}", node.url, brief(&error))),
                    },
                }
            }
        }
        Err(failure)
    }

    /// Refuses a node of another chain; each is asked once.
    async fn check(&self, node: &Node) -> Result<(), ChainError> {
        if node.checked.load(Ordering::Relaxed) {
            return Ok(());
        }
        let status = node.client.status().await;
        let status = status.map_err(|e| ChainError::Unreachable(format!("{}: {}", node.url, brief(&e))))?;
        let found = status.node_info.network.to_string();
        if found != *self.id {
            return Err(ChainError::WrongChain {
                url: node.url.clone(),
                found,
                expected: self.id.to_string(),
            });
        }
        node.checked.store(true, Ordering::Relaxed);
        Ok(())
    }
}

/// The first line of an error, without the trace behind it.
pub(crate) fn brief(error: &tendermint_rpc::Error) -> String {
    error
        .to_string()
        .lines()
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned()
}
