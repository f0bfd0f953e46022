//! Where a receipt comes from: a file, or a worker or router that still has it.

use std::{path::Path, time::Duration};

use quern_interface::settlement::{CommittedReceipt, SignedReceipt};
use quern_protocol::Hash;
use serde::Deserialize;

use crate::{Failure, Result, keys::read_all};

/// Largest answer that is read.
const MAX_BYTES: usize = 1 << 20;

/// A receipt and, once its batch is on the chain, its place in it. Who keeps it may say more beside that.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Document {
    /// Receipt with the host's signature.
    pub signed: SignedReceipt,
    /// Proofs into the batch.
    #[serde(default)]
    pub committed: Option<CommittedReceipt>,
}

impl Document {
    /// Reads `{"signed": ..., "committed": ...}`, or a signed receipt alone.
    ///
    /// # Errors
    /// If it is neither, or if the two parts are of different receipts.
    pub fn from_json(bytes: &[u8]) -> Result<Self, String> {
        let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
        let document = match value.get("signed") {
            Some(_) => Self::deserialize(value).map_err(|e| e.to_string())?,
            None => Self {
                signed: SignedReceipt::deserialize(value).map_err(|e| e.to_string())?,
                committed: None,
            },
        };
        match &document.committed {
            Some(committed) if committed.receipt != document.signed.receipt => {
                Err("the committed receipt is not the signed one".into())
            }
            _ => Ok(document),
        }
    }

    /// Reads a file, `-` for standard input.
    pub(super) fn read(file: &Path) -> Result<Self> {
        Self::from_json(&read_all(file)?)
            .map_err(|e| Failure::Usage(format!("{} is no receipt in JSON: {e}", file.display())))
    }

    /// Asks workers or routers for a receipt, in turn, until its place in a batch is known too.
    ///
    /// A router has the receipt, a worker the proofs: what one lacks the next may add.
    pub(super) async fn fetch(
        sources: &[String],
        key: Option<&str>,
        id: &Id,
        chain_id: &str,
    ) -> Result<Self> {
        let mut found: Option<Self> = None;
        let mut refusals = Vec::new();
        for base in sources {
            let id = found.as_ref().map_or_else(|| id.clone(), |d| Id::of(&d.signed));
            match ask(base, key, &id, chain_id).await {
                Ok(document) => match &mut found {
                    None => found = Some(document),
                    Some(first) if first.signed.receipt == document.signed.receipt => {
                        first.committed = document.committed;
                    }
                    // Both are signed: a contradiction is the chain's business, not the trace's.
                    Some(_) => refusals.push(format!("{base} has another receipt for this request")),
                },
                Err(reason) => refusals.push(format!("{base}: {reason}")),
            }
            if found.as_ref().is_some_and(|d| d.committed.is_some()) {
                break;
            }
        }
        if found.as_ref().is_none_or(|d| d.committed.is_none()) {
            for refusal in &refusals {
                eprintln!("{refusal}");
            }
        }
        found.ok_or_else(|| {
            Failure::Local("nobody answered with the receipt; give its file, or another --from".into())
        })
    }
}

/// Asks one source, by the paths of both programs.
async fn ask(base: &str, key: Option<&str>, id: &Id, chain_id: &str) -> Result<Document, String> {
    let mut reason = String::new();
    for path in id.paths() {
        match get(&format!("{}{path}", base.trim_end_matches('/')), key).await {
            Ok(body) => {
                let document = Document::from_json(&body)?;
                return match id.names(chain_id, &document) {
                    true => Ok(document),
                    false => Err(format!(
                        "it answered with another receipt, or the chain is not {chain_id}"
                    )),
                };
            }
            Err(e) => reason = e,
        }
    }
    Err(reason)
}

async fn get(url: &str, key: Option<&str>) -> Result<Vec<u8>, String> {
    let failed = |e: reqwest::Error| e.to_string();
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(15))
        .build()
        .map_err(failed)?;
    let mut request = client.get(url);
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    let mut answer = request.send().await.map_err(failed)?;
    if !answer.status().is_success() {
        return Err(format!("{url} answers {}", answer.status()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_BYTES {
            return Err(format!("the answer of {url} is too long"));
        }
    }
    Ok(body)
}

/// What a receipt is asked for by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Id {
    /// The receipt's own id.
    Receipt(Hash),
    /// The request's: session and number.
    Request {
        /// Session.
        session: u64,
        /// Number of the request in it.
        nonce: u64,
    },
}

impl Id {
    /// Reads 64 hexadecimal digits, or SESSION-NONCE or SESSION/NONCE; none if it is something else.
    pub(super) fn read(text: &str) -> Option<Self> {
        if let Ok(hash) = text.parse() {
            return Some(Self::Receipt(hash));
        }
        let (session, nonce) = text.split_once(['-', '/'])?;
        let number = |t: &str| t.bytes().all(|b| b.is_ascii_digit()).then(|| t.parse().ok())?;
        Some(Self::Request {
            session: number(session)?,
            nonce: number(nonce)?,
        })
    }

