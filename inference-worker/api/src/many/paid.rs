//! Answers that are paid for each: what was made is shown, also where one of them fails.

use super::{
    Answer, Answers, MAX_ANSWER, MAX_ANSWERS, add, choices, garbage, joined, next, parsed, place, read,
};
use crate::error::{ApiError, SHOULD_RETRY};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use serde_json::{Value, json};

/// One answer of those that are paid for each, with one choice each, in one piece. Where one is no success, or does not fit,
/// `stop` is called so that no further one begins; those that are under way are paid for, so they are waited for, and the
/// error has what was made as its `metadata`. Returned with it is how many choices that has.
pub async fn merge_paid(answers: Answers<'_>, mut stop: impl FnMut() + Send) -> (Response, usize) {
    let mut done: Vec<_> = answers.iter().map(|_| None).collect();
    let running = answers.into_iter().enumerate();
    let running = running.map(|(index, answer)| (index, Box::pin(read(answer, false))));
    let mut running: Vec<_> = running.collect();
    let (mut room, mut failed) = (MAX_ANSWERS, None);
    while !running.is_empty() {
        let (index, answer) = next(&mut running).await;
        let error = match answer {
            Ok((head, body)) => match (room.checked_sub(body.len()), done.get_mut(index)) {
                (Some(left), Some(place)) => {
                    room = left;
                    *place = Some((head, body));
                    continue;
                }
                _ => Box::new(too_long().into_response()),
            },
            Err(error) => error,
        };
        stop();
        failed.get_or_insert(error);
    }
    let parsed = |made: Option<(Response, bytes::Bytes)>| {
        let (head, body) = made?;
        let answer = parsed(&body);
        if answer.is_none() {
            failed.get_or_insert_with(|| Box::new(garbage().into_response()));
        }
        Some((head, answer?))
    };
    let done: Vec<_> = done.into_iter().map(parsed).collect();
    match failed {
        None => (joined(done.into_iter().flatten().collect()), 0),
        Some(failed) => with_made(*failed, done).await,
    }
}

fn too_long() -> ApiError {
    let message = format!(
        "The answers together are longer than {MAX_ANSWERS} bytes; ask for fewer at once (n, prompt), or for less in each \
         (top_logprobs, max_tokens)."
    );
    ApiError::invalid("n", message)
}

/// An error that has beside its words the choices that were made, and what they used.
async fn with_made(failed: Response, done: Vec<Option<(Response, Answer)>>) -> (Response, usize) {
    let (mut made, mut usage) = (Vec::new(), json!({}));
    for (index, answer) in done.into_iter().enumerate() {
        let Some((_, mut answer)) = answer else { continue };
        add(&mut usage, answer.get("usage").unwrap_or(&Value::Null));
        if let Some(mut choice) = choices(&mut answer).into_iter().next() {
            place(&mut choice, index);
            made.push(choice);
        }
    }
    let shown = made.len();
    if shown == 0 {
        return (failed, shown);
    }
    let (mut parts, body) = failed.into_parts();
    let body = Limited::new(body, MAX_ANSWER).collect().await;
    let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let mut told = error_of(parts.status, &body);
    if let Some(Value::Object(error)) = told.get_mut("error") {
        error.insert("metadata".into(), json!({"choices": made, "usage": usage}));
    }
    forbid_retry(&mut parts.headers);
    parts.headers.remove(header::CONTENT_LENGTH);
    let kind = HeaderValue::from_static("application/json");
    parts.headers.insert(header::CONTENT_TYPE, kind);
    (Response::from_parts(parts, Body::from(told.to_string())), shown)
}

/// For an error beside which something was paid: by themselves clients would pay for it again.
pub fn forbid_retry(headers: &mut HeaderMap) {
    headers.remove(header::RETRY_AFTER);
    headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
}

