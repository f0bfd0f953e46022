//! The trait that hides a decoder.

/// A place in an engine's key-value cache that one sequence occupies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot(pub usize);

/// Rows of logits, one per position asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Logits {
    /// Row-major values.
    pub values: Vec<f32>,
    /// Length of a row: the model's vocabulary, padding ids included.
    pub vocab: usize,
}

impl Logits {
    /// Row `index`.
    pub fn row(&self, index: usize) -> Option<&[f32]> {
        self.values.chunks_exact(self.vocab).nth(index)
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.values.len().checked_div(self.vocab).unwrap_or(0)
    }
}

/// What a new sequence needs.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    /// The tokens that it begins with. Those of a cached beginning are not computed again.
    pub prompt: &'a [u32],
    /// Tokens for which there is to be room for sure, prompt and output together.
    pub tokens: usize,
    /// Sequences with the same salt share what they have cached; one without shares nothing.
    pub salt: Option<[u8; 32]>,
}

/// What a step that tries drafts does for one sequence.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The sequence.
    pub slot: Slot,
    /// Tokens that it gets, at least one.
    pub tokens: &'a [u32],
    /// Tokens that may follow them.
    pub drafts: &'a [u32],
}

/// How much of an engine's cache is left, in tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Tokens of all sequences together.
    pub tokens: usize,
    /// Tokens that are neither taken nor promised.
    pub free: usize,
}

/// Why an engine could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// All slots are taken.
    #[error("all {0} slots of the engine are taken")]
    NoSlot(usize),
    /// The cache has no room for a sequence now.
    #[error("the cache has room for {free} more tokens, not for a sequence of {asked}")]
    NoRoom {
        /// Tokens of the sequence.
        asked: usize,
        /// Tokens that are left.
        free: usize,
    },
    /// The slot holds no sequence.
    #[error("slot {0} holds no sequence")]
    NotOpen(usize),
    /// A sequence would outgrow the context.
    #[error("{asked} tokens do not fit the context of {context}")]
    Context {
        /// Tokens the sequence would have.
        asked: usize,
        /// The model's context length.
        context: usize,
    },
    /// An id the model has no row for.
    #[error("token id {id} is outside the model's vocabulary of {vocab}")]
    Token {
        /// The id.
        id: u32,
        /// Rows of the embedding.
        vocab: usize,
    },
    /// The same slot twice, or no token at all.
    #[error("{0}")]
    Request(&'static str),
    /// The library below failed.
    #[error("decoder: {0}")]
    Backend(String),
}

/// A decoder with a cache of several sequences. It is driven by one owning thread.
pub trait Engine {
    /// Longest sequence, prompt and output together, in tokens.
    fn context(&self) -> usize;

    /// How many sequences it holds at once.
    fn slots(&self) -> usize;

    /// Takes a slot for a new sequence.
    ///
    /// # Errors
    /// [`EngineError::NoSlot`] when all are taken.
    fn open(&mut self) -> Result<Slot, EngineError>;

    /// Takes a slot and room for a new sequence. Says how many tokens of the prompt are cached already and must not be
    /// appended again: fewer than all.
    ///
    /// # Errors
    /// [`EngineError::NoSlot`] when all slots are taken, [`EngineError::NoRoom`] when the cache is too full now.
    fn begin(&mut self, opening: &Opening<'_>) -> Result<(Slot, usize), EngineError> {
        let _ = opening;
        self.open().map(|slot| (slot, 0))
    }

    /// How much of the cache is left; nothing if slots are the only bound.
    fn room(&self) -> Option<Room> {
        None
    }

    /// Gives a slot back; what it cached is forgotten. A slot that is not open is left as it is.
    fn close(&mut self, slot: Slot);

    /// Appends tokens to a sequence and returns the logits after the last of them. Long prompts may come in pieces.
    ///
    /// # Errors
    /// On a slot that is not open, too many tokens, an unknown id or a failure below.
    fn prefill(&mut self, slot: Slot, tokens: &[u32]) -> Result<Logits, EngineError>;

