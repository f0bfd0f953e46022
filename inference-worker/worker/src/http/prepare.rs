//! From a request to what the engine has to do. An auditor goes the same way.

use crate::generate::{Job, Shape};
use crate::http::Service;
use crate::http::think;
use crate::http::tools::{self, Style};
use crate::model::Text;
use http::{HeaderMap, HeaderValue};
use quern_engine::chat::Chat;
use quern_engine::grammar::{Constraint, Grammar};
use quern_engine::prompt::PromptError;
use quern_engine::sampler::SamplingParams;
use quern_engine::seed::Seed;
use quern_engine::tokenizer::TokenizerError;
use quern_inference_api::format::Format;
use quern_inference_api::paid::{CACHE_PART_HEADER, MAX_CACHE_PART};
use quern_inference_api::tools::ToolChoice;
use quern_inference_api::{ApiError, Input, Message, Request};
use serde_json::{Map, Value};
use std::sync::Arc;

/// How many tokens a prompt may have, and what is said of one that has more, of which it is known how many at least.
type Bound<'a> = (usize, &'a dyn Fn(usize) -> ApiError);

/// The tokens that the model reads. A few more than the bound may come.
pub(crate) fn prompt(service: &Service, request: &Request, bound: Bound<'_>) -> Result<Vec<u32>, ApiError> {
    let param = request.endpoint.input_param();
    let tokenizer = &service.text.tokenizer;
    Ok(match &request.input {
        Input::Chat(messages) => chat(service, request, messages, bound)?,
        Input::Text(text) => tokenizer
            .encode_within(text, true, bound.0)
            .map_err(|error| refused(param, error, bound))?,
        Input::Tokens(ids) => match ids.iter().find(|id| !tokenizer.tokens().contains(**id)) {
            Some(id) => return Err(ApiError::invalid(param, format!("There is no token id {id}."))),
            None => ids.clone(),
        },
    })
}

/// What a client is told of a text that is not encoded.
fn refused(param: &str, error: TokenizerError, (_, long): Bound<'_>) -> ApiError {
    match error {
        TokenizerError::Long(least) => long(least),
        other => ApiError::invalid(param, other.to_string()),
    }
}

/// Tokens and limits of a request's first choice; its seed is set later.
pub(crate) fn prepare(service: &Service, request: &Request) -> Result<Job, ApiError> {
    let param = request.endpoint.input_param();
    let tokenizer = &service.text.tokenizer;
    let output = request.max_tokens.map_or(1, |n| n as usize);
    let long = |least| ApiError::context_at_least(param, service.context, least, output);
    let prompt = prompt(service, request, (service.context, &long))?;
    if prompt.is_empty() {
        return Err(ApiError::invalid(param, format!("'{param}' holds no tokens.")));
    }
    let left = service.context.saturating_sub(prompt.len());
    let wanted = request.max_tokens.map_or(left.max(1), |n| n as usize);
    if prompt.len().saturating_add(wanted) > service.context {
        return Err(ApiError::context(param, service.context, prompt.len(), wanted));
    }
    request.check_scored(prompt.len())?;
    let mut bias = request.logit_bias.keys();
    if let Some(id) = bias.find(|id| !tokenizer.tokens().contains(**id)) {
        return Err(ApiError::invalid(
            "logit_bias",
            format!("There is no token id {id}."),
        ));
    }
    let params = SamplingParams {
        bias: request.logit_bias.clone(),
        repetition_penalty: request.repetition_penalty,
        frequency_penalty: request.frequency_penalty,
        presence_penalty: request.presence_penalty,
        temperature: request.temperature,
        top_k: request.top_k,
        top_p: request.top_p,
        min_p: request.min_p,
    };
    params
        .validate()
        .map_err(|e| ApiError::invalid(e.name, e.to_string()))?;
    let shape = shape(service, request, &prompt)?;
    Ok(Job {
        prompt,
        max_tokens: wanted as u32,
        params,
        stop: request.stop.clone(),
        seed: Seed([0; 32]),
        meter: None,
        shape,
    })
}

/// Parts a request's cached prompt from those of other holders of the router's keys: how soon a first token comes tells
/// what was cached, and so what others asked.
pub(crate) fn part_cache(job: &mut Job, headers: &HeaderMap) {
    let part = headers.get(CACHE_PART_HEADER).map(HeaderValue::as_bytes);
    let Some(part) = part.filter(|part| part.len() <= MAX_CACHE_PART) else {
        return;
    };
    let (length, part) = (part.len(), String::from_utf8_lossy(part));
    let own = job.shape.cache_salt.take().unwrap_or_default();
    job.shape.cache_salt = Some(format!("{length} {part}{own}"));
}

