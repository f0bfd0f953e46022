//! Requests that are several: of several prompts, or of several choices where each is a request of its own.
//!
//! [`split`] makes the bodies of the single ones, [`merge`] makes one answer of theirs.

mod paid;

pub use paid::{error_of, forbid_retry, merge_paid};

use crate::error::ApiError;
use crate::request::Request;
use crate::sse::{Event, Splitter};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header;
use http_body::Frame;
use http_body_util::{BodyExt, Limited};
use serde_json::{Map, Value, json};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Longest whole answer of one of them, in bytes.
const MAX_ANSWER: usize = 16 << 20;
/// Longest whole answer of all of them, which are held until the last is there.
pub const MAX_ANSWERS: usize = 64 << 20;

/// Answers that are awaited.
type Answers<'a> = Vec<Pin<Box<dyn Future<Output = Response> + Send + 'a>>>;

/// The bodies of a request's prompts, and with `each_choice` of their choices: none if it is a single one. The choice
/// number `i` of a prompt gets the client's seed and `i`, as it would give the same answer by the same seed.
pub fn split(request: &Request, body: &[u8], each_choice: bool) -> Option<Vec<Bytes>> {
    let choices = if each_choice { request.n } else { 1 };
    if request.others.is_empty() && choices == 1 {
        return None;
    }
    let Ok(Value::Object(mut fields)) = serde_json::from_slice::<Value>(body) else {
        return None;
    };
    let prompts = match fields.get("prompt") {
        Some(Value::Array(prompts)) if !request.others.is_empty() => prompts.clone(),
        prompt => vec![prompt.cloned().unwrap_or_default()],
    };
    if each_choice {
        fields.remove("n");
        fields.remove("best_of");
    }
    let mut bodies = Vec::new();
    for prompt in prompts {
        if !prompt.is_null() {
            fields.insert("prompt".into(), prompt);
        }
        for choice in 0..choices {
            if let Some(seed) = request.seed {
                fields.insert("seed".into(), seed.wrapping_add(i64::from(choice)).into());
            }
            bodies.push(Value::Object(fields.clone()).to_string().into());
        }
    }
    Some(bodies)
}

/// One answer of those to single requests with `per` choices each, in their order, at most `at_once` of which are awaited
/// together; all of them where answers are streamed. The first one that is no success is the answer to all, and the others
/// are dropped. Usage is the sum, and headers that each may have are all there.
pub async fn merge(answers: Answers<'_>, per: usize, stream: bool, at_once: usize) -> Response {
    let most = if stream { answers.len() } else { at_once.max(1) };
    let gathered = gather(answers, most, stream).await;
    let gathered = gathered.and_then(|gathered| match stream {
        true => Ok(streamed(gathered, per)),
        false => whole(gathered),
    });
    gathered.unwrap_or_else(|failed| *failed)
}

/// What was answered: the head, and the body of a whole answer.
type Gathered = Vec<(Response, Bytes)>;

async fn gather(answers: Answers<'_>, most: usize, stream: bool) -> Result<Gathered, Box<Response>> {
    let count = answers.len();
    let mut waiting = answers.into_iter().enumerate();
    let mut running = Vec::new();
    let mut done: Vec<_> = (0..count).map(|_| None).collect();
    let mut bytes = 0_usize;
    for _ in 0..count {
        while running.len() < most
            && let Some((index, answer)) = waiting.next()
        {
            running.push((index, Box::pin(read(answer, stream))));
        }
        let (index, answer) = next(&mut running).await;
        let answer = answer?;
        bytes = bytes.saturating_add(answer.1.len());
        if bytes > MAX_ANSWERS {
            let message = format!(
                "The answers to all prompts together are longer than {MAX_ANSWERS} bytes; send fewer at once."
            );
            return Err(Box::new(ApiError::invalid("prompt", message).into_response()));
        }
        if let Some(place) = done.get_mut(index) {
            *place = Some(answer);
        }
    }
    Ok(done.into_iter().flatten().collect())
}

