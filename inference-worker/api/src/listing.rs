//! `/v1/models`: OpenAI's fields, and beside them those of OpenRouter's listing document for providers.

use serde::{Deserialize, Serialize};
use serde_json::Number;

/// Header of answers that names the trust tier of who gave them.
pub const TIER_HEADER: &str = "quern-trust-tier";
/// What others can check of an answer, rising: nothing; whether its tokens look like draws from the model; each token.
pub const TIERS: [&str; 3] = ["unaudited", "logprob", "seeded"];
/// The tier of the worker's own engine, and of everything that is paid.
pub const SEEDED: &str = TIERS[2];

/// Precisions of checkpoints in OpenRouter's words, rising.
pub const PRECISIONS: [&str; 3] = ["bf16", "fp16", "fp32"];

/// Sampling parameters in OpenRouter's words that the engine honours.
const SAMPLING: &[&str] = &[
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "frequency_penalty",
    "presence_penalty",
    "repetition_penalty",
    "stop",
    "seed",
    "max_tokens",
    "logit_bias",
];

/// US dollars as decimal text: for one token, one image or one request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pricing {
    /// A token of the prompt.
    pub prompt: String,
    /// A token of the output.
    pub completion: String,
    /// An image; there are none.
    #[serde(default = "zero")]
    pub image: String,
    /// A request, whatever its length.
    #[serde(default = "zero")]
    pub request: String,
    /// A token of the prompt that was found in a cache; as any other where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_cache_read: Option<String>,
}

impl Pricing {
    /// Whether nothing costs anything.
    pub fn is_nothing(&self) -> bool {
        let cached = self.input_cache_read.as_ref();
        [&self.prompt, &self.completion, &self.image, &self.request]
            .into_iter()
            .chain(cached)
            .all(|price| !price.bytes().any(|byte| matches!(byte, b'1'..=b'9')))
    }
}

/// What a token costs on the chain now, in its smallest coin as decimal text. It changes with demand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainPrice {
    /// The coin.
    pub denom: String,
    /// A token of the prompt.
    pub prompt: String,
    /// A token of the output.
    pub completion: String,
    /// Height at which it is that.
    pub height: u64,
}

fn zero() -> String {
    "0".into()
}

/// What only an operator knows of its models, in OpenRouter's words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Told {
    /// The tokenizer's family.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<String>,
    /// When it ends: a date, or an hour of one in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deprecation_date: Option<String>,
    /// Part of the price that users are let off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discount_to_user: Option<Number>,
    /// Tokens of prompts that it takes a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity_tpm: Option<u64>,
    /// What it is called there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openrouter: Option<Known>,
    /// Where it is served.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub datacenters: Vec<Datacenter>,
    /// What is promised of prompts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compliance: Option<Compliance>,
}

/// OpenRouter's name of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// `author/model`.
    pub slug: String,
}

/// Where a model is served.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Datacenter {
    /// ISO 3166-1 alpha-2.
    pub country_code: String,
    /// In the provider's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// What is promised of prompts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Compliance {
    /// They are neither kept nor trained on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zdr: Option<bool>,
    /// HIPAA.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hipaa: Option<bool>,
}

/// What OpenRouter asks of a provider's model beside OpenAI's fields. What is not known is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Listing {
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where the weights are published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hugging_face_id: Option<String>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `text`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub input_modalities: Vec<String>,
    /// `text`, or `embeddings`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub output_modalities: Vec<String>,
    /// How the checkpoint stores its weights: one of [`PRECISIONS`] of the worker's own engine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantization: Option<String>,
    /// Most tokens of an output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_length: Option<u32>,
    /// Price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pricing: Option<Pricing>,
    /// Price in the chain's coin, of a model that is paid for there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain_price: Option<ChainPrice>,
    /// In OpenRouter's words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub supported_sampling_parameters: Vec<String>,
    /// In OpenRouter's words: `tools`, `json_mode`, `structured_outputs`, `logprobs`, `reasoning`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub supported_features: Vec<String>,
    /// False hides the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_ready: Option<bool>,
    /// Whether it costs nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_free: Option<bool>,
    /// One of [`TIERS`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust_tier: Option<String>,
    /// What its operator tells.
    #[serde(flatten)]
    pub told: Told,
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