fn shape(service: &Service, request: &Request, prompt: &[u32]) -> Result<Shape, ApiError> {
    let text = &service.text;
    let calls = request.tools.are_active();
    let grammar = grammar(text, request)?.map(Arc::new);
    Ok(Shape {
        choice: 0,
        param: grammar.is_some().then(|| asked_by(request)),
        grammar,
        thinking: think::thinking(text, request, prompt)?,
        shown: if calls {
            Style::of(text).shown(text)
        } else {
            Vec::new()
        },
        logprobs: request.logprobs,
        scores_prompt: request.scores_prompt(),
        cache_salt: request.cache_salt.clone(),
        ..Shape::default()
    })
}

/// The parameter that asked for a grammar, where there is one.
fn asked_by(request: &Request) -> String {
    match &request.format {
        _ if request.tools.are_active() => "tools".to_owned(),
        Some(asked) => asked.param.clone(),
        None => "tool_choice".to_owned(),
    }
}

/// What the output must match. Where it is the model's own decision whether it calls tools, and a text has a format, the
/// output is calls alone or a text of the format. Forced calls have none.
pub(super) fn grammar(text: &Text, request: &Request) -> Result<Option<Grammar>, ApiError> {
    let tools = &request.tools;
    let compile = |constraint: Constraint, param: &str| {
        let grammar = text.grammars.compile(&text.tokenizer, &constraint);
        grammar.map_err(|e| {
            let message = format!("'{param}' cannot be used: {e}.");
            ApiError::invalid(param, message)
        })
    };
    let format = request.format.as_ref();
    let format = format.map(|asked| compile(constraint(&asked.format), &asked.param));
    let format = format.transpose()?;
    if !tools.are_active() {
        return match format {
            // The model sees them all the same.
            None if tools.are_shown() => tools::no_call(text)
                .map(|none| compile(none, "tool_choice"))
                .transpose(),
            format => Ok(format),
        };
    }
    let forced = tools.choice != ToolChoice::Auto;
    let calls = tools::constraint(text, tools, forced || format.is_some())?;
    let calls = compile(calls, "tools")?;
    Ok(Some(match format {
        Some(format) if !forced => Grammar::either(&calls, &format, &tools::heads(Style::of(text), tools)),
        _ => calls,
    }))
}

fn constraint(format: &Format) -> Constraint {
    match format {
        Format::JsonObject => Constraint::JsonObject,
        Format::JsonSchema(schema) => Constraint::JsonSchema(schema.clone()),
        Format::Regex(text) => Constraint::Regex(text.clone()),
        Format::Grammar(text) => Constraint::Lark(text.clone()),
        Format::Choice(texts) => Constraint::Choice(texts.clone()),
    }
}

/// The prompt of a chat. What the template does not show to the model is refused.
fn chat(
    service: &Service,
    request: &Request,
    messages: &[Message],
    bound: Bound<'_>,
) -> Result<Vec<u32>, ApiError> {
    let template = service.text.chat.template();
    let tools = request.tools.are_shown();
    let variables = think::variables(&service.text, request)?;
    if let Some(variable) = variables.keys().find(|name| !template.shows(tools, name)) {
        return Err(ApiError::unsupported(&format!("chat_template_kwargs.{variable}")));
    }
    let shows_calls = template.source(tools).contains("tool_calls");
    let calls = |message: &Message| message.extra.contains_key("tool_calls");
    if let Some(index) = messages.iter().position(calls).filter(|_| !shows_calls) {
        return Err(ApiError::unsupported(&format!("messages[{index}].tool_calls")));
    }
    let messages: Vec<Value> = messages.iter().map(value).collect();
    let tools: Vec<Value> = match tools {
        true => request.tools.list.iter().map(|tool| tool.raw.clone()).collect(),
        false => Vec::new(),
    };
    let chat = Chat {
        messages: &messages,
        tools: &tools,
        extra: &variables,
    };
    let param = request.endpoint.input_param();
    let tokens = service.text.chat.encode_within(&chat, bound.0);
    tokens.map_err(|error| match error {
        PromptError::Tokenizer(error) => refused(param, error, bound),
        other => ApiError::invalid(param, other.to_string()),
    })
}

fn value(message: &Message) -> Value {
    let mut fields = Map::new();
    fields.insert("role".into(), message.role.clone().into());
    fields.insert("content".into(), message.content.clone().into());
    fields.extend(message.extra.clone());
    Value::Object(fields)
}
