use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tokio::time::timeout;
use tonic::{Code, Status};

use crate::limits::{Limits, Places};
use crate::services::{METHODS, Node};
use crate::source::Queries;
use crate::{Messages, reflection, status};

/// Every unary method of the node, whatever protocol a client speaks.
#[derive(Clone)]
pub(crate) struct Calls {
    source: Arc<dyn Queries>,
    node: Arc<Node>,
    places: Places,
    messages: Messages,
    served: Arc<OnceLock<BTreeSet<String>>>,
}

/// What a method answered.
#[derive(Debug)]
pub(crate) struct Answered {
    /// The encoded response.
    pub(crate) value: Bytes,
    /// Height of the state that was read, if the application was asked.
    pub(crate) height: Option<i64>,
}

impl Calls {
    pub(crate) fn new(source: Arc<dyn Queries>, node: Node, limits: Limits, messages: Messages) -> Self {
        Self {
            source,
            node: Arc::new(node),
            places: Places::new(limits),
            messages,
            served: Arc::default(),
        }
    }

    /// Answers a method by its gRPC path; `height` 0 reads the latest state.
    pub(crate) async fn answer(&self, path: &str, data: Bytes, height: u64) -> Result<Answered, Status> {
        if METHODS.contains(&path) {
            let _leave = self.places.enter_comet().await?;
            let asked = timeout(self.places.run(), self.node.answer(path, &data)).await;
            let value = asked.map_err(|_| Status::deadline_exceeded("CometBFT took too long"))?;
            let value = value.unwrap_or_else(|| Err(status::unknown_method(path)));
            return value.map(|value| Answered { value, height: None });
        }
        if let Some(value) = reflection::answer(self, path, &data).await {
            return value.map(|value| Answered { value, height: None });
        }
        let place = self.places.enter(path).await?;
        let source = Arc::clone(&self.source);
        let asked = path.to_owned();
        let running = tokio::task::spawn_blocking(move || {
            let answer = source.query(&asked, &data, height);
            drop(place);
            answer
        });
        let answer = timeout(self.places.run(), running)
            .await
            .map_err(|_| Status::deadline_exceeded("the query took too long"))?
            .map_err(|error| Status::internal(format!("the query failed: {error}")))?;
        if answer.code != 0 {
            return Err(status::from_abci(path, &answer));
        }
        Ok(Answered {
            value: answer.value,
            height: Some(answer.height),
        })
    }

    /// The places that are left for requests.
    pub(crate) const fn places(&self) -> &Places {
        &self.places
    }

    /// Which messages the chain executes.
    pub(crate) const fn messages(&self) -> &Messages {
        &self.messages
    }

    /// Identifier of the chain.
    pub(crate) async fn chain_id(&self) -> Result<String, Status> {
        self.node.chain_id().await
    }

    /// Paths of all methods that answer something else than "unimplemented", found out by asking each
    /// once with an empty request.
    pub(crate) fn served(&self) -> &BTreeSet<String> {
        self.served.get_or_init(|| served(self.source.as_ref()))
    }
}

/// Paths of all methods that the application or this crate answers.
pub(crate) fn served(source: &dyn Queries) -> BTreeSet<String> {
    let methods = quern_proto::pool().services().flat_map(|service| {
        let name = service.full_name().to_owned();
        let of_service = service
            .methods()
            .map(move |method| format!("/{name}/{}", method.name()));
        of_service.collect::<Vec<_>>()
    });
    methods.filter(|path| is_served(source, path)).collect()
}

fn is_served(source: &dyn Queries, path: &str) -> bool {
    let here = |(service, method): &(&str, &str)| path.strip_prefix(service) == Some(method);
    if METHODS.contains(&path) || reflection::METHODS.iter().any(here) {
        return true;
    }
    let answer = source.query(path, &[], 0);
    answer.code == 0 || status::from_abci(path, &answer).code() != Code::Unimplemented
}
