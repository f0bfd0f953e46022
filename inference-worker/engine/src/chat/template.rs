//! The environment that templates are written for.

use super::python;
use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind};
use std::time::{Duration, SystemTime};
use time::OffsetDateTime;
use time::format_description::parse_strftime_owned;

/// Steps that a template may take on one chat.
const FUEL: u64 = 5_000_000;

/// The environment of `transformers`, without templates.
pub(super) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    // transformers trims blocks, and templates rely on it.
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.add_function("raise_exception", |message: String| -> Result<String, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, message))
    });
    environment.add_filter("tojson", python::tojson);
    environment.add_filter("string", |value: &Value| match value.kind() {
        ValueKind::Undefined => Value::from(""),
        _ => Value::from(python::text(value)),
    });
    environment.set_formatter(|out, _, value| Ok(out.write_str(&python::text(value))?));
    environment.set_fuel(Some(FUEL));
    environment
}

/// The template without the marks of what the assistant said, `{% generation %}`, which only training reads.
pub(super) fn unmarked(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("{%") {
        let (before, tag) = rest.split_at(start);
        out.push_str(before);
        let Some(end) = tag.find("%}") else {
            rest = tag;
            break;
        };
        let (tag, after) = tag.split_at(end + 2);
        let inner = tag.trim_start_matches("{%").trim_end_matches("%}");
        match inner.trim_matches(['-', '+', ' ', '\n', '\t', '\r']) {
            "generation" => out.push_str(&tag.replace("generation", "if true")),
            "endgeneration" => out.push_str(&tag.replace("endgeneration", "endif")),
            _ => out.push_str(tag),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// `strftime_now(format)` at a moment, in UTC.
pub(super) fn strftime(now: SystemTime) -> Value {
    Value::from_function(move |format: String| -> Result<String, Error> {
        let since = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        let moment = OffsetDateTime::UNIX_EPOCH
            .checked_add(since.try_into().unwrap_or_default())
            .unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let failed = |reason: String| {
            let reason = format!("strftime_now({format:?}): {reason}");
            Error::new(ErrorKind::InvalidOperation, reason)
        };
        let items = parse_strftime_owned(&format).map_err(|e| failed(e.to_string()))?;
        moment.format(&items).map_err(|e| failed(e.to_string()))
    })
}
