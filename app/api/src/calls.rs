use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tokio::time::timeout;
use tonic::{Code, Status};

use crate::limits::{Limits, Places};
use crate::services::{self, AMINO, METHODS, Node};
use crate::source::Queries;
use crate::{Messages, grpc, reflection, status};

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
            let value = match value {
                Some(value) => value,
                None => Err(self.unknown(path).await),
            };
            return value.map(|value| Answered { value, height: None });
        }
        if let Some(value) = reflection::answer(self, path, &data).await {
            return value.map(|value| Answered { value, height: None });
        }
        if let Some(work) = services::amino(path, &data) {
            let work = work?;
            let value = self.run(path, move || work(&data)).await?;
            return value.map(|value| Answered { value, height: None });
        }
        // The application also answers paths of ABCI alone, such as those of its stores.
        if !is_method(path) {
            return Err(self.unknown(path).await);
        }
        let source = Arc::clone(&self.source);
        let asked = path.to_owned();
        let answer = self.run(path, move || source.query(&asked, &data, height));
        let answer = answer.await?;
        if answer.code != 0 {
            return Err(match status::is_unknown(&answer) {
                true => self.unknown(path).await,
                false => status::from_abci(&answer),
            });
        }
        Ok(Answered {
            value: answer.value,
            height: Some(answer.height),
        })
    }

    /// Computes an answer beside the threads that serve connections. Its place is free when that ends, even if
    /// nobody waits for it any more.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        path: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Status> {
        let place = self.places.enter(path).await?;
        let running = tokio::task::spawn_blocking(move || {
            let answer = work();
            drop(place);
            answer
        });
        timeout(self.places.run(), running)
            .await
            .map_err(|_| Status::deadline_exceeded("the query took too long"))?
            .map_err(|error| Status::internal(format!("the query failed: {error}")))
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

    /// The status of a path that nobody serves.
    async fn unknown(&self, path: &str) -> Status {
        self.find_served().await;
        status::unknown(path, |service| {
            let served = |method: &String| status::parts(method).is_some_and(|(of, _)| of == service);
            grpc::REFLECTION.contains(&service) || self.served().iter().any(served)
        })
    }

    /// Finds out which methods are served, unless that is known, beside the threads that serve connections.
    pub(crate) async fn find_served(&self) {
        if self.served.get().is_none() {
            let calls = self.clone();
            // Should it fail, whoever needs it asks once more.
            let _ = tokio::task::spawn_blocking(move || calls.served().len()).await;
        }
    }

    /// Paths of all methods that answer something else than "unimplemented", found out by asking each
    /// once with an empty request.
    pub(crate) fn served(&self) -> &BTreeSet<String> {
        self.served.get_or_init(|| served(self.source.as_ref()))
    }
}

/// Whether a path is a method's that has a descriptor.
fn is_method(path: &str) -> bool {
    let known = status::parts(path).and_then(|(service, method)| {
        let service = quern_proto::pool().get_service_by_name(service)?;
        service.methods().find(|known| known.name() == method)
    });
    known.is_some()
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
    if METHODS.contains(&path) || AMINO.contains(&path) || reflection::METHODS.iter().any(here) {
        return true;
    }
    let answer = source.query(path, &[], 0);
    answer.code == 0 || status::from_abci(&answer).code() != Code::Unimplemented
}

#[cfg(test)]
mod tests {
    use super::Calls;
    use crate::limits::Limits;
    use crate::services::{AMINO, Node};
    use crate::{Messages, Queries};
    use bytes::Bytes;
    use prost::Message;
    use quern_proto::cosmos::tx::v1beta1::{TxEncodeAminoRequest, TxEncodeAminoResponse};
    use std::sync::{Arc, mpsc};
    use std::time::Duration;
    use tendermint_proto::v0_38::abci::ResponseQuery;
    use tonic::Code;

    const ENCODE: &str = AMINO[1];

    /// With one heavy place of two, and nothing behind it; callers wait so long for work that runs.
    fn calls(run: Duration) -> Calls {
        let nothing = |_: &str, _: &[u8], _: u64| ResponseQuery::default();
        let source: Arc<dyn Queries> = Arc::new(nothing);
        // nothing listens on port 1
        let node = Node::new(tendermint_rpc::HttpClient::new("http://127.0.0.1:1").unwrap());
        let limits = Limits {
            parallel: 2,
            heavy: 1,
            comet: 1,
            queue: 4,
            bodies: 1_000,
            wait: Duration::from_millis(20),
            run,
            per_client: None,
        };
        Calls::new(source, node, limits, Messages::new(|_| false))
    }

    fn request(json: &str) -> Bytes {
        let amino_json = json.to_owned();
        TxEncodeAminoRequest { amino_json }.encode_to_vec().into()
    }

    #[tokio::test]
    async fn amino_takes_a_heavy_place_unless_it_is_too_long_for_one() {
        let calls = calls(Duration::from_secs(60));
        let encode = |json: &str| calls.answer(ENCODE, request(json), 0);
        let tx = r#"{"type":"cosmos-sdk/StdTx","value":{}}"#;
        let answer = encode(tx).await.unwrap();
        assert!(
            !TxEncodeAminoResponse::decode(answer.value)
                .unwrap()
                .amino_binary
                .is_empty()
        );
        let taken = calls.places().enter(ENCODE).await.unwrap();
        assert_eq!(encode(tx).await.unwrap_err().code(), Code::ResourceExhausted);
        let long = encode(&" ".repeat(3 << 20)).await.unwrap_err();
        assert_eq!(long.code(), Code::InvalidArgument);
        drop(taken);
        encode(tx).await.unwrap();
    }

    #[tokio::test]
    async fn work_keeps_its_place_when_nobody_waits_for_it_any_more() {
        let calls = calls(Duration::from_millis(20));
        let (end, ended) = mpsc::channel::<()>();
        let late = calls.run(ENCODE, move || ended.recv()).await.unwrap_err();
        assert_eq!(late.code(), Code::DeadlineExceeded);
        assert_eq!(late.message(), "the query took too long");
        let refused = calls.run(ENCODE, || ()).await.unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        end.send(()).unwrap();
        while calls.run(ENCODE, || ()).await.is_err() {
            tokio::task::yield_now().await;
        }
    }
}
