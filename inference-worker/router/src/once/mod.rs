//! Idempotency keys: a request that is sent again with the same key is not run again.
//!
//! Whoever sends `Idempotency-Key` gets one run of the request within the window. The request then goes its way
//! whether or not its client stays, and the same request with the same key gets the same answer: from the beginning
//! and on from there while it is under way, or whole afterwards. An answer that was no success frees the key, since
//! nothing came of it, as soon as no host can be paid for it; an error that has answers that are paid for is an answer. Answers are in memory only; that a key was used is also on
//! disk where requests are paid.

mod answer;
mod marks;
mod shelf;

use crate::dialects;
use crate::http_api::{Backend, Service, authorize};
use crate::paid::Shown;
use crate::paid::tickets::{self, Standing, Ticket};
use answer::{Answer, End, Reader};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use http_body_util::BodyExt;
use marks::{Marks, Use};
use quern_inference_api::{ApiError, name_answer, read_body};
use sha2::{Digest as _, Sha256};
use shelf::{Claim, Digest, Gone, Shelves, Slot};
use std::cmp::Reverse;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Header of a request.
pub(crate) const KEY: &str = "idempotency-key";
/// Header of an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// Header by which clients know that another try is of no use.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
/// Pause between two looks at what still runs.
const LOOK: Duration = Duration::from_millis(50);
/// Longest key, in characters.
const MAX_KEY: usize = 255;
/// Longest time, in seconds, after which a client is told to look again whether a host was paid.
const LOOK_AGAIN: u64 = 30;
/// What a piece takes beside its bytes.
const PIECE: usize = 64;
/// Where a client stands now is told with each answer, not that of before.
const RATES: &str = "x-ratelimit-";

/// The keys that were used, and the requests that run with one.
#[derive(Debug)]
pub(crate) struct Once {
    shelves: Shelves,
    /// Where requests are paid.
    marks: Option<Arc<Marks>>,
    running: Mutex<JoinSet<()>>,
}

impl Once {
    /// With a folder, used keys outlive the process.
    pub(crate) fn open(folder: Option<&Path>, window: Duration, holders: usize) -> anyhow::Result<Self> {
        let (shelves, mut marks) = (Shelves::new(window, holders), None);
        if let Some(folder) = folder {
            let (opened, mut used) = Marks::open(folder, window)?;
            used.sort_by_key(|used| Reverse(used.ago));
            let now = Instant::now();
            for used in used {
                shelves.remember(used.holder, used.key, used.request, used.ago, now);
            }
            marks = Some(opened);
        }
        Ok(Self {
            shelves,
            marks,
            running: Mutex::default(),
        })
    }

    /// Waits until nothing runs any more.
    pub(crate) async fn finish(&self) {
        while self.is_running() {
            tokio::time::sleep(LOOK).await;
        }
    }

    fn is_running(&self) -> bool {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        while running.try_join_next().is_some() {}
        !running.is_empty()
    }

    /// Ends what still runs.
    pub(crate) async fn stop(&self) {
        let mut running = {
            let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *running)
        };
        running.shutdown().await;
    }

    /// Frees a key whose request came to nothing: on disk first, so that the next try is a new one after a restart, too.
    async fn free(&self, slot: &Slot, request: Digest) {
        if let Some(marks) = &self.marks {
            marks.free(&used(slot, request)).await;
        }
        self.shelves.release(slot);
    }

    fn spawn(&self, run: impl Future<Output = ()> + Send + 'static) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        while running.try_join_next().is_some() {}
        running.spawn(run);
    }
}

/// Lets a request with a key that was used get what came of it.
pub(crate) async fn once(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    match answer(&service, request, next).await {
        Ok(response) => response,
        Err(refused) => {
            let status = refused.error.status;
            service
                .metrics
                .requests
                .with_label_values(&[status.as_str()])
                .inc();
            let mut response = dialects::error(&path, refused.error);
            if refused.for_good {
                response
                    .headers_mut()
                    .insert(SHOULD_RETRY, HeaderValue::from_static("false"));
            }
            response
        }
    }
}

/// Why a request with a key is not run.
#[derive(Debug)]
struct Refused {
    error: ApiError,
    /// Sending it again changes nothing.
    for_good: bool,
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        let for_good = false;
        Self { error, for_good }
    }
}

impl Refused {
    fn for_good(status: StatusCode, code: &'static str, message: &str) -> Self {
        let error = ApiError {
            status,
            code: Some(code),
            ..ApiError::invalid("Idempotency-Key", message)
        };
        let for_good = true;
        Self { error, for_good }
    }

