//! A host that serves as its conduct says, and checks every voucher as a careful host would.

use super::chain::{CHAIN_ID, COEFFICIENTS, TestChain, beacon, commit, package};
pub(super) use super::conduct::Conduct;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::Frame;
use quern_chain_client::{SigningKey, verify};
use quern_inference_api::listing::{Listing, Model, ModelList};
use quern_inference_api::paid::*;
use quern_inference_api::{ApiError, Endpoint, Request};
use quern_interface::registry::{HostInfo, HostStatus, WarmKey};
use quern_protocol::{
    Amount, Bytes as Fixed, FinishReason, Hash, Receipt, Refusal, RefusalReason, TimeOut, Usage, Witness,
    client_seed, content_hash, cost, output_hash, request_hash, salt_commitment, seed_commitment,
    voucher_seed,
};
use quern_transport::{SecureListener, TransportKey, served};
use serde_json::json;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};

#[derive(Debug, Default)]
pub(super) struct Book {
    /// Every voucher, the latest of each request.
    pub(super) vouchers: BTreeMap<(u64, u64), SignedVoucher>,
    /// Highest cap by session.
    pub(super) caps: BTreeMap<u64, Amount>,
    pub(super) captured: BTreeMap<u64, Amount>,
    running: BTreeMap<(u64, u64), Amount>,
    pub(super) receipts: BTreeMap<(u64, u64), SignedReceipt>,
    pub(super) top_ups: usize,
    missed: bool,
    pub(super) pauses: usize,
    pub(super) voids: usize,
    pub(super) witnessed: usize,
    /// Times that somebody asked for its models.
    pub(super) listed: usize,
    /// Broken promises of the router.
    pub(super) complaints: Vec<String>,
}

#[derive(Debug)]
pub(super) struct TestHost {
    pub(super) name: String,
    pub(super) conduct: Mutex<Conduct>,
    pub(super) book: Mutex<Book>,
    warm: SigningKey,
    chain: Arc<TestChain>,
    topped: Notify,
}

struct Pipe(mpsc::Receiver<Bytes>, bool);

impl http_body::Body for Pipe {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let breaks = self.1;
        self.0.poll_recv(context).map(|piece| match piece {
            Some(piece) => Some(Ok(Frame::data(piece))),
            None if breaks => Some(Err(std::io::Error::other("died"))),
            None => None,
        })
    }
}

impl TestHost {
    pub(super) async fn start(number: u8, conduct: Conduct, chain: &Arc<TestChain>) -> Arc<Self> {
        let warm = SigningKey::from_secret([number; 32].into()).unwrap();
        let transport = TransportKey::from_secret([number + 100; 32].into());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let host = Arc::new(Self {
            name: warm.address().unwrap(),
            conduct: Mutex::new(conduct),
            book: Mutex::default(),
            chain: chain.clone(),
            topped: Notify::new(),
            warm,
        });
        let info = HostInfo {
            host: host.name.clone(),
            moniker: host.name.clone(),
            endpoint: format!("https://{address}"),
            transport_key: Fixed(transport.public()),
            consensus_key: Fixed([number; 32]),
            beacon_anchor: None,
            warm_key: WarmKey {
                key: Fixed(host.warm.public()),
                address: host.warm.address().unwrap(),
                from: 0,
            },
            payout: host.name.clone(),
            bond: Amount(1),
            memberships: Vec::new(),
            status: HostStatus::Active,
            maintenance: Vec::new(),
        };
        chain.with(|state| state.hosts.push(info));
        let router = axum::Router::new()
            .route("/v1/completions", post(complete))
            .route("/v1/models", get(models))
            .route(VOUCHERS_PATH, post(top_up))
            .route("/v1/receipts/{session}/{nonce}", get(receipt))
            .route(RELEASES_PATH, post(release))
            .route(WITNESS_PATH, post(witness))
            .layer(axum::middleware::from_fn_with_state(host.clone(), alive))
            .with_state(host.clone());
        let listener = SecureListener::new(listener, &transport).unwrap();
        tokio::spawn(async move { axum::serve(listener, served(router)).await });
        host
    }

    pub(super) fn with<T>(&self, look: impl FnOnce(&mut Book) -> T) -> T {
        look(&mut self.book.lock().unwrap())
    }

    pub(super) fn behave(&self, conduct: Conduct) {
        *self.conduct.lock().unwrap() = conduct;
    }