impl Listing {
    /// Of a decoder with a context of so many tokens. `tools` if its chat template shows them.
    pub fn decoder(context: u32, tools: bool) -> Self {
        let mut features = words(&["json_mode", "structured_outputs", "logprobs"]);
        if tools {
            features.insert(0, "tools".into());
        }
        Self {
            input_modalities: words(&["text"]),
            output_modalities: words(&["text"]),
            max_output_length: Some(context.saturating_sub(1)),
            supported_sampling_parameters: words(SAMPLING),
            supported_features: features,
            is_ready: Some(true),
            trust_tier: Some(SEEDED.into()),
            ..Self::default()
        }
    }

    /// Of a sentence encoder.
    pub fn encoder() -> Self {
        Self {
            input_modalities: words(&["text"]),
            output_modalities: words(&["embeddings"]),
            is_ready: Some(true),
            ..Self::default()
        }
    }

    /// The same of a model that thinks before it answers.
    #[must_use]
    pub fn thinking(mut self) -> Self {
        self.supported_features.push("reasoning".into());
        self
    }

    /// The same of a checkpoint whose weights are stored so.
    #[must_use]
    pub fn stored(mut self, precision: Option<&str>) -> Self {
        self.quantization = precision.map(str::to_owned);
        self
    }

    /// The same without a price.
    #[must_use]
    pub fn free(self) -> Self {
        let none = Pricing {
            prompt: zero(),
            completion: zero(),
            image: zero(),
            request: zero(),
            input_cache_read: Some(zero()),
        };
        Self {
            pricing: Some(none),
            is_free: Some(true),
            ..self
        }
    }

    /// What another says counts, where it says something. What has a price is not free.
    #[must_use]
    pub fn with(self, other: &Self) -> Self {
        let pricing = other.pricing.clone().or(self.pricing);
        let is_free = match &pricing {
            Some(pricing) if !pricing.is_nothing() => Some(false),
            _ => other.is_free.or(self.is_free),
        };
        let list = |own: Vec<String>, other: &[String]| {
            if other.is_empty() { own } else { other.to_vec() }
        };
        let text = |own: Option<String>, other: &Option<String>| other.clone().or(own);
        Self {
            name: text(self.name, &other.name),
            hugging_face_id: text(self.hugging_face_id, &other.hugging_face_id),
            description: text(self.description, &other.description),
            input_modalities: list(self.input_modalities, &other.input_modalities),
            output_modalities: list(self.output_modalities, &other.output_modalities),
            quantization: text(self.quantization, &other.quantization),
            max_output_length: other.max_output_length.or(self.max_output_length),
            pricing,
            supported_sampling_parameters: list(
                self.supported_sampling_parameters,
                &other.supported_sampling_parameters,
            ),
            supported_features: list(self.supported_features, &other.supported_features),
            is_ready: other.is_ready.or(self.is_ready),
            is_free,
            trust_tier: self.trust_tier,
            chain_price: self.chain_price,
            told: other.told.clone(),
        }
    }

    /// Of a model that several workers serve: a request may come to any of them, so only what holds for all is
    /// promised.
    pub fn join(&mut self, other: &Self) {
        let rank = |listing: &Self| {
            let tier = listing.trust_tier.as_deref();
            tier.and_then(|tier| TIERS.iter().position(|known| *known == tier))
        };
        if rank(other) < rank(self) {
            self.trust_tier.clone_from(&other.trust_tier);
        }
        let both = |own: &mut Vec<String>, other: &[String]| own.retain(|word| other.contains(word));
        both(
            &mut self.supported_sampling_parameters,
            &other.supported_sampling_parameters,
        );
        both(&mut self.supported_features, &other.supported_features);
        let precision = |listing: &Self| {
            let stored = listing.quantization.as_deref();
            stored.and_then(|stored| PRECISIONS.iter().position(|known| *known == stored))
        };
        if self.quantization != other.quantization {
            let least = precision(self).zip(precision(other));
            let least = least.and_then(|(own, other)| PRECISIONS.get(own.min(other)));
            self.quantization = least.map(|known| (*known).to_owned());
        }
        if other.is_ready == Some(true) {
            self.is_ready = other.is_ready;
        }
        self.max_output_length = match (self.max_output_length, other.max_output_length) {
            (Some(own), Some(other)) => Some(own.min(other)),
            (own, other) => own.or(other),
        };
    }
}

