//! Chat templates: `chat_template.jinja` or the entry of `tokenizer_config.json`, as `transformers` renders them.

mod python;
mod seeing;
mod source;
mod template;

use crate::prompt::Signs;
use crate::tokenizer::{TokenizerError, read, read_optional};
use minijinja::{Environment, Error, context};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// One message of a chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// `system`, `user` or `assistant`; a template may know more.
    pub role: String,
    /// The text.
    pub content: String,
}

/// All that a template is given.
#[derive(Clone, Copy, Debug)]
pub struct Chat<'a> {
    /// Messages as in OpenAI's schema, with text as content and the arguments of tool calls as objects.
    pub messages: &'a [Value],
    /// Tools as in OpenAI's schema; a template sees none at all where there are none.
    pub tools: &'a [Value],
    /// Further variables of the template.
    pub extra: &'a Map<String, Value>,
}

/// Why a chat cannot be turned into a prompt.
#[derive(Debug, thiserror::Error)]
pub enum ChatError {
    /// The model folder carries no template.
    #[error("this model has no chat template; use /v1/completions")]
    NoTemplate,
    /// The template refused the messages or failed on them.
    #[error("the model's chat template refused these messages: {0}")]
    Refused(String),
}

/// Special tokens that templates name.
const TOKENS: [&str; 7] = [
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
];

/// The template that chats take, and the one of chats with tools where a model has two.
const PLAIN: &str = "default";
const WITH_TOOLS: &str = "tool_use";

/// A model's chat template.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Option<Environment<'static>>,
    /// The text of the template that chats take, and that of the one for chats with tools if it is another.
    source: String,
    source_with_tools: Option<String>,
    /// Name, file and text of each template.
    sources: Vec<(String, PathBuf, String)>,
    tokens: Map<String, Value>,
}

impl ChatTemplate {
    /// Reads the template of a model folder; a folder without one is not an error until a chat is asked for.
    ///
    /// # Errors
    /// When a file is unreadable or the template is not valid Jinja.
    pub fn load(folder: &Path) -> Result<Self, TokenizerError> {
        let config_path = folder.join("tokenizer_config.json");
        let config = read_optional(&config_path)?.unwrap_or_default();
        let sources = sources(folder, &config_path, &config)?;
        let mut tokens = Map::new();
        for name in TOKENS {
            match config.get(name) {
                // An AddedToken is written as an object.
                Some(Value::Object(token)) => {
                    tokens.insert(name.into(), token.get("content").cloned().unwrap_or_default())
                }
                Some(Value::String(token)) => tokens.insert(name.into(), token.as_str().into()),
                _ => None,
            };
        }
        let source = |wanted: &str| {
            let found = sources.iter().rfind(|(name, ..)| name == wanted);
            found.map(|(.., source)| source.clone())
        };
        let source_with_tools = source(WITH_TOOLS);
        let Some(source) = source(PLAIN) else {
            return Ok(Self {
                environment: None,
                source: String::new(),
                source_with_tools: None,
                sources,
                tokens,
            });
        };
        Ok(Self {
            environment: Some(compiled(template::environment(), &sources, str::to_owned)?),
            source,
            source_with_tools,
            sources,
            tokens,
        })
    }

    /// The same template for chats in which the signs of a user's text are hidden: what it asks of a text is answered
    /// as if they were not.
    ///
    /// # Errors
    /// When a template is not valid Jinja.
    pub(crate) fn seeing(&self, signs: &Arc<Signs>) -> Result<Self, TokenizerError> {
        let mut environment = template::environment();
        seeing::see(&mut environment, signs);
        let environment = compiled(environment, &self.sources, |source| seeing::seeing(source, signs))?;
        Ok(Self {
            environment: Some(environment),
            source: self.source.clone(),
            source_with_tools: self.source_with_tools.clone(),
            sources: Vec::new(),
            tokens: self.tokens.clone(),
        })
    }

    /// Whether a template, or the name of a special token that it may write, holds a text.
    pub(crate) fn writes(&self, text: &str) -> bool {
        let named = self.tokens.values().filter_map(Value::as_str);
        let mut all = self
            .sources
            .iter()
            .map(|(.., source)| source.as_str())
            .chain(named);
        all.any(|source| source.contains(text))
    }

    /// Names that the templates look up and texts that they compare, in small letters.
    pub(crate) fn words(&self) -> BTreeSet<String> {
        self.sources
            .iter()
            .flat_map(|(.., source)| source::words(source))
            .collect()
    }