    /// The request of a receipt, which every program knows it by.
    fn of(signed: &SignedReceipt) -> Self {
        let voucher = &signed.receipt.voucher;
        Self::Request {
            session: voucher.session,
            nonce: voucher.nonce,
        }
    }

    /// Where the router and where the worker answers.
    fn paths(&self) -> Vec<String> {
        match self {
            Self::Receipt(hash) => vec![format!("/quern/receipts/{hash}")],
            Self::Request { session, nonce } => vec![
                format!("/v1/receipts/{session}/{nonce}"),
                format!("/quern/receipts/{session}-{nonce}"),
            ],
        }
    }

    /// The answer is the receipt that was asked for.
    pub(super) fn names(&self, chain_id: &str, document: &Document) -> bool {
        let receipt = &document.signed.receipt;
        match self {
            Self::Receipt(hash) => receipt.digest(chain_id) == *hash,
            Self::Request { session, nonce } => {
                (receipt.voucher.session, receipt.voucher.nonce) == (*session, *nonce)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpListener,
    };

    use super::super::sample::{CHAIN, Sample};
    use super::*;

    /// Answers each request by its first line, as many as there are.
    fn serve(answers: Vec<(&'static str, String)>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = vec![0; 4096];
                let read = stream.read(&mut request).unwrap();
                let request = String::from_utf8_lossy(&request[..read]).into_owned();
                let found = answers.iter().find(|(start, _)| request.starts_with(start));
                let (status, body) = found.map_or(("404 Not Found", ""), |(_, body)| ("200 OK", body));
                let head = format!(
                    "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                stream.write_all(head.as_bytes()).unwrap();
                stream.write_all(body.as_bytes()).unwrap();
            }
        });
        url
    }

    #[tokio::test]
    async fn a_router_has_the_receipt_and_a_worker_adds_its_place_in_the_batch() {
        let s = Sample::new();
        let kept = serde_json::json!({"signed": s.signed, "key": "alice"}).to_string();
        let router = serve(vec![("GET /quern/receipts/4-12 ", kept)]);
        let status = serde_json::json!({"signed": s.signed, "committed": s.committed}).to_string();
        let worker = serve(vec![("GET /v1/receipts/4/12 ", status)]);
        let id = Id::of(&s.signed);
        let both = [router.clone(), worker];
        let document = Document::fetch(&both, Some("key"), &id, CHAIN).await.unwrap();
        assert_eq!(document.committed, Some(s.committed));
        let alone = Document::fetch(&both[..1], None, &id, CHAIN).await.unwrap();
        assert_eq!(alone.committed, None);
        let other = Id::read("4/13").unwrap();
        assert!(Document::fetch(&[router], None, &other, CHAIN).await.is_err());
    }

    #[tokio::test]
    async fn an_answer_about_another_request_is_not_believed() {
        let s = Sample::new();
        let wrong = serde_json::json!({"signed": s.signed}).to_string();
        let liar = serve(vec![("GET /v1/receipts/4/13 ", wrong)]);
        assert!(
            Document::fetch(&[liar], None, &Id::read("4/13").unwrap(), CHAIN)
                .await
                .is_err()
        );
    }

    #[test]
    fn a_receipt_is_read_alone_or_with_its_proofs() {
        let s = Sample::new();
        let alone = serde_json::to_vec(&s.signed).unwrap();
        assert_eq!(Document::from_json(&alone).unwrap().committed, None);
        let both = serde_json::json!({"signed": s.signed, "committed": s.committed});
        let document = Document::from_json(both.to_string().as_bytes()).unwrap();
        assert_eq!(document.committed, Some(s.committed.clone()));
        let kept = serde_json::json!({"id": "x", "key": "alice", "signed": s.signed, "fault": null});
        assert_eq!(
            Document::from_json(kept.to_string().as_bytes()).unwrap().signed,
            s.signed
        );
        let mut other = s.committed.clone();
        other.receipt.duration_ms += 1;
        let mixed = serde_json::json!({"signed": s.signed, "committed": other});
        assert!(
            Document::from_json(mixed.to_string().as_bytes())
                .unwrap_err()
                .contains("not the signed")
        );
        for bad in ["", "{}", "[]", r#"{"signed":{}}"#] {
            assert!(Document::from_json(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_receipt_is_asked_for_by_either_id_and_another_is_noticed() {
        let s = Sample::new();
        let document = Document {
            signed: s.signed.clone(),
            committed: None,
        };
        let id = Id::read(&s.signed.receipt.digest(CHAIN).to_string()).unwrap();
        assert!(id.names(CHAIN, &document) && !id.names("other-1", &document));
        let id = Id::read("4/12").unwrap();
        assert_eq!(id, Id::of(&s.signed));
        assert_eq!(id.paths(), ["/v1/receipts/4/12", "/quern/receipts/4-12"]);
        assert!(id.names(CHAIN, &document));
        assert_eq!(Id::read("4-12"), Some(id));
        assert!(!Id::read("4/13").unwrap().names(CHAIN, &document));
        for other in ["receipt.json", "4", "a/b", "-", "/", "../x", "4-", "-4", "4--5"] {
            assert_eq!(Id::read(other), None, "{other}");
        }
    }
}
