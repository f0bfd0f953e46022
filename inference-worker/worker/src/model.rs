//! A model folder, opened.

use crate::checkpoint;
use anyhow::{Context, bail};
use quern_engine::config::{EncoderConfig, ModelConfig};
use quern_engine::grammar::Grammars;
use quern_engine::prompt::Prompts;
use quern_engine::thinking::Marks;
use quern_engine::tokenizer::Tokenizer;
use quern_engine_torch::{Device, Encoder, LlamaEngine, LoadOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a model lies and how to compute it.
#[derive(Clone, Debug, clap::Args)]
pub struct ModelArgs {
    /// Model folder: config.json, tokenizer.json, model.safetensors (or its shards).
    #[arg(long, value_name = "DIR")]
    pub(crate) model: PathBuf,
    #[command(flatten)]
    pub(crate) compute: Compute,
}

/// How to compute a model.
#[derive(Clone, Debug, clap::Args)]
pub struct Compute {
    /// Threads of one operation; all cores by default.
    #[arg(long)]
    pub(crate) threads: Option<usize>,
    /// Cut the model's context to this many tokens.
    #[arg(long, value_name = "TOKENS")]
    pub(crate) context: Option<usize>,
    /// Tokens that all requests together may have in the key-value cache; by default as many as fit, up to 4 GiB.
    #[arg(long, value_name = "TOKENS")]
    pub(crate) cache_tokens: Option<usize>,
    /// Compute on a CUDA device (never tested).
    #[arg(long)]
    pub(crate) cuda: bool,
}

impl Compute {
    fn device(&self) -> Device {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        quern_engine_torch::set_threads(self.threads.unwrap_or(cores).max(1));
        if self.cuda { Device::Cuda(0) } else { Device::Cpu }
    }
}

impl ModelArgs {
    /// Loads the decoder with room for `slots` sequences.
    pub(crate) fn engine(&self, slots: usize) -> anyhow::Result<LlamaEngine> {
        let options = LoadOptions {
            slots,
            context: self.compute.context,
            device: self.compute.device(),
            cache_tokens: self.compute.cache_tokens,
        };
        LlamaEngine::load(&self.model, &options).with_context(|| self.what())
    }

    /// Whether the folder holds a sentence encoder.
    pub(crate) fn is_encoder(&self) -> bool {
        EncoderConfig::describes(&self.model)
    }

    /// Loads the sentence encoder.
    pub(crate) fn encoder(&self) -> anyhow::Result<Encoder> {
        Encoder::load(&self.model, self.compute.device()).with_context(|| self.what())
    }

    /// A context no longer than the one asked for.
    pub(crate) fn cut(&self, context: usize) -> usize {
        self.compute
            .context
            .map_or(context, |most| most.clamp(1, context))
    }

    /// Loads the tokenizer alone.
    pub(crate) fn tokenizer(&self) -> anyhow::Result<Tokenizer> {
        Tokenizer::load(&self.model).with_context(|| self.what())
    }

    /// Loads the tokenizer and checks that the model has a row for each of its ids.
    pub(crate) fn text(&self) -> anyhow::Result<Text> {
        let text = Text::load(&self.model).with_context(|| self.what())?;
        let config = ModelConfig::load(&self.model).with_context(|| self.what())?;
        let rows = config.vocab_size as u32;
        if let Some(id) = text.tokenizer.tokens().last().filter(|id| *id >= rows) {
            bail!(
                "{}: tokenizer.json has token id {id}, but config.json says {rows} ids",
                self.what()
            );
        }
        Ok(text)
    }

    /// The folder's name, which is the model's id unless another is given.
    pub(crate) fn name(&self) -> anyhow::Result<String> {
        let folder = self.model.canonicalize().with_context(|| self.what())?;
        let name = folder
            .file_name()
            .and_then(|name| name.to_str())
            .map(str::to_owned);
        name.context(
            "the model folder's name is no valid id; choose one: --model-id, or 'id' in the file of --models",
        )
    }

    fn what(&self) -> String {
        format!("cannot load the model in {}", self.model.display())
    }
}

/// The text side of a model.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) tokenizer: Arc<Tokenizer>,
    pub(crate) chat: Prompts,
    pub(crate) grammars: Grammars,
    /// Between which tokens it thinks before it answers, if it was taught to.
    pub(crate) marks: Option<Marks>,
    /// How the weights beside it are stored, in OpenRouter's words.
    pub(crate) precision: Option<&'static str>,
}

