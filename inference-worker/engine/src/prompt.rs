//! From a chat to the prompt's tokens, in which only the model's template writes control tokens.
//!
//! `docs/spec/rendering.md` says how, and what a template can and cannot do.

mod control;
mod signs;

use crate::chat::{Chat, ChatError, ChatTemplate};
use crate::tokenizer::{Tokenizer, TokenizerError};
use control::Control;
use serde_json::Value;
pub(crate) use signs::Signs;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// A model's way from chats to tokens.
pub struct Prompts {
    template: ChatTemplate,
    /// None without a template.
    guard: Option<Guard>,
}

struct Guard {
    control: Control,
    signs: Arc<Signs>,
    /// The same template, which reads a user's hidden signs as if they were not hidden.
    template: ChatTemplate,
}

impl std::fmt::Debug for Prompts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prompts")
            .field("template", &self.template)
            .finish_non_exhaustive()
    }
}

/// Why a chat gives no prompt.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// It cannot be rendered.
    #[error(transparent)]
    Chat(#[from] ChatError),
    /// A text holds a code point that is no character.
    #[error("the text holds U+{:04X}, which is no character", u32::from(*.0))]
    Noncharacter(char),
    /// It cannot be encoded.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

impl Prompts {
    /// Reads the chat template of a model folder. `tokenizer` is the same folder's.
    ///
    /// # Errors
    /// When a file is unreadable or not valid.
    pub fn load(folder: &Path, tokenizer: &Tokenizer) -> Result<Self, TokenizerError> {
        let template = ChatTemplate::load(folder)?;
        if template.source(false).is_empty() {
            return Ok(Self {
                template,
                guard: None,
            });
        }
        let written = |text: &str| template.writes(text);
        let control = Control::load(folder, tokenizer, written)?;
        let signs = Arc::new(Signs::of(control.names(), &template.words()));
        let guard = Guard {
            control,
            template: template.seeing(&signs)?,
            signs,
        };
        Ok(Self {
            template,
            guard: Some(guard),
        })
    }

    /// The template itself.
    pub fn template(&self) -> &ChatTemplate {
        &self.template
    }

    /// The prompt of a chat, up to where the assistant speaks. No text of the chat becomes a control token.
    ///
    /// # Errors
    /// [`PromptError`].
    pub fn encode(&self, chat: &Chat<'_>) -> Result<Vec<u32>, PromptError> {
        self.encode_within(chat, usize::MAX)
    }

    /// The same of a chat that is wanted only if it has at most so many tokens, as [`Tokenizer::encode_within`] has it.
    ///
    /// # Errors
    /// [`PromptError`].
    pub fn encode_within(&self, chat: &Chat<'_>, most: usize) -> Result<Vec<u32>, PromptError> {
        self.encoded(chat, SystemTime::now(), most)
    }

    /// The same at a moment, as [`ChatTemplate::render_chat_at`].
    ///
    /// # Errors
    /// [`PromptError`].
    pub fn encode_at(&self, chat: &Chat<'_>, now: SystemTime) -> Result<Vec<u32>, PromptError> {
        self.encoded(chat, now, usize::MAX)
    }

    fn encoded(&self, chat: &Chat<'_>, now: SystemTime, most: usize) -> Result<Vec<u32>, PromptError> {
        let guard = self.guard.as_ref().ok_or(ChatError::NoTemplate)?;
        let signs = &guard.signs;
        let concern = |values: &[Value]| values.iter().any(|value| signs.concern_value(value));
        let extra = chat.extra.iter().any(|(name, value)| {
            signs.concern_value(&Value::from(name.as_str())) || signs.concern_value(value)
        });
        if !(concern(chat.messages) || concern(chat.tools) || extra) {
            let rendered = self.template.render_chat_at(chat, now)?;
            return Ok(guard
                .control
                .encode(&rendered, most, |text, out| out.push_str(text))?);
        }
        let hide = |values: &[Value]| -> Result<Vec<Value>, PromptError> {
            let hidden = values.iter().map(|value| signs.hide_value(value));
            hidden
                .collect::<Result<_, _>>()
                .map_err(PromptError::Noncharacter)
        };
        let hidden = Chat {
            messages: &hide(chat.messages)?,
            tools: &hide(chat.tools)?,
            extra: &signs.hide_fields(chat.extra).map_err(PromptError::Noncharacter)?,
        };
        let rendered = guard
            .template
            .render_chat_at(&hidden, now)
            .map_err(|error| match error {
                ChatError::Refused(reason) => ChatError::Refused(signs.show(&reason).into_owned()),
                other => other,
            })?;
        Ok(guard
            .control
            .encode(&rendered, most, |text, out| out.push_str(&signs.show(text)))?)
    }
}