/// The first one that is there, taken out.
async fn next<F: Future + Unpin>(running: &mut Vec<(usize, F)>) -> (usize, F::Output) {
    std::future::poll_fn(|context| {
        for at in 0..running.len() {
            if let Some((_, answer)) = running.get_mut(at)
                && let Poll::Ready(answer) = Pin::new(answer).poll(context)
            {
                let (index, _) = running.swap_remove(at);
                return Poll::Ready((index, answer));
            }
        }
        Poll::Pending
    })
    .await
}

async fn read(
    answer: Pin<Box<dyn Future<Output = Response> + Send + '_>>,
    stream: bool,
) -> Result<(Response, Bytes), Box<Response>> {
    let answer = answer.await;
    if !answer.status().is_success() {
        return Err(Box::new(answer));
    }
    if stream {
        return Ok((answer, Bytes::new()));
    }
    let (parts, body) = answer.into_parts();
    match Limited::new(body, MAX_ANSWER).collect().await {
        Ok(body) => Ok((Response::from_parts(parts, Body::empty()), body.to_bytes())),
        Err(error) => Err(Box::new(ApiError::unavailable(error.to_string()).into_response())),
    }
}

/// The first one's head, with what the others have of headers that are each one's own.
fn head(heads: &mut [Response], body: Body) -> Response {
    let mut rest = heads.iter_mut();
    let Some(first) = rest.next() else {
        return ApiError::internal("Nothing was asked.").into_response();
    };
    let mut response = std::mem::take(first);
    *response.body_mut() = body;
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(crate::dialect::PROMPT_TOKENS_HEADER);
    for other in rest {
        for receipt in other.headers().get_all(crate::paid::RECEIPT_HEADER) {
            headers.append(crate::paid::RECEIPT_HEADER, receipt.clone());
        }
    }
    response
}

/// Adds one usage to another, number by number.
fn add(sum: &mut Value, more: &Value) {
    match (sum, more) {
        (Value::Object(sum), Value::Object(more)) => {
            for (name, more) in more {
                add(sum.entry(name.as_str()).or_insert(Value::Null), more);
            }
        }
        // Nothing is told, or not what the others tell.
        (_, Value::Null) | (Value::Object(_), _) => {}
        (sum, more) => match (sum.as_u64(), more.as_u64()) {
            (Some(one), Some(other)) => *sum = one.saturating_add(other).into(),
            _ => *sum = more.clone(),
        },
    }
}

/// Whether an answer in one piece has choices, each an object.
pub fn is_answer(answer: &Value) -> bool {
    let choices = answer.get("choices").and_then(Value::as_array);
    choices.is_some_and(|choices| !choices.is_empty() && choices.iter().all(Value::is_object))
}

/// An answer's members.
type Answer = Map<String, Value>;

fn parsed(body: &[u8]) -> Option<Answer> {
    match serde_json::from_slice(body).ok()? {
        answer if !is_answer(&answer) => None,
        Value::Object(answer) => Some(answer),
        _ => None,
    }
}

/// The choices of an answer, taken out of it.
fn choices(answer: &mut Answer) -> Vec<Value> {
    match answer.get_mut("choices").map(Value::take) {
        Some(Value::Array(choices)) => choices,
        _ => Vec::new(),
    }
}

/// Gives a choice its place among all.
fn place(choice: &mut Value, index: usize) {
    if let Value::Object(choice) = choice {
        choice.insert("index".into(), index.into());
    }
}

fn garbage() -> ApiError {
    ApiError::internal("An answer is not JSON with choices.")
}

fn whole(gathered: Gathered) -> Result<Response, Box<Response>> {
    let read = |(head, body): (Response, Bytes)| Some((head, parsed(&body)?));
    let read: Option<Vec<_>> = gathered.into_iter().map(read).collect();
    let read = read.ok_or_else(|| Box::new(garbage().into_response()))?;
    Ok(joined(read))
}

