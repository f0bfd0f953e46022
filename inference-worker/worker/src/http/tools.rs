//! How a model writes calls of tools, and the grammar that holds it to that.

use crate::http::params;
use crate::model::Text;
use quern_engine::grammar::{Constraint, lark_string, prepared};
use quern_inference_api::ApiError;
use quern_inference_api::tools::{ToolChoice, Tools};
use std::fmt::Write;

/// Most calls of one answer.
const MAX_CALLS: usize = 16;
/// What parts a tool's name from its arguments in the newer style of Mistral.
pub(super) const ARGS: &str = "[ARGS]";

/// A way of writing calls. Each is `{"name": NAME, ARGUMENTS: {...}}` where nothing else is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Each between `<tool_call>` and `</tool_call>` on lines of their own: Hermes and Qwen.
    Tagged,
    /// All in one list after `[TOOL_CALLS]`: Mistral.
    Listed,
    /// `NAME[ARGS]{...}`, each after a `[TOOL_CALLS]` of its own: Mistral since its eleventh tokenizer.
    Named,
    /// `<function=NAME>` and each argument between `<parameter=NAME>` and `</parameter>`, within `<tool_call>` and
    /// `</tool_call>`: Qwen3-Coder.
    Parameters,
    /// The whole answer, with `parameters` for the arguments: Llama 3.
    Bare,
    /// The whole answer, of a model whose template says nothing of tools.
    Untaught,
    /// None of these: tools of such a model are refused.
    Unknown,
}

impl Style {
    /// The style that a model was taught, by the words of the chat template that shows it the tools.
    pub(crate) fn of(text: &Text) -> Self {
        let source = text.chat.template().source(true);
        let holds = |mark: &str| source.contains(mark);
        if !text.chat.template().shows(true, "tools") {
            Self::Untaught
        } else if ["[CALL_ID]", "<arg_key>"].into_iter().any(holds) {
            // Ids within calls, or a tag for each name and value.
            Self::Unknown
        } else if holds("[TOOL_CALLS]") {
            if holds("[ARGS]") {
                Self::Named
            } else {
                Self::Listed
            }
        } else if holds("<function=") {
            let whole = ["<tool_call>", "<parameter="].into_iter().all(holds);
            if whole { Self::Parameters } else { Self::Unknown }
        } else if holds("<tool_call>") {
            Self::Tagged
        } else if [r#""parameters""#, r#"\"parameters\""#, "'parameters'"]
            .into_iter()
            .any(holds)
        {
            Self::Bare
        } else {
            Self::Unknown
        }
    }

    /// What announces a call within text.
    pub(super) fn mark(self) -> Option<&'static str> {
        match self {
            Self::Tagged | Self::Parameters => Some("<tool_call>"),
            Self::Listed | Self::Named => Some("[TOOL_CALLS]"),
            Self::Bare | Self::Untaught | Self::Unknown => None,
        }
    }

    /// What ends a call, or a list of them.
    pub(super) fn close(self) -> Option<&'static str> {
        match self {
            Self::Tagged | Self::Parameters => Some("</tool_call>"),
            Self::Listed => Some("]"),
            Self::Named | Self::Bare | Self::Untaught | Self::Unknown => None,
        }
    }

    /// The field of the arguments.
    pub(super) fn arguments(self) -> &'static str {
        match self {
            Self::Bare => "parameters",
            _ => "arguments",
        }
    }

    /// A call up to its arguments.
    fn head(self, tool: &str) -> String {
        format!("{{\"name\": \"{tool}\", \"{}\": ", self.arguments())
    }

    /// Special tokens that a reader of the text has to see.
    pub(crate) fn shown(self, text: &Text) -> Vec<u32> {
        let other = match self {
            Self::Tagged | Self::Parameters => self.close(),
            Self::Named => Some(ARGS),
            _ => None,
        };
        let marks = self.mark().into_iter().chain(other);
        marks.filter_map(|mark| text.tokenizer.special(mark)).collect()
    }
}

