//! What is paid beside the answer that a client gets: attempts at hosts that failed, and, where one of several answers to a
//! request fails, the others.
//!
//! OpenAI's clients have no word for a choice that failed: beside whole ones it would be taken for an answer that is empty.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, header};
use http_body_util::BodyExt;
use quern_inference_api::paid::{FAILED_RECEIPT_HEADER, RECEIPT_HEADER};
use quern_inference_api::{ApiError, REQUEST_ID, many};
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};

/// Marks an error that has answers that are paid for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown;

/// Receipts of attempts that gave no answer and are paid for what they did. Clones are one.
#[derive(Clone, Debug, Default)]
pub(super) struct Spent(Arc<Mutex<Vec<HeaderValue>>>);

impl Spent {
    /// Notes receipts.
    pub(super) fn note(&self, ids: impl IntoIterator<Item = HeaderValue>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(ids);
    }

    /// Those that were noted.
    pub(super) fn ids(&self) -> Vec<HeaderValue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Names them in the headers of an answer.
    pub(super) fn name(&self, headers: &mut HeaderMap) {
        many::name_failed(headers, &self.ids());
    }

    /// An error that names them.
    pub(super) fn tell(&self, mut error: ApiError) -> Response {
        let ids = self.ids();
        if !ids.is_empty() {
            error.message.push_str(&format!(
                " Hosts that failed are paid for what they did, by the receipts {}; see /quern/receipts.",
                list(&ids)
            ));
        }
        let mut response = error.into_response();
        many::name_failed(response.headers_mut(), &ids);
        response
    }
}

fn list(ids: &[HeaderValue]) -> String {
    let ids = ids.iter().filter_map(|id| id.to_str().ok());
    ids.collect::<Vec<_>>().join(", ")
}

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
    /// Ids of the receipts of attempts after which other hosts were asked.
    attempts: Vec<HeaderValue>,
}

impl Bill {
    /// Notes an answer that is there, or has begun, or failed.
    pub(super) fn note(&self, answer: &Response) {
        let headers = answer.headers();
        let receipts = || headers.get_all(RECEIPT_HEADER).iter().cloned();
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for id in headers.get_all(FAILED_RECEIPT_HEADER) {
            if !lines.attempts.contains(id) {
                lines.attempts.push(id.clone());
            }
        }
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
        self.receipts.is_empty()
            && self.begun.is_empty()
            && self.failed.is_empty()
            && self.attempts.is_empty()
    }

    /// Names each receipt once.
    fn name(self, headers: &mut HeaderMap) {
        many::name_failed(headers, &self.attempts);
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
        if !self.attempts.is_empty() {
            let (count, ids) = (self.attempts.len(), list(&self.attempts));
            words.push_str(&format!(
                " Of its attempts {count} failed before other hosts were asked and are paid, too, by the receipts {ids}."
            ));
        }
        words.push_str(" What was under way of others is paid as far as it came. See /quern/receipts.");
        words
    }
}
