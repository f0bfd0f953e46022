//! A paid request at a host, answered as the host's conduct says.

use super::chain::{CHAIN_ID, COEFFICIENTS, beacon, package};
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
}

pub(super) async fn complete(State(host): State<Arc<TestHost>>, headers: HeaderMap, body: Bytes) -> Response {
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
        if self.conduct == Conduct::Faults {
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
        if self.conduct == Conduct::HidesThoughts {
            tokio::time::sleep(super::FIRST_TOKEN * 3).await;
        }
        let thoughts = if self.conduct == Conduct::Thinks { 100 } else { 0 };
        let thought = json!({"choices": [{"delta": {"reasoning_content": "so".repeat(512)}, "index": 0}]});
        for _ in 0..thoughts {
            let _ = out.send(Bytes::from(format!("data: {thought}\n\n"))).await;
        }
        let words = Bytes::from(format!(":{}\n\n", " ".repeat(1 << 16)));
        while self.conduct == Conduct::Floods && out.send(words.clone()).await.is_ok() {}
        if matches!(self.conduct, Conduct::DiesEarly | Conduct::Floods) {
            return;
        }
        if self.conduct == Conduct::Faults {
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