    /// What a careful host demands of every voucher.
    fn take(&self, signed: &SignedVoucher, fresh: bool) {
        let voucher = &signed.voucher;
        let (session_key, limit, height) = self.chain.with(|state| {
            let session = state.sessions.iter().find(|s| s.id == voucher.session).unwrap();
            let member = session.committee.iter().find(|m| m.host == self.name).unwrap();
            (session.session_key, member.limit, state.height)
        });
        let digest = voucher.digest(CHAIN_ID);
        self.with(|book| {
            let place = (voucher.session, voucher.nonce);
            let known = book.vouchers.get(&place);
            let mut complain = |what: &str| book.complaints.push(format!("{what}: {voucher:?}"));
            if !verify(&session_key.0, &digest.0, &signed.signature.0) {
                complain("forged");
            }
            if voucher.cap > limit {
                complain("cap above the limit");
            }
            if voucher.height > height || voucher.height + 5 < height {
                complain("height is not recent");
            }
            match known {
                Some(_) if fresh => complain("nonce twice"),
                Some(known) if !voucher.extends(&known.voucher) => complain("no extension"),
                _ => {}
            }
            book.vouchers.insert(place, signed.clone());
            let cap = book.caps.entry(voucher.session).or_default();
            *cap = voucher.cap.max(*cap);
        });
    }

    fn sign(&self, mut receipt: Receipt) -> SignedReceipt {
        let conduct = *self.conduct.lock().unwrap();
        match conduct {
            Conduct::Overcharges => receipt.capture = Amount(receipt.capture.0 + 1),
            Conduct::WrongSeed => receipt.seed_commitment = Hash::new([1; 32]),
            Conduct::WrongRequest => receipt.request_hash = Hash::new([1; 32]),
            Conduct::WrongUsage => {
                receipt.usage.prompt += 1;
                receipt.capture = cost(receipt.price, &COEFFICIENTS, &receipt.usage).unwrap();
            }
            _ => {}
        }
        let stranger = SigningKey::from_secret([77; 32].into()).unwrap();
        let key = if conduct == Conduct::WrongKey {
            &stranger
        } else {
            &self.warm
        };
        let signature = Fixed(key.sign(&receipt.digest(CHAIN_ID).0));
        SignedReceipt { receipt, signature }
    }
}

async fn models(State(host): State<Arc<TestHost>>) -> Json<ModelList> {
    let stutters = *host.conduct.lock().unwrap() == Conduct::Stutters;
    host.with(|book| book.listed += 1);
    let model = Model {
        id: super::MODEL.into(),
        object: "model".into(),
        created: 0,
        owned_by: "host".into(),
        context_length: 1,
        listing: Listing::decoder(1, !stutters),
    };
    Json(ModelList::new(vec![model; if stutters { 3 } else { 1 }]))
}

async fn top_up(State(host): State<Arc<TestHost>>, Json(signed): Json<SignedVoucher>) -> Response {
    let session = signed.voucher.session;
    let misses = *host.conduct.lock().unwrap() == Conduct::MissesTopUp;
    if misses && !host.with(|book| std::mem::replace(&mut book.missed, true)) {
        std::future::pending::<()>().await;
    }
    if signed.voucher.ceiling.is_zero() {
        host.with(|book| book.voids += 1);
    } else {
        host.take(&signed, false);
        host.with(|book| book.top_ups += 1);
        host.topped.notify_waiters();
    }
    let cap = host.with(|book| book.caps.get(&session).copied().unwrap_or_default());
    Json(TopUpAnswer { cap }).into_response()
}

async fn receipt(State(host): State<Arc<TestHost>>, Path(place): Path<(u64, u64)>) -> Response {
    match host.with(|book| book.receipts.get(&place).cloned()) {
        Some(signed) => Json(ReceiptStatus {
            committed: Some(commit(&host.name, &signed.receipt)),
            signed,
        })
        .into_response(),
        None => ApiError::not_found("no receipt").into_response(),
    }
}

