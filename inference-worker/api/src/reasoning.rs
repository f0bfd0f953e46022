//! What a request asks of the thoughts before an answer: OpenAI's `reasoning_effort`, OpenRouter's `reasoning` and vLLM's
//! `thinking_token_budget`.

use crate::error::ApiError;
use crate::params::{integer, optional_flag, text};
use serde_json::{Map, Value};

/// Efforts that ask for thoughts, and those that ask for none.
const EFFORTS: (&[&str], &[&str]) = (&["low", "medium", "high", "xhigh", "max"], &["none", "minimal"]);
/// The variable of a chat template that an effort becomes.
pub const EFFORT: &str = "reasoning_effort";

/// What a request asks of the thoughts before its answer, beside the effort, which is among the template's variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasoning {
    /// Whether to think at all.
    pub enabled: Option<bool>,
    /// Most tokens of thought, and the parameter that says so.
    pub budget: Option<(u32, &'static str)>,
    /// Whether the answer leaves the thoughts out.
    pub exclude: bool,
    /// Whether the effort came in `reasoning`.
    pub nested: bool,
    /// Whether the answer names the thoughts as OpenRouter does, too.
    pub openrouter: bool,
}

impl Reasoning {
    /// Reads a chat's parameters; an effort is left as `reasoning_effort`.
    pub(crate) fn take(fields: &mut Map<String, Value>) -> Result<Self, ApiError> {
        let most = i64::from(u32::MAX);
        let tokens = |count: Option<i64>| count.and_then(|count| u32::try_from(count).ok());
        let mut asked = Self::default();
        let name = "thinking_token_budget";
        asked.budget = tokens(integer(fields, name, 0, most)?).map(|count| (count, name));
        if let Some(include) = optional_flag(fields, "include_reasoning")? {
            asked.exclude = !include;
            asked.openrouter = include;
        }
        let Some(reasoning) = fields.remove("reasoning") else {
            return Ok(asked);
        };
        let Value::Object(mut inner) = reasoning else {
            return Err(ApiError::invalid("reasoning", "'reasoning' must be an object."));
        };
        inner.retain(|_, value| !value.is_null());
        let within = |error: ApiError| match &error.param {
            Some(param) => {
                let (param, path) = (param.clone(), format!("reasoning.{param}"));
                let message = error.message.replace(&format!("'{param}'"), &format!("'{path}'"));
                ApiError {
                    message,
                    param: Some(path),
                    ..error
                }
            }
            None => error,
        };
        asked.openrouter = true;
        asked.enabled = optional_flag(&mut inner, "enabled").map_err(within)?;
        if let Some(exclude) = optional_flag(&mut inner, "exclude").map_err(within)? {
            asked.exclude = exclude;
        }
        let budget = integer(&mut inner, "max_tokens", 0, most).map_err(within)?;
        let effort = text(&mut inner, "effort").map_err(within)?;
        if let Some(name) = inner.keys().next() {
            return Err(ApiError::unknown(&format!("reasoning.{name}")));
        }
        let twice = |one: &str, other: &str| {
            let message = format!("'{one}' and '{other}' contradict each other; send one.");
            ApiError::invalid(one, message)
        };
        if budget.is_some() && effort.is_some() {
            return Err(twice("reasoning.max_tokens", "reasoning.effort"));
        }
        if let Some(count) = tokens(budget) {
            if asked.budget.is_some_and(|(other, _)| other != count) {
                return Err(twice("reasoning.max_tokens", name));
            }
            asked.budget = Some((count, "reasoning.max_tokens"));
        }
        if let Some(effort) = effort {
            let other = fields.insert(EFFORT.into(), effort.clone().into());
            if other.is_some_and(|other| other != effort) {
                return Err(twice("reasoning.effort", EFFORT));
            }
            asked.nested = true;
        }
        Ok(asked)
    }

    /// Whether the answer leaves out what is thought.
    pub fn is_hidden(&self) -> bool {
        self.exclude || self.enabled == Some(false)
    }

