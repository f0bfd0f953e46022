//! What an engine was not seen to honour is refused by name, never dropped.

use super::{format, repetition_penalty};
use crate::capabilities::{Capabilities, EngineKind, PROBED_TOP_LOGPROBS};
use quern_inference_api::tools::ToolChoice;
use quern_inference_api::{ApiError, Endpoint, Input, Request};

/// That the engine honours all that a request asks for.
///
/// # Errors
/// The first parameter that it does not.
pub fn check(request: &Request, capabilities: &Capabilities) -> Result<(), ApiError> {
    let has_endpoint = match request.endpoint {
        Endpoint::Chat => capabilities.chat,
        Endpoint::Completions => capabilities.completions,
    };
    if !has_endpoint {
        return Err(ApiError::no_route("POST", request.endpoint.path()));
    }
    let kwargs = matches!(
        capabilities.kind,
        EngineKind::Vllm | EngineKind::Sglang | EngineKind::LlamaCpp
    );
    let tools = !request.tools.list.is_empty();
    // OpenAI's parameters beside those that were probed go to engines that do not tell who they are, too.
    let wanted = [
        (request.stream && !capabilities.streaming, "stream"),
        (request.echo, "echo"),
        (request.max_tokens == Some(0), "max_tokens"),
        (request.top_k > 0 && !capabilities.top_k, "top_k"),
        (request.min_p > 0.0 && !capabilities.min_p, "min_p"),
        (
            request.repetition_penalty != 1.0 && repetition_penalty(capabilities.kind).is_none(),
            "repetition_penalty",
        ),
        (
            !request.logit_bias.is_empty() && !capabilities.logit_bias,
            "logit_bias",
        ),
        (request.seed.is_some() && !capabilities.seed, "seed"),
        (!request.stop.is_empty() && !capabilities.stop, "stop"),
        (request.logprobs.is_some() && !capabilities.logprobs, "logprobs"),
        (
            matches!(request.input, Input::Tokens(_)) && !capabilities.token_prompts,
            "prompt",
        ),
        (tools && !capabilities.tools, "tools"),
        (
            request.template.contains_key("reasoning_effort") && !kwargs,
            request.reasoning.effort_param(),
        ),
        (
            request.reasoning.budget.is_some(),
            request.reasoning.budget.map_or("", |(_, param)| param),
        ),
        // No thoughts are shown where none are wanted, whether the engine can be told or not.
        (
            request.reasoning.enabled == Some(true) && !kwargs,
            "reasoning.enabled",
        ),
        (
            request.template.keys().any(|name| name != "reasoning_effort") && !kwargs,
            "chat_template_kwargs",
        ),
        (
            request.cache_salt.is_some() && capabilities.kind != EngineKind::Vllm,
            "cache_salt",
        ),
        (
            request.include_usage && !capabilities.stream_usage && !capabilities.counted_here,
            "stream_options.include_usage",
        ),
    ];
    if let Some((_, name)) = wanted.iter().find(|(missing, _)| *missing) {
        return Err(ApiError::unsupported(name));
    }
    let shown = capabilities.top_logprobs;
    if request
        .logprobs
        .is_some_and(|top| top > shown && shown < PROBED_TOP_LOGPROBS)
    {
        return Err(ApiError::unsupported("top_logprobs"));
    }
    if tools
        && request.tools.choice == ToolChoice::Required
        && capabilities.kind == EngineKind::LlamaCppPython
    {
        // It forces a function that is named, and no other.
        return Err(ApiError::unsupported("tool_choice"));
    }
    if tools
        && !request.tools.parallel
        && !matches!(capabilities.kind, EngineKind::Vllm | EngineKind::LlamaCpp)
    {
        return Err(ApiError::unsupported("parallel_tool_calls"));
    }
    match &request.format {
        Some(asked) if !format::honoured(&asked.format, capabilities) => {
            Err(ApiError::unsupported(&asked.param))
        }
        _ => Ok(()),
    }
}