    fn gone(why: Gone) -> Self {
        let message = match why {
            Gone::Restart => {
                "This idempotency key was used before the router was restarted, so the request is not run again. What it \
                 was charged is in its receipt, see /quern/receipts. Send a new key to ask again."
            }
            Gone::Charged => {
                "A host was paid for this request, which ended in an error or whose answer was lost with the host, so the \
                 request is not run again; see /quern/receipts. Send a new key to ask again."
            }
            Gone::Room => {
                "This idempotency key was used, and its answer was too long to be kept or had to make room for others, \
                 so the request is not run again. Send a new key to ask again."
            }
        };
        Self::for_good(StatusCode::CONFLICT, "idempotency_answer_gone", message)
    }

    /// For so many blocks at most.
    fn held(blocks: u64) -> Self {
        let message = format!(
            "This request failed, but a host that was asked may still show that it served it and be paid. It is run again \
             under this idempotency key once that cannot be any more, in {blocks} blocks at the latest. Send a new key to \
             ask again at once."
        );
        let wait = u32::try_from(blocks.clamp(1, LOOK_AGAIN)).ok();
        ApiError {
            status: StatusCode::CONFLICT,
            code: Some("idempotency_key_held"),
            retry_after: wait,
            ..ApiError::invalid("Idempotency-Key", message)
        }
        .into()
    }
}

/// How a request stands that failed.
fn standing(service: &Service, ticket: &Ticket) -> (Standing, u64) {
    match &service.backend {
        Backend::Paid(gateway) => gateway.standing(ticket),
        Backend::Direct(_) => (Standing::Free, 0),
    }
}

async fn answer(service: &Arc<Service>, request: Request, next: Next) -> Result<Response, Refused> {
    if request.method() != Method::POST {
        return Ok(next.run(request).await);
    }
    let Some(key) = key_of(request.headers())? else {
        return Ok(next.run(request).await);
    };
    // A stranger is refused further on, before the body is read.
    let Ok(holder) = authorize(service, request.headers()) else {
        return Ok(next.run(request).await);
    };
    let (parts, body) = request.into_parts();
    let body = read_body(body).await?;
    let digest = digest(&[parts.uri.path().as_bytes(), &body]);
    let (weight, ids) = (body.len(), (key, digest));
    let claim = || {
        let shelves = &service.once.shelves;
        shelves.claim(&holder.name, ids, weight, Instant::now())
    };
    let mut claimed = claim();
    if let Claim::Held(slot, ticket) = &claimed {
        match standing(service, ticket) {
            (Standing::Open, blocks) => return Err(Refused::held(blocks)),
            (Standing::Charged, _) => {
                service.once.shelves.charge(slot);
                return Err(Refused::gone(Gone::Charged));
            }
            (Standing::Free, _) => {
                service.once.free(slot, digest).await;
                claimed = claim();
            }
        }
    }
    let (reader, again) = match claimed {
        Claim::First(slot, answer, reader) => {
            let run = Run {
                service: service.clone(),
                slot,
                digest,
                weight,
                answer,
            };
            let request = Request::from_parts(parts, Body::from(body));
            service.once.spawn(run.run(request, next));
            (reader, false)
        }
        Claim::Again(reader) => (reader, true),
        Claim::Other => {
            return Err(Refused::for_good(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "This idempotency key was used with another request; send each request with a key of its own.",
            ));
        }
        Claim::Gone(why) => return Err(Refused::gone(why)),
        // Another try of this moment failed, too.
        Claim::Held(..) => return Err(Refused::held(1)),
        Claim::Full(wait) => {
            let wait = u32::try_from(wait).unwrap_or(u32::MAX);
            let message = format!(
                "This API key has as many idempotency keys in use as the router remembers; retry after {wait} s, or \
                 send the request without one."
            );
            let busy = ApiError::busy(wait);
            return Err(ApiError { message, ..busy }.into());
        }
    };
    respond(service, reader, again).await
}

