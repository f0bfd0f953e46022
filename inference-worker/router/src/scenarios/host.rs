//! A host that serves as its conduct says, and checks every voucher as a careful host would.

use super::chain::{CHAIN_ID, COEFFICIENTS, TestChain, commit};
pub(super) use super::conduct::Conduct;
use super::job::complete;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode};
use quern_chain_client::{SigningKey, verify};
use quern_inference_api::ApiError;
use quern_inference_api::listing::{Listing, Model, ModelList};
use quern_inference_api::paid::*;
use quern_interface::registry::{HostInfo, HostStatus, WarmKey};
use quern_protocol::{Amount, Bytes as Fixed, Hash, Receipt, TimeOut, Witness, cost};
use quern_transport::{SecureListener, TransportKey, served};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(super) struct Book {
    /// Every voucher, the latest of each request.
    pub(super) vouchers: BTreeMap<(u64, u64), SignedVoucher>,
    /// Highest cap by session.
    pub(super) caps: BTreeMap<u64, Amount>,
    pub(super) captured: BTreeMap<u64, Amount>,
    pub(super) running: BTreeMap<(u64, u64), Amount>,
    pub(super) receipts: BTreeMap<(u64, u64), SignedReceipt>,
    pub(super) top_ups: usize,
    missed: bool,
    pub(super) pauses: usize,
    pub(super) voids: usize,
    /// Requests that came while it was to tell some of them from the others.
    pub(super) came: usize,
    /// Places that are taken.
    pub(super) taken: usize,
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
    pub(super) warm: SigningKey,
    pub(super) chain: Arc<TestChain>,
    pub(super) topped: Notify,
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
            .route("/v1/chat/completions", post(complete))
            .route("/v1/models", get(models))
            .route(VOUCHERS_PATH, post(top_up))
            .route("/v1/receipts/{session}/{nonce}", get(receipt))
            .route(RELEASES_PATH, post(release))
            .route(WITNESS_PATH, post(witness))
            .route("/tokenize", post(count))
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
    pub(super) fn take(&self, signed: &SignedVoucher, fresh: bool) {
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

    pub(super) fn sign(&self, mut receipt: Receipt) -> SignedReceipt {
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
        listing: Listing::decoder(1, !stutters).stored(Some(if stutters { "fp16" } else { "bf16" })),
    };
    Json(ModelList::new(vec![model; if stutters { 3 } else { 1 }]))
}

async fn top_up(State(host): State<Arc<TestHost>>, Json(signed): Json<SignedVoucher>) -> Response {
    let session = signed.voucher.session;
    let misses = *host.conduct.lock().unwrap() == Conduct::MissesTopUp;
    if misses && !host.with(|book| std::mem::replace(&mut book.missed, true)) {
        std::future::pending::<()>().await;
    }
    let mut unserved = None;
    if signed.voucher.ceiling.is_zero() {
        host.with(|book| book.voids += 1);
        let digest = unserved_digest(CHAIN_ID, session, signed.voucher.nonce, &host.name);
        let stranger = SigningKey::from_secret([77; 32].into()).unwrap();
        let key = match *host.conduct.lock().unwrap() {
            Conduct::Overlooks => Some(&host.warm),
            Conduct::SwearsBadly => Some(&stranger),
            _ => None,
        };
        unserved = key.map(|key| Fixed(key.sign(&digest.0)));
    } else {
        host.take(&signed, false);
        host.with(|book| book.top_ups += 1);
        host.topped.notify_waiters();
    }
    let cap = host.with(|book| book.caps.get(&session).copied().unwrap_or_default());
    Json(TopUpAnswer { cap, unserved }).into_response()
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

/// Counts words for who holds a session.
async fn count(State(host): State<Arc<TestHost>>, headers: HeaderMap, body: String) -> Response {
    if *host.conduct.lock().unwrap() == Conduct::Refuses {
        return ApiError::busy(1).into_response();
    }
    let asked: CountRequest = from_header(&headers[COUNT_HEADER]).unwrap();
    let place = (asked.session, asked.host.as_str(), asked.height);
    let digest = count_digest(CHAIN_ID, place, "/tokenize", body.as_bytes());
    let session_key = host.chain.with(|state| {
        let session = state.sessions.iter().find(|s| s.id == asked.session).unwrap();
        session.session_key
    });
    if asked.host != host.name || !verify(&session_key.0, &digest.0, &asked.signature.0) {
        host.with(|book| book.complaints.push("no request to count".into()));
    }
    let tokens: Vec<usize> = (0..body.split(' ').count()).collect();
    Json(serde_json::json!({"count": tokens.len(), "max_model_len": 64, "tokens": tokens})).into_response()
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
