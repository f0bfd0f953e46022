//! From the texts of tokens to their ids.

use crate::wire::TokenReport;
use quern_engine::chat::ChatTemplate;
use quern_engine::tokenizer::{Tokenizer, TokenizerError};
use std::collections::HashMap;
use std::path::Path;

/// The tokenizer of the model that an engine claims to serve.
#[derive(Debug)]
pub struct Vocabulary {
    /// The tokenizer.
    pub tokenizer: Tokenizer,
    /// The chat template, which says what a chat's prompt is.
    pub chat: ChatTemplate,
    /// Ids by text; none where several have the same.
    ids: HashMap<Vec<u8>, Option<u32>>,
}

impl Vocabulary {
    /// Reads the tokenizer of a model folder.
    ///
    /// # Errors
    /// As [`Tokenizer::load`].
    pub fn load(folder: &Path) -> Result<Self, TokenizerError> {
        let (tokenizer, chat) = (Tokenizer::load(folder)?, ChatTemplate::load(folder)?);
        let mut ids: HashMap<Vec<u8>, Option<u32>> = HashMap::new();
        for id in tokenizer.tokens().iter() {
            ids.entry(tokenizer.bytes(id))
                .and_modify(|other| *other = None)
                .or_insert(Some(id));
        }
        Ok(Self { tokenizer, chat, ids })
    }

    /// The id of a reported token: as the engine tells, or the only one with its text. None if several have it, or none:
    /// a part of a character that an engine cannot show as text, for example.
    pub fn id(&self, report: &TokenReport) -> Option<u32> {
        let own = || *self.ids.get(&report.token.bytes)?;
        report.id.or_else(own)
    }

    /// The ids of an output, if all are known.
    pub fn ids(&self, reports: &[TokenReport]) -> Option<Vec<u32>> {
        reports.iter().map(|report| self.id(report)).collect()
    }
}