    /// Appends tokens to a sequence and returns the logits after every one of them, as [`Engine::score`] does for a
    /// whole sequence; long ones may come in pieces.
    ///
    /// # Errors
    /// As [`Engine::prefill`].
    fn extend(&mut self, slot: Slot, tokens: &[u32]) -> Result<Logits, EngineError> {
        let mut rows = Logits {
            values: Vec::new(),
            vocab: 0,
        };
        for token in tokens {
            let row = self.prefill(slot, std::slice::from_ref(token))?;
            rows.vocab = row.vocab;
            rows.values.extend(row.values);
        }
        Ok(rows)
    }

    /// Appends one token to each of several sequences of any lengths and returns one row of logits for each.
    ///
    /// # Errors
    /// As [`Engine::prefill`], and when a slot appears twice; then nothing was appended.
    fn decode(&mut self, batch: &[(Slot, u32)]) -> Result<Logits, EngineError>;

    /// Appends tokens to several sequences in one step and returns one row of logits for each: after its last token.
    ///
    /// # Errors
    /// As [`Engine::decode`].
    fn step(&mut self, batch: &[(Slot, &[u32])]) -> Result<Logits, EngineError> {
        let mut singles = Vec::new();
        for (slot, tokens) in batch {
            if let [token] = tokens {
                singles.push((*slot, *token));
            }
        }
        let decoded = match singles.as_slice() {
            [] => None,
            singles => Some(self.decode(singles)?),
        };
        let mut decoded_rows = 0;
        let (mut values, mut vocab) = (Vec::new(), 0);
        for (slot, tokens) in batch {
            let row = match (tokens, &decoded) {
                ([_], Some(decoded)) => {
                    decoded_rows += 1;
                    vocab = decoded.vocab;
                    decoded.row(decoded_rows - 1).map(<[f32]>::to_vec)
                }
                _ => {
                    let row = self.prefill(*slot, tokens)?;
                    vocab = row.vocab;
                    Some(row.values)
                }
            };
            values.extend(row.unwrap_or_default());
        }
        Ok(Logits { values, vocab })
    }

    /// Rows of a step, those of drafts among them, up to which one more costs little; 0 if this engine tries no drafts,
    /// or if a row of a draft may have other bits than the token alone would.
    fn draft_rows(&self) -> usize {
        0
    }

    /// A step that also tries drafts. Returns, for each sequence, a row of logits after its last token and one after each
    /// of its drafts, those that they would have if the drafts up to there were its next tokens. The sequence does not
    /// get its drafts: [`Engine::keep`] gives it some before its next step, which forgets the others.
    ///
    /// # Errors
    /// As [`Engine::step`], and when there are drafts and this engine tries none.
    fn try_drafts(&mut self, batch: &[Part<'_>]) -> Result<Logits, EngineError> {
        if batch.iter().any(|part| !part.drafts.is_empty()) {
            return Err(EngineError::Request("this engine tries no drafts"));
        }
        let batch: Vec<(Slot, &[u32])> = batch.iter().map(|part| (part.slot, part.tokens)).collect();
        self.step(&batch)
    }

    /// Appends the first `count` of the drafts that the last step tried for a sequence, and forgets the others. An engine
    /// that tries none has nothing to do here and keeps this default, which does not look at the slot.
    ///
    /// # Errors
    /// On a slot that is not open, and when that step tried fewer; then nothing was appended.
    fn keep(&mut self, slot: Slot, count: usize) -> Result<(), EngineError> {
        let _ = slot;
        match count {
            0 => Ok(()),
            _ => Err(EngineError::Request("more drafts are kept than were tried")),
        }
    }

    /// Logits after every token of a sequence of its own, without touching any slot.
    ///
    /// # Errors
    /// As [`Engine::prefill`].
    fn score(&mut self, tokens: &[u32]) -> Result<Logits, EngineError>;
}
