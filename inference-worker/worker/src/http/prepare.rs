//! From a request to what the engine has to do. An auditor goes the same way.

use crate::generate::{Job, Shape};
use crate::http::Service;
use crate::http::tools::{self, Style};
use http::{HeaderMap, HeaderValue};
use quern_engine::chat::Chat;
use quern_engine::grammar::Constraint;
use quern_engine::sampler::SamplingParams;
use quern_engine::seed::Seed;
use quern_inference_api::format::Format;
use quern_inference_api::paid::{CACHE_PART_HEADER, MAX_CACHE_PART};
use quern_inference_api::{ApiError, Input, Message, Request};
use serde_json::{Map, Value};
use std::sync::Arc;

/// The tokens that the model reads.
pub(crate) fn prompt(service: &Service, request: &Request) -> Result<Vec<u32>, ApiError> {
    let param = request.endpoint.input_param();
    let tokenizer = &service.text.tokenizer;
    Ok(match &request.input {
        Input::Chat(messages) => chat(service, request, messages)?,
        Input::Text(text) => tokenizer
            .encode(text, true)
            .map_err(|e| ApiError::invalid(param, e.to_string()))?,
        Input::Tokens(ids) => match ids.iter().find(|id| !tokenizer.tokens().contains(**id)) {
            Some(id) => return Err(ApiError::invalid(param, format!("There is no token id {id}."))),
            None => ids.clone(),
        },
    })
}

/// Tokens and limits of a request's first choice; its seed is set later.
pub(crate) fn prepare(service: &Service, request: &Request) -> Result<Job, ApiError> {
    let param = request.endpoint.input_param();
    let tokenizer = &service.text.tokenizer;
    let prompt = prompt(service, request)?;
    if prompt.is_empty() {
        return Err(ApiError::invalid(param, format!("'{param}' holds no tokens.")));
    }
    let left = service.context.saturating_sub(prompt.len());
    let wanted = request.max_tokens.map_or(left.max(1), |n| n as usize);
    if wanted > left {
        return Err(ApiError::context(param, service.context, prompt.len(), wanted));
    }
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
    Ok(Job {
        prompt,
        max_tokens: wanted as u32,
        params,
        stop: request.stop.clone(),
        seed: Seed([0; 32]),
        meter: None,
        shape: shape(service, request)?,
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

fn shape(service: &Service, request: &Request) -> Result<Shape, ApiError> {
    let text = &service.text;
    let calls = request.tools.are_active();
    let asked = match &request.format {
        _ if calls => Some((tools::constraint(text, &request.tools)?, "tools")),
        Some(asked) => Some((constraint(&asked.format), asked.param.as_str())),
        // The model sees them all the same.
        None if request.tools.are_shown() => tools::no_call(text).map(|none| (none, "tool_choice")),
        None => None,
    };
    let compile = |(constraint, param): (Constraint, &str)| {
        let grammar = text.grammars.compile(&text.tokenizer, &constraint);
        grammar.map(Arc::new).map_err(|e| {
            let message = format!("'{param}' cannot be used: {e}.");
            ApiError::invalid(param, message)
        })
    };
    Ok(Shape {
        choice: 0,
        param: asked.as_ref().map(|(_, param)| (*param).to_owned()),
        grammar: asked.map(compile).transpose()?,
        shown: if calls {
            Style::of(text).shown(text)
        } else {
            Vec::new()
        },
        logprobs: request.logprobs,
        cache_salt: request.cache_salt.clone(),
        ..Shape::default()
    })
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
fn chat(service: &Service, request: &Request, messages: &[Message]) -> Result<Vec<u32>, ApiError> {
    let chat = service.text.chat.template();
    let tools = request.tools.are_shown();
    if let Some(variable) = request.template.keys().find(|name| !chat.shows(tools, name)) {
        return Err(match variable.as_str() {
            "reasoning_effort" => ApiError::unsupported(variable),
            _ => ApiError::unsupported(&format!("chat_template_kwargs.{variable}")),
        });
    }
    let shows_calls = chat.source(tools).contains("tool_calls");
    let calls = |message: &Message| message.extra.contains_key("tool_calls");
    if let Some(index) = messages.iter().position(calls).filter(|_| !shows_calls) {
        return Err(ApiError::unsupported(&format!("messages[{index}].tool_calls")));
    }
    let messages: Vec<Value> = messages.iter().map(value).collect();
    let tools: Vec<Value> = match tools {
        true => request.tools.list.iter().map(|tool| tool.raw.clone()).collect(),
        false => Vec::new(),
    };
    let tokens = service.text.chat.encode(&Chat {
        messages: &messages,
        tools: &tools,
        extra: &request.template,
    });
    tokens.map_err(|e| ApiError::invalid(request.endpoint.input_param(), e.to_string()))
}

fn value(message: &Message) -> Value {
    let mut fields = Map::new();
    fields.insert("role".into(), message.role.clone().into());
    fields.insert("content".into(), message.content.clone().into());
    fields.extend(message.extra.clone());
    Value::Object(fields)
}
