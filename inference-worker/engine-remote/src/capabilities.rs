//! What a remote engine was seen to honour.

use serde::Serialize;

/// Alternatives to a token that a probe asks for.
pub const PROBED_TOP_LOGPROBS: u8 = 5;

/// Whose server it is, as far as it tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EngineKind {
    /// vLLM.
    Vllm,
    /// SGLang.
    Sglang,
    /// llama.cpp's own server.
    LlamaCpp,
    /// The server of llama-cpp-python.
    LlamaCppPython,
    /// Hugging Face's text-generation-inference.
    Tgi,
    /// A server that does not tell: OpenAI's parameters alone.
    #[default]
    Other,
}

impl EngineKind {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vllm => "vllm",
            Self::Sglang => "sglang",
            Self::LlamaCpp => "llama-cpp",
            Self::LlamaCppPython => "llama-cpp-python",
            Self::Tgi => "tgi",
            Self::Other => "other",
        }
    }
}

/// Whether an output's token ids are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenIds {
    /// They are not.
    #[default]
    None,
    /// The texts of its tokens are told, and the tokenizer at hand has one id for each.
    Pieces,
    /// The engine tells them.
    Native,
}

/// What an engine was seen to honour. A thing that was not seen is not offered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    /// Whose server it is.
    pub kind: EngineKind,
    /// Its version, if it tells.
    pub version: Option<String>,
    /// Id of the model there.
    pub model: String,
    /// All models that it lists.
    pub models: Vec<String>,
    /// Longest prompt and output together, in tokens.
    pub context: u32,
    /// `/v1/chat/completions` answers.
    pub chat: bool,
    /// `/v1/completions` answers.
    pub completions: bool,
    /// Answers come in chunks.
    pub streaming: bool,
    /// Whole answers count tokens.
    pub usage: bool,
    /// Streams count tokens.
    pub stream_usage: bool,
    /// Log-probabilities of the output's tokens.
    pub logprobs: bool,
    /// Alternatives that were shown when [`PROBED_TOP_LOGPROBS`] were asked for.
    pub top_logprobs: u8,
    /// Token ids of outputs.
    pub token_ids: TokenIds,
    /// Token ids as a prompt.
    pub token_prompts: bool,
    /// Tokens that it does not count are counted here, with the tokenizer at hand.
    pub counted_here: bool,
    /// The same seed gives the same text, and another seed another.
    pub seed: bool,
    /// `stop` ends the text before the stop string.
    pub stop: bool,
    /// Several choices in one answer.
    pub choices: bool,
    /// `top_k` of 1 takes the likeliest token.
    pub top_k: bool,
    /// `min_p` of 1 takes the likeliest token.
    pub min_p: bool,
    /// A token that `logit_bias` forbids does not come.
    pub logit_bias: bool,
    /// A function that is named is called.
    pub tools: bool,
    /// `response_format` of type `json_object` gives JSON.
    pub json_object: bool,
    /// `response_format` of type `json_schema` gives what the schema permits.
    pub json_schema: bool,
}

impl Capabilities {
    /// Parameters of OpenRouter's listing that are honoured.
    pub fn sampling_parameters(&self) -> Vec<&'static str> {
        let mut names = vec![
            "temperature",
            "top_p",
            "max_tokens",
            "frequency_penalty",
            "presence_penalty",
        ];
        let probed = [
            (self.top_k, "top_k"),
            (self.min_p, "min_p"),
            (
                crate::dialect::repetition_penalty(self.kind).is_some(),
                "repetition_penalty",
            ),
            (self.stop, "stop"),
            (self.seed, "seed"),
            (self.logit_bias, "logit_bias"),
        ];
        names.extend(probed.iter().filter(|(seen, _)| *seen).map(|(_, name)| *name));
        names
    }

    /// Features of OpenRouter's listing.
    pub fn features(&self) -> Vec<&'static str> {
        let probed = [
            (self.tools, "tools"),
            (self.json_object, "json_mode"),
            (self.json_schema, "structured_outputs"),
            (self.logprobs, "logprobs"),
        ];
        probed
            .iter()
            .filter(|(seen, _)| *seen)
            .map(|(_, name)| *name)
            .collect()
    }
}
