//! Templates that ask what a user's text holds: they are answered as if its signs were not hidden.

use super::source::{self, Edit};
use crate::prompt::Signs;
use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State};
use minijinja_contrib::pycompat::unknown_method_callback as python;
use std::sync::Arc;

/// What a literal `in` a value is asked of.
const HOLDS: &str = "_holds";

/// Makes an environment see through hidden signs.
pub(super) fn see(environment: &mut Environment<'static>, signs: &Arc<Signs>) {
    let own = signs.clone();
    environment.add_function(HOLDS, move |text: &str, value: &Value| holds(&own, text, value));
    let own = signs.clone();
    environment.add_filter(
        "replace",
        move |value: &Value, old: &str, new: &str| match value.as_str() {
            Some(text) => replace(&own, text, old, new, None),
            None => replace(&own, &value.to_string(), old, new, None),
        },
    );
    let own = signs.clone();
    environment
        .set_unknown_method_callback(move |state, value, name, args| method(&own, state, value, name, args));
}

/// A template in which literals with signs are asked for by what [`see`] added.
pub(super) fn seeing(source: &str, signs: &Signs) -> String {
    let mut edits = Vec::new();
    for block in source::blocks(source) {
        for (index, token) in block.iter().enumerate() {
            let Some(literal) = token.literal(source).filter(|text| signs.are_in(text)) else {
                continue;
            };
            let before = index.checked_sub(1).and_then(|index| block.get(index));
            let text = |token: Option<&source::Token>| token.map_or("", |token| token.text(source));
            let part = |word: &str| matches!(word, "~" | "+" | "-" | "*" | "/" | "%" | "|" | "." | "[" | "(");
            let (word, next) = (text(before), text(block.get(index + 1)));
            if matches!(word, "==" | "!=") && !part(next) {
                // A user's text has the other form, and the template's own has this one.
                let Ok(hidden) = signs.hide(&literal) else {
                    continue;
                };
                let both = format!("[{}, {}]", token.text(source), source::quoted(&hidden));
                let asked = if word == "==" { " in " } else { " not in " };
                edits.extend(before.map(|before| Edit::replace(before, asked)));
                edits.push(Edit::replace(token, &both));
                continue;
            }
            let (words, denied) = match (next, text(block.get(index + 2))) {
                ("in", _) => (1, false),
                ("not", "in") => (2, true),
                _ => continue,
            };
            let joined = matches!(word, "~" | "+" | "-" | "*" | "/" | "%" | "|" | ".");
            let Some(end) = source::operand(source, &block, index + words + 1).filter(|_| !joined) else {
                continue;
            };
            let (open, close) = if denied { ("(not ", "))") } else { ("", ")") };
            edits.push(Edit::before(token, &format!("{open}{HOLDS}(")));
            edits.extend(block.get(index + 1).map(|word| Edit::replace(word, ",")));
            edits.extend(
                block
                    .get(index + 2)
                    .filter(|_| denied)
                    .map(|word| Edit::replace(word, "")),
            );
            edits.push(Edit::after(end, close));
        }
    }
    source::edited(source, edits)
}

fn holds(signs: &Signs, text: &str, value: &Value) -> Result<bool, Error> {
    match value.kind() {
        ValueKind::Undefined => Ok(false),
        ValueKind::String => Ok(signs.show(value.as_str().unwrap_or_default()).contains(text)),
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => Ok(value
            .try_iter()?
            .any(|item| item.as_str().is_some_and(|item| signs.show(item) == text))),
        _ => Err(Error::new(
            ErrorKind::InvalidOperation,
            "cannot perform a containment check on this value",
        )),
    }
}

/// The parts of a text between a separator that it shows.
fn split<'a>(signs: &Signs, text: &'a str, separator: &str, most: Option<usize>) -> Vec<&'a str> {
    let (shown, places) = signs.show_places(text);
    let (mut parts, mut from) = (Vec::new(), 0);
    let place = |at: usize| places.get(at).copied().unwrap_or(text.len());
    for (at, found) in shown.match_indices(separator).take(most.unwrap_or(usize::MAX)) {
        parts.push(text.get(from..place(at)).unwrap_or_default());
        from = place(at + found.len());
    }
    parts.push(text.get(from..).unwrap_or_default());
    parts
}

fn replace(signs: &Signs, text: &str, old: &str, new: &str, most: Option<usize>) -> Result<Value, Error> {
    let old = signs.show(old);
    if old.is_empty() {
        return Ok(Value::from(text.replacen(&*old, new, most.unwrap_or(usize::MAX))));
    }
    Ok(Value::from(split(signs, text, &old, most).join(new)))
}

/// A method of Python's texts.
fn method(signs: &Signs, state: &State, value: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    let Some(text) = value.as_str() else {
        return python(state, value, name, args);
    };
    let first = args
        .first()
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty());
    let most = |index: usize| {
        args.get(index)
            .and_then(|most| usize::try_from(most.clone()).ok())
    };
    match (name, first) {
        ("startswith" | "endswith" | "find" | "rfind" | "count", _) => {
            let shown: Vec<Value> = args.iter().map(|arg| show(signs, arg)).collect();
            python(state, &Value::from(&*signs.show(text)), name, &shown)
        }
        ("strip" | "lstrip" | "rstrip", Some(characters)) => {
            let shown = signs.show(characters);
            let hidden = signs.hide(&shown).unwrap_or_default();
            python(state, value, name, &[Value::from(format!("{shown}{hidden}"))])
        }
        ("split", Some(separator)) => {
            let parts = split(signs, text, &signs.show(separator), most(1));
            Ok(parts.into_iter().map(Value::from).collect())
        }
        ("replace", Some(old)) if args.len() <= 3 => match args.get(1).and_then(Value::as_str) {
            Some(new) => replace(signs, text, old, new, most(2)),
            None => python(state, value, name, args),
        },
        _ => python(state, value, name, args),
    }
}

fn show(signs: &Signs, value: &Value) -> Value {
    match (value.as_str(), value.kind()) {
        (Some(text), _) => Value::from(&*signs.show(text)),
        (None, ValueKind::Seq) => {
            let items = value.try_iter().into_iter().flatten();
            items.map(|item| show(signs, &item)).collect()
        }
        _ => value.clone(),
    }
}
