//! What the router asks of the chain. One trait, so that tests can put a chain of their own in its place.

use anyhow::{Context, bail};
use quern_chain_client::{Call, Chain, Fees, Outcome, SigningKey};
use quern_interface::{pricing, registry, settlement};
use quern_protocol::{Amount, Hash, Price};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// A boxed answer.
pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = anyhow::Result<T>> + Send + 'a>>;

/// The chain's side.
pub(crate) trait ChainApi: Send + Sync {
    /// Latest height.
    fn height(&self) -> Answer<'_, u64>;
    /// Beacon of a height.
    fn beacon(&self, height: u64) -> Answer<'_, Hash>;
    /// A contract's answer.
    fn ask<'a>(&'a self, contract: &'a str, question: Value) -> Answer<'a, Value>;
    /// A contract call by an account; the value of an attribute of its events, by key.
    fn call<'a>(&'a self, by: &'a SigningKey, call: Call, attribute: &'a str) -> Answer<'a, Option<String>>;
}

/// The real chain.
#[derive(Debug)]
pub(crate) struct Remote {
    pub(crate) chain: Chain,
    pub(crate) fees: Fees,
}

impl ChainApi for Remote {
    fn height(&self) -> Answer<'_, u64> {
        Box::pin(async move {
            let status = self.chain.status().await?;
            if status.catching_up {
                bail!("the node is still catching up at height {}", status.height);
            }
            Ok(status.height)
        })
    }

    fn beacon(&self, height: u64) -> Answer<'_, Hash> {
        Box::pin(async move { Ok(Hash::new(self.chain.beacon(height).await?)) })
    }

    fn ask<'a>(&'a self, contract: &'a str, question: Value) -> Answer<'a, Value> {
        Box::pin(async move { Ok(self.chain.smart::<Value>(contract, &question).await?.value) })
    }

    fn call<'a>(&'a self, by: &'a SigningKey, call: Call, attribute: &'a str) -> Answer<'a, Option<String>> {
        Box::pin(async move {
            let outcome = self.chain.execute(by, &self.fees, &[call]).await?;
            match &outcome {
                Outcome::Included { events, .. } => {
                    let found = events
                        .iter()
                        .find(|(kind, key, _)| kind.starts_with("wasm") && key == attribute);
                    Ok(found.map(|(_, _, value)| value.clone()))
                }
                Outcome::Failed {
                    codespace, code, log, ..
                }
                | Outcome::Refused { codespace, code, log } => {
                    bail!("{log} ({codespace} {code})")
                }
                Outcome::Expired { hash } => bail!("transaction {hash} was not included in time"),
                Outcome::Unknown { hash, reason } => {
                    bail!("what became of transaction {hash} is not known: {reason}")
                }
            }
        })
    }
}

/// The contracts, typed.
#[derive(Clone)]
pub(crate) struct Contracts {
    pub(crate) chain: Arc<dyn ChainApi>,
    pub(crate) chain_id: String,
    pub(crate) settlement: String,
    pub(crate) registry: String,
    /// Who answers `PriceAt`: settlement knows, as it judges by it.
    pub(crate) prices: Arc<OnceCell<String>>,
}

impl std::fmt::Debug for Contracts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Contracts({}, {})", self.chain_id, self.settlement)
    }
}

impl Contracts {
    async fn ask<T: DeserializeOwned>(
        &self,
        contract: &str,
        question: &impl serde::Serialize,
    ) -> anyhow::Result<T> {
        let answer = self.chain.ask(contract, serde_json::to_value(question)?).await?;
        serde_json::from_value(answer).with_context(|| format!("an answer of {contract}"))
    }

    pub(crate) async fn session(&self, session: u64) -> anyhow::Result<settlement::SessionInfo> {
        self.ask(&self.settlement, &settlement::QueryMsg::Session { session })
            .await
    }

    /// A payer's sessions, all of them.
    pub(crate) async fn sessions(&self, payer: &str) -> anyhow::Result<Vec<settlement::SessionInfo>> {
        let (mut all, mut start_after) = (Vec::new(), None);
        loop {
            let question = settlement::QueryMsg::Sessions {
                payer: Some(payer.to_owned()),
                start_after,
                limit: Some(30),
            };
            let page: Vec<settlement::SessionInfo> = self.ask(&self.settlement, &question).await?;
            let Some(last) = page.last() else { return Ok(all) };
            start_after = Some(last.id);
            all.extend(page);
        }
    }

    pub(crate) async fn params(&self) -> anyhow::Result<settlement::Params> {
        self.ask(&self.settlement, &settlement::QueryMsg::Params {}).await
    }

    pub(crate) async fn model(&self, model: &str) -> anyhow::Result<registry::LaunchPackage> {
        let model = model.to_owned();
        self.ask(&self.registry, &registry::QueryMsg::Model { model })
            .await
    }

    pub(crate) async fn host(&self, host: &str) -> anyhow::Result<registry::HostInfo> {
        let host = host.to_owned();
        self.ask(&self.registry, &registry::QueryMsg::Host { host }).await
    }

    pub(crate) async fn warm_key_at(&self, host: &str, height: u64) -> anyhow::Result<registry::WarmKey> {
        let host = host.to_owned();
        self.ask(&self.registry, &registry::QueryMsg::WarmKeyAt { host, height })
            .await
    }

    pub(crate) async fn price_at(&self, model: &str, height: u64) -> anyhow::Result<Price> {
        let (model, prices) = (model.to_owned(), self.price_source().await?);
        self.ask(prices, &registry::QueryMsg::PriceAt { model, height })
            .await
    }

    async fn price_source(&self) -> anyhow::Result<&str> {
        let source = self.prices.get_or_try_init(|| async {
            let question = settlement::QueryMsg::Contracts {};
            let contracts: settlement::Contracts = self.ask(&self.settlement, &question).await?;
            anyhow::Ok(contracts.price_source)
        });
        Ok(source.await?.as_str())
    }

    /// US dollars for a million tokens of coefficient 1, on a chain that quotes prices; none if the quote is old.
    pub(crate) async fn usd_price(&self, model: &str) -> anyhow::Result<Option<Price>> {
        let (model, prices) = (model.to_owned(), self.price_source().await?);
        let quote: pricing::UsdPrice = self.ask(prices, &pricing::QueryMsg::UsdPrice { model }).await?;
        Ok(quote.usd.filter(|_| quote.fresh))
    }

    /// Calls the settlement contract.
    pub(crate) async fn execute(
        &self,
        by: &SigningKey,
        message: &settlement::ExecuteMsg,
        funds: Option<(Amount, &str)>,
    ) -> anyhow::Result<Option<String>> {
        let mut call = Call::new(&self.settlement, message)?;
        if let Some((amount, denom)) = funds {
            call = call.with_funds(amount.0, denom);
        }
        self.chain.call(by, call, "session").await
    }
}
