//! What the chain says about a receipt's session, host and batch.

use quern_interface::{
    pricing,
    registry::{self, HostInfo, WarmKey},
    settlement::{self, BatchInfo, HostStanding, SessionInfo},
};
use quern_protocol::Price;
use serde::{Serialize, de::DeserializeOwned};

use super::document::Document;
use crate::{
    Failure, Result,
    node::Node,
    system::{Asker, System},
};

/// An answer, or the contract's refusal.
pub(super) type Answer<T> = Result<T, String>;

/// Everything that a trace asks.
pub(super) struct Facts {
    /// The chain's last height.
    pub now: u64,
    /// Session.
    pub session: Answer<SessionInfo>,
    /// Warm key at the voucher's height.
    pub warm_key: Answer<WarmKey>,
    /// The host now.
    pub host: Answer<HostInfo>,
    /// Price at the voucher's height.
    pub price: Answer<Price>,
    /// The batch that the receipt claims to be in; none if it claims none.
    pub batch: Option<Answer<Option<BatchInfo>>>,
    /// What judges hold back of the host's pay.
    pub standing: Answer<HostStanding>,
    /// Transactions that named the session.
    pub calls: Vec<Call>,
}

/// A call of settlement that named the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    /// Height.
    pub height: u64,
    /// What was done, such as `settle`.
    pub action: String,
    /// Host that it concerned.
    pub host: Option<String>,
}

/// Tells a contract's refusal from a node that cannot be asked.
async fn ask<A: DeserializeOwned>(
    asker: &Asker<'_>,
    of: System,
    question: &impl Serialize,
) -> Result<Answer<A>> {
    match asker.read(of, question).await {
        Ok(answer) => Ok(Ok(answer)),
        Err(Failure::Query { log, .. }) => Ok(Err(log)),
        Err(e) => Err(e),
    }
}

impl Facts {
    /// Asks the chain.
    pub(super) async fn gather(asker: &Asker<'_>, document: &Document) -> Result<Self> {
        let voucher = &document.signed.receipt.voucher;
        let (host, height) = (voucher.host.clone(), voucher.height);
        let question = settlement::QueryMsg::Session {
            session: voucher.session,
        };
        let session: Answer<SessionInfo> = ask(asker, System::Settlement, &question).await?;
        let price = match &session {
            Err(_) => Err("the session is unknown".to_owned()),
            Ok(session) => {
                let model = session.model.clone();
                ask(
                    asker,
                    System::Pricing,
                    &pricing::QueryMsg::PriceAt { model, height },
                )
                .await?
            }
        };
        let question = registry::QueryMsg::WarmKeyAt {
            host: host.clone(),
            height,
        };
        let warm_key = ask(asker, System::Registry, &question).await?;
        let question = registry::QueryMsg::Host { host: host.clone() };
        let known = ask(asker, System::Registry, &question).await?;
        let question = settlement::QueryMsg::HostStanding { host: host.clone() };
        let standing = ask(asker, System::Settlement, &question).await?;
        let batch = match &document.committed {
            None => None,
            Some(committed) => {
                let sequence = committed.batch;
                let question = settlement::QueryMsg::Batch { host, sequence };
                Some(ask(asker, System::Settlement, &question).await?)
            }
        };
        Ok(Self {
            now: asker.node.height().await?,
            session,
            warm_key,
            host: known,
            price,
            batch,
            standing,
            calls: calls(
                asker.node,
                asker.contracts.of(System::Settlement).to_string(),
                voucher.session,
            )
            .await,
        })
    }
}

/// A node may keep no index of transactions; then the steps just have no heights.
async fn calls(node: &Node, settlement: String, session: u64) -> Vec<Call> {
    let session = session.to_string();
    let found = node
        .contract_events(&settlement, "session", &session)
        .await
        .unwrap_or_default();
    let call = |(height, event): (u64, Vec<(String, String)>)| {
        let of = |key: &str| event.iter().find(|(k, _)| k == key).map(|(_, v)| v.clone());
        (of("session")? == session).then_some(Call {
            height,
            action: of("action")?,
            host: of("host"),
        })
    };
    found.into_iter().filter_map(call).collect()
}
