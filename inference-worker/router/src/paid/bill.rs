//! Several answers to one request of which one fails: its error says what the others cost.
//!
//! OpenAI's clients have no word for a choice that failed: beside whole ones it would be taken for an answer that is empty.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, header};
use http_body_util::BodyExt;
use quern_inference_api::paid::RECEIPT_HEADER;
use quern_inference_api::{REQUEST_ID, many};
use serde_json::Value;
use std::sync::{Mutex, PoisonError};

/// Marks an error that has answers that are paid for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown;

/// What of several answers is paid.
#[derive(Debug, Default)]
pub(super) struct Bill(Mutex<Lines>);

#[derive(Clone, Debug, Default)]
struct Lines {
    /// Ids of the receipts of whole answers.
    receipts: Vec<HeaderValue>,
    /// Requests whose answers had begun, and whose receipts come later.
    begun: Vec<HeaderValue>,
    /// Ids of the receipts of answers that failed.
    failed: Vec<HeaderValue>,
}

impl Bill {
    /// Notes an answer that is there, or has begun, or failed.
    pub(super) fn note(&self, answer: &Response) {
        let headers = answer.headers();
        let receipts = || headers.get_all(RECEIPT_HEADER).iter().cloned();
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (answer.status().is_success(), headers.contains_key(RECEIPT_HEADER)) {
            (true, true) => lines.receipts.extend(receipts()),
            (true, false) => lines.begun.extend(headers.get(REQUEST_ID).cloned()),
            (false, _) => lines.failed.extend(receipts()),
        }
    }

    /// The error that ends the request, with what is paid in its words, and with the receipts in its headers. So many
    /// answers are its metadata. Clients do not try again by themselves, as that is paid, too.
    pub(super) async fn tell(&self, failed: Response, shown: usize) -> Response {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if failed.status().is_success() || lines.is_empty() {
            return failed;
        }
        let (mut parts, body) = failed.into_parts();
        // It is in memory as it is.
        let body = body.collect().await;
        let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let mut told = many::error_of(parts.status, &body);
        if let Some(Value::String(message)) = told.pointer_mut("/error/message") {
            message.push(' ');
            message.push_str(&lines.words(shown));
        }
        let headers = &mut parts.headers;
        headers.remove(header::CONTENT_LENGTH);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        many::forbid_retry(headers);
        lines.name(headers);
        if shown > 0 {
            parts.extensions.insert(Shown);
        }
        Response::from_parts(parts, Body::from(told.to_string()))
    }
}

impl Lines {
    const fn is_empty(&self) -> bool {
        self.receipts.is_empty() && self.begun.is_empty() && self.failed.is_empty()
    }

    /// Names each receipt once.
    fn name(self, headers: &mut HeaderMap) {
        for receipt in self.receipts.into_iter().chain(self.failed) {
            if headers
                .get_all(RECEIPT_HEADER)
                .iter()
                .all(|named| *named != receipt)
            {
                headers.append(RECEIPT_HEADER, receipt);
            }
        }
    }

    fn words(&self, shown: usize) -> String {
        let list = |ids: &[HeaderValue]| {
            let ids = ids.iter().filter_map(|id| id.to_str().ok());
            ids.collect::<Vec<_>>().join(", ")
        };
        let mut words = "No answer is left out, so the request ends with this error.".to_owned();
        if !self.receipts.is_empty() {
            let (count, ids) = (self.receipts.len(), list(&self.receipts));
            words.push_str(&format!(
                " Of its answers {count} were made and are paid, by the receipts {ids}."
            ));
        }
        if shown > 0 {
            words.push_str(&format!(
                " 'metadata.choices' of this error has {shown} that were made."
            ));
        }
        if !self.begun.is_empty() {
            let (count, ids) = (self.begun.len(), list(&self.begun));
            words.push_str(&format!(
                " Of its answers {count} had begun, under the requests {ids}."
            ));
        }
        if !self.failed.is_empty() {
            let (count, ids) = (self.failed.len(), list(&self.failed));
            words.push_str(&format!(
                " Of its answers {count} failed and are paid for what was done of them, by the receipts {ids}."
            ));
        }
        words.push_str(" What was under way of others is paid as far as it came. See /quern/receipts.");
        words
    }
}
