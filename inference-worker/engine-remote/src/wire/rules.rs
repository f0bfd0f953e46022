//! What an engine's calls are held to, as no grammar of ours holds it to anything.

use super::survey::Survey;
use crate::error::UpstreamError;
use jsonschema::{PatternCache, PatternOptions, Validator};
use quern_inference_api::ApiError;
use quern_inference_api::tools::{Tool, Tools};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Most bytes that one compiled pattern takes, and its automaton besides.
const MAX_PATTERN: usize = 1024 * 1024;
/// Most bytes of arguments times the size of their schema.
const MAX_WORK: usize = 1 << 28;
/// Stack of a thread that goes through a schema: levels of a schema at each level of what is held to it.
const STACK: usize = 64 << 20;

/// The tools that may be called, and the schemas of those that are strict.
#[derive(Debug, Default)]
pub struct Rules(BTreeMap<String, Option<Strict>>);

/// A strict tool's schema.
#[derive(Debug)]
struct Strict {
    schema: Validator,
    size: usize,
}

impl Rules {
    /// Those of a request. It may take a while.
    ///
    /// # Errors
    /// When the schema of a strict tool is none, or takes too long to check.
    pub fn of(tools: &Tools) -> Result<Self, ApiError> {
        let open: Vec<&Tool> = match tools.are_active() {
            true => tools.callable().collect(),
            false => Vec::new(),
        };
        if !open.iter().any(|tool| tool.strict) {
            return Ok(Self(open.iter().map(|tool| (tool.name.clone(), None)).collect()));
        }
        let compiled = apart(|| {
            let (mut survey, patterns) = (Survey::default(), PatternCache::new());
            let rule = |tool: &Tool| {
                let strict = tool.strict.then(|| strict(tool, &mut survey, &patterns));
                Ok((tool.name.clone(), strict.transpose()?))
            };
            open.into_iter().map(rule).collect::<Result<_, _>>().map(Self)
        });
        compiled.ok_or_else(|| ApiError::internal("The schemas of the tools cannot be read now."))?
    }

    /// That a tool may be called.
    pub(super) fn open(&self, name: &str) -> Result<(), UpstreamError> {
        match self.0.contains_key(name) {
            true => Ok(()),
            false => Err(UpstreamError::Garbage(
                "it calls a tool that it was not to call".into(),
            )),
        }
    }

    /// That a tool's arguments, which are a JSON object or none at all, are such as its schema says.
    pub(super) fn check(&self, name: &str, arguments: Option<&Value>) -> Result<(), UpstreamError> {
        let Some(Some(Strict { schema, size })) = self.0.get(name) else {
            return Ok(());
        };
        let empty = json!({});
        let arguments = arguments.unwrap_or(&empty);
        let limit = MAX_WORK / (*size).max(1);
        if arguments.to_string().len() > limit {
            let what = "arguments of a strict tool";
            return Err(UpstreamError::TooLong { what, limit });
        }
        match apart(|| schema.is_valid(arguments)) {
            Some(true) => Ok(()),
            _ => Err(UpstreamError::Garbage(
                "the arguments of a tool call do not match the schema of the tool, which is strict".into(),
            )),
        }
    }
}

fn strict(tool: &Tool, survey: &mut Survey, patterns: &PatternCache) -> Result<Strict, ApiError> {
    let refused = |error: &dyn std::fmt::Display| {
        let message = format!("The parameters of '{}' cannot be used: {error}.", tool.name);
        ApiError::invalid("tools", message)
    };
    let size = survey.size(&tool.parameters).map_err(|error| refused(&error))?;
    let mut schema = tool.parameters.clone();
    if let Value::Object(fields) = &mut schema {
        // All references are within it, whatever its name.
        for name in ["$id", "id"] {
            if fields.get(name).is_some_and(Value::is_string) {
                fields.remove(name);
            }
        }
    }
    // No expression takes longer than its text is long. Nothing is fetched.
    let expressions = PatternOptions::regex()
        .size_limit(MAX_PATTERN)
        .dfa_size_limit(MAX_PATTERN);
    let options = jsonschema::options()
        .with_pattern_options(expressions)
        .with_pattern_cache(patterns.clone())
        .offline();
    let schema = options.build(&schema).map_err(|error| refused(&error))?;
    Ok(Strict { schema, size })
}

/// Does what may take long and a deep stack on a thread of its own; this one waits for it, and others take over what else it
/// had to do. None if it came to no end.
fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    let waits = || {
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(STACK);
            thread.spawn_scoped(scope, work).ok()?.join().ok()
        })
    };
    match tokio::runtime::Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(tokio::runtime::RuntimeFlavor::MultiThread) => tokio::task::block_in_place(waits),
        _ => waits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quern_inference_api::{Endpoint, Request};

    fn rules(more: Value) -> Rules {
        let tool = |name: &str| json!({"type": "function", "function": {"name": name}});
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "x"}], "tools": [tool("f"), tool("g")]});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let request = Request::parse(Endpoint::Chat, body.to_string().as_bytes()).unwrap();
        Rules::of(&request.tools).unwrap()
    }

    #[test]
    fn what_may_be_called_is_what_the_request_leaves_open() {
        let open = |rules: &Rules| ["f", "g", "h"].map(|name| rules.open(name).is_ok());
        assert_eq!(open(&rules(json!({}))), [true, true, false]);
        assert_eq!(open(&rules(json!({"tool_choice": "none"}))), [false; 3]);
        assert_eq!(open(&rules(json!({"tools": []}))), [false; 3]);
        let named = json!({"type": "function", "function": {"name": "g"}});
        assert_eq!(open(&rules(json!({"tool_choice": named}))), [false, true, false]);
        let some = json!({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [named]}});
        assert_eq!(open(&rules(json!({"tool_choice": some}))), [false, true, false]);
    }
}
