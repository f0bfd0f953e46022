//! What the parameters of a chat are called in the dialect that it was translated from.

use serde_json::Value;

/// Names of parameters, and where each message came from.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// From a chat's parameter, or the beginning of its path, to the dialect's; the first that fits counts.
    pub(super) renamed: &'static [(&'static str, &'static str)],
    /// Path of what each message was made of.
    pub(super) origins: Vec<String>,
}

impl Names {
    /// Names the dialect's parameter in an error of the chat.
    pub(super) fn rename(&self, error: &mut Value) {
        let Some(param) = error.get("param").and_then(Value::as_str) else {
            return;
        };
        let (old, new) = (param.to_owned(), self.of(param));
        if old == new {
            return;
        }
        if let Some(message) = error.get("message").and_then(Value::as_str) {
            let message = message.replace(&format!("'{old}'"), &format!("'{new}'"));
            error["message"] = message.into();
        }
        error["param"] = new.into();
    }

    fn of(&self, param: &str) -> String {
        if let Some(rest) = param.strip_prefix("messages[")
            && let Some((index, rest)) = rest.split_once(']')
            && let Some(origin) = index
                .parse()
                .ok()
                .and_then(|index: usize| self.origins.get(index))
        {
            // What the field is called there, the message says.
            let _ = rest;
            return origin.clone();
        }
        if let Some(rest) = param.strip_prefix("tools[") {
            return format!("tools[{}", rest.replace("].function", "]"));
        }
        let fits = |(from, to): &(&str, &str)| {
            let rest = param.strip_prefix(from)?;
            (rest.is_empty() || rest.starts_with(['.', '['])).then(|| format!("{to}{rest}"))
        };
        self.renamed
            .iter()
            .find_map(fits)
            .unwrap_or_else(|| param.to_owned())
    }
}