impl Text {
    pub(crate) fn load(folder: &Path) -> anyhow::Result<Self> {
        let tokenizer = Tokenizer::load(folder)?;
        let chat = Prompts::load(folder, &tokenizer)?;
        Ok(Self {
            marks: Marks::of(&tokenizer, chat.template()),
            tokenizer: Arc::new(tokenizer),
            chat,
            grammars: Grammars::default(),
            precision: checkpoint::precision(folder),
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The packaged model.
    pub(crate) fn packaged_model() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/quern-small")
    }

    /// A model of other weights: the packaged one with the numbers of one tensor in the other order.
    pub(crate) fn other_model(folder: &Path) -> PathBuf {
        let from = packaged_model();
        std::fs::create_dir_all(folder).unwrap();
        for name in [
            "config.json",
            "generation_config.json",
            "tokenizer.json",
            "tokenizer_config.json",
        ] {
            // What one of them lacks the other lacks, too.
            let _ = std::fs::copy(from.join(name), folder.join(name));
        }
        let _ = std::fs::copy(
            from.join("chat_template.jinja"),
            folder.join("chat_template.jinja"),
        );
        let mut bytes = std::fs::read(from.join("model.safetensors")).unwrap();
        let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let tensors: serde_json::Value = serde_json::from_slice(&bytes[8..8 + header]).unwrap();
        let places = &tensors["model.layers.1.mlp.down_proj.weight"]["data_offsets"];
        let at = |index: usize| 8 + header + places[index].as_u64().unwrap() as usize;
        let (numbers, _) = bytes[at(0)..at(1)].as_chunks_mut::<4>();
        numbers.reverse();
        std::fs::write(folder.join("model.safetensors"), bytes).unwrap();
        folder.to_owned()
    }

    /// What a template of a model that thinks shows of a chat, up to where the assistant speaks.
    const CHAT: &str = "{{ bos_token }}{% for message in messages %}<|im_start|>{{ message.role }}\n\
        {% if message.reasoning_content %}<think>\n{{ message.reasoning_content }}\n</think>\n\n{% endif %}\
        {{ message.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n";
    /// Behind that: as Qwen 3 has it, where the model itself begins its thoughts, and as DeepSeek R1 has it.
    pub(crate) const HYBRID: &str =
        "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}";
    pub(crate) const ALWAYS: &str = "<think>\n";

    /// The packaged model as if it had learnt to think: its last words are the marks.
    pub(crate) fn thinking_model(folder: &Path, end: &str) -> PathBuf {
        let from = packaged_model();
        std::fs::create_dir_all(folder).unwrap();
        for name in [
            "config.json",
            "generation_config.json",
            "model.safetensors",
            "tokenizer_config.json",
        ] {
            std::fs::copy(from.join(name), folder.join(name)).unwrap();
        }
        let tokenizer = std::fs::read(from.join("tokenizer.json")).unwrap();
        let mut tokenizer: serde_json::Value = serde_json::from_slice(&tokenizer).unwrap();
        for mark in ["<think>", "</think>"] {
            let words = tokenizer["model"]["vocab"].as_object_mut().unwrap();
            let learnt = words.iter().filter(|(word, _)| !word.contains("think>"));
            let (word, id) = learnt.max_by_key(|(_, id)| id.as_u64()).unwrap();
            let (word, id) = (word.clone(), id.clone());
            words.remove(&word);
            tokenizer["model"]["merges"].as_array_mut().unwrap().pop();
            let words = tokenizer["model"]["vocab"].as_object_mut().unwrap();
            words.insert(mark.into(), id.clone());
            // No special token: so Qwen and DeepSeek have it.
            let token = serde_json::json!({"id": id, "content": mark, "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false, "special": false});
            tokenizer["added_tokens"].as_array_mut().unwrap().push(token);
        }
        std::fs::write(folder.join("tokenizer.json"), tokenizer.to_string()).unwrap();
        std::fs::write(folder.join("chat_template.jinja"), format!("{CHAT}{end}")).unwrap();
        folder.to_owned()
    }
}
