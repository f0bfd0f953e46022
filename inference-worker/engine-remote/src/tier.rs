//! What an engine can prove of its answers.

use crate::capabilities::{Capabilities, TokenIds};
use serde::{Deserialize, Serialize};

pub use quern_inference_api::listing::TIER_HEADER;

/// What others can check of an answer, rising.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrustTier {
    /// Text alone: nothing can be checked.
    Unaudited,
    /// Token ids and their log-probabilities: surprise minus entropy can be tested, which tells another model or other
    /// sampling from the claimed one, but not that each token was the one to be drawn.
    Logprob,
    /// Every token follows from the seed: re-execution tells. Only the worker's own engine does that.
    Seeded,
}

impl TrustTier {
    /// What an engine with these capabilities can prove; never [`TrustTier::Seeded`].
    pub fn of(capabilities: &Capabilities) -> Self {
        match (capabilities.logprobs, capabilities.token_ids) {
            (true, TokenIds::Native | TokenIds::Pieces) => Self::Logprob,
            _ => Self::Unaudited,
        }
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unaudited => "unaudited",
            Self::Logprob => "logprob",
            Self::Seeded => "seeded",
        }
    }

    /// What an engine with these capabilities lacks for the next tier.
    pub fn lacks(capabilities: &Capabilities) -> String {
        let mut lacks = Vec::new();
        if !capabilities.logprobs {
            lacks.push("log-probabilities of its tokens (llama.cpp: --logits_all in llama-cpp-python)");
        }
        if capabilities.token_ids == TokenIds::None {
            lacks.push("token ids of its output, or texts of tokens and --tokenizer with the model's folder");
        }
        match lacks.is_empty() {
            true => "the seeded sampler, which no remote engine has".into(),
            false => lacks.join("; "),
        }
    }
}

/// Why a remote engine cannot do paid work, and what would be needed.
pub const NO_PAY: &str = "\
a remote engine cannot serve for pay. Paid answers are audited by re-execution: each token must be the one that the \
seeded sampler draws from the request's seed, and no remote engine follows that sampler, so every audited answer would \
be condemned and the bond slashed. The chain has no lower tier to register for. To be paid, serve the model's folder on \
the worker's own engine (quern-worker serve --model DIR --chain FILE); to use this engine, leave out --chain";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tier_follows_from_what_was_shown() {
        let mut capabilities = Capabilities::default();
        assert_eq!(TrustTier::of(&capabilities), TrustTier::Unaudited);
        capabilities.logprobs = true;
        assert_eq!(TrustTier::of(&capabilities), TrustTier::Unaudited);
        assert!(TrustTier::lacks(&capabilities).contains("token ids"));
        for ids in [TokenIds::Pieces, TokenIds::Native] {
            capabilities.token_ids = ids;
            assert_eq!(TrustTier::of(&capabilities), TrustTier::Logprob);
        }
        assert!(TrustTier::lacks(&capabilities).contains("seeded"));
        capabilities.logprobs = false;
        assert_eq!(TrustTier::of(&capabilities), TrustTier::Unaudited);
        assert!(TrustTier::Unaudited < TrustTier::Logprob && TrustTier::Logprob < TrustTier::Seeded);
        let names = [TrustTier::Unaudited, TrustTier::Logprob, TrustTier::Seeded].map(TrustTier::as_str);
        assert_eq!(names, quern_inference_api::listing::TIERS);
    }
}