    /// What the parameter of the effort is called.
    pub fn effort_param(&self) -> &'static str {
        if self.nested { "reasoning.effort" } else { EFFORT }
    }

    /// Whether to think, if the request says so. `effort` is one that the model's template does not read itself.
    ///
    /// # Errors
    /// The parameter, where the effort is none or two parameters contradict each other.
    pub fn wanted(&self, effort: Option<&str>) -> Result<Option<(bool, &'static str)>, ApiError> {
        let param = self.effort_param();
        let effort = match effort {
            None => None,
            Some(effort) if EFFORTS.0.contains(&effort) => Some((true, param)),
            Some(effort) if EFFORTS.1.contains(&effort) => Some((false, param)),
            Some(_) => {
                let all = [EFFORTS.1, EFFORTS.0].concat().join("', '");
                return Err(ApiError::invalid(
                    param,
                    format!("'{param}' must be one of '{all}'."),
                ));
            }
        };
        let enabled = self.enabled.map(|enabled| (enabled, "reasoning.enabled"));
        let budget = self.budget.map(|(most, param)| (most > 0, param));
        let said: Vec<_> = [effort, enabled, budget].into_iter().flatten().collect();
        if let Some((_, other)) = said.iter().find(|(on, _)| *on != said[0].0) {
            let (_, first) = said[0];
            let message = format!("'{first}' and '{other}' contradict each other; send one.");
            return Err(ApiError::invalid(first, message));
        }
        Ok(said.first().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(body: Value) -> Result<(Reasoning, Option<String>), (String, String)> {
        let mut fields = body.as_object().unwrap().clone();
        let asked = Reasoning::take(&mut fields).map_err(|e| (e.param.unwrap(), e.message))?;
        let effort = fields
            .remove(EFFORT)
            .map(|effort| effort.as_str().unwrap().to_owned());
        assert!(fields.is_empty(), "{fields:?}");
        Ok((asked, effort))
    }

    #[test]
    fn the_three_ways_of_asking_come_to_the_same() {
        let (asked, effort) =
            read(json!({"reasoning": {"effort": "low", "exclude": true, "enabled": null}})).unwrap();
        assert!(asked.exclude && asked.openrouter && effort.as_deref() == Some("low"));
        assert_eq!(
            asked.wanted(effort.as_deref()).unwrap(),
            Some((true, "reasoning.effort"))
        );
        let (asked, effort) = read(json!({"reasoning_effort": "minimal"})).unwrap();
        assert!(!asked.openrouter);
        assert_eq!(
            asked.wanted(effort.as_deref()).unwrap(),
            Some((false, "reasoning_effort"))
        );
        let (asked, _) = read(json!({"thinking_token_budget": 7, "include_reasoning": false})).unwrap();
        assert_eq!(
            (asked.budget, asked.exclude),
            (Some((7, "thinking_token_budget")), true)
        );
        assert_eq!(asked.wanted(None).unwrap(), Some((true, "thinking_token_budget")));
        let (asked, _) = read(json!({"reasoning": {"max_tokens": 9}})).unwrap();
        assert_eq!(asked.budget, Some((9, "reasoning.max_tokens")));
        assert_eq!(read(json!({})).unwrap().0.wanted(None).unwrap(), None);
    }

    #[test]
    fn what_is_wrong_or_contradicts_itself_is_refused_by_name() {
        for (body, param) in [
            (json!({"reasoning": 1}), "reasoning"),
            (json!({"reasoning": {"effort": 1}}), "reasoning.effort"),
            (json!({"reasoning": {"enabled": "yes"}}), "reasoning.enabled"),
            (json!({"reasoning": {"max_tokens": -1}}), "reasoning.max_tokens"),
            (json!({"reasoning": {"summary": "auto"}}), "reasoning.summary"),
            (
                json!({"reasoning": {"effort": "low", "max_tokens": 5}}),
                "reasoning.max_tokens",
            ),
            (
                json!({"reasoning": {"effort": "low"}, "reasoning_effort": "high"}),
                "reasoning.effort",
            ),
            (
                json!({"reasoning": {"max_tokens": 4}, "thinking_token_budget": 5}),
                "reasoning.max_tokens",
            ),
            (json!({"thinking_token_budget": 0.5}), "thinking_token_budget"),
        ] {
            let (found, message) = read(body).unwrap_err();
            assert_eq!(found, param);
            assert!(message.contains(param), "{message}");
        }
        let (asked, effort) = read(json!({"reasoning": {"effort": "none", "enabled": true}})).unwrap();
        assert_eq!(
            asked.wanted(effort.as_deref()).unwrap_err().param.as_deref(),
            Some("reasoning.effort")
        );
        let (asked, effort) = read(json!({"reasoning_effort": "mighty"})).unwrap();
        assert_eq!(
            asked.wanted(effort.as_deref()).unwrap_err().param.as_deref(),
            Some("reasoning_effort")
        );
    }
}