/// One answer with the choices of all.
fn joined(answers: Vec<(Response, Answer)>) -> Response {
    let (mut heads, mut answers): (Vec<_>, Vec<_>) = answers.into_iter().unzip();
    let (mut all, mut usage) = (Vec::new(), json!({}));
    for answer in &mut answers {
        all.append(&mut choices(answer));
        add(&mut usage, answer.get("usage").unwrap_or(&Value::Null));
    }
    for (index, choice) in all.iter_mut().enumerate() {
        place(choice, index);
    }
    let mut answer = answers.into_iter().next().unwrap_or_default();
    answer.insert("choices".into(), all.into());
    answer.insert("usage".into(), usage);
    head(&mut heads, Body::from(Value::Object(answer).to_string()))
}

fn streamed(gathered: Gathered, per: usize) -> Response {
    let (mut heads, _): (Vec<_>, Vec<_>) = gathered.into_iter().unzip();
    let body = |head: &mut Response| Some((std::mem::take(head.body_mut()), Splitter::default()));
    let merged = Merged {
        streams: heads.iter_mut().map(body).collect(),
        per,
        turn: 0,
        frame: None,
        usage: None,
        ready: VecDeque::new(),
        over: false,
    };
    head(&mut heads, Body::new(merged))
}

/// Streams whose events go into one. Dropping it drops them all.
struct Merged {
    /// None where one has ended.
    streams: Vec<Option<(Body, Splitter)>>,
    per: usize,
    /// The one that is asked first, so that none waits for another.
    turn: usize,
    /// Id and time of the answer.
    frame: Option<(Value, Value)>,
    usage: Option<Value>,
    ready: VecDeque<Bytes>,
    over: bool,
}

impl Merged {
    fn take(&mut self, index: usize, event: Event) {
        if event.data == "[DONE]" {
            if let Some(stream) = self.streams.get_mut(index) {
                *stream = None;
            }
            return;
        }
        let chunk = serde_json::from_str::<Value>(&event.data);
        let Ok(Value::Object(mut chunk)) = chunk else {
            return self.ready.push_back(event.raw);
        };
        if !event.name.is_empty() {
            return self.ready.push_back(event.raw);
        }
        if chunk.get("error").is_some_and(|error| !error.is_null()) {
            self.ready.push_back(event.raw);
            self.over = true;
            return;
        }
        let named = |name: &str| chunk.get(name).cloned().unwrap_or_default();
        let own = || (named("id"), named("created"));
        let (id, created) = self.frame.get_or_insert_with(own).clone();
        chunk.insert("id".into(), id);
        chunk.insert("created".into(), created);
        let choices = chunk.get_mut("choices").and_then(Value::as_array_mut);
        let choices = choices.filter(|choices| !choices.is_empty());
        if let Some(choices) = choices {
            for choice in choices {
                let own = choice.get("index").and_then(Value::as_u64).unwrap_or_default() as usize;
                place(choice, index.saturating_mul(self.per).saturating_add(own));
            }
        } else if chunk.get("usage").is_some_and(Value::is_object) {
            match &mut self.usage {
                Some(Value::Object(last)) => {
                    let sum = last.entry("usage").or_insert(Value::Null);
                    add(sum, chunk.get("usage").unwrap_or(&Value::Null));
                }
                last => *last = Some(Value::Object(chunk)),
            }
            return;
        }
        let chunk = Value::Object(chunk);
        self.ready.push_back(format!("data: {chunk}\n\n").into());
    }

