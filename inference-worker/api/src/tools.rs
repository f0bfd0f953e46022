//! Tools that a chat may call.

use crate::error::ApiError;
use crate::params::{only, optional_flag};
use serde_json::{Map, Value};

/// Most tools of one request.
const MAX_TOOLS: usize = 128;
/// Longest name of a tool, in bytes.
const MAX_NAME: usize = 64;

/// A function that the model may call.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// JSON schema of its arguments: an object.
    pub parameters: Value,
    /// Whether every word of the schema must be kept.
    pub strict: bool,
    /// As the client sent it, for the model to read.
    pub raw: Value,
}

/// Whether the model calls tools.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ToolChoice {
    /// It does not.
    None,
    /// As it sees fit.
    #[default]
    Auto,
    /// At least once.
    Required,
    /// This one, once.
    Named(String),
}

/// The tools of a request and how they may be called.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tools {
    /// The tools.
    pub list: Vec<Tool>,
    /// Whether they are called.
    pub choice: ToolChoice,
    /// Names of those that may be called; all if none. The model is shown the others, too.
    pub allowed: Option<Vec<String>>,
    /// Whether one answer may hold several calls.
    pub parallel: bool,
}

impl Tools {
    /// Whether the model is shown tools. Also where it may call none of them: so a chat's prompt stays the same from turn
    /// to turn, and what of it is cached.
    pub fn are_shown(&self) -> bool {
        !self.list.is_empty()
    }

    /// Whether the answer may hold a call.
    pub fn are_active(&self) -> bool {
        self.are_shown() && self.choice != ToolChoice::None
    }

    /// The tools that may be called.
    pub fn callable(&self) -> impl Iterator<Item = &Tool> {
        self.list.iter().filter(|tool| match &self.choice {
            ToolChoice::Named(name) => tool.name == *name,
            _ => self.is_allowed(&tool.name),
        })
    }

    /// Whether the request leaves a tool open to the model.
    pub fn is_allowed(&self, name: &str) -> bool {
        let allowed = self.allowed.as_ref();
        allowed.is_none_or(|allowed| allowed.iter().any(|allowed| allowed == name))
    }

    /// Reads `tools`, `tool_choice` and `parallel_tool_calls`.
    pub(crate) fn take(fields: &mut Map<String, Value>) -> Result<Self, ApiError> {
        let list = match fields.remove("tools") {
            None => Vec::new(),
            Some(Value::Array(items)) if items.len() <= MAX_TOOLS => {
                let tools: Result<_, _> = items.into_iter().enumerate().map(tool).collect();
                tools?
            }
            Some(_) => {
                let message = format!("'tools' must be a list of at most {MAX_TOOLS} tools.");
                return Err(ApiError::invalid("tools", message));
            }
        };
        for (index, tool) in list.iter().enumerate() {
            if list.iter().take(index).any(|other| other.name == tool.name) {
                let path = format!("tools[{index}].function.name");
                let message = format!("Two tools are named '{}'.", tool.name);
                return Err(ApiError::invalid(&path, message));
            }
        }
        let (choice, allowed) = choice(fields.remove("tool_choice"), &list)?;
        let parallel = optional_flag(fields, "parallel_tool_calls")?.unwrap_or(true);
        Ok(Self {
            list,
            choice,
            allowed,
            parallel,
        })
    }
}

fn tool((index, value): (usize, Value)) -> Result<Tool, ApiError> {
    let path = |field: &str| format!("tools[{index}]{field}");
    if value.get("type").and_then(Value::as_str) != Some("function") {
        let message = format!("'{}' must be 'function'.", path(".type"));
        return Err(ApiError::invalid(&path(".type"), message));
    }
    // Hints of where a prompt may be cached are never needed.
    only(&value, &["type", "function", "cache_control"], &path(""))?;
    let Some(Value::Object(function)) = value.get("function") else {
        return Err(ApiError::missing(&path(".function")));
    };
    let name = function.get("name").and_then(Value::as_str).unwrap_or_default();
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(fine) {
        let message = format!(
            "'{}' must have 1 to {MAX_NAME} letters, digits, underscores, dashes or dots.",
            path(".function.name")
        );
        return Err(ApiError::invalid(&path(".function.name"), message));
    }
    let known = ["name", "description", "parameters", "strict"];
    if let Some(other) = function.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(ApiError::unknown(&path(&format!(".function.{other}"))));
    }
    if function
        .get("description")
        .is_some_and(|words| !(words.is_string() || words.is_null()))
    {
        let path = path(".function.description");
        return Err(ApiError::invalid(&path, format!("'{path}' must be a string.")));
    }
    let strict = match function.get("strict") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(strict)) => *strict,
        Some(_) => {
            let path = path(".function.strict");
            return Err(ApiError::invalid(
                &path,
                format!("'{path}' must be true or false."),
            ));
        }
    };
    let parameters = match function.get("parameters") {
        None | Some(Value::Null) => nothing(),
        Some(Value::Object(fields)) if fields.is_empty() => nothing(),
        Some(Value::Object(fields)) => {
            let mut fields = fields.clone();
            let kind = fields.entry("type").or_insert_with(|| "object".into());
            if kind != "object" {
                let path = path(".function.parameters");
                let message = format!("'{path}' must be the schema of an object.");
                return Err(ApiError::invalid(&path, message));
            }
            Value::Object(fields)
        }
        Some(_) => {
            let path = path(".function.parameters");
            return Err(ApiError::invalid(
                &path,
                format!("'{path}' must be a JSON schema."),
            ));
        }
    };
    Ok(Tool {
        name: name.to_owned(),
        parameters,
        strict,
        raw: value.clone(),
    })
}