/// One entry of `/v1/models`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// Model id.
    pub id: String,
    /// Always `model`.
    pub object: String,
    /// Unix time in seconds.
    pub created: u64,
    /// Who serves it.
    pub owned_by: String,
    /// Longest prompt and output together, in tokens.
    pub context_length: u32,
    /// What else is known of it.
    #[serde(flatten)]
    pub listing: Listing,
}

/// The answer of `/v1/models`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelList {
    /// Always `list`.
    pub object: String,
    /// The models.
    pub data: Vec<Model>,
}

impl ModelList {
    /// A list of models. One that has no name for people is called by its id: OpenRouter asks for a name.
    pub fn new(mut data: Vec<Model>) -> Self {
        for model in &mut data {
            model.listing.name.get_or_insert_with(|| model.id.clone());
        }
        Self {
            object: "list".into(),
            data,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_of_one_model_promise_together_what_each_of_them_does() {
        let remote = |tier: &str| Listing {
            trust_tier: Some(tier.into()),
            supported_features: vec!["logprobs".into()],
            max_output_length: Some(99),
            ..Listing::decoder(512, true)
        };
        for (tier, least) in [
            ("unaudited", "unaudited"),
            ("logprob", "logprob"),
            ("seeded", "seeded"),
        ] {
            for own_first in [true, false] {
                let (mut first, mut second) = (Listing::decoder(512, true), remote(tier));
                if !own_first {
                    std::mem::swap(&mut first, &mut second);
                }
                first.join(&second);
                assert_eq!(first.trust_tier.as_deref(), Some(least));
                assert_eq!(first.supported_features, ["logprobs"]);
                assert_eq!(first.max_output_length, Some(99));
            }
        }
        for (own, other, least) in [
            (Some("fp32"), Some("bf16"), Some("bf16")),
            (Some("bf16"), Some("fp16"), Some("bf16")),
            (Some("int8"), Some("int8"), Some("int8")),
            (Some("fp32"), None, None),
            (Some("int8"), Some("fp32"), None),
        ] {
            for (own, other) in [(own, other), (other, own)] {
                let mut listing = Listing::encoder().stored(own);
                listing.join(&Listing::encoder().stored(other));
                assert_eq!(listing.quantization.as_deref(), least);
            }
        }
        // Who says nothing of a tier proves nothing.
        let mut listing = Listing::decoder(512, false);
        listing.join(&Listing::default());
        assert_eq!(listing.trust_tier, None);
    }

    #[test]
    fn what_has_a_price_is_not_free_and_a_price_that_nobody_told_is_not_zero() {
        let told = |pricing: &str| {
            let text = format!(r#"{{"pricing": {pricing}}}"#);
            Listing::decoder(512, false)
                .free()
                .with(&serde_json::from_str(&text).unwrap())
        };
        let listing = told(r#"{"prompt": "0.0000001", "completion": "0"}"#);
        assert_eq!(listing.is_free, Some(false));
        let shown = serde_json::to_value(&listing).unwrap();
        assert_eq!(shown["pricing"].get("input_cache_read"), None);
        let cached = told(r#"{"prompt": "0", "completion": "0.00", "input_cache_read": "0.5"}"#);
        assert_eq!(cached.is_free, Some(false));
        assert_eq!(
            told(r#"{"prompt": "0", "completion": "0.00"}"#).is_free,
            Some(true)
        );
        // Prices in dollars of a model that is paid for in coins.
        let paid = Listing::decoder(512, false).with(&listing);
        assert_eq!(paid.is_free, Some(false));
        let untold = Listing::decoder(512, false).with(&Listing::default());
        assert_eq!((untold.is_free, untold.pricing), (None, None));
    }
}
