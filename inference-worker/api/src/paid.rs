//! The paid interface between router and worker: headers, events and bodies beside OpenAI's.
//!
//! It is spoken over the transport (TLS 1.3 with pinned keys) only.
//!
//! **Request.** The client's JSON body goes untouched to the same path at the worker, so both compute the same
//! [`quern_protocol::request_hash`] over path and body. The header [`VOUCHER_HEADER`] carries an [`Authority`].
//! A client's own `seed` is hashed with the unsalted [`quern_protocol::content_hash`].
//!
//! **Refusals.** A worker that may serve but will not answers 429 (busy) or 503 (limit, maintenance) with OpenAI's
//! error body and beside `error` a field `refusal` with a [`SignedRefusal`]. An authority that is not one (wrong
//! chain, forged, stale, over the limit, a nonce served before) is answered 402 with the code of a [`Rejection`].
//! Whatever is wrong with the request itself is answered as without payment: 400, 404, 413; nothing is captured.
//!
//! **Authority while output grows.** A worker counts per (session, host), not per request: output may go on
//! while the captures of the session so far and the cost so far of all its requests under way are at most the highest
//! cap that it holds. Each request may cost its own ceiling at most. Before the host runs out the router posts a
//! [`SignedVoucher`] to [`VOUCHERS_PATH`]: the same voucher with a higher cap. A worker that has run out pauses the
//! output, says so at once by a [`Progress`] event, and gives up after [`TOP_UP_PATIENCE`] with the finish reason
//! `unfunded`. For an answer that is not streamed the first voucher's cap covers the ceiling.
//!
//! **Stream.** Beside OpenAI's events, which keep their bytes, come events with a name of their own, which the router
//! takes out: [`PROGRESS_EVENT`] (once before the first token, then at least every [`PROGRESS_TOKENS`] tokens, and on
//! a pause) and [`RECEIPT_EVENT`], a [`SignedReceipt`] after the last chunk and before `[DONE]`. An answer in one piece
//! carries its receipt in the header [`RECEIPT_HEADER`], and so does an error that comes after output was drawn: that is paid
//! as far as it came. The receipt is durable at the worker before it leaves. An error with the code [`RECEIPT_PENDING`] says
//! that there will be one, which the worker cannot keep yet.
//!
//! **Afterwards.** `GET` [`receipt_path`] gives a [`ReceiptStatus`]: the receipt of a request, also of one whose
//! client left or whose stream broke, and from its commit on the proof into the batch. It is 404 while there is none.
//! `POST` [`RELEASES_PATH`] with a [`ReleaseRequest`] gives a [`SignedRelease`], or 409 if the limit is needed.
//!
//! **Silence.** `POST` [`WITNESS_PATH`] with a [`WitnessRequest`] asks a host of the committee to try another one that did
//! not answer a voucher. It tries the address in the registry, at most once in [`WITNESS_PAUSE`] whoever asks, and answers
//! 200 with a [`quern_protocol::Witness`] if it got no answer either. 409: the host answers, or rests in a declared window,
//! or enough was witnessed of it in this session. 402: the voucher is none. 429: too much is being tried; ask later.

//!
//! **Counting.** `POST` [`COUNT_PATHS`] as without payment, with a [`CountRequest`] in the header [`COUNT_HEADER`]: what a text
//! or a chat of the session's model has of tokens is told for nothing, [`COUNT_BYTES`] of text a block for each session. 402:
//! the request is none; 429: ask in the next block.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::HeaderValue;
use quern_interface::settlement::CommittedReceipt;
pub use quern_interface::settlement::SignedReceipt;
use quern_protocol::{Amount, Bytes, Fields, Hash, Refusal, Release, Signature, Voucher};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::time::Duration;

