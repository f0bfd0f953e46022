//! Receipts: what a host says that it did, and the commitments inside.

use crate::{Amount, Fields, Hash, Price, Signature, Usage, Voucher};
use serde::{Deserialize, Serialize};

/// Why an output ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// A stop sequence or an end token.
    Stop,
    /// The request's bound or the context is full.
    Length,
    /// The client left.
    Cancelled,
    /// The authorisation was not extended in time.
    Unfunded,
    /// The engine failed; what was generated before is billed.
    Error,
}

impl FinishReason {
    const fn tag(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::Cancelled => "cancelled",
            Self::Unfunded => "unfunded",
            Self::Error => "error",
        }
    }
}

/// What a host did for one voucher. Signed by the host's warm key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The voucher with the highest cap that the host holds for this request.
    pub voucher: Voucher,
    /// Its signature by the session key.
    pub voucher_signature: Signature,
    /// [`request_hash`] of the request.
    pub request_hash: Hash,
    /// [`output_hash`] of the generated tokens.
    pub output_hash: Hash,
    /// Hash of the model: configuration, tokenizer and weights.
    pub model_hash: Hash,
    /// The request's own `seed`, if it gave one.
    pub client_seed: Option<i64>,
    /// [`seed_commitment`] of the seed that the sampler used.
    pub seed_commitment: Hash,
    /// Temperature of the draws in millionths; 0 takes the most likely token, and its noise is none.
    pub temperature: u32,
    /// Tokens.
    pub usage: Usage,
    /// Why the output ended.
    pub finish: FinishReason,
    /// The chain's price at the voucher's height.
    pub price: Price,
    /// Milliseconds from the request to the first token.
    pub first_token_ms: u32,
    /// Milliseconds from the request to the last token.
    pub duration_ms: u32,
    /// What the host takes: [`crate::cost()`] of the usage, at most the voucher's ceiling.
    pub capture: Amount,
}

impl Receipt {
    /// The receipt's id, what the host signs, and its leaf in the batch.
    pub fn digest(&self, chain_id: &str) -> Hash {
        let seed = self.client_seed.map(i64::to_be_bytes);
        Fields::new("quern.receipt/1", chain_id)
            .bytes(self.voucher.digest(chain_id).as_ref())
            .bytes(self.voucher_signature.as_ref())
            .bytes(self.request_hash.as_ref())
            .bytes(self.output_hash.as_ref())
            .bytes(self.model_hash.as_ref())
            .bytes(seed.as_ref().map_or(&[], |bytes| bytes.as_slice()))
            .bytes(self.seed_commitment.as_ref())
            .u64(self.temperature.into())
            .u64(self.usage.prompt.into())
            .u64(self.usage.cached.into())
            .u64(self.usage.completion.into())
            .bytes(self.finish.tag().as_bytes())
            .u128(self.price.atomics())
            .u64(self.first_token_ms.into())
            .u64(self.duration_ms.into())
            .u128(self.capture.0)
            .finish()
    }
}

/// What a voucher says of the request's 128-bit salt, which only payer, host and auditors know.
pub fn salt_commitment(chain_id: &str, session: u64, nonce: u64, salt: &[u8; 16]) -> Hash {
    Fields::new("quern.salt/1", chain_id)
        .u64(session)
        .u64(nonce)
        .bytes(salt)
        .finish()
}

/// Unsalted hash of a request: its path, such as `/v1/chat/completions`, and the body's bytes as the host
/// received them. Known to payer, host and auditors only: it could be searched.
pub fn content_hash(chain_id: &str, path: &str, body: &[u8]) -> Hash {
    Fields::new("quern.content/1", chain_id)
        .bytes(path.as_bytes())
        .bytes(body)
        .finish()
}

/// Salted hash of a request, over its [`content_hash`].
pub fn request_hash(chain_id: &str, salt: &[u8; 16], content: &Hash) -> Hash {
    Fields::new("quern.request/1", chain_id)
        .bytes(salt)
        .bytes(content.as_ref())
        .finish()
}

/// Salted hash of the generated token ids, each as 4 big-endian bytes.
pub fn output_hash(chain_id: &str, salt: &[u8; 16], tokens: &[u32]) -> Hash {
    let bytes: Vec<u8> = tokens.iter().flat_map(|token| token.to_be_bytes()).collect();
    Fields::new("quern.output/1", chain_id)
        .bytes(salt)
        .bytes(&bytes)
        .finish()
}

/// What a receipt says of the sampler's seed. The seed follows from the salt and public facts, so whoever
/// knows the salt can show on chain that another seed was used.
pub fn seed_commitment(chain_id: &str, seed: &[u8; 32]) -> Hash {
    Fields::new("quern.seed/1", chain_id).bytes(seed).finish()
}