/// The schema of no arguments.
fn nothing() -> Value {
    serde_json::json!({"type": "object", "properties": {}, "additionalProperties": false})
}

/// A choice, and the names that it leaves open if those are not all.
type Choice = (ToolChoice, Option<Vec<String>>);

fn choice(value: Option<Value>, list: &[Tool]) -> Result<Choice, ApiError> {
    let refused = |message: &str| ApiError::invalid("tool_choice", message);
    let unknown = || {
        refused("'tool_choice' must be 'none', 'auto', 'required', name a function or list 'allowed_tools'.")
    };
    let choice = match &value {
        None => return Ok((ToolChoice::Auto, None)),
        Some(Value::String(word)) => match word.as_str() {
            "none" => return Ok((ToolChoice::None, None)),
            "auto" => return Ok((ToolChoice::Auto, None)),
            "required" => ToolChoice::Required,
            _ => return Err(unknown()),
        },
        Some(value) => {
            let name = value.get("function").and_then(|function| function.get("name"));
            match (
                value.get("type").and_then(Value::as_str),
                name.and_then(Value::as_str),
            ) {
                (Some("function"), Some(name)) => {
                    only(value, &["type", "function"], "tool_choice")?;
                    let function = value.get("function").unwrap_or(&Value::Null);
                    only(function, &["name"], "tool_choice.function")?;
                    ToolChoice::Named(name.to_owned())
                }
                (Some("allowed_tools"), _) => {
                    only(value, &["type", "allowed_tools"], "tool_choice")?;
                    return allowed(value.get("allowed_tools").unwrap_or(&Value::Null), list);
                }
                _ => return Err(unknown()),
            }
        }
    };
    if list.is_empty() {
        return Err(refused(
            "'tool_choice' is only allowed when 'tools' are specified.",
        ));
    }
    match &choice {
        ToolChoice::Named(name) if !list.iter().any(|tool| tool.name == *name) => Err(refused(
            "'tool_choice' names a function that is not among 'tools'.",
        )),
        _ => Ok((choice, None)),
    }
}

/// Some of the tools, by their names or as they are among `tools`.
fn allowed(value: &Value, list: &[Tool]) -> Result<Choice, ApiError> {
    const PATH: &str = "tool_choice.allowed_tools";
    let refused = |path: String, what: &str| {
        let message = format!("'{path}' must be {what}.");
        Err(ApiError::invalid(&path, message))
    };
    if !value.is_object() {
        return refused(PATH.into(), "an object");
    }
    only(value, &["mode", "tools"], PATH)?;
    let choice = match value.get("mode").and_then(Value::as_str) {
        Some("auto") => ToolChoice::Auto,
        Some("required") => ToolChoice::Required,
        _ => return refused(format!("{PATH}.mode"), "'auto' or 'required'"),
    };
    let items = match value.get("tools") {
        Some(Value::Array(items)) if (1..=MAX_TOOLS).contains(&items.len()) => items,
        _ => {
            let what = format!("a list of 1 to {MAX_TOOLS} of 'tools'");
            return refused(format!("{PATH}.tools"), &what);
        }
    };
    let mut names = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let name = item.get("function").and_then(|function| function.get("name"));
        let tool = list
            .iter()
            .find(|tool| name.is_some_and(|name| *name == tool.name));
        let same = |tool: &&Tool| {
            *item == tool.raw
                || *item == serde_json::json!({"type": "function", "function": {"name": tool.name}})
        };
        match tool.filter(same) {
            Some(tool) => names.push(tool.name.clone()),
            None => {
                let what = "one of 'tools', by its type and name or in the same words";
                return refused(format!("{PATH}.tools[{index}]"), what);
            }
        }
    }
    Ok((choice, Some(names)))
}