/// Header of a request: an [`Authority`], see [`to_header`].
pub const VOUCHER_HEADER: &str = "quern-voucher";
/// Header of an answer in one piece, or of an error: a [`SignedReceipt`], see [`to_header`].
pub const RECEIPT_HEADER: &str = "quern-receipt";
/// Code of an error, with status 503 or in a stream: the request was served, and its receipt comes later.
pub const RECEIPT_PENDING: &str = "receipt_pending";
/// Header of a request: a word for whoever holds the router's API key. Requests share cached prompts only with those
/// of the same word. It is outside of what is hashed, as it changes no answer.
pub const CACHE_PART_HEADER: &str = "quern-cache-part";
/// Longest such word, in bytes.
pub const MAX_CACHE_PART: usize = 128;
/// Name of the event that carries a [`SignedReceipt`].
pub const RECEIPT_EVENT: &str = "quern.receipt";
/// Name of the event that carries [`Progress`].
pub const PROGRESS_EVENT: &str = "quern.progress";
/// Where top-ups and void vouchers go.
pub const VOUCHERS_PATH: &str = "/v1/vouchers";
/// Where releases are asked for.
pub const RELEASES_PATH: &str = "/v1/releases";
/// Where a host is asked to witness that another one of the committee does not answer.
pub const WITNESS_PATH: &str = "/v1/witness";
/// For how long a host may stay silent each time that a witness tries it; it tries twice.
pub const WITNESS_PATIENCE: Duration = Duration::from_secs(4);
/// What a witness found counts for everybody who asks about the host for so long.
pub const WITNESS_PAUSE: Duration = Duration::from_secs(15);
/// Header of a request to count: a [`CountRequest`], see [`to_header`].
pub const COUNT_HEADER: &str = "quern-count";
/// Where tokens are counted.
pub const COUNT_PATHS: [&str; 2] = ["/tokenize", "/detokenize"];
/// Bytes of bodies whose tokens a host counts for one session in one block.
pub const COUNT_BYTES: usize = 1 << 20;
/// Output tokens that one signature pays ahead, the first one beside the prompt.
pub const SLICE_TOKENS: u32 = 256;
/// Most output tokens between two [`PROGRESS_EVENT`]s.
pub const PROGRESS_TOKENS: u32 = 64;
/// How long a worker waits for a top-up.
pub const TOP_UP_PATIENCE: Duration = Duration::from_secs(10);
/// How long a worker waits for its node to reach a voucher's height before it rejects the voucher as stale.
pub const HEIGHT_PATIENCE: Duration = Duration::from_secs(3);

/// A voucher with the session key's signature over [`Voucher::digest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedVoucher {
    /// Voucher.
    pub voucher: Voucher,
    /// By the session key.
    pub signature: Signature,
}

/// What entitles a request to be served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authority {
    /// Chain on which the session is.
    pub chain_id: String,
    /// Voucher.
    pub voucher: Voucher,
    /// By the session key.
    pub signature: Signature,
    /// The request's salt, which the voucher commits to.
    pub salt: Bytes<16>,
}

/// Answer to a top-up. Its status is 200; 404 if no such request is under way, 409 if the voucher does not extend
/// what the worker holds, 402 if its signature or cap is not good. A void voucher (ceiling 0, for a nonce that the
/// router skipped or whose request nobody waits for any more) is taken with 200 whether or not the nonce was known; with 402
/// it is refused unless the session is open, and with 409 if the worker keeps too many of the session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopUpAnswer {
    /// Highest cap that the worker now holds in the session.
    pub cap: Amount,
    /// After a void voucher, the host's word that it neither served nor will serve its nonce, by the warm key over
    /// [`unserved_digest`]; none where it served it, is serving it, or cannot know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unserved: Option<Signature>,
}

/// A refusal with the host's signature over [`Refusal::digest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedRefusal {
    /// Refusal.
    pub refusal: Refusal,
    /// By the warm key.
    pub signature: Signature,
}

/// The part of a refusing answer's body that a router reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalBody {
    /// The host's word.
    pub refusal: SignedRefusal,
}

/// Why an authority is none: the `code` of the error that comes with status 402.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rejection {
    /// No header, or one that cannot be read.
    VoucherMissing,
    /// Another chain, session, host or model.
    VoucherMisdirected,
    /// Not signed by the session key.
    VoucherForged,
    /// The height is in the future, too long ago, or outside of the session's time.
    VoucherStale,
    /// The cap exceeds the host's limit, or the ceiling does not cover the least that the request costs.
    VoucherLimit,
    /// The nonce was used before.
    VoucherSpent,
    /// The chain's price is above the session's highest.
    VoucherPrice,
}

impl Rejection {
    /// The code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::VoucherMissing => "voucher_missing",
            Self::VoucherMisdirected => "voucher_misdirected",
            Self::VoucherForged => "voucher_forged",
            Self::VoucherStale => "voucher_stale",
            Self::VoucherLimit => "voucher_limit",
            Self::VoucherSpent => "voucher_spent",
            Self::VoucherPrice => "voucher_price",
        }
    }
}

/// Where a stream stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Prompt tokens.
    pub prompt: u32,
    /// Prompt tokens found in a cache.
    pub cached: u32,
    /// Output tokens so far.
    pub completion: u32,
    /// Whether the output waits for a higher cap.
    pub paused: bool,
}