/// Signs what leaves it enough for its promises, as a careful host does.
async fn release(State(host): State<Arc<TestHost>>, Json(asked): Json<ReleaseRequest>) -> Response {
    let release = asked.release;
    let digest = release_request_digest(CHAIN_ID, &release);
    let (session_key, limit) = host.chain.with(|state| {
        let session = state.sessions.iter().find(|s| s.id == release.session).unwrap();
        let member = session.committee.iter().find(|m| m.host == host.name).unwrap();
        (session.session_key, member.limit)
    });
    let promised = host.with(|book| book.caps.get(&release.session).copied().unwrap_or_default());
    let forged = !verify(&session_key.0, &digest.0, &asked.signature.0);
    if forged || release.from != host.name {
        host.with(|book| {
            book.complaints
                .push(format!("no request for a release: {release:?}"))
        });
    }
    if forged || limit.saturating_sub(promised) < release.cumulative {
        let error = ApiError {
            status: StatusCode::CONFLICT,
            ..ApiError::body("the limit is needed")
        };
        return error.into_response();
    }
    let signature = Fixed(host.warm.sign(&release.digest(CHAIN_ID).0));
    Json(SignedRelease { release, signature }).into_response()
}

/// What is dead does not answer.
async fn alive(
    State(host): State<Arc<TestHost>>,
    request: axum::extract::Request,
    next: axum::middleware::Next,
) -> Response {
    if *host.conduct.lock().unwrap() == Conduct::Dead {
        std::future::pending::<()>().await;
    }
    next.run(request).await
}

/// Tries the host once and signs what it saw; the worker's own rules have tests of their own.
async fn witness(State(host): State<Arc<TestHost>>, Json(asked): Json<WitnessRequest>) -> Response {
    let voucher = &asked.voucher;
    let info = host.chain.with(|state| {
        let mut hosts = state.hosts.iter();
        hosts.find(|info| info.host == voucher.host).unwrap().clone()
    });
    let client = quern_transport::Client::new(TransportKey::from_secret([50; 32].into()));
    let url = format!(
        "{}{}",
        info.endpoint,
        receipt_path(voucher.session, voucher.nonce)
    );
    let answer = client.get(&url, info.transport_key.0);
    if tokio::time::timeout(Duration::from_secs(1), answer).await.is_ok() {
        return (StatusCode::CONFLICT, "it answers").into_response();
    }
    host.with(|book| book.witnessed += 1);
    let silence = TimeOut {
        session: voucher.session,
        nonce: voucher.nonce,
        host: voucher.host.clone(),
        height: asked.height,
    };
    let stranger = SigningKey::from_secret([77; 32].into()).unwrap();
    let key = match *host.conduct.lock().unwrap() {
        Conduct::BadWitness => &stranger,
        _ => &host.warm,
    };
    let signature = Fixed(key.sign(&silence.digest(CHAIN_ID).0));
    let host = host.name.clone();
    Json(Witness { host, signature }).into_response()
}

/// A request under way.
struct Job {
    host: Arc<TestHost>,
    authority: Authority,
    request: Request,
    body: Bytes,
    prompt: u32,
    conduct: Conduct,
}

async fn complete(State(host): State<Arc<TestHost>>, headers: HeaderMap, body: Bytes) -> Response {
    let authority: Authority = from_header(&headers[VOUCHER_HEADER]).unwrap();
    let voucher = &authority.voucher;
    let place = (voucher.session, voucher.nonce);
    let signed = SignedVoucher {
        voucher: voucher.clone(),
        signature: authority.signature,
    };
    host.take(&signed, true);
    if !headers.contains_key(CACHE_PART_HEADER) {
        host.with(|book| book.complaints.push("cache part".into()));
    }
    if voucher.salt_commitment != salt_commitment(CHAIN_ID, place.0, place.1, &authority.salt.0) {
        host.with(|book| book.complaints.push("salt".into()));
    }
    let conduct = *host.conduct.lock().unwrap();
    let refuse = |signature: bool| {
        let refusal = Refusal {
            session: place.0,
            nonce: place.1,
            host: host.name.clone(),
            height: match conduct {
                Conduct::RefusesOddly => 1,
                _ => host.chain.with(|state| state.height),
            },
            reason: RefusalReason::Busy,
        };
        let signature = match signature {
            true => Fixed(host.warm.sign(&refusal.digest(CHAIN_ID).0)),
            false => Fixed([0; 64]),
        };
        let mut body = ApiError::busy(1).to_json();
        body["refusal"] = json!(SignedRefusal { refusal, signature });
        (StatusCode::TOO_MANY_REQUESTS, Json(body)).into_response()
    };
    match conduct {
        Conduct::Refuses | Conduct::RefusesOddly => return refuse(true),
        Conduct::RefusesUnsigned => return refuse(false),
        Conduct::Hangs => std::future::pending().await,
        Conduct::Rejects => {
            let error = ApiError {
                status: StatusCode::PAYMENT_REQUIRED,
                code: Some(Rejection::VoucherStale.code()),
                ..ApiError::body("stale")
            };
            return error.into_response();
        }
        _ => {}
    }
    let request = Request::parse(Endpoint::Completions, &body).unwrap();
    let (sender, receiver) = mpsc::channel(4);
    let stream = request.stream;
    let breaks = matches!(conduct, Conduct::DiesMidStream | Conduct::DiesEarly);
    let job = Job {
        host,
        authority,
        request,
        body,
        prompt: 5,
        conduct,
    };
    if conduct == Conduct::ServesInSilence {
        job.finish(job.request.max_tokens.unwrap_or(16), FinishReason::Length);
        std::future::pending::<()>().await;
    }
    if conduct == Conduct::FailsLate || (conduct == Conduct::PromisesReceipt && !stream) {
        return job.fail();
    }
    if stream {
        tokio::spawn(job.stream(sender));
        let mut response = Response::new(Body::new(Pipe(receiver, breaks)));
        let kind = http::HeaderValue::from_static("text/event-stream");
        response.headers_mut().insert(http::header::CONTENT_TYPE, kind);
        return response;
    }
    job.whole().await
}