    /// The prompt of a chat of plain messages, up to where the assistant speaks.
    ///
    /// # Errors
    /// [`ChatError`] when there is no template or it refuses the messages.
    pub fn render(&self, messages: &[Message]) -> Result<String, ChatError> {
        let messages: Vec<Value> = messages
            .iter()
            .map(|message| json!({"role": message.role, "content": message.content}))
            .collect();
        self.render_chat(&Chat {
            messages: &messages,
            tools: &[],
            extra: &Map::new(),
        })
    }

    /// The same for a chat with tools and further variables.
    ///
    /// # Errors
    /// As [`ChatTemplate::render`].
    pub fn render_chat(&self, chat: &Chat<'_>) -> Result<String, ChatError> {
        self.render_chat_at(chat, SystemTime::now())
    }

    /// The same at a moment, which some templates tell the model: in UTC.
    ///
    /// # Errors
    /// As [`ChatTemplate::render`].
    pub fn render_chat_at(&self, chat: &Chat<'_>, now: SystemTime) -> Result<String, ChatError> {
        let environment = self.environment.as_ref().ok_or(ChatError::NoTemplate)?;
        let refused = |e: Error| ChatError::Refused(e.detail().map_or_else(|| e.to_string(), str::to_owned));
        let name = self.name(!chat.tools.is_empty());
        let template = environment.get_template(name).map_err(refused)?;
        let values = context! {
            messages => chat.messages,
            tools => (!chat.tools.is_empty()).then_some(chat.tools),
            documents => (),
            add_generation_prompt => true,
            strftime_now => template::strftime(now),
            ..context! {
                ..minijinja::Value::from_serialize(chat.extra),
                ..minijinja::Value::from_serialize(&self.tokens)
            }
        };
        template.render(values).map_err(refused)
    }

    /// Whether a template of the model reads a variable of this name.
    pub fn reads(&self, variable: &str) -> bool {
        [false, true].iter().any(|tools| self.shows(*tools, variable))
    }

    /// Whether the template of chats with or without tools reads a variable: what it does not read, it cannot show to
    /// the model.
    pub fn shows(&self, tools: bool, variable: &str) -> bool {
        let environment = self.environment.as_ref();
        let template = environment.and_then(|environment| environment.get_template(self.name(tools)).ok());
        template.is_some_and(|template| template.undeclared_variables(false).contains(variable))
    }

    /// The text of the template that renders chats with or without tools; empty if there is none.
    pub fn source(&self, tools: bool) -> &str {
        let own = self.source_with_tools.as_ref().filter(|_| tools);
        own.unwrap_or(&self.source)
    }

    /// The name of the template that renders chats with or without tools.
    fn name(&self, tools: bool) -> &'static str {
        match self.source_with_tools {
            Some(_) if tools => WITH_TOOLS,
            _ => PLAIN,
        }
    }
}

/// An environment with all templates, each changed first.
fn compiled(
    mut environment: Environment<'static>,
    sources: &[(String, PathBuf, String)],
    change: impl Fn(&str) -> String,
) -> Result<Environment<'static>, TokenizerError> {
    for (name, path, source) in sources {
        environment
            .add_template_owned(name.clone(), change(&template::unmarked(source)))
            .map_err(|e| TokenizerError::Invalid {
                path: path.clone(),
                reason: format!("chat template: {e}"),
            })?;
    }
    Ok(environment)
}

/// Name, file and text of each template of a folder.
fn sources(
    folder: &Path,
    config_path: &Path,
    config: &Value,
) -> Result<Vec<(String, PathBuf, String)>, TokenizerError> {
    let mut found = Vec::new();
    // These two files alone: the model's hash covers them, and every host and auditor has them.
    let path = folder.join("chat_template.jinja");
    if path.exists() {
        let source = String::from_utf8_lossy(&read(&path)?).into_owned();
        return Ok(vec![(PLAIN.to_owned(), path, source)]);
    }
    let mut add = |name: &str, source: &str| {
        found.push((name.to_owned(), config_path.to_owned(), source.to_owned()));
    };
    match config.get("chat_template") {
        Some(Value::String(source)) => add(PLAIN, source),
        // Several, each with a name.
        Some(Value::Array(entries)) => {
            for entry in entries {
                if let (Some(name), Some(source)) = (entry["name"].as_str(), entry["template"].as_str()) {
                    add(name, source);
                }
            }
        }
        _ => {}
    }
    Ok(found)
}