async fn respond(service: &Service, reader: Reader, again: bool) -> Result<Response, Refused> {
    let response = reader.response().await;
    let broken =
        || ApiError::unavailable("The router ended the request before it was answered; retry in a moment.");
    let mut response = response.ok_or_else(broken)?;
    if again {
        service.metrics.replays.inc();
        response
            .headers_mut()
            .insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// The key that a request names.
fn key_of(headers: &HeaderMap) -> Result<Option<Digest>, ApiError> {
    let mut keys = headers.get_all(KEY).iter();
    let Some(key) = keys.next() else {
        return Ok(None);
    };
    let bytes = key.as_bytes();
    let good = (1..=MAX_KEY).contains(&bytes.len()) && bytes.iter().all(|b| (b' '..=b'~').contains(b));
    if !good || keys.next().is_some() {
        let message =
            format!("'Idempotency-Key' must be one header of 1 to {MAX_KEY} visible ASCII characters.");
        return Err(ApiError::invalid("Idempotency-Key", message));
    }
    Ok(Some(digest(&[bytes])))
}

fn digest(parts: &[&[u8]]) -> Digest {
    let hash = parts.iter().fold(Sha256::new(), |hash, part| {
        hash.chain_update((part.len() as u64).to_be_bytes())
            .chain_update(part)
    });
    hash.finalize().into()
}

fn used(slot: &Slot, request: Digest) -> Use {
    Use {
        holder: slot.holder.clone(),
        key: slot.key,
        request,
        id: slot.id,
    }
}

/// A request that runs with a key.
struct Run {
    service: Arc<Service>,
    slot: Slot,
    digest: Digest,
    /// Bytes of the request.
    weight: usize,
    answer: Arc<Answer>,
}

impl Drop for Run {
    /// Whatever ends a run early, nobody waits for ever.
    fn drop(&mut self) {
        self.service.once.shelves.shrink(&self.slot, self.weight);
        self.answer.end(End::Broken);
    }
}

impl Run {
    async fn run(self, request: Request, next: Next) {
        if !self.mark().await {
            let message =
                "The router cannot write down the idempotency key, so the request was not run; see its log.";
            let (parts, body) = ApiError::unavailable(message).into_response().into_parts();
            self.service.once.shelves.release(&self.slot);
            self.answer.begin((parts.status, parts.headers));
            self.copy(body).await;
            return;
        }
        let ticket = Arc::<Ticket>::default();
        let response = tickets::noting(ticket.clone(), next.run(request)).await;
        let (mut parts, body) = response.into_parts();
        let stale: Vec<HeaderName> = parts
            .headers
            .keys()
            .filter(|name| name.as_str().starts_with(RATES))
            .cloned()
            .collect();
        for name in stale {
            parts.headers.remove(name);
        }
        name_answer(&mut parts.headers);
        // An error that has answers that are paid for comes again as they would.
        let is_answer = parts.status.is_success() || parts.extensions.get::<Shown>().is_some();
        if !is_answer {
            // Before anybody hears of it, so that the next try is a new one, or knows why not.
            match ticket.standing() {
                Standing::Free => self.service.once.free(&self.slot, self.digest).await,
                Standing::Open | Standing::Charged => self.service.once.shelves.hold(&self.slot, ticket),
            }
        }
        self.answer.begin((parts.status, parts.headers));
        self.copy(body).await;
    }

    /// Writes that the key is used.
    async fn mark(&self) -> bool {
        match &self.service.once.marks {
            Some(marks) => marks.take(&used(&self.slot, self.digest)).await,
            None => true,
        }
    }

    /// Takes in the answer, whoever reads it; one that there is no room for, as fast as it is read.
    async fn copy(&self, mut body: Body) {
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else {
                return self.answer.end(End::Broken);
            };
            let Ok(piece) = frame.into_data() else { continue };
            if !self
                .service
                .once
                .shelves
                .grant(&self.slot, piece.len().saturating_add(PIECE))
            {
                self.answer.pass();
            }
            // A piece of a large buffer would keep all of it.
            self.answer.push(Bytes::copy_from_slice(&piece));
            if !self.answer.has_room().await {
                return self.answer.end(End::Broken);
            }
        }
        self.answer.end(End::Whole);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_header_of_visible_characters() {
        let with = |values: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(KEY, HeaderValue::from_bytes(value).unwrap());
            }
            key_of(&headers)
        };
        assert_eq!(with(&[]), Ok(None));
        assert!(with(&[b"7f1c"]).unwrap().is_some());
        assert!(with(&[&[b'x'; MAX_KEY]]).is_ok());
        let wrong: [&[&[u8]]; 5] = [
            &[b""],
            &[&[b'x'; MAX_KEY + 1]],
            &[b"\xff"],
            &[b"a\tb"],
            &[b"a", b"a"],
        ];
        for wrong in wrong {
            assert_eq!(with(wrong).unwrap_err().param.as_deref(), Some("Idempotency-Key"));
        }
        assert_ne!(with(&[b"a"]), with(&[b"b"]));
    }

    #[test]
    fn a_requests_digest_tells_its_parts_apart() {
        assert_ne!(digest(&[b"/a", b"bc"]), digest(&[b"/ab", b"c"]));
    }
}
