//! `tokenizer.json` and the special tokens that a model folder names.

use crate::bounded;
use crate::sampler::TokenMask;
use crate::vocabulary::Vocabulary;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Bytes of a text from which on it is encoded alone: the library takes some 400 bytes for each token until it is done, so that
/// a dozen prompts of a million tokens at once would take all memory there is.
const LONG: usize = 1 << 15;
static ALONE: Mutex<()> = Mutex::new(());

/// Encodes a text of so many bytes; long ones one after the other, each on a thread of its own. An allocator keeps for a
/// thread what it gave back, and for the one that comes after it: so that is kept once, and not for every thread that serves.
pub(crate) fn encoded<T: Send>(bytes: usize, encode: impl FnOnce() -> T + Send) -> T {
    if bytes < LONG {
        return encode();
    }
    let _turn = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let done = std::thread::scope(|scope| scope.spawn(encode).join());
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Why a tokenizer cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// A file of the model folder is missing or unreadable.
    #[error("cannot read {path}: {why}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why. It is told already, so it is no source.
        why: std::io::Error,
    },
    /// A file of the model folder is not what it should be.
    #[error("{path} is not valid: {reason}", path = path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A text has more tokens than are wanted: so many at least.
    #[error("the text has at least {0} tokens, more than are taken")]
    Long(usize),
    /// Encoding or decoding failed.
    #[error("tokenizer: {0}")]
    Use(String),
}

/// A model's tokenizer.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    tokens: TokenMask,
    end: BTreeSet<u32>,
    vocabulary: Option<Vocabulary>,
    /// Bytes of text that become one token at most, where that is known.
    longest: Option<usize>,
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer")
            .field("tokens", &self.tokens.len())
            .field("end", &self.end)
            .finish()
    }
}

impl Tokenizer {
    /// Reads `tokenizer.json` from a model folder, and the end-of-text ids from `generation_config.json` or,
    /// failing that, `config.json`.
    ///
    /// # Errors
    /// Names the file that is missing or not valid.
    pub fn load(folder: &Path) -> Result<Self, TokenizerError> {
        let path = folder.join("tokenizer.json");
        let bytes = read(&path)?;
        let invalid = |reason: String| TokenizerError::Invalid {
            path: path.clone(),
            reason,
        };
        let mut inner = tokenizers::Tokenizer::from_bytes(bytes).map_err(|e| invalid(e.to_string()))?;
        // A file may carry the training run's truncation and padding, which would cut or fill prompts silently.
        inner.with_truncation(None).map_err(|e| invalid(e.to_string()))?;
        inner.with_padding(None);
        let tokens: TokenMask = inner.get_vocab(true).into_values().collect();
        if tokens.is_empty() {
            return Err(invalid("it holds no tokens".into()));
        }
        Ok(Self {
            vocabulary: Vocabulary::of(&inner),
            longest: bounded::longest(&inner),
            inner,
            tokens,
            end: end_of_text(folder)?,
        })
    }

    /// Token ids of a text. Special tokens are added by the tokenizer's own template only if `special`.
    ///
    /// # Errors
    /// When the tokenizer fails on the text.
    pub fn encode(&self, text: &str, special: bool) -> Result<Vec<u32>, TokenizerError> {
        self.encode_within(text, special, usize::MAX)
    }

    /// The same of a text that is wanted only if it has at most so many tokens; what has many more is not encoded whole. It
    /// may have some more all the same.
    ///
    /// # Errors
    /// As [`Self::encode`], and [`TokenizerError::Long`].
    pub fn encode_within(&self, text: &str, special: bool, most: usize) -> Result<Vec<u32>, TokenizerError> {
        // Without offsets, which nobody asks for here.
        let ids = |text: &str, special| {
            let encoding = self.inner.encode_fast(text, special);
            let ids = encoding.map(|encoding| encoding.get_ids().to_vec());
            ids.map_err(|e| TokenizerError::Use(e.to_string()))
        };
        encoded(text.len(), || {
            bounded::check(text, self.longest, most, |piece| Ok(ids(piece, false)?.len()))?;
            ids(text, special)
        })
    }