/// A receipt and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptStatus {
    /// Receipt.
    pub signed: SignedReceipt,
    /// The proof into a batch, once its commit is on chain.
    pub committed: Option<CommittedReceipt>,
}

/// Asks a host to give part of its limit to another host of the committee.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRequest {
    /// What the host shall sign.
    pub release: Release,
    /// By the session key, over [`release_request_digest`].
    pub signature: Signature,
}

/// Asks a host of the committee what tokens a body has, for nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountRequest {
    /// Session, which is open.
    pub session: u64,
    /// Who is asked.
    pub host: String,
    /// A recent height.
    pub height: u64,
    /// By the session key, over [`count_digest`].
    pub signature: Signature,
}

/// A release with the giving host's signature over [`Release::digest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedRelease {
    /// Release.
    pub release: Release,
    /// By the warm key.
    pub signature: Signature,
}

/// Asks a host of the committee to witness that another one does not answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessRequest {
    /// What the silent host had.
    pub voucher: Voucher,
    /// By the session key.
    pub signature: Signature,
    /// Height that the witnesses name: now.
    pub height: u64,
}

/// What a session key signs to ask for a release.
pub fn release_request_digest(chain_id: &str, release: &Release) -> Hash {
    Fields::new("quern.release-request/1", chain_id)
        .bytes(release.digest(chain_id).as_ref())
        .finish()
}

/// What a host signs of a nonce that it neither served nor will serve.
pub fn unserved_digest(chain_id: &str, session: u64, nonce: u64, host: &str) -> Hash {
    Fields::new("quern.unserved/1", chain_id)
        .u64(session)
        .u64(nonce)
        .bytes(host.as_bytes())
        .finish()
}

/// What a session key signs to have tokens counted.
pub fn count_digest(
    chain_id: &str,
    (session, host, height): (u64, &str, u64),
    path: &str,
    body: &[u8],
) -> Hash {
    Fields::new("quern.count/1", chain_id)
        .u64(session)
        .bytes(host.as_bytes())
        .u64(height)
        .bytes(path.as_bytes())
        .bytes(body)
        .finish()
}

/// A request's temperature as receipts carry it: in millionths, rounded to the nearest, halves up. Temperatures that
/// the dialect takes, 0 or 0.001 to 2, lose nothing that a judge could mistake for 0.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
pub fn temperature_millionths(temperature: f64) -> u32 {
    (temperature * 1e6 + 0.5).floor().clamp(0.0, 4e9) as u32
}

/// Where a receipt is asked for.
pub fn receipt_path(session: u64, nonce: u64) -> String {
    format!("/v1/receipts/{session}/{nonce}")
}

/// A value as a header: base64 of its JSON; none if it cannot be written, which no type of this file comes to.
pub fn to_header(value: &impl Serialize) -> Option<HeaderValue> {
    let json = serde_json::to_vec(value).ok()?;
    HeaderValue::from_str(&STANDARD.encode(json)).ok()
}

/// Reads such a header; none if it is something else.
pub fn from_header<T: DeserializeOwned>(header: &HeaderValue) -> Option<T> {
    let json = STANDARD.decode(header.as_bytes()).ok()?;
    serde_json::from_slice(&json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_survives_its_header_and_rubbish_is_none() {
        let voucher = Voucher {
            session: 3,
            host: "quern1host".into(),
            nonce: 7,
            height: 90,
            ceiling: Amount(500),
            cap: Amount(900),
            salt_commitment: quern_protocol::salt_commitment("quern-1", 3, 7, &[9; 16]),
        };
        let authority = Authority {
            chain_id: "quern-1".into(),
            voucher,
            signature: Bytes([1; 64]),
            salt: Bytes([9; 16]),
        };
        let read: Authority = from_header(&to_header(&authority).unwrap()).unwrap();
        assert_eq!(read, authority);
        for text in ["", "e30=", "%%%", "bm90IGpzb24="] {
            let header = HeaderValue::from_str(text).unwrap();
            assert!(from_header::<Authority>(&header).is_none(), "{text}");
        }
    }

    #[test]
    fn a_rejections_code_is_its_name_on_the_wire() {
        for rejection in [
            Rejection::VoucherMissing,
            Rejection::VoucherForged,
            Rejection::VoucherSpent,
        ] {
            assert_eq!(serde_json::to_value(rejection).unwrap(), rejection.code());
        }
    }
}
