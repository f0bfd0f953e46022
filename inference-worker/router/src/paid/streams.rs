//! Several answers to one request that are streamed: those that find a place begin, and the others join them as places come
//! free.

use super::several::{Several, Single};
use super::siblings::Begun;
use super::tickets;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body::Frame;
use http_body_util::{BodyExt, Limited};
use quern_inference_api::dialect::PROMPT_TOKENS_HEADER;
use quern_inference_api::{ApiError, many};
use std::future::ready;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// Longest error of one of them.
const MAX_ERROR: usize = 1 << 20;
/// How often one that waits says so.
const ALIVE: Duration = Duration::from_secs(5);

/// Where one of them stands.
enum Standing {
    /// Nothing was heard of it.
    Unknown(oneshot::Receiver<Response>),
    /// It waits for a place.
    Waits(oneshot::Receiver<Response>),
    Begun(Response),
}

/// Tells where one of them stands.
struct Teller {
    index: usize,
    told: mpsc::UnboundedSender<usize>,
    answer: Mutex<Option<oneshot::Sender<Response>>>,
}

impl Teller {
    /// It waits for a place.
    fn waits(&self) {
        let _ = self.told.send(self.index);
    }

    /// It has begun, or failed.
    fn answer(&self, answer: Response) {
        let to = self.answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(to) = to {
            let _ = to.send(answer);
        }
        let _ = self.told.send(self.index);
    }
}

/// Streams them as one, once each has begun or waits for a place, and one has begun. The first that fails until then is the
/// answer to all; one that fails later ends the stream with its error.
pub(super) async fn stream(several: Arc<Several>, singles: Vec<Single>) -> Response {
    let (told, mut heard) = mpsc::unbounded_channel();
    let (mut tasks, mut standings) = (JoinSet::new(), Vec::new());
    let ticket = tickets::current();
    for (index, single) in singles.into_iter().enumerate() {
        let (sender, answer) = oneshot::channel();
        let teller = Teller {
            index,
            told: told.clone(),
            answer: Mutex::new(Some(sender)),
        };
        tasks.spawn(tickets::noting_if(
            ticket.clone(),
            one(several.clone(), single, teller),
        ));
        standings.push(Standing::Unknown(answer));
    }
    drop(told);
    while !have_begun(&standings) {
        let Some(index) = heard.recv().await else {
            break;
        };
        let Some(standing) = standings.get_mut(index) else {
            continue;
        };
        if let Standing::Unknown(answer) | Standing::Waits(answer) = standing {
            match answer.try_recv() {
                Ok(failed) if !failed.status().is_success() => return failed,
                Ok(begun) => *standing = Standing::Begun(begun),
                Err(_) => {
                    let (_, none) = oneshot::channel();
                    *standing = Standing::Waits(std::mem::replace(answer, none));
                }
            }
        }
    }
    let count = standings.len();
    let merged = many::merge(bodies(standings), 1, true, count).await;
    merged.map(|inner| Body::new(Kept { inner, _ends: tasks }))
}

/// Whether the answer to all can begin.
fn have_begun(standings: &[Standing]) -> bool {
    let is_known = |one: &Standing| !matches!(one, Standing::Unknown(_));
    let has_begun = |one: &Standing| matches!(one, Standing::Begun(_));
    standings.iter().all(is_known) && standings.iter().any(has_begun)
}

/// Those that wait have the head of one that has begun.
fn bodies(standings: Vec<Standing>) -> Vec<Pin<Box<dyn Future<Output = Response> + Send>>> {
    let head = standings.iter().find_map(|one| match one {
        Standing::Begun(response) => Some(response.headers().clone()),
        _ => None,
    });
    let mut head = head.unwrap_or_default();
    head.remove(PROMPT_TOKENS_HEADER);
    let body = |one| match one {
        Standing::Begun(response) => response,
        Standing::Unknown(answer) | Standing::Waits(answer) => {
            let late = Late::Waits(Box::pin(late(answer)), pause());
            let mut response = Response::new(Body::new(late));
            *response.headers_mut() = head.clone();
            response
        }
    };
    let answer = |one| Box::pin(ready(body(one))) as Pin<Box<dyn Future<Output = Response> + Send>>;
    standings.into_iter().map(answer).collect()
}

/// One of them, until its stream is over.
async fn one(several: Arc<Several>, single: Single, teller: Teller) {
    if several.turns.is_full(single.rank) {
        teller.waits();
    }
    several.turns.wait(single.rank).await;
    let begin = || async {
        match several.forward(&single).await {
            Ok(response) if response.status().is_success() => {
                let _placed = single.share.place();
                several.turns.begun();
                let (over, ended) = oneshot::channel::<()>();
                teller.answer(response.map(|inner| Body::new(Kept { inner, _ends: over })));
                // Its place is another one's from then on.
                let _ = ended.await;
                Begun::Ended(None)
            }
            Ok(failed) => Begun::Ended(Some(failed)),
            Err(unserved) => {
                let error = Some(unserved.error.into_response());
                match unserved.may_pass {
                    true => {
                        teller.waits();
                        Begun::Refused(error)
                    }
                    false => Begun::Ended(error),
                }
            }
        }
    };
    let failed = several.siblings.answer(begin).await;
    several.turns.ended();
    if let Some(failed) = failed {
        teller.answer(several.bill.tell(failed, 0).await);
    }
}

/// What one that had to wait says.
async fn late(answer: oneshot::Receiver<Response>) -> Body {
    let gone =
        || ApiError::unavailable("An answer could not begin; what there is of the others is incomplete.");
    let answer = answer.await.unwrap_or_else(|_| gone().into_response());
    if answer.status().is_success() {
        return answer.into_body();
    }
    let error = Limited::new(answer.into_body(), MAX_ERROR).collect().await;
    let error = error
        .ok()
        .and_then(|body| serde_json::from_slice(&body.to_bytes()).ok());
    let error: serde_json::Value = error.unwrap_or_else(|| gone().to_json());
    Body::from(format!("data: {error}\n\n"))
}

fn pause() -> Pin<Box<tokio::time::Sleep>> {
    Box::pin(tokio::time::sleep(ALIVE))
}

/// A body that is there once its answer has begun.
enum Late {
    Waits(
        Pin<Box<dyn Future<Output = Body> + Send>>,
        Pin<Box<tokio::time::Sleep>>,
    ),
    Begun(Body),
}

impl http_body::Body for Late {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        loop {
            match &mut *self {
                Self::Begun(body) => return Pin::new(body).poll_frame(context),
                Self::Waits(answer, alive) => {
                    if let Poll::Ready(body) = answer.as_mut().poll(context) {
                        *self = Self::Begun(body);
                        continue;
                    }
                    if alive.as_mut().poll(context).is_pending() {
                        return Poll::Pending;
                    }
                    *alive = pause();
                    return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b":\n\n")))));
                }
            }
        }
    }
}

/// A body with what is to end with it.
struct Kept<T> {
    inner: Body,
    _ends: T,
}

impl<T: Unpin> http_body::Body for Kept<T> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.inner).poll_frame(context)
    }
}