impl Job {
    fn place(&self) -> (u64, u64) {
        (self.authority.voucher.session, self.authority.voucher.nonce)
    }

    fn usage(&self, completion: u32) -> Usage {
        Usage {
            prompt: self.prompt,
            cached: 0,
            completion,
        }
    }

    fn price(&self) -> quern_protocol::Price {
        self.host.chain.with(|state| state.price)
    }

    /// Whether one more token is paid for, over all requests of the session.
    fn reserve(&self, completion: u32) -> bool {
        let due = cost(self.price(), &COEFFICIENTS, &self.usage(completion)).unwrap();
        let place = self.place();
        self.host.with(|book| {
            let captured = book.captured.get(&place.0).copied().unwrap_or_default();
            let others = book
                .running
                .iter()
                .filter(|(at, _)| at.0 == place.0 && **at != place);
            let sum = Amount::sum(others.map(|(_, amount)| *amount).chain([captured, due])).unwrap();
            let good = due <= self.authority.voucher.ceiling && sum <= book.caps[&place.0];
            if good {
                book.running.insert(place, due);
            }
            good
        })
    }

    fn finish(&self, completion: u32, finish: FinishReason) -> SignedReceipt {
        let (place, voucher) = (self.place(), &self.authority.voucher);
        let salt = &self.authority.salt.0;
        let content = content_hash(CHAIN_ID, "/v1/completions", &self.body);
        let request = request_hash(CHAIN_ID, salt, &content);
        let seed = match self.request.seed {
            Some(seed) => client_seed(CHAIN_ID, place.0, &content, seed),
            None => voucher_seed(
                CHAIN_ID,
                place.0,
                place.1,
                &request,
                salt,
                &beacon(voucher.height),
            ),
        };
        let best = self.host.with(|book| book.vouchers[&place].clone());
        let usage = self.usage(completion);
        let signed = self.host.sign(Receipt {
            voucher: best.voucher,
            voucher_signature: best.signature,
            request_hash: request,
            output_hash: output_hash(CHAIN_ID, salt, &[1, 2, 3]),
            model_hash: package().hash,
            client_seed: self.request.seed,
            seed_commitment: seed_commitment(CHAIN_ID, &seed.0),
            temperature: temperature_millionths(self.request.temperature),
            usage,
            finish,
            price: self.price(),
            first_token_ms: 1,
            duration_ms: 2,
            capture: cost(self.price(), &COEFFICIENTS, &usage).unwrap(),
        });
        self.host.with(|book| {
            book.running.remove(&place);
            let captured = book.captured.entry(place.0).or_default();
            *captured = Amount(captured.0 + signed.receipt.capture.0);
            if self.conduct != Conduct::WithholdsReceipt {
                book.receipts.insert(place, signed.clone());
            }
        });
        signed
    }

    fn failure(&self) -> (ApiError, SignedReceipt) {
        let error = ApiError {
            code: (self.conduct == Conduct::PromisesReceipt).then_some(RECEIPT_PENDING),
            ..ApiError::unavailable("the engine failed")
        };
        (error, self.finish(3, FinishReason::Error))
    }

    fn fail(self) -> Response {
        let (error, signed) = self.failure();
        let mut response = error.into_response();
        if self.conduct == Conduct::FailsLate {
            let header = to_header(&signed).unwrap();
            response.headers_mut().insert(RECEIPT_HEADER, header);
        }
        response
    }