    /// Bytes of text that become one token at most, where that is known.
    pub(crate) fn longest(&self) -> Option<usize> {
        self.longest
    }

    /// Text of token ids, special tokens left out; bytes that are no UTF-8 come out as U+FFFD.
    ///
    /// # Errors
    /// When the tokenizer fails on the ids.
    pub fn decode(&self, ids: &[u32]) -> Result<String, TokenizerError> {
        self.inner
            .decode(ids, true)
            .map_err(|e| TokenizerError::Use(e.to_string()))
    }

    /// Bytes of all tokens, where the way from tokens to text is of a known kind.
    pub(crate) fn vocabulary(&self) -> Option<&Vocabulary> {
        self.vocabulary.as_ref()
    }

    /// Bytes of one token, a special one's name included.
    pub fn bytes(&self, id: u32) -> Vec<u8> {
        let known = self
            .vocabulary
            .as_ref()
            .and_then(|all| all.bytes.get(id as usize));
        known
            .cloned()
            .or_else(|| self.decode(&[id]).ok().map(String::into_bytes))
            .unwrap_or_default()
    }

    /// Text, whether special and id of each token that the tokenizer finds in text before its model does.
    pub(crate) fn added(&self) -> impl Iterator<Item = (String, bool, u32)> {
        let added = self.inner.get_added_tokens_decoder();
        added
            .into_iter()
            .map(|(id, token)| (token.content, token.special, id))
    }

    /// The special token of this name: decoding leaves it out, and no text of a chat becomes it
    /// ([`Prompts`](crate::prompt::Prompts)). A prompt of `/v1/completions` is encoded as it is written.
    pub fn special(&self, name: &str) -> Option<u32> {
        self.vocabulary.as_ref()?.special.get(name).copied()
    }

    /// The token of this name beside the vocabulary's words, special or not: text that holds its name is encoded as it.
    pub fn added_token(&self, name: &str) -> Option<u32> {
        let added = self.inner.get_added_tokens_decoder();
        let found = added.iter().find(|(_, token)| token.content == name);
        found.map(|(id, _)| *id)
    }

    /// All ids that the tokenizer knows.
    pub fn tokens(&self) -> &TokenMask {
        &self.tokens
    }

    /// Whether `id` ends the output.
    pub fn is_end(&self, id: u32) -> bool {
        self.end.contains(&id)
    }
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, TokenizerError> {
    std::fs::read(path).map_err(|why| TokenizerError::Read {
        path: path.to_owned(),
        why,
    })
}

/// Reads a JSON file that a model folder may lack.
pub(crate) fn read_optional(path: &Path) -> Result<Option<Value>, TokenizerError> {
    if !path.exists() {
        return Ok(None);
    }
    serde_json::from_slice(&read(path)?)
        .map(Some)
        .map_err(|e| TokenizerError::Invalid {
            path: path.to_owned(),
            reason: e.to_string(),
        })
}

fn end_of_text(folder: &Path) -> Result<BTreeSet<u32>, TokenizerError> {
    for name in ["generation_config.json", "config.json"] {
        let path = folder.join(name);
        let Some(file) = read_optional(&path)? else {
            continue;
        };
        let ids: Vec<&Value> = match file.get("eos_token_id") {
            None | Some(Value::Null) => continue,
            Some(Value::Array(ids)) => ids.iter().collect(),
            Some(id) => vec![id],
        };
        let read = ids
            .iter()
            .map(|id| id.as_u64().and_then(|id| u32::try_from(id).ok()))
            .collect();
        let reason = || "eos_token_id must be a token id or a list of them".to_owned();
        return Option::<BTreeSet<u32>>::ok_or_else(read, || TokenizerError::Invalid {
            path,
            reason: reason(),
        });
    }
    Ok(BTreeSet::new())
}
