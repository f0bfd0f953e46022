//! Calls of tools, put together from pieces and held to what a client relies on.

use super::raw::RawCall;
use super::rules::Rules;
use crate::error::UpstreamError;
use quern_inference_api::response::ToolCall;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Most calls of one answer.
const MAX_CALLS: usize = 128;
/// Most bytes of arguments in one answer.
const MAX_ARGUMENTS: usize = 1024 * 1024;
/// Longest id or name, in bytes.
const MAX_NAME: usize = 256;

/// Calls of one choice so far.
#[derive(Debug, Default)]
pub(super) struct Calls {
    calls: Vec<(String, String)>,
    /// None where nobody asked for what they are.
    rules: Option<Arc<Rules>>,
    ids: BTreeSet<String>,
    bytes: usize,
    /// Sets ids of this answer apart from those of others.
    number: u64,
}

impl Calls {
    pub(super) fn new(number: u64) -> Self {
        Self {
            number,
            ..Self::default()
        }
    }

    /// Holds them to rules.
    pub(super) fn hold(&mut self, rules: Arc<Rules>) {
        self.rules = Some(rules);
    }

    pub(super) fn any(&self) -> bool {
        !self.calls.is_empty()
    }

    /// One more piece. `position` stands for an index that the engine leaves out.
    pub(super) fn push(&mut self, position: usize, raw: RawCall) -> Result<ToolCall, UpstreamError> {
        let garbage = |what: &str| UpstreamError::Garbage(what.into());
        let index = raw.index.map_or(position, |index| index as usize);
        let function = raw.function.unwrap_or_default();
        let arguments = match function.arguments {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text,
            Some(other) => other.to_string(),
        };
        let head = match index.cmp(&self.calls.len()) {
            // Some engines repeat id and name in every piece.
            std::cmp::Ordering::Less => None,
            std::cmp::Ordering::Equal if index < MAX_CALLS => {
                let name = function.name.filter(|name| (1..=MAX_NAME).contains(&name.len()));
                let name = name.ok_or_else(|| garbage("a tool call has no name"))?;
                self.rules.as_ref().map_or(Ok(()), |rules| rules.open(&name))?;
                let own = raw.id.filter(|id| (1..=MAX_NAME).contains(&id.len()));
                // Clients answer calls by their ids, so no two may be alike.
                let id = own.filter(|id| !self.ids.contains(id));
                let id = id.unwrap_or_else(|| format!("call_{:016x}{index:02x}", self.number));
                self.ids.insert(id.clone());
                self.calls.push((name.clone(), String::new()));
                Some((id, name))
            }
            _ => return Err(garbage("its tool calls are out of order or too many")),
        };
        self.bytes = self.bytes.saturating_add(arguments.len());
        if self.bytes > MAX_ARGUMENTS {
            return Err(UpstreamError::TooLong {
                what: "tool arguments",
                limit: MAX_ARGUMENTS,
            });
        }
        if let Some((_, call)) = self.calls.get_mut(index) {
            call.push_str(&arguments);
        }
        Ok(ToolCall {
            index,
            head,
            arguments,
        })
    }

    /// That all arguments are JSON objects, and such as the rules say, as they are if the answer was not cut.
    pub(super) fn check(&self) -> Result<(), UpstreamError> {
        for (name, text) in &self.calls {
            // No arguments at all are what some engines send for a function without any.
            let arguments = match text.as_str() {
                "" => None,
                text => match serde_json::from_str(text) {
                    Ok(value @ Value::Object(_)) => Some(value),
                    _ => {
                        let what = "the arguments of a tool call are no JSON object";
                        return Err(UpstreamError::Garbage(what.into()));
                    }
                },
            };
            if let Some(rules) = &self.rules {
                rules.check(name, arguments.as_ref())?;
            }
        }
        Ok(())
    }
}
