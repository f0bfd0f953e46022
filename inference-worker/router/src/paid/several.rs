//! A request for several outputs: a paid one for each, as a receipt is of one output, and none that is paid for and not shown.

use super::Gateway;
use super::bill::Bill;
use super::bounds::may_exceed;
use super::forward::{Unserved, forward};
use super::share::{self, Share};
use super::siblings::{Begun, Pace, Siblings};
use super::streams::stream;
use crate::keys::Holder;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use quern_inference_api::{ApiError, Endpoint, Input, Request, many};
use std::cmp::Reverse;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Answers to one request that are paid for side by side.
const AT_ONCE: usize = 16;
/// Pauses before an answer for which there was no room is tried once more.
const AGAIN: Duration = Duration::from_secs(1);
const AGAIN_AT_MOST: Duration = Duration::from_secs(30);

/// One of several answers.
pub(super) struct Single {
    request: Request,
    body: Bytes,
    pub(super) share: Share,
    pub(super) rank: usize,
}

/// What several answers to one request share.
pub(super) struct Several {
    gateway: Arc<Gateway>,
    holder: Holder,
    part: String,
    endpoint: Endpoint,
    arrived: Instant,
    pub(super) siblings: Arc<Siblings>,
    pub(super) turns: Turns,
    pub(super) bill: Bill,
}

impl Several {
    /// Sends one of them to the hosts once.
    pub(super) async fn forward(&self, single: &Single) -> Result<Response, Unserved> {
        let (to, when) = (
            (&self.holder, self.part.clone()),
            (self.arrived, Some(&single.share)),
        );
        let (request, body) = (&single.request, single.body.clone());
        let answer = forward(&self.gateway, to, self.endpoint, request, body, when).await;
        if let Ok(answer) = &answer {
            self.bill.note(answer);
        }
        answer
    }

    /// One of them in one piece.
    async fn whole(&self, single: Single) -> Response {
        self.turns.wait(single.rank).await;
        let answer = match self.siblings.is_closed() {
            true => None,
            false => {
                let answer = self
                    .siblings
                    .answer(|| async { begun(self.forward(&single).await) });
                Some(answer.await)
            }
        };
        self.turns.begun();
        self.turns.ended();
        match answer {
            Some(answer) => answer.unwrap_or_else(|unserved| unserved.error.into_response()),
            // Another one failed first, and that is told.
            None => ApiError::unavailable("Another answer failed before this one began.").into_response(),
        }
    }
}

/// Sends a checked request to the hosts of a session in rank: for each choice of each prompt a paid one of its own.
pub(crate) async fn forward_all(
    gateway: &Arc<Gateway>,
    (holder, part): (&Holder, String),
    endpoint: Endpoint,
    request: &Request,
    body: Bytes,
    arrived: Instant,
) -> Result<Response, ApiError> {
    let Some(bodies) = many::split(request, &body, true) else {
        request.check_payable()?;
        let answer = forward(gateway, (holder, part), endpoint, request, body, (arrived, None));
        return answer.await.map_err(|unserved| unserved.error);
    };
    let requests = bodies.into_iter().map(|body| {
        let single = Request::parse(endpoint, &body)?;
        single.check_payable()?;
        Ok((single, body))
    });
    let requests: Vec<_> = requests.collect::<Result<_, ApiError>>()?;
    let siblings = Arc::new(Siblings::new(Pace {
        first: AGAIN,
        most: AGAIN_AT_MOST,
        patience: gateway.whole,
    }));
    let shares = share::keep(
        gateway,
        holder,
        requests.iter().map(|(single, _)| single),
        &siblings,
    )
    .await?;
    let several = Arc::new(Several {
        gateway: gateway.clone(),
        holder: holder.clone(),
        part,
        endpoint,
        arrived,
        siblings,
        turns: Turns::new(gateway, request, &requests),
        bill: Bill::default(),
    });
    let ranks = ranks(&requests);
    let singles = requests.into_iter().zip(shares).zip(ranks);
    let singles = singles.map(|(((request, body), share), rank)| Single {
        request,
        body,
        share,
        rank,
    });
    if request.stream {
        return Ok(stream(several, singles.collect()).await);
    }
    let answer = |single| {
        let several = several.clone();
        let answer = async move { several.whole(single).await };
        Box::pin(answer) as Pin<Box<dyn Future<Output = Response> + Send>>
    };
    let answers = singles.map(answer).collect();
    let (answer, shown) = many::merge_paid(answers, || several.siblings.close()).await;
    Ok(several.bill.tell(answer, shown).await)
}

/// When each answer begins: the longest prompt's first, as the likeliest to be refused.
fn ranks(requests: &[(Request, Bytes)]) -> Vec<usize> {
    let length = |request: &Request| match &request.input {
        Input::Chat(_) => 0,
        Input::Text(text) => text.len(),
        Input::Tokens(ids) => ids.len(),
    };
    let lengths = requests.iter().map(|(single, _)| Reverse(length(single)));
    let mut order: Vec<_> = lengths.zip(0..).collect();
    order.sort_unstable();
    let mut ranks: Vec<(usize, usize)> = order.into_iter().map(|(_, index)| index).zip(0..).collect();
    ranks.sort_unstable();
    ranks.into_iter().map(|(_, rank)| rank).collect()
}

/// Lets answers begin in the order of their ranks.
pub(super) struct Turns {
    /// How long the first goes alone.
    alone: Option<Duration>,
    /// Whether one was not refused for its length.
    begun: watch::Sender<bool>,
    ended: watch::Sender<usize>,
}

impl Turns {
    fn new(gateway: &Gateway, request: &Request, requests: &[(Request, Bytes)]) -> Self {
        let context = gateway.view.model(&request.model).map(|package| package.context);
        let risks = |context| requests.iter().any(|(single, _)| may_exceed(single, context));
        let alone = !request.others.is_empty() && context.is_some_and(risks);
        Self {
            alone: alone.then_some(gateway.alone),
            begun: watch::Sender::new(false),
            ended: watch::Sender::new(0),
        }
    }

    /// Whether so many go first that one waits for some of them to end.
    pub(super) fn is_full(&self, rank: usize) -> bool {
        rank >= self.ended.borrow().saturating_add(AT_ONCE)
    }

    pub(super) async fn wait(&self, rank: usize) {
        if let Some(alone) = self.alone.filter(|_| rank > 0) {
            let mut begun = self.begun.subscribe();
            let _ = tokio::time::timeout(alone, begun.wait_for(|begun| *begun)).await;
        }
        let mut ended = self.ended.subscribe();
        let _ = ended.wait_for(|ended| rank < ended.saturating_add(AT_ONCE)).await;
    }

    pub(super) fn begun(&self) {
        self.begun.send_replace(true);
    }

    pub(super) fn ended(&self) {
        self.ended.send_modify(|ended| *ended = ended.saturating_add(1));
    }
}

fn begun(answer: Result<Response, Unserved>) -> Begun<Result<Response, Unserved>> {
    match &answer {
        Err(unserved) if unserved.may_pass => Begun::Refused(answer),
        _ => Begun::Ended(answer),
    }
}
