//! One answer as it comes: which choice says what, in an order that clients can rely on.

use super::calls::Calls;
use super::raw::{RawAnswer, RawMessage};
use super::rules::Rules;
use super::{logprobs, usage};
use crate::error::UpstreamError;
use quern_inference_api::logprobs::Token;
use quern_inference_api::response::{FinishReason, ToolCall, Usage};
use serde_json::Value;
use std::sync::Arc;

/// What a chunk brought to one choice.
#[derive(Debug, Default)]
pub struct Delta {
    /// Which choice.
    pub choice: usize,
    /// Text.
    pub text: String,
    /// What the model thought.
    pub reasoning: String,
    /// Calls of tools, or pieces of them.
    pub calls: Vec<ToolCall>,
    /// Tokens and their log-probabilities.
    pub tokens: Vec<Token>,
    /// Why it ended, if it did.
    pub finish: Option<FinishReason>,
}

impl Delta {
    /// Whether it says anything.
    pub fn says(&self) -> bool {
        let silent = self.text.is_empty() && self.reasoning.is_empty() && self.calls.is_empty();
        !silent || !self.tokens.is_empty() || self.finish.is_some()
    }
}

/// What is known of one choice.
#[derive(Debug)]
struct Running {
    calls: Calls,
    ended: bool,
    /// It has text, and tokens with their log-probabilities.
    said: bool,
    told: bool,
}

/// An answer as it comes.
#[derive(Debug)]
pub struct Assembly {
    choices: Vec<Running>,
    usage: Option<Usage>,
    /// Log-probabilities were asked for.
    telling: bool,
}

impl Assembly {
    /// An answer with so many choices; `number` is a random one.
    pub fn new(choices: u32, number: u64) -> Self {
        let running = |index: u32| Running {
            calls: Calls::new(number.wrapping_add(u64::from(index) << 32)),
            ended: false,
            said: false,
            told: false,
        };
        Self {
            choices: (0..choices).map(running).collect(),
            usage: None,
            telling: false,
        }
    }

    /// The same where log-probabilities must come, if `telling`.
    #[must_use]
    pub fn telling(self, telling: bool) -> Self {
        Self { telling, ..self }
    }

    /// The same whose calls are held to rules.
    #[must_use]
    pub fn holding(mut self, rules: &Arc<Rules>) -> Self {
        for choice in &mut self.choices {
            choice.calls.hold(rules.clone());
        }
        self
    }

    /// Takes in an answer or a chunk of one.
    ///
    /// # Errors
    /// When it contradicts what was asked or what came before.
    pub fn push(&mut self, answer: RawAnswer) -> Result<Vec<Delta>, UpstreamError> {
        if let Some(counted) = answer.usage.as_ref().and_then(usage) {
            self.usage = Some(counted);
        }
        let mut deltas = Vec::new();
        for (position, raw) in answer.choices.unwrap_or_default().into_iter().enumerate() {
            let choice = raw.index.map_or(position, |index| index as usize);
            let Some(running) = self.choices.get_mut(choice) else {
                return Err(UpstreamError::Garbage(format!(
                    "it has a choice {choice} that nobody asked for"
                )));
            };
            let message = raw.delta.or(raw.message).unwrap_or_default();
            let RawMessage {
                content,
                reasoning_content,
                reasoning,
                tool_calls,
            } = message;
            let mut delta = Delta {
                choice,
                text: raw.text.or(content).unwrap_or_default(),
                reasoning: reasoning_content.or(reasoning).unwrap_or_default(),
                tokens: raw.logprobs.as_ref().map_or_else(Vec::new, report),
                ..Delta::default()
            };
            for (position, call) in tool_calls.unwrap_or_default().into_iter().enumerate() {
                delta.calls.push(running.calls.push(position, call)?);
            }
            if running.ended {
                // Empty chunks after the end, some of which carry usage, are common.
                if delta.text.is_empty() && delta.calls.is_empty() {
                    continue;
                }
                return Err(UpstreamError::Garbage(format!(
                    "choice {choice} goes on after its end"
                )));
            }
            running.said |= !delta.text.is_empty();
            running.told |= !delta.tokens.is_empty();
            if let Some(reason) = raw.finish_reason.filter(|reason| !reason.is_empty()) {
                delta.finish = Some(finish(&reason, &running.calls)?);
                running.ended = true;
                if self.telling && running.said && !running.told {
                    let what = "log-probabilities were asked for and did not come";
                    return Err(UpstreamError::Garbage(what.into()));
                }
            }
            deltas.push(delta);
        }
        Ok(deltas)
    }

    /// Whether every choice has ended.
    pub fn is_over(&self) -> bool {
        self.choices.iter().all(|choice| choice.ended)
    }

    /// What the engine counted.
    pub fn usage(&self) -> Option<Usage> {
        self.usage
    }
}

fn report(value: &Value) -> Vec<Token> {
    let tokens = logprobs::tokens(value);
    tokens.into_iter().map(|report| report.token).collect()
}

/// Engines' reasons in OpenAI's words. An answer that ended for no good reason is broken.
fn finish(reason: &str, calls: &Calls) -> Result<FinishReason, UpstreamError> {
    let finish = match reason {
        "length" | "max_tokens" => return Ok(FinishReason::Length),
        "stop" | "eos" | "eos_token" | "stop_sequence" if !calls.any() => FinishReason::Stop,
        // A forced call ends with `stop` at some engines.
        "stop" | "eos" | "eos_token" | "stop_sequence" | "tool_calls" | "function_call" => {
            FinishReason::ToolCalls
        }
        other => {
            let words = crate::error::words_of(other);
            return Err(UpstreamError::Broken(format!("it ended with '{words}'")));
        }
    };
    if finish == FinishReason::ToolCalls && !calls.any() {
        return Err(UpstreamError::Garbage(
            "it ended with 'tool_calls' without one".into(),
        ));
    }
    calls.check().map(|()| finish)
}