    /// What comes next of one stream; false if nothing is there yet, or never will be.
    fn poll_one(&mut self, index: usize, context: &mut Context<'_>) -> bool {
        let Some(Some((body, splitter))) = self.streams.get_mut(index) else {
            return false;
        };
        let event = splitter.next();
        if let Some(event) = event {
            self.take(index, event);
            return true;
        }
        match http_body::Body::poll_frame(Pin::new(body), context) {
            Poll::Pending => return false,
            Poll::Ready(Some(Ok(frame))) => {
                if frame.data_ref().is_none_or(|data| splitter.push(data)) {
                    return true;
                }
            }
            Poll::Ready(_) => {}
        }
        // It broke off before its end.
        let error = ApiError::unavailable("An answer broke off; what there is of it is incomplete.");
        self.ready
            .push_back(format!("data: {}\n\n", error.to_json()).into());
        self.over = true;
        true
    }
}

impl http_body::Body for Merged {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            if self.over {
                self.streams.clear();
                return Poll::Ready(None);
            }
            if self.streams.iter().all(Option::is_none) {
                if let Some(usage) = self.usage.take() {
                    self.ready.push_back(format!("data: {usage}\n\n").into());
                }
                self.ready.push_back(Bytes::from_static(b"data: [DONE]\n\n"));
                self.over = true;
                continue;
            }
            let (count, turn) = (self.streams.len(), self.turn);
            let mut order = (0..count).map(|step| (turn + step) % count);
            match order.find(|index| self.poll_one(*index, context)) {
                Some(index) => self.turn = index + 1,
                None => return Poll::Pending,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Endpoint;

    fn bodies(body: &Value, each_choice: bool) -> Option<Vec<Value>> {
        let body = body.to_string();
        let request = Request::parse(Endpoint::Completions, body.as_bytes()).unwrap();
        let all = split(&request, body.as_bytes(), each_choice)?;
        Some(
            all.iter()
                .map(|body| serde_json::from_slice(body).unwrap())
                .collect(),
        )
    }

    #[test]
    fn a_request_is_split_by_prompt_and_by_choice_with_a_seed_for_each() {
        let one = json!({"model": "m", "prompt": "a", "n": 2});
        assert_eq!(bodies(&one, false), None);
        let each = json!({"model": "m", "prompt": "a"});
        assert_eq!(bodies(&one, true).unwrap(), [each.clone(), each]);
        let many = json!({"model": "m", "prompt": [[1], [2, 3]], "n": 2, "best_of": 2, "seed": i64::MAX});
        let of = |prompt: Value, seed: i64| json!({"model": "m", "prompt": prompt, "seed": seed});
        let (a, b) = (json!([1]), json!([2, 3]));
        let expected = [
            of(a.clone(), i64::MAX),
            of(a, i64::MIN),
            of(b.clone(), i64::MAX),
            of(b, i64::MIN),
        ];
        assert_eq!(bodies(&many, true).unwrap(), expected);
        let halves = bodies(&many, false).unwrap();
        assert_eq!(
            (halves.len(), &halves[1]["n"], &halves[1]["prompt"]),
            (2, &json!(2), &json!([2, 3]))
        );
    }

    pub(super) fn answer(status: u16, receipt: &'static str, body: String) -> Response {
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
        let receipt = http::HeaderValue::from_static(receipt);
        response
            .headers_mut()
            .insert(crate::paid::RECEIPT_HEADER, receipt);
        response
    }

    async fn merged(answers: Vec<Response>, stream: bool) -> (u16, Vec<String>, String) {
        let answers = answers
            .into_iter()
            .map(|answer| Box::pin(async { answer }) as Pin<Box<dyn Future<Output = Response> + Send>>);
        let response = merge(answers.collect(), 1, stream, 1).await;
        let (parts, body) = response.into_parts();
        let receipts = parts.headers.get_all(crate::paid::RECEIPT_HEADER).iter();
        let receipts = receipts.map(|id| id.to_str().unwrap().to_owned()).collect();
        let body = body.collect().await.unwrap().to_bytes();
        (
            parts.status.as_u16(),
            receipts,
            String::from_utf8(body.to_vec()).unwrap(),
        )
    }

    pub(super) fn usage(prompt: u32, cached: u32) -> Value {
        json!({"prompt_tokens": prompt, "prompt_tokens_details": {"cached_tokens": cached}})
    }

    #[tokio::test]
    async fn whole_answers_become_one_with_all_choices_receipts_and_the_sum_of_usage() {
        let one = |id: &str, text: &str, cached| {
            let choice = json!({"index": 0, "text": text});
            json!({"id": id, "choices": [choice], "usage": usage(5, cached)}).to_string()
        };
        let answers = vec![
            answer(200, "r1", one("x", "a", 0)),
            answer(200, "r2", one("y", "b", 4)),
        ];
        let (status, receipts, body) = merged(answers, false).await;
        assert_eq!((status, receipts), (200, vec!["r1".into(), "r2".into()]));
        let body: Value = serde_json::from_str(&body).unwrap();
        let choices = json!([{"index": 0, "text": "a"}, {"index": 1, "text": "b"}]);
        assert_eq!(
            body,
            json!({"id": "x", "choices": choices, "usage": usage(10, 4)})
        );
        let answers = vec![
            answer(200, "r1", one("x", "a", 0)),
            answer(429, "r2", "busy".into()),
        ];
        let (status, _, body) = merged(answers, false).await;
        assert_eq!((status, body.as_str()), (429, "busy"));
    }

    #[tokio::test]
    async fn answers_that_are_too_long_together_are_refused() {
        let one = || {
            let choice = json!({"index": 0, "text": "x".repeat(MAX_ANSWERS / 5)});
            answer(200, "r", json!({"id": "x", "choices": [choice]}).to_string())
        };
        let (status, _, body) = merged((0..6).map(|_| one()).collect(), false).await;
        assert_eq!(status, 400, "{body:.99}");
        assert!(body.contains("send fewer at once"), "{body:.99}");
        let (status, ..) = merged((0..3).map(|_| one()).collect(), false).await;
        assert_eq!(status, 200);
    }

    #[tokio::test]
    async fn streams_become_one_with_one_id_one_usage_and_one_end() {
        let one = |id: &str, text: &str, end: &str| {
            let chunk =
                json!({"id": id, "created": 1, "choices": [{"index": 0, "text": text}], "usage": null});
            let last = json!({"id": id, "created": 1, "choices": [], "usage": usage(3, 1)});
            format!("data: {chunk}\n\n: note {id}\n\ndata: {last}\n\n{end}")
        };
        let done = "data: [DONE]\n\n";
        let answers = vec![
            answer(200, "", one("x", "a", done)),
            answer(200, "", one("y", "b", done)),
        ];
        let (_, _, body) = merged(answers, true).await;
        assert_eq!(body.matches(done).count(), 1);
        assert!(
            body.ends_with(done) && body.contains(": note x") && body.contains(": note y"),
            "{body}"
        );
        let data = body
            .split("\n\n")
            .filter_map(|event| event.strip_prefix("data: {"));
        let chunks: Vec<Value> = data
            .map(|data| serde_json::from_str(&format!("{{{data}")).unwrap())
            .collect();
        assert!(chunks.iter().all(|chunk| chunk["id"] == chunks[0]["id"]));
        let mut texts: Vec<_> = chunks[..2]
            .iter()
            .map(|chunk| {
                (
                    chunk["choices"][0]["index"].as_u64(),
                    chunk["choices"][0]["text"].as_str(),
                )
            })
            .collect();
        texts.sort_unstable();
        assert_eq!(texts, [(Some(0), Some("a")), (Some(1), Some("b"))]);
        assert_eq!((chunks.len(), &chunks[2]["usage"]), (3, &usage(6, 2)));
        // One that breaks off ends all, and says so.
        let answers = vec![
            answer(200, "", one("x", "a", done)),
            answer(200, "", one("y", "b", "")),
        ];
        let (_, _, body) = merged(answers, true).await;
        assert!(body.contains("broke off") && !body.contains(done), "{body}");
    }
}
