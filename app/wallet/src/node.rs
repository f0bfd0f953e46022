//! The node that a command talks to, over CometBFT's RPC.

use std::{path::Path, time::Duration};

use prost::{Message, Name};
use tendermint::{Hash, block::Height};
use tendermint_rpc::{
    Client, HttpClient, Order,
    endpoint::{abci_query::AbciQuery, broadcast, tx},
    query::Query,
};

use crate::{Failure, Result, failure::usage};

/// Where CometBFT listens unless told otherwise.
const DEFAULT_URL: &str = "tcp://127.0.0.1:26657";

/// The flag `--node`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct NodeFlag {
    /// CometBFT RPC of a node [default: the home's own, else tcp://127.0.0.1:26657]
    #[arg(long, value_name = "URL", env = "QUERN_NODE", global = true)]
    pub node: Option<String>,
}

/// A node's RPC.
pub(crate) struct Node {
    client: HttpClient,
    url: String,
}

impl NodeFlag {
    /// A client for the flag's node, or for the one that the home's `config/config.toml` starts.
    pub(crate) fn connect(&self, home: &Path) -> Result<Node> {
        let url = self
            .node
            .clone()
            .or_else(|| configured(home))
            .unwrap_or_else(|| DEFAULT_URL.to_owned());
        let http = url.replacen("tcp://", "http://", 1);
        let client = HttpClient::new(http.as_str()).map_err(|e| {
            Failure::Usage(format!(
                "--node {url:?}: {e}. Write tcp://HOST:PORT or http://HOST:PORT"
            ))
        })?;
        Ok(Node { client, url })
    }
}

fn configured(home: &Path) -> Option<String> {
    let text = std::fs::read_to_string(home.join("config").join("config.toml")).ok()?;
    let config: toml::Table = text.parse().ok()?;
    let address = config.get("rpc")?.get("laddr")?.as_str()?;
    Some(address.replacen("://0.0.0.0:", "://127.0.0.1:", 1))
}

impl Node {
    fn failed(&self, e: tendermint_rpc::Error) -> Failure {
        Failure::Unreachable {
            url: self.url.clone(),
            reason: short(&e),
        }
    }

    /// Asks a gRPC method of the application; `height` 0 is the latest.
    pub(crate) async fn query<Q: Message, A: Message + Default>(
        &self,
        path: &str,
        request: &Q,
        height: u64,
    ) -> Result<A> {
        let answer = self
            .raw_query(path, request.encode_to_vec(), height, false)
            .await?;
        A::decode(answer.value.as_slice())
            .map_err(|e| Failure::Local(format!("the node's answer to {path} cannot be read: {e}")))
    }

    /// An ABCI query whose refusal is a [`Failure::Query`].
    pub(crate) async fn raw_query(
        &self,
        path: &str,
        data: Vec<u8>,
        height: u64,
        prove: bool,
    ) -> Result<AbciQuery> {
        let height = Height::try_from(height).map_err(usage)?;
        let answer = self
            .client
            .abci_query(Some(path.to_owned()), data, Some(height), prove)
            .await
            .map_err(|e| self.failed(e))?;
        match answer.code.value() {
            0 => Ok(answer),
            code => Err(Failure::Query {
                codespace: answer.codespace,
                code,
                log: answer.log,
            }),
        }
    }

    /// Hands a transaction to the mempool and waits for its check.
    pub(crate) async fn broadcast_sync(&self, tx: Vec<u8>) -> Result<broadcast::tx_sync::Response> {
        self.client
            .broadcast_tx_sync(tx)
            .await
            .map_err(|e| self.refused(e))
    }

    /// Hands a transaction to the mempool and does not wait.
    pub(crate) async fn broadcast_async(&self, tx: Vec<u8>) -> Result<broadcast::tx_async::Response> {
        self.client
            .broadcast_tx_async(tx)
            .await
            .map_err(|e| self.refused(e))
    }

    /// CometBFT's own refusals come as RPC errors; the SDK gives them codes.
    fn refused(&self, e: tendermint_rpc::Error) -> Failure {
        let text = e.to_string().to_lowercase();
        let code = [
            ("tx already exists in cache", 19),
            ("mempool is full", 20),
            ("tx too large", 21),
        ]
        .into_iter()
        .find_map(|(needle, code)| text.contains(needle).then_some(code));
        match code {
            Some(code) => Failure::Refused {
                hash: String::new(),
                codespace: "sdk".into(),
                code,
                log: short(&e),
            },
            None => self.failed(e),
        }
    }

    /// A transaction in a block; `None` if the node knows none of that hash.
    pub(crate) async fn tx(&self, hash: &str) -> Result<Option<tx::Response>> {
        let hash: Hash = hash
            .parse()
            .map_err(|_| Failure::Usage(format!("{hash:?} is no transaction hash: 64 hexadecimal digits")))?;
        match self.client.tx(hash, false).await {
            Ok(tx) => Ok(Some(tx)),
            Err(e) if e.to_string().contains("not found") => Ok(None),
            Err(e) => Err(self.failed(e)),
        }
    }

