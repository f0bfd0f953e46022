//! Chat templates: `chat_template.jinja` or the entry of `tokenizer_config.json`, as `transformers` renders them.

use crate::tokenizer::{TokenizerError, read, read_optional};
use minijinja::{Environment, Error, ErrorKind, context};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::path::Path;

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

/// A model's chat template.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Option<Environment<'static>>,
    source: String,
    begin: Value,
    end: Value,
}

impl ChatTemplate {
    /// Reads the template of a model folder; a folder without one is not an error until a chat is asked for.
    ///
    /// # Errors
    /// When a file is unreadable or the template is not valid Jinja.
    pub fn load(folder: &Path) -> Result<Self, TokenizerError> {
        let config_path = folder.join("tokenizer_config.json");
        let config = read_optional(&config_path)?.unwrap_or_default();
        let own_file = folder.join("chat_template.jinja");
        let (path, source) = if own_file.exists() {
            (
                own_file.clone(),
                String::from_utf8_lossy(&read(&own_file)?).into_owned(),
            )
        } else {
            let Some(source) = config.get("chat_template").and_then(Value::as_str) else {
                return Ok(Self {
                    environment: None,
                    source: String::new(),
                    begin: Value::Null,
                    end: Value::Null,
                });
            };
            (config_path, source.to_owned())
        };
        let environment = compile(source.clone()).map_err(|e| TokenizerError::Invalid {
            path,
            reason: format!("chat template: {e}"),
        })?;
        let token = |name: &str| match config.get(name) {
            // An AddedToken is written as an object.
            Some(Value::Object(token)) => token.get("content").cloned().unwrap_or_default(),
            other => other.cloned().unwrap_or_default(),
        };
        Ok(Self {
            environment: Some(environment),
            source,
            begin: token("bos_token"),
            end: token("eos_token"),
        })
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
        let environment = self.environment.as_ref().ok_or(ChatError::NoTemplate)?;
        let refused = |e: Error| ChatError::Refused(e.detail().map_or_else(|| e.to_string(), str::to_owned));
        let template = environment.get_template("chat").map_err(refused)?;
        let values = context! {
            messages => chat.messages,
            tools => (!chat.tools.is_empty()).then_some(chat.tools),
            bos_token => self.begin,
            eos_token => self.end,
            add_generation_prompt => true,
            ..minijinja::Value::from_serialize(chat.extra)
        };
        template.render(values).map_err(refused)
    }

    /// Whether the template reads a variable of this name: what it does not read, it cannot show to the model.
    pub fn reads(&self, variable: &str) -> bool {
        let template = self
            .environment
            .as_ref()
            .and_then(|environment| environment.get_template("chat").ok());
        template.is_some_and(|template| template.undeclared_variables(false).contains(variable))
    }

    /// The template's text; empty if there is none.
    pub fn source(&self) -> &str {
        &self.source
    }
}

fn compile(source: String) -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    // transformers trims blocks, and templates rely on it.
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.add_function("raise_exception", |message: String| -> Result<String, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, message))
    });
    environment.set_fuel(Some(5_000_000));
    environment.add_template_owned("chat", source)?;
    Ok(environment)
}
