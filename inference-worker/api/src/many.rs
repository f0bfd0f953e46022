//! Requests that are several: of several prompts, or of several choices where each is a request of its own.
//!
//! [`split`] makes the bodies of the single ones, [`merge`] makes one answer of theirs.

use crate::error::ApiError;
use crate::request::Request;
use crate::sse::{Event, Splitter};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header;
use http_body::Frame;
use http_body_util::{BodyExt, Limited};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Longest whole answer of one of them, in bytes.
const MAX_ANSWER: usize = 16 << 20;

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
    let mut done: Vec<Option<(Response, Bytes)>> = (0..count).map(|_| None).collect();
    let mut left = count;
    while left > 0 {
        while running.len() < most
            && let Some((index, answer)) = waiting.next()
        {
            running.push((index, Box::pin(read(answer, stream))));
        }
        let (index, answer) = std::future::poll_fn(|context| {
            for at in 0..running.len() {
                if let Some((_, answer)) = running.get_mut(at)
                    && let Poll::Ready(answer) = answer.as_mut().poll(context)
                {
                    let (index, _) = running.swap_remove(at);
                    return Poll::Ready((index, answer));
                }
            }
            Poll::Pending
        })
        .await;
        if let Some(place) = done.get_mut(index) {
            *place = Some(answer?);
        }
        left = left.saturating_sub(1);
    }
    Ok(done.into_iter().flatten().collect())
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
                add(sum.entry(name.as_str()).or_insert(json!(0)), more);
            }
        }
        (sum, more) => match (sum.as_u64(), more.as_u64()) {
            (Some(one), Some(other)) => *sum = one.saturating_add(other).into(),
            _ => *sum = more.clone(),
        },
    }
}

fn whole(gathered: Gathered) -> Result<Response, Box<Response>> {
    let (mut heads, bodies): (Vec<_>, Vec<_>) = gathered.into_iter().unzip();
    let (mut answer, mut choices, mut usage) = (Value::Null, Vec::new(), json!({}));
    for body in bodies {
        let Ok(mut one) = serde_json::from_slice::<Value>(&body) else {
            return Err(Box::new(
                ApiError::internal("An answer is not JSON.").into_response(),
            ));
        };
        if let Value::Array(own) = one["choices"].take() {
            choices.extend(own);
        }
        add(&mut usage, &one["usage"]);
        if answer.is_null() {
            answer = one;
        }
    }
    for (index, choice) in choices.iter_mut().enumerate() {
        choice["index"] = index.into();
    }
    answer["choices"] = choices.into();
    answer["usage"] = usage;
    Ok(head(&mut heads, Body::from(answer.to_string())))
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
        let Ok(mut chunk) = serde_json::from_str::<Value>(&event.data) else {
            return self.ready.push_back(event.raw);
        };
        if !event.name.is_empty() {
            return self.ready.push_back(event.raw);
        }
        if !chunk["error"].is_null() {
            self.ready.push_back(event.raw);
            self.over = true;
            return;
        }
        let own = || (chunk["id"].clone(), chunk["created"].clone());
        let (id, created) = self.frame.get_or_insert_with(own).clone();
        (chunk["id"], chunk["created"]) = (id, created);
        let usage = &chunk["usage"];
        if chunk["choices"].as_array().is_none_or(Vec::is_empty) && usage.is_object() {
            let last = match self.usage.take() {
                None => chunk,
                Some(mut last) => {
                    add(&mut last["usage"], usage);
                    last
                }
            };
            self.usage = Some(last);
            return;
        }
        if let Some(choices) = chunk["choices"].as_array_mut() {
            for choice in choices {
                let own = choice["index"].as_u64().unwrap_or_default() as usize;
                choice["index"] = index.saturating_mul(self.per).saturating_add(own).into();
            }
        }
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

    fn answer(status: u16, receipt: &'static str, body: String) -> Response {
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

    fn usage(prompt: u32, cached: u32) -> Value {
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