/// The grammar of an answer that may, or if `forced` must, call tools.
pub(crate) fn constraint(text: &Text, tools: &Tools, forced: bool) -> Result<Constraint, ApiError> {
    let style = Style::of(text);
    if style == Style::Untaught && tools.choice == ToolChoice::Auto {
        let message = "This model's chat template does not show tools to the model, so it cannot choose among them; \
                       force a call with 'tool_choice', or leave 'tools' out.";
        return Err(ApiError::invalid("tools", message));
    }
    if style == Style::Unknown {
        let message = "This model's chat template shows tools in a way that this server does not know, so it cannot hold \
                       the model to it; leave 'tools' out, or choose another model.";
        return Err(ApiError::invalid("tools", message));
    }
    let literal = |mark: &str| match text.tokenizer.special(mark) {
        Some(id) => format!("<[{id}]>"),
        None => lark_string(mark),
    };
    let (mut rules, mut calls) = (String::new(), Vec::new());
    for (index, tool) in tools.callable().enumerate() {
        let refused = |why: String| {
            let message = format!("The parameters of '{}' cannot be used: {why}.", tool.name);
            ApiError::invalid("tools", message)
        };
        calls.push(format!("call_{index}"));
        if style == Style::Parameters {
            let head = lark_string(&format!("<function={}>\n", tool.name));
            let _ = writeln!(rules, "call_{index}: {head} args_{index}");
            rules.push_str(&params::rules(index, tool).map_err(refused)?);
            continue;
        }
        let schema = prepared(&tool.parameters, tool.strict).map_err(refused)?;
        if style == Style::Named {
            let (mark, name, args) = (literal("[TOOL_CALLS]"), lark_string(&tool.name), literal(ARGS));
            let _ = writeln!(rules, "call_{index}: {mark} {name} {args} args_{index}");
        } else {
            let head = lark_string(&style.head(&tool.name));
            let _ = writeln!(rules, "call_{index}: {head} args_{index} \"}}\"");
        }
        let _ = writeln!(rules, "args_{index}: %json {schema}");
    }
    let _ = writeln!(rules, "call: {}", calls.join(" | "));
    let several = tools.parallel && !matches!(tools.choice, ToolChoice::Named(_));
    let more = if several { MAX_CALLS - 1 } else { 0 };
    let again = |separator: &str, rule: &str| match more {
        0 => String::new(),
        more if separator.is_empty() => format!(" {rule}{{0,{more}}}"),
        more => format!(" ({} {rule}){{0,{more}}}", lark_string(separator)),
    };
    let mut start = match style {
        Style::Tagged | Style::Parameters => {
            let (open, close) = (literal("<tool_call>"), literal("</tool_call>"));
            // Arguments between tags end with a line's end.
            let end = if style == Style::Tagged { "\"\\n\"" } else { "" };
            let _ = writeln!(rules, "block: {open} \"\\n\" call {end} {close}");
            match forced {
                true => format!("block{}", again("\n", "block")),
                false => format!("free (block free){{0,{}}}", more + 1),
            }
        }
        Style::Listed => {
            let list = format!(
                "{} \"[\" call{} \"]\"",
                literal("[TOOL_CALLS]"),
                again(", ", "call")
            );
            match forced {
                true => list,
                false => format!("free ({list})?"),
            }
        }
        Style::Named => match forced {
            true => format!("call{}", again("", "call")),
            false => format!("free (call{})?", again("", "call")),
        },
        Style::Bare | Style::Untaught | Style::Unknown => format!("call{}", again("; ", "call")),
    };
    if !forced {
        let _ = writeln!(rules, "free: FREE?\nFREE: {}", free(text, style));
        if style == Style::Bare {
            start = format!("{start} | free");
        }
    }
    Ok(Constraint::Written(format!("start: {start}\n{rules}")))
}

/// What every answer of calls alone begins with, and no other answer to a request that permits both calls and a format.
pub(crate) fn heads(style: Style, tools: &Tools) -> Vec<String> {
    match style.mark() {
        Some(mark) => vec![mark.to_owned()],
        None => tools.callable().map(|tool| style.head(&tool.name)).collect(),
    }
}

/// The grammar of an answer to a model that sees tools and may call none; none for a model that sees
/// none, or that writes calls in a way that is not known.
pub(crate) fn no_call(text: &Text) -> Option<Constraint> {
    let style = Style::of(text);
    let written = || format!("start: FREE?\nFREE: {}\n", free(text, style));
    (!matches!(style, Style::Untaught | Style::Unknown)).then(|| Constraint::Written(written()))
}

/// Text that announces no call. No special token is text.
fn free(text: &Text, style: Style) -> String {
    let call = match style.mark() {
        Some(mark) if text.tokenizer.special(mark).is_some() => return r"/(.|\n)+/".into(),
        Some(mark) => format!(r"(.|\n)*{}(.|\n)*", mark.replace('[', r"\[").replace(']', r"\]")),
        None => r#"[ \n]*\{[ \n]*"name"(.|\n)*"#.to_owned(),
    };
    format!(r"/(.|\n)+/ & ~/{call}/")
}