    async fn whole(self) -> Response {
        let tokens = self.request.max_tokens.unwrap_or(16);
        // A stream may have drawn on this request's part for the moment in which its own top-up travels.
        let mut patience = 200;
        while !self.reserve(tokens) && patience > 0 {
            patience -= 1;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        if patience == 0 {
            self.host.with(|book| {
                book.complaints
                    .push("an answer in one piece is not paid for".into())
            });
        }
        let signed = self.finish(tokens, FinishReason::Length);
        let body = json!({"id": "x", "object": "text_completion", "choices": [{"text": "t ".repeat(tokens as usize),
            "index": 0, "finish_reason": "length"}],
            "usage": {"prompt_tokens": self.prompt, "completion_tokens": tokens, "total_tokens": self.prompt + tokens}});
        let mut response = Json(body).into_response();
        if !matches!(self.conduct, Conduct::ForgetsReceipt | Conduct::WithholdsReceipt) {
            let header = to_header(&signed).unwrap();
            response.headers_mut().insert(RECEIPT_HEADER, header);
        }
        response
    }

    async fn stream(self, out: mpsc::Sender<Bytes>) {
        let tokens = self.request.max_tokens.unwrap_or(16);
        let progress = |completion, paused| {
            let progress = json!({"prompt": 5, "cached": 0, "completion": completion, "paused": paused});
            Bytes::from(format!("event: {PROGRESS_EVENT}\ndata: {progress}\n\n"))
        };
        let _ = out.send(progress(0, false)).await;
        let words = Bytes::from(format!(":{}\n\n", " ".repeat(1 << 16)));
        while self.conduct == Conduct::Floods && out.send(words.clone()).await.is_ok() {}
        if matches!(self.conduct, Conduct::DiesEarly | Conduct::Floods) {
            return;
        }
        if self.conduct == Conduct::PromisesReceipt {
            let error = self.failure().0.to_json();
            let _ = out.send(Bytes::from(format!("data: {error}\n\n"))).await;
            return;
        }
        for token in 1..=tokens {
            loop {
                let mut topped = std::pin::pin!(self.host.topped.notified());
                topped.as_mut().enable();
                if self.reserve(token) {
                    break;
                }
                self.host.with(|book| book.pauses += 1);
                let _ = out.send(progress(token - 1, true)).await;
                let patience = match self.conduct {
                    Conduct::MissesTopUp => TOP_UP_PATIENCE,
                    _ => Duration::from_secs(2),
                };
                if tokio::time::timeout(patience, topped).await.is_err() {
                    let receipt = self.finish(token - 1, FinishReason::Unfunded);
                    self.end(receipt, out).await;
                    return;
                }
            }
            let chunk = json!({"choices": [{"text": "t ", "index": 0, "finish_reason": null}]});
            let sent = out.send(Bytes::from(format!("data: {chunk}\n\n"))).await;
            if sent.is_err() || (self.conduct == Conduct::DiesMidStream && token == 3) {
                self.finish(token, FinishReason::Cancelled);
                // What was written before goes out.
                tokio::time::sleep(Duration::from_millis(100)).await;
                return;
            }
        }
        let receipt = self.finish(tokens, FinishReason::Length);
        self.end(receipt, out).await;
    }

    async fn end(&self, receipt: SignedReceipt, out: mpsc::Sender<Bytes>) {
        let usage = receipt.receipt.usage;
        let prompt = if self.conduct == Conduct::WrongUsage {
            usage.prompt - 1
        } else {
            usage.prompt
        };
        let last = json!({"choices": [{"text": "", "index": 0, "finish_reason": "length"}]});
        let _ = out.send(Bytes::from(format!("data: {last}\n\n"))).await;
        let usage = json!({"choices": [], "usage": {"prompt_tokens": prompt,
            "completion_tokens": usage.completion, "total_tokens": prompt + usage.completion}});
        let _ = out.send(Bytes::from(format!("data: {usage}\n\n"))).await;
        if !matches!(self.conduct, Conduct::ForgetsReceipt | Conduct::WithholdsReceipt) {
            let data = serde_json::to_string(&receipt).unwrap();
            let event = format!("event: {RECEIPT_EVENT}\ndata: {data}\n\n");
            let _ = out.send(Bytes::from(event)).await;
        }
        let _ = out.send(Bytes::from("data: [DONE]\n\n")).await;
    }
}
