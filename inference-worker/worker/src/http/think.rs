//! Thoughts before an answer: what a request asks of them, and the form in which clients get them.

use crate::model::Text;
use quern_engine::thinking::{Stage, Thinking};
use quern_inference_api::reasoning::EFFORT;
use quern_inference_api::{ApiError, Endpoint, Request};
use serde_json::{Map, Value};

/// Variables by which chat templates switch thoughts on and off: Qwen's, and DeepSeek's and Granite's.
const SWITCHES: [&str; 2] = ["enable_thinking", "thinking"];

/// Whether the request wants thoughts, if it says, and what says so. An effort that the template reads is the template's.
fn wanted(text: &Text, request: &Request) -> Result<Option<(bool, &'static str)>, ApiError> {
    let effort = request.template.get(EFFORT).and_then(Value::as_str);
    let own = text.chat.template().shows(request.tools.are_shown(), EFFORT);
    request.reasoning.wanted(effort.filter(|_| !own))
}

/// The variables that the template is given: those that the request names, and the switch of what it asks of the thoughts.
///
/// # Errors
/// The parameter, where the model does not think, or two contradict each other.
pub(super) fn variables(text: &Text, request: &Request) -> Result<Map<String, Value>, ApiError> {
    let (chat, tools) = (text.chat.template(), request.tools.are_shown());
    let mut variables = request.template.clone();
    if !chat.shows(tools, EFFORT) {
        variables.remove(EFFORT);
    }
    if let (Some((most, param)), None) = (request.reasoning.budget, text.marks)
        && most > 0
    {
        return Err(ApiError::unsupported(param));
    }
    let Some((on, param)) = wanted(text, request)? else {
        return Ok(variables);
    };
    let switch = SWITCHES.into_iter().find(|name| chat.shows(tools, name));
    match switch {
        Some(switch) => {
            let other = variables.insert(switch.into(), on.into());
            if other.is_some_and(|other| other != on) {
                let message =
                    format!("'{param}' and 'chat_template_kwargs.{switch}' contradict each other; send one.");
                return Err(ApiError::invalid(param, message));
            }
        }
        None if on && text.marks.is_none() && !chat.shows(tools, EFFORT) => {
            return Err(ApiError::unsupported(param));
        }
        None => {}
    }
    Ok(variables)
}

/// How the model thinks before it answers this prompt; none if it does not. Where a request wants no thoughts and the
/// template has no switch, the budget is none.
pub(super) fn thinking(text: &Text, request: &Request, prompt: &[u32]) -> Result<Option<Thinking>, ApiError> {
    let Some(marks) = text.marks.filter(|_| request.endpoint == Endpoint::Chat) else {
        return Ok(None);
    };
    let budget = match wanted(text, request)? {
        Some((false, _)) => Some(0),
        _ => request.reasoning.budget.map(|(most, _)| most),
    };
    let thinking = Thinking::new(marks, prompt, budget, &text.tokenizer);
    Ok((thinking.start != Stage::Answer).then_some(thinking))
}

/// Leaves out the blanks around thoughts, and the line breaks between them and an answer in no format.
#[derive(Debug, Default)]
pub(super) struct Trim {
    /// Whether the answer has a format, in which a line break may count.
    formed: bool,
    thought: bool,
    held: String,
    answered: bool,
}

impl Trim {
    pub(super) fn new(formed: bool) -> Self {
        Self {
            formed,
            ..Self::default()
        }
    }

    /// More of the thoughts.
    pub(super) fn thought(&mut self, text: &str) -> String {
        self.held.push_str(text);
        let begin = match self.thought {
            true => 0,
            false => self.held.len() - self.held.trim_start().len(),
        };
        let end = self.held.trim_end().len();
        if end <= begin {
            return String::new();
        }
        self.thought = true;
        let rest = self.held.split_off(end);
        let text = std::mem::replace(&mut self.held, rest);
        text.get(begin..).unwrap_or_default().to_owned()
    }

    /// More of the answer. `after` if there were thoughts, or marks of some.
    pub(super) fn answer<'a>(&mut self, text: &'a str, after: bool) -> &'a str {
        if self.answered || self.formed || !after {
            return text;
        }
        let text = text.trim_start_matches('\n');
        self.answered = !text.is_empty();
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All ways of cutting a text into pieces.
    fn cuts(text: &str) -> impl Iterator<Item = Vec<&str>> {
        let borders: Vec<usize> = text.char_indices().map(|(at, _)| at).skip(1).collect();
        (0..1usize << borders.len()).map(move |set| {
            let chosen = borders.iter().enumerate().filter(|(bit, _)| set >> bit & 1 == 1);
            let mut ends: Vec<usize> = chosen.map(|(_, at)| *at).collect();
            ends.push(text.len());
            let mut from = 0;
            ends.into_iter()
                .map(|to| &text[std::mem::replace(&mut from, to)..to])
                .collect()
        })
    }

    #[test]
    fn blanks_around_thoughts_are_left_out_however_the_text_is_cut() {
        for (text, told) in [
            ("\n a \n\nbé \n", "a \n\nbé"),
            ("a", "a"),
            (" \n\t\n", ""),
            ("", ""),
            ("é\n", "é"),
        ] {
            for pieces in cuts(text) {
                let mut trim = Trim::default();
                let all: String = pieces.iter().map(|piece| trim.thought(piece)).collect();
                assert_eq!(all, told, "{pieces:?}");
            }
        }
    }

    #[test]
    fn line_breaks_behind_thoughts_are_left_out_unless_they_may_count() {
        for (formed, after, told) in [
            (false, true, " a\n\nb"),
            (false, false, "\n\n a\n\nb"),
            (true, true, "\n\n a\n\nb"),
        ] {
            for pieces in cuts("\n\n a\n\nb") {
                let mut trim = Trim::new(formed);
                let all: String = pieces.iter().map(|piece| trim.answer(piece, after)).collect();
                assert_eq!(all, told, "{pieces:?}");
            }
        }
    }
}
