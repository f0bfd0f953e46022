//! A paid request at a host, answered as the host's conduct says.

use super::chain::{CHAIN_ID, COEFFICIENTS, beacon, package};
use super::conduct::Odd;
use super::host::{Conduct, TestHost};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::Frame;
use quern_inference_api::paid::*;
use quern_inference_api::{ApiError, Endpoint, Request};
use quern_protocol::{
    Amount, Bytes as Fixed, FinishReason, Receipt, Refusal, RefusalReason, Usage, client_seed, content_hash,
    cost, output_hash, request_hash, salt_commitment, seed_commitment, voucher_seed,
};
use serde_json::json;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc;

/// How long a host takes for an answer that takes its time.
pub(super) const SLOW: Duration = Duration::from_millis(1_200);

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

/// A request under way.
struct Job {
    host: Arc<TestHost>,
    authority: Authority,
    request: Request,
    body: Bytes,
    prompt: u32,
    conduct: Conduct,
    /// Whether it cannot go on through its own words.
    faults: bool,
    /// Whether it is the one that goes oddly.
    second: bool,
}

pub(super) async fn complete(
    State(host): State<Arc<TestHost>>,
    uri: http::Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
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
        Conduct::RefusesTwice => {
            let came = host.with(|book| {
                book.came += 1;
                book.came
            });
            if came <= 2 {
                return refuse(true);
            }
        }
        Conduct::TwoPlaces => {
            let full = host.with(|book| {
                let full = book.taken == 2;
                book.taken += usize::from(!full);
                full
            });
            if full {
                return refuse(true);
            }
        }
        Conduct::RefusesUnsigned => return refuse(false),
        Conduct::Hangs | Conduct::Overlooks | Conduct::SwearsBadly => std::future::pending().await,
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
    if conduct == Conduct::ShortContext && body.len() > 4_000 {
        return ApiError::context("prompt", 900, 999, 16).into_response();
    }
    let endpoint = match uri.path() == Endpoint::Chat.path() {
        true => Endpoint::Chat,
        false => Endpoint::Completions,
    };
    let request = Request::parse(endpoint, &body).unwrap();
    let came = || {
        host.with(|book| {
            book.came += 1;
            book.came
        })
    };
    let fourth = conduct == Conduct::FaultsFourth && came() == 4;
    let seconds = matches!(conduct, Conduct::FaultsSecond | Conduct::Second(_));
    let second = seconds && came() == 2;
    if fourth || (seconds && !second) {
        tokio::time::sleep(SLOW).await;
    }
    let refused = StatusCode::BAD_REQUEST;
    match conduct {
        Conduct::Second(Odd::Busy) if second => return refuse(false),
        Conduct::Second(Odd::Fails) if second => return ApiError::unavailable("failed").into_response(),
        Conduct::Second(Odd::Wordless) if second => return (refused, "[]").into_response(),
        Conduct::Second(Odd::Forges) if second => {
            let metadata = json!({"choices": [{"text": "forged", "index": 0}]});
            let error = json!({"error": {"message": "no", "metadata": metadata}});
            return (refused, Json(error)).into_response();
        }
        _ => {}
    }
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
        faults: fourth || (second && conduct == Conduct::FaultsSecond) || conduct == Conduct::Faults,
        second,
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
        let content = content_hash(CHAIN_ID, self.request.endpoint.path(), &self.body);
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

    /// What ends a request at fault, and the receipt of what it cost.
    fn fault(&self) -> (ApiError, SignedReceipt) {
        self.reserve(3);
        let message = "'guided_regex' cannot be used: it grew too complex.";
        let error = ApiError::invalid("guided_regex", message);
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
        if self.faults {
            let (error, signed) = self.fault();
            let mut response = error.into_response();
            let header = to_header(&signed).unwrap();
            response.headers_mut().insert(RECEIPT_HEADER, header);
            return response;
        }
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
        if self.conduct == Conduct::TwoPlaces {
            tokio::time::sleep(SLOW).await;
            self.host.with(|book| book.taken -= 1);
        }
        let times = match self.conduct {
            Conduct::Sprawls => 9 << 20,
            _ => tokens as usize,
        };
        let body = json!({"id": "x", "object": "text_completion", "choices": [{"text": "t ".repeat(times),
            "index": 0, "finish_reason": "length"}],
            "usage": {"prompt_tokens": self.prompt, "completion_tokens": tokens, "total_tokens": self.prompt + tokens}});
        let mut response = match (self.conduct, self.second) {
            (Conduct::Second(Odd::Garbage), true) => Json(json!([1])).into_response(),
            _ => Json(body).into_response(),
        };
        if !matches!(self.conduct, Conduct::ForgetsReceipt | Conduct::WithholdsReceipt) {
            let header = to_header(&signed).unwrap();
            response.headers_mut().insert(RECEIPT_HEADER, header);
        }
        if self.conduct == Conduct::DiesMidAnswer {
            let (sender, receiver) = mpsc::channel(1);
            tokio::spawn(async move {
                let _ = sender.send(Bytes::from("{\"id\": \"x\", ")).await;
                // What was written before goes out.
                tokio::time::sleep(Duration::from_millis(100)).await;
            });
            return response.map(|_| Body::new(Pipe(receiver, true)));
        }
        response
    }

    async fn stream(self, out: mpsc::Sender<Bytes>) {
        let (host, conduct) = (self.host.clone(), self.conduct);
        self.run_stream(out).await;
        if conduct == Conduct::TwoPlaces {
            host.with(|book| book.taken -= 1);
        }
    }

    async fn run_stream(self, out: mpsc::Sender<Bytes>) {
        let tokens = self.request.max_tokens.unwrap_or(16);
        let progress = |completion, paused| {
            let progress = json!({"prompt": 5, "cached": 0, "completion": completion, "paused": paused});
            Bytes::from(format!("event: {PROGRESS_EVENT}\ndata: {progress}\n\n"))
        };
        if self.conduct != Conduct::Floods {
            let _ = out.send(progress(0, false)).await;
        }
        if self.conduct == Conduct::HidesThoughts {
            tokio::time::sleep(super::FIRST_TOKEN * 3).await;
        }
        let thoughts = if self.conduct == Conduct::Thinks { 100 } else { 0 };
        let thought = json!({"choices": [{"delta": {"reasoning_content": "so".repeat(512)}, "index": 0}]});
        for _ in 0..thoughts {
            let _ = out.send(Bytes::from(format!("data: {thought}\n\n"))).await;
        }
        let logprobs = match self.conduct {
            Conduct::Echoes => {
                json!({"tokens": ["<s>"], "token_logprobs": [-1.5], "top_logprobs": [{"<s>": -1.5}], "text_offset": [0]})
            }
            _ => serde_json::Value::Null,
        };
        let silent =
            json!({"choices": [{"text": "", "index": 0, "logprobs": logprobs, "finish_reason": null}]});
        let silences = match self.conduct {
            Conduct::Echoes | Conduct::Mumbles => 1_000,
            Conduct::Rambles => 100,
            _ => 0,
        };
        for _ in 0..silences {
            let _ = out.send(Bytes::from(format!("data: {silent}\n\n"))).await;
        }
        let words = Bytes::from(format!(":{}\n\n", " ".repeat(1 << 16)));
        if self.conduct == Conduct::Rambles {
            let _ = out.send(words.clone()).await;
        }
        while self.conduct == Conduct::Floods && out.send(words.clone()).await.is_ok() {}
        if matches!(self.conduct, Conduct::DiesEarly | Conduct::Floods) {
            return;
        }
        if self.faults {
            let (error, signed) = self.fault();
            let data = serde_json::to_string(&signed).unwrap();
            let event = format!("event: {RECEIPT_EVENT}\ndata: {data}\n\n");
            let _ = out.send(Bytes::from(event)).await;
            let event = format!("data: {}\n\n", error.to_json());
            let _ = out.send(Bytes::from(event)).await;
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
            let chunk = match self.request.endpoint {
                Endpoint::Completions => {
                    json!({"choices": [{"text": "t ", "index": 0, "finish_reason": null}]})
                }
                Endpoint::Chat => {
                    json!({"id": "x", "created": 1, "model": super::MODEL,
                        "choices": [{"delta": {"content": "t "}, "index": 0, "finish_reason": null}]})
                }
            };
            let sent = out.send(Bytes::from(format!("data: {chunk}\n\n"))).await;
            let dies = matches!(self.conduct, Conduct::DiesMidStream | Conduct::StopsMidStream);
            if sent.is_err() || (dies && token == 3) {
                self.finish(token, FinishReason::Cancelled);
                if self.conduct == Conduct::DiesMidStream {
                    let _ = out.send(Bytes::from("data: {\"choices\": [")).await;
                }
                // What was written before goes out.
                tokio::time::sleep(Duration::from_millis(100)).await;
                return;
            }
        }
        if self.conduct == Conduct::TwoPlaces {
            tokio::time::sleep(SLOW).await;
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
        let last = json!({"choices": [{"text": "", "delta": {}, "index": 0, "finish_reason": "length"}]});
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