/// What a failed answer's body says, in OpenAI's shape; in other words where it has another.
pub fn error_of(status: StatusCode, body: &[u8]) -> Value {
    let told: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = told.get("error");
    if error
        .and_then(|error| error.get("message"))
        .is_some_and(Value::is_string)
    {
        return told;
    }
    let message = match error {
        Some(Value::String(words)) => words.clone(),
        _ => format!("The answer failed with the status {status} and without a reason."),
    };
    let error = match status.is_server_error() {
        true => ApiError::unavailable(message),
        false => ApiError::body(message),
    };
    error.to_json()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{answer, usage};
    use super::*;
    use std::pin::Pin;

    fn one(text: &str) -> String {
        let choice = json!({"index": 0, "text": text});
        json!({"id": "x", "choices": [choice], "usage": usage(5, 0)}).to_string()
    }

    fn later(after: u64, answer: Response) -> Pin<Box<dyn Future<Output = Response> + Send>> {
        Box::pin(async move {
            tokio::time::sleep(std::time::Duration::from_millis(after)).await;
            answer
        })
    }

    /// Status, headers, body and number of choices.
    async fn merged(
        answers: Answers<'_>,
        stop: impl FnMut() + Send,
    ) -> (StatusCode, HeaderMap, Value, usize) {
        let (response, shown) = merge_paid(answers, stop).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&body).unwrap();
        (parts.status, parts.headers, body, shown)
    }

    #[tokio::test]
    async fn of_paid_answers_what_is_under_way_ends_and_comes_with_the_error_of_the_one_that_failed() {
        let busy = || ApiError::busy(3).into_response();
        let answers = vec![
            later(40, answer(200, "r1", one("a"))),
            later(10, busy()),
            later(0, answer(200, "r3", one("c"))),
            later(60, ApiError::internal("later").into_response()),
        ];
        let mut stopped = 0;
        let (status, headers, error, shown) = merged(answers, || stopped += 1).await;
        assert_eq!((status.as_u16(), stopped, shown), (429, 2, 2));
        // By itself OpenAI's client would pay for all of them again.
        assert_eq!(headers[SHOULD_RETRY], "false");
        assert!(!headers.contains_key("retry-after"));
        let choices = json!([{"index": 0, "text": "a"}, {"index": 2, "text": "c"}]);
        assert_eq!(
            error["error"]["metadata"],
            json!({"choices": choices, "usage": usage(10, 0)})
        );
        assert_eq!(error["error"]["code"], "rate_limit_exceeded");
        // Where none was made, the error is as it was.
        let (_, headers, error, shown) = merged(vec![later(0, busy()), later(5, busy())], || ()).await;
        assert_eq!((error, shown), (ApiError::busy(3).to_json(), 0));
        assert_eq!(headers["retry-after"], "3");
        assert!(!headers.contains_key(SHOULD_RETRY));
        let fine = vec![
            later(5, answer(200, "r1", one("a"))),
            later(0, answer(200, "r2", one("b"))),
        ];
        let (_, headers, _, shown) = merged(fine, || unreachable!()).await;
        let receipts = headers.get_all(crate::paid::RECEIPT_HEADER);
        assert_eq!((receipts.iter().count(), shown), (2, 0));
    }

    #[tokio::test]
    async fn no_odd_answer_takes_the_others_with_it() {
        for odd in [
            "[1]",
            "1",
            "\"x\"",
            "null",
            "{}",
            "<p>",
            r#"{"choices": []}"#,
            r#"{"choices": ["x"]}"#,
            r#"{"choices": {"0": {}}}"#,
        ] {
            let answers = vec![
                later(0, answer(200, "r1", odd.into())),
                later(5, answer(200, "r2", one("b"))),
            ];
            let (status, _, error, shown) = merged(answers, || ()).await;
            assert_eq!((status.as_u16(), shown), (500, 1), "{odd}");
            assert_eq!(error["error"]["metadata"]["choices"][0]["index"], 1, "{odd}");
        }
        // An odd usage is left out.
        let odd = r#"{"choices": [{"text": "a"}], "usage": [1]}"#;
        let answers = vec![
            later(0, answer(200, "r1", odd.into())),
            later(0, answer(200, "r2", one("b"))),
        ];
        let (status, _, body, _) = merged(answers, || ()).await;
        assert_eq!((status.as_u16(), &body["usage"]), (200, &usage(5, 0)));
    }

    #[tokio::test]
    async fn a_failure_in_any_shape_comes_with_what_was_made() {
        for (odd, words) in [
            ("", "status 404"),
            ("<p>", "status 404"),
            ("[]", "status 404"),
            ("null", "status 404"),
            ("{}", "status 404"),
            (r#"{"error": []}"#, "status 404"),
            (r#"{"error": {"message": 1}}"#, "status 404"),
            (r#"{"error": "text"}"#, "text"),
            (r#"{"error": {"message": "its own"}}"#, "its own"),
        ] {
            let answers = vec![
                later(0, answer(404, "r1", odd.into())),
                later(5, answer(200, "r2", one("b"))),
            ];
            let (status, headers, error, shown) = merged(answers, || ()).await;
            assert_eq!((status.as_u16(), shown), (404, 1), "{odd}");
            assert_eq!(headers["content-type"], "application/json");
            let error = &error["error"];
            assert!(error["message"].as_str().unwrap().contains(words), "{error}");
            assert_eq!(error["metadata"]["choices"][0]["text"], "b", "{error}");
        }
    }

    #[tokio::test]
    async fn what_fits_of_answers_that_are_too_long_together_is_shown() {
        let long = || later(0, answer(200, "r", one(&"x".repeat(MAX_ANSWERS / 5))));
        let answers = (0..6)
            .map(|_| long())
            .chain([later(20, answer(200, "r", one("y")))]);
        let mut stopped = 0;
        let (status, _, error, shown) = merged(answers.collect(), || stopped += 1).await;
        assert_eq!((status.as_u16(), shown), (400, 5));
        assert_eq!(stopped, 2);
        let error = &error["error"];
        assert_eq!(error["param"], "n");
        assert!(error["message"].as_str().unwrap().contains("top_logprobs"));
        assert_eq!(error["metadata"]["choices"].as_array().unwrap().len(), shown);
    }
}