    /// Waits until a transaction is in a block.
    pub(crate) async fn wait_for(&self, hash: &str, seconds: u64) -> Result<tx::Response> {
        let polls = seconds.saturating_mul(4).max(1);
        for _ in 0..polls {
            if let Some(tx) = self.tx(hash).await? {
                return Ok(tx);
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        Err(Failure::Pending {
            hash: hash.to_owned(),
            seconds,
        })
    }

    /// A block with its id; `None` for the latest.
    pub(crate) async fn block(
        &self,
        height: Option<u64>,
    ) -> Result<tendermint_rpc::endpoint::block::Response> {
        match height {
            None => self.client.latest_block().await.map_err(|e| self.failed(e)),
            Some(height) => {
                let height: u32 = height.try_into().map_err(usage)?;
                self.client.block(height).await.map_err(|e| self.no_block(&e))
            }
        }
    }

    /// Transactions that a query of events finds.
    pub(crate) async fn search(
        &self,
        query: &str,
        page: u32,
        limit: u8,
        newest: bool,
    ) -> Result<tendermint_rpc::endpoint::tx_search::Response> {
        let order = if newest {
            Order::Descending
        } else {
            Order::Ascending
        };
        let query: Query = query.parse().map_err(|e| {
            Failure::Usage(format!(
                "--query {query:?}: {e}; write for example \"tx.height=5\""
            ))
        })?;
        let found = self.client.tx_search(query, false, page, limit, order).await;
        found.map_err(|e| self.failed(e))
    }

    /// What a block's execution answered; `None` for the latest.
    pub(crate) async fn block_results(
        &self,
        height: Option<u32>,
    ) -> Result<tendermint_rpc::endpoint::block_results::Response> {
        match height {
            None => self.client.latest_block_results().await,
            Some(height) => self.client.block_results(height).await,
        }
        .map_err(|e| self.no_block(&e))
    }

    /// A block by its hash.
    pub(crate) async fn block_by_hash(
        &self,
        hash: &str,
    ) -> Result<tendermint_rpc::endpoint::block::Response> {
        let wrong = || Failure::Usage(format!("{hash:?} is no block's hash: 64 hexadecimal digits"));
        let hash: Hash = hash.parse().map_err(|_| wrong())?;
        let found = self
            .client
            .block_by_hash(hash)
            .await
            .map_err(|e| self.failed(e))?;
        let none = || Failure::Query {
            codespace: "rpc".into(),
            code: 1,
            log: format!("no block of this node has the hash {hash}"),
        };
        let block = found.block.ok_or_else(none)?;
        Ok(tendermint_rpc::endpoint::block::Response {
            block_id: found.block_id,
            block,
        })
    }

    /// A node's word that it has no such height is an answer.
    fn no_block(&self, e: &tendermint_rpc::Error) -> Failure {
        match e.to_string().contains("height") {
            true => Failure::Query {
                codespace: "rpc".into(),
                code: 1,
                log: short(e),
            },
            false => Failure::Unreachable {
                url: self.url.clone(),
                reason: short(e),
            },
        }
    }

    /// Events of a contract whose attribute `key` is `value`, with their heights, at most 100.
    pub(crate) async fn contract_events(
        &self,
        contract: &str,
        key: &str,
        value: &str,
    ) -> Result<Vec<(u64, Vec<(String, String)>)>> {
        let query = Query::eq("wasm._contract_address", contract).and_eq(format!("wasm.{key}"), value);
        let found = self
            .client
            .tx_search(query, false, 1, 100, Order::Ascending)
            .await
            .map_err(|e| self.failed(e))?;
        let pairs = |event: tendermint::abci::Event| -> Option<Vec<(String, String)>> {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let all: Vec<_> = event
                .attributes
                .iter()
                .map(|a| (text(a.key_bytes()), text(a.value_bytes())))
                .collect();
            let own = ("_contract_address".to_owned(), contract.to_owned());
            (event.kind == "wasm" && all.contains(&own)).then_some(all)
        };
        let events = found.txs.into_iter().flat_map(|tx| {
            let height = tx.height.value();
            tx.tx_result
                .events
                .into_iter()
                .filter_map(pairs)
                .map(move |event| (height, event))
        });
        Ok(events.collect())
    }

    /// Height of the latest block.
    pub(crate) async fn height(&self) -> Result<u64> {
        let status = self.client.status().await.map_err(|e| self.failed(e))?;
        Ok(status.sync_info.latest_block_height.value())
    }

    /// Chain id that the node claims.
    pub(crate) async fn chain_id(&self) -> Result<String> {
        Ok(self
            .client
            .status()
            .await
            .map_err(|e| self.failed(e))?
            .node_info
            .network
            .to_string())
    }
}

/// The first line of an error, without the trace behind it.
fn short(e: &tendermint_rpc::Error) -> String {
    e.to_string().lines().next().unwrap_or_default().trim().to_owned()
}

/// A named message's gRPC answer, printed in the SDK's JSON.
pub(crate) async fn ask<Q: Message, A: Message + Name + Default>(
    node: &Node,
    path: &str,
    request: &Q,
    height: u64,
) -> Result<String> {
    let answer: A = node.query(path, request, height).await?;
    crate::json::print(&answer)
}
